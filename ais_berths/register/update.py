"""Updating the register from a run: new places, better shapes, splits, merges, and vanished places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from ais_berths import geo, schema
from ais_berths.register.assign import assign_stops, places_of_run
from ais_berths.register.book import LETTERS, Register, new_ids, set_by_hand
from ais_berths.register.boxes import give_way, measure, middles, rounded
from ais_berths.register.matching import link_places

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ais_berths.config import RegistryConfig
    from ais_berths.places import Places

_FROM_THE_RUN = ("port_id", "berth_kind", "use", "confidence")


def update_register(
    register: Register, places: Places, prefix: Mapping[str, str], config: RegistryConfig
) -> Register:
    """Bring a register up to a run.

    Found places are linked one to one with known ones. A known berth takes the shape of the run if that rests
    on at least as many visits. Berths are split or merged only on much better evidence, and never if anything
    of them was set by hand. A place without a visit for long has vanished, if the run found any visit in its
    port; when ships come again, it returns with its id. The same run twice changes nothing.

    Parameters
    ----------
    register
        The register, or `Register.empty`.
    places
        What `ais_berths.places.find_places` returned, before `apply_register`.
    prefix
        Short name of each port for new ids, by port id.
    config
        The section ``registry`` of the settings.

    Returns
    -------
    The register with the history of this run; its times are those of the pings, not of the clock.
    """
    if places.stops.empty:
        return register
    # Whole seconds, as a GeoPackage cuts off what is smaller: the history must know this run again.
    time = places.stops["end_time"].max().floor("s")
    rows, events, reshaped = [], [], []
    for place in LETTERS:
        news = _News(register, places, place, prefix, time, config)
        rows.append(news.known)
        events.append(news.events)
        reshaped.extend(news.reshaped)
    merged = _join(register, rows)
    shaped = Register.of(_without_overlaps(merged), register.history)
    events.append(_moves(register, shaped, reshaped, config.moved_m))
    seen, visits = _visits(shaped, places, config)
    return _with_history(shaped, seen, visits, pd.concat(events, ignore_index=True), time, config)


class _News:
    """One kind of place: its rows of the register after the run, and what happened to them."""

    def __init__(
        self,
        register: Register,
        places: Places,
        place: str,
        prefix: Mapping[str, str],
        time: pd.Timestamp,
        config: RegistryConfig,
    ) -> None:
        self.place, self.time, self.config = place, time, config
        self.found = places_of_run(places, place)
        self.known = register.of_sort(place)
        self._log: list[dict[str, Any]] = []
        self.reshaped: list[str] = []
        age = (time - self.known["shape_time"]) / pd.Timedelta(days=1)
        halves = age.clip(lower=0.0).fillna(0.0).to_numpy(dtype=np.float64) / config.half_life_days
        self._evidence = self.known["shape_stops"].astype(np.float64).fillna(0.0).to_numpy() * 0.5**halves
        self._rejected = (self.known["status"] == "rejected").to_numpy()
        self._firm = (self.known["by_hand"] != "").to_numpy() | self._rejected
        links = link_places(self.found, self.known, config)
        same = dict(zip(links.same["found"].tolist(), links.same["known"].tolist(), strict=True))
        absorbed, parents = self._split(same, links.inside, register.places)
        muddled = self._merge(same, links.under) if place == "berth" else set()
        muddled |= {known for _, known in absorbed}
        self._reshape({f: k for f, k in same.items() if k not in muddled}, set(parents.values()))
        fresh = sorted(set(range(len(self.found))) - set(same) - {f for f, _ in absorbed})
        self._revive_or_add(fresh, parents, register, prefix)

    @property
    def events(self) -> pd.DataFrame:
        """Rows for the history."""
        return pd.DataFrame(self._log, columns=["place_id", "event", "other_id", "detail"])

    def _split(
        self, same: dict[int, int], inside: pd.DataFrame, every: gpd.GeoDataFrame
    ) -> tuple[set[tuple[int, int]], dict[int, int]]:
        """Pieces that stay part of their place, and the place that each of the other pieces comes from."""
        visits = self.found["n_stops"].to_numpy()
        absorbed: set[tuple[int, int]] = set()
        parents: dict[int, int] = {}
        partner = {k: f for f, k in same.items()}
        for known, rows in _groups(inside, "known", "found").items():
            pieces = sorted(rows, key=lambda f: (-visits[f], f))
            if known not in partner:
                same[pieces[0]] = known
                partner[known], pieces = pieces[0], pieces[1:]
            total = visits[[partner[known], *pieces]].sum()
            enough = total >= self.config.change_factor * self._evidence[known]
            if self.place == "berth" and enough and not self._firm[known]:
                pieces = [partner[known], *pieces]
                del same[partner[known]]
                partner[known] = self._own_piece(known, pieces, every)
                same[partner[known]] = known
                parents |= {f: known for f in pieces if f != partner[known]}
            else:
                absorbed |= {(f, known) for f in pieces}
        return absorbed, parents

    def _own_piece(self, known: int, pieces: list[int], every: gpd.GeoDataFrame) -> int:
        """The piece that keeps the id of a place: the first that no run had merged into it."""
        parts = _merged(every, self.place)
        parts = parts[parts["merged_into"] == self.known["place_id"].iloc[known]].reset_index(drop=True)
        if parts.empty:
            return pieces[0]
        found = self.found.iloc[pieces].reset_index(drop=True)
        theirs = set(link_places(found, parts, self.config).same["found"])
        return next((f for row, f in enumerate(pieces) if row not in theirs), pieces[0])

    def _merge(self, same: dict[int, int], under: pd.DataFrame) -> set[int]:
        """Merge known berths that one found berth covers; returns those that it covers but that stay."""
        stay: set[int] = set()
        visits = self.found["n_stops"].to_numpy()
        status, other = (self.known[name].to_numpy(dtype=object).copy() for name in ("status", "merged_into"))
        names = self.known["place_id"].to_numpy(dtype=object)
        for found, rows in _groups(under, "found", "known").items():
            covered = sorted(rows, key=lambda k: (-self._evidence[k], k))
            if found not in same:
                same[found], covered = covered[0], covered[1:]
            every = [same[found], *covered]
            enough = visits[found] >= self.config.change_factor * self._evidence[every].sum()
            if not enough or self._firm[every].any():
                stay |= set(every) if covered else set()
                continue
            for known in covered:
                status[known], other[known] = "merged", names[same[found]]
                self._say(names[known], "merged", names[same[found]], f"is part of {names[same[found]]} now")
        self.known = self.known.assign(status=status, merged_into=other)
        return stay

    def _reshape(self, same: dict[int, int], divided: set[int]) -> None:
        """Shapes that rest on at least as many visits replace the known ones, and those of divided berths."""
        found, known = (np.array(list(part), dtype=np.intp) for part in (same.keys(), same.values()))
        visits = self.found["n_stops"].to_numpy()[found]
        drawn = set_by_hand(self.known, "geometry") | self._rejected
        better = (visits >= self._evidence[known]) | np.isin(known, list(divided))
        better &= ~drawn[known]
        found, known = found[better], known[better]
        if not len(found):
            return
        old = self.known.iloc[known].reset_index(drop=True)
        new = self._rows(found)
        kept_use = set_by_hand(old, "use")
        new["use"] = np.where(kept_use, old["use"].to_numpy(dtype=object), new["use"].to_numpy(dtype=object))
        for name in ("place_id", "name", "status", "merged_into", "by_hand", "first_seen", "last_seen"):
            new[name] = old[name].to_numpy()
        # The port of a place is decided once, like its id.
        new["port_id"] = old["port_id"].to_numpy()
        self.reshaped = old["place_id"].tolist()
        extra = [name for name in old.columns if name not in new.columns]
        new[extra] = old[extra].to_numpy()
        rest = self.known.drop(index=known)
        self.known = _stack([rest, _shaped(new)], self.known)

    def _revive_or_add(
        self, fresh: list[int], parents: dict[int, int], register: Register, prefix: Mapping[str, str]
    ) -> None:
        """Places that are not known get an id, or that of a place that a run had merged."""
        if not fresh:
            return
        parent = {f: register.of_sort(self.place)["place_id"].iloc[k] for f, k in parents.items()}
        new = self._rows(np.array(fresh, dtype=np.intp))
        every = register.places
        gone = _merged(every, self.place)
        ids = np.full(len(new), None, dtype=object)
        if len(gone):
            links = link_places(_shaped(new), gone, self.config)
            ids[links.same["found"]] = gone["place_id"].to_numpy(dtype=object)[links.same["known"]]
        for row in np.flatnonzero(~pd.isna(ids)).tolist():
            self._say(ids[row], "returned", parent.get(fresh[row]), "is a place of its own again")
        free = np.flatnonzero(pd.isna(ids))
        order = free[_reading_order(new.iloc[free])]
        short = [prefix.get(port, port) for port in new["port_id"].iloc[order]]
        ids[order] = new_ids(short, self.place, every["place_id"])
        for row in order.tolist():
            origin = parent.get(fresh[row])
            if origin is None:
                visits = int(new["shape_stops"].iloc[row])
                times = "1 visit" if visits == 1 else f"{visits:,} visits"
                self._say(ids[row], "new", None, f"seen for the first time, {times}")
            else:
                self._say(ids[row], "split", origin, f"was part of {origin}")
        new["place_id"] = ids
        named = every.set_index("place_id").reindex(ids)
        for name in ("name", *[n for n in every.columns if n not in {*schema.REGISTER.names, "geometry"}]):
            new[name] = named[name].to_numpy(dtype=object)
        before = pd.Series(pd.to_datetime(named["first_seen"].to_numpy(dtype=object), utc=True))
        new["first_seen"] = new["first_seen"].mask(before < new["first_seen"], before)
        self.known = _stack([self.known, _shaped(new)], self.known)

    def _rows(self, found: NDArray[np.intp]) -> pd.DataFrame:
        """Rows of the register for found places, without ids."""
        run = self.found.iloc[found].reset_index(drop=True)
        shapes = rounded(run.geometry.to_numpy())
        return pd.DataFrame(
            {
                "place": self.place,
                **{name: run[name].to_numpy(dtype=object) for name in _FROM_THE_RUN},
                "status": "active",
                "merged_into": None,
                "by_hand": "",
                **_sizes(shapes, run["heading_deg"].to_numpy()),
                "shape_stops": run["n_stops"].to_numpy(),
                "shape_time": self.time,
                "first_seen": run["first_seen"],
                "last_seen": run["last_seen"],
                "geometry": shapes,
            }
        )

    def _say(self, place_id: str, event: str, other_id: str | None, detail: str) -> None:
        self._log.append({"place_id": place_id, "event": event, "other_id": other_id, "detail": detail})


def _merged(every: gpd.GeoDataFrame, place: str) -> gpd.GeoDataFrame:
    """Places of one sort that runs, not hands, merged into others."""
    parts = every[(every["place"] == place) & (every["status"] == "merged") & (every["by_hand"] == "")]
    return parts.reset_index(drop=True)


def _groups(links: pd.DataFrame, key: str, value: str) -> dict[int, list[int]]:
    groups: dict[int, list[int]] = {}
    for name, row in zip(links[key].tolist(), links[value].tolist(), strict=True):
        groups.setdefault(name, []).append(row)
    return groups


def _shaped(rows: pd.DataFrame) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(rows, geometry="geometry", crs="EPSG:4326")


def _stack(parts: list[Any], like: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Rows of the register one below the other, with all columns that a hand may have added."""
    filled = [part for part in parts if len(part)]
    if not filled:
        return like
    frame = pd.concat([pd.DataFrame(part).astype(object) for part in filled], ignore_index=True)
    return _shaped(frame)


