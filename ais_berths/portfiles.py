"""Reading port lists: the World Port Index, any CSV file with names and positions, GeoJSON."""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from functools import cache
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely

from ais_berths.errors import Complaints, EmptyInputError, InputError, MissingColumnsError
from ais_berths.geo import turn_deg
from ais_berths.schema import PORTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

_DATA = files("ais_berths") / "data"
_WIDEST_DEG = 180.0
_AREA_KINDS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
_POINT_KINDS = (shapely.GeometryType.POINT, shapely.GeometryType.MULTIPOINT)
# Spellings of each column in lower case, letters and digits only; the first that a file has is taken.
_SPELLINGS = {
    "port_id": "portid worldportindexnumber indexno indexnumber wpi wpinumber portno portnumber portcode id",
    "name": "name portname mainportname port harbourname harborname harbour harbor terminal label",
    "locode": "locode unlocode portlocode portunlocode unloc",
    "country": "countrycode isoa2 iso2 countryiso countryiso2 country countryname ctry cntry iso",
    "harbour_size": "harboursize harborsize portsize size",
    "lat": "lat latitude latdeg latitudedeg latdd ycoord ycoordinate portlat portlatitude y",
    "lon": "lon lng long longitude londeg longitudedeg londd xcoord xcoordinate portlon portlongitude x",
    "other_names": "othernames alternateportname alternatename altname aliases alias",
}
_NAMING = ("name", "port_id", "locode")
_WPI_IDS = ("worldportindexnumber", "indexno")
_SIZES = {"l": "large", "m": "medium", "s": "small", "v": "very small"}
# Places whose UN/LOCODE rightly starts with another code than that of the country they are listed under.
_LISTED_UNDER = {"BL": "GP", "MA": "EH"}
# Letters that do not come apart into a plain one and an accent.
_FOLDED = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th"})
_MAX_COMPLAINTS = 20


