"""The report as one plain dictionary; every form of the report is made from it and from nothing else."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pandas as pd

from ais_berths import __version__
from ais_berths.definitions import NAMES, describe
from ais_berths.errors import ConfigError, EmptyInputError, PortError
from ais_berths.grids import ALL
from ais_berths.periods import LEVELS
from ais_berths.ports import find_port
from ais_berths.report import measures, series
from ais_berths.report.atlas import port_atlas, vessel_grids
from ais_berths.report.measures import Profile
from ais_berths.report.notes import NOTES, port_notes
from ais_berths.report.places import anchorage_rows, berth_rows, use_rows, visit_rows
from ais_berths.report.settings import ReportSettings
from ais_berths.report.visits import (
    Period,
    beyond,
    counted_uses,
    outside,
    port_visits,
    whole_period,
    with_data,
    within,
)
from ais_berths.report.words import STAGES, TYPE_GROUPS, USES, iso_time, safe_text
from ais_berths.tables import indicators_minimum, settings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ais_berths.report.tables import Tables
    from ais_berths.report.visits import PortVisits

# Counts of a run that are no totals of suppressed figures.
_COUNTS_WITHOUT_SHIPS = ("rows", "pings")
_HEARD = {
    "key": "hours_heard",
    "label": "Hours in which ships were heard",
    "unit": "h",
    "digits": 0,
    "change": None,
    "suppressed": False,
}


def summarise(
    tables: Tables,
    ports: Sequence[str] = (),
    *,
    uses: Sequence[str] = ("commercial",),
    compare: Sequence[Period] = (),
    public: bool = False,
    settings: ReportSettings | None = None,
) -> dict[str, Any]:
    """Turn the tables of a run into the figures of a report.

    Parameters
    ----------
    tables
        Results of a run.
    ports
        Ports by number, UN/LOCODE or name; all ports with berths when none is named.
    uses
        Uses of the berths that count; all where a port has no berth of these uses.
    compare
        Periods to set side by side; none or at least two.
    public
        Leave out ships' numbers and names, single visits, and every figure that rests on too few ships.
    settings
        Limits.

    Returns
    -------
    A dictionary of numbers, texts, lists and dictionaries, ready for JSON. Times are texts in ISO 8601 (UTC),
    shares lie between 0 and 1, missing figures are None.

    Raises
    ------
    PortError
        A named port is unknown or has no results in this folder.
    EmptyInputError
        There is no berth at all.
    ConfigError
        Periods of a public report overlap.
    """
    settings = settings or ReportSettings()
    profile = Profile(public=public, min_vessels=settings.min_vessels)
    if public:
        _check_apart(compare)
    period = whole_period(tables)
    chosen = _choose_ports(tables, ports)
    sections = [
        _port(tables, port_id, uses, period, compare, profile, settings)
        for port_id in chosen[: settings.max_ports]
    ]
    grids = vessel_grids(
        tables.pings,
        [port["map"]["view"]["grid"] for port in sections],
        period,
        settings.map_columns,
        profile,
    )
    for port, grid in zip(sections, grids, strict=True):
        port["map"]["vessels"] = grid
    return {
        "report": "ais-berths port report",
        "version": __version__,
        "public": public,
        "min_vessels": settings.min_vessels if public else None,
        "period": {
            "start": iso_time(period.start),
            "end": iso_time(period.end),
            "hours": round(period.hours, 3),
        },
        "compare": [{"start": iso_time(span.start), "end": iso_time(span.end)} for span in compare],
        "ports": sections,
        "more_ports": [_port_head(tables, port_id) for port_id in chosen[settings.max_ports :]],
        "quality": _quality(tables.quality, public=public),
        "run": _run(tables.run, public=public),
        "notes": dict(NOTES),
    }


# helpers ------------------------------------------------------------------------------------------


def _check_apart(periods: Sequence[Period]) -> None:
    """Periods that overlap would give away, by their difference, figures that rest on too few ships."""
    ordered = sorted(periods, key=lambda period: period.start)
    for earlier, later in pairwise(ordered):
        if later.start < earlier.end:
            raise ConfigError(
                "the periods of a public report must not overlap; "
                f"{iso_time(earlier.end)} lies after {iso_time(later.start)}"
            )


def _choose_ports(tables: Tables, wanted: Sequence[str]) -> list[str]:
    """Named ports in the order of their naming, or all that have berths, the busiest first."""
    busy = tables.berths.groupby("port_id")["n_stops"].sum().sort_values(ascending=False, kind="stable")
    there = set(busy.index) | set(tables.anchorages["port_id"].dropna())
    if not wanted:
        if busy.empty:
            raise EmptyInputError("the results hold no berth in any port, so there is nothing to report on")
        return [str(port_id) for port_id in busy.index]
    chosen = dict.fromkeys(_find(tables, name, there) for name in wanted)
    for port_id in chosen:
        if port_id not in there:
            with_berths = ", ".join(_name(tables, str(other)) for other in busy.index[:12]) or "no port"
            raise PortError(
                f"these results have no berth in {_name(tables, port_id)}; they have berths in {with_berths}"
            )
    return list(chosen)


def _find(tables: Tables, name: str, there: set[str]) -> str:
    if name in there:
        return name
    here = tables.ports[tables.ports["port_id"].isin(there)]
    try:
        # A name that fits several ports of the world may fit one of the results.
        return find_port(here, name)
    except PortError:
        return find_port(tables.ports, name)


def _name(tables: Tables, port_id: str) -> str:
    head = _port_head(tables, port_id)
    return f"{head['name']} ({head['locode'] or port_id})"


def _port_head(tables: Tables, port_id: str) -> dict[str, Any]:
    rows = tables.ports[tables.ports["port_id"] == port_id]
    first = rows.iloc[0].to_dict() if len(rows) else {}
    texts = {name: safe_text(first.get(name)) for name in ("name", "locode", "country")}
    return {
        "port_id": safe_text(port_id),
        **texts,
        "name": texts["name"] or f"Port {safe_text(port_id)}",
        "lat": round(float(first["lat"]), 5) if first else None,
        "lon": round(float(first["lon"]), 5) if first else None,
    }


def _port(
    tables: Tables,
    port_id: str,
    uses: Sequence[str],
    period: Period,
    compare: Sequence[Period],
    profile: Profile,
    settings: ReportSettings,
) -> dict[str, Any]:
    counted = counted_uses(tables, port_id, uses)
    own = tables.of_port(port_id)
    everything = port_visits(tables, own, counted)
    visits = within(everything, period)
    berths = tables.berths[tables.berths["port_id"] == port_id]
    all_visits = within(port_visits(tables, own, tuple(USES)), period).berth
    rows = berth_rows(berths[berths["use"].isin(counted)], visits.berth, period, profile)
    at_anchor = visits.anchor.dropna(subset="anchorage_id")
    anchorages = tables.anchorages[tables.anchorages["port_id"] == port_id]
    anchorages = anchorage_rows(anchorages, at_anchor, period, profile)
    shown = [row["berth_id"] for row in rows], [row["anchorage_id"] for row in anchorages]
    # Days less periods would give away the days that are suppressed.
    with_time = not (profile.public and compare)
    indicators = _indicators(tables, port_id, profile)
    # Together with the groups of the indicators, others than these would be known.
    groups = indicators is None or not profile.public
    # Where few ships were heard, the hours tell when they were there.
    hours = own.hours if profile.shows(own.stops["mmsi"]) else None
    section = {
        **_port_head(tables, port_id),
        "basis": visits.basis,
        "uses": list(counted),
        "uses_wanted": [use for use in USES if use in uses],
        "figures": measures.key_figures(visits, period, profile),
        "arrivals": series.arrivals_over_time(
            visits.arrivals, period, profile, by_time=with_time, by_group=groups
        ),
        "ships": series.ships_over_time(visits, period, profile) if with_time else None,
        "coverage_h": _coverage(hours, period),
        "clock_h": math.ceil((period.end - period.start.floor("h")) / pd.Timedelta(hours=1)),
        "heard": series.hours_heard(hours, period, profile) if with_time else None,
        "time_at_berth": measures.durations(measures.complete(visits.berth), profile, by_group=groups),
        "waiting": measures.durations(visits.waiting, profile, by_group=groups),
        "berths": rows,
        "berths_hidden": visits.berth["berth_id"].nunique() - len(rows),
        "chart_rows": settings.max_rows,
        "by_use": use_rows(berths, all_visits, counted, profile),
        "anchorages": anchorages,
        "visits": None if profile.public else visit_rows(visits.berth.tail(settings.max_visits)),
        "visits_total": None if profile.public else len(visits.berth),
        "comparison": _comparison(everything, compare, with_data(period, tables), own.hours, profile),
        "indicators": indicators,
        "map": port_atlas(tables, own, *shown, period, profile, settings),
    }
    return {**section, "notes": port_notes(section, profile)}


def _comparison(
    visits: PortVisits,
    periods: Sequence[Period],
    data: Period,
    hours: pd.DataFrame | None,
    profile: Profile,
) -> list[dict[str, Any]]:
    """Key figures of each period side by side; one that must not be shown hides those beside it.

    The hours in which ships were heard come first: a period without any has no figures, not figures of 0.
    Shares of time are those of the time for which there are data.
    """
    if not periods:
        return []
    heard = [_coverage(hours, period) for period in periods]
    sides = [measures.key_figures(within(visits, period), period.within(data), profile) for period in periods]
    # The figures of the whole report less those of the periods must not give away a few ships either.
    begun, lain = (
        measures.key_figures(rest(within(visits, data), periods), data, Profile())
        for rest in (outside, beyond)
    )
    rows = [{**_HEARD, "values": heard}] if hours is not None and profile.shows(visits.berth["mmsi"]) else []
    for at, figure in enumerate(sides[0]):
        values = [None if n == 0 else side[at]["value"] for side, n in zip(sides, heard, strict=True)]
        rest = (lain if figure["key"] in measures.OF_STAYS else begun)[at]
        few = profile.public and 0 < rest["n_vessels"] < profile.min_vessels
        hidden = few or any(side[at]["suppressed"] for side in sides)
        rows.append(
            {
                **{name: figure[name] for name in ("key", "label", "unit", "digits")},
                "values": [None] * len(values) if hidden else values,
                "change": None if hidden else _change(values[0], values[-1]),
                "suppressed": hidden,
            }
        )
    return rows


def _coverage(hours: pd.DataFrame | None, period: Period) -> int | None:
    """Hours of the period in which anything was heard near the port; None where that is not known."""
    if hours is None:
        return None
    heard = hours.loc[hours["n_pings"] > 0, "hour"]
    return int(((heard >= period.start.floor("h")) & (heard < period.end)).sum())


def _change(first: float | None, last: float | None) -> float | None:
    """Change from the first to the last period as a share of the first."""
    return round(last / first - 1, 4) if first and last is not None else None


def _indicators(tables: Tables, port_id: str, profile: Profile) -> dict[str, Any] | None:
    """Indicators of a port by the longest periods that there are, without profiles by hour and weekday.

    None where there are none, or where they were made with a smaller minimum of vessels than is published.
    """
    made_with = indicators_minimum(tables.run)
    if tables.indicators is None or (profile.public and made_with < profile.min_vessels):
        return None
    rows = tables.indicators(port_id)
    rows = rows[rows["part"] == ""]
    period = next((level for level in reversed(LEVELS) if (rows["period"] == level).any()), None)
    columns = ["type_group", "indicator", "period_start", "value", "unit", "n_vessels"]
    columns += ["coverage", "suppressed"]
    rows = rows.loc[rows["period"] == period, columns]
    rows = rows.sort_values("indicator", key=lambda names: names.map(NAMES.index), kind="stable")
    return {
        "period": period,
        "meanings": {str(name): describe(str(name))[1] for name in rows["indicator"].unique()},
        "groups": sorted({str(group) for group in rows["type_group"]} - {ALL}, key=list(TYPE_GROUPS).index),
        "rows": [
            {str(name): _plain(value) for name, value in row.items()} for row in rows.to_dict("records")
        ],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return iso_time(value)
    if isinstance(value, bool) or value is None:
        return value
    if pd.isna(value):
        return None
    if hasattr(value, "item"):
        value = value.item()
    return (
        round(value, 6) if isinstance(value, float) else value if isinstance(value, int) else safe_text(value)
    )


def _quality(quality: pd.DataFrame, *, public: bool) -> list[dict[str, Any]]:
    """Rows dropped and kept; for the public without the numbers of stops, which are totals of figures."""
    order = {stage: at for at, stage in enumerate(STAGES)}
    quality = quality[quality["stage"] != "places"] if public else quality
    rows = [
        {
            "stage": safe_text(row["stage"]),
            "reason": safe_text(row["reason"]),
            "action": safe_text(row["action"]),
            "rows": int(row["rows"]),
        }
        for row in quality.to_dict("records")
    ]
    return sorted(rows, key=lambda row: (order.get(str(row["stage"]), len(order)), row["action"] != "kept"))


def _run(run: dict[str, Any], *, public: bool) -> dict[str, Any]:
    """Run record in short: what was read, with which settings. For the public without paths."""
    job, calls = run.get("job", {}), run.get("calls", {})
    inputs = [
        {
            "path": safe_text(
                PurePosixPath(str(entry["path"]).replace("\\", "/")).name if public else entry["path"], 300
            ),
            "rows": int(entry["rows"]),
        }
        for entry in run.get("inputs", [])
    ]
    return {
        "version": safe_text(run.get("version")),
        "finished": iso_time(pd.Timestamp(run["finished"])) if run.get("finished") else None,
        "python": safe_text(run.get("python")),
        "feed": safe_text(run.get("feed", job.get("feed"))),
        "feed_recognised": job.get("feed") == "auto" and "feed" in run,
        "port_list": "World Port Index (NGA Pub. 150)"
        if job.get("ports_file") is None
        else "the user's own list",
        "bbox": job.get("bbox"),
        "start": safe_text(job.get("start")) or None,
        "end": safe_text(job.get("end")) or None,
        "missing_days": [safe_text(day) for day in run.get("missing_days", [])],
        "n_inputs": len(inputs),
        "inputs": inputs[:100],
        "counts": {
            safe_text(name): int(n)
            for name, n in run.get("counts", {}).items()
            if not public or name in _COUNTS_WITHOUT_SHIPS
        },
        "preset": safe_text(calls.get("preset")) or None,
        "settings": settings_of(run),
        "fingerprint": safe_text(run.get("job_fingerprint")),
    }
