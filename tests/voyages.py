"""Reports of a ship, written down as it goes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ais_berths.geo import offset_deg

START = pd.Timestamp("2024-01-01", tz="UTC").as_unit("us")
KN_M_MIN = 1852.0 / 60.0


class Voyage:
    """Reports of a ship, written down as it goes; metres east and north of a place."""

    def __init__(self, mmsi=244000001, at=(52.0, 4.0), seed=0):
        self.mmsi, self.at = mmsi, at
        self.minute, self.east, self.north = 0.0, 0.0, 0.0
        self.rows = []
        self.rng = np.random.default_rng(seed)

    def report(self, sog, heading=np.nan, east=0.0, north=0.0):
        self.rows.append((self.minute, self.east + east, self.north + north, sog, heading))

    def lie(self, minutes, every=5.0, sog=0.0, heading=np.nan, noise_m=2.0):
        for _ in range(round(minutes / every)):
            east, north = self.rng.normal(0.0, noise_m, 2)
            self.report(sog, heading, east, north)
            self.minute += every
        return self

    def sail(self, metres, knots=8.0, every=1.0, course=90.0):
        """Sail some way and report; the place at the end is not reported."""
        way = np.array([np.sin(np.radians(course)), np.cos(np.radians(course))])
        minutes = metres / (knots * KN_M_MIN)
        steps = max(int(minutes // every), 1)
        for _ in range(steps):
            self.report(knots, course)
            self.minute += minutes / steps
            self.east, self.north = (self.east, self.north) + way * metres / steps
        return self

    def silence(self, minutes):
        self.minute += minutes
        return self

    def pings(self):
        rows = pd.DataFrame(self.rows, columns=["minute", "east", "north", "sog_kn", "heading_deg"])
        lat, lon = offset_deg(*self.at, 0.0, rows["north"], rows["east"])
        return pd.DataFrame(
            {
                "mmsi": self.mmsi,
                "time": START + pd.to_timedelta(rows["minute"].round(6), unit="min"),
                "lat": lat,
                "lon": lon,
                "sog_kn": rows["sog_kn"],
                "heading_deg": rows["heading_deg"],
            }
        )
