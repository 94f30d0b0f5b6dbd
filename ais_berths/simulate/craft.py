"""Small craft with a home: tugs, pilot boats, bunker barges, fishing vessels and yachts."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from ais_berths.simulate.calls import DAY, HOUR, STEADY, beside_place, to_berth
from ais_berths.simulate.plan import KN, Plan, passage_s
from ais_berths.simulate.traffic import HOME_TRADES

if TYPE_CHECKING:
    from ais_berths.simulate.calls import Harbour, Job
    from ais_berths.simulate.terminals import Slot


def plan_craft(plan: Plan, pools: dict[str, list[int]], harbour: Harbour) -> None:
    """Send small craft out on their work and have them lie at home in between."""
    crews = _crews(plan, pools)
    for job in sorted(harbour.jobs, key=lambda job: job.track[0][0]):
        _serve(plan, crews, job)
    _bunkering(plan, crews, harbour)
    for crew in crews["fishing"]:
        crew.go_fishing()
    for crew in crews["yacht"]:
        crew.go_sailing()
    for group in crews.values():
        for crew in group:
            crew.stay_home()


class Crew:
    """One craft, its home slot and its trips."""

    def __init__(self, plan: Plan, vessel: int, slot: Slot) -> None:
        self.plan = plan
        self.vessel = vessel
        self.slot = slot
        self.place = plan.berth_place(slot, vessel)
        self.speed_kn = float(min(plan.cruise[vessel], 18.0))
        self.trips: list[tuple[float, float]] = []

    def is_free(self, start: float, end: float) -> bool:
        """Whether no other trip falls between two times."""
        return all(end + 300 < a or start - 300 > b for a, b in self.trips)

    def out_to(self, place: complex) -> tuple[list[complex], list[float]]:
        """Return the way from home to a place."""
        way = self.plan.way_home(self.slot)
        fast = np.linspace(0.8 * self.speed_kn, 2.5, len(way)).tolist()
        points, speeds = to_berth(
            self.plan, self.vessel, self.slot, self.place[0], [place, *way], [self.speed_kn, *fast]
        )
        return points[::-1], speeds[::-1]

    def leave_for(self, place: complex, at: float) -> float:
        """Be at a place at a time; returns when the craft leaves home."""
        points, speeds = self.out_to(place)
        return self.plan.sail(
            self.vessel, points, speeds, end=at, headings=(self.place[1], None), steady=STEADY
        )[0]

    def return_from(self, place: complex, at: float) -> float:
        """Go home from a place and return when the craft is there."""
        points, speeds = self.out_to(place)
        way = self.plan.sail(
            self.vessel,
            points[::-1],
            speeds[::-1],
            start=at,
            headings=(None, self.place[1]),
            steady=STEADY,
        )
        return way[1]

    def away_s(self, place: complex) -> float:
        """Seconds from home to a place."""
        return float(passage_s(*self.out_to(place)).sum())

    def go_fishing(self) -> None:
        """Trips of half a day to two days to grounds off the coast, hauling slowly there."""
        plan, rng = self.plan, self.plan.rng
        time = plan.start_s + rng.uniform(0, 40) * HOUR
        while time < plan.end_s:
            sea, pilot = plan.scene.fairway[0], plan.scene.fairway[1]
            ground = pilot + (sea - pilot) * rng.uniform(0.1, 0.9) + plan.near(0j, 2500.0)
            there = time + self.away_s(ground)
            leave = self.leave_for(ground, there)
            spots = [ground, *(plan.near(ground, 1500.0) for _ in range(int(rng.integers(2, 6))))]
            pace = [float(v) for v in rng.uniform(0.8, 3.5, len(spots))]
            _, done = plan.sail(self.vessel, spots, pace, start=there)
            back = self.return_from(spots[-1], done)
            self.trips.append((leave, back))
            time = back + rng.uniform(8, 70) * HOUR

    def go_sailing(self) -> None:
        """Now and then a few hours out and about."""
        plan, rng = self.plan, self.plan.rng
        time, back = plan.start_s + rng.exponential(6 * DAY), plan.start_s
        while time < plan.end_s:
            time = time - time % DAY + rng.uniform(8, 15) * HOUR
            time += DAY if time < back + HOUR else 0.0
            mouth = plan.scene.fairway[2]
            turns = [plan.near(mouth, 1500.0) for _ in range(int(rng.integers(2, 5)))]
            there = time + self.away_s(turns[0])
            leave = self.leave_for(turns[0], there)
            pace = [float(v) for v in rng.uniform(1.5, 6.0, len(turns))]
            _, done = plan.sail(self.vessel, turns, pace, start=there)
            back = self.return_from(turns[-1], done)
            self.trips.append((leave, back))
            time = back + rng.exponential(6 * DAY)

    def stay_home(self) -> None:
        """Lie in the home slot between trips."""
        time = self.plan.start_s
        for leave, back in [*sorted(self.trips), (self.plan.end_s, self.plan.end_s)]:
            if leave - time > 60:
                self.plan.moor(self.vessel, (time, leave), self.place, self.slot)
            time = max(time, back)


def _crews(plan: Plan, pools: dict[str, list[int]]) -> dict[str, list[Crew]]:
    crews: dict[str, list[Crew]] = defaultdict(list)
    for slot in plan.scene.slots:
        if slot.trade in HOME_TRADES:
            crews[slot.trade].append(Crew(plan, pools[slot.slot_id][0], slot))
    return crews


def _serve(plan: Plan, crews: dict[str, list[Crew]], job: Job) -> None:
    length = plan.length[job.ship]
    if length > 85 and plan.rng.random() < 0.9:
        _bring_pilot(crews["pilot"], plan, job)
    if length > 120 and job.slot.kind != "buoy":
        for side in range(2 if length > 190 else 1):
            _assist(crews["tug"], plan, job, side)


def _bring_pilot(crews: list[Crew], plan: Plan, job: Job) -> None:
    place = plan.near(plan.scene.fairway[1], 80.0)
    for crew in crews:
        away = crew.away_s(place)
        if crew.is_free(job.pilot_time - away, job.pilot_time + away + 300):
            leave = crew.leave_for(place, job.pilot_time)
            crew.trips.append((leave, crew.return_from(place, job.pilot_time + 120)))
            return


def _assist(crews: list[Crew], plan: Plan, job: Job, side: int) -> None:
    """Follow the ship alongside on the harbour's last mile, push for a while, go home."""
    track = job.track[:4] if job.outbound else job.track[-4:]
    shift = 0.3 * (1 if side else -1) * plan.length[job.ship]
    for crew in crews:
        beside = job.slot.out * (plan.width[job.ship] / 2 + plan.width[crew.vessel] / 2 + 6)
        spots = [z + beside + job.slot.along * shift for _, z in track]
        start, end = track[0][0], track[-1][0]
        hold = plan.rng.uniform(6, 16) * 60
        first, last = (start - hold, end) if job.outbound else (start, end + hold)
        before, after = crew.away_s(spots[0]), crew.away_s(spots[-1])
        if not crew.is_free(first - before, last + after):
            continue
        leave = crew.leave_for(spots[0], first)
        if job.outbound:
            _push(plan, crew, spots[0], first, start)
        _follow(plan, crew, [t for t, _ in track], spots)
        if not job.outbound:
            _push(plan, crew, spots[-1], end, last)
        crew.trips.append((leave, crew.return_from(spots[-1], last)))
        return


