"""Confidence of berths: what raises it, what lowers it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely

from ais_berths import schema
from ais_berths.confidence import WEIGHTS, rate_berths, weigh_evidence

# A metre in degrees, at the equator.
METRE = 1 / 111_195


def place(visits: int, ships: int | None = None, **changes: Any) -> tuple[pd.DataFrame, ...]:
    """One berth of 200 m at the equator, pointing east, with some visits in its middle."""
    ids = [f"s{k}" for k in range(visits)]
    hulls = {"lat": 0.0, "lon": 0.0, "length_m": 200.0, "hull_error_m": 3.0, "hull_basis": "antenna"}
    hulls |= {"heading_basis": "sent"}
    berth: dict[str, Any] = {"berth_kind": "discrete", "use": "commercial", "heading_deg": 90.0}
    hulls |= {name: value for name, value in changes.items() if name in hulls}
    berth |= {name: value for name, value in changes.items() if name in berth}
    members = pd.DataFrame({"stop_id": ids, "number": 0, "rafted": changes.get("rafted", False)})
    shape = shapely.box(-100 * METRE, -15 * METRE, 100 * METRE, 15 * METRE)
    berths = pd.DataFrame(
        {"number": [0], "n_stops": visits, "n_vessels": ships or visits, **berth, "geometry": [shape]}
    )
    return berths, members, pd.DataFrame({"stop_id": ids, **hulls})


def confidence(*args: Any, **changes: Any) -> float:
    return float(rate_berths(*place(*args, **changes))[0])


def test_one_visit_of_a_ship_of_unknown_antenna_is_low() -> None:
    assert confidence(1, hull_error_m=40.0, hull_basis="prior") < 0.65
    assert confidence(1, hull_error_m=40.0, hull_basis="type") < 0.25


def test_a_heading_that_was_not_sent_lowers_it() -> None:
    assert confidence(1, heading_basis="neighbours") < confidence(1)
    assert confidence(3, heading_basis="courses") < confidence(3)


def test_other_berths_do_not_matter() -> None:
    """Not in the last digit either: places may be looked at in any portions."""
    doubts = {"hull_basis": "type", "heading_basis": "courses", "use": "leisure", "berth_kind": "buoy"}
    cases = [place(1, hull_error_m=3.0 + k / 7, lon=k * METRE / 3, **doubts) for k in range(30)]
    alone = [float(rate_berths(*case)[0]) for case in cases]
    together = []
    for k, (berths, members, hulls) in enumerate(cases):
        name = members["stop_id"] + f"-{k}"
        together.append(
            (berths.assign(number=k), members.assign(stop_id=name, number=k), hulls.assign(stop_id=name))
        )
    every = [pd.concat(tables, ignore_index=True) for tables in zip(*together, strict=True)]
    assert rate_berths(*every).tolist() == alone


def test_many_known_ships_are_high() -> None:
    assert confidence(20) > 0.95


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"ships": 5}, {"ships": 1}),
        ({"hull_error_m": 3.0}, {"hull_error_m": 40.0}),
        ({"hull_basis": "learned"}, {"hull_basis": "type"}),
        ({"use": "service"}, {"use": "commercial"}),
        ({"berth_kind": "discrete"}, {"berth_kind": "buoy"}),
        ({"lon": 0.0}, {"lon": [0.0, 0.0, 0.0, 60 * METRE, 60 * METRE]}),
    ],
)
def test_each_piece_of_evidence_counts(better: dict[str, Any], worse: dict[str, Any]) -> None:
    assert confidence(5, **better) > confidence(5, **worse)


def test_a_second_visit_helps() -> None:
    assert confidence(2, ships=1) > confidence(1)


def test_more_ships_than_ten_say_no_more() -> None:
    assert confidence(40, ships=10) == confidence(40, ships=30)


def test_play_is_measured_along_the_berth() -> None:
    spread = np.linspace(-50, 50, 11) * METRE
    assert weigh_evidence(*place(11, lon=spread))["play"].iloc[0] == pytest.approx(50 / 200, rel=1e-3)
    assert weigh_evidence(*place(11, lat=spread))["play"].iloc[0] == pytest.approx(0.0, abs=1e-6)
    assert weigh_evidence(*place(11, lat=spread, heading_deg=0.0))["play"].iloc[0] == pytest.approx(
        50 / 200, rel=1e-3
    )


def test_ships_outside_others_do_not_shape_it() -> None:
    inside = confidence(4)
    outer = confidence(5, ships=4, lon=[0, 0, 0, 0, 150 * METRE], rafted=[False] * 4 + [True])
    assert outer == pytest.approx(inside)


def test_a_buoy_has_no_hulls() -> None:
    berths, members, hulls = place(3, berth_kind="buoy", heading_deg=np.nan)
    evidence = weigh_evidence(berths, members, hulls.iloc[:0])
    assert np.isfinite(evidence.to_numpy(dtype=float)).all()
    assert list(evidence.columns) == list(WEIGHTS)


def test_nothing_gives_nothing() -> None:
    berths, members, _ = place(1)
    assert rate_berths(berths.iloc[:0], members.iloc[:0], schema.empty("hulls")).shape == (0,)
