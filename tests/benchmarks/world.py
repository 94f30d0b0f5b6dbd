"""A feed of the whole world: simulated ports, copied to every place of the World Port Index.

    python tests/benchmarks/world.py FOLDER --days 10

`ais_berths.simulate` draws ten large ports, ninety small ones and ships on the high seas. Each is copied to
some forty places: positions keep their metres from the middle of the port, and every copy has ships of its
own. The files are those of the archive of the UN Global Platform, by day of arrival, and each holds the
whole world.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ais_berths import geo, h3cells
from ais_berths.ports import builtin_ports
from ais_berths.simulate import simulate

PORTS = {"large": 10, "small": 90}
_OPTIONS = {
    "large": {"ships": 20},
    "small": {"ships": 4, "scene": ("general", "far"), "ocean": 0.75},
}
_PART_ROWS = 1_000_000


def main() -> None:
    """Write the feed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--days", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=600.0, help="seconds between reports, half under way")
    given = parser.parse_args()
    rows = make_world(given.folder, given.days, given.seed, given.every)
    print(f"{rows:,} rows are in {given.folder}")


def make_world(folder: Path, days: float, seed: int = 1, every_s: float = 600.0) -> int:
    """Write the feed into a new folder; return the number of rows."""
    rng = np.random.default_rng(seed)
    places = builtin_ports().drop_duplicates("port_id")[["lat", "lon"]].to_numpy()
    places = rng.permutation(places)
    drafts = {name: folder / f".draft-{name}" for name in PORTS}
    for name, draft in drafts.items():
        times = {"days": days, "report_s": every_s, "sail_s": every_s / 2.0}
        simulate(draft, rng=rng, ports=PORTS[name], h3=(), **times, **_OPTIONS[name])
    ships = _ships(drafts)
    total = 0
    for day in sorted(path.relative_to(folder) for path in drafts["small"].glob("feed/*/*/*")):
        parts = [
            _numbered(pq.read_table(draft / Path(*day.parts[1:])), ships, name)
            for name, draft in drafts.items()
            if (draft / Path(*day.parts[1:])).exists()
        ]
        rows = pa.concat_tables(parts).sort_by("dt_insert_utc")
        target = folder / Path(*day.parts[2:])
        target.mkdir(parents=True)
        copies = -(-len(places) // sum(PORTS.values()))
        for number, begin in enumerate(range(0, len(rows), _PART_ROWS // copies)):
            table = copy_rows(rows.slice(begin, _PART_ROWS // copies), ships, places)
            # Copies beside each other would shrink to nothing on disk.
            table = table.take(pa.array(rng.permutation(len(table))))
            pq.write_table(table, target / f"part-{number:05d}.parquet", compression="zstd")
            total += len(table)
    for draft in drafts.values():
        shutil.rmtree(draft)
    return total


def copy_rows(rows: pa.Table, ships: pd.DataFrame, places: np.ndarray) -> pa.Table:
    """The rows of every copy.

    Parameters
    ----------
    rows
        Raw rows with the column ``ship``, a row of `ships`.
    ships
        ``port`` (-1 at sea), and the middle of the port.
    places
        Latitude and longitude of the places that the ports are copied to.
    """
    n_ports = sum(PORTS.values())
    copies = -(-len(places) // n_ports)
    ship = np.tile(rows["ship"].to_numpy(), copies)
    copy = np.repeat(np.arange(copies), len(rows))
    row = np.tile(np.arange(len(rows)), copies)
    lat, lon = np.tile(rows["latitude"].to_numpy(), copies), np.tile(rows["longitude"].to_numpy(), copies)
    port, origin_lat, origin_lon = (ships[name].to_numpy()[ship] for name in ("port", "lat", "lon"))
    sea, place = port < 0, port + copy * n_ports
    there = places[np.minimum(place, len(places) - 1)]
    east = geo.turn_deg(origin_lon, lon) * np.cos(np.radians(origin_lat)) / np.cos(np.radians(there[:, 0]))
    lon = geo.turn_deg(0.0, np.where(sea, lon + copy * 360.0 / copies, there[:, 1] + east))
    lat, known = np.where(sea, lat, there[:, 0] + lat - origin_lat), np.abs(lat) <= 90
    kept = np.flatnonzero(known & (np.abs(lat) < 89) & (sea | (place < len(places))))
    table = rows.take(pa.array(row[kept])).drop_columns("ship")
    mmsi = table["mmsi"].to_numpy() // 1_000_000 * 1_000_000 + ship[kept] * copies + copy[kept]
    lat, lon = np.round(lat[kept], 6), np.round(lon[kept], 6)
    for name, values in (("mmsi", mmsi), ("latitude", lat), ("longitude", lon)):
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    return table.append_column("H3_int_index_8", pa.array(h3cells.cells_at(lat, lon, 8)))


def _ships(drafts: dict[str, Path]) -> pd.DataFrame:
    """Ships of all drafts, those at sea included, with the middle of their port."""
    parts = []
    for first, (name, draft) in zip((0, PORTS["large"]), drafts.items(), strict=True):
        known = pd.read_parquet(draft / "truth" / "vessels.parquet", columns=["mmsi", "port_id"])
        ports = pd.read_csv(draft / "ports.csv").assign(port=lambda table, n=first: n + np.arange(len(table)))
        known = known.drop_duplicates("mmsi").merge(ports[["port_id", "port", "lat", "lon"]], on="port_id")
        heard = pq.read_table(draft / "feed", columns=["mmsi"])["mmsi"].unique().to_pandas()
        table = pd.DataFrame({"mmsi": heard}).merge(known, on="mmsi", how="left").assign(draft=name)
        parts.append(table.assign(port=table["port"].fillna(-1).astype(int)).fillna({"lat": 0.0, "lon": 0.0}))
    return pd.concat(parts, ignore_index=True)


def _numbered(rows: pa.Table, ships: pd.DataFrame, name: str) -> pa.Table:
    number = pd.Series(ships.index, index=ships["mmsi"]).loc[(ships["draft"] == name).to_numpy()]
    return rows.append_column("ship", pa.array(number.loc[rows["mmsi"].to_numpy()].to_numpy()))


if __name__ == "__main__":
    main()
