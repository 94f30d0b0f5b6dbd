"""Levers of real ships: how far the antenna stands from the point about which they turn, measured in turns.

    python tests/benchmarks/levers.py --out -

reads the extracts in ``shared/data`` beside the checkout: three US ports, a report a minute, with the types
of the ships; and five minutes of Danish messages as they were sent, with A to D of some ships.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import tables
from real import BOXES, SHARED

from ais_berths.levers import levers_of
from ais_berths.pipeline import Job, detect
from ais_berths.runs import Runs
from ais_berths.tracks import Tracks
from ais_berths.vessels import groups_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    Box = tuple[float, float, float, float]

DENMARK: Box = (7.5, 54.3, 13.5, 58.2)
GROUPS = ("cargo", "tanker", "passenger", "tug")
HALF_US = 90 * 60 * 1_000_000
"""Even and odd stretches of this length are the two halves of the pings."""

SURE_M, SURE_LENGTHS = 25.0, 0.3
"""Largest error of a lever in the tables, in metres and in lengths of the ship."""

_GROUPS = f"""Metres from the pivot ahead to the antenna (negative: abaft), of ships with an error of at most
{SURE_M:g} m. The halves of their pings are the even and the odd stretches of an hour and a half: how far both
levers lie apart, median, also in errors (median of the difference over the root of the sum of both squared
errors, over 0.67, which is that of a normal distribution).
"""

_KNOWN = f"""Ships that sent A to D and turned enough (error up to {SURE_LENGTHS:g} lengths). The pivot is
where the antenna is, less the lever, in lengths ahead of midship.
"""


def main() -> None:
    """Measure all levers and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder with the extracts")
    parser.add_argument(
        "--out", type=Path, default=tables.HERE / "levers.md", help="file, or - for the screen"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ports = [
            read_pings(given.shared / "us_2020-01-01" / f"{name}.parquet", box, Path(folder) / name)
            for name, box in BOXES.items()
        ]
        danish, ships = read_pings(given.shared / "nmea", DENMARK, Path(folder) / "denmark")
    pings, vessels = (pd.concat(parts) for parts in zip(*ports, strict=True))
    parts = [
        "## Three US ports, 2020-01-01\n",
        _GROUPS,
        group_table(pings, vessels.drop_duplicates("mmsi")),
        "## Ships of known antenna, Denmark, 2013-11-12\n",
        _KNOWN,
        known_table(measure(danish), ships),
    ]
    tables.write(given.out, "Levers of real ships", parts)


def read_pings(source: Path, box: Box, out: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Clean pings and vessels of one extract, as the command line makes them."""
    made = detect([source], out, Job(bbox=box)).out
    return pd.read_parquet(made / "pings"), pd.read_parquet(made / "vessels.parquet")


def measure(pings: pd.DataFrame) -> pd.DataFrame:
    """Lever and error of each vessel that turned enough."""
    track, _ = Tracks.of(pings)
    first = np.flatnonzero(track.first)
    found = levers_of(track, Runs(first, first)).assign(mmsi=track.mmsi[first])
    return found.dropna().drop_duplicates("mmsi").set_index("mmsi")


def group_table(pings: pd.DataFrame, vessels: pd.DataFrame) -> str:
    """Levers by group, and how much those of two halves of the pings differ."""
    half = pings["time"].astype("datetime64[us, UTC]").astype("int64") // HALF_US % 2
    whole, even, odd = (sure(measure(part)) for part in (pings, pings[half == 0], pings[half == 1]))
    both = even.join(odd.add_suffix("_odd"), how="inner")
    apart = (both["lever_m"] - both["lever_m_odd"]).abs()
    errors = apart / np.hypot(both["lever_error_m"], both["lever_error_m_odd"])
    group, of_both = (pd.Series(groups_of(vessels, table.index.to_series())) for table in (whole, both))
    rows = []
    for name in GROUPS:
        levers, mine = whole["lever_m"][(group == name).to_numpy()], (of_both == name).to_numpy()
        quantiles = levers.quantile([0.1, 0.5, 0.9]).round().astype("Int64")
        rows.append(
            [
                *(name, len(levers), *quantiles, int((levers > -45.0).sum()), mine.sum()),
                *(f"{apart[mine].median():.0f}", f"{errors[mine].median() / 0.67:.1f}"),
            ]
        )
    header = [
        "ships",
        "n",
        "10 %",
        "median",
        "90 %",
        "above -45 m",
        "with two halves",
        "apart (m)",
        "in errors",
    ]
    return tables.table(header, rows)


def sure(levers: pd.DataFrame) -> pd.DataFrame:
    """Those that are well known."""
    return levers[levers["lever_error_m"] <= SURE_M]


def known_table(levers: pd.DataFrame, ships: pd.DataFrame) -> str:
    """Where the pivot lay in ships that sent where their antenna stands."""
    known = levers.join(ships.set_index("mmsi"), how="inner")
    length = known["to_bow_m"] + known["to_stern_m"]
    known = known[(length > 0) & (known["lever_error_m"] <= SURE_LENGTHS * length)].assign(length_m=length)
    return tables.table(
        ["length (m)", "A / (A + B)", "lever (m)", "error (m)", "pivot", "error of it"], _pivots(known)
    )


def _pivots(known: pd.DataFrame) -> Iterable[list[str]]:
    for ship in known.sort_values("length_m").itertuples():
        ratio = ship.to_bow_m / ship.length_m
        pivot = 0.5 - ratio - ship.lever_m / ship.length_m
        yield [
            *(f"{ship.length_m:.0f}", f"{ratio:.2f}", f"{ship.lever_m:.0f}", f"{ship.lever_error_m:.0f}"),
            *(f"{pivot:.2f}", f"{ship.lever_error_m / ship.length_m:.2f}"),
        ]


if __name__ == "__main__":
    main()
