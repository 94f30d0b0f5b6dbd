"""Settings of the steps that make places, calls and statistics: their meaning, defaults and bounds."""

from __future__ import annotations

from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from ais_berths.config.sections import Section


class BerthsConfig(Section):
    """From footprints to berths."""

    min_overlap: float = Field(
        0.55,
        gt=0,
        lt=1,
        description="two visits to one berth share at least this part of the smaller footprint",
    )
    max_turn_deg: float = Field(
        20.0,
        gt=0,
        le=90,
        description="largest angle between two footprints of one berth; bow and stern may be swapped (deg)",
    )
    raft_gap_m: float = Field(
        8.0, ge=0, description="widest gap between two ships of which one lies outside the other (m)"
    )
    berth_spread: float = Field(
        0.35, gt=0, description="how far the middles of the ships of one berth may spread, in ship lengths"
    )
    bandwidth: float = Field(
        0.08, gt=0, description="smoothing of the density of ships along a quay, in ship lengths"
    )
    valley: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="between two berths, ship density falls below this share of the lower peak",
    )
    discrete_share: float = Field(
        0.6,
        gt=0,
        le=1,
        description="a quay is continuous if a smaller share of its stops lies in compact places",
    )
    conflict_share: float = Field(
        0.15,
        ge=0,
        lt=1,
        description="share of the visits to a berth that may overlap in time with another visit",
    )
    reach_share: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="overlap along the quay that is ignored as play, in lengths of the shorter ship",
    )
    odd_share: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="share of visits that may lie across two berths before a quay counts as continuous",
    )
    doubtful_share: float = Field(
        0.05, gt=0, lt=1, description="a doubtful footprint belongs to a berth that covers this share of it"
    )
    continuous_room: float = Field(
        1.7, gt=1, description="a continuous quay has room for at least this many ships of its usual length"
    )
    continuous_gap_m: float = Field(
        250.0,
        ge=0,
        description="widest unused stretch across which parts of a continuous quay are looked for (m)",
    )
    continuous_gap_ships: float = Field(
        0.75, ge=0, description="unused stretch that does not divide a continuous quay, in ship lengths"
    )
    continuous_fleet: float = Field(
        0.4,
        ge=0,
        le=1,
        description="share of its ships that also use a continuous quay, for a place to belong to it",
    )
    line_offset_m: float = Field(
        12.0,
        gt=0,
        description="hulls are on one quay line if their sides or middles are within this distance of it (m)",
    )
    edge_quantile: float = Field(
        0.05, ge=0, lt=0.5, description="share of ships that may reach beyond each edge of a berth polygon"
    )
    min_stops: int = Field(1, ge=1, description="number of moored stops that makes a berth")
    min_evidence: float = Field(
        0.95,
        ge=0,
        lt=1,
        description="probability with which at least one stop of a berth must be moored, not at anchor",
    )
    cell_resolution: int = Field(12, ge=9, le=15, description="H3 resolution of the table berth_cells")


class QuaysConfig(Section):
    """From berths to quay lines."""

    max_gap_m: float = Field(150.0, gt=0, description="berths of one quay are at most this far apart (m)")
    max_offset_m: float = Field(
        25.0, gt=0, description="berths of one quay lie at most this far off its line (m)"
    )
    max_turn_deg: float = Field(
        12.0, gt=0, description="berths of one quay differ in direction by at most this angle (deg)"
    )
    rival_m: float = Field(
        3000.0, gt=0, description="a port this much farther than the nearest one may still be chosen (m)"
    )
    terminal_m: float = Field(
        500.0,
        gt=0,
        description="quays this close together may be given to one port because of their traffic (m)",
    )
    traffic_weight: float = Field(
        1.5, ge=0, description="how much the other quays of the same ships count, compared with distance"
    )


class AnchoragesConfig(Section):
    """From anchored stops to anchorages."""

    eps_m: float = Field(
        700.0, gt=0, description="anchored ships this close to each other belong to one anchorage (m)"
    )
    min_stops: int = Field(2, ge=1, description="number of anchored stops that makes an anchorage")


