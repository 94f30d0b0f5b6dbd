"""Writing feeds day by day in bounded memory, and the truth beside them."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from ais_berths import __version__
from ais_berths.errors import OutputError
from ais_berths.export import write_geojson
from ais_berths.simulate.calls import DAY
from ais_berths.simulate.layouts import Layout
from ais_berths.simulate.ocean import hear_ocean
from ais_berths.simulate.reports import Reception, expected_reports, hear
from ais_berths.simulate.settings import SimulateConfig, read_settings
from ais_berths.simulate.world import World, count_heard, plan_world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ais_berths.simulate.truth import Truth

GEOJSON = {"berths": "berth_id", "quays": "quay_id", "anchorages": "anchorage_id", "places": "place_id"}
PARQUET = ("stops", "berth_calls", "port_calls", "vessels")


def simulate(
    out: str | Path,
    config: SimulateConfig | None = None,
    *,
    rng: np.random.Generator | int = 0,
    **options: Any,
) -> Truth:
    """Simulate a feed and write it with its truth.

    Parameters
    ----------
    out
        New folder, which appears whole or not at all: ``feed/`` (the files of the feed), ``truth/`` (berths,
        quays, anchorages and places as GeoJSON; stops, berth calls, port calls and vessels as Parquet),
        ``ports.csv`` (a port list) and ``simulate.json`` (how it was made).
    config
        Options; the defaults where None.
    rng
        Generator or seed. The same seed and options give the same bytes.
    **options
        Fields of `SimulateConfig`, put over `config`.

    Returns
    -------
    The truth.

    Raises
    ------
    ConfigError
        An option is unknown or impossible.
    OutputError
        The folder is not empty, or cannot be written.
    """
    settings = read_settings(config, options)
    generator = np.random.default_rng(rng)
    with _new_folder(Path(out)) as folder:
        world = plan_world(generator, settings)
        heard, rows = _write_feed(folder / "feed", world, settings, generator)
        truth = world.truth(heard)
        _write_truth(folder, truth)
        record = {
            "version": __version__,
            "seed": int(rng) if isinstance(rng, (int, np.integer)) else None,
            "rows": rows,
            **settings.model_dump(mode="json"),
        }
        (folder / "simulate.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return truth


def iter_reports(
    world: World, config: SimulateConfig, rng: np.random.Generator, day: tuple[float, float]
) -> Iterator[pd.DataFrame]:
    """Reports of one day, some hundred thousand at a time, each piece with ships of all ports."""
    how = Reception(config.reception == "satellite", *config.thinning_s())
    segments = world.segments
    today = segments[(segments["w0"] < day[1]) & (segments["w1"] > day[0])]
    today = today.assign(w0=today["w0"].clip(lower=day[0]), w1=today["w1"].clip(upper=day[1]))
    weight = np.bincount(
        today["vessel"], weights=expected_reports(today, world.ships, how), minlength=len(world.ships)
    )
    order = rng.permutation(len(weight))
    piece = np.empty(len(weight), dtype=np.int64)
    piece[order] = (np.cumsum(weight[order]) / (config.chunk_rows * (1 - config.ocean))).astype(np.int64)
    for number in range(int(piece.max()) + 1):
        mine = today[piece[today["vessel"]] == number].reset_index(drop=True)
        reports = hear(rng, mine, world.ships, world.ports, how)
        if len(world.ocean):
            at_sea = round(len(reports) * config.ocean / (1 - config.ocean))
            reports = pd.concat([reports, hear_ocean(rng, world.ocean, at_sea, day)], ignore_index=True)
        yield reports


def _write_feed(
    folder: Path, world: World, config: SimulateConfig, rng: np.random.Generator
) -> tuple[NDArray[np.int64], int]:
    """Write every day's files; returns the reports of each stop and the number of rows."""
    layout = Layout(world.ships, config)
    heard = np.zeros(world.n_stops, dtype=np.int64)
    late = pd.DataFrame()
    begin, end = world.period
    rows, start = 0, begin
    while start < end or not late.empty:
        day = (start, min(start + DAY, end))
        pieces = iter_reports(world, config, rng, day) if start < end else iter([late.iloc[:0]])
        with _DayFile(folder, config, pd.Timestamp(start, unit="s")) as file:
            for fresh in pieces:
                heard += count_heard(fresh, world.n_stops)
                reports = fresh if start >= end else fresh.assign(filed_s=layout.filed_s(rng, fresh))
                both = pd.concat([late, reports], ignore_index=True) if len(late) else reports
                due = both["filed_s"] < start + DAY
                file.write(layout.table(both[due]))
                late = both[~due]
                rows += int(due.sum())
        start += DAY
    return heard, rows


class _DayFile:
    """The file, or on the platform the folder of part files, of one day."""

    def __init__(self, folder: Path, config: SimulateConfig, day: pd.Timestamp) -> None:
        self.config = config
        self.parts = 0
        self.sink: pq.ParquetWriter | pa.NativeFile | None = None
        if config.feed == "ungp":
            self.path = folder / f"year={day.year}" / f"month={day.month}" / f"day={day.day}"
        elif config.feed == "noaa":
            self.path = folder / f"AIS_{day:%Y_%m_%d}.{config.form}"
        else:
            self.path = folder / f"aisdk-{day:%Y-%m-%d}.csv"

    def __enter__(self) -> _DayFile:
        return self

    def __exit__(self, *_: object) -> None:
        if self.sink is not None:
            self.sink.close()

    def write(self, table: pa.Table) -> None:
        """Append rows."""
        if not len(table):
            return
        if self.config.feed == "ungp":
            self.path.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, self.path / f"part-{self.parts:05d}.parquet", compression="zstd")
            self.parts += 1
        elif self.config.form == "parquet":
            if self.sink is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self.sink = pq.ParquetWriter(self.path, table.schema, compression="zstd")
            self.sink.write_table(table, row_group_size=1 << 20)
        else:
            if self.sink is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self.sink = pa.OSFile(str(self.path), "wb")
                self.sink.write(",".join(table.column_names).encode() + b"\n")
            options = pacsv.WriteOptions(include_header=False, quoting_style="none")
            pacsv.write_csv(table, self.sink, options)


def _write_truth(folder: Path, truth: Truth) -> None:
    where = folder / "truth"
    where.mkdir(parents=True)
    for name, key in GEOJSON.items():
        write_geojson(getattr(truth, name), where / f"{name}.geojson", key)
    for name in PARQUET:
        getattr(truth, name).to_parquet(where / f"{name}.parquet", compression="zstd", index=False)
    truth.ports.to_csv(folder / "ports.csv", index=False, lineterminator="\n")


@contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    """Work in a neighbouring folder that takes the name at the end."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(f"{out} is already there and not empty; choose a new folder")
    draft = out.with_name(f".{out.name}.part")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        yield draft
        if out.exists():
            out.rmdir()
        draft.rename(out)
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
