"""What an AIS receiver hears of the movements: report times, noise, mistakes, losses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import Transformer

from ais_berths.geo import Floats, turn_deg
from ais_berths.simulate.plan import KN
from ais_berths.simulate.steering import Helms, Passages, bows

if TYPE_CHECKING:
    from ais_berths.simulate.plan import Plan

Ints = NDArray[np.int64]
Row = dict[str, NDArray[Any]]

EARTH_M = 6_378_137.0
MOORED, ANCHORED, UNDER_WAY, UNDEFINED = 5, 1, 0, 15


@dataclass(frozen=True)
class Reception:
    """How the feed was received and thinned.

    Parameters
    ----------
    satellite
        A report every half hour on average, in bursts, instead of the ship's own rate.
    rest_s, sail_s
        Least time between two reports of a ship at rest and under way (s).
    """

    satellite: bool = False
    rest_s: float = 0.0
    sail_s: float = 0.0


class Weather:
    """Direction from which wind and tide come in one port, as anchored ships feel it."""

    STEP_S = 600.0

    def __init__(self, rng: np.random.Generator, start_s: float, end_s: float) -> None:
        self.start_s = start_s
        n = int((end_s - start_s) / self.STEP_S) + 3
        walk = rng.uniform(0, 360) + np.cumsum(rng.normal(0.0, 4.0, n))
        if rng.random() < 0.6:  # tide: the ships turn round every 6.2 hours
            phase = 2 * np.pi * np.arange(n) * self.STEP_S / (12.42 * 3600) + rng.uniform(0, 2 * np.pi)
            walk = walk + 90.0 * np.tanh(6.0 * np.sin(phase))
        self.knots = walk


def segment_table(plan: Plan, period: tuple[float, float], ships: pd.DataFrame) -> pd.DataFrame:
    """Legs and stops as one table of stretches of time within the period.

    Returns
    -------
    vessel, stop (row of the stop table or -1), mode (0 leg, 1 moored, 2 swinging, 3 adrift), t0 t1 (whole
    stretch), w0 w1 (within the period), z0 and way (complex m), v0 v1 (m/s), h0 h1 (deg), chain, status,
    gap0 gap1 (no reception) and sheer amplitude, period and phase.
    """
    legs, stops = plan.leg_table(), plan.stop_table()
    kinds = stops["kind"].to_numpy().astype(str)
    mode = np.select([kinds == "moored", kinds == "adrift"], [1, 3], 2)
    rest = pd.DataFrame(
        {
            "vessel": stops["vessel"],
            "stop": np.arange(len(stops)),
            "mode": mode,
            "t0": stops["t0"],
            "t1": stops["t1"],
            "z0": stops["z"].to_numpy(dtype=np.complex128),
            "way": stops["drag"].to_numpy(dtype=np.complex128),
            "v0": 0.0,
            "v1": 0.0,
            "h0": stops["heading"].astype(float),
            "h1": stops["heading"].astype(float),
            "chain": stops["chain"].astype(float),
        }
    )
    z0 = legs["z0"].to_numpy(dtype=np.complex128)
    sail = legs.drop(columns=["z0", "z1"]).assign(
        stop=-1, mode=0, z0=z0, way=legs["z1"].to_numpy(dtype=np.complex128) - z0, chain=0.0
    )
    table = pd.concat([rest, sail[rest.columns]], ignore_index=True)
    table = table.assign(w0=table["t0"].clip(lower=period[0]), w1=table["t1"].clip(upper=period[1]))
    table = table.assign(**_habits(plan.rng, table, kinds, ships))
    silent = ships["silent_home"].to_numpy()[table["vessel"]] & (table["mode"].to_numpy() == 1)
    heard: pd.DataFrame = table[(table["w1"] > table["w0"]) & ~silent]
    return heard.reset_index(drop=True)


def expected_reports(segments: pd.DataFrame, ships: pd.DataFrame, reception: Reception) -> Floats:
    """About how many reports each stretch gives."""
    span = (segments["w1"] - segments["w0"]).to_numpy()
    return span / _interval_s(segments, ships, reception)


def hear(
    rng: np.random.Generator,
    segments: pd.DataFrame,
    ships: pd.DataFrame,
    ports: list[tuple[float, float, Weather]],
    reception: Reception,
) -> pd.DataFrame:
    """Turn stretches into position reports as sent, sentinel values and mistakes included.

    Parameters
    ----------
    segments
        Rows of `segment_table`, with `vessel` and `stop` counted over all ports and a `port` column.
    ships
        Rows of `name_ships`.
    ports
        Latitude, longitude and weather of each port.

    Returns
    -------
    vessel, stop, time_s, lat, lon, sog_kn, cog_deg, heading_deg, nav_status, coarse, again
    (the row repeats the one before); by vessel and time.
    """
    seg = {name: segments[name].to_numpy() for name in segments.columns}
    row, time = _report_times(rng, seg, segments, ships, reception)
    order = np.lexsort((time, seg["vessel"][row]))
    row, time = row[order], time[order]
    vessel, mode = seg["vessel"][row], seg["mode"][row]
    ship = {name: ships[name].to_numpy()[vessel] for name in ("length_m", "width_m", "to_bow_m", "to_port_m")}
    ahead_m, right_m = ship["length_m"] / 2 - ship["to_bow_m"], ship["to_port_m"] - ship["width_m"] / 2
    passages = Passages.of(seg, Helms.of(ships))
    place, heading, course, speed = _motion(rng, seg, row, time, ports, ship["length_m"])
    sail = np.flatnonzero(mode == 0)
    to_antenna, seconds = ahead_m - 1j * right_m, time[sail].astype(np.float64)
    place[sail], heading[sail] = passages.steer(row[sail], seconds)
    way = passages.move(row[sail], seconds, to_antenna[sail])
    speed[sail] = np.abs(way)
    course[sail] += np.degrees(np.arctan2(way.real, way.imag))
    antenna = place + bows(heading) * to_antenna
    antenna += _position_error(rng, ships, vessel, time)
    lat, lon, turn = _to_degrees(antenna, seg["port"][row], ports)
    moved = {"lat": lat, "lon": lon, "speed": speed, "course": course + turn, "heading": heading + turn}
    compass = ships[["gyro_deg", "no_heading"]].iloc[vessel]
    out = pd.DataFrame({"vessel": vessel, "stop": seg["stop"][row], "time_s": time}).assign(
        **_sent(rng, moved, mode, compass, reception),
        nav_status=seg["status"][row].astype(np.int8),
    )
    n = len(row)
    twice = np.sort(np.concatenate([np.arange(n), np.flatnonzero(rng.random(n) < 0.003)]))
    again = np.diff(twice, prepend=-1) == 0
    return out.iloc[twice].reset_index(drop=True).assign(again=again)


def _sent(
    rng: np.random.Generator,
    moved: dict[str, Floats],
    mode: NDArray[Any],
    compass: pd.DataFrame,
    reception: Reception,
) -> dict[str, NDArray[Any]]:
    """Columns of the reports as they are sent: rounded, with noise, mistakes and sentinel values.

    `moved` is what the antenna did in truth (speed in m/s); `compass` is the row of the ship of each report.
    """
    n = len(mode)
    sog = np.abs(moved["speed"] / KN + rng.normal(0.0, np.where(mode == 0, 0.12, 0.08), n))
    spike = (mode != 0) & (rng.random(n) < 0.002)
    sog = np.where(spike, rng.uniform(0.6, 1.5, n), sog)
    aimless = (mode != 0) & (sog < 0.3)
    cog = np.where(aimless, rng.uniform(0, 360, n), moved["course"] + rng.normal(0.0, 2.0, n)) % 360
    heading = moved["heading"] + compass["gyro_deg"].to_numpy() + rng.normal(0.0, 0.4, n)
    mute = compass["no_heading"].to_numpy() | (rng.random(n) < 0.005)
    coarse = (rng.random(n) < 0.03) if reception.satellite else np.zeros(n, dtype=bool)
    grid = np.where(coarse, 600.0, 600_000.0)
    chance = rng.random(n)
    lost, zero = chance < 0.0005, (chance >= 0.0005) & (chance < 0.0007)
    return {
        "lat": np.select([lost, zero], [91.0, 0.0], np.round(moved["lat"] * grid) / grid),
        "lon": np.select([lost, zero], [181.0, 0.0], np.round(moved["lon"] * grid) / grid),
        "sog_kn": np.where(rng.random(n) < 0.001, 102.3, np.round(sog, 1)),
        "cog_deg": np.where(rng.random(n) < 0.002, 360.0, np.round(cog, 1) % 360),
        "heading_deg": np.where(mute, 511.0, np.round(heading) % 360),
        "coarse": coarse,
    }


# habits ----------------------------------------------------------------------------------------------


def _habits(rng: np.random.Generator, table: pd.DataFrame, kinds: NDArray[Any], ships: pd.DataFrame) -> Row:
    """Status as sent (wrong or stale for about 30 % of stays), gaps of hours in 10 % of them, sheering."""
    n, vessel = len(table), table["vessel"].to_numpy()
    mode, chance = table["mode"].to_numpy(), rng.random(n)
    swings_at_anchor = np.zeros(n, dtype=bool)
    swings_at_anchor[: len(kinds)] = kinds == "anchored"
    right = np.select([mode == 1, swings_at_anchor, mode == 2], [MOORED, ANCHORED, MOORED], UNDER_WAY)
    wrong = np.select(
        [chance < 0.19, chance < 0.24, mode == 2],
        [UNDER_WAY, np.where(mode == 1, ANCHORED, MOORED), ANCHORED],
        UNDEFINED,
    )
    status = np.where((mode != 0) & (mode != 3) & (chance < 0.27), wrong, right)
    status = np.where(ships["forgets"].to_numpy()[vessel] & (mode == 0), MOORED, status)
    fixed = ships["fixed_status"].to_numpy()[vessel]
    span = (table["t1"] - table["t0"]).to_numpy()
    gap = np.where(
        (mode != 0) & (span > 3 * 3600) & (rng.random(n) < 0.10),
        rng.uniform(1.5 * 3600, np.clip(0.7 * span, 1.6 * 3600, 10 * 3600), n),
        0.0,
    )
    begin = table["t0"].to_numpy() - 0.3 * gap + rng.random(n) * np.maximum(span - 0.4 * gap, 0.0)
    return {
        "status": np.where(fixed >= 0, fixed, status),
        "gap0": begin,
        "gap1": begin + gap,
        "sheer": rng.uniform(3, 14, n),
        "sheer_s": rng.uniform(500, 1300, n),
        "phase": rng.uniform(0, 2 * np.pi, n),
    }


# when ------------------------------------------------------------------------------------------------


def _interval_s(segments: pd.DataFrame, ships: pd.DataFrame, reception: Reception) -> Floats:
    """Report interval: class A 2-10 s under way and 3 min at rest, class B 30 s and 3 min, then thinned."""
    if reception.satellite:
        return np.full(len(segments), 1800.0)
    class_b = ships["class_b"].to_numpy()[segments["vessel"]]
    speed = (segments["v0"] + segments["v1"]).to_numpy() / 2 / KN
    says_rest = segments["status"].isin([MOORED, ANCHORED]).to_numpy() & (speed < 3)
    own = np.select(
        [class_b & (speed < 2), class_b, says_rest, speed < 14, speed < 23],
        [180.0, 30.0, 180.0, 10.0, 6.0],
        2.0,
    )
    thinned = np.where(segments["mode"].to_numpy() == 0, reception.sail_s, reception.rest_s)
    result: Floats = np.maximum(own, thinned)
    return result


def _report_times(
    rng: np.random.Generator, seg: Row, segments: pd.DataFrame, ships: pd.DataFrame, reception: Reception
) -> tuple[Ints, Ints]:
    """Segment row and second of each report that was received."""
    interval = _interval_s(segments, ships, reception)
    span = seg["w1"] - seg["w0"]
    if reception.satellite:
        burst = np.repeat(np.arange(len(span)), rng.poisson(span / 2700.0))
        at = seg["w0"][burst] + rng.random(len(burst)) * span[burst]
        copies = 1 + rng.poisson(0.5, len(burst))
        row = np.repeat(burst, copies)
        time = np.repeat(at, copies) + rng.exponential(120.0, len(row)) * (rng.random(len(row)) < 0.6)
    else:
        phase = rng.random(len(span))
        counts = np.maximum(np.ceil(span / interval - phase), 0).astype(np.int64)
        row = np.repeat(np.arange(len(span)), counts)
        first = np.repeat(np.cumsum(counts) - counts, counts)
        step = np.arange(len(row)) - first + phase[row]
        time = seg["w0"][row] + (step + rng.uniform(-0.08, 0.08, len(row))) * interval[row]
    heard = (time >= seg["w0"][row]) & (time < seg["w1"][row])
    heard &= ~((time > seg["gap0"][row]) & (time < seg["gap1"][row]))
    if not reception.satellite:
        heard &= rng.random(len(row)) > 0.04
    return row[heard], np.floor(time[heard]).astype(np.int64)


# where -----------------------------------------------------------------------------------------------


def _motion(
    rng: np.random.Generator,
    seg: Row,
    row: Ints,
    time: Ints,
    ports: list[tuple[float, float, Weather]],
    length: Floats,
) -> tuple[NDArray[np.complex128], Floats, Floats, Floats]:
    """Hull centre, heading, course (deg, of the plane) and speed (m/s) at each time.

    Ships under way are steered elsewhere; of them this is only how far their course strays.
    """
    n = len(row)
    whole = np.maximum(seg["t1"] - seg["t0"], 1.0)[row]
    tau = time - seg["t0"][row]
    part = tau / whole
    way, mode = seg["way"][row], seg["mode"][row]
    place = seg["z0"][row] + way * np.clip(part, 0.0, 1.0) * (mode == 3)
    slow = 2 * np.pi * tau / 2400.0 + seg["phase"][row]
    heading = seg["h0"][row] + np.select(
        [mode == 1, mode == 3], [0.25 * np.sin(slow), 25.0 * np.sin(slow / 3)], 0.0
    )
    place = place + np.where(mode == 1, 0.4, 0.0) * (np.sin(1.7 * slow) + 1j * np.cos(0.6 * slow))
    course = np.where(mode == 0, 0.0, np.degrees(np.arctan2(way.real, way.imag)))
    speed = np.where(mode == 3, np.abs(way) / whole, 0.0)
    at = np.flatnonzero(mode == 2)
    if at.size:
        here, bow = _swing(seg, row[at], time[at], ports, length[at])
        later, _ = _swing(seg, row[at], time[at] + 10.0, ports, length[at])
        step = later - here
        place[at], heading[at] = here, bow
        speed[at], course[at] = np.abs(step) / 10.0, np.degrees(np.arctan2(step.real, step.imag))
    # Ships that swing to or from a berth do not keep their course so well.
    swings = np.abs(turn_deg(seg["h0"][row], seg["h1"][row])) > 1.0
    course = np.where(swings, course + rng.normal(0.0, 3.0, n), course)
    return place, heading, course, speed


def _swing(
    seg: Row, row: Ints, time: NDArray[Any], ports: list[tuple[float, float, Weather]], length: Floats
) -> tuple[NDArray[np.complex128], Floats]:
    """Hull centre and heading of a ship lying by the bow to an anchor or a buoy."""
    wind = np.empty(len(row))
    for port in np.unique(seg["port"][row]):
        mine = seg["port"][row] == port
        weather = ports[port][2]
        at = (time[mine] - weather.start_s) / weather.STEP_S
        wind[mine] = np.interp(at, np.arange(len(weather.knots)), weather.knots)
    tau = time - seg["t0"][row]
    phase, sheer = seg["phase"][row], seg["sheer"][row]
    swing = sheer * np.sin(2 * np.pi * tau / seg["sheer_s"][row] + phase)
    lag = wind + 8.0 * np.sin(2 * np.pi * tau / 9000.0 + 2 * phase) + 20.0 * np.sin(phase)
    bow = lag + swing
    # a dragging anchor goes its way during a third of the stay
    part = np.clip(3 * tau / np.maximum(seg["t1"] - seg["t0"], 1.0)[row] - 1.0, 0.0, 1.0)
    chain = seg["chain"][row] * (0.88 + 0.12 * np.sin(2 * np.pi * tau / 30_000.0 + 3 * phase))
    to_anchor = bows(lag - 0.5 * swing)
    hull = bows(bow)
    return seg["z0"][row] + seg["way"][row] * part - to_anchor * chain - hull * length / 2, bow


def _position_error(
    rng: np.random.Generator, ships: pd.DataFrame, vessel: Ints, time: Ints
) -> NDArray[np.complex128]:
    """Slow bias (2.3 m each way), white noise (1.9 m), and one outlier in a thousand."""
    n = len(vessel)
    waves = np.random.default_rng(int(ships["mmsi"].iloc[0]))
    shape = (3, 2, len(ships))
    rate = 2 * np.pi / np.exp(waves.uniform(np.log(1200), np.log(43_200), shape))
    phase = waves.uniform(0, 2 * np.pi, shape)
    seconds = (time % 100_000_000).astype(np.float64)
    bias = [
        sum(np.sin(rate[k, axis][vessel] * seconds + phase[k, axis][vessel]) for k in range(3))
        for axis in (0, 1)
    ]
    error = 1.9 * (bias[0] + 1j * bias[1]) + 1.9 * (rng.normal(size=n) + 1j * rng.normal(size=n))
    error *= ships["noise"].to_numpy()[vessel]
    wild = np.flatnonzero(rng.random(n) < 0.001)
    radius = 10 ** rng.uniform(2.0, 4.3, wild.size)
    error[wild] += radius * np.exp(2j * np.pi * rng.random(wild.size))
    result: NDArray[np.complex128] = error
    return result


def _to_degrees(
    place: NDArray[np.complex128], port: Ints, ports: list[tuple[float, float, Weather]]
) -> tuple[Floats, Floats, Floats]:
    """Latitude, longitude, and the angle from the plane's north to true north."""
    lat, lon, turn = np.empty(len(place)), np.empty(len(place)), np.empty(len(place))
    for number in np.unique(port):
        mine = port == number
        lat0, lon0, _ = ports[number]
        lat[mine], lon[mine] = to_degrees(place[mine], lat0, lon0)
        turn[mine] = np.degrees(place[mine].real * np.tan(np.radians(lat0)) / EARTH_M)
    return lat, lon, turn


def to_degrees(place: NDArray[np.complex128], lat0: float, lon0: float) -> tuple[Floats, Floats]:
    """Latitude and longitude of places in the plane of a port (transverse Mercator about its middle)."""
    lon, lat = _plane(lat0, lon0).transform(place.real, place.imag)
    return np.asarray(lat, dtype=np.float64), np.asarray(lon, dtype=np.float64)


@cache
def _plane(lat0: float, lon0: float) -> Transformer:
    local = f"+proj=tmerc +lat_0={lat0:.9f} +lon_0={lon0:.9f} +k=1 +ellps=WGS84"
    return Transformer.from_crs(local, "EPSG:4326", always_xy=True)
