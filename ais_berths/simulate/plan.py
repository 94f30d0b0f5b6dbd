"""The movements of one port: legs sailed and stops made, each with exact times and places."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ais_berths.simulate.scenes import Scene
    from ais_berths.simulate.terminals import Slot

KN = 1852.0 / 3600.0

LEG_COLUMNS = ("vessel", "t0", "t1", "z0", "z1", "v0", "v1", "h0", "h1")
STOP_COLUMNS = (
    "vessel",
    "t0",
    "t1",
    "kind",
    "z",
    "heading",
    "chain",
    "slot",
    "area",
    "rafted",
    "across",
    "call",
    "from_m",
    "drag",
)


@dataclass
class Plan:
    """Everything that happens in one port.

    Parameters
    ----------
    scene
        The port.
    ships
        Its fleet; `vessel` is the row number.
    rng
        Source of chance.
    start_s, end_s
        Period in seconds of the Unix epoch, warm-up included.
    """

    scene: Scene
    ships: pd.DataFrame
    rng: np.random.Generator
    start_s: float
    end_s: float
    legs: list[tuple[Any, ...]] = field(default_factory=list)
    stops: list[tuple[Any, ...]] = field(default_factory=list)
    n_calls: int = 0

    def __post_init__(self) -> None:
        self.length = self.ships["length_m"].to_numpy()
        self.width = self.ships["width_m"].to_numpy()
        self.cruise = self.ships["cruise_kn"].to_numpy()
        self.slots = {slot.slot_id: slot for slot in self.scene.slots}
        self.anchored: dict[str, list[tuple[complex, float, float]]] = defaultdict(list)
        # A source of its own, so that how ships are steered changes nothing else that happens.
        self.helm = self.rng.spawn(1)[0]

    def new_call(self) -> int:
        """Return the number of a new port call."""
        self.n_calls += 1
        return self.n_calls

    # moving --------------------------------------------------------------------------------------

    def sail(
        self,
        vessel: int,
        points: Sequence[complex],
        speeds_kn: Sequence[float],
        *,
        start: float | None = None,
        end: float | None = None,
        headings: tuple[float | None, float | None] = (None, None),
        steady: int = 0,
    ) -> tuple[float, float]:
        """Sail along points, speed changing evenly between them, and return the times of start and end.

        Parameters
        ----------
        start, end
            Exactly one of the two (s).
        headings
            Where given, the ship lies so at the first or the last point and turns on that leg.
        steady
            Legs at that end on which it lies so already, or still, and does not turn.
        """
        hours = passage_s(points, speeds_kn)
        total = float(hours.sum())
        begin = start if start is not None else float(end or 0.0) - total
        times = begin + np.concatenate([[0.0], np.cumsum(hours)])
        last = len(points) - 2
        courses = [heading_deg(way) for way in np.diff(np.asarray(points)).tolist()]
        for i, course in enumerate(courses):
            first = final = course
            if headings[0] is not None and i <= steady:
                first = headings[0]
                final = course if i == steady else first
            if headings[1] is not None and i >= last - steady:
                final = headings[1]
                first = final if i > last - steady else courses[i - 1] if i > 0 else first
            self.legs.append(
                (
                    vessel,
                    times[i],
                    times[i + 1],
                    points[i],
                    points[i + 1],
                    speeds_kn[i] * KN,
                    speeds_kn[i + 1] * KN,
                    first,
                    final,
                )
            )
        return begin, begin + total

    # staying -------------------------------------------------------------------------------------

    def moor(
        self,
        vessel: int,
        when: tuple[float, float],
        place: tuple[complex, float],
        slot: Slot,
        *,
        rafted: bool = False,
        across: bool = False,
        call: int = -1,
        from_m: float = np.nan,
    ) -> None:
        """Lie alongside at a hull centre with a heading."""
        self.stops.append(
            (vessel, *when, "moored", *place, 0.0, slot.slot_id, "", rafted, across, call, from_m, 0j)
        )

    def swing(
        self,
        vessel: int,
        when: tuple[float, float],
        anchor: complex,
        chain_m: float,
        *,
        slot: str = "",
        area: str = "",
        call: int = -1,
        drag: complex = 0j,
    ) -> None:
        """Lie to an anchor in an area, or to the buoy of a slot."""
        kind = "buoy" if slot else "anchored"
        self.stops.append(
            (vessel, *when, kind, anchor, 0.0, chain_m, slot, area, False, False, call, np.nan, drag)
        )

    def drift(
        self, vessel: int, when: tuple[float, float], place: complex, heading: float, way: complex
    ) -> None:
        """Lie stopped at sea while the current takes the ship along `way`."""
        self.stops.append(
            (vessel, *when, "adrift", place, heading, 0.0, "", "", False, False, -1, np.nan, way)
        )

    # places --------------------------------------------------------------------------------------

    def berth_place(self, slot: Slot, vessel: int) -> tuple[complex, float]:
        """Hull centre and heading of a ship in a discrete berth."""
        rng, long = self.rng, self.length[vessel]
        slack = max(slot.length_m - long - 4.0, 0.0)
        sd = 1.0 + slot.spread * slack
        if slot.align == "end":
            along = min(2.0 + long / 2 + abs(rng.normal(0.0, sd)), slot.length_m - long / 2)
        else:
            along = slot.length_m / 2 + float(np.clip(rng.normal(0.0, sd), -slack / 2, slack / 2))
        return self.side_place(slot, along, self.width[vessel]), self.side_heading(slot)

    def side_place(self, slot: Slot, along_m: float, width_m: float) -> complex:
        """Hull centre of a ship lying on its fenders `along_m` from the start of a quay."""
        fender = self.rng.uniform(0.7, 1.8)
        return slot.start + slot.along * along_m + slot.out * (fender + width_m / 2)

    def side_heading(self, slot: Slot) -> float:
        """Bow to one end or the other, as is usual there."""
        way = 1.0 if self.rng.random() < slot.bow_share else -1.0
        return heading_deg(slot.along * way) + float(self.rng.normal(0.0, 0.4))

    def anchor_place(self, area_id: str, t0: float, t1: float, room_m: float) -> complex:
        """A place in an anchorage away from the ships that lie there meanwhile."""
        area = next(a for a in self.scene.anchorages if a.area_id == area_id)
        taken = [z for z, a, b in self.anchored[area_id] if a < t1 and b > t0]
        best, best_room = area.middle, -1.0
        for _ in range(12):
            radius = area.radius_m * np.sqrt(self.rng.random())
            place = area.middle + radius * np.exp(2j * np.pi * self.rng.random())
            room = min((abs(place - z) for z in taken), default=np.inf)
            if room > best_room:
                best, best_room = complex(place), float(room)
            if room > room_m:
                break
        self.anchored[area_id].append((best, t0, t1))
        return best

    # ways ----------------------------------------------------------------------------------------

    def way_in(self, vessel: int, slot: Slot, place: complex) -> tuple[list[complex], list[float]]:
        """Points and speeds from the open sea to the last point before a berth."""
        inner = self.last_mile(slot, place)
        outer = [self.near(z, 150.0) for z in self.scene.sea[: 2 if slot.kind == "buoy" else 3]]
        cruise = self.cruise[vessel]
        slow = np.linspace(6.5, 1.8, len(inner)) * self.rng.uniform(0.8, 1.2)
        return [*outer, *inner], [cruise, min(cruise, 9.5), min(cruise, 7.5)][: len(outer)] + slow.tolist()

    def last_mile(self, slot: Slot, place: complex) -> list[complex]:
        """From the mouth of the harbour to the last point before a place at a berth or buoy."""
        if slot.kind == "buoy":
            return [self.near(z, 60.0) for z in slot.approach]
        ahead = slot.along * float(((place - slot.middle) / slot.along).real)
        shift = ahead if slot.kind == "continuous" else 0j
        return [self.near(z, 15.0) for z in (self.scene.fairway[3], *(w + shift for w in slot.approach))]

    def alongside(
        self, vessel: int, slot: Slot, place: complex, before: complex
    ) -> tuple[list[complex], list[float]]:
        """Where a ship moves along the quay to its place, outer point first, and at what speeds.

        Ships do not come in sideways: on the last 200 m the courses of four cargo ships in five at real ports
        are within 15 degrees of their heading at the berth (NOAA, three ports, 2020-01-01).
        """
        length = float(self.length[vessel])
        abreast = place + 0.6 * float(self.width[vessel]) * slot.out
        end = np.copysign(1.0, float(((before - place) / slot.along).real))
        chance = complex(*self.helm.normal(0.0, 0.1 * length, 2))
        return [abreast + length * (end * slot.along + 0.2 * slot.out) + chance, abreast], [2.0, 0.8]

    def way_home(self, slot: Slot) -> list[complex]:
        """From the harbour fairway to a berth."""
        return [self.near(z, 10.0) for z in slot.approach]

    def near(self, place: complex, sd_m: float) -> complex:
        """A place moved by chance."""
        east, north = self.rng.normal(0.0, sd_m, 2)
        return place + complex(east, north)

    # results -------------------------------------------------------------------------------------

    def leg_table(self) -> pd.DataFrame:
        """One row per leg."""
        return pd.DataFrame(self.legs, columns=list(LEG_COLUMNS)).astype({"vessel": "int64"})

    def stop_table(self) -> pd.DataFrame:
        """One row per stop."""
        return pd.DataFrame(self.stops, columns=list(STOP_COLUMNS)).astype({"vessel": "int64"})


def heading_deg(way: complex) -> float:
    """Direction of a vector, clockwise from north."""
    return float(np.degrees(np.arctan2(way.real, way.imag)) % 360.0)


def passage_s(points: Sequence[complex], speeds_kn: Sequence[float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Seconds for each leg when speed changes evenly along it."""
    steps = np.abs(np.diff(np.asarray(points)))
    speeds = np.asarray(speeds_kn) * KN
    result: np.ndarray[Any, np.dtype[np.float64]] = 2 * steps / np.maximum(speeds[:-1] + speeds[1:], 0.05)
    return result
