"""What the commands print: summaries and aligned tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from ais_berths.redact import printable

if TYPE_CHECKING:
    import pandas as pd

    from ais_berths.pipeline import Summary


def print_summary(summary: Summary, *, as_json: bool) -> None:
    """Print what a run did: rows, reasons, berths and seconds."""
    quality = summary.quality
    if as_json:
        record = {
            "out": str(summary.out),
            "counts": summary.counts,
            "berths_by_port": summary.berths_by_port,
            "quality": quality.to_dict("records"),
            "seconds": {name: round(value, 3) for name, value in summary.seconds.items()},
        }
        click.echo(json.dumps(record, indent=1, ensure_ascii=False))
        return
    width = max([12, *map(len, summary.counts)])
    for name, count in summary.counts.items():
        click.echo(f"{name:<{width}}{count:>14,}")
    if len(quality):
        click.echo("\nRows by reason")
        click.echo(text_table(quality))
    hint = _hint(quality)
    if hint:
        click.echo(f"\n{hint}")
    if summary.berths_by_port:
        click.echo("\nBerths by port")
        for name, count in summary.berths_by_port.items():
            click.echo(f"  {count:>6}  {printable(name)}")
    spent = ", ".join(f"{name} {seconds:.1f}" for name, seconds in summary.seconds.items())
    click.echo(f"\nSeconds by stage: {spent}")
    click.echo(f"Results are in {summary.out}")


def _hint(quality: pd.DataFrame) -> str:
    """What to look at where no row was kept, or most stops or many times are not as expected; else empty."""
    rows = quality.groupby("reason")["rows"].sum()
    read, timeless = rows.get("row_read", 0), rows.get("time_unreadable", 0)
    kept = rows.get("stop_at_berth", 0) + rows.get("stop_at_anchorage", 0)
    some = rows.get("near_port", 0) > 0
    many = max(_MANY_SPEEDS, rows.get("speed_compared", 0) / 2)
    reasons = (
        (some and timeless > read / 10, _FEW_TIMES),
        (some and rows.get("stop_of_another_port", 0) > kept, _OTHER_PORTS),
        (some and rows.get("position_unreadable", 0) > read / 10, _FEW_PLACES),
        (rows.get("speed_above_way", 0) >= many, _HIGH_SPEEDS),
        (rows.get("speed_below_way", 0) >= many, _LOW_SPEEDS),
        (some, ""),
        (read == 0, "The input holds no rows."),
        (timeless > read / 2, _NO_TIMES),
        (rows.get("outside_period", 0) + rows.get("outside_area_or_period", 0) > 0, _NOT_THEN),
        (rows.get("not_a_ship_mmsi", 0) > 0, _NO_SHIPS),
        (rows.get("outside_area", 0) > 0, _NOT_THERE),
    )
    return next((text for holds, text in reasons if holds), "")


# Fewer may be chance.
_MANY_SPEEDS = 20
_FEW_TIMES = (
    "More than a tenth of the rows have no time that can be read (time_unreadable). If day and month are\n"
    "exchanged in the format of the mapping, the times that were read are wrong too."
)
_FEW_PLACES = (
    "More than a tenth of the rows have no position that can be read (position_unreadable). If longitudes\n"
    'go from 0 to 360, write position = "deg 0-360" under [units] of a mapping.'
)
_HIGH_SPEEDS = (
    "Most ships under way moved more slowly than they said (speed_above_way). Check speed under [units]\n"
    "of the mapping: km/h taken for knots are nearly twice as high, tenths of knots ten times."
)
_LOW_SPEEDS = (
    "Most ships under way moved faster than they said (speed_below_way). Check speed under [units] of\n"
    "the mapping: m/s taken for knots are half as high."
)
_OTHER_PORTS = (
    "Most stops here were given to other ports of the list, which are nearer (stop_of_another_port).\n"
    "If they belong to yours, choose those ports too, or give points or an area of your own with --ports."
)
_NO_TIMES = (
    "Most rows have no time that can be read. NMEA sentences need it in tag blocks or $PGHP lines;\n"
    "for tables, check [time] of the mapping."
)
_NOT_THEN = "No row lies near the chosen ports in the chosen period. If some should, check --start and --end."
_NO_SHIPS = (
    "All rows near ports were dropped because their MMSI are not those of ships. If the ids in "
    "your data were made\nanonymous, set ship_numbers_only = false under [clean] in a --config file."
)
_NOT_THERE = (
    "No row lies near the chosen ports. If some should, check which ports were chosen, and "
    "whether\nlatitude and longitude are swapped or have other units."
)


def text_table(frame: pd.DataFrame) -> str:
    """Aligned columns without control characters: names may come from strangers."""
    cells = [[_plain(value) for value in row] for row in frame.itertuples(index=False)]
    rows = [list(map(str, frame.columns)), *cells]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return str(round(value, 6))
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return printable(text)
