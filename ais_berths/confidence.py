"""How certain a berth is: the probability that it is real and its polygon about right.

A logistic regression on evidence for and against a berth. Its weights were fitted to the berths of simulated
ports (seeds 1-10; 7 and 30 days; antenna offsets, sizes or nothing known; terrestrial and satellite
reception). There a berth is true if its polygon has an IoU of at least 0.5 with that of a true berth; for
tugs and fishing boats 0.3 is enough, as the error of a position is half a boat.
``tests/benchmarks/calibration.py`` fits the weights again and checks them on other seeds. They are rounded to
0.05. Those of buoys and of headings that were not sent are from an earlier fit: anew they come out as 0.1 and
0.0, with standard errors of 0.3 and 0.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely

from ais_berths import geo

if TYPE_CHECKING:
    from numpy.typing import NDArray

WEIGHTS = {
    "constant": 2.25,
    "ships": 1.6,
    "once": -0.8,
    "error": -6.95,
    "unsized": -1.35,
    "unheaded": -0.2,
    "play": -5.85,
    "buoy": -0.1,
    "craft": 2.35,
}
"""Weight of each piece of evidence, see `weigh_evidence`."""

# More ships than this do not count; error if no footprint gives one, and largest error and play that count,
# in ship lengths.
_MANY_SHIPS = 10
_UNKNOWN_ERROR = 0.1
_MOST_ERROR, _MOST_PLAY = 0.4, 0.5
_CRAFT = ("service", "fishing", "leisure")


def rate_berths(berths: pd.DataFrame, members: pd.DataFrame, hulls: pd.DataFrame) -> NDArray[np.float64]:
    """Return the confidence of each berth, between 0 and 1.

    Parameters
    ----------
    berths
        One row a berth: ``number n_stops n_vessels berth_kind use heading_deg geometry`` (degrees).
    members
        One row a stop at a berth: ``stop_id``, ``number`` of the berth, ``rafted``.
    hulls
        The table ``hulls``.

    Examples
    --------
    Two ships of known antenna position in one place, and one ship of unknown size in another:

    >>> hulls = pd.DataFrame({
    ...     "stop_id": ["a", "b", "c"], "lat": 51.9, "lon": [4.0, 4.0, 4.1], "length_m": 200.0,
    ...     "hull_error_m": [3.0, 3.0, 20.0], "hull_basis": ["antenna", "antenna", "type"],
    ...     "heading_basis": "sent"})
    >>> members = pd.DataFrame({"stop_id": ["a", "b", "c"], "number": [0, 0, 1], "rafted": False})
    >>> berths = pd.DataFrame({
    ...     "number": [0, 1], "n_stops": [2, 1], "n_vessels": [2, 1], "berth_kind": "discrete",
    ...     "use": "commercial", "heading_deg": 90.0,
    ...     "geometry": [shapely.box(3.998, 51.8998, 4.002, 51.9002),
    ...                  shapely.box(4.098, 51.8998, 4.102, 51.9002)]})
    >>> rate_berths(berths, members, hulls).round(1).tolist()
    [1.0, 0.4]
    """
    evidence = weigh_evidence(berths, members, hulls)
    # Column by column: numpy adds up a single row in another order than several.
    score = sum(weight * evidence[name].to_numpy() for name, weight in WEIGHTS.items())
    return np.asarray(1.0 / (1.0 + np.exp(-score)))


def weigh_evidence(berths: pd.DataFrame, members: pd.DataFrame, hulls: pd.DataFrame) -> pd.DataFrame:
    """Return the evidence for and against each berth, one column for each of `WEIGHTS`.

    ``ships`` is the logarithm of the number of ships, up to ten; ``once`` is 1 if there was only one visit;
    ``error`` is the expected error of the footprints and ``play`` the 90th percentile of their distance from
    the middle along the berth, both in lengths of the usual ship; ``unsized`` is the share of footprints of
    unknown size, ``unheaded`` of those whose heading was not sent; ``craft`` is 1 if only small craft lie
    there. Continuous quays have no term of their own, as they have much play.
    """
    known = members[~members["rafted"].to_numpy(dtype=bool)].merge(hulls, on="stop_id")
    number = pd.Index(berths["number"])
    at = number.get_indexer(known["number"])
    middle = shapely.centroid(berths["geometry"].to_numpy(dtype=object))
    heading = berths["heading_deg"].fillna(0.0).to_numpy(dtype=np.float64)
    along, _ = geo.along_across_m(
        shapely.get_y(middle)[at], shapely.get_x(middle)[at], known["lat"], known["lon"], heading[at]
    )
    by_berth = known.assign(
        along=np.abs(along),
        error=known["hull_error_m"] / known["length_m"],
        unheaded=(known["heading_basis"] != "sent").to_numpy(dtype=np.float64),
        unsized=known["hull_basis"].isin(["type", "point"]).to_numpy(dtype=np.float64),
    ).groupby("number")
    error = by_berth["error"].median().clip(upper=_MOST_ERROR)
    play = by_berth["along"].quantile(0.9) / by_berth["length_m"].median()
    return pd.DataFrame(
        {
            "constant": 1.0,
            "ships": np.log(berths["n_vessels"].clip(upper=_MANY_SHIPS).to_numpy(dtype=np.float64)),
            "once": (berths["n_stops"] == 1).to_numpy(dtype=np.float64),
            "error": error.reindex(number, fill_value=_UNKNOWN_ERROR),
            "unsized": by_berth["unsized"].mean().reindex(number, fill_value=0.0),
            "unheaded": by_berth["unheaded"].mean().reindex(number, fill_value=0.0),
            "play": play.clip(upper=_MOST_PLAY).reindex(number, fill_value=0.0),
            "buoy": (berths["berth_kind"] == "buoy").to_numpy(dtype=np.float64),
            "craft": berths["use"].isin(_CRAFT).to_numpy(dtype=np.float64),
        },
        index=number,
    )
