"""A trial: one simulated port, the whole method on it, and every figure that the truth allows."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from ais_berths import evaluate, schema
from ais_berths.calls import Calls, make_calls
from ais_berths.config import Config
from ais_berths.detours import measure_detours
from ais_berths.pings import clean_pings, ship_mmsi
from ais_berths.places import Places, find_places
from ais_berths.simulate import simulate_port
from ais_berths.stops import detect_stops
from ais_berths.vessels import COMMERCIAL, merge_statics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Truth = Any

SIZES = {"antenna": "A-D", "size": "length and width", "none": "nothing"}
"""What ships send about their size, and its name in the tables."""

KINDS = ("moored", "anchored", "buoy")
"""Kinds of stop that are judged."""

_ANTENNA = ["to_bow_m", "to_stern_m", "to_port_m", "to_starboard_m"]
_USES = ("commercial",)
_RIGHT_PORT_IOU = 0.3


@dataclass(frozen=True)
class Case:
    """A port to simulate."""

    seed: int
    days: int = 30
    reception: str = "terrestrial"
    ports: int = 1
    spacing_km: float = 60.0


class Feed(NamedTuple):
    """What was received in a port, and what happened in truth."""

    pings: pd.DataFrame
    statics: pd.DataFrame
    truth: Truth


class Heard(NamedTuple):
    """The same, cleaned, with its stops."""

    pings: pd.DataFrame
    stops: pd.DataFrame
    detours: pd.DataFrame
    statics: pd.DataFrame
    truth: Truth


class Result(NamedTuple):
    """What the method made of it."""

    vessels: pd.DataFrame
    places: Places
    calls: Calls


def listen(case: Case) -> Feed:
    """Simulate a port."""
    return Feed(
        *simulate_port(
            days=case.days,
            reception=case.reception,
            sizes="antenna",
            ports=case.ports,
            spacing_km=case.spacing_km,
            rng=case.seed,
        )
    )


def hear(feed: Feed, config: Config | None = None) -> Heard:
    """Clean the pings and find the stops; neither depends on what ships send about their size."""
    config = config or Config()
    return rest(tidy(feed, config), config)


def tidy(feed: Feed, config: Config) -> Feed:
    """Clean the pings."""
    is_ship, _ = ship_mmsi(feed.pings["mmsi"].to_numpy(), config.clean)
    clean, _ = clean_pings(feed.pings[is_ship].reset_index(drop=True), config.clean)
    return feed._replace(pings=clean)


def rest(tidied: Feed, config: Config) -> Heard:
    """Find the stops among clean pings."""
    stops, stop_id = detect_stops(tidied.pings, config.stops)
    clean = tidied.pings.assign(stop_id=stop_id)
    return Heard(clean, stops, measure_detours(clean, stops), tidied.statics, tidied.truth)


def find_all(heard: Heard, sizes: str, config: Config | None = None) -> Result:
    """Run every step after the stops, with the ship sizes that a feed of that kind has."""
    config = config or Config()
    vessels = merge_statics(without_sizes(heard.statics, sizes), config.hulls)
    places = find_places(heard.stops, vessels, heard.truth.ports, schema.empty("cells"), config)
    calls = make_calls(
        places.stops,
        config.calls,
        berths=places.berths,
        quays=places.quays,
        hulls=places.hulls,
        detours=heard.detours,
    )
    return Result(vessels, places, calls)


def without_sizes(statics: pd.DataFrame, sizes: str) -> pd.DataFrame:
    """Take away what a feed does not have: antenna offsets, or sizes altogether."""
    lost = {"antenna": [], "size": _ANTENNA, "none": [*_ANTENNA, "loa_m", "beam_m"]}[sizes]
    return statics.assign(**dict.fromkeys(lost, np.nan))


def score(result: Result, truth: Truth) -> dict[str, float]:
    """Every figure of one trial: berths, stops, kinds, calls and ports."""
    places = result.places
    berths = evaluate.score_berths(places.berths, truth.berths, truth.places, uses=_USES)
    pairs = evaluate.match_berths(places.berths, truth.berths, _RIGHT_PORT_IOU)
    merchant = commercial_mmsi(truth)
    stops, true_stops = of_ships(places.stops, merchant), of_ships(truth.stops, merchant)
    found = evaluate.score_stops(stops, true_stops).found
    heard = true_stops[true_stops["n_reports"] >= 2].reset_index(drop=True)
    known = evaluate.score_stops(stops, heard).found
    kinds = evaluate.score_stops(places.stops, truth.stops).kinds
    calls = evaluate.score_calls(
        of_ships(result.calls.berth_calls, merchant), of_ships(truth.berth_calls, merchant), pairs
    )
    right = calls.right_berth
    return {
        "berths": berths.at_iou_50.n_true,
        "f1": berths.at_iou_50.f1,
        "precision": berths.at_iou_50.precision,
        "recall": berths.at_iou_50.recall,
        "f1_30": berths.at_iou_30.f1,
        "iou": berths.mean_best_iou,
        "centre_m": berths.centre_error_m,
        "along_m": berths.centre_along_m,
        "across_m": berths.centre_across_m,
        "split": berths.n_split,
        "merged": berths.n_merged,
        "stops_f1": found.f1,
        "stops": found.n_true,
        "stops_heard": known.n_true,
        "stops_f1_heard": known.f1,
        **{f"{kind}_n": sum(kinds.get(kind, {}).values()) for kind in KINDS},
        **{f"{kind}_right": kinds.get(kind, {}).get(kind, 0) for kind in KINDS},
        "calls_f1": calls.found.f1,
        "calls_right_f1": right.f1 if right is not None else np.nan,
        "arrival_s": calls.arrival_error_s,
        "departure_s": calls.departure_error_s,
        "right_port": right_port(places.berths, truth.berths, pairs),
    }


def right_port(berths: pd.DataFrame, true_berths: pd.DataFrame, pairs: pd.DataFrame) -> float:
    """Share of the found berths, paired with true ones, that were given to the right port."""
    given = berths.set_index("berth_id")["port_id"].reindex(pairs["berth_id"]).to_numpy(dtype=object)
    right = true_berths.set_index("berth_id")["port_id"].reindex(pairs["true_berth_id"])
    return float((given == right.to_numpy(dtype=object)).mean()) if len(pairs) else float("nan")


def commercial_mmsi(truth: Truth) -> set[int]:
    """Numbers of cargo ships, tankers and passenger ships."""
    merchant = truth.vessels["type_group"].isin(COMMERCIAL)
    return set(truth.vessels.loc[merchant, "mmsi"].tolist())


def of_ships(table: pd.DataFrame, mmsi: set[int]) -> pd.DataFrame:
    """Rows of some ships."""
    return table[table["mmsi"].isin(mmsi)].reset_index(drop=True)


def run_cases(
    task: Callable[..., list[dict[str, Any]]], cases: Sequence[Case], jobs: int, *rest: Iterable[Any]
) -> pd.DataFrame:
    """Call ``task(case)`` for every case, in some processes at once, and put the rows together."""
    if jobs == 1:
        parts = [task(*row) for row in zip(cases, *rest, strict=True)]
    else:
        with ProcessPoolExecutor(jobs) as pool:
            parts = list(pool.map(task, cases, *rest))
    return pd.DataFrame([row for part in parts for row in part])


def cases_of(
    seeds: Iterable[int], days: Iterable[int], receptions: Iterable[str], **fixed: Any
) -> list[Case]:
    """Every combination; the longest ones first, so that processes finish together."""
    plain = Case(0, **fixed)
    return [
        replace(plain, seed=seed, days=length, reception=reception)
        for length in sorted(days, reverse=True)
        for reception in receptions
        for seed in seeds
    ]
