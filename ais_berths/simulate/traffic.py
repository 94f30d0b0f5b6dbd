"""The fleet of a port, and ships that need no merchant berth: ferries, passing ships, ships in the roads."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ais_berths.simulate.calls import DAY, HOUR, arrive, berths_in, chain_m, demand_groups, leave, to_anchor
from ais_berths.simulate.fleet import draw_ships
from ais_berths.simulate.plan import KN, Plan

if TYPE_CHECKING:
    from ais_berths.simulate.scenes import Scene

# Way out to sea and in again, in ways out.
_THERE_AND_BACK = 2.2
HOME_TRADES = ("tug", "pilot", "bunker", "fishing", "yacht")


def muster(
    rng: np.random.Generator, scene: Scene, days: float, scale: float
) -> tuple[pd.DataFrame, dict[str, list[int]]]:
    """Draw the fleet of one port.

    Returns
    -------
    The ships, and for each quay, each home slot and ``passing`` the rows of its ships.
    """
    parts: list[pd.DataFrame] = []
    pools: dict[str, list[int]] = {}
    count = 0

    def add(key: str, trade: str, n: int, low: float, high: float) -> None:
        nonlocal count
        parts.append(draw_ships(rng, trade, n, low, high))
        pools.setdefault(key, []).extend(range(count, count + n))
        count += n

    for quay, slots in demand_groups(scene).items():
        calls = sum(days * 24 * slot.occupancy * berths_in(slot) / (slot.dwell_h + 3) for slot in slots)
        n = max(3, round(calls * rng.uniform(0.5, 1.0) * scale))
        shares = np.array([slot.length_m + 200.0 for slot in slots])
        for slot, k in zip(slots, rng.multinomial(n, shares / shares.sum()), strict=True):
            add(quay, slot.trade, max(1, int(k)), slot.shortest_m, slot.longest_m)
    for slot in scene.slots:
        if slot.trade == "ferry":
            add(slot.slot_id, "ferry", 1 if rng.random() < 0.7 else 2, 0.8 * slot.length_m, slot.longest_m)
        elif slot.trade in HOME_TRADES:
            add(slot.slot_id, slot.trade, 1, 0.6 * slot.length_m, 0.92 * slot.length_m)
    add("passing", "general", max(2, round(22 * scale)), 60, 180)
    add("passing", "towing", max(2, round(8 * scale)), 18, 45)
    add("roads", "bulk", max(2, round(6 * scale)), 110, 300)
    return pd.concat(parts, ignore_index=True), pools


def plan_ferries(plan: Plan, pools: dict[str, list[int]]) -> None:
    """Regular lines: the same ferry, the same way round, many short calls."""
    rng = plan.rng
    for slot in plan.scene.slots:
        if slot.trade != "ferry":
            continue
        ferries = pools[slot.slot_id]
        stay, away = rng.uniform(0.5, 1.5) * HOUR, rng.uniform(3.2, 9.0) * HOUR
        nights = rng.random() < 0.5
        time, turn = plan.start_s + rng.uniform(0, 6) * HOUR, 0
        back = dict.fromkeys(ferries, plan.start_s)
        while time < plan.end_s:
            ship = ferries[turn % len(ferries)]
            time = max(time, back[ship])
            until = time + stay * rng.uniform(0.85, 1.15)
            if nights and until % DAY < 5 * HOUR:
                until = until - until % DAY + 5.5 * HOUR
            place = plan.berth_place(slot, ship)
            call = plan.new_call()
            arrive(plan, ship, slot, place, time)
            plan.moor(ship, (time, until), place, slot, call=call)
            at_sea = leave(plan, ship, slot, place, until)
            back[ship] = until + _THERE_AND_BACK * (at_sea - until)
            time = until + away / len(ferries) * rng.uniform(0.95, 1.1)
            turn += 1


def plan_passing(plan: Plan, pools: dict[str, list[int]], per_day: float) -> None:
    """Ships that pass through the harbour and up or down the river without stopping, some very slowly."""
    rng, scene = plan.rng, plan.scene
    busy: dict[int, float] = defaultdict(lambda: -np.inf)
    way = [*scene.fairway, *scene.upstream]
    for time in _random_times(plan, per_day):
        ship = int(rng.choice(pools["passing"]))
        if busy[ship] > time:
            continue
        slow = rng.random() < 0.15
        inside = rng.uniform(1.3, 2.6) if slow else rng.uniform(4.0, 7.0)
        cruise = plan.cruise[ship]
        speeds = [cruise, min(cruise, 9.0), 7.0, *[inside] * (len(way) - 4), min(cruise, 8.0)]
        points = [plan.near(z, 25.0) for z in way]
        if rng.random() < 0.5:
            points, speeds = points[::-1], speeds[::-1]
        _, end = plan.sail(ship, points, speeds, start=time)
        busy[ship] = end + 8 * HOUR


def plan_roads(plan: Plan, pools: dict[str, list[int]], per_day: float) -> None:
    """Ships that anchor or drift off the port and leave again without a berth."""
    rng, scene = plan.rng, plan.scene
    far = [area for area in scene.anchorages if area.kind == "far"]
    busy: dict[int, float] = defaultdict(lambda: -np.inf)
    for time in _random_times(plan, per_day):
        ship = int(rng.choice(pools["roads"]))
        if busy[ship] > time:
            continue
        stay = rng.uniform(4, 40) * HOUR
        sea, pilot = scene.fairway[0], scene.fairway[1]
        if far and rng.random() < 0.7:
            room_until = time + stay + 4 * HOUR
            place = plan.anchor_place(far[0].area_id, time, room_until, 2 * plan.length[ship] + 150.0)
            _, there = to_anchor(plan, ship, place, "far", time)
            until_s = there + stay
            plan.swing(
                ship, (there, until_s), place, chain_m(plan, ship), area=far[0].area_id, call=plan.new_call()
            )
        else:
            place = sea + (pilot - sea) * rng.uniform(0.4, 0.8) + plan.near(0j, 1500.0)
            _, there = plan.sail(ship, [plan.near(sea, 500.0), place], [plan.cruise[ship], 0.6], start=time)
            until_s = there + min(stay, 8 * HOUR)
            heading = float(rng.uniform(0, 360))
            way = rng.uniform(0.15, 0.45) * KN * (until_s - there) * np.exp(2j * np.pi * rng.random())
            plan.drift(ship, (there, until_s), place, heading, complex(way))
            place = complex(place + way)
        plan.sail(ship, [place, plan.near(sea, 500.0)], [0.6, plan.cruise[ship]], start=until_s)
        busy[ship] = until_s + DAY


def _random_times(plan: Plan, per_day: float) -> list[float]:
    n = int(plan.rng.poisson(per_day * (plan.end_s - plan.start_s) / DAY))
    return sorted((plan.start_s + (plan.end_s - plan.start_s) * plan.rng.random(n)).tolist())
