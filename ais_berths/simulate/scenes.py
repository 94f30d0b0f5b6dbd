"""Ports drawn by chance: quays with their berths, piers, jetties, buoys, anchorages, a marina, a fairway.

Places are complex numbers, east + north * 1j in metres from the middle of the port. A port is drawn with its
shore along the east axis and the water to the north, then turned, and mirrored half of the time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ais_berths.simulate.terminals import TERMINALS, Slot, new_slot, usual_way


@dataclass(frozen=True)
class Area:
    """A round place: an anchorage, or a marina."""

    area_id: str
    kind: str
    middle: complex
    radius_m: float


@dataclass(frozen=True)
class Scene:
    """One port in its own plane."""

    port: int
    lat: float
    lon: float
    slots: tuple[Slot, ...]
    anchorages: tuple[Area, ...]
    marinas: tuple[Area, ...]
    fairway: tuple[complex, ...]
    upstream: tuple[complex, ...]

    @property
    def sea(self) -> tuple[complex, ...]:
        """Way in from the open sea to the harbour."""
        return self.fairway[:3]


MIXED = (
    ("river", 0.8),
    ("general", 1.0),
    ("bulk", 1.0),
    ("marina", 1.0),
    ("pier", 1.0),
    ("container", 1.0),
    ("roro", 1.0),
    ("service", 1.0),
    ("feeder", 0.6),
    ("jetty", 1.0),
    ("cruise", 0.5),
    ("fishing", 0.5),
)
"""Terminals of a mixed port and the chance of each; a buoy and the anchorages lie outside."""

KINDS = (*TERMINALS, "river", "buoy", "near", "far")
"""Everything that a port may be built of."""


def draw_scene(
    rng: np.random.Generator,
    port: int,
    at: tuple[float, float],
    kinds: list[str] | None = None,
    room_m: float = 8000.0,
    turn: complex | None = None,
) -> Scene:
    """Draw one port.

    Parameters
    ----------
    rng
        Source of chance.
    port
        Number of the port, part of every id.
    at
        Latitude and longitude of the middle of its quays (deg).
    kinds
        Terminals to build (keys of `TERMINALS`, and ``buoy``, ``near``, ``far``); None for a mixed port.
    room_m
        Length of shore that the port may take.
    turn
        Direction of the shore (east + north * 1j); None for any, with the water on either side.
    """
    chosen = kinds if kinds is not None else _choose(rng)
    line, marinas, shore_m, water = _shoreline(rng, port, chosen, room_m)
    harbour = water + 250.0
    line = [_connect(slot, harbour) for slot in line]
    # Of two ports close together, each has its roads in front of itself and away from the other.
    away = turn is not None and port % 2 == 0
    fairway, upstream, bank = _waterway(rng, shore_m, harbour, port, river="river" in chosen, away=away)
    anchorages, buoys = _offshore(rng, chosen, fairway, line, port, away=away)
    facing = turn if turn is not None else complex(np.exp(1j * rng.uniform(0, 2 * np.pi)))
    mirrored = turn is None and bool(rng.random() < 0.5)
    slots, areas = tuple(line + bank + buoys), tuple(anchorages)
    scene = Scene(port, at[0], at[1], slots, areas, tuple(marinas), fairway, upstream)
    return _place(scene, complex(shore_m / 2, 0), facing, mirrored)


def _shoreline(
    rng: np.random.Generator, port: int, kinds: list[str], room_m: float
) -> tuple[list[Slot], list[Area], float, float]:
    """Terminals one after the other along the shore.

    Returns
    -------
    Berths, marinas, length of the shore that is used, and how far terminals reach into the water (m).
    """
    line: list[Slot] = []
    marinas: list[Area] = []
    cursor, water = 0.0, 300.0
    for number, kind in enumerate(k for k in kinds if k in TERMINALS):
        slots, length, depth = TERMINALS[kind](rng)
        if cursor + length > room_m and line:
            continue
        middle = length / 2
        tilt = np.exp(1j * np.radians(rng.uniform(-1, 1) * min(25.0, 6000.0 / max(length, 1.0))))
        lift = abs(tilt.imag) * length / 2 + rng.uniform(0, 120)
        shift = complex(cursor + middle, lift)
        name = f"P{port}-{kind[:3].upper()}{number}"
        if kind == "marina":
            marinas.append(Area(name, "marina", complex(shift + (65j - 25) * tilt), 120.0))
        line.extend(_move(slot, name, shift, middle, complex(tilt)) for slot in slots)
        water = max(water, lift + depth + abs(tilt.imag) * length / 2)
        cursor += length + rng.uniform(120, 420)
    return line, marinas, cursor, water


# the waters ------------------------------------------------------------------------------------------


def _waterway(
    rng: np.random.Generator, shore_m: float, harbour: float, port: int, *, river: bool, away: bool
) -> tuple[tuple[complex, ...], tuple[complex, ...], list[Slot]]:
    """Fairway from sea to the harbour, the way on up the river, and the berths on its curved bank."""
    mouth = complex(shore_m + 900, harbour + 1100)
    seaward = np.exp(1j * np.radians(rng.uniform(40, 80) + 60 * away))
    pilot = mouth + seaward * rng.uniform(5000, 6500)
    sea = pilot + seaward * np.exp(1j * np.radians(rng.uniform(-20, 20))) * rng.uniform(17_000, 21_000)
    fairway = (complex(sea), complex(pilot), mouth, complex(shore_m + 200, harbour), complex(-250, harbour))
    turn = rng.uniform(900, 1600)
    middle = fairway[-1] - 1j * turn
    angles = np.pi / 2 + np.linspace(0, 1.15, 9)
    bend = [complex(middle + turn * np.exp(1j * a)) for a in angles[1:]]
    tail = bend[-1] + 1j * np.exp(1j * angles[-1]) * 6000
    bank = _river_bank(rng, port, fairway[-1], middle, turn, bend) if river else []
    return fairway, (*bend, complex(tail)), bank


def _river_bank(
    rng: np.random.Generator, port: int, harbour: complex, middle: complex, turn: float, bend: list[complex]
) -> list[Slot]:
    """Berths on one bank of a river that bends around `middle`, `turn` metres from there."""
    bank: list[Slot] = []
    side = float(rng.choice([-1.0, 1.0]))
    radius = turn + side * rng.uniform(95, 150)
    size = rng.uniform(95, 140)
    angle, step = np.pi / 2 + 0.25, size / radius
    for i in range(int(rng.integers(3, 6))):
        radial = np.exp(1j * (angle + step / 2))
        along, out = 1j * radial, -side * radial
        start = middle + radius * radial - along * size / 2
        nearest = int(np.argmin([abs(b - start) for b in bend]))
        bank.append(
            new_slot(
                f"P{port}-RIV-{i + 1}",
                "general",
                complex(start),
                size,
                quay_id=f"P{port}-RIV",
                along=complex(along),
                out=complex(out),
                approach=(harbour, *bend[:nearest], complex(start + along * size / 2 + out * 60)),
                dwell_h=30.0,
                occupancy=rng.uniform(0.3, 0.6),
                bow_share=usual_way(rng),
                raft=0.3,
            )
        )
        angle += step
    return bank


def _offshore(
    rng: np.random.Generator,
    kinds: list[str],
    fairway: tuple[complex, ...],
    line: list[Slot],
    port: int,
    *,
    away: bool,
) -> tuple[list[Area], list[Slot]]:
    """A near and a far anchorage, and a single-point mooring."""
    pilot, mouth = fairway[1], fairway[2]
    ahead = (pilot - mouth) / abs(pilot - mouth)
    areas: list[Area] = []
    if "far" in kinds:
        place = pilot + ahead * (2000 * away + 1j * rng.uniform(2400, 3600))
        areas.append(Area(f"P{port}-FAR", "far", place, rng.uniform(1000, 1500)))
    if "near" in kinds:
        big = [slot for slot in line if slot.use == "commercial"] or line
        beside = big[int(rng.integers(len(big)))].middle.real if big else 0.0
        top = max((slot.middle.imag for slot in big), default=0.0)
        place = complex(beside, max(top + 800.0, fairway[-1].imag + 300.0) + 100.0)
        areas.append(Area(f"P{port}-NEAR", "near", place, 260.0))
    buoys: list[Slot] = []
    if "buoy" in kinds:
        side = 1j if away else -1j
        place = complex(mouth + (pilot - mouth) * 0.75 + ahead * side * rng.uniform(2200, 3200))
        buoys.append(
            new_slot(
                f"P{port}-SPM",
                "tanker",
                place,
                0.0,
                approach=(complex(place + ahead * 500),),
                kind="buoy",
                shortest_m=180.0,
                longest_m=340.0,
                dwell_h=36.0,
                occupancy=0.45,
                spread=rng.uniform(35, 70),
            )
        )
    return areas, buoys


# helpers ---------------------------------------------------------------------------------------------


def _choose(rng: np.random.Generator) -> list[str]:
    kinds = [kind for kind, chance in MIXED if rng.random() < chance]
    order = rng.permutation(len(kinds))
    return [*(kinds[i] for i in order), "buoy", "near", "far"]


def _move(slot: Slot, quay: str, to: complex, middle: float, turn: complex) -> Slot:
    """Put a slot from the frame of its terminal into that of the port."""

    def point(z: complex) -> complex:
        return to + (z - middle) * turn

    return replace(
        slot,
        slot_id=f"{quay}-{slot.slot_id}",
        quay_id=f"{quay}-{slot.quay_id}".rstrip("-"),
        start=point(slot.start),
        along=slot.along * turn,
        out=slot.out * turn,
        approach=tuple(point(z) for z in slot.approach),
    )


def _connect(slot: Slot, harbour: float) -> Slot:
    """Lead from the harbour fairway to the berth."""
    way = slot.approach or (slot.middle + slot.out * 180.0,)
    return replace(slot, approach=(complex(way[0].real, harbour), *way))


def _place(scene: Scene, middle: complex, turn: complex, mirrored: bool) -> Scene:
    """Turn, perhaps mirror, and centre the port."""

    def vector(z: complex) -> complex:
        return (z.conjugate() if mirrored else z) * turn

    def point(z: complex) -> complex:
        return vector(z - middle)

    return replace(
        scene,
        slots=tuple(
            replace(
                slot,
                start=point(slot.start),
                along=vector(slot.along),
                out=vector(slot.out),
                approach=tuple(point(z) for z in slot.approach),
            )
            for slot in scene.slots
        ),
        anchorages=tuple(replace(area, middle=point(area.middle)) for area in scene.anchorages),
        marinas=tuple(replace(area, middle=point(area.middle)) for area in scene.marinas),
        fairway=tuple(point(z) for z in scene.fairway),
        upstream=tuple(point(z) for z in scene.upstream),
    )
