"""Files that others read: checked with readers other than the ones that wrote them."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import struct
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import h3.api.basic_int as h3
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import shape

from ais_berths import schema
from ais_berths.atomic import atomic_path, remove_leftovers
from ais_berths.berthcells import berth_cells, cell_list
from ais_berths.errors import InputError, OutputError
from ais_berths.export import (
    export,
    write_csv,
    write_geojson,
    write_geopackage,
    write_geoparquet,
    write_parquet,
)
from ais_berths.geo import Plane, rectangles
from ais_berths.h3cells import cell_polygons
from ais_berths.plain import plain_columns, without_formulas

if TYPE_CHECKING:
    from numpy.typing import NDArray

HOSTILE = [
    'Quai "d\'Honneur"',
    "line\nbreak\r\nand\ttab",
    "<script>alert(1)</script>",
    "[1, 2]",
    '{"a": 1}',
    "=HYPERLINK(1)",
    "naïve ☃ 港",
    "bell\x07 escape\x1b",
]


def berth_table(shapes: list[Any] | NDArray[np.object_], **columns: Any) -> gpd.GeoDataFrame:
    """Berths around given shapes, with some values of every kind."""
    n = len(shapes)
    frame = {
        "berth_id": [f"p-{k}" for k in range(n)],
        "port_id": ["50"] * n,
        "n_stops": np.arange(n, dtype=np.int64),
        "first_seen": pd.Series([datetime(2022, 3, 1, 12, 30, tzinfo=UTC)] * n, dtype="datetime64[us, UTC]"),
        "length_m": np.linspace(100.0, 200.0, n),
        **columns,
    }
    return gpd.GeoDataFrame(frame, geometry=list(shapes), crs="EPSG:4326")


def ship_boxes(lon: list[float], lat: list[float], length_m: float = 300.0) -> NDArray[np.object_]:
    """Rectangles as the pipeline makes them: in the plane, then back to degrees."""
    plane = Plane.around(lon)
    x, y = plane.forward(lon, lat)
    scale = plane.scale(lat)
    return plane.to_degrees(rectangles(x, y, np.full(len(lon), 40.0), length_m * scale, 50.0 * scale))


def read_json(path: Path) -> dict[str, Any]:
    """Strict JSON: NaN and Infinity are refused."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def rings(geometry: dict[str, Any]) -> list[list[list[list[float]]]]:
    """Rings of each polygon of a GeoJSON geometry."""
    return geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]


def area_m2(geometry: Any) -> float:
    """True area of a shape in degrees, cut or not."""
    plane = Plane.around(shapely.get_coordinates(geometry)[:, 0])
    flat = shapely.transform(geometry, lambda xy: np.column_stack(plane.forward(xy[:, 0], xy[:, 1])))
    return float(shapely.area(flat) / plane.scale(shapely.get_coordinates(geometry)[0, 1]) ** 2)


# GeoJSON ------------------------------------------------------------------------------------------


def test_geojson_follows_rfc_7946(tmp_path: Path) -> None:
    clockwise = shapely.Polygon([(4.0, 51.9), (4.0, 51.91), (4.012345678, 51.91), (4.012345678, 51.9)])
    with_hole = shapely.box(4.1, 51.9, 4.2, 52.0).difference(shapely.box(4.14, 51.94, 4.16, 51.96))
    write_geojson(berth_table([clockwise, with_hole]), tmp_path / "berths.geojson", "berth_id")
    found = read_json(tmp_path / "berths.geojson")
    assert found["type"] == "FeatureCollection"
    assert found["name"] == "berths"
    assert "crs" not in found
    np.testing.assert_allclose(found["bbox"], [4.0, 51.9, 4.2, 52.0])
    first, second = found["features"]
    assert first["id"] == "p-0" == first["properties"]["berth_id"]
    assert first["properties"]["first_seen"] == "2022-03-01T12:30:00Z"
    np.testing.assert_allclose(first["bbox"], [4.0, 51.9, 4.0123457, 51.91])
    for feature in (first, second):
        for polygon in rings(feature["geometry"]):
            assert shapely.LinearRing(polygon[0]).is_ccw
            assert not any(shapely.LinearRing(hole).is_ccw for hole in polygon[1:])
            for lon, lat in np.concatenate(polygon):
                assert lon == round(lon, 7)
                assert lat == round(lat, 7)
    rounded = shapely.set_precision(clockwise, 1e-7).normalize()
    assert shape(first["geometry"]).normalize().equals_exact(rounded, 1e-7)
    assert shape(second["geometry"]).area == pytest.approx(0.1 * 0.1 - 0.02 * 0.02)


