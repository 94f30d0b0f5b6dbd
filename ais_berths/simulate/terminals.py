"""Terminals: the berths of one kind of quay, drawn by chance.

Places are complex numbers, east + north * 1j in metres, in a frame with the quay along the east axis and the
water to the north.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Slot:
    """A place for ships: a berth, a continuous quay or a buoy."""

    slot_id: str
    quay_id: str
    kind: str
    use: str
    trade: str
    start: complex
    along: complex
    out: complex
    length_m: float
    shortest_m: float
    longest_m: float
    dwell_h: float
    occupancy: float
    bow_share: float
    spread: float
    approach: tuple[complex, ...] = ()
    raft: float = 0.0
    align: str = "middle"

    @property
    def middle(self) -> complex:
        """Middle of the slot on the quay line."""
        return self.start + self.along * self.length_m / 2


Drawn = tuple[list[Slot], float, float]
Builder = Callable[[np.random.Generator], Drawn]


def new_slot(name: str, trade: str, start: complex, length: float, **more: object) -> Slot:
    """Return a discrete commercial berth with the water to the north, but for what `more` says."""
    base = Slot(
        slot_id=name,
        quay_id="",
        kind="discrete",
        use="commercial",
        trade=trade,
        start=start,
        along=1 + 0j,
        out=1j,
        length_m=length,
        shortest_m=0.5 * length,
        longest_m=0.93 * length,
        dwell_h=24.0,
        occupancy=0.5,
        bow_share=0.5,
        spread=0.1,
    )
    return replace(base, **more)  # type: ignore[arg-type]


def usual_way(rng: np.random.Generator) -> float:
    """Most berths have a usual way round."""
    return float(rng.choice([0.05, 0.2, 0.5, 0.8, 0.95]))


def _straight(trade: str, sizes: tuple[float, float], n: tuple[int, int], dwell_h: float) -> Builder:
    """Discrete berths end to end on a straight quay."""

    def build(rng: np.random.Generator) -> Drawn:
        base = rng.uniform(*sizes)
        slots, x = [], 0.0
        for i in range(int(rng.integers(n[0], n[1] + 1))):
            length = base * rng.uniform(0.8, 1.25)
            slots.append(
                new_slot(
                    f"{i + 1}",
                    trade,
                    complex(x, 0),
                    length,
                    dwell_h=dwell_h * rng.uniform(0.7, 1.4),
                    occupancy=rng.uniform(0.25, 0.7),
                    bow_share=usual_way(rng),
                    raft=0.15 if trade == "general" else 0.0,
                    align="end" if rng.random() < 0.25 else "middle",
                )
            )
            x += length
        return slots, x, 0.0

    return build


def _container(rng: np.random.Generator) -> Drawn:
    """One long quay with free positions."""
    length = rng.uniform(650, 1300)
    slot = new_slot(
        "1",
        "container",
        0j,
        length,
        kind="continuous",
        shortest_m=110.0,
        longest_m=min(366.0, 0.4 * length),
        dwell_h=18.0,
        occupancy=rng.uniform(0.35, 0.6),
        bow_share=usual_way(rng),
    )
    return [slot], length, 0.0


def _pier(rng: np.random.Generator) -> Drawn:
    """One to three fingers at right angles to the shore, ships on both sides."""
    trade = str(rng.choice(["general", "bulk"]))
    slots: list[Slot] = []
    size = rng.uniform(110, 230)
    per_side = int(rng.integers(1, 3)) if size < 170 else 1
    x = 120.0
    reach = 0.0
    for finger in range(int(rng.integers(1, 4))):
        width = rng.uniform(14, 40)
        skew = np.exp(1j * np.radians(rng.uniform(-15, 15)))
        for side, sign in ((0, -1.0), (1, 1.0)):
            for i in range(per_side):
                along = 1j * skew
                out = sign * skew
                root = complex(x, 0) + out * width / 2 + along * (15 + i * size)
                head = root + along * (size * (per_side - i) + 160) + out * 60
                slots.append(
                    new_slot(
                        f"{'ABC'[finger]}{'WE'[side]}{i + 1}",
                        trade,
                        root,
                        size,
                        quay_id=f"{'ABC'[finger]}{'WE'[side]}",
                        along=along,
                        out=out,
                        approach=(head, root + along * size / 2 + out * 55),
                        dwell_h=30.0 * rng.uniform(0.6, 1.5),
                        occupancy=rng.uniform(0.25, 0.6),
                        bow_share=usual_way(rng),
                    )
                )
        reach = max(reach, per_side * size + 60)
        x += width + rng.uniform(200, 280) + 0.35 * per_side * size
    return slots, x, reach


def _jetty(rng: np.random.Generator) -> Drawn:
    """One to three T-heads on dolphins, each with a tanker berth outside and perhaps one inside."""
    slots: list[Slot] = []
    x, reach = 0.0, rng.uniform(250, 450)
    for i in range(int(rng.integers(1, 4))):
        length = rng.uniform(160, 340)
        same = {"spread": 0.03, "dwell_h": 24.0, "occupancy": rng.uniform(0.3, 0.6)}
        slots.append(
            new_slot(
                f"{i + 1}",
                "tanker",
                complex(x, reach),
                length,
                quay_id=f"{i + 1}",
                **same,
                bow_share=float(rng.choice([0.1, 0.9])),
            )
        )
        if rng.random() < 0.35:
            inner = 0.5 * length
            root = complex(x + length * 0.75, reach - 25)
            slots.append(
                new_slot(
                    f"{i + 1}i",
                    "tanker",
                    root,
                    inner,
                    quay_id=f"{i + 1}i",
                    along=-1 + 0j,
                    out=-1j,
                    approach=(root + 0.8 * length + 90j, root + 0.75 * length - 60j, root - inner / 2 - 60j),
                    **same,
                    bow_share=usual_way(rng),
                )
            )
        x += length + rng.uniform(120, 260)
    return slots, x, reach


def _roro(rng: np.random.Generator) -> Drawn:
    """One or two ferry berths with a ramp: always the same way round, within a metre or two."""
    slots, x = [], 0.0
    for i in range(int(rng.integers(1, 3))):
        length = rng.uniform(90, 230)
        slots.append(
            new_slot(
                f"{i + 1}",
                "ferry",
                complex(x, 0),
                length,
                shortest_m=0.75 * length,
                bow_share=float(rng.choice([0.0, 1.0])),
                spread=0.01,
                align="end",
                dwell_h=0.9,
            )
        )
        x += length + rng.uniform(30, 80)
    return slots, x, 0.0


def _home(trade: str, use: str, size: tuple[float, float], n: tuple[int, int]) -> Builder:
    """Home berths of small craft, end to end."""

    def build(rng: np.random.Generator) -> Drawn:
        slots, x = [], 0.0
        for i in range(int(rng.integers(n[0], n[1] + 1))):
            length = rng.uniform(*size)
            slots.append(
                new_slot(
                    f"{i + 1}", trade, complex(x, 0), length, use=use, spread=0.2, bow_share=usual_way(rng)
                )
            )
            x += length
        return slots, x, 0.0

    return build


def _service(rng: np.random.Generator) -> Drawn:
    """Tugs, pilot boats and bunker barges on one quay."""
    slots: list[Slot] = []
    x = 0.0
    for trade, size, n in (
        ("tug", (32, 42), (3, 5)),
        ("pilot", (18, 24), (1, 2)),
        ("bunker", (70, 95), (1, 2)),
    ):
        part, length, _ = _home(trade, "service", size, n)(rng)
        slots.extend(replace(s, slot_id=f"{trade[0].upper()}{s.slot_id}", start=s.start + x) for s in part)
        x += length + 25.0
    return slots, x, 0.0


def _marina(rng: np.random.Generator) -> Drawn:
    """Pontoons with boxes for leisure craft, bow to the pontoon."""
    slots = []
    for row in range(3):
        for i in range(int(rng.integers(6, 14))):
            side = 1 if i % 2 else -1
            box = complex(40 + 6.5 * (i // 2) * 1.6, 10 + 50 * row + side * 9)
            slots.append(
                new_slot(
                    f"{row + 1}-{i + 1:02d}",
                    "yacht",
                    box - 7j,
                    14.0,
                    along=1j,
                    out=1 + 0j,
                    use="leisure",
                    shortest_m=8.0,
                    longest_m=14.0,
                    spread=0.3,
                    bow_share=0.8,
                    approach=(complex(110, 220), complex(130, 10 + 50 * row)),
                )
            )
    return slots, 200.0, 150.0


TERMINALS: dict[str, Builder] = {
    "general": _straight("general", (85, 140), (3, 6), 26.0),
    "bulk": _straight("bulk", (190, 270), (2, 4), 48.0),
    "feeder": _straight("container", (160, 230), (2, 3), 16.0),
    "cruise": _straight("cruise", (220, 330), (1, 2), 10.0),
    "container": _container,
    "pier": _pier,
    "jetty": _jetty,
    "roro": _roro,
    "service": _service,
    "fishing": _home("fishing", "fishing", (22, 36), (4, 7)),
    "marina": _marina,
}
