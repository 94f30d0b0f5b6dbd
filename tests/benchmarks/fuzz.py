"""Tables and files that nobody foresaw: whatever comes in, a step ends well or with an error in plain words.

Two parts. *Tables*: rows of every table with values at the edges, in any order, with columns of other types,
with nulls, or without some columns, given to every public step; where a step ends well, its rows must add up.
*Files*: Parquet, CSV and NMEA files with bytes flipped, cut out, doubled or swapped, read to the last row.

    python tests/benchmarks/fuzz.py --minutes 20 --files data/sample shared/data
"""

from __future__ import annotations

import argparse
import functools
import os
import resource
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

from ais_berths import feeds, schema
from ais_berths.anchorages import find_anchorages
from ais_berths.berthcells import berth_cells
from ais_berths.calls import make_calls
from ais_berths.config import Config
from ais_berths.detours import measure_detours
from ais_berths.errors import AisBerthsError
from ais_berths.export import write_csv, write_geojson, write_geopackage, write_geoparquet
from ais_berths.hexagons import hexagons
from ais_berths.hulls import build_hulls
from ais_berths.indicators import make_indicators
from ais_berths.mooring import classify_stops
from ais_berths.pings import clean_pings
from ais_berths.places import find_places
from ais_berths.stops import detect_stops
from ais_berths.vessels import merge_statics

if TYPE_CHECKING:
    from collections.abc import Callable

Rng = np.random.Generator
CONFIG = Config()
MOST_BYTES = 6 << 30
MMSI = (244000001, 244000002, 366999999, 0, -1, 2**62)
NUMBERS = (0.0, -0.0, 1.0, 0.3, 12.5, 179.999999, -180.0, 90.0, 359.9, 511.0, 1e300, -1e-300, np.nan, np.inf)
TEXTS = ("", "A", "244000001-1", "moored", "NL", "<b>", "=1+1", "\x1b[31m", "\u202e", "x" * 3000, "\0", None)
TIMES = tuple(
    pd.Timestamp("2024-03-01", tz="UTC") + pd.Timedelta(minutes=m) for m in (0, 1, 9, 60, 1500, 90_000)
)
SUFFIXES = (".parquet", ".csv", ".txt", ".gz", ".zip", ".nmea")


def main() -> None:
    """Fuzz tables and files in turn until the time is over; write what was tried and found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=1.0, help="time of the processor")
    parser.add_argument("--wall-minutes", type=float, default=1e6, help="time of the clock, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--files", type=Path, nargs="*", default=[], help="files and folders to be damaged")
    options = parser.parse_args()
    files = [path for given in options.files for path in find_files(given)]
    tried: Counter[str] = Counter()
    found: dict[str, str] = {}
    number = options.seed
    # A damaged file may ask for more memory than there is: that must not end this machine.
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    # Values at the edges make numpy and pandas warn all the time.
    warnings.simplefilter("ignore")
    begin = time.monotonic()
    while processor_s() < options.minutes * 60 and time.monotonic() - begin < options.wall_minutes * 60:
        number += 1
        rng = np.random.default_rng(number)
        tries = [(name, functools.partial(step, rng)) for name, step in STEPS.items()]
        tries += [(file.name, functools.partial(read_damaged, rng, file)) for file in files]
        for name, call in tries:
            tried[name] += 1
            trouble = trouble_of(call) or greed_of()
            if trouble and trouble not in found:
                found[trouble] = f"{name}, seed {number}"
                print(f"{name}, seed {number}: {trouble}", flush=True)
    print(f"{processor_s() / 60:.1f} minutes, {sum(tried.values())} tries, {len(found)} kinds of trouble")
    for name, count in tried.items():
        print(f"  {count:>6}  {name}")


def trouble_of(call: Callable[[], None]) -> str:
    """Where a call ended in anything but an error in plain words; empty if it did not."""
    try:
        call()
    except AisBerthsError:
        return ""
    except Exception as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "ais_berths" in f.filename]
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
        return f"{type(error).__name__} in {where}: {' '.join(str(error).split())[:120]}"
    return ""


def greed_of(most_bytes: int = 2 << 30) -> str:
    """Say whether more memory was taken than such small files and tables can need."""
    taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    return f"took more than {most_bytes >> 30} GB" if taken > most_bytes else ""


def processor_s() -> float:
    """Seconds of the processor spent so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


# tables ---------------------------------------------------------------------------------------------


def some(table: str, rng: Rng) -> pd.DataFrame:
    """Rows of a table: as they should be, with values at the edges, or broken."""
    n = int(rng.choice([0, 1, 2, 7, 40]))
    wild, broken = bool(rng.random() < 0.6), bool(rng.random() < 0.3)
    columns = {field.name: column(field, n, rng, wild=wild, broken=broken) for field in schema.TABLES[table]}
    frame = pd.DataFrame(columns)
    if broken and rng.random() < 0.2:
        frame = frame.drop(columns=rng.choice(frame.columns.to_numpy(), 1))
    if broken and n and rng.random() < 0.2:
        frame.index = rng.integers(0, 3, n)
    return frame.sample(frac=1.0, random_state=int(rng.integers(1 << 30)))