def test_geojson_is_cut_at_the_antimeridian(tmp_path: Path) -> None:
    places = ship_boxes([180.0, 179.999, -179.95, 179.95], [-17.8, -16.8, -17.0, -17.0])
    assert shapely.bounds(places[0])[2] > 180
    write_geojson(berth_table(places), tmp_path / "fiji.geojson", "berth_id")
    found = read_json(tmp_path / "fiji.geojson")
    west, _, east, _ = found["bbox"]
    assert west > 179
    assert east < -179
    assert [feature["geometry"]["type"] for feature in found["features"]] == [
        "MultiPolygon",
        "MultiPolygon",
        "Polygon",
        "Polygon",
    ]
    for feature in found["features"]:
        for polygon in rings(feature["geometry"]):
            ring = np.array(polygon[0])
            assert np.abs(ring[:, 0]).max() <= 180
            assert np.ptp(ring[:, 0]) < 1
            assert shapely.LinearRing(ring).is_ccw
        assert area_m2(shape(feature["geometry"])) == pytest.approx(300 * 50, rel=0.01)


def test_geojson_values(tmp_path: Path) -> None:
    frame = berth_table(
        [shapely.Point(4, 51), None],
        length_m=[np.nan, np.inf],
        first_seen=pd.to_datetime(["2022-03-01T12:30:00.25Z", None]).astype("datetime64[us, UTC]"),
        rafted=[True, None],
        n_vessels=pd.array([3, None], dtype="Int64"),
        tags=[["a", float("nan")], {"x": np.float64(2.5)}],
        use=pd.Categorical(["commercial", None]),
        cell=np.array([638331674478446847, 1], dtype=np.int64),
        first_day=pd.to_datetime(["2022-03-01", None]),
        draught_max_m=np.array([6.6, 12.3456789], dtype=np.float32),
    )
    write_geojson(frame, tmp_path / "x.geojson", "berth_id")
    first, second = (item["properties"] for item in read_json(tmp_path / "x.geojson")["features"])
    assert first["length_m"] is None
    assert second["length_m"] is None
    assert [item["draught_max_m"] for item in (first, second)] == [6.6, 12.34568]
    assert first["first_seen"] == "2022-03-01T12:30:00.250000Z"
    assert second["first_seen"] is None
    assert first["rafted"] is True
    assert second["rafted"] is None
    assert first["n_vessels"] == 3
    assert second["n_vessels"] is None
    assert json.loads(first["tags"]) == ["a", None]
    assert json.loads(second["tags"]) == {"x": 2.5}
    assert first["use"] == "commercial"
    assert second["use"] is None
    assert first["cell"] == "638331674478446847"
    assert first["first_day"] == "2022-03-01T00:00:00Z"


