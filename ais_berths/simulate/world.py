"""From a seed to ports, their traffic, the reports and the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ais_berths import schema
from ais_berths.simulate.calls import DAY, plan_merchants
from ais_berths.simulate.craft import plan_craft
from ais_berths.simulate.fleet import name_ships
from ais_berths.simulate.ocean import draw_ocean
from ais_berths.simulate.plan import Plan
from ais_berths.simulate.reports import Reception, Weather, hear, segment_table
from ais_berths.simulate.scenes import draw_scene
from ais_berths.simulate.settings import SimulateConfig, read_settings
from ais_berths.simulate.traffic import muster, plan_ferries, plan_passing, plan_roads
from ais_berths.simulate.truth import Truth, join_truth, port_truth, times

if TYPE_CHECKING:
    from ais_berths.simulate.scenes import Scene

WARM_UP_DAYS = 8.0
_SIDES = ("bow", "stern", "port", "starboard")


@dataclass
class World:
    """All ports of a simulation, planned."""

    plans: list[Plan]
    ships: pd.DataFrame
    segments: pd.DataFrame
    ports: list[tuple[float, float, Weather]]
    first_vessel: list[int]
    first_stop: list[int]
    points: list[complex]
    period: tuple[float, float]

    @property
    def ocean(self) -> pd.DataFrame:
        """Ships on the high seas."""
        return self.ships.iloc[self.first_vessel[-1] :]

    @property
    def n_stops(self) -> int:
        """Stops of all ports, warm-up included."""
        return self.first_stop[-1]

    def truth(self, heard: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Truth:
        """Truth of all ports, given how many reports of each stop were received."""
        parts = []
        for i, plan in enumerate(self.plans):
            ships = self.ships.iloc[self.first_vessel[i] : self.first_vessel[i + 1]].reset_index(drop=True)
            mine = heard[self.first_stop[i] : self.first_stop[i + 1]]
            parts.append(port_truth(plan, ships, self.first_vessel[i], mine, self.period, self.points[i]))
        return _with_mmsi(join_truth(parts), self.ships)


def simulate_port(
    config: SimulateConfig | None = None,
    *,
    rng: np.random.Generator | int = 0,
    **options: Any,
) -> tuple[pd.DataFrame, pd.DataFrame, Truth]:
    """Simulate one port, or a few, in memory.

    Parameters
    ----------
    config
        Options; the defaults where None, but reports of ships at rest no closer than three minutes and of
        ships under way no closer than one. What concerns files is ignored.
    rng
        Generator or seed.
    **options
        Fields of `SimulateConfig`, put over `config`.

    Returns
    -------
    Pings in the columns of the table ``pings`` up to ``coarse`` (without the positions that no filter lets
    through, missing or at 0/0; nothing else is cleaned); static reports as the table ``statics``; the truth.

    Raises
    ------
    ConfigError
        An option is unknown or impossible.

    Examples
    --------
    >>> pings, statics, truth = simulate_port(days=1, rng=1, scene=["general"])
    >>> sorted(truth.berths["berth_kind"].unique()), pings["mmsi"].isin(statics["mmsi"]).all()
    (['discrete'], np.True_)
    """
    settings = read_settings(config, {"report_s": 180.0} | options if config is None else options)
    generator = np.random.default_rng(rng)
    world = plan_world(generator, settings)
    how = Reception(settings.reception == "satellite", *settings.thinning_s())
    reports = hear(generator, world.segments, world.ships, world.ports, how)
    truth = world.truth(count_heard(reports, world.n_stops))
    return (
        canonical_pings(reports, world.ships),
        canonical_statics(reports, world.ships, settings.sizes),
        truth,
    )


def plan_world(rng: np.random.Generator, config: SimulateConfig) -> World:
    """Draw ports and fleets and plan everything that happens.

    Ships move for some days before the feed, so that it begins in the middle of life.
    """
    begin = pd.Timestamp(config.start, tz="UTC").timestamp()
    period = (begin, begin + config.days * DAY)
    lat, lon = config.at or (float(rng.uniform(-50, 62)), float(rng.uniform(-180, 180)))
    bearing = rng.uniform(0, 2 * np.pi)
    near = config.ports > 1 and config.spacing_km < 30
    along = complex(np.sin(bearing), np.cos(bearing)) if near else None
    room = max(config.spacing_km * 1000 - 1500, 800.0) if near else 8000.0
    kinds = None if config.scene == "mixed" else list(config.scene)
    plans: list[Plan] = []
    places: list[tuple[float, float, Weather]] = []
    tables: list[pd.DataFrame] = []
    for port in range(config.ports):
        there = _beyond(lat, lon, config.spacing_km * 1000.0 * port, bearing)
        scene = draw_scene(rng, port, there, kinds, room_m=room, turn=along)
        plan = _plan_port(rng, scene, config, period)
        plans.append(plan)
        places.append((*there, Weather(rng, plan.start_s, plan.end_s + 3 * DAY)))
        tables.append(plan.ships.assign(port=port))
    if config.ocean:
        n = sum(len(table) for table in tables)
        tables.append(draw_ocean(rng, max(1, round(n * config.ocean / (1 - config.ocean)))))
    ships = name_ships(rng, pd.concat(tables, ignore_index=True), config.ports)
    return _assemble(plans, places, ships, period, rng)


def _plan_port(
    rng: np.random.Generator, scene: Scene, config: SimulateConfig, period: tuple[float, float]
) -> Plan:
    scale = 1.0
    if config.ships is not None:
        usual, _ = muster(rng.spawn(1)[0], scene, config.days, 1.0)
        scale = config.ships / len(usual)
    fleet, pools = muster(rng, scene, config.days, scale)
    plan = Plan(scene, fleet, rng, period[0] - WARM_UP_DAYS * DAY, period[1] + DAY)
    harbour = plan_merchants(plan, pools, scale)
    plan_ferries(plan, pools)
    plan_passing(plan, pools, 9.0 * scale)
    plan_roads(plan, pools, 0.5 * scale)
    plan_craft(plan, pools, harbour)
    return plan


def canonical_pings(reports: pd.DataFrame, ships: pd.DataFrame) -> pd.DataFrame:
    """Reports as the table ``pings`` has them, without the positions that no filter lets through."""
    good = (reports["lat"].abs() <= 90) & ~((reports["lat"] == 0) & (reports["lon"] == 0))
    rows = reports[good].reset_index(drop=True)
    frame = pd.DataFrame(
        {
            "mmsi": ships["mmsi"].to_numpy()[rows["vessel"]],
            "time": times(rows["time_s"].to_numpy()),
            "lat": rows["lat"],
            "lon": rows["lon"],
            "sog_kn": rows["sog_kn"].where(rows["sog_kn"] < 102.3),
            "cog_deg": rows["cog_deg"].where(rows["cog_deg"] < 360),
            "heading_deg": rows["heading_deg"].where(rows["heading_deg"] < 360),
            "nav_status": rows["nav_status"],
            "coarse": rows["coarse"],
        }
    )
    return schema.conform(frame, "pings")[list(frame.columns)]


def canonical_statics(reports: pd.DataFrame, ships: pd.DataFrame, sizes: str) -> pd.DataFrame:
    """Static reports of the ships that were heard."""
    counts = np.bincount(reports["vessel"], minlength=len(ships))
    rows = ships.assign(n_reports=counts)[counts > 0]
    dims = {f"to_{side}_m": rows[f"dim_{key}"] for side, key in zip(_SIDES, "abcd", strict=True)}
    length, width = rows["dim_a"] + rows["dim_b"], rows["dim_c"] + rows["dim_d"]
    frame = pd.DataFrame(
        {
            "mmsi": rows["mmsi"],
            "imo": rows["imo"],
            "name": rows["name"],
            "call_sign": rows["call_sign"],
            "type_code": rows["sent_type"],
            "draught_m": rows["draught_m"],
            "n_reports": rows["n_reports"],
        }
    )
    if sizes != "none":
        frame = frame.assign(loa_m=length.where(length > 0), beam_m=width.where(width > 0))
    if sizes == "antenna":
        frame = frame.assign(**{name: values.where(length > 0) for name, values in dims.items()})
    return schema.conform(frame, "statics")


def count_heard(reports: pd.DataFrame, n_stops: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Reports received of each stop."""
    stop = reports["stop"].to_numpy()
    return np.bincount(stop[stop >= 0], minlength=n_stops)


