"""Calls of merchant ships: from sea, perhaps by way of an anchorage, to a berth or two, and out again."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ais_berths.simulate.plan import Plan, passage_s

if TYPE_CHECKING:
    from ais_berths.simulate.scenes import Scene
    from ais_berths.simulate.terminals import Slot

HOUR = 3600.0
DAY = 86_400.0
# Legs on which a ship moves along the quay and is laid alongside, without turning.
STEADY = 2


@dataclass
class Job:
    """A ship on its last or first mile, who may want tugs, a pilot or bunkers."""

    ship: int
    slot: Slot
    place: tuple[complex, float]
    track: list[tuple[float, complex]]
    outbound: bool
    pilot_time: float
    until: float = 0.0


@dataclass
class Harbour:
    """What is taken, until when."""

    free_at: dict[str, float] = field(default_factory=lambda: defaultdict(lambda: -np.inf))
    quay: dict[str, list[tuple[float, float, float]]] = field(default_factory=lambda: defaultdict(list))
    inside: dict[str, tuple[int, float, float, tuple[complex, float]]] = field(default_factory=dict)
    rafts: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    busy: dict[int, float] = field(default_factory=lambda: defaultdict(lambda: -np.inf))
    jobs: list[Job] = field(default_factory=list)


def plan_merchants(plan: Plan, pools: dict[str, list[int]], scale: float) -> Harbour:
    """Bring merchant ships to their berths, to anchor before, and away."""
    harbour = Harbour()
    groups = demand_groups(plan.scene)
    wishes = [
        wish for quay, slots in groups.items() for wish in _wishes(plan, quay, slots, pools[quay], scale)
    ]
    for time, quay, ship in sorted(wishes):
        fits = [s for s in groups[quay] if s.shortest_m <= plan.length[ship] <= s.longest_m]
        if fits and harbour.busy[ship] + 12 * HOUR < time:
            _visit(plan, harbour, fits, ship, time)
    return harbour


def demand_groups(scene: Scene) -> dict[str, list[Slot]]:
    """Berths that merchant ships ask for, by quay."""
    groups: dict[str, list[Slot]] = defaultdict(list)
    for slot in scene.slots:
        if slot.use == "commercial" and slot.trade != "ferry":
            groups[slot.quay_id or slot.slot_id].append(slot)
    return groups


# a merchant's visit ----------------------------------------------------------------------------------


def _wishes(
    plan: Plan, quay: str, slots: list[Slot], ships: list[int], scale: float
) -> list[tuple[float, str, int]]:
    """When ships of a quay's pool turn up at sea: some on a schedule, the rest at random."""
    rng = plan.rng
    rate = scale * sum(slot.occupancy * berths_in(slot) / (slot.dwell_h + 3) for slot in slots) / HOUR
    span = plan.end_s - plan.start_s
    wishes: list[tuple[float, str, int]] = []
    liners = [ship for ship in ships if rng.random() < 0.2]
    for ship in liners:
        period = float(rng.choice([3.5, 7.0, 7.0, 14.0])) * DAY
        times = np.arange(plan.start_s + rng.uniform(0, period), plan.end_s, period)
        wishes.extend((float(t + rng.normal(0, 3 * HOUR)), quay, ship) for t in times)
    n = max(int(rng.poisson(rate * span)) - len(wishes), 1)
    tramps = [ship for ship in ships if ship not in liners] or ships
    times = plan.start_s + span * rng.random(n)
    wishes.extend((float(t), quay, int(s)) for t, s in zip(times, rng.choice(tramps, n), strict=True))
    if slots[0].trade == "cruise":  # cruise ships come in the morning
        wishes = [(t - t % DAY + rng.uniform(2.5, 5.0) * HOUR, q, s) for t, q, s in wishes]
    return wishes