def test_hostile_text_survives_in_every_format(tmp_path: Path) -> None:
    frame = berth_table([shapely.box(4, 51, 4.1, 51.1)] * len(HOSTILE), use=HOSTILE)
    write_geojson(frame, tmp_path / "x.geojson", "berth_id")
    features = read_json(tmp_path / "x.geojson")["features"]
    assert [item["properties"]["use"] for item in features] == HOSTILE

    write_geopackage({"berths": frame}, tmp_path / "x.gpkg")
    with sqlite3.connect(tmp_path / "x.gpkg") as base:
        found = [row[0] for row in base.execute("select use from berths order by fid")]
    base.close()
    assert found == HOSTILE

    write_geoparquet(frame, tmp_path / "x.parquet", "berths")
    assert pq.read_table(tmp_path / "x.parquet")["use"].to_pylist() == HOSTILE

    write_csv(frame, tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        found = [row["use"] for row in csv.DictReader(file)]
    assert found == [f"'{text}" if text.startswith("=") else text for text in HOSTILE]


def test_text_that_no_file_can_hold_is_marked(tmp_path: Path) -> None:
    names = pd.Series(["zero\0byte", "half \ud83d pair"], dtype=object)
    frame = berth_table([shapely.Point(4, 51)] * 2, use=names)
    write_geojson(frame, tmp_path / "x.geojson", "berth_id")
    features = read_json(tmp_path / "x.geojson")["features"]
    assert [item["properties"]["use"] for item in features] == ["zero\ufffdbyte", "half ? pair"]


def test_geojson_ids_must_be_ids(tmp_path: Path) -> None:
    frame = berth_table([shapely.Point(4, 51)] * 2, berth_id=["a", "a"])
    with pytest.raises(InputError, match="berth_id must be different in every row, but 'a'"):
        write_geojson(frame, tmp_path / "x.geojson", "berth_id")
    with pytest.raises(InputError, match="lacks quay_id"):
        write_geojson(frame, tmp_path / "x.geojson", "quay_id")
    assert list(tmp_path.iterdir()) == []


def test_other_projections_and_missing_crs(tmp_path: Path) -> None:
    frame = berth_table([shapely.box(4.0, 51.9, 4.01, 51.91)])
    write_geojson(frame, tmp_path / "a.geojson", "berth_id")
    write_geojson(frame.to_crs("EPSG:3857"), tmp_path / "b.geojson", "berth_id")
    write_geojson(frame.set_crs(None, allow_override=True), tmp_path / "c.geojson", "berth_id")
    a, b, c = (read_json(tmp_path / f"{name}.geojson")["features"] for name in "abc")
    assert a == b == c


def test_the_frame_is_not_changed(tmp_path: Path) -> None:
    frame = berth_table(ship_boxes([180.0], [-17.8]), tags=[["a"]])
    before = frame.copy(deep=True)
    write_geojson(frame, tmp_path / "x.geojson", "berth_id")
    write_geopackage({"berths": frame}, tmp_path / "x.gpkg")
    write_geoparquet(frame, tmp_path / "x.parquet", "berths")
    write_csv(frame, tmp_path / "x.csv")
    berth_cells(frame)
    pd.testing.assert_frame_equal(frame, before)


# empty frames -------------------------------------------------------------------------------------


def empty_berths() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(schema.empty("berths"), geometry=[], crs="EPSG:4326")


def test_empty_frames_give_valid_files(tmp_path: Path) -> None:
    write_geojson(empty_berths(), tmp_path / "x.geojson", "berth_id")
    assert read_json(tmp_path / "x.geojson")["features"] == []
    write_geopackage({"berths": empty_berths(), "quays": empty_berths()}, tmp_path / "x.gpkg")
    assert len(gpd.read_file(tmp_path / "x.gpkg", layer="quays")) == 0
    write_geoparquet(empty_berths(), tmp_path / "x.parquet", "berths")
    again = gpd.read_parquet(tmp_path / "x.parquet")
    assert len(again) == 0
    assert again.crs == "EPSG:4326"
    json.loads(
        pq.read_schema(tmp_path / "x.parquet").metadata[b"geo"],
        parse_constant=lambda word: pytest.fail(f"{word} is not JSON"),
    )
    write_csv(empty_berths(), tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text().splitlines()[0].startswith("berth_id,port_id")
    cells = berth_cells(empty_berths())
    assert cells.columns.tolist() == schema.BERTH_CELLS.names
    assert len(cells) == 0


# Parquet, GeoPackage, CSV -------------------------------------------------------------------------


def test_geoparquet_is_1_1_with_our_schema(tmp_path: Path) -> None:
    frame = berth_table(ship_boxes([180.0, 4.0], [-17.8, 52.0]), extra=["not", "ours"])
    write_geoparquet(frame, tmp_path / "berths.parquet", "berths")
    found = pq.read_schema(tmp_path / "berths.parquet")
    geo = json.loads(found.metadata[b"geo"])
    assert geo["version"] == "1.1.0"
    assert geo["columns"]["geometry"]["encoding"] == "WKB"
    assert geo["columns"]["geometry"]["covering"]["bbox"]["xmin"] == ["bbox", "xmin"]
    assert found.metadata[b"ais_berths_table"] == b"berths"
    assert found.names == [*schema.BERTHS.names, "geometry", "bbox"]
    assert found.field("length_m").metadata == schema.BERTHS.field("length_m").metadata
    assert found.field("first_seen").type == schema.TIME
    again = gpd.read_parquet(tmp_path / "berths.parquet")
    assert again["berth_id"].tolist() == ["p-0", "p-1"]
    assert np.abs(again.total_bounds).max() <= 180
    assert area_m2(again.geometry[0]) == pytest.approx(300 * 50, rel=1e-3)
    west = gpd.read_parquet(tmp_path / "berths.parquet", bbox=(0, 50, 10, 55))
    assert west["berth_id"].tolist() == ["p-1"]


def test_parquet_keeps_types(tmp_path: Path) -> None:
    quality = pd.DataFrame({"stage": ["read"], "reason": ["=1"], "action": ["kept"], "rows": [5]})
    write_parquet(quality, tmp_path / "quality.parquet", "quality")
    assert pq.read_table(tmp_path / "quality.parquet").schema.equals(schema.QUALITY)


def test_geopackage_layers(tmp_path: Path) -> None:
    layers = {
        "berths": berth_table(ship_boxes([180.0, 4.0], [-17.8, 52.0]), rafted=[True, None]),
        "anchorages": berth_table(ship_boxes([4.0], [52.0])),
    }
    write_geopackage(layers, tmp_path / "port.gpkg")
    with sqlite3.connect(tmp_path / "port.gpkg") as base:
        contents = base.execute(
            "select table_name, srs_id from gpkg_contents where data_type = 'features'"
        ).fetchall()
        (when,) = base.execute("select first_seen from anchorages").fetchone()
        flags = [row[0] for row in base.execute("select rafted from berths order by fid")]
        (version,) = base.execute("pragma user_version").fetchone()
    base.close()
    assert version == 10200
    assert set(contents) == {("berths", 4326), ("anchorages", 4326)}
    assert pd.Timestamp(when) == pd.Timestamp("2022-03-01T12:30Z")
    assert flags == [1, None]
    berths = gpd.read_file(tmp_path / "port.gpkg", layer="berths")
    assert np.abs(berths.total_bounds).max() <= 180


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.text(max_size=4)),
            st.one_of(st.none(), st.integers(-(2**60), 2**60)),
            st.one_of(st.none(), st.booleans()),
            st.one_of(st.none(), st.integers(1, 10**9).map(lambda n: n / 1000)),
        ),
        max_size=6,
    )
)
def test_csv_is_what_pandas_would_write(rows: list[tuple[Any, ...]]) -> None:
    kinds = {"text": "string", "number": "Int64", "flag": "boolean", "value": "float64"}
    frame = pd.DataFrame(rows, columns=list(kinds)).astype(kinds).assign(row=range(len(rows)))
    plain = without_formulas(plain_columns(frame, times_as_text=True))
    expected = plain.to_csv(index=False, lineterminator="\r\n")
    with tempfile.TemporaryDirectory() as folder:
        write_csv(frame, Path(folder) / "x.csv")
        assert (Path(folder) / "x.csv").read_bytes().decode() == expected


