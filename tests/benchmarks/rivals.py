"""Stops by other means, on the same pings: the libraries MovingPandas and trackintel, and plain pandas.

    python tests/benchmarks/rivals.py PINGS.parquet movingpandas

prints the seconds and the number of stops. It needs the library and no ais-berths, so that it may run in an
environment of its own.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable

_REACH_M, _LEAST = 200, timedelta(minutes=30)


def by_movingpandas(pings: pd.DataFrame) -> int:
    """Stops of MovingPandas: at least 30 minutes within 200 m."""
    import movingpandas as mpd  # noqa: PLC0415 - one of them is enough

    trips = mpd.TrajectoryCollection(
        pings.assign(time=pings["time"].dt.tz_localize(None)), traj_id_col="mmsi", t="time", x="lon", y="lat"
    )
    found = mpd.TrajectoryStopDetector(trips).get_stop_segments(max_diameter=_REACH_M, min_duration=_LEAST)
    return len(found)


def by_trackintel(pings: pd.DataFrame) -> int:
    """Staypoints of trackintel: at least 30 minutes within 200 m."""
    import geopandas as gpd  # noqa: PLC0415
    import trackintel as ti  # noqa: PLC0415

    fixes = gpd.GeoDataFrame(
        {"user_id": pings["mmsi"], "tracked_at": pings["time"]},
        geometry=gpd.points_from_xy(pings["lon"], pings["lat"]),
        crs="EPSG:4326",
    )
    fixes.index.name = "id"
    _, found = ti.Positionfixes(fixes).generate_staypoints(
        method="sliding",
        dist_threshold=_REACH_M,
        time_threshold=_LEAST.total_seconds() / 60,
        gap_threshold=180,
    )
    return len(found)


def by_pandas(pings: pd.DataFrame) -> int:
    """Runs below 0.5 kn of at least 30 minutes, vessel by vessel with `DataFrame.groupby`."""

    def runs(track: pd.DataFrame) -> int:
        slow = (track["sog_kn"] < 0.5).to_numpy()
        number = np.cumsum(np.append(True, slow[1:] != slow[:-1]))
        length = track["time"].groupby(number).agg(lambda times: times.iloc[-1] - times.iloc[0])
        return int(((length >= _LEAST) & pd.Series(slow).groupby(number).first().to_numpy()).sum())

    return sum(runs(track.sort_values("time")) for _, track in pings.groupby("mmsi"))


RIVALS: dict[str, Callable[[pd.DataFrame], int]] = {
    "movingpandas": by_movingpandas,
    "trackintel": by_trackintel,
    "pandas": by_pandas,
}


def main() -> None:
    """Time one of them."""
    pings = pd.read_parquet(sys.argv[1])
    warnings.simplefilter("ignore")
    rival = RIVALS[sys.argv[2]]
    rival(pings[pings["mmsi"].isin(pings["mmsi"].unique()[:2])].reset_index(drop=True))  # imports
    begin, cpu = time.perf_counter(), time.process_time()
    stops = rival(pings)
    spent = {"wall_s": time.perf_counter() - begin, "cpu_s": time.process_time() - cpu, "stops": stops}
    print(json.dumps(spent))


if __name__ == "__main__":
    main()
