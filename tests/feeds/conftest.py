"""The same few reports, written in the layout of every feed."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import zipfile
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ais_berths import feeds

if TYPE_CHECKING:
    from pathlib import Path

START = dt.datetime(2021, 3, 13, 23, 59, 30, tzinfo=dt.UTC)
STATUS_WORDS = {0: "Under way using engine", 1: "At anchor", 5: "Moored", 15: "Not Defined"}
TYPE_WORDS = {70: "Cargo", 80: "Tanker", 52: "Tug", 0: "Undefined"}


def reports(n: int = 400) -> pd.DataFrame:
    """Plain truth: what every written feed must be read back as."""
    ships = pd.DataFrame(
        {
            "mmsi": [219000001, 219000002, 311000003],
            "imo": [9535084, 0, 9074729],
            "name": ["HANNE MÆRSK", 'BOAT "7", THE', ""],
            "call_sign": ["OXAB", "", "C6XX"],
            "type_code": [70, 52, 80],
            "loa_m": [120.0, float("nan"), 245.0],
            "beam_m": [18.0, float("nan"), 40.0],
            "draught_m": [6.5, float("nan"), 11.2],
        }
    )
    rows = ships.iloc[[i % 3 for i in range(n)]].reset_index(drop=True)
    turn = pd.Series(range(n))
    return rows.assign(
        time=[START + dt.timedelta(seconds=7 * i) for i in range(n)],
        lat=55.0 + turn / 1000,
        lon=12.0 - turn / 500,
        sog_kn=(turn % 25 / 10).where(turn % 11 != 0),
        cog_deg=(turn * 3.5 % 360).where(turn % 13 != 0),
        heading_deg=(turn * 3 % 360).astype(float).where(turn % 2 != 0),
        nav_status=[[0, 1, 5, 15][i % 4] for i in range(n)],
    )


def as_noaa(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "MMSI": rows["mmsi"],
            "BaseDateTime": rows["time"].dt.strftime("%Y-%m-%dT%H:%M:%S"),
            "LAT": rows["lat"],
            "LON": rows["lon"],
            "SOG": rows["sog_kn"].fillna(102.3),
            # Courses above 204.7 as a signed number, missing ones as -49.6.
            "COG": rows["cog_deg"].fillna(360.0).map(lambda c: round(c - 409.6, 1) if c > 204.7 else c),
            "Heading": rows["heading_deg"].fillna(511.0),
            "VesselName": rows["name"],
            "IMO": rows["imo"].map(lambda n: f"IMO{n:07d}"),
            "CallSign": rows["call_sign"],
            "VesselType": rows["type_code"].replace({80: 1024}),
            "Status": rows["nav_status"],
            "Length": rows["loa_m"],
            "Width": rows["beam_m"],
            "Draft": rows["draught_m"],
            "Cargo": rows["type_code"],
            "TransceiverClass": "A",
        }
    )


def as_noaa_snake(rows: pd.DataFrame) -> pd.DataFrame:
    return as_noaa(rows).rename(
        columns={
            "MMSI": "mmsi",
            "BaseDateTime": "base_date_time",
            "LAT": "latitude",
            "LON": "longitude",
            "SOG": "sog",
            "COG": "cog",
            "Heading": "heading",
            "VesselName": "vessel_name",
            "IMO": "imo",
            "CallSign": "call_sign",
            "VesselType": "vessel_type",
            "Status": "status",
            "Length": "length",
            "Width": "width",
            "Draft": "draft",
            "Cargo": "cargo",
            "TransceiverClass": "transceiver",
        }
    )


def as_dma(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "# Timestamp": rows["time"].dt.strftime("%d/%m/%Y %H:%M:%S"),
            "Type of mobile": "Class A",
            "MMSI": rows["mmsi"],
            "Latitude": rows["lat"],
            "Longitude": rows["lon"],
            "Navigational status": rows["nav_status"].map(STATUS_WORDS | {15: "Unknown value"}),
            "ROT": 0.0,
            "SOG": rows["sog_kn"],
            "COG": rows["cog_deg"],
            "Heading": rows["heading_deg"],
            "IMO": rows["imo"].map(lambda n: str(n) if n else "Unknown"),
            "Callsign": rows["call_sign"],
            "Name": rows["name"],
            "Ship type": rows["type_code"].map(TYPE_WORDS),
            "Cargo type": "",
            "Width": rows["beam_m"],
            "Length": rows["loa_m"],
            "Type of position fixing device": "GPS",
            "Draught": rows["draught_m"],
            "Destination": "",
            "ETA": "",
            "Data source type": "AIS",
            "A": rows["loa_m"] - 20,
            "B": 20.0 + 0 * rows["loa_m"],
            "C": rows["beam_m"] - 4,
            "D": 4.0 + 0 * rows["beam_m"],
        }
    )


def as_ungp(rows: pd.DataFrame) -> pa.Table:
    frame = pd.DataFrame(
        {
            "mmsi": rows["mmsi"].astype("int32"),
            "imo": rows["imo"].astype("int32"),
            "vessel_name": rows["name"].map(lambda name: f"{name}@@@"),
            "callsign": rows["call_sign"],
            "vessel_type": rows["type_code"].map(TYPE_WORDS),
            "vessel_type_code": rows["type_code"].where(rows["type_code"] != 52),
            "longitude": rows["lon"],
            "latitude": rows["lat"],
            "sog": rows["sog_kn"].fillna(102.3),
            "cog": rows["cog_deg"].fillna(360.0),
            "heading": rows["heading_deg"].fillna(511.0),
            "nav_status": rows["nav_status"].map(
                STATUS_WORDS | {0: "Under Way Using Engine", 1: "At Anchor"}
            ),
            "length": rows["loa_m"].fillna(0.0),
            "width": rows["beam_m"].fillna(0.0),
            "draught": rows["draught_m"].fillna(0.0),
            "dt_pos_utc": rows["time"].dt.tz_localize(None),
            "H3_int_index_8": rows["mmsi"] * 10,
        }
    )
    return pa.Table.from_pandas(frame, preserve_index=False)


def write_ungp_folders(rows: pd.DataFrame, folder: Path) -> Path:
    """By day of arrival: a report arrives up to a day after its position time."""
    arrival = rows["time"] + pd.to_timedelta([(i % 3) * 10 for i in range(len(rows))], unit="h")
    for day, part in rows.groupby(arrival.dt.date):
        place = folder / f"year={day.year}" / f"month={day.month:02d}" / f"day={day.day:02d}"
        place.mkdir(parents=True)
        pq.write_table(as_ungp(part), place / "part-0.parquet", row_group_size=50)
        (place / "_SUCCESS").write_bytes(b"")
        (place / ".part-0.parquet.crc").write_bytes(b"crc")
    return folder


def pack(path: Path, kind: str) -> Path:
    """Compress a file beside itself."""
    data = path.read_bytes()
    packed = path.with_name(f"{path.name}.{kind}")
    if kind == "gz":
        # Two members in one file, as `cat a.gz b.gz` makes them.
        half = data.index(b"\n", len(data) // 2) + 1
        packed.write_bytes(gzip.compress(data[:half]) + gzip.compress(data[half:]))
    elif kind == "bz2":
        packed.write_bytes(bz2.compress(data))
    elif kind == "zst":
        packed.write_bytes(pa.compress(data, "zstd", asbytes=True))
    else:
        header, _, body = data.partition(b"\n")
        half = body.index(b"\n", len(body) // 2) + 1
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a/part1.csv", header + b"\n" + body[:half])
            archive.writestr("a/part2.csv", header + b"\n" + body[half:])
            archive.writestr("__MACOSX/._part1.csv", b"junk")
    return packed


def read_all(inputs: list[Path], name: str | Path = "auto", **options: object) -> feeds.Normalised:
    """Read everything, the whole way that a pipeline goes."""
    files = feeds.list_inputs(inputs)
    feed = feeds.choose_feed(files, name)
    plan = {key: options.pop(key) for key in ("chunk_rows", "start", "end", "boxes") if key in options}
    resolution = options.get("resolution")
    tables, usable, counts = [], [], {}
    for chunk in feeds.plan_chunks(files, feed, **plan):
        for table, lost in feeds.iter_batches(chunk, feed, **options):
            result = feeds.normalise(table, feed, resolution=resolution)
            tables.append(result.table)
            usable.append(pd.Series(result.usable))
            for reason, n in (*lost.items(), *result.counts.items()):
                counts[reason] = counts.get(reason, 0) + n
    return feeds.Normalised(pa.concat_tables(tables), pd.concat(usable).to_numpy(), counts)


def canonical(result: feeds.Normalised) -> pd.DataFrame:
    """Usable rows in a fixed order."""
    frame = result.table.to_pandas(coerce_temporal_nanoseconds=False)[result.usable]
    return frame.sort_values(["time", "mmsi"], ignore_index=True)


@pytest.fixture(scope="session")
def rows() -> pd.DataFrame:
    return reports()
