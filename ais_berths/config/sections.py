"""The settings of each step: their meaning, defaults and bounds."""

from __future__ import annotations

from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class Section(BaseModel):
    """Base of all settings: immutable, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


class CellsConfig(Section):
    """Which H3 cells around the ports are kept."""

    radius_nm: float = Field(12.0, gt=0, le=100, description="radius around each port (nautical miles)")
    margin_m: float = Field(
        2000.0,
        ge=0,
        le=20_000,
        description="extra width read beyond the radius, so that places on its edge are whole (m)",
    )
    resolution: int = Field(8, ge=5, le=10, description="H3 resolution of the filter cells")


class CleanConfig(Section):
    """Which pings cannot be true."""

    max_speed_kn: float = Field(
        70.0, gt=20, description="a step between two pings that needs more speed is a jump (kn)"
    )
    spare_speed_kn: float = Field(
        5.0, gt=0, description="how much faster than both reported speeds a step may be (kn)"
    )
    min_spike_m: float = Field(
        100.0, gt=0, description="a single ping this far out and back is a spike if no ship is that fast (m)"
    )
    spare_spike_kn: float = Field(
        1.0, gt=0, description="out and back must be this much faster than twice the reported speed (kn)"
    )
    pick_up_kn_min: float = Field(
        1.5, gt=0, description="speed that a ship may gain unseen in each minute between two pings (kn/min)"
    )
    min_jump_m: float = Field(
        1000.0, gt=0, description="steps shorter than this are never jumps, whatever their speed (m)"
    )
    junk_mmsi: tuple[int, ...] = Field(
        (111111111, 123456789, 222222222, 333333333, 444444444, 555555555, 666666666, 777777777, 1193046),
        description="MMSI that many ships send by mistake; their rows are dropped",
    )
    ship_numbers_only: bool = Field(
        default=True,
        description="drop rows whose MMSI is not a ship's; set to false if the ids of your data are anonymous",
    )
    min_track_pings: int = Field(
        5, ge=1, description="pings that a second ship on the same MMSI needs to be kept as a track"
    )


class StopsConfig(Section):
    """When a ship stays in a place."""

    enter_kn: float = Field(0.5, gt=0, description="a stop begins below this speed (kn)")
    leave_kn: float = Field(1.0, gt=0, description="a stop ends above this speed (kn)")
    min_duration_h: float = Field(0.33, gt=0, description="shorter stops are not counted (h)")
    min_open_h: float = Field(
        0.1, gt=0, description="the same for stops whose arrival or departure was not seen (h)"
    )
    max_radius_m: float = Field(
        1100.0, gt=0, description="a stop stays within this distance of its own median position (m)"
    )
    settled_h: float = Field(
        3.0, gt=0, description="a stay this long in one place is a stop apart from the drifting around it (h)"
    )
    max_gap_h: float = Field(
        2.0, gt=0, description="a longer gap ends a stop, unless the ship is in the same place after it (h)"
    )
    same_place_m: float = Field(
        150.0, gt=0, description="two stops this close, with no trip between them, are one stop (m)"
    )
    shift_m: float = Field(
        60.0,
        gt=0,
        description="the same where both places are known well: a longer move along the quay parts them (m)",
    )
    hasty_kn: float = Field(
        3.0,
        gt=0,
        description="a ship that has not moved is taken to be at rest up to this reported speed (kn)",
    )
    max_same_place_gap_h: float = Field(
        72.0, gt=0, description="the longest gap that a stay in the same place may have (h)"
    )
    max_trip_h: float = Field(
        0.5, ge=0, description="faster pings for no longer than this do not part two stops in one place (h)"
    )
    max_swing_h: float = Field(
        2.0, ge=0, description="the longest swing of a ship at anchor that is too fast for a stop (h)"
    )
    max_silence_h: float = Field(
        12.0,
        gt=0,
        description="a ship seen coming or going nearby is taken to lie still in a silence up to this (h)",
    )
    speed_window_s: float = Field(
        180.0, gt=0, description="time over which speed is measured from positions where SOG is missing (s)"
    )


class MooringConfig(Section):
    """Alongside a quay, at anchor, at a single-point mooring, or adrift."""

    adrift_radius_m: float = Field(
        450.0,
        gt=0,
        description="a drift radius beyond this and 1.5 times the length speaks against an anchor (m)",
    )
    neighbour_m: float = Field(250.0, gt=0, description="distance within which other stops are evidence (m)")
    neighbour_weight: float = Field(
        2.0, ge=0, description="how much the neighbours count (log-likelihood ratio when they all agree)"
    )
    same_berth_m: float = Field(
        12.0,
        gt=0,
        description="ships that lay this close to each other at different times used one berth (m)",
    )
    buoy_m: float = Field(
        40.0, gt=0, description="distance between the pivots of two stays at one mooring buoy, at most (m)"
    )


class HullsConfig(Section):
    """From antenna fixes to ship footprints."""

    max_length_m: float = Field(450.0, gt=0, description="longer ships are taken for a typing error (m)")
    max_width_m: float = Field(75.0, gt=0, description="wider ships are taken for a typing error (m)")
    neighbours: int = Field(40, ge=1, description="stops nearby that a stop is compared with, at most")
    berth_play_m: float = Field(
        8.0, gt=0, description="how far the middles of different ships at one berth lie apart (m)"
    )
    learned_gain: float = Field(
        0.7, gt=0, lt=1, description="an antenna is called learned when its error fell below this share"
    )


class BerthsConfig(Section):
    """From footprints to berths."""

    min_overlap: float = Field(
        0.55, gt=0, lt=1, description="share of the smaller footprint that two visits to one berth share"
    )
    max_turn_deg: float = Field(
        20.0, gt=0, le=90, description="largest angle between two footprints of one berth, bow or stern (deg)"
    )
    raft_gap_m: float = Field(
        8.0, ge=0, description="widest gap between two ships of which one lies outside the other (m)"
    )
    berth_spread: float = Field(
        0.35, gt=0, description="how far the middles of the ships of one berth spread, in ship lengths"
    )
    bandwidth: float = Field(
        0.08, gt=0, description="smoothing of ship positions along a quay, in ship lengths"
    )
    valley: float = Field(
        0.5, gt=0, lt=1, description="how far ship density falls between two berths, against the lower peak"
    )
    discrete_share: float = Field(
        0.6, gt=0, le=1, description="share of stops in compact places below which a quay is continuous"
    )
    conflict_share: float = Field(
        0.15, ge=0, lt=1, description="share of visits to a berth that may overlap in time with another"
    )
    reach_share: float = Field(
        0.1, ge=0, lt=1, description="overlap along the quay, in lengths of the shorter ship, that is no play"
    )
    odd_share: float = Field(
        0.2, ge=0, lt=1, description="share of visits that may lie across berths before a quay is continuous"
    )
    doubtful_share: float = Field(
        0.05, gt=0, lt=1, description="overlap from which a doubtful footprint belongs to a known berth"
    )
    continuous_room: float = Field(
        1.7, gt=1, description="ships of the usual length that a continuous quay has room for, at least"
    )
    continuous_gap_m: float = Field(
        250.0, ge=0, description="widest unused stretch that is looked at along a continuous quay (m)"
    )
    continuous_gap_ships: float = Field(
        0.75, ge=0, description="unused stretch that does not part a continuous quay, in ship lengths"
    )
    continuous_fleet: float = Field(
        0.4,
        ge=0,
        le=1,
        description="share of ships in common from which a place is part of a continuous quay",
    )
    line_offset_m: float = Field(
        12.0, gt=0, description="hulls on one quay line have a side or their middles this close (m)"
    )
    edge_quantile: float = Field(
        0.05, ge=0, lt=0.5, description="share of ships that reach beyond each edge of a berth polygon"
    )
    min_stops: int = Field(1, ge=1, description="moored stops that make a berth")
    min_evidence: float = Field(
        0.95,
        ge=0,
        lt=1,
        description="least probability that at least one stop of a berth is moored, not anchored say",
    )
    cell_resolution: int = Field(12, ge=9, le=15, description="H3 resolution of the berth cells")


class QuaysConfig(Section):
    """From berths to quay lines."""

    max_gap_m: float = Field(150.0, gt=0, description="berths of one quay are at most this far apart (m)")
    max_offset_m: float = Field(25.0, gt=0, description="berths of one quay lie on one line within this (m)")
    max_turn_deg: float = Field(
        12.0, gt=0, description="berths of one quay point the same way within this (deg)"
    )
    rival_m: float = Field(
        3000.0, gt=0, description="a port this much farther than the nearest may still be the port (m)"
    )
    terminal_m: float = Field(
        500.0, gt=0, description="quays this close together are of one port if their traffic says so (m)"
    )
    traffic_weight: float = Field(
        1.5, ge=0, description="how much the other quays of the same ships count against the distance"
    )


class AnchoragesConfig(Section):
    """From anchored stops to anchorages."""

    eps_m: float = Field(700.0, gt=0, description="anchored ships this close belong to one anchorage (m)")
    min_stops: int = Field(2, ge=1, description="anchored stops that make an anchorage")


class RegistryConfig(Section):
    """When a place of a run is a place of the register, and when the register changes."""

    min_score: float = Field(
        0.3, gt=0, lt=1, description="likeness (0 to 1) from which two places are taken for one"
    )
    change_factor: float = Field(
        1.5,
        ge=1,
        description="visits that split or merge berths, in multiples of those that their shapes rest on",
    )
    half_life_days: float = Field(
        180.0, gt=0, description="time after which the visits that a shape rests on count half (days)"
    )
    moved_m: float = Field(
        15.0, gt=0, description="a berth whose middle moved or whose length changed by more has moved (m)"
    )
    gone_days: float = Field(
        90.0, gt=0, description="time without a visit after which a place has vanished (days)"
    )


class CallsConfig(Section):
    """When stops are one call, and when a ship has left."""

    kinds: tuple[Literal["moored", "buoy", "anchored", "adrift"], ...] = Field(
        ("moored", "buoy", "anchored"), description="kinds of stop that make a port call"
    )
    min_pings: int = Field(1, ge=1, description="stops with fewer pings make no call")
    min_stay_h: float = Field(0.0, ge=0, description="shorter port calls are left out (h)")
    max_absence_h: float = Field(
        0.5, ge=0, description="a ship back at its berth after no longer than this is on the same call (h)"
    )
    same_place_m: float = Field(
        40.0,
        ge=0,
        description="two stops this close and this soon are one berth call, whatever the berth (m)",
    )
    max_silence_h: float = Field(
        72.0, ge=0, description="silence between two stops at one berth that does not end the call (h)"
    )
    seen_h: float = Field(
        4.0,
        ge=0,
        description="an arrival or departure between pings this close together is seen (h)",
    )
    creep_s: float = Field(
        240.0,
        ge=0,
        description="a ship may move this long within the pings of its stay, which widens its bounds (s)",
    )
    max_away_h: float = Field(
        24.0, ge=0, description="a ship without a stop in the port for longer has left it (h)"
    )
    leave_m: float = Field(
        10_000.0,
        ge=0,
        description="a ship seen this far out of the way between two stops has left the port (m)",
    )
    anchor_reach_m: float = Field(
        50_000.0, ge=0, description="a ship at anchor may wait for a berth this far away (m)"
    )


_Group = Literal["cargo", "tanker", "passenger", "tug", "fishing", "leisure", "service", "other", "unknown"]


class IndicatorsConfig(Section):
    """What is counted, by which periods, and from how many vessels on it is published."""

    timezone: str = Field("UTC", description="time zone of days, weeks and months, such as Europe/Copenhagen")
    periods: tuple[Literal["day", "week", "month"], ...] = Field(
        ("day", "week", "month"), min_length=1, description="lengths of the periods"
    )
    groups: tuple[_Group, ...] = Field(
        ("cargo", "tanker", "passenger"), min_length=1, description="vessel groups that are counted"
    )
    uses: tuple[Literal["commercial", "service", "fishing", "leisure", "unknown"], ...] = Field(
        ("commercial",), description="uses of the berths that are counted; none: all"
    )
    anchorage_only: bool = Field(default=False, description="count port calls of ships that only anchored")
    max_stay_quantile: float = Field(
        1.0, gt=0, le=1, description="port calls longer than this quantile of all of the port are left out"
    )
    edge_h: float = Field(
        6.0,
        ge=0,
        description="a ship first heard at rest within this time of the first ping did not arrive (h)",
    )
    min_vessels: int = Field(
        3, ge=1, description="figures from fewer different vessels are suppressed; 1: none"
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("expected a name such as UTC or Europe/Copenhagen") from error
        return name


class HexagonsConfig(Section):
    """The predecessor's method: DBSCAN over the centres of counted H3 cells.

    The defaults are the setting named published; the other named setting is in `hexagons`.
    """

    max_speed_kn: float = Field(0.5, gt=0, description="slower pings are counted as stationary (kn)")
    count_resolution: int = Field(8, ge=5, le=15, description="H3 resolution of the first counts")
    fine_resolution: int = Field(13, ge=8, le=15, description="H3 resolution of the cells that are clustered")
    parent_resolution: int = Field(
        10, ge=5, le=15, description="H3 resolution of the area, not above the fine resolution"
    )
    min_count: int = Field(2, ge=1, description="pings that a fine cell needs")
    eps_m: float = Field(1000.0, gt=0, description="cells this close belong together (m)")
    min_samples: int = Field(1, ge=1, description="weight within eps_m that makes a core cell")
    weighted: bool = Field(default=False, description="let each cell weigh as much as its pings")

    @model_validator(mode="after")
    def _coarse_to_fine(self) -> HexagonsConfig:
        coarsest = max(self.count_resolution, self.parent_resolution)
        if coarsest > self.fine_resolution:
            message = f"fine_resolution is {self.fine_resolution}, expected at least {coarsest}"
            raise ValueError(message)
        return self


class RunConfig(Section):
    """How the work is cut; no effect on the result."""

    chunk_rows: int = Field(
        1_000_000, ge=1000, description="raw rows of a file that are read in one go, about"
    )
    task_rows: int = Field(
        4_000_000, ge=1000, description="raw rows that one task reads, chunk after chunk, about"
    )
    buckets: int = Field(16, ge=1, le=4096, description="parts into which the pings are laid out by vessel")
    task_pings: int = Field(
        200_000, ge=1000, description="pings that are cleaned together, about; a vessel is never cut"
    )
    task_stops: int = Field(
        50_000, ge=1, description="stops whose calls are made together, about; a vessel is never cut"
    )
