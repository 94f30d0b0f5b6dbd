"""Styles for QGIS, which finds them in the table ``layer_styles`` of a GeoPackage.

A style is a QML document of QGIS 3. Berths are coloured by use, and fainter the lower their confidence, so
that the map can also be read in grey. Columns get readable names, and those with fixed values a list to
choose from.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from ais_berths import schema

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

_VERSION = "3.22.0"
_USES = {
    "commercial": "31,119,180",
    "service": "255,127,14",
    "fishing": "44,160,44",
    "leisure": "148,103,189",
    "unknown": "127,127,127",
}
_KINDS = {"moored": "31,119,180", "anchored": "214,39,40", "buoy": "44,160,44", "adrift": "127,127,127"}
_CHOICES = {
    "status": ("active", "rejected", "vanished", "merged"),
    "use": tuple(_USES),
    "berth_kind": ("discrete", "continuous", "buoy"),
}
_LABELS = {"berths": "berth_id", "quays": "quay_id", "anchorages": "anchorage_id"}
_OUTLINES = {
    "quays": ("255,255,255,0", "80,80,80", "dash"),
    "anchorages": ("214,39,40,25", "214,39,40", "dot"),
}
_TABLE = """
create table layer_styles (
    id integer primary key autoincrement not null,
    f_table_catalog text(256), f_table_schema text(256), f_table_name text(256), f_geometry_column text(256),
    styleName text(30), styleQML text, styleSLD text, useAsDefault boolean,
    description text, owner text(30), ui text(30), update_time datetime
)"""


def add_styles(path: Path, layers: Mapping[str, Collection[str]]) -> None:
    """Add the styles of the layers that have one to a GeoPackage.

    Parameters
    ----------
    path
        The GeoPackage.
    layers
        Columns of each layer, by its name.
    """
    styles = {name: style(name, columns) for name, columns in layers.items() if _has_style(name)}
    if not styles:
        return
    with closing(sqlite3.connect(path)) as base, base:
        base.execute(_TABLE)
        base.execute(
            "insert into gpkg_contents (table_name, data_type, identifier, description) "
            "values ('layer_styles', 'attributes', 'layer_styles', 'styles of QGIS')"
        )
        for name, document in styles.items():
            (column,) = base.execute(
                "select column_name from gpkg_geometry_columns where table_name = ?", (name,)
            ).fetchone()
            base.execute(
                "insert into layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, "
                "styleName, styleQML, styleSLD, useAsDefault, description, owner, ui, update_time) "
                "values ('', '', ?, ?, ?, ?, '', 1, 'ais-berths', '', null, '2000-01-01T00:00:00.000Z')",
                (name, column, name, document),
            )


def style(layer: str, columns: Collection[str]) -> str:
    """QML document of a layer with these columns.

    Examples
    --------
    >>> document = ET.fromstring(style("berths", ["berth_id", "use", "confidence"]))
    >>> [category.get("value") for category in document.iter("category")]
    ['commercial', 'service', 'fishing', 'leisure', 'unknown', '']
    """
    root = ET.Element("qgis", version=_VERSION, styleCategories="Symbology|Labeling|Fields|Forms")
    if layer == "stops":
        _by_category(root, "kind", _KINDS, "marker", None)
    elif layer == "berths":
        _by_category(root, "use", _USES, "fill", _opacity(columns))
    else:
        _outline(root, layer)
    if layer in _LABELS:
        _label(root, layer, columns)
    _fields(root, layer, columns)
    ET.SubElement(root, "layerGeometryType").text = "0" if layer == "stops" else "2"
    document = ET.tostring(root, encoding="unicode")
    return f"<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n{document}"


def _has_style(layer: str) -> bool:
    return layer == "stops" or layer in _LABELS


def _by_category(
    root: ET.Element, column: str, colours: Mapping[str, str], sort: str, opacity: str | None
) -> None:
    renderer = ET.SubElement(root, "renderer-v2", type="categorizedSymbol", attr=column, forceraster="0")
    categories = ET.SubElement(renderer, "categories")
    symbols = ET.SubElement(renderer, "symbols")
    for number, (value, colour) in enumerate([*colours.items(), ("", "127,127,127")]):
        ET.SubElement(
            categories, "category", value=value, label=value or "other", symbol=str(number), render="true"
        )
        if sort == "marker":
            _symbol(symbols, str(number), sort, {"name": "circle", "color": f"{colour},200", "size": "1.6"})
        else:
            fill = {"color": f"{colour},140", "outline_color": f"{colour},255", "outline_width": "0.4"}
            _symbol(symbols, str(number), sort, fill | {"style": "solid"}, opacity)


def _outline(root: ET.Element, layer: str) -> None:
    fill, line, dashes = _OUTLINES[layer]
    renderer = ET.SubElement(root, "renderer-v2", type="singleSymbol", forceraster="0")
    options = {"color": fill, "outline_color": f"{line},255", "outline_style": dashes, "outline_width": "0.5"}
    _symbol(ET.SubElement(renderer, "symbols"), "0", "fill", options | {"style": "solid"})


def _symbol(
    symbols: ET.Element, name: str, sort: str, options: Mapping[str, str], opacity: str | None = None
) -> None:
    symbol = ET.SubElement(symbols, "symbol", type=sort, name=name, alpha="1", clip_to_extent="1")
    if opacity is not None:
        alpha = {"active": ("bool", "true"), "expression": ("QString", opacity), "type": ("int", "3")}
        every = ET.SubElement(ET.SubElement(symbol, "data_defined_properties"), "Option", type="Map")
        _option(every, "name", "QString", "")
        named = ET.SubElement(every, "Option", name="properties", type="Map")
        one = ET.SubElement(named, "Option", name="alpha", type="Map")
        for key, (kind, value) in alpha.items():
            _option(one, key, kind, value)
        _option(every, "type", "QString", "collection")
    drawn = "SimpleMarker" if sort == "marker" else "SimpleFill"
    layer = ET.SubElement(symbol, "layer", {"class": drawn, "enabled": "1", "pass": "0", "locked": "0"})
    listed = ET.SubElement(layer, "Option", type="Map")
    for key, value in options.items():
        _option(listed, key, "QString", value)


def _opacity(columns: Collection[str]) -> str | None:
    """Per cent: from 35 for a berth of which little is known; what is not active is faint."""
    if "confidence" not in columns:
        return None
    known = '35 + 65 * coalesce("confidence", 0.5)'
    return f"if(\"status\" = 'active', {known}, 15)" if "status" in columns else known


def _label(root: ET.Element, layer: str, columns: Collection[str]) -> None:
    key = next((name for name in (_LABELS[layer], "place_id") if name in columns), None)
    if key is None:
        return
    text = f'coalesce("name", "{key}")' if "name" in columns else f'"{key}"'
    labeling = ET.SubElement(root, "labeling", type="simple")
    settings = ET.SubElement(labeling, "settings")
    written = ET.SubElement(
        settings, "text-style", fieldName=text, isExpression="1", fontSize="8", textColor="20,20,20,255"
    )
    ET.SubElement(written, "text-buffer", bufferDraw="1", bufferSize="0.8", bufferColor="255,255,255,255")
    # In the middle of the shape. Where there is room for one name, it is that of the berth.
    priority = "3" if layer == "quays" else "8"
    ET.SubElement(settings, "placement", placement="1", quadOffset="4", centroidInside="1", priority=priority)
    ET.SubElement(
        settings,
        "rendering",
        scaleVisibility="1",
        scaleMin="1",
        scaleMax="25000",
        drawLabels="1",
        obstacle="0",
    )


def _fields(root: ET.Element, layer: str, columns: Collection[str]) -> None:
    """Readable names of the columns, and lists to choose from."""
    configured = ET.SubElement(root, "fieldConfiguration")
    aliases = ET.SubElement(root, "aliases")
    tables = [schema.TABLES[name] for name in ("register", layer)]
    for number, name in enumerate(columns):
        field = ET.SubElement(configured, "field", name=name)
        if name in _CHOICES and "place_id" in columns:
            config = ET.SubElement(ET.SubElement(field, "editWidget", type="ValueMap"), "config")
            listed = ET.SubElement(
                ET.SubElement(config, "Option", type="Map"), "Option", name="map", type="List"
            )
            for choice in _CHOICES[name]:
                _option(ET.SubElement(listed, "Option", type="Map"), choice, "QString", choice)
        known = [table.field(name) for table in tables if name in table.names]
        if known:
            ET.SubElement(aliases, "alias", field=name, index=str(number), name=_readable(name, known[0]))


def _readable(name: str, field: object) -> str:
    """``dwell_p50_h`` as ``dwell p50 (h)``."""
    unit = field.metadata[b"unit"].decode()  # type: ignore[attr-defined]
    words = name.removesuffix(f"_{unit}").replace("_", " ")
    return f"{words} ({unit})" if unit else words


def _option(parent: ET.Element, name: str, kind: str, value: str) -> None:
    ET.SubElement(parent, "Option", name=name, type=kind, value=value)