def read_ports(path: str | Path) -> pd.DataFrame:
    """Read a port list: CSV with a name, a latitude and a longitude, or GeoJSON points or polygons.

    Understood without settings: the World Port Index as published, the usual spellings of the columns, comma,
    semicolon or tab, decimal commas, byte order marks.

    Rows with one port number are several points of one port. Where there is no number, the name stands for
    it. Different ports get the suffixes ``-2``, ``-3`` ...: those of one name, without a number, in different
    countries or with different UN/LOCODEs, and, in the World Port Index, those of one number with different
    names. Rows at exactly 0, 0, which stands for an unknown position, are left out.

    Parameters
    ----------
    path
        The file. Latitudes and longitudes in a CSV file are decimal degrees (WGS 84).

    Returns
    -------
    Table PORTS; with polygons also `area` (shapely geometry in degrees, or None), and `lat` and `lon` are a
    point inside it. UN/LOCODEs that are not of the form ``AA999`` are left out.

    Raises
    ------
    InputError
        The file cannot be read, or holds impossible positions or ports without a name; all of them are
        named with their rows (the header is row 1).
    MissingColumnsError
        There is no column for the name, the latitude or the longitude.
    EmptyInputError
        There are no ports in the file.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"the port list {file} is not a file; give a CSV or GeoJSON file of ports")
    if file.suffix.lower() in (".geojson", ".json"):
        raw, areas = _read_geojson(file)
        rows = ("feature " + (raw.index + 1).astype(str)).tolist()
    else:
        raw, areas = read_texts(file, "port list"), None
        rows = ("row " + (raw.index + 2).astype(str)).tolist()
    spelled = match_columns(raw.columns, _SPELLINGS)
    missing = [name for name in ("lat", "lon") if name not in spelled]
    if not any(name in spelled for name in _NAMING):
        missing.insert(0, "name")
    if missing:
        raise MissingColumnsError(
            f"the port list {file} has no column for {', '.join(missing)}; it has {', '.join(raw.columns)}. "
            "Name its columns name, lat and lon (and country, locode, port_id, if it has them)"
        )
    table = pd.DataFrame({name: _clean(raw[column]) for name, column in spelled.items()})
    table = _check(table[(table != "").any(axis=1)], rows, file)
    if table.empty:
        raise EmptyInputError(f"the port list {file} holds no ports with a position")
    ports = _finish(table, is_wpi=_letters(spelled.get("port_id", "")) in _WPI_IDS)
    if areas is not None and any(areas[table.index]):
        ports["area"] = areas[table.index]
    return ports.reset_index(drop=True)


def read_embedded(name: str) -> pd.DataFrame:
    """Read a CSV file that comes with the package; every column is text."""
    return _read_rows((_DATA / name).read_text(encoding="utf-8"), ",", name)


def read_texts(path: str | Path, what: str) -> pd.DataFrame:
    """Read a CSV file that a person made: comma, semicolon or tab, any usual encoding; every value is text.

    Parameters
    ----------
    path
        The file.
    what
        What the file is, for errors: "port list".

    Raises
    ------
    InputError
        The file is no text, or its rows are longer than its header.
    EmptyInputError
        It holds no header.
    """
    file = Path(path)
    source = f"the {what} {file}"
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{source} cannot be read: {error.strerror or error}") from error
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", errors="replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", errors="replace")  # what spreadsheets on Windows write
    if "\0" in text:
        raise InputError(f"{source} is not a text file; save it as CSV")
    header = text.split("\n", 1)[0]
    if not header.strip():
        raise EmptyInputError(f"{source} is empty; its first row must name the columns")
    return _read_rows(text, max(",;\t|", key=header.count), source)


def to_degrees(texts: pd.Series, limit: float) -> pd.Series:
    """Decimal degrees from text, with a point or a comma; nan where that is no number up to the limit.

    Examples
    --------
    >>> to_degrees(pd.Series(["51,9", "-4.1", "181", "north"]), 180).tolist()
    [51.9, -4.1, nan, nan]
    """
    numbers = pd.to_numeric(texts.str.replace(",", ".", regex=False), errors="coerce").astype("float64")
    return numbers.where(numbers.abs() <= limit)


def match_columns(columns: Iterable[str], spellings: Mapping[str, str]) -> dict[str, str]:
    """Column of a file for each wanted one that it has; `spellings` are in lower case, letters and digits.

    Examples
    --------
    >>> match_columns(["UN/LOCODE", "Anløb"], {"locode": "locode unlocode", "calls": "calls anlob"})
    {'locode': 'UN/LOCODE', 'calls': 'Anløb'}
    """
    found = {_letters(column): column for column in reversed(list(columns))}
    first = {name: next((s for s in text.split() if s in found), None) for name, text in spellings.items()}
    return {name: found[spelling] for name, spelling in first.items() if spelling is not None}


def raise_some(complaints: Complaints, source: str) -> None:
    """Raise what is wrong with a file, or the first of it if there is much."""
    if len(complaints.found) > _MAX_COMPLAINTS:
        complaints.found[_MAX_COMPLAINTS:] = [f"and {len(complaints.found) - _MAX_COMPLAINTS} more"]
    complaints.raise_if_any(InputError, f"{source} cannot be used")


def plain(text: str) -> str:
    """Lower case without accents, words parted by one space: how names are compared.

    Examples
    --------
    >>> plain("Gdańsk - Port Północny"), plain("NEW  YORK")
    ('gdansk port polnocny', 'new york')
    """
    letters = unicodedata.normalize("NFKD", text.casefold().translate(_FOLDED))
    return " ".join(re.findall(r"[^\W_]+", "".join(c for c in letters if not unicodedata.combining(c))))


# files --------------------------------------------------------------------------------------------


def _read_rows(text: str, separator: str, source: str) -> pd.DataFrame:
    """Every value as text: Namibia's country code NA is not a missing value."""
    try:
        header, *rows = csv.reader(StringIO(text), delimiter=separator)
    except csv.Error as error:
        raise InputError(f"{source} cannot be read as CSV: {error}") from error
    width = len(header)
    complaints = Complaints()
    for number, row in enumerate(rows, start=2):
        if any(row[width:]):
            complaints.add(f"row {number} has {len(row)} values, expected {width} as in the header")
    raise_some(complaints, source)
    frame = pd.DataFrame(
        [row[:width] + [""] * (width - len(row)) for row in rows], columns=header, dtype="str"
    )
    return frame.loc[:, ~frame.columns.duplicated()]


def _read_geojson(file: Path) -> tuple[pd.DataFrame, NDArray[np.object_]]:
    """Properties with the `lat` and `lon` of a point of each feature, and the polygons (None for points)."""
    # Read as JSON, since OGR takes a property `id` for its own feature number, which may not repeat.
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
        features = content["features"] if content["type"] == "FeatureCollection" else [content]
        properties = [{"id": f.get("id"), **(f["properties"] or {})} for f in features]
        geometries = [json.dumps(f["geometry"]) for f in features]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"the port list {file} is not a GeoJSON feature collection") from error
    if not features:
        raise EmptyInputError(f"the port list {file} holds no points or polygons")
    if "crs" in content and not re.search(r"CRS84|4326", json.dumps(content["crs"])):
        raise InputError(f"the port list {file} is in another projection; save it as WGS 84 (EPSG:4326)")
    shapes = shapely.force_2d(shapely.from_geojson(np.array(geometries, dtype=object), on_invalid="ignore"))
    kinds = shapely.get_type_id(shapes)
    is_area = np.isin(kinds, _AREA_KINDS)
    complaints = Complaints()
    for i in np.flatnonzero(~(is_area | np.isin(kinds, _POINT_KINDS)) | shapely.is_empty(shapes)):
        kind = "no geometry" if shapes[i] is None else f"an unusable {shapes[i].geom_type}"
        complaints.add(f"feature {i + 1} has {kind}, expected a point or a polygon")
    parts, feature = shapely.get_parts(shapes, return_index=True)
    west, _, east, _ = shapely.bounds(parts).T
    for i in np.unique(feature[east - west > _WIDEST_DEG]):
        complaints.add(
            f"feature {i + 1} reaches around more than half of the globe; if it crosses the antimeridian, "
            "cut it there, or let its longitudes go on beyond 180"
        )
    raise_some(complaints, f"the port list {file}")
    shapes[is_area] = shapely.make_valid(shapes[is_area])
    # A point inside each polygon, and each of several points on a row of its own.
    inside = np.where(is_area, shapely.point_on_surface(shapes), shapes)
    points, rows = shapely.get_parts(inside, return_index=True)
    table = pd.DataFrame(properties, dtype=object)
    spelled = match_columns(table.columns, _SPELLINGS)
    table = table.drop(columns=[spelled[role] for role in ("lat", "lon") if role in spelled])
    table = table.iloc[rows].reset_index(drop=True)
    x = shapely.get_x(points)
    table["lat"], table["lon"] = shapely.get_y(points), np.where(is_area[rows], turn_deg(0.0, x), x)
    return table, np.where(is_area, shapes, None)[rows]


