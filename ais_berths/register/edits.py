"""Edits made by hand in a copy of the register: checked together, and applied all or none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ais_berths import schema
from ais_berths.errors import Complaints, InputError
from ais_berths.pairs import flatten, overlaps
from ais_berths.register import checks
from ais_berths.register.book import Register, mark_by_hand, new_ids
from ais_berths.register.boxes import measure
from ais_berths.uses import USES

if TYPE_CHECKING:
    from collections.abc import Mapping

# Outlines that differ by less are the same, as GIS programs round (m); a place belongs to a redrawn berth
# that covers more than this share of it.
_REDRAWN_M, _COVERED = 0.2, 0.5
_BY_RUNS = {
    *(set(schema.REGISTER.names) - {"name", "status", "merged_into", "use", "berth_kind"}),
    *(name for table in (schema.BERTHS, schema.QUAYS, schema.ANCHORAGES) for name in table.names),
    # What GIS programs add.
    *("fid", "ogc_fid", "id", "feature_id", "layer", "path", "bbox"),
} - {"name", "use", "berth_kind"}


class Edit(NamedTuple):
    """One change, in words."""

    place_id: str
    event: str
    other_id: str | None
    detail: str


def apply_edits(
    register: Register, edited: gpd.GeoDataFrame, time: pd.Timestamp, *, reject_missing: bool = False
) -> tuple[Register, list[Edit]]:
    """Apply what was changed in a copy of the register, or refuse all of it.

    An edit may change ``name``, ``use``, ``berth_kind``, the shape, ``status`` (to rejected, and back to
    active) and ``merged_into``, and add columns. A row without an id is a new place. A missing row means
    nothing, as the file may be a selection, unless a redrawn neighbour covers most of the place: then the two
    were merged. Other columns are filled by runs, and changes there are ignored.

    Parameters
    ----------
    register
        The register.
    edited
        The edited places with ``place_id``, in any declared coordinate reference system.
    time
        Time of the edit, for the history.
    reject_missing
        Take places that are missing from `edited` as rejected.

    Returns
    -------
    The new register, and what was changed.

    Raises
    ------
    InputError
        The edit cannot be applied; everything that is wrong is named.
    """
    schema.check_columns(edited.columns, "edited places", ["place_id"])
    complaints = Complaints()
    rows = checks.check_crs(edited, complaints).reset_index(drop=True)
    placed = not complaints.found
    ids = pd.Series([_text(value) for value in rows["place_id"]], dtype=object)
    checks.check_ids(ids, register, complaints)
    labels = [name or f"the new place in row {row + 1}" for row, name in enumerate(ids)]
    fine = checks.check_shapes(rows, labels, complaints) & placed
    draft = _Draft(register, complaints)
    known = ids.isin(register.places["place_id"]) & ~ids.duplicated()
    columns = _columns(rows)
    for row in np.flatnonzero(known).tolist():
        draft.change(ids[row], {name: _value(rows[name].iloc[row]) for name in columns})
        if fine[row]:
            draft.redraw(ids[row], rows.geometry.iloc[row])
    for row in np.flatnonzero((ids == "").to_numpy() & fine).tolist():
        place = checks.place_of(rows["place"].iloc[row]) if "place" in rows.columns else "berth"
        values = {name: _value(rows[name].iloc[row]) for name in columns}
        draft.draw(labels[row], place, rows.geometry.iloc[row], values)
    draft.miss(sorted(set(register.places["place_id"]) - set(ids)), reject=reject_missing)
    draft.finish()
    complaints.raise_if_any(InputError, "The edit was not applied")
    return draft.result(time), draft.edits


class _Draft:
    """The register as it will be, with the changes so far."""

    def __init__(self, register: Register, complaints: Complaints) -> None:
        self.register, self.complaints = register, complaints
        self.rows: dict[str, dict[str, Any]] = {
            str(row["place_id"]): {str(name): value for name, value in row.items()}
            for row in pd.DataFrame(register.places).to_dict("records")
        }
        self.edits: list[Edit] = []
        self.merged: dict[str, str] = {}
        self.drawn: set[str] = set()
        self.restored: set[str] = set()

    def change(self, name: str, values: Mapping[str, Any]) -> None:
        """Apply changed names, uses and added columns; remember what is rejected or merged."""
        row = self.rows[name]
        for column, value in values.items():
            if column in ("status", "merged_into") or _same(row.get(column), value):
                continue
            if not self._allowed(name, row, column, value):
                continue
            before = _text(row.get(column))
            row[column] = value
            row["by_hand"] = mark_by_hand(row["by_hand"], [column])
            if column == "name":
                self._say(name, "renamed", None, f"from '{before}' to '{_text(value)}'")
            else:
                self._say(name, "changed", None, f"{column} from '{before}' to '{_text(value)}'")
        target = _text(values.get("merged_into", row["merged_into"]))
        status = _text(values.get("status", row["status"]))
        if target and target != _text(row["merged_into"]):
            self.merged[name] = target
        elif status != row["status"]:
            self._set_status(name, row, status)
        elif _text(row["merged_into"]) and not target:
            self.complaints.add(
                f"{name} is merged into {row['merged_into']}, and its merged_into was cleared; "
                "to restore it, set its status to active too"
            )

    def redraw(self, name: str, shape: Any) -> None:
        """Take over a shape that was changed."""
        row = self.rows[name]
        if not _is_redrawn(row["geometry"], shape):
            return
        checks.check_distance(name, row["geometry"], shape, self.complaints)
        before = row["length_m"]
        self._shape(row, shape)
        self.drawn.add(name)
        self._say(name, "redrawn", None, f"length {before:.0f} m before, {row['length_m']:.0f} m now")

    def draw(self, label: str, place: str, shape: Any, values: Mapping[str, Any]) -> None:
        """Add a place that a hand drew."""
        if place == "quay":
            self.complaints.add("a new quay was drawn; quays are found from berths, draw the berth")
            return
        near = self.register.places[self.register.places["status"] != "merged"]
        if near.empty:
            self.complaints.add(
                "a place was drawn, and the register has none yet; update it from a run first"
            )
            return
        _, (flat, new) = flatten(near, gpd.GeoDataFrame(geometry=[shape], crs="EPSG:4326"))
        neighbour = near.iloc[int(np.argmin(shapely.distance(flat, new[0])))]
        if not checks.check_alone(label, neighbour["geometry"], shape, self.complaints):
            return
        prefix = neighbour["place_id"].rpartition("-")[0]
        name = new_ids([prefix], place, self.rows)[0]
        row = dict.fromkeys(self.register.places.columns, None) | {
            "place_id": name,
            "place": place,
            "port_id": neighbour["port_id"],
            "status": "active",
            "by_hand": "",
            "shape_stops": 0,
            "heading_deg": np.nan,
        }
        self.rows[name] = row
        self._shape(row, shape)
        self.drawn.add(name)
        self._say(name, "drawn", None, f"by hand, {row['length_m']:.0f} m long")
        if place == "berth":
            row["berth_kind"], row["use"] = "discrete", "unknown"
        given = {column: value for column, value in values.items() if _text(value)}
        self.change(name, {column: given[column] for column in given if column != "status"})

    def miss(self, names: list[str], *, reject: bool) -> None:
        """Places that are not in the file: merged if a redrawn berth covers them, else left or rejected."""
        live = [name for name in names if self.rows[name]["status"] in ("active", "vanished")]
        hosts = self._hosts(live)
        self.merged |= hosts
        for name in live:
            if reject and name not in hosts:
                self._set_status(name, self.rows[name], "rejected")

    def finish(self) -> None:
        """Merge, and see whether what comes out fits together."""
        places = self._frame()
        good = Complaints()
        checks.check_merges(places, self.merged, good)
        self.complaints.found.extend(good.found)
        if not good.found:
            for target in sorted(set(self.merged.values())):
                parts = sorted(name for name, into in self.merged.items() if into == target)
                self._merge(target, parts)
        checks.check_overlaps(self._frame(), self.drawn | self.restored, self.complaints)

    def result(self, time: pd.Timestamp) -> Register:
        """The register after the edit."""
        log = pd.DataFrame(self.edits, columns=list(Edit._fields)).assign(time=time)
        history = pd.concat(
            [self.register.history, schema.conform(log, "register_history")], ignore_index=True
        )
        return Register.of(self._frame(), history)

    def _merge(self, host: str, parts: list[str]) -> None:
        """Make berths part of another one, which reaches around all of them unless it was redrawn."""
        target, rows = self.rows[host], [self.rows[name] for name in parts]
        if host not in self.drawn:
            every = gpd.GeoDataFrame(geometry=[row["geometry"] for row in (target, *rows)], crs="EPSG:4326")
            plane, (flat,) = flatten(every)
            self._shape(target, plane.to_degrees([shapely.convex_hull(shapely.union_all(flat))])[0])
            self.drawn.add(host)
        for row in rows:
            target["shape_stops"] = _sum(target["shape_stops"], row["shape_stops"])
            for column, best in (("first_seen", min), ("last_seen", max)):
                known = [value for value in (row[column], target[column]) if not pd.isna(value)]
                target[column] = best(known) if known else None
            row |= {"status": "merged", "merged_into": host}
            row["by_hand"] = mark_by_hand(row["by_hand"], ["merged_into"])
            self._say(row["place_id"], "merged", host, f"by hand into {host}")

    def _set_status(self, name: str, row: dict[str, Any], status: str) -> None:
        if not checks.check_choice(name, "status", status, ("active", "rejected"), self.complaints):
            return
        event = "rejected" if status == "rejected" else "restored"
        if event == "restored" and row["status"] in ("merged", "rejected"):
            self.restored.add(name)
        row["status"], row["merged_into"] = status, None
        row["by_hand"] = mark_by_hand(row["by_hand"], ["status"])
        self._say(name, event, None, "by hand")

    def _allowed(self, name: str, row: dict[str, Any], column: str, value: Any) -> bool:
        choices = {"use": USES, "berth_kind": checks.BERTH_KINDS}.get(column)
        if choices is None:
            return True
        if row["place"] != "berth":
            self.complaints.add(f"{name} is not a berth, so it has no {column}")
            return False
        return checks.check_choice(name, column, _text(value), choices, self.complaints)

    def _shape(self, row: dict[str, Any], shape: Any) -> None:
        sizes = measure(np.array([shape], dtype=object), [row["heading_deg"]]).iloc[0]
        row |= {"geometry": shape, "confidence": 1.0}
        row |= {"length_m": float(sizes["length_m"]), "width_m": float(sizes["width_m"])}
        if row["place"] != "anchorage" and row["berth_kind"] != "buoy":
            row["heading_deg"] = float(sizes["heading_deg"])
        row["by_hand"] = mark_by_hand(row["by_hand"], ["geometry"])

    def _hosts(self, names: list[str]) -> dict[str, str]:
        """The redrawn berth that covers most of a berth, for each berth that has one."""
        drawn, others = (
            [name for name in part if self.rows[name]["place"] == "berth"]
            for part in (sorted(self.drawn), names)
        )
        if not drawn or not others:
            return {}
        _, (hosts, parts) = flatten(
            *(
                gpd.GeoDataFrame(geometry=[self.rows[name]["geometry"] for name in part], crs="EPSG:4326")
                for part in (drawn, others)
            )
        )
        pairs = overlaps(hosts, parts)
        first = pairs[pairs["share_of_true"] > _COVERED].drop_duplicates("true")
        return {others[j]: drawn[i] for i, j in zip(first["found"], first["true"], strict=True)}

    def _frame(self) -> gpd.GeoDataFrame:
        table = pd.DataFrame(list(self.rows.values()), columns=self._names())
        return gpd.GeoDataFrame(table, geometry="geometry", crs="EPSG:4326")

    def _names(self) -> list[str]:
        names = list(self.register.places.columns)
        added = [name for row in self.rows.values() for name in row if name not in names]
        return [*names, *dict.fromkeys(added)]

    def _say(self, place_id: str, event: str, other_id: str | None, detail: str) -> None:
        self.edits.append(Edit(place_id, event, other_id, detail))


def _columns(rows: gpd.GeoDataFrame) -> list[str]:
    """Columns that a hand may change."""
    return [name for name in rows.columns if name not in _BY_RUNS and name != rows.geometry.name]


def _is_redrawn(old: Any, new: Any) -> bool:
    """Whether an outline differs by more than a GIS program's rounding."""
    if old is None or old.is_empty:
        return True
    frame = gpd.GeoDataFrame(geometry=[old, new], crs="EPSG:4326")
    plane, (flat,) = flatten(frame)
    scale = float(plane.scale(plane.inverse(*flat[0].centroid.coords[0])[1]))
    return bool(shapely.hausdorff_distance(flat[0], flat[1]) > _REDRAWN_M * scale)


def _value(value: Any) -> Any:
    """A value as the register holds it: lists as JSON text, all that is missing as None."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return json.dumps(list(value), ensure_ascii=False, default=str)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    if value is None or pd.isna(value):
        return None
    return value.strip() or None if isinstance(value, str) else value


def _text(value: Any) -> str:
    kept = _value(value)
    return "" if kept is None else str(kept)


def _same(old: Any, new: Any) -> bool:
    a, b = _value(old), _value(new)
    return a == b or _text(a) == _text(b)


def _sum(*values: Any) -> int:
    return int(sum(0 if pd.isna(value) else value for value in values))
