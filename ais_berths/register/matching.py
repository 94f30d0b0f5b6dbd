"""Which place of a run is which place of the register."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ais_berths.pairs import flatten, one_to_one, overlaps
from ais_berths.register.boxes import Boxes

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from ais_berths.config import RegistryConfig

# Share of a place that makes it a part of another.
_MOST = 0.5


class Links(NamedTuple):
    """Row numbers of found and known places that belong together, in columns ``found`` and ``known``.

    ``same`` pairs them one to one. ``inside``: found places without a partner, and the known one that holds
    most of each. ``under``: known places without a partner, and the found one that covers most of each.
    """

    same: pd.DataFrame
    inside: pd.DataFrame
    under: pd.DataFrame


def link_places(found: gpd.GeoDataFrame, known: gpd.GeoDataFrame, config: RegistryConfig) -> Links:
    """Link the places of a run with those of a register.

    The score of two berths rises with the share of the shorter that lies alongside the longer, with the
    likeness of their extents along the quay, and with their nearness across it; so a short ship at one end of
    a berth is still that berth, and its neighbour is not. What has no direction is compared by area. Pairs
    are chosen so that the sum of the scores is largest, which does not depend on the order of the rows.

    Parameters
    ----------
    found, known
        Places in degrees with ``berth_kind`` and ``heading_deg``, sorted by id.
    config
        The section ``registry`` of the settings.
    """
    _, (there, here) = flatten(found, known)
    pairs = overlaps(there, here)
    score = 0.5 * (pairs[["share_of_found", "share_of_true"]].max(axis=1) + pairs["iou"]).to_numpy()
    lined = _has_line(found)[pairs["found"]] & _has_line(known)[pairs["true"]]
    if lined.any():
        a, b = Boxes.of(there, found["heading_deg"]), Boxes.of(here, known["heading_deg"])
        score[lined] = a.at(pairs["found"][lined]).alongside(b.at(pairs["true"][lined]))
    pairs["score"] = score
    same = pairs[one_to_one(pairs, "score", config.min_score)]
    free = pairs[~pairs["found"].isin(same["found"]) & (pairs["share_of_found"] >= _MOST)]
    free = free.sort_values(["found", "share_of_found", "true"], ascending=[True, False, True])
    left = pairs[~pairs["true"].isin(same["true"]) & (pairs["share_of_true"] >= _MOST)]
    left = left.sort_values(["true", "share_of_true", "found"], ascending=[True, False, True])
    return Links(_named(same), _named(free.drop_duplicates("found")), _named(left.drop_duplicates("true")))


def _has_line(places: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    lined: NDArray[np.bool_] = (places["berth_kind"].notna() & (places["berth_kind"] != "buoy")).to_numpy(
        dtype=bool
    )
    return lined


def _named(pairs: pd.DataFrame) -> pd.DataFrame:
    return pairs[["found", "true"]].rename(columns={"true": "known"}).reset_index(drop=True)