def column(field: pa.Field, n: int, rng: Rng, *, wild: bool, broken: bool) -> Any:
    """Values of a column that fit it, or, now and then, that do not."""
    kind = rng.random()
    if broken and kind < 0.04:
        return other_type(n, rng)
    values = fitting(field, n, rng, wild=wild)
    if broken and kind < 0.1 and n:
        values = values.astype(object)
        values[rng.random(n) < 0.5] = None
    return values


def fitting(field: pa.Field, n: int, rng: Rng, *, wild: bool) -> pd.Series:
    """Values of the type of a column; where it is wild, at the edges of what the type holds."""
    name, kind = field.name, field.type
    if pa.types.is_timestamp(kind):
        return pd.Series(rng.choice(np.array(TIMES, dtype=object), n)).astype("datetime64[us, UTC]")
    if pa.types.is_boolean(kind):
        return pd.Series(rng.random(n) < 0.5)
    if name == "mmsi":
        return pd.Series(rng.choice(MMSI if wild else MMSI[:3], n).astype(np.int64))
    if name in ("lat", "lon", "pivot_lat", "pivot_lon"):
        place = {"lat": 51.9, "lon": 4.1}[name[-3:]]
        near = place + rng.normal(0.0, 0.002, n)
        return pd.Series(np.where(rng.random(n) < 0.02, rng.choice(NUMBERS, n), near) if wild else near)
    if pa.types.is_integer(kind):
        top = min(2 ** (kind.bit_width - 1) - 1, 1 << 40)
        return pd.Series(
            rng.choice([0, 1, 5, 60, top, -1] if wild else [0, 1, 5, 60], n).astype(kind.to_pandas_dtype())
        )
    if pa.types.is_floating(kind):
        return pd.Series(rng.choice(NUMBERS if wild else NUMBERS[2:5], n).astype(kind.to_pandas_dtype()))
    if name == "stop_id":
        return pd.Series([f"244000001-{i}" for i in range(n)], dtype=object)
    return pd.Series(rng.choice(np.array(TEXTS if wild else TEXTS[:5], dtype=object), n), dtype=object)


def other_type(n: int, rng: Rng) -> Any:
    """A column of a type that nobody would expect there."""
    kinds: list[Callable[[], Any]] = [
        lambda: pd.Series([str(i) for i in range(n)], dtype=object),
        lambda: pd.Series(np.arange(n) * 1.5),
        lambda: pd.Series([[1, 2]] * n, dtype=object),
        lambda: pd.Series([{"a": 1}] * n, dtype=object),
        lambda: pd.Series(pd.Categorical([f"c{i % 2}" for i in range(n)])),
        lambda: pd.Series(pd.date_range("2024-01-01", periods=n, freq="h")),
        lambda: pd.Series(np.ones(n, dtype=bool)),
        lambda: pd.Series([b"\xff\xfe"] * n, dtype=object),
        lambda: pd.Series([1 + 2j] * n),
        lambda: pd.Series(pd.array([None] * n, dtype="Int64")),
    ]
    return kinds[int(rng.integers(len(kinds)))]()


def shapes(table: str, rng: Rng) -> gpd.GeoDataFrame:
    """Rows of a table with places of any shape."""
    frame = some(table, rng)
    x, y = 4.1 + rng.normal(0, 0.01, len(frame)), 51.9 + rng.normal(0, 0.01, len(frame))
    boxes = shapely.box(x, y, x + 1e-3, y + 1e-3)
    if rng.random() < 0.5:
        odd = np.array(
            [None, shapely.Point(), shapely.Polygon(), shapely.box(179.9, 70, 180.1, 71)], dtype=object
        )
        boxes = np.where(rng.random(len(frame)) < 0.3, rng.choice(odd, len(frame)), boxes)
    return gpd.GeoDataFrame(frame, geometry=gpd.GeoSeries(boxes, index=frame.index), crs="EPSG:4326")


def clean(rng: Rng) -> None:
    """Every ping is kept or counted."""
    pings = some("pings", rng)
    kept, quality = clean_pings(pings, CONFIG.clean)
    dropped = quality.loc[quality["action"] == "dropped", "rows"].sum()
    assert len(kept) + dropped == len(pings), "rows are lost"


def stops(rng: Rng) -> None:
    """Every ping of a stop is counted in it."""
    pings = some("pings", rng)
    table, ids = detect_stops(pings, CONFIG.stops)
    assert len(ids) == len(pings), "rows are lost"
    assert table["n_pings"].sum() == ids.notna().sum(), "pings are lost"