class RegistryConfig(Section):
    """When a place of a run counts as a known place of the register, and when the register changes."""

    min_score: float = Field(
        0.3, gt=0, lt=1, description="likeness (0 to 1) from which two places count as the same place"
    )
    change_factor: float = Field(
        1.5,
        ge=1,
        description="visits needed to split or merge known berths, in multiples of those behind their shapes",
    )
    half_life_days: float = Field(
        180.0, gt=0, description="time after which the visits behind a shape count half (days)"
    )
    moved_m: float = Field(
        15.0,
        gt=0,
        description="a berth is reported as moved if its middle or its length changed by more than this (m)",
    )
    gone_days: float = Field(
        90.0, gt=0, description="a place without a visit for this time has vanished (days)"
    )


class CallsConfig(Section):
    """When stops are one call, and when a ship has left."""

    kinds: tuple[Literal["moored", "buoy", "anchored", "adrift"], ...] = Field(
        ("moored", "buoy", "anchored"), description="kinds of stop that make a port call"
    )
    min_pings: int = Field(1, ge=1, description="stops with fewer pings make no call")
    min_stay_h: float = Field(0.0, ge=0, description="shorter port calls are left out (h)")
    max_absence_h: float = Field(
        0.5,
        ge=0,
        description="a ship back at its berth after no longer than this is on the same berth call (h)",
    )
    same_place_m: float = Field(
        40.0,
        ge=0,
        description="two stops this close, and this soon, are one berth call, even at two berths (m)",
    )
    max_silence_h: float = Field(
        72.0,
        ge=0,
        description="longest silence between two stops at one berth that does not end the berth call (h)",
    )
    seen_h: float = Field(
        4.0, ge=0, description="an arrival or departure between pings this close together counts as seen (h)"
    )
    creep_s: float = Field(
        240.0, ge=0, description="a ship may still be moving for this time at both ends of its stay (s)"
    )
    max_away_h: float = Field(
        24.0, ge=0, description="a ship without a stop in the port for longer than this has left it (h)"
    )
    leave_m: float = Field(
        10_000.0, ge=0, description="a ship seen this far off its way between two stops has left the port (m)"
    )
    anchor_reach_m: float = Field(
        50_000.0, ge=0, description="a ship at anchor at most this far from a berth may be waiting for it (m)"
    )


VesselGroup = Literal[
    "cargo", "tanker", "passenger", "tug", "fishing", "leisure", "service", "other", "unknown"
]


class IndicatorsConfig(Section):
    """What is counted, by which periods, and how many vessels a published figure needs."""

    timezone: str = Field("UTC", description="time zone of days, weeks and months, such as Europe/Copenhagen")
    periods: tuple[Literal["day", "week", "month"], ...] = Field(
        ("day", "week", "month"),
        min_length=1,
        description="lengths of the periods for which figures are made",
    )
    groups: tuple[VesselGroup, ...] = Field(
        ("cargo", "tanker", "passenger"), min_length=1, description="vessel groups that are counted"
    )
    uses: tuple[Literal["commercial", "service", "fishing", "leisure", "unknown"], ...] = Field(
        ("commercial",), description="uses of the berths that are counted; an empty list counts all"
    )
    anchorage_only: bool = Field(default=False, description="count port calls of ships that only anchored")
    max_stay_quantile: float = Field(
        1.0,
        gt=0,
        le=1,
        description="port calls longer than this quantile of the port's are left out; 1: none",
    )
    edge_h: float = Field(
        6.0,
        ge=0,
        description="a ship first heard at rest within this time after the first ping did not arrive (h)",
    )
    min_vessels: int = Field(
        3, ge=1, description="figures that rest on fewer different vessels are withheld; 1 withholds none"
    )

    @field_validator("periods", "groups", "uses")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(names))

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("expected a name such as UTC or Europe/Copenhagen") from error
        return name