def _letters(text: str) -> str:
    return plain(text).replace(" ", "")


# values -------------------------------------------------------------------------------------------


def _clean(values: pd.Series) -> pd.Series:
    """Text without outer blanks; a whole number that became a fraction is whole again."""
    texts = values.astype(object).where(values.notna(), "").astype(str)
    return texts.str.strip().str.replace(r"^(\d+)\.0+$", r"\1", regex=True)


def _check(table: pd.DataFrame, rows: list[str], file: Path) -> pd.DataFrame:
    """Turn `lat` and `lon` into numbers; all that is wrong is raised together."""
    complaints = Complaints()
    numbers = {}
    for name, limit in (("lat", 90), ("lon", 180)):
        numbers[name] = to_degrees(table[name], limit)
        for i, text in table.loc[numbers[name].isna(), name].items():
            found = text.replace(",", ".") or "empty"
            complaints.add(
                f"{rows[int(str(i))]}: {name} is {found}, expected decimal degrees from -{limit} to {limit}"
            )
    named = (table[[name for name in _NAMING if name in table]] != "").any(axis=1)
    for i in table.index[~named]:
        complaints.add(f"{rows[i]}: the port has no name")
    raise_some(complaints, f"the port list {file}")
    return table.assign(**numbers)[(numbers["lat"] != 0) | (numbers["lon"] != 0)]


def _finish(table: pd.DataFrame, *, is_wpi: bool) -> pd.DataFrame:
    """Columns of PORTS from checked ones: codes put in order, gaps filled, ids made unique."""
    ports = pd.DataFrame({name: table.get(name, "") for name in PORTS.names})
    locode = ports["locode"].str.replace(r"\s", "", regex=True).str.upper()
    good = locode.str.fullmatch("[A-Z]{2}[A-Z0-9]{3}")
    country = ports["country"].map(_country_code)
    ports["country"] = country.where((country != "") | ~good, locode.str[:2])
    if is_wpi:
        # The list gives some ports the UN/LOCODE of a namesake abroad.
        prefix = locode.str[:2]
        good &= (prefix == ports["country"]) | (prefix.map(_LISTED_UNDER) == ports["country"])
    ports["locode"] = locode.where(good, "")
    size = ports["harbour_size"].str.lower().replace(_SIZES)
    ports["harbour_size"] = size.where(size.isin(_SIZES.values()), "")
    given = ports["port_id"]
    named = ports["name"].where(ports["name"] != "", ports["locode"])
    ports["port_id"] = given.where(given != "", named)
    ports["name"] = named.where(named != "", given)
    if is_wpi:
        marks = ports["name"].map(plain)
    else:
        marks = (ports["country"] + " " + ports["locode"]).where(given == "", "")
    ports["port_id"] = _suffixed(ports["port_id"], marks)
    return ports.astype({name: "str" for name in PORTS.names if name not in ("lat", "lon")})


def _suffixed(ids: pd.Series, marks: pd.Series) -> pd.Series:
    """Put ``-2``, ``-3`` ... behind ids that come with other marks than at first."""
    mark_number = marks.groupby([ids, marks], sort=False).ngroup()
    place = mark_number.groupby(ids).rank(method="dense").astype("int64")
    return ids + ("-" + place.astype(str)).where(place > 1, "")


@cache
def _countries() -> dict[str, str]:
    table = read_embedded("countries.csv")
    return {plain(name): code for name, code in zip(table["name"], table["code"], strict=True)}


def _country_code(text: str) -> str:
    known = _countries().get(plain(text))
    return known or (text.upper() if re.fullmatch("[A-Za-z]{2}", text) else "")