def mooring(rng: Rng) -> None:
    """Every stop gets a kind."""
    table = some("stops", rng)
    result = classify_stops(table, some("vessels", rng), CONFIG.mooring)
    assert len(result) == len(table), "rows are lost"


def statics(rng: Rng) -> None:
    """A ship is one row."""
    table = some("statics", rng)
    assert merge_statics(table, CONFIG.hulls)["mmsi"].nunique() == table["mmsi"].nunique(), "ships are lost"


def hulls(rng: Rng) -> None:
    """A hull is a stop's."""
    table = some("stops", rng)
    assert set(build_hulls(table, some("vessels", rng), CONFIG.hulls)["stop_id"]) <= set(table["stop_id"])


def places(rng: Rng) -> None:
    """Every stop is there again."""
    table = some("stops", rng)
    found = find_places(table, some("vessels", rng), some("ports", rng), some("cells", rng), CONFIG)
    assert found.quality["rows"].sum() == len(table), "stops are lost"


def anchorages(rng: Rng) -> None:
    """Anchorages of stops of any kind."""
    find_anchorages(some("stops", rng), some("vessels", rng), some("ports", rng), CONFIG.anchorages)


def calls(rng: Rng) -> None:
    """Calls of stops at any place."""
    make_calls(some("stops", rng), CONFIG.calls, berths=shapes("berths", rng), hulls=some("hulls", rng))


def indicators(rng: Rng) -> None:
    """Figures of any calls."""
    given = (some(name, rng) for name in ("berth_calls", "port_calls", "vessels", "berths"))
    make_indicators(*given, CONFIG.indicators, hours=some("hours", rng))


def detours(rng: Rng) -> None:
    """Detours of any pings."""
    measure_detours(some("pings", rng), some("stops", rng))


def areas(rng: Rng) -> None:
    """Hexagons of any pings."""
    hexagons(some("pings", rng))


def cells(rng: Rng) -> None:
    """Cells of berths of any shape."""
    berth_cells(shapes("berths", rng))


def exports(rng: Rng) -> None:
    """Files of berths of any shape."""
    with tempfile.TemporaryDirectory() as folder:
        frame = shapes("berths", rng)
        write_csv(frame, Path(folder) / "a.csv")
        write_geoparquet(frame, Path(folder) / "a.parquet", "berths")
        write_geojson(
            frame.assign(berth_id=[f"b{i}" for i in range(len(frame))]),
            Path(folder) / "a.geojson",
            "berth_id",
        )
        write_geopackage({"berths": frame}, Path(folder) / "a.gpkg")


STEPS: dict[str, Callable[[Rng], None]] = {
    "clean_pings": clean,
    "detect_stops": stops,
    "classify_stops": mooring,
    "merge_statics": statics,
    "build_hulls": hulls,
    "find_places": places,
    "find_anchorages": anchorages,
    "make_calls": calls,
    "measure_detours": detours,
    "make_indicators": indicators,
    "hexagons": areas,
    "berth_cells": cells,
    "exports": exports,
}


# files ----------------------------------------------------------------------------------------------


def find_files(given: Path, most_bytes: int = 3_000_000) -> list[Path]:
    """Files of AIS that are small enough to be read often."""
    files = [given] if given.is_file() else sorted(path for path in given.rglob("*") if path.is_file())
    return [path for path in files if path.suffix in SUFFIXES and path.stat().st_size < most_bytes]


def read_damaged(rng: Rng, file: Path) -> None:
    """Read a damaged copy of a file; every row must be there, or counted."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / file.name
        copy.write_bytes(damaged(rng, file.read_bytes()))
        listed = feeds.list_inputs([copy])
        feed = feeds.choose_feed(listed)
        for chunk in feeds.plan_chunks(listed, feed):
            for batch in feeds.iter_batches(chunk, feed):
                result = feeds.normalise(batch.table, feed)
                dropped = sum(n for why, n in result.counts.items() if feeds.REASONS[why][0] == "dropped")
                assert int(result.usable.sum()) + dropped == len(batch.table), "rows are lost"
                feeds.distinct_statics(batch.table, feed)


def damaged(rng: Rng, data: bytes) -> bytes:
    """Flip, cut out, double, zero or swap some bytes, at random places or near the ends."""
    for _ in range(int(rng.integers(1, 6))):
        at = (
            int(rng.integers(len(data)))
            if rng.random() < 0.6
            else int(rng.choice([0, len(data) - 1 - len(data) // 50]))
        )
        size = int(rng.choice([1, 1, 4, 100, 5000]))
        piece = data[at : at + size]
        change = [
            bytes(byte ^ int(rng.integers(1, 256)) for byte in piece),
            b"",
            piece * 2,
            bytes(len(piece)),
            bytes(rng.integers(0, 256, len(piece), dtype=np.uint8)),
            piece[::-1],
        ]
        data = (data[:at] + change[int(rng.integers(len(change)))] + data[at + size :]) or b"\n"
    return data


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