def test_csv_for_spreadsheets(tmp_path: Path) -> None:
    texts = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "a=1", "", None]
    texts += [" =1", "\uff1d1", "A;=1+1", 'A;"=1', "A\n@x", "A-1; B"]
    more = ["' =1", "'\uff1d1", "A;'=1+1", "A;'\"=1", "A\n'@x", "A-1; B"]
    numbers = np.arange(len(texts)) - 4.5
    frame = berth_table([shapely.Point(-4.12345678, 51)] * len(texts), use=texts, length_m=numbers)
    write_csv(frame, tmp_path / "x.csv", bom=True)
    raw = (tmp_path / "x.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    assert [row["use"] for row in rows] == [
        "'=1+1",
        "'+1",
        "'-1",
        "'@x",
        "'\tx",
        "'\rx",
        "a=1",
        "",
        "",
        *more,
    ]
    assert rows[0]["length_m"] == "-4.5"
    assert rows[0]["first_seen"] == "2022-03-01T12:30:00Z"
    assert list(rows[0])[-1] == "geometry"
    assert shapely.from_wkt(rows[0]["geometry"]).coords[0] == (-4.1234568, 51.0)
    write_csv(pd.DataFrame({"reason": ["x"]}), tmp_path / "y.csv")
    assert (tmp_path / "y.csv").read_bytes() == b"reason\r\nx\r\n"


# whole or not at all ------------------------------------------------------------------------------


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "berths.geojson"
    target.write_text("old")

    def write_half() -> None:
        with atomic_path(target) as part:
            part.write_text("half")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        write_half()
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["berths.geojson"]