def _assemble(
    plans: list[Plan],
    places: list[tuple[float, float, Weather]],
    ships: pd.DataFrame,
    period: tuple[float, float],
    rng: np.random.Generator,
) -> World:
    first_vessel = [0, *np.cumsum([len(plan.ships) for plan in plans]).tolist()]
    first_stop = [0, *np.cumsum([len(plan.stops) for plan in plans]).tolist()]
    parts = []
    for i, plan in enumerate(plans):
        mine = ships.iloc[first_vessel[i] : first_vessel[i + 1]].reset_index(drop=True)
        part = segment_table(plan, period, mine)
        stop = part["stop"]
        parts.append(
            part.assign(
                vessel=part["vessel"] + first_vessel[i],
                stop=stop.where(stop < 0, stop + first_stop[i]),
                port=i,
            )
        )
    points = [_port_point(plan, rng) for plan in plans]
    segments = pd.concat(parts, ignore_index=True)
    return World(plans, ships, segments, places, first_vessel, first_stop, points, period)


def _port_point(plan: Plan, rng: np.random.Generator) -> complex:
    """Where a port list has the port: one or two kilometres inland or out on the water."""
    middle = min((slot.middle for slot in plan.scene.slots), key=abs, default=0j)
    shore = plan.scene.fairway[4] - plan.scene.fairway[3]
    side = 90.0 * rng.choice([-1.0, 1.0]) + rng.uniform(-45, 45)
    away = shore / abs(shore) * np.exp(1j * np.radians(side)) * rng.uniform(900, 2000)
    return complex(middle + away)


def _beyond(lat: float, lon: float, distance_m: float, bearing: float) -> tuple[float, float]:
    """Position at a distance, along a great circle of the sphere."""
    arc, phi = distance_m / 6_371_008.8, np.radians(lat)
    there = np.arcsin(np.sin(phi) * np.cos(arc) + np.cos(phi) * np.sin(arc) * np.cos(bearing))
    turn = np.arctan2(np.sin(bearing) * np.sin(arc) * np.cos(phi), np.cos(arc) - np.sin(phi) * np.sin(there))
    return float(np.degrees(there)), float((lon + np.degrees(turn) + 180.0) % 360.0 - 180.0)


def _with_mmsi(truth: Truth, ships: pd.DataFrame) -> Truth:
    mmsi = ships["mmsi"].to_numpy()

    def known(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(mmsi=mmsi[table["vessel"].to_numpy(dtype=np.int64)])

    return Truth(
        truth.ports,
        truth.berths,
        truth.quays,
        truth.anchorages,
        truth.places,
        known(truth.stops),
        known(truth.berth_calls),
        known(truth.port_calls),
        truth.vessels,
    )