def _visit(plan: Plan, harbour: Harbour, fits: list[Slot], ship: int, time: float) -> None:
    """One call: sea, perhaps the roads, berth, perhaps another berth, sea."""
    rng, call = plan.rng, plan.new_call()
    ready = time + 2.3 * HOUR + (rng.uniform(3, 14) * HOUR if rng.random() < 0.15 else 0.0)
    if _raft(plan, harbour, fits, ship, ready, call):
        return
    stay = _stay_s(plan, fits[0])
    soonest, slot, along = min(
        (_soonest(plan, harbour, slot, ship, ready, stay) for slot in fits),
        key=lambda c: (c[0], c[1].longest_m),
    )
    if soonest - ready > 8 * DAY:
        return
    place, from_m = _lie(plan, slot, ship, along)
    beside = _beside(harbour, fits, slot, soonest) if rng.random() < 0.05 else None
    if beside is not None:  # a ship across the line between two berths
        border = slot.length_m if abs(beside.start - slot.start - slot.along * slot.length_m) < 5 else 0.0
        shift = rng.uniform(-0.15, 0.15) * plan.length[ship]
        place = plan.side_place(slot, border + shift, plan.width[ship]), place[1]
        harbour.free_at[beside.slot_id] = soonest + stay
    _reach(plan, harbour, ship, slot, place, (time, soonest, call))
    end = soonest + stay
    harbour.jobs[-1].until = end
    _occupy(plan, harbour, slot, ship, (soonest, end), place, along)
    if slot.kind == "buoy":
        plan.swing(ship, (soonest, end), slot.start, slot.spread, slot=slot.slot_id, call=call)
    else:
        across = beside is not None
        plan.moor(ship, (soonest, end), place, slot, call=call, from_m=from_m, across=across)
    if beside is None and slot.kind == "discrete" and rng.random() < 0.06:
        slot, place, end = _shift(
            plan, harbour, [s for s in fits if s is not slot], slot, (ship, call, place, end)
        )
    harbour.busy[ship] = end
    leave(plan, ship, slot, place, end, harbour)


def _stay_s(plan: Plan, slot: Slot) -> float:
    if slot.trade == "cruise":
        return float(plan.rng.uniform(8, 12)) * HOUR
    return float(np.clip(slot.dwell_h * plan.rng.lognormal(0.0, 0.45), 2.5, 200.0)) * HOUR


def _soonest(
    plan: Plan, harbour: Harbour, slot: Slot, ship: int, ready: float, stay: float
) -> tuple[float, Slot, float]:
    """Earliest time at a slot, and on a continuous quay the middle of a gap that stays free."""
    turnover = plan.rng.uniform(0.7, 2.0) * HOUR
    if slot.kind != "continuous":
        return max(ready, harbour.free_at[slot.slot_id] + turnover), slot, slot.length_m / 2
    taken = harbour.quay[slot.slot_id]
    need = plan.length[ship] + 2 * plan.rng.uniform(8, 20)
    for time in sorted({ready, *(until + turnover for *_, until in taken if until + turnover > ready)}):
        present = sorted((a, b) for a, b, until in taken if until + 0.5 * HOUR > time)
        edges = [0.0, *(x for pair in present for x in pair), slot.length_m]
        gaps = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= need]
        if gaps:
            a, b = gaps[int(plan.rng.integers(len(gaps)))]
            return time, slot, a + need / 2 + (b - a - need) * float(plan.rng.random())
    return ready + stay + 9 * DAY, slot, 0.0


def _lie(plan: Plan, slot: Slot, ship: int, along: float) -> tuple[tuple[complex, float], float]:
    """Hull centre and heading at a slot, and the first metre on a continuous quay."""
    if slot.kind == "buoy":
        return (slot.start + plan.near(0j, 40.0), 0.0), np.nan
    if slot.kind == "continuous":
        place = plan.side_place(slot, along, plan.width[ship]), plan.side_heading(slot)
        return place, along - plan.length[ship] / 2
    return plan.berth_place(slot, ship), np.nan


def _occupy(
    plan: Plan,
    harbour: Harbour,
    slot: Slot,
    ship: int,
    time: tuple[float, float],
    place: tuple[complex, float],
    along: float,
) -> None:
    if slot.kind == "continuous":
        half = plan.length[ship] / 2
        harbour.quay[slot.slot_id].append((along - half, along + half, time[1]))
    else:
        harbour.free_at[slot.slot_id] = time[1]
        harbour.inside[slot.slot_id] = (ship, *time, place)