FULL_DISK = """
import contextlib, pathlib, resource, signal, sys
import geopandas as gpd, shapely
from ais_berths.errors import OutputError
from ais_berths.export import write_csv, write_geojson, write_geopackage, write_geoparquet
folder = pathlib.Path(sys.argv[1])
shapes = [shapely.box(4.0, 52.0, 4.1, 52.1)] * 9
frame = gpd.GeoDataFrame({"berth_id": list("abcdefghi")}, geometry=shapes, crs="EPSG:4326")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
for write in (
    lambda: write_geojson(frame, folder / "x.geojson", "berth_id"),
    lambda: write_geopackage({"berths": frame}, folder / "x.gpkg"),
    lambda: write_geoparquet(frame, folder / "x.parquet", "berths"),
    lambda: write_csv(frame, folder / "x.csv"),
):
    with contextlib.suppress(OutputError):
        write()
        sys.exit("not noticed")
"""


def test_a_full_disk_is_noticed(tmp_path: Path) -> None:
    """In a process of its own, whose files may not grow beyond 300 bytes."""
    pytest.importorskip("resource", reason="file size limits exist on Unix only")
    subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], check=True, timeout=300)
    assert list(tmp_path.iterdir()) == []


def test_errors_of_the_disk_are_plain(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"x.csv cannot be written: No space left"),
        atomic_path(tmp_path / "x.csv"),
    ):
        raise OSError(28, "No space left on device")
    with (
        pytest.raises(
            OutputError, match=r"x.npy cannot be written: 9 requested and 4 written \(is the disk full"
        ),
        atomic_path(tmp_path / "x.npy"),
    ):
        raise OSError("9 requested and 4 written")
    with pytest.raises(OutputError, match="there is no folder"), atomic_path(tmp_path / "no" / "x.csv"):
        pass
    with pytest.raises(OutputError, match="it is a folder"), atomic_path(tmp_path):
        pass


