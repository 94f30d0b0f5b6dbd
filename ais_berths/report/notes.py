"""What a reader must know to use the figures, in plain sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ais_berths.report.words import USES, plain_count

if TYPE_CHECKING:
    from ais_berths.report.measures import Profile

NOTES = {
    "time": "All times are Coordinated Universal Time (UTC).",
    "names": "Ship names and types are as the ships sent them, and may be wrong.",
    "polygons": (
        "Berths, quays and anchorages are inferred from where ships lay, not taken from charts. A berth that "
        "no ship used in the period is not shown. Not for navigation."
    ),
    "designations": (
        "The designations used and the presentation of material in this report do not imply the expression "
        "of any opinion concerning the legal status of any country, territory, city or area or of its "
        "authorities, or concerning the delimitation of its frontiers or boundaries."
    ),
}
"""Notes of every report."""


def port_notes(port: dict[str, Any], profile: Profile) -> list[str]:
    """Return the notes on one port: what was counted, what was left out and why.

    Parameters
    ----------
    port
        The port as `summary.summarise` describes it.
    profile
        Public or not.
    """
    return [
        *_counted(port),
        *_TIMES,
        *_unheard(port),
        *_limits(port),
        *(_public(port, profile) if profile.public else []),
    ]


# helpers ------------------------------------------------------------------------------------------

_TIMES = (
    (
        "Means and medians of time use only whole stays, of which both beginning and end were seen. Long "
        "stays are the most likely to be cut off by the ends of the period. So in a short period the true "
        "times are longer than those shown."
    ),
    "Occupancy and mean numbers of ships use every stay, but only the part of it that lies in the period.",
)


def _counted(port: dict[str, Any]) -> list[str]:
    wanted, used = port["uses_wanted"], port["uses"]
    if set(used) == set(USES):
        counted = "Visits to berths of every use are counted."
        if set(wanted) != set(USES):
            counted = (
                f"No berth of this port is known to be {_join(wanted, 'or')}, often because the feed does "
                "not contain the types of ships. So visits to berths of every use are counted, including "
                "those of leisure craft."
            )
    else:
        counted = (
            f"Only visits to {_join(used, 'and')} berths are counted. Berths of other uses appear on the map "
            "and in the table of uses, but in no other figure."
        )
    if port["basis"] == "calls":
        calls = (
            "All figures are made from berth calls and port calls, of ships of all types. Ships that were "
            "there when the data began are included. The table of indicators counts only arrivals, and only "
            "those of the vessel groups that were chosen for it."
        )
        return [counted, calls]
    stops = (
        "The results contain no berth calls, so the figures are made from single stops. A ship that leaves "
        "a berth for a moment and comes back counts twice. The time at anchor of ships of all types is "
        "given instead of waiting."
    )
    return [counted, stops]


def _unheard(port: dict[str, Any]) -> list[str]:
    heard = port["heard"]
    missed = sum(heard["hours"]) - sum(heard["heard_h"]) if heard else 0
    if not missed:
        return []
    text = (
        f"No ship was heard near the port in {plain_count(missed, 'hour')} of the period. In a quiet port "
        "there may have been none. But if data are missing there, numbers of visits "
        "and ships, and occupancy, are too low."
    )
    return [text]


def _limits(port: dict[str, Any]) -> list[str]:
    found = []
    atlas = port["map"]
    for name, what in (("stops", "stops"), ("berths", "berths")):
        drawn, there = len(atlas[name]), atlas[f"n_{name}"]
        if drawn < there:
            found.append(f"The map shows {drawn:,} of {there:,} {what}.")
    listed, total = len(port["visits"] or []), port["visits_total"] or 0
    if listed < total:
        found.append(f"The list and the occupancy chart show the latest {listed:,} of {total:,} visits.")
    if len(port["berths"]) > port["chart_rows"]:
        found.append(
            f"The occupancy chart shows the {port['chart_rows']:,} busiest of {len(port['berths']):,} berths."
        )
    return found


def _public(port: dict[str, Any], profile: Profile) -> list[str]:
    rule = (
        f"Public report: no figure rests on fewer than {profile.min_vessels} different ships. Figures that "
        "would, and those from which such figures could be worked out, are suppressed (marked \u2026). Names "
        "and numbers of ships and single visits are left out."
    )
    notes = [rule]
    if port["berths_hidden"]:
        hidden = port["berths_hidden"]
        verb = "is" if hidden == 1 else "are"
        notes.append(f"{hidden:,} of the berths used {verb} left out for this reason.")
    if port["indicators"] is None:
        notes.append(
            "The table of indicators is left out, because it was made for another minimum number of ships, "
            "or not at all."
        )
    return notes


def _join(words: list[str], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
