"""Reports as the columns of real feeds: the UN platform's archive, NOAA's MarineCadastre, Denmark's aisdk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ais_berths.h3cells import cells_at
from ais_berths.simulate.truth import times

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from numpy.typing import NDArray

    from ais_berths.simulate.settings import SimulateConfig

STATUS_WORDS = {
    "ungp": {0: "Under Way Using Engine", 1: "At Anchor", 5: "Moored", 15: "Not Defined"},
    "dma": {0: "Under way using engine", 1: "At anchor", 5: "Moored", 15: "Unknown value"},
}
TYPE_WORDS = {
    "ungp": {
        30: "Fishing",
        31: "Towing",
        32: "Towing",
        36: "Sailing",
        37: "Pleasure Craft",
        50: "Pilot Vessel",
    }
    | {52: "Tug", 60: "Passenger", 70: "Cargo", 80: "Tanker", 0: "Unknown"},
    "dma": {30: "Fishing", 31: "Towing", 32: "Towing long/wide", 36: "Sailing", 37: "Pleasure", 50: "Pilot"}
    | {52: "Tug", 60: "Passenger", 70: "Cargo", 80: "Tanker", 0: "Undefined"},
}
_PLACES = ("ROTTERDAM", "SINGAPORE", "HOUSTON", "SANTOS", "", "FOR ORDERS", "PILOT STN", "KOTKA", "DURBAN")


class Layout:
    """Turns reports into the table of one feed.

    Parameters
    ----------
    ships
        The named fleet; `vessel` in the reports is its row.
    config
        Which feed and which sizes.
    """

    def __init__(self, ships: pd.DataFrame, config: SimulateConfig) -> None:
        self.config = config
        self.ships = {name: ships[name].to_numpy() for name in ships.columns if ships[name].dtype != object}
        self.length = self.ships["dim_a"] + self.ships["dim_b"]
        self.width = self.ships["dim_c"] + self.ships["dim_d"]
        self.texts = {name: pa.array(values) for name, values in _ship_texts(ships, config.feed).items()}
        self.build: Callable[[pd.DataFrame], dict[str, Any]] = {
            "ungp": self._ungp,
            "noaa": self._noaa,
            "dma": self._dma,
        }[config.feed]

    def filed_s(self, rng: np.random.Generator, reports: pd.DataFrame) -> NDArray[np.float64]:
        """When each report came into the archive, which decides the folder or file of its day.

        On the platform that is minutes to a day after the position. Elsewhere it is the time of the position,
        except that repeated rows around midnight are in the files of both days.
        """
        time = reports["time_s"].to_numpy(dtype=np.float64)
        again = reports["again"].to_numpy()
        if self.config.feed != "ungp":
            return time + np.where(again, 900.0, 0.0)
        n, chance = len(time), rng.random(len(time))
        delay = np.select([chance < 0.85, chance < 0.97], [300.0, 3600.0], 18_000.0) * rng.exponential(1.0, n)
        return time + np.clip(delay + 5.0, 5.0, 100_000.0) + again * rng.uniform(0, 86_400.0, n)

    def table(self, reports: pd.DataFrame) -> pa.Table:
        """Columns of the feed, in order of arrival or of time."""
        rows = reports.sort_values(["filed_s", "vessel"], kind="stable")
        return pa.table(self.build(rows))

    # the three feeds -----------------------------------------------------------------------------

    def _ungp(self, rows: pd.DataFrame) -> dict[str, Any]:
        vessel = rows["vessel"].to_numpy()
        seconds, filed = rows["time_s"].to_numpy(), rows["filed_s"].to_numpy()
        satellite = self.config.reception == "satellite"
        class_b = self.ships["class_b"][vessel]
        message = np.select([rows["coarse"].to_numpy(), class_b], [27, 18], 1)
        columns: dict[str, Any] = {
            "mmsi": self._of("mmsi", vessel),
            "imo": self._of("imo", vessel),
            "vessel_name": self._text("name", vessel),
            "callsign": self._text("call_sign", vessel),
            "vessel_type": self._text("type", vessel),
            "vessel_type_code": self._of("sent_type", vessel).astype(np.int32),
            "vessel_type_cargo": pa.nulls(len(rows), pa.string()),
            "vessel_type_main": pa.nulls(len(rows), pa.string()),
            "vessel_type_sub": pa.nulls(len(rows), pa.string()),
            "vessel_class": self._text("class", vessel),
            **self._sizes(vessel, ("length", "width")),
            "draught": self._of("draught_m", vessel),
            "flag_country": self._text("flag", vessel),
            "flag_code": self._of("mmsi", vessel) // 1_000_000,
            "destination": self._text("destination", vessel),
            "eta": pa.nulls(len(rows), pa.int32()),
            "longitude": rows["lon"].to_numpy(),
            "latitude": rows["lat"].to_numpy(),
            "sog": rows["sog_kn"].to_numpy(),
            "cog": rows["cog_deg"].to_numpy(),
            "rot": pa.nulls(len(rows), pa.float64()),
            "heading": rows["heading_deg"].to_numpy(),
            "nav_status": self._status(rows),
            "nav_status_code": rows["nav_status"].to_numpy().astype(np.int32),
            "source": _constant("S-AIS" if satellite else "T-AIS", len(rows)),
            "dt_pos_utc": _instants(seconds),
            "dt_static_utc": _instants(seconds // 3600 * 3600),
            "dt_insert_utc": _instants(filed),
            "message_type": message.astype(np.int32),
            "eeid": self._of("mmsi", vessel) * 7 + 11,
        }
        if self.config.sizes == "antenna":
            columns |= {name: self._of(name, vessel) for name in ("dim_a", "dim_b", "dim_c", "dim_d")}
        for resolution in self.config.h3:
            cells = cells_at(rows["lat"], rows["lon"], resolution)
            columns[f"H3_int_index_{resolution}"] = pa.array(cells, mask=cells == 0)
        return columns

    def _noaa(self, rows: pd.DataFrame) -> dict[str, Any]:
        vessel = rows["vessel"].to_numpy()
        class_b = self.ships["class_b"][vessel]
        seconds = rows["time_s"].to_numpy()
        as_text = self.config.form == "csv"
        stamp = _stamps(seconds, "%Y-%m-%dT%H:%M:%S") if as_text else _instants(seconds)
        return {
            "MMSI": self._of("mmsi", vessel),
            "BaseDateTime": stamp,
            "LAT": rows["lat"].to_numpy().round(5),
            "LON": rows["lon"].to_numpy().round(5),
            "SOG": rows["sog_kn"].to_numpy(),
            "COG": rows["cog_deg"].to_numpy(),
            "Heading": rows["heading_deg"].to_numpy(),
            "VesselName": self._text("name", vessel),
            "IMO": self._text("imo", vessel),
            "CallSign": self._text("call_sign", vessel),
            "VesselType": self._of("sent_type", vessel),
            "Status": pa.array(rows["nav_status"].to_numpy(), mask=class_b),
            **self._sizes(vessel, ("Length", "Width")),
            "Draft": self._of("draught_m", vessel),
            "Cargo": self._of("sent_type", vessel),
            "TransceiverClass": self._text("class", vessel),
        }

    def _dma(self, rows: pd.DataFrame) -> dict[str, Any]:
        vessel = rows["vessel"].to_numpy()
        n = len(rows)
        blank = pa.nulls(n, pa.string())
        sog, heading = rows["sog_kn"].to_numpy(), rows["heading_deg"].to_numpy()
        cog = rows["cog_deg"].to_numpy()
        offsets = {key.upper(): self._of(f"dim_{key}", vessel) for key in "abcd"}
        if self.config.sizes != "antenna":
            offsets = dict.fromkeys("ABCD", pa.nulls(n, pa.float64()))
        sizes = self._sizes(vessel, ("Length", "Width"))
        return {
            "# Timestamp": _stamps(rows["time_s"].to_numpy(), "%d/%m/%Y %H:%M:%S"),
            "Type of mobile": self._text("mobile", vessel),
            "MMSI": self._of("mmsi", vessel),
            "Latitude": rows["lat"].to_numpy().round(6),
            "Longitude": rows["lon"].to_numpy().round(6),
            "Navigational status": self._status(rows),
            "ROT": blank,
            "SOG": pa.array(sog, mask=sog >= 102.3),
            "COG": pa.array(cog, mask=cog >= 360),
            "Heading": pa.array(heading, mask=heading >= 360),
            "IMO": self._text("imo", vessel),
            "Callsign": self._text("call_sign", vessel),
            "Name": self._text("name", vessel),
            "Ship type": self._text("type", vessel),
            "Cargo type": blank,
            "Width": sizes["Width"],
            "Length": sizes["Length"],
            "Type of position fixing device": _constant("GPS", n),
            "Draught": self._of("draught_m", vessel),
            "Destination": self._text("destination", vessel),
            "ETA": blank,
            "Data source type": _constant("AIS", n),
            **offsets,
        }

    # columns of ships ----------------------------------------------------------------------------

    def _of(self, name: str, vessel: NDArray[np.int64]) -> NDArray[Any]:
        return self.ships[name][vessel]

    def _text(self, name: str, vessel: NDArray[np.int64]) -> pa.Array:
        return self.texts[name].take(pa.array(vessel))

    def _sizes(self, vessel: NDArray[np.int64], names: tuple[str, str]) -> dict[str, pa.Array]:
        missing = self.config.sizes == "none"
        return {
            name: pa.array(size[vessel], mask=(size[vessel] <= 0) | missing)
            for name, size in zip(names, (self.length, self.width), strict=True)
        }

    def _status(self, rows: pd.DataFrame) -> pa.Array:
        words = STATUS_WORDS[self.config.feed]
        table: list[str] = [words.get(code, words[15]) for code in range(16)]
        return pa.array(table).take(pa.array(rows["nav_status"].to_numpy().astype(np.int32)))


def _ship_texts(ships: pd.DataFrame, feed: str) -> dict[str, list[str | None]]:
    """Texts of each ship as the feed spells them."""
    words = TYPE_WORDS.get(feed, TYPE_WORDS["dma"])
    codes = ships["sent_type"].tolist()
    kinds: list[str | None] = [words.get(code, words.get(code // 10 * 10, words[0])) for code in codes]
    imo = ships["imo"].tolist()
    unknown = {"noaa": "IMO0000000", "dma": "Unknown"}.get(feed)
    prefix = "IMO" if feed == "noaa" else ""
    class_b = ships["class_b"].tolist()
    return {
        "name": ships["name"].tolist(),
        "call_sign": ships["call_sign"].tolist(),
        "type": kinds,
        "class": ["B" if b else "A" for b in class_b],
        "mobile": ["Class B" if b else "Class A" for b in class_b],
        "imo": [f"{prefix}{number}" if number else unknown for number in imo],
        "flag": [f"MID {mmsi // 1_000_000}" for mmsi in ships["mmsi"].tolist()],
        "destination": [_PLACES[mmsi % len(_PLACES)] for mmsi in ships["mmsi"].tolist()],
    }


def _instants(seconds: NDArray[Any]) -> pa.Array:
    return pa.Array.from_pandas(times(seconds)).cast(pa.timestamp("us", tz="UTC"))


def _stamps(seconds: NDArray[np.int64], pattern: str) -> pa.Array:
    """Times in words; each second is spelled once."""
    each, place = np.unique(seconds, return_inverse=True)
    return pc.strftime(pa.array(each, pa.timestamp("s", tz="UTC")), pattern).take(pa.array(place))


def _constant(text: str, n: int) -> pa.Array:
    return pa.array([text]).take(pa.array(np.zeros(n, dtype=np.int32)))