def test_the_file_is_named_where_nothing_can_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system", "another.csv")

    monkeypatch.setattr(type(tmp_path), "unlink", refuse)
    with (
        pytest.raises(OutputError, match=r"/x.csv cannot be written: Read-only file system"),
        atomic_path(tmp_path / "outer.csv"),
        atomic_path(tmp_path / "x.csv"),
    ):
        raise OSError(30, "Read-only file system")


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    manager = atomic_path(tmp_path / "berths.gpkg")
    part = manager.__enter__()
    part.write_text("half")
    (tmp_path / ".keep").write_text("")
    assert part.suffix == ".gpkg"
    assert remove_leftovers(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == [".keep"]


# export -------------------------------------------------------------------------------------------


@pytest.fixture
def result(tmp_path: Path) -> Path:
    out = tmp_path / "out"
    out.mkdir()
    berths = berth_table(ship_boxes([4.0, 4.01], [52.0, 52.0]))
    write_geoparquet(berths, out / "berths.parquet", "berths")
    quays = berths.assign(quay_id=["q1", "q2"])
    write_geoparquet(quays, out / "quays.parquet", "quays")
    write_geoparquet(quays.assign(anchorage_id=["a1", "a2"]), out / "anchorages.parquet", "anchorages")
    write_parquet(berth_cells(berths), out / "berth_cells.parquet", "berth_cells")
    return out


def test_export_by_suffix(result: Path, tmp_path: Path) -> None:
    for suffix in (".geojson", ".gpkg", ".parquet", ".csv"):
        file = export(result, tmp_path / f"mine{suffix}")
        assert file.is_file()
    assert [item["id"] for item in read_json(tmp_path / "mine.geojson")["features"]] == ["p-0", "p-1"]
    with sqlite3.connect(tmp_path / "mine.gpkg") as base:
        names = [row[0] for row in base.execute("select table_name from gpkg_geometry_columns")]
    base.close()
    assert set(names) == {"berths", "quays", "anchorages"}
    assert pd.read_csv(tmp_path / "mine.csv")["berth_id"].tolist() == ["p-0", "p-1"]
    assert gpd.read_parquet(tmp_path / "mine.parquet")["berth_id"].tolist() == ["p-0", "p-1"]


def test_export_of_cells(result: Path, tmp_path: Path) -> None:
    stored = pd.read_parquet(result / "berth_cells.parquet")
    export(result, tmp_path / "cells.csv", cells=True)
    table = pd.read_csv(tmp_path / "cells.csv")
    assert table.columns.tolist() == ["hex_id", "polygon_name", "hex_resolution"]
    assert table["hex_id"].tolist() == stored["hex_id"].tolist()
    export(result, tmp_path / "cells.geojson", cells=True)
    first = read_json(tmp_path / "cells.geojson")["features"][0]
    assert first["id"] == str(stored["hex_id"][0])
    export(result, tmp_path / "cells.parquet", cells=True)
    assert pq.read_schema(tmp_path / "cells.parquet").field("hex_id").type == "int64"
    export(result, tmp_path / "cells.gpkg", cells=True)
    assert len(gpd.read_file(tmp_path / "cells.gpkg", layer="berth_cells")) == len(stored)


def test_export_of_another_table(result: Path, tmp_path: Path) -> None:
    names = pd.DataFrame({"mmsi": [1, 2], "name": ["=HYPERLINK(1)", "Ada"]})
    write_parquet(names, result / "vessels.parquet", "vessels")
    export(result, tmp_path / "vessels.csv", table="vessels", bom=True)
    table = pd.read_csv(tmp_path / "vessels.csv", encoding="utf-8-sig")
    assert table["name"].tolist() == ["'=HYPERLINK(1)", "Ada"]
    assert export(result, tmp_path / "quays.csv", table="quays").is_file()
    with pytest.raises(OutputError, match=r"ends in \.gpkg, expected \.csv for the table vessels"):
        export(result, tmp_path / "vessels.gpkg", table="vessels")
    stops = pd.DataFrame({"stop_id": ["a"], "mmsi": [1], "port_id": ["50"]})
    write_parquet(stops, result / "stops.parquet", "stops")
    with pytest.raises(OutputError, match="about single ships"):
        export(result, tmp_path / "vessels.csv", table="vessels", min_vessels=3)


def test_cells_of_withheld_berths_are_withheld_in_every_form(result: Path, tmp_path: Path) -> None:
    """The second berth has one ship."""
    berths = gpd.read_parquet(result / "berths.parquet").assign(n_vessels=[9, 1])
    write_geoparquet(berths, result / "berths.parquet", "berths")
    stops = pd.DataFrame({"stop_id": ["a"], "mmsi": [1], "port_id": ["50"]})
    write_parquet(stops, result / "stops.parquet", "stops")
    stored = pd.read_parquet(result / "berth_cells.parquet")
    shown = stored.loc[stored["berth_id"] == "p-0", "hex_id"].tolist()
    assert 0 < len(shown) < len(stored)
    for how in ({"table": "berth_cells"}, {"cells": True}):
        export(result, tmp_path / "cells.csv", min_vessels=3, **how)
        assert pd.read_csv(tmp_path / "cells.csv")["hex_id"].tolist() == shown


def test_export_says_what_is_wrong(result: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"ends in \.shp, expected one of \.geojson"):
        export(result, tmp_path / "berths.shp")
    with pytest.raises(InputError, match=r"holds no berths\.parquet; run"):
        export(tmp_path, tmp_path / "berths.csv")
    (result / "berths.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"berths\.parquet cannot be read"):
        export(result, tmp_path / "berths.csv")


@pytest.mark.parametrize(
    "name", ["berths.parquet", "quays.geojson", "../out/berths.parquet", "pings/mine.parquet", "quality.csv"]
)
def test_results_are_not_replaced_by_exports(result: Path, tmp_path: Path, name: str) -> None:
    (result / "link").symlink_to(tmp_path)
    before = (result / "berths.parquet").read_bytes()
    with pytest.raises(OutputError, match=r"belongs to the results in .*; choose another name or folder"):
        export(result, result / name)
    with pytest.raises(OutputError, match="belongs to the results"):
        export(result, result / "link" / "out" / "berths.parquet", cells=True)
    assert (result / "berths.parquet").read_bytes() == before
    with pytest.raises(OutputError, match="belongs to the results"):
        export(result, result / "berths.geojson", min_vessels=3)
    for kept in ("mine.parquet", "berths.csv", "berths.geojson"):
        assert export(result, result / kept).is_file()


# berth cells --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lon", "lat"), [(4.0, 52.0), (18.9, 70.0), (-68.3, -55.0), (180.0, -17.8), (179.9995, 66.0)]
)
@pytest.mark.parametrize("resolution", [9, 11, 12])
def test_berth_cells_are_exactly_the_overlapping_ones(lon: float, lat: float, resolution: int) -> None:
    berth = ship_boxes([lon], [lat])
    cells = berth_cells(berth_table(berth), resolution)
    ring = h3.grid_disk(h3.latlng_to_cell(lat, lon, resolution), 28)
    hexagons = cell_polygons(ring)
    plane = Plane(lon)
    flat, flat_hexagons = (
        shapely.transform(part, lambda xy: np.column_stack(plane.forward(xy[:, 0], xy[:, 1])))
        for part in (berth[0], hexagons)
    )
    overlap = shapely.area(shapely.intersection(flat_hexagons, flat)) > 0
    assert set(cells["hex_id"]) == set(np.array(ring)[overlap].tolist())
    assert (cells["hex_resolution"] == resolution).all()


def test_a_cell_belongs_to_the_berth_with_the_largest_share() -> None:
    cell = h3.latlng_to_cell(52.0, 4.0, 9)
    west, south, east, north = cell_polygons([cell])[0].bounds
    edge = west + 0.6 * (east - west)
    table = berth_table(
        [
            shapely.box(edge, south, east, north),
            shapely.box(west, south, edge, north),
            shapely.box(west, south, edge, north),
        ],
        berth_id=["small", "large", "large again"],
    )
    for rows in ([0, 1, 2], [2, 1, 0]):
        cells = berth_cells(table.iloc[rows], 9)
        assert cells["hex_id"].is_unique
        assert cells.set_index("hex_id")["berth_id"][cell] == "large"
        assert cells["polygon_name"].tolist() == cells["berth_id"].tolist()


def test_a_small_berth_takes_a_cell_from_a_neighbour_that_has_a_better_one() -> None:
    cell = h3.latlng_to_cell(52.0, 4.0, 9)
    west, south, east, north = cell_polygons([cell])[0].bounds
    wide, middle, high = east - west, (west + east) / 2, (south + north) / 2
    quay = shapely.box(west - 3 * wide, south, middle, north)
    one, two = (
        shapely.box(middle, high + k * wide / 50, middle + wide / 50, high + (k + 1) * wide / 50)
        for k in (0, 1)
    )
    table = berth_table([quay, one, two], berth_id=["quay", "one", "two"])
    alone = berth_cells(table.iloc[:1], 9)
    both = berth_cells(table.iloc[:2], 9)
    assert both["hex_id"].is_unique
    assert both.set_index("hex_id")["berth_id"][cell] == "one"
    assert set(both["hex_id"]) == set(alone["hex_id"])
    # Two berths in one cell cannot both have it; a berth whose only cell it is keeps it.
    for rows in ([0, 1, 2], [2, 1, 0]):
        all_three = berth_cells(table.iloc[rows], 9)
        pd.testing.assert_frame_equal(all_three, both)
    pier = berth_table([shapely.box(west, south, middle, north).intersection(cell_polygons([cell])[0]), one])
    assert set(berth_cells(pier, 9)["berth_id"]) == {"p-0"}


def test_cells_of_a_berth_that_was_cut(tmp_path: Path) -> None:
    whole = berth_table(ship_boxes([180.0], [-17.8]))
    write_geoparquet(whole, tmp_path / "x.parquet", "berths")
    cut = gpd.read_parquet(tmp_path / "x.parquet")
    assert cut.geometry[0].geom_type == "MultiPolygon"
    pd.testing.assert_frame_equal(berth_cells(cut), berth_cells(whole))


def test_cell_list_is_what_the_platform_takes() -> None:
    cells = berth_cells(berth_table([shapely.box(4.0, 52.0, 4.002, 52.0005)], berth_id=["quay 1"]))
    table = cell_list(cells)
    assert table.columns.tolist() == ["hex_id", "polygon_name", "hex_resolution"]
    assert table["hex_id"].dtype == np.int64
    assert set(table["polygon_name"]) == {"quay 1"}
    # A signed 64-bit integer, as in the platform's H3 columns.
    assert struct.pack(">q", int(table["hex_id"][0]))
    assert h3.is_valid_cell(int(table["hex_id"][0]))


def test_berths_without_a_shape_have_no_cells() -> None:
    table = berth_table([None, shapely.Polygon(), shapely.box(4.0, 52.0, 4.002, 52.0005)])
    assert set(berth_cells(table)["berth_id"]) == {"p-2"}