def _join(register: Register, rows: list[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """The rows of this run, and those that it did not look at."""
    touched = {name for part in rows for name in part["place_id"]}
    rest = register.places[~register.places["place_id"].isin(touched)]
    return _stack([rest, *rows], register.places)


def _without_overlaps(rows: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Berths do not overlap: what a hand drew comes first, then what rests on more visits."""
    rows = rows.sort_values("place_id", ignore_index=True)
    live = ((rows["place"] == "berth") & rows["status"].isin(["active", "vanished"])).to_numpy()
    if live.sum() < 2:
        return rows
    drawn = set_by_hand(rows, "geometry")[live]
    visits = rows.loc[live, "shape_stops"].astype(np.float64).fillna(0.0).to_numpy()
    before = rows.geometry.to_numpy()[live]
    after = give_way(before, np.where(drawn, np.inf, visits))
    cut = np.array([a is not b for a, b in zip(before, after, strict=True)])
    if not cut.any():
        return rows
    at = np.flatnonzero(live)[cut]
    shapes = rows.geometry.to_numpy().copy()
    shapes[at] = after[cut]
    sizes = _sizes(after[cut], rows["heading_deg"].iloc[at].to_numpy(dtype=np.float64))
    rows = rows.set_geometry(gpd.GeoSeries(shapes, crs=rows.crs))
    for name in sizes.columns:
        rows.loc[at, name] = sizes[name].to_numpy()
    return rows


def _sizes(shapes: NDArray[np.object_], heading_deg: NDArray[np.float64]) -> pd.DataFrame:
    """Length and width; what has no direction, such as a buoy, gets none."""
    sizes = measure(shapes, heading_deg)
    return sizes.assign(heading_deg=sizes["heading_deg"].where(np.isfinite(heading_deg)))


def _visits(register: Register, places: Places, config: RegistryConfig) -> tuple[pd.DataFrame, pd.Series]:
    """First and last visit of the run, and the number of visits, by place."""
    ids = assign_stops(places, register, config)
    parts = [
        places.stops.assign(place_id=ids[f"{place}_id"])[["place_id", "start_time", "end_time"]].dropna()
        for place in LETTERS
    ]
    by = pd.concat(parts, ignore_index=True).groupby("place_id")
    return pd.DataFrame({"first": by["start_time"].min(), "last": by["end_time"].max()}), by.size()


def _with_history(
    register: Register,
    seen: pd.DataFrame,
    visits: pd.Series,
    events: pd.DataFrame,
    time: pd.Timestamp,
    config: RegistryConfig,
) -> Register:
    """Dates of the visits, places that vanished or returned, and one line of history for each event."""
    rows = register.places
    here = seen.reindex(rows["place_id"]).reset_index(drop=True)
    first, last = rows["first_seen"].fillna(here["first"]), rows["last_seen"].fillna(here["last"])
    first = first.mask(here["first"] < first, here["first"])
    last = last.mask(here["last"] > last, here["last"])
    status = rows["status"].astype(object)
    back = here["last"].notna() & (status == "vanished")
    heard = rows["port_id"].isin(rows.loc[here["last"].notna(), "port_id"])
    silent = (time - last) > pd.Timedelta(days=config.gone_days)
    gone = heard & silent & (status == "active") & here["last"].isna()
    status = status.mask(back, "active").mask(gone, "vanished")
    known = rows.assign(first_seen=first, last_seen=last, status=status)
    lines = [
        events,
        _lines(rows.loc[back, "place_id"], "returned", "visited again"),
        _lines(
            rows.loc[gone, "place_id"], "vanished", "no visit since " + last[gone].dt.strftime("%Y-%m-%d")
        ),
    ]
    said = pd.concat([line for line in lines if len(line)] or [events], ignore_index=True)
    kept = seen.index.difference(pd.Index(said["place_id"]))
    said = pd.concat([said, pd.DataFrame({"place_id": kept, "event": "kept"})], ignore_index=True)
    said["time"] = time
    said["n_stops"] = said["place_id"].map(visits).astype("Int64")
    new, old = schema.conform(said, "register_history"), register.history
    told = _told(new, old[old["time"] == time])
    history = pd.concat([old, new[~told]], ignore_index=True)
    return Register.of(known, history)


def _told(new: pd.DataFrame, old: pd.DataFrame) -> NDArray[np.bool_]:
    """Lines of a run that the history of its time has, and those of kept places that it tells anything of."""
    names = ["place_id", "event", "other_id", "detail"]
    whole, known = (pd.MultiIndex.from_frame(part[names].astype(object).fillna("")) for part in (new, old))
    again: NDArray[np.bool_] = whole.isin(known)
    return again | ((new["event"] == "kept") & new["place_id"].isin(old["place_id"])).to_numpy()


def _lines(place_id: pd.Series, event: str, detail: Any) -> pd.DataFrame:
    return pd.DataFrame({"place_id": place_id, "event": event, "detail": detail})


def _moves(before: Register, after: Register, names: list[str], limit_m: float) -> pd.DataFrame:
    """What moved, in words; compared without overlaps, as a run that is repeated finds these again."""
    old, new = (part.places.set_index("place_id").loc[names] for part in (before, after))
    (lon, lat), (new_lon, new_lat) = (middles(part.geometry.to_numpy()) for part in (old, new))
    away = geo.haversine_m(lat, lon, new_lat, new_lon)
    lengths = old["length_m"].to_numpy(dtype=np.float64), new["length_m"].to_numpy(dtype=np.float64)
    moved = np.flatnonzero((away > limit_m) | (np.abs(lengths[1] - lengths[0]) > limit_m))
    words = [
        f"middle {away[row]:.0f} m away, length {lengths[0][row]:.0f} m, now {lengths[1][row]:.0f} m"
        for row in moved.tolist()
    ]
    return _lines(old.index.to_series().iloc[moved], "moved", words)


def _reading_order(new: pd.DataFrame) -> NDArray[np.intp]:
    """From west to east, then from south to north, so that numbers do not depend on the order of rows."""
    middle = gpd.GeoSeries(new["geometry"].to_numpy()).representative_point()
    lon, lat = middle.x.round(6), middle.y.round(6)
    order: NDArray[np.intp] = np.lexsort((lat.to_numpy(), lon.to_numpy(), new["port_id"].to_numpy(dtype=str)))
    return order
