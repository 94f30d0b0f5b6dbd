"""What berths are used for."""

import pandas as pd
import pytest

from ais_berths.uses import uses_of_berths

DAY = pd.Timestamp("2024-01-01", tz="UTC")


def visit(mmsi, number, day, hours, group, *, rafted=False):
    start = DAY + pd.Timedelta(days=day)
    return {
        "stop_id": f"{mmsi}-{day}",
        "mmsi": mmsi,
        "number": number,
        "start_time": start,
        "end_time": start + pd.Timedelta(hours=hours),
        "dwell_h": float(hours),
        "group": group,
        "rafted": rafted,
    }


def uses(*visits):
    return uses_of_berths(pd.DataFrame(list(visits))).to_dict()


def test_hours_and_not_stops_say_what_a_berth_is_for():
    tugs = [visit(9, 0, 2.0 + day, 1, "tug") for day in range(5)]
    assert uses(visit(1, 0, 0, 20, "cargo"), *tugs) == {0: "commercial"}
    assert uses(visit(1, 0, 0, 1, "cargo"), *tugs) == {0: "service"}
    assert uses(visit(1, 0, 0, 1, "unknown"), visit(2, 1, 0, 1, "fishing")) == {0: "unknown", 1: "fishing"}


@pytest.mark.parametrize(
    ("away_days", "rafted", "use"),
    [(0.5, True, "service"), (3.0, True, "commercial"), (0.5, False, "commercial")],
)
def test_a_tanker_that_tends_ships_and_comes_home_is_a_service_craft(away_days, rafted, use):
    home = visit(1, 0, 0, 10, "tanker"), visit(1, 0, away_days + 0.5, 10, "tanker")
    assert uses(*home, visit(1, 1, away_days, 2, "tanker", rafted=rafted))[0] == use


def test_the_berth_of_the_ship_that_was_tended_stays_commercial():
    bunkers = [visit(1, 0, 0, 10, "tanker"), visit(1, 0, 1, 10, "tanker")]
    tended = visit(2, 1, 0.4, 12, "cargo"), visit(1, 1, 0.6, 3, "tanker", rafted=True)
    assert uses(*bunkers, *tended) == {0: "service", 1: "commercial"}


def test_a_ferry_that_once_lay_outside_another_one_stays_commercial():
    trips = [visit(1, 0, 0.25 * n, 2, "passenger", rafted=n == 5) for n in range(12)]
    assert uses(*trips) == {0: "commercial"}