def _beside(harbour: Harbour, fits: list[Slot], slot: Slot, time: float) -> Slot | None:
    """Return the next berth on the same straight quay, if free."""
    if slot.kind != "discrete":
        return None
    for other in fits:
        gap = min(
            abs(other.start - slot.start - slot.along * slot.length_m),
            abs(slot.start - other.start - other.along * other.length_m),
        )
        if other is not slot and gap < 5 and harbour.free_at[other.slot_id] < time - 0.5 * HOUR:
            return other
    return None


def _raft(plan: Plan, harbour: Harbour, fits: list[Slot], ship: int, ready: float, call: int) -> bool:
    """Lie outside a ship that stays longer, where that is done."""
    for slot in fits:
        if slot.slot_id not in harbour.inside or plan.rng.random() > slot.raft:
            continue
        inner, since, until, (z, heading) = harbour.inside[slot.slot_id]
        stay = min(_stay_s(plan, slot), until - ready - 0.5 * HOUR)
        crowded = any(b > ready and a < ready + stay for a, b in harbour.rafts[slot.slot_id])
        if crowded or since + HOUR > ready or stay < 3 * HOUR or plan.length[ship] > 1.1 * plan.length[inner]:
            continue
        place = beside_place(plan, slot, inner, ship, z, 6.0), heading
        arrive(plan, ship, slot, place, ready, harbour)
        plan.moor(ship, (ready, ready + stay), place, slot, rafted=True, call=call)
        harbour.rafts[slot.slot_id].append((ready, ready + stay + HOUR))
        harbour.busy[ship] = ready + stay
        leave(plan, ship, slot, place, ready + stay, harbour)
        return True
    return False


def beside_place(plan: Plan, slot: Slot, inner: int, outer: int, z: complex, sd_m: float) -> complex:
    """Hull centre of a ship lying outside another."""
    gap = plan.rng.uniform(0.5, 1.5) + (plan.width[inner] + plan.width[outer]) / 2
    return complex(z + slot.out * gap + slot.along * plan.rng.normal(0.0, sd_m))


def _shift(
    plan: Plan,
    harbour: Harbour,
    others: list[Slot],
    slot: Slot,
    lying: tuple[int, int, tuple[complex, float], float],
) -> tuple[Slot, tuple[complex, float], float]:
    """Move to another free berth of the quay, if there is one."""
    ship, call, place, end = lying
    free = [s for s in others if s.kind == "discrete" and harbour.free_at[s.slot_id] + 0.5 * HOUR < end]
    if not free:
        return slot, place, end
    new = free[int(plan.rng.integers(len(free)))]
    new_place = plan.berth_place(new, ship)
    way = [*reversed(slot.approach), *new.approach]
    out, slow = to_berth(plan, ship, slot, place[0], way[:1], [2.5])
    back, slower = to_berth(plan, ship, new, new_place[0], way, [2.5] * len(way))
    points, speeds = [*out[:0:-1], *back], [*slow[:0:-1], *slower]
    _, there = plan.sail(ship, points, speeds, start=end, headings=(place[1], new_place[1]), steady=STEADY)
    until = there + 0.6 * _stay_s(plan, new)
    _occupy(plan, harbour, new, ship, (there, until), new_place, 0.0)
    plan.moor(ship, (there, until), new_place, new, call=call)
    return new, new_place, until


# in, out and waiting ---------------------------------------------------------------------------------


def _reach(
    plan: Plan,
    harbour: Harbour,
    ship: int,
    slot: Slot,
    place: tuple[complex, float],
    when: tuple[float, float, int],
) -> None:
    """Come in from sea, by way of an anchorage when there is time to wait."""
    time, berthed, call = when
    areas = plan.scene.anchorages
    near = [a for a in areas if a.kind == "near" and plan.length[ship] < 170]
    far = [a for a in areas if a.kind == "far"]
    area = near[0] if near and (not far or plan.rng.random() < 0.6) else far[0] if far else None
    if area is not None and berthed - time > 4.5 * HOUR:
        spot = plan.anchor_place(area.area_id, time, berthed, 2 * plan.length[ship] + 150.0)
        inner = plan.last_mile(slot, place[0])
        inner = inner if slot.kind == "buoy" else [plan.near(plan.scene.fairway[2], 60.0), *inner]
        points, speeds = [spot, *inner], [0.6, *np.linspace(7.0, 1.8, len(inner)).tolist()]
        points, speeds = to_berth(plan, ship, slot, place[0], points, speeds)
        weigh = berthed - float(passage_s(points, speeds).sum())
        start, there = to_anchor(plan, ship, spot, area.kind, time)
        if weigh - there > HOUR:
            drag = plan.rng.uniform(150, 700) * np.exp(2j * np.pi * plan.rng.random())
            plan.swing(
                ship,
                (there, weigh),
                spot,
                chain_m(plan, ship, area.kind),
                area=area.area_id,
                call=call,
                drag=complex(drag) if plan.rng.random() < 0.06 else 0j,
            )
            _finish(plan, ship, slot, place, (points, speeds, weigh), harbour)
            return
        del plan.legs[start:]
    arrive(plan, ship, slot, place, berthed, harbour)


