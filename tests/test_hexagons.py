"""The predecessor's method, against its own published cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h3.api.basic_int as h3
import numpy as np
import pandas as pd
import pytest
import shapely
from h3 import H3BaseException
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.cluster import DBSCAN

from ais_berths import hexagons as module
from ais_berths.config import HexagonsConfig
from ais_berths.errors import InputError, MissingColumnsError
from ais_berths.geo import EARTH_RADIUS_M, Plane
from ais_berths.h3cells import cell_centres, cells_at, parent_cells
from ais_berths.hexagons import (
    PUBLISHED,
    TUNED,
    cluster_cells,
    connect_cells,
    count_cells,
    count_parents,
    hexagon_areas,
    hexagons,
)

if TYPE_CHECKING:
    from pathlib import Path

# The cells and cluster labels of AIS_count_DBSCAN_example_for_demonstration.csv in github.com/UNECE/AIS
# (Richards Bay, 1-7 March 2022): one cell of resolution 13 for each parent of resolution 10.
PUBLISHED_CELLS = {
    0: """
        8dbcf46a208973f 8dbcf46a20ca4ff 8dbcf46a20f307f 8dbcf46a229213f 8dbcf46a229817f 8dbcf46a22b08ff
        8dbcf46a240583f 8dbcf46a24236ff 8dbcf46a242b87f 8dbcf46a24306bf 8dbcf46a244593f 8dbcf46a24636ff
        8dbcf46a246e5bf 8dbcf46a2476d3f 8dbcf46a25a963f 8dbcf46a25b3a3f 8dbcf46a2726abf 8dbcf46a273137f
        8dbcf46a276ad7f 8dbcf46b183687f 8dbcf46b1900b3f 8dbcf46b19082ff 8dbcf46b19139bf 8dbcf46b196637f
        8dbcf46b525387f 8dbcf46b525acff 8dbcf46b52734ff 8dbcf46b52c107f 8dbcf46b52e123f 8dbcf46b52ecc3f
    """,
    1: """
        8dbcf46a601697f 8dbcf46a601a8bf 8dbcf46a60334bf 8dbcf46a60831bf 8dbcf46a609593f 8dbcf46a60b167f
        8dbcf46a610917f 8dbcf46a6154dbf 8dbcf46a616e1bf 8dbcf46a617233f 8dbcf46a618927f 8dbcf46a64ccc3f
        8dbcf46a64e197f 8dbcf46a67340ff 8dbcf46a6bb287f 8dbcf46b58494bf 8dbcf46b58690ff 8dbcf46b5b024ff
    """,
    2: """
        8dbcf46b435833f
    """,
}


def published() -> pd.DataFrame:
    """The 49 cells with their published labels; counts are at least 2 in the file."""
    rows = [(int(name, 16), label, 2) for label, names in PUBLISHED_CELLS.items() for name in names.split()]
    return pd.DataFrame(rows, columns=["cell", "label", "count"])


def is_connected(cells: np.ndarray) -> bool:
    """Walk from cell to cell."""
    left = set(cells.tolist())
    edge = [left.pop()]
    while edge:
        near = set(h3.grid_disk(edge.pop(), 1)) & left
        left -= near
        edge += near
    return not left


# the published result -----------------------------------------------------------------------------


def test_the_published_clusters_come_out() -> None:
    table = published()
    assert len(table) == 49
    found = cluster_cells(table, PUBLISHED)
    assert found["cluster"].value_counts().to_dict() == {0: 30, 1: 18, 2: 1}
    labels = table.set_index("cell")["label"]
    assert found["cluster"].tolist() == labels[found["cell"]].tolist()


def test_the_published_areas_are_connected() -> None:
    found = cluster_cells(published(), PUBLISHED)
    assert found["parent"].nunique() == 49
    areas = hexagon_areas(found)
    assert areas["cluster"].tolist() == [0, 1, 2]
    assert areas["n_pieces"].tolist() == [7, 10, 1]
    assert areas["n_fine_cells"].tolist() == [30, 18, 1]
    assert areas.geometry.geom_type.tolist() == ["Polygon"] * 3
    assert areas.is_valid.all()
    for cluster, group in found.groupby("cluster"):
        area = connect_cells(group["parent"])
        assert is_connected(area)
        assert set(group["parent"]) <= set(area)
        assert areas["n_cells"][cluster] == len(area)
    # As in the published picture: quay sides of some 2.7 and 2.3 km and a single hexagon.
    sides = areas.to_crs("EPSG:32736").minimum_rotated_rectangle().exterior.length / 2
    assert 2660 < sides[0] < 3900
    assert 2270 < sides[1] < 3400
    assert areas["n_cells"][2] == 1
    assert areas.to_crs("EPSG:32736").area[2] == pytest.approx(15_047, rel=0.2)


@pytest.mark.parametrize("eps_m", [500.0, 700.0, 1300.0])
def test_the_published_clusters_hold_for_a_range(eps_m: float) -> None:
    config = PUBLISHED.model_copy(update={"eps_m": eps_m})
    assert cluster_cells(published(), config)["cluster"].value_counts().tolist() == [30, 18, 1]


@pytest.mark.parametrize("change", [{"eps_m": 400.0}, {"eps_m": 1400.0}, {"min_samples": 2}])
def test_other_settings_do_not_reproduce_them(change: dict[str, float]) -> None:
    found = cluster_cells(published(), PUBLISHED.model_copy(update=change))
    assert found.loc[found["cluster"] >= 0, "cluster"].value_counts().tolist() != [30, 18, 1]


# counts -------------------------------------------------------------------------------------------


def quay_pings(at: tuple[float, float], seed: int = 0, n: int = 400) -> pd.DataFrame:
    """Ships at rest along a quay of 400 m, and one passing."""
    rng = np.random.default_rng(seed)
    plane = Plane(at[0])
    x, y = plane.forward(*at)
    scale = plane.scale(at[1])
    along = rng.choice([0.0, 200.0, 400.0], n) + rng.normal(0, 4, n)
    lon, lat = plane.inverse(x + along * scale, y + rng.normal(0, 3, n) * scale)
    speed = np.where(np.arange(n) % 10 == 0, 8.0, 0.1).astype(np.float32)
    return pd.DataFrame({"lat": lat, "lon": lon, "sog_kn": speed})


def test_only_stationary_pings_are_counted() -> None:
    pings = quay_pings((4.0, 52.0))
    counts = count_cells(pings, 13, 0.5)
    assert counts["count"].sum() == 360
    assert (h3.get_resolution(int(counts["cell"][0])), counts["cell"].is_unique) == (13, True)
    slow = pings[pings["sog_kn"] <= 0.5]
    expected = pd.Series(cells_at(slow["lat"], slow["lon"], 13)).value_counts()
    assert counts.set_index("cell")["count"].to_dict() == expected.to_dict()


def test_pings_without_a_speed_count_in_stops() -> None:
    pings = quay_pings((4.0, 52.0)).assign(sog_kn=np.nan)
    assert count_cells(pings, 13, 0.5).empty
    stop_id = pd.Series(["s"] * 100 + [None] * 300).astype("category")
    assert count_cells(pings.assign(stop_id=stop_id), 13, 0.5)["count"].sum() == 100


def test_bad_positions_are_not_counted() -> None:
    pings = pd.DataFrame({"lat": [np.nan, 52.0, 91.0], "lon": [4.0, np.nan, 4.0], "sog_kn": [0.0, 0.0, 0.0]})
    assert count_cells(pings, 13, 0.5).empty
    with pytest.raises(MissingColumnsError, match="lacks sog_kn"):
        count_cells(pings.drop(columns="sog_kn"), 13, 0.5)


def test_counts_of_parents_add_up() -> None:
    counts = count_cells(quay_pings((4.0, 52.0)), 13, 0.5)
    coarse = count_parents(counts, 8)
    assert coarse["count"].sum() == counts["count"].sum()
    assert set(coarse["cell"]) == {h3.cell_to_parent(int(cell), 8) for cell in counts["cell"]}


# clusters -----------------------------------------------------------------------------------------


def scattered(seed: int, at: tuple[float, float] = (4.0, 52.0), n: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    plane = Plane(at[0])
    x, y = plane.forward(*at)
    place = rng.choice([0.0, 600.0, 40_000.0], n) + rng.normal(0, 60, n), rng.normal(0, 60, n)
    lon, lat = plane.inverse(x + place[0] * plane.scale(at[1]), y + place[1] * plane.scale(at[1]))
    cells = np.unique(cells_at(lat, lon, 13))
    return pd.DataFrame({"cell": cells, "count": rng.integers(1, 9, len(cells))})


@given(seed=st.integers(0, 10_000), weighted=st.booleans(), min_samples=st.integers(1, 12))
def test_same_as_dbscan_on_all_cells_at_once(seed: int, weighted: bool, min_samples: int) -> None:
    """Taking far groups one by one changes nothing."""
    counts = scattered(seed)
    config = HexagonsConfig(eps_m=30.0, min_count=1, min_samples=min_samples, weighted=weighted)
    found = cluster_cells(counts, config)["cluster"].to_numpy()
    centres = np.radians(np.column_stack(cell_centres(counts["cell"])))
    model = DBSCAN(
        eps=30 / EARTH_RADIUS_M, min_samples=min_samples, metric="haversine", algorithm="ball_tree"
    )
    expected = model.fit(centres, sample_weight=counts["count"] if weighted else None).labels_
    pairs = set(zip(found.tolist(), expected.tolist(), strict=True))
    assert len(pairs) == len(set(found)) == len(set(expected))
    assert all((mine == -1) == (theirs == -1) for mine, theirs in pairs)


@given(seed=st.integers(0, 10_000))
def test_row_order_does_not_matter(seed: int) -> None:
    counts = scattered(seed % 7)
    mixed = counts.sample(frac=1.0, random_state=seed)
    for config in (PUBLISHED, TUNED, HexagonsConfig(eps_m=20.0, min_count=1, min_samples=3)):
        pd.testing.assert_frame_equal(cluster_cells(mixed, config), cluster_cells(counts, config))


def test_rare_cells_are_dropped_and_noise_is_marked() -> None:
    counts = scattered(1)
    found = cluster_cells(counts, HexagonsConfig(eps_m=15.0, min_count=3, min_samples=4))
    assert found["cell"].tolist() == counts.loc[counts["count"] >= 3, "cell"].tolist()
    assert (found["cluster"] == -1).any()
    sizes = found.loc[found["cluster"] >= 0, "cluster"].value_counts(sort=False).sort_index()
    assert sizes.is_monotonic_decreasing
    assert found["parent"].tolist() == parent_cells(found["cell"], 10).tolist()


def test_too_many_neighbours_are_refused_before_memory_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_NEIGHBOURS", 1000)
    with pytest.raises(InputError, match=r"cells around 52.00, 4.\d+ have \d+ neighbours within 1000 m"):
        cluster_cells(scattered(1), PUBLISHED)


def test_settings_must_fit_together() -> None:
    with pytest.raises(ValidationError, match="fine_resolution is 9, expected at least 10"):
        HexagonsConfig(fine_resolution=9)


# connected areas ----------------------------------------------------------------------------------


@given(seed=st.integers(0, 10_000), n=st.integers(1, 30))
def test_connected_areas_are_connected(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    disk = h3.grid_disk(h3.latlng_to_cell(-17.8, 180.0, 10), 15)
    parts = rng.choice(np.array(disk, dtype=np.int64), n)
    area = connect_cells(parts)
    assert is_connected(area)
    assert set(parts.tolist()) <= set(area.tolist())
    np.testing.assert_array_equal(connect_cells(rng.permutation(parts)), area)
    np.testing.assert_array_equal(connect_cells(area), area)


def test_fillers_follow_the_shortest_links() -> None:
    """Three pieces in a row: the ends are joined by way of the middle."""
    west, middle, east = (h3.latlng_to_cell(52.0, lon, 10) for lon in (4.0, 4.02, 4.05))
    links = h3.grid_distance(west, middle) + h3.grid_distance(middle, east)
    assert len(connect_cells([east, west, middle])) == links + 1


def test_a_pentagon_in_the_way() -> None:
    """Near one of the twelve pentagons H3 may have no grid path; the line still joins the pieces."""
    pentagon = h3.get_pentagons(10)[3]
    disk = np.array(sorted(h3.grid_disk(pentagon, 9)), dtype=np.int64)
    failures = 0
    for seed in range(25):
        ends = np.random.default_rng(seed).choice(disk, 2, replace=False)
        try:
            h3.grid_path_cells(*ends.tolist())
        except H3BaseException:
            failures += 1
        assert is_connected(connect_cells(ends))
    assert failures > 0


def test_nothing_to_connect() -> None:
    assert connect_cells([]).size == 0


# the whole method ---------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [(4.0, 52.0), (18.9, 70.0), (-68.3, -55.0), (179.998, -17.8), (-180.0, 66.0)])
def test_whole_method_anywhere(at: tuple[float, float]) -> None:
    found = hexagons(quay_pings(at))
    assert len(found.areas) == 1
    assert found.areas["count"][0] == found.cells["count"].sum()
    assert found.counts["count"].sum() == 360
    outline = found.areas.geometry[0]
    assert outline.is_valid
    plane = Plane(at[0])
    flat = shapely.transform(outline, lambda xy: np.column_stack(plane.forward(xy[:, 0], xy[:, 1])))
    true_area = flat.area / plane.scale(at[1]) ** 2
    expected = sum(h3.cell_area(int(cell), unit="m^2") for cell in connect_cells(found.cells["parent"]))
    assert true_area == pytest.approx(expected, rel=0.01)
    west, _, east, _ = outline.bounds
    assert -180 <= west < 180
    assert east - west < 0.1


def test_tuned_setting_parts_the_berths() -> None:
    found = hexagons(quay_pings((4.0, 52.0), n=3000), TUNED)
    assert len(found.areas) == 3


def test_no_pings() -> None:
    found = hexagons(quay_pings((4.0, 52.0)).iloc[:0])
    assert len(found.areas) == len(found.cells) == len(found.counts) == 0
    assert found.areas.crs == "EPSG:4326"
    assert found.areas.columns.tolist() == [
        "cluster",
        "n_cells",
        "n_pieces",
        "n_fine_cells",
        "count",
        "geometry",
    ]


@pytest.mark.real
def test_the_facts_written_here_are_those_of_the_file(shared_data: Path) -> None:
    file = shared_data / "unece" / "AIS_count_DBSCAN_example_for_demonstration.csv"
    if not file.is_file():
        pytest.skip("the predecessor's file is not beside this checkout")
    table = pd.read_csv(file, encoding="utf-8-sig")
    expected = published().set_index("cell")["label"]
    assert table.set_index("H3_int_index")["cluster"].sort_index().to_dict() == expected.to_dict()
    assert (
        table["H3_parent"].map(lambda name: int(name, 16)).tolist()
        == parent_cells(table["H3_int_index"], 10).tolist()
    )