def _follow(plan: Plan, crew: Crew, times: list[float], spots: list[complex]) -> None:
    for i in range(len(spots) - 1):
        seconds = times[i + 1] - times[i]
        if seconds > 1:
            speed = abs(spots[i + 1] - spots[i]) / seconds / KN
            plan.sail(crew.vessel, spots[i : i + 2], [speed, speed], start=times[i])


def _push(plan: Plan, crew: Crew, spot: complex, start: float, end: float) -> None:
    """Hardly move for some minutes."""
    nudge = spot + plan.near(0j, 4.0)
    speed = max(abs(nudge - spot) / (end - start) / KN, 0.03)
    plan.sail(crew.vessel, [spot, nudge], [speed, speed], start=start)


def _bunkering(plan: Plan, crews: dict[str, list[Crew]], harbour: Harbour) -> None:
    """Barges alongside one long call in seven, where no other ship lies outside."""
    for job in harbour.jobs:
        if job.until - job.track[-1][0] < 8 * HOUR or job.slot.kind == "buoy" or plan.length[job.ship] < 80:
            continue
        start = job.track[-1][0] + plan.rng.uniform(1, 3) * HOUR
        end = min(start + plan.rng.uniform(2, 5) * HOUR, job.until - HOUR)
        rafts = harbour.rafts[job.slot.slot_id]
        if plan.rng.random() > 0.14 or any(a < end and b > start for a, b in rafts):
            continue
        if any(_bunker(plan, crew, job, start, end) for crew in crews["bunker"]):
            rafts.append((start, end))


def _bunker(plan: Plan, crew: Crew, job: Job, start: float, end: float) -> bool:
    spread = 0.15 * plan.length[job.ship]
    z = beside_place(plan, job.slot, job.ship, crew.vessel, job.place[0], spread)
    heading = (job.place[1] + (0.0 if plan.rng.random() < 0.6 else 180.0)) % 360.0
    home, slow = crew.out_to(job.slot.approach[0])
    inner = list(job.slot.approach[1:])
    points, speeds = to_berth(
        plan, crew.vessel, job.slot, z, [*home, *inner], [*slow[:-1], *[4.0] * (len(inner) + 1)]
    )
    travel = float(passage_s(points, speeds).sum())
    if not crew.is_free(start - travel, end + travel):
        return False
    plan.sail(crew.vessel, points, speeds, end=start, headings=(crew.place[1], heading), steady=STEADY)
    plan.moor(crew.vessel, (start, end), (z, heading), job.slot, rafted=True)
    _, back = plan.sail(
        crew.vessel, points[::-1], speeds[::-1], start=end, headings=(heading, crew.place[1]), steady=STEADY
    )
    crew.trips.append((start - travel, back))
    return True
