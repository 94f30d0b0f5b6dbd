"""An output folder of a port made by hand, with hostile names, for the tests of the report."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from ais_berths.export import write_csv, write_geoparquet, write_parquet
from ais_berths.report import read_tables, summarise

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROTTERDAM = "31140"
SCRIPT = "</script><script>window.hacked=1</script>"
IMAGE = "<img src=x onerror=window.hacked=1>"
FORMULA = '=HYPERLINK("http://evil.example/","x")'
ESCAPES = "EVIL\x1b[31m\u202eDER"
MATHS = "$$\\frac{1}{2}$$ \\(x\\)"
NAMES = [SCRIPT, IMAGE, FORMULA, ESCAPES, MATHS, "PLAIN JANE"]


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(f"2024-03-{text}", tz="UTC")


def square(lon: float, lat: float, size: float = 0.002) -> Any:
    return shapely.box(lon, lat, lon + size, lat + size / 3)


#       mmsi   kind       berth  start       end         open_start, open_end
STOPS = [
    (200000001, "moored", "B1", "01T00:00", "01T12:00", True, False),
    (200000002, "moored", "B1", "01T18:00", "02T06:00", False, False),
    (200000003, "moored", "B1", "02T00:00", "02T12:00", False, False),
    (200000004, "moored", "B1", "03T00:00", "03T10:00", False, False),
    (200000005, "moored", "B2", "01T06:00", "04T00:00", False, True),
    (200000006, "moored", "B3", "02T06:00", "02T08:00", False, False),
    (200000002, "anchored", None, "01T06:00", "01T16:00", False, False),
    (200000003, "anchored", None, "01T02:00", "01T22:00", False, False),
    (200000004, "anchored", None, "02T10:00", "02T22:00", False, False),
]


# Hiding berth B2 of one ship alone would not do: the next smallest berth has to go with it.
MORE_STOPS = [
    *STOPS,
    (200000007, "moored", "B4", "01T08:00", "01T20:00", False, False),
    (200000008, "moored", "B4", "02T08:00", "02T20:00", False, False),
    (200000009, "moored", "B4", "03T08:00", "03T20:00", False, False),
]


def make_out(
    folder: Path, port_id: str = ROTTERDAM, lon: float = 4.1, stops: list[tuple[Any, ...]] = STOPS
) -> Path:
    """Write an output folder: a port with two commercial berths, a service berth and an anchorage."""
    folder.mkdir()
    rows = [
        {
            "stop_id": f"S{number}",
            "mmsi": mmsi,
            "port_id": port_id,
            "start_time": at(start),
            "end_time": at(end),
            "lat": 51.95 + 0.001 * number,
            "lon": lon,
            "kind": kind,
            "berth_id": berth,
            "anchorage_id": "A1" if kind == "anchored" else None,
            "open_start": open_start,
            "open_end": open_end,
            "dwell_h": (at(end) - at(start)) / pd.Timedelta(hours=1),
        }
        for number, (mmsi, kind, berth, start, end, open_start, open_end) in enumerate(stops)
    ]
    write_parquet(pd.DataFrame(rows), folder / "stops.parquet", "stops")
    vessels = {
        "mmsi": [200000001 + i for i in range(6)],
        "name": NAMES,
        "type_group": ["cargo", "cargo", "tanker", "cargo", "tanker", "tug"],
    }
    write_parquet(pd.DataFrame(vessels), folder / "vessels.parquet", "vessels")
    berths = pd.DataFrame(
        {
            "berth_id": ["B1", "B2", "B3", "B4"],
            "port_id": port_id,
            "quay_id": "Q1",
            "berth_kind": "discrete",
            "use": ["commercial", "commercial", "service", "commercial"],
            "n_stops": [4, 1, 1, 3],
            "n_vessels": [4, 1, 1, 3],
            "type_main": ["cargo", "tanker", "tug", "cargo"],
            "length_m": 200.0,
            "loa_max_m": [190.0, 180.0, 30.0, 90.0],
            "confidence": 0.9,
        }
    )
    shapes = [square(lon + 0.004 * number, 51.95) for number in range(4)]
    write_geoparquet(gpd.GeoDataFrame(berths, geometry=shapes, crs=4326), folder / "berths.parquet", "berths")
    quays = pd.DataFrame(
        {"quay_id": ["Q1"], "port_id": port_id, "line_wkt": f"LINESTRING ({lon} 51.95, {lon + 0.01} 51.95)"}
    )
    write_geoparquet(
        gpd.GeoDataFrame(quays, geometry=[square(lon, 51.95, 0.01)], crs=4326),
        folder / "quays.parquet",
        "quays",
    )
    anchorages = pd.DataFrame({"anchorage_id": ["A1"], "port_id": port_id, "n_vessels": 3, "area_km2": 1.0})
    write_geoparquet(
        gpd.GeoDataFrame(anchorages, geometry=[square(lon, 51.9, 0.02)], crs=4326),
        folder / "anchorages.parquet",
        "anchorages",
    )
    quality = pd.DataFrame(
        {"stage": ["read"], "reason": [IMAGE.replace("1", "2")], "action": ["dropped"], "rows": [7]}
    )
    write_csv(quality, folder / "quality.csv")
    run = {
        "version": "0.1.0",
        "finished": "2024-03-05T00:00:00+00:00",
        "job": {"feed": "ungp", "start": "2024-03-01T00:00:00Z", "end": "2024-03-05T00:00:00Z", "config": {}},
        "inputs": [{"path": f"/somewhere/{SCRIPT.replace('1', '2')}.parquet", "rows": 100}],
        "counts": {"rows": 100},
    }
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_out(tmp_path_factory.mktemp("report") / "out")


@pytest.fixture(scope="session")
def public_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_out(tmp_path_factory.mktemp("report") / "public", stops=MORE_STOPS)


@pytest.fixture(scope="session")
def summary(out: Path) -> dict[str, Any]:
    return summarise(read_tables(out), ["NLRTM"])


@pytest.fixture(scope="session")
def make() -> Callable[..., Path]:
    """Make an output folder: folder, port number, longitude, stops."""
    return make_out


@pytest.fixture(scope="session")
def hostile() -> list[str]:
    """Names of the ships, in the order of their MMSI, as the report shows them."""
    return [SCRIPT, IMAGE, FORMULA, "EVIL?[31m?DER", MATHS]
