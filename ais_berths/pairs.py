"""Matching the shapes of two tables: overlaps in a metric plane, and the best one-to-one pairing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely
from scipy.optimize import linear_sum_assignment

from ais_berths.geo import Plane
from ais_berths.groups import number_groups

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    Shapes = NDArray[np.object_]


def flatten(*frames: gpd.GeoDataFrame | None) -> tuple[Plane, list[Shapes]]:
    """Shapes of all frames in one plane; halves that were cut at the antimeridian are joined again."""
    shapes = [
        np.empty(0, dtype=object)
        if frame is None
        else (frame if frame.crs is None else frame.to_crs("EPSG:4326")).geometry.to_numpy()
        for frame in frames
    ]
    plane = Plane.around(np.concatenate([shapely.get_coordinates(part)[:, 0] for part in shapes]))
    flat = [plane.from_degrees(part) for part in shapes]
    return plane, [
        np.where(shapely.get_dimensions(part) == 2, shapely.buffer(part, 0.0), part) for part in flat
    ]


def overlaps(found: Shapes, true: Shapes) -> pd.DataFrame:
    """Pairs of shapes that share an area, with the shares of both."""
    i_true, i_found = shapely.STRtree(found).query(true, predicate="intersects")
    shared = shapely.area(shapely.intersection(found[i_found], true[i_true]))
    area_found, area_true = shapely.area(found[i_found]), shapely.area(true[i_true])
    with np.errstate(invalid="ignore", divide="ignore"):
        pairs = pd.DataFrame(
            {
                "found": i_found,
                "true": i_true,
                "shared": shared,
                "iou": shared / (area_found + area_true - shared),
                "share_of_found": shared / area_found,
                "share_of_true": shared / area_true,
            }
        )
    return pairs[pairs["shared"] > 0].sort_values(["found", "true"], ignore_index=True)


def one_to_one(pairs: pd.DataFrame, score: str, at_least: float) -> NDArray[np.bool_]:
    """Choose pairs so that each side is used once and the sum of the scores is largest."""
    possible = np.flatnonzero(pairs[score].to_numpy() >= at_least)
    chosen = np.zeros(len(pairs), dtype=bool)
    if possible.size == 0:
        return chosen
    left = np.unique(pairs["found"].to_numpy()[possible], return_inverse=True)[1]
    right = np.unique(pairs["true"].to_numpy()[possible], return_inverse=True)[1]
    alone = (np.bincount(left)[left] == 1) & (np.bincount(right)[right] == 1)
    chosen[possible[alone]] = True
    # The others form small groups that are solved one by one.
    n_left, n_right = left.max() + 1, right.max() + 1
    group = number_groups(left, right + n_left, n_left + n_right)[left]
    rivals = np.flatnonzero(~alone)
    for rows in pd.Series(rivals).groupby(group[rivals]).indices.values():
        edges = rivals[rows]
        rows_of, i = np.unique(left[edges], return_inverse=True)
        columns_of, j = np.unique(right[edges], return_inverse=True)
        gain = np.zeros((rows_of.size, columns_of.size))
        gain[i, j] = pairs[score].to_numpy()[possible[edges]]
        best = np.zeros(gain.shape, dtype=bool)
        best[linear_sum_assignment(gain, maximize=True)] = True
        chosen[possible[edges[best[i, j]]]] = True
    return chosen
