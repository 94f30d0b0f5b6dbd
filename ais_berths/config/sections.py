"""Settings of the steps that work on positions and ships: their meaning, defaults and bounds."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


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
    """Which pings are dropped because they cannot be true."""

    max_speed_kn: float = Field(
        70.0, gt=20, description="a step between two pings that needs more speed than this is a jump (kn)"
    )
    spare_speed_kn: float = Field(
        5.0,
        gt=0,
        description="how much faster than the reported speeds a step may be without being a jump (kn)",
    )
    min_spike_m: float = Field(
        100.0,
        gt=0,
        description="a ping this far from both neighbours in time is a spike, if no ship is so fast (m)",
    )
    spare_spike_kn: float = Field(
        1.0,
        gt=0,
        description="in a spike, the way out and back is this much faster than twice the reported speed (kn)",
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
        description="drop rows whose MMSI is not a ship's; false: keep all, for data with anonymous ids",
    )
    min_track_pings: int = Field(
        5,
        ge=1,
        description="pings that a second ship on the same MMSI needs to be kept as a track of its own",
    )


class StopsConfig(Section):
    """When a ship counts as staying in a place."""

    enter_kn: float = Field(0.5, gt=0, description="a stop begins below this speed (kn)")
    leave_kn: float = Field(1.0, gt=0, description="a stop ends above this speed (kn)")
    min_duration_h: float = Field(0.33, gt=0, description="shorter stops are not counted (h)")
    min_open_h: float = Field(
        0.1, gt=0, description="the same limit for stops whose arrival or departure was not seen (h)"
    )
    max_radius_m: float = Field(
        1100.0, gt=0, description="all pings of a stop lie within this distance of its median position (m)"
    )
    settled_h: float = Field(
        3.0,
        gt=0,
        description="a stay this long in one place is a stop of its own, apart from drifting around it (h)",
    )
    max_gap_h: float = Field(
        2.0,
        gt=0,
        description="a longer gap without pings ends a stop, unless the ship is still there after it (h)",
    )
    same_place_m: float = Field(
        150.0, gt=0, description="two stops this close, with no trip between them, are one stop (m)"
    )
    shift_m: float = Field(
        60.0,
        gt=0,
        description="the same limit where both places are known well: a longer move separates them (m)",
    )
    hasty_kn: float = Field(
        3.0,
        gt=0,
        description="a ship whose position does not change is at rest up to this reported speed (kn)",
    )
    max_same_place_gap_h: float = Field(
        72.0, gt=0, description="longest gap within a stop, if the ship is still there after it (h)"
    )
    max_trip_h: float = Field(
        0.5,
        ge=0,
        description="faster pings for no longer than this do not separate two stops in the same place (h)",
    )
    max_swing_h: float = Field(
        2.0,
        ge=0,
        description="longest time for which a ship swinging at anchor may be too fast for a stop (h)",
    )
    max_silence_h: float = Field(
        12.0,
        gt=0,
        description="longest rest assumed in a gap beside a stop, if the ship was seen sailing nearby (h)",
    )
    speed_window_s: float = Field(
        180.0,
        gt=0,
        description="where no speed is sent, it is measured from positions over at least this time (s)",
    )


class MooringConfig(Section):
    """Whether a ship lay alongside a quay, at anchor, at a single-point mooring, or adrift."""

    adrift_radius_m: float = Field(
        450.0, gt=0, description="a drift beyond this and 1.5 ship lengths is evidence against an anchor (m)"
    )
    neighbour_m: float = Field(
        250.0, gt=0, description="other stops within this distance count as evidence (m)"
    )
    neighbour_weight: float = Field(
        2.0, ge=0, description="how much neighbours count (log-likelihood ratio if all agree)"
    )
    same_berth_m: float = Field(
        12.0, gt=0, description="ships that lay this close together at different times used one berth (m)"
    )
    buoy_m: float = Field(
        40.0, gt=0, description="stays at one mooring buoy swing around points at most this far apart (m)"
    )


class HullsConfig(Section):
    """From antenna fixes to ship footprints."""

    max_length_m: float = Field(450.0, gt=0, description="a longer ship is taken for a typing error (m)")
    max_width_m: float = Field(75.0, gt=0, description="a wider ship is taken for a typing error (m)")
    neighbours: int = Field(
        40, ge=1, description="number of nearby stops that each stop is compared with, at most"
    )
    berth_play_m: float = Field(
        8.0, gt=0, description="how far apart the middles of different ships at one berth may lie (m)"
    )
    learned_gain: float = Field(
        0.7,
        gt=0,
        lt=1,
        description="an antenna position is learned if its error fell below this share of the usual one",
    )


class HexagonsConfig(Section):
    """The predecessor's method: DBSCAN over the centres of counted H3 cells.

    The defaults are the setting named published; the other named setting is in `hexagons`.
    """

    max_speed_kn: float = Field(
        0.5, gt=0, description="pings up to this speed are counted as stationary (kn)"
    )
    count_resolution: int = Field(8, ge=5, le=15, description="H3 resolution of the first counts")
    fine_resolution: int = Field(13, ge=8, le=15, description="H3 resolution of the cells that are clustered")
    parent_resolution: int = Field(
        10, ge=5, le=15, description="H3 resolution of the areas, not finer than fine_resolution"
    )
    min_count: int = Field(2, ge=1, description="number of pings that a fine cell needs")
    eps_m: float = Field(1000.0, gt=0, description="DBSCAN's distance: cells this close belong together (m)")
    min_samples: int = Field(
        1, ge=1, description="DBSCAN's minimum weight within eps_m, which makes a core cell"
    )
    weighted: bool = Field(
        default=False, description="let each cell weigh as much as its pings; otherwise it weighs 1"
    )

    @model_validator(mode="after")
    def _coarse_to_fine(self) -> HexagonsConfig:
        coarsest = max(self.count_resolution, self.parent_resolution)
        if coarsest > self.fine_resolution:
            message = f"fine_resolution is {self.fine_resolution}, expected at least {coarsest}"
            raise ValueError(message)
        return self


class RunConfig(Section):
    """How the work is divided and recorded; this has no effect on the result."""

    chunk_rows: int = Field(
        1_000_000, ge=1000, description="number of raw rows of a file that are read in one go, about"
    )
    task_rows: int = Field(
        4_000_000, ge=1000, description="number of raw rows that one task reads, chunk after chunk, about"
    )
    buckets: int = Field(
        32, ge=1, le=4096, description="number of groups into which the pings are divided by vessel"
    )
    task_pings: int = Field(
        200_000,
        ge=1000,
        description="number of pings that are cleaned together, about; the pings of one vessel stay together",
    )
    task_stops: int = Field(
        50_000,
        ge=1,
        description="number of stops that are in memory together after the pings, about; places near each "
        "other, the stops of one vessel and those of one port are never cut",
    )
    hash_inputs: bool = Field(
        False,
        description="whether run.json gives the SHA-256 of local input files, which are read again for it",
    )