def to_anchor(plan: Plan, ship: int, spot: complex, kind: str, time: float) -> tuple[int, float]:
    """Sail from sea to an anchorage; returns the first leg's row and the time there."""
    first = len(plan.legs)
    way = plan.scene.sea if kind == "near" else plan.scene.sea[:2]
    points = [*(plan.near(z, 150.0) for z in way), spot]
    speeds = [plan.cruise[ship], *np.linspace(9.0, 5.0, len(way) - 1), 0.5]
    return first, plan.sail(ship, points, speeds, start=time)[1]


def chain_m(plan: Plan, ship: int, kind: str = "far") -> float:
    """Chain laid out along the bottom (m)."""
    most = 60.0 if kind == "near" else 170.0
    return float(np.clip(0.3 * plan.length[ship] + plan.rng.uniform(10, most), 30.0, 260.0))


def arrive(
    plan: Plan,
    ship: int,
    slot: Slot,
    place: tuple[complex, float],
    berthed: float,
    harbour: Harbour | None = None,
) -> None:
    """Come in from sea and be at the berth at a time."""
    points, speeds = to_berth(plan, ship, slot, place[0], *plan.way_in(ship, slot, place[0]))
    start = berthed - float(passage_s(points, speeds).sum())
    _finish(plan, ship, slot, place, (points, speeds, start), harbour)


def to_berth(
    plan: Plan, ship: int, slot: Slot, place: complex, points: list[complex], speeds: list[float]
) -> tuple[list[complex], list[float]]:
    """The way to a place at a berth or buoy, to its end."""
    if slot.kind == "buoy":
        return [*points, place], [*speeds, 0.3]
    last, slow = plan.alongside(ship, slot, place, points[-1])
    return [*points, *last, place], [*speeds, *slow, 0.3]


def _finish(
    plan: Plan,
    ship: int,
    slot: Slot,
    place: tuple[complex, float],
    way: tuple[list[complex], list[float], float],
    harbour: Harbour | None,
) -> None:
    points, speeds, start = way
    heading = place[1] if slot.kind != "buoy" else None
    plan.sail(ship, points, speeds, start=start, headings=(None, heading), steady=STEADY)
    if harbour is not None:
        times = start + np.concatenate([[0.0], np.cumsum(passage_s(points, speeds))])
        track = list(zip(times.tolist(), points, strict=True))
        harbour.jobs.append(Job(ship, slot, place, track, outbound=False, pilot_time=float(times[1])))


def leave(
    plan: Plan,
    ship: int,
    slot: Slot,
    place: tuple[complex, float],
    time: float,
    harbour: Harbour | None = None,
) -> float:
    """Put to sea at a time; returns when the ship is there."""
    points, speeds = to_berth(plan, ship, slot, place[0], *plan.way_in(ship, slot, place[0]))
    points, speeds = points[::-1], speeds[::-1]
    heading = place[1] if slot.kind != "buoy" else None
    _, at_sea = plan.sail(ship, points, speeds, start=time, headings=(heading, None), steady=STEADY)
    if harbour is not None:
        times = time + np.concatenate([[0.0], np.cumsum(passage_s(points, speeds))])
        track = list(zip(times.tolist(), points, strict=True))
        harbour.jobs.append(Job(ship, slot, place, track, outbound=True, pilot_time=float(times[-2])))
    return at_sea


def berths_in(slot: Slot) -> float:
    """About how many ships a slot holds at once."""
    return slot.length_m / 300.0 if slot.kind == "continuous" else 1.0
