"""One ship at rest for a day, as the text of a file: what the tests of bad input spoil."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

HEADER = "MMSI,BaseDateTime,LAT,LON,SOG\n"
ROWS = "".join(
    f"367000001,2024-03-01T{hour:02d}:{minute:02d}:00,45.01,-29.95,0.0\n"
    for hour in range(24)
    for minute in range(0, 60, 5)
)
GOOD = HEADER + ROWS
N = 288
"""Rows in it."""
MAPPING = """
name = "m"
[columns]
mmsi = "MMSI"
time = "BaseDateTime"
lat = "LAT"
lon = "LON"
sog = "SOG"
[time]
"""
"""A mapping of its columns, to which a line about times is added."""
PORTS = "name,lat,lon\nTestport,45.0,-30.0\n"
"""A port list with the port that it lies in."""


def table(text: str = GOOD) -> pa.Table:
    return pacsv.read_csv(io.BytesIO(text.encode()))


def parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()
