"""From static reports to one row a vessel: type, size and antenna position.

Crews type these values in by hand, so most vessels send several versions. Impossible values are rejected, the
most frequent of the others is taken, and ``dims_basis`` says how much is known about the hull.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pandas as pd

from ais_berths import schema
from ais_berths.config.places import VesselGroup

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.config import HullsConfig

TYPE_GROUPS: tuple[str, ...] = get_args(VesselGroup)
"""Vessel groups, from the AIS ship type code (ITU-R M.1371-5, table 53)."""

COMMERCIAL = ("cargo", "tanker", "passenger")
"""Groups that port statistics are about."""

_DIMENSIONS = ["to_bow_m", "to_stern_m", "to_port_m", "to_starboard_m"]
# Least and greatest length of a ship in beams.
_SLENDER = (1.5, 14.0)


def merge_statics(statics: pd.DataFrame, config: HullsConfig) -> pd.DataFrame:
    """Make one row a vessel out of the static values that it sent.

    Parameters
    ----------
    statics
        The table ``statics``: distinct combinations of values with the number of reports of each. Rows
        of one vessel may come in any order and in any number of pieces.
    config
        The section ``hulls`` of the settings: the limits of length and width.

    Returns
    -------
    The table ``vessels``, sorted by MMSI.

    Examples
    --------
    >>> from ais_berths.config import HullsConfig
    >>> statics = pd.DataFrame(
    ...     {"mmsi": 1, "type_code": [70, 0], "loa_m": [120.0, np.nan], "beam_m": 18.0, "n_reports": [5, 9]})
    >>> vessels = merge_statics(statics, HullsConfig())
    >>> vessels[["type_group", "loa_m", "beam_m", "dims_basis"]].to_dict("records")
    [{'type_group': 'cargo', 'loa_m': 120.0, 'beam_m': 18.0, 'dims_basis': 'size'}]
    """
    schema.check_columns(statics.columns, "statics", ["mmsi", "n_reports"])
    rows = schema.conform(statics, "statics")
    schema.check_frame(rows, "statics", ["mmsi", "n_reports"])
    if rows.empty:
        return schema.empty("vessels")
    total = rows.groupby("mmsi")["n_reports"].sum()
    vessels = pd.DataFrame(index=total.index).assign(n_reports=total)
    rows = _with_sizes(rows, config)
    vessels = vessels.join(_mode(rows, ["imo"], rows["imo"].map(_imo_is_valid)))
    for name in ("name", "call_sign"):
        vessels = vessels.join(_mode(rows, [name], rows[name].fillna("").str.strip() != ""))
    vessels = vessels.join(_mode(rows, ["type_code"], rows["type_code"].fillna(0) > 0))
    vessels = vessels.join(_mode(rows, ["loa_m", "beam_m"], _fullest(rows)))
    antenna = _mode(rows, _DIMENSIONS, rows["antenna_known"])
    vessels = vessels.join(antenna)
    vessels["draught_max_m"] = rows.groupby("mmsi")["draught_m"].max()
    vessels["dims_basis"] = _settle_size(vessels)
    vessels["imo"] = vessels["imo"].fillna(0)
    vessels["type_code"] = vessels["type_code"].fillna(0)
    for name in ("name", "call_sign"):
        vessels[name] = vessels[name].fillna("")
    vessels["type_group"] = type_groups(vessels["type_code"].to_numpy())
    return schema.conform(vessels.reset_index().sort_values("mmsi", ignore_index=True), "vessels")


def type_groups(codes: NDArray[np.int64]) -> NDArray[np.object_]:
    """Vessel group of each AIS ship type code.

    Examples
    --------
    >>> type_groups(np.array([70, 52, 0, 250])).tolist()
    ['cargo', 'tug', 'unknown', 'unknown']
    """
    groups = np.full(256, "unknown", dtype=object)
    groups[20:100] = "other"
    groups[30] = "fishing"
    groups[[31, 32, 52]] = "tug"
    groups[[36, 37]] = "leisure"
    groups[[33, 34, 35, 50, 51, 53, 54, 55, 58]] = "service"
    groups[40:50] = groups[60:70] = "passenger"
    groups[70:80] = "cargo"
    groups[80:90] = "tanker"
    values = np.asarray(codes, dtype=np.int64)
    result: NDArray[np.object_] = groups[np.where((values >= 0) & (values < 256), values, 0)]
    return result


def column_of(vessels: pd.DataFrame, column: str, mmsi: pd.Series) -> NDArray[Any]:
    """Look up a column of ``vessels`` for each MMSI; null where the vessel or the column is not known."""
    if column not in vessels:
        return np.full(len(mmsi), np.nan)
    values: NDArray[Any] = vessels.set_index("mmsi")[column].reindex(mmsi).to_numpy()
    return values


def vessels_at(stops: pd.DataFrame, vessels: pd.DataFrame) -> pd.DataFrame:
    """Rows of ``vessels`` of the ships of some stops: look-ups in few rows are quicker."""
    return vessels[vessels["mmsi"].isin(stops["mmsi"].unique())]


def groups_of(vessels: pd.DataFrame, mmsi: pd.Series) -> NDArray[np.object_]:
    """Vessel group of each MMSI, ``unknown`` where the vessel is not known."""
    values = column_of(vessels, "type_group", mmsi).astype(object)
    values[pd.isna(values)] = "unknown"
    return values


def _with_sizes(rows: pd.DataFrame, config: HullsConfig) -> pd.DataFrame:
    """Mark which rows carry a believable size and a believable antenna position.

    A = C = 0 with B and D set is how a ship says that it gives its size but no reference point
    (ITU-R M.1371-5, 3.3). Crews also leave out one of length and width; the other one then counts.
    """
    a, b, c, d = (rows[name].to_numpy(dtype=np.float64) for name in _DIMENSIONS)
    believable = _plausible(_sent(a + b), _sent(c + d), config)
    length = np.where(believable & (a + b > 0), a + b, _sent(rows["loa_m"].to_numpy(dtype=np.float64)))
    width = np.where(believable & (c + d > 0), c + d, _sent(rows["beam_m"].to_numpy(dtype=np.float64)))
    return rows.assign(
        loa_m=length,
        beam_m=width,
        size_known=_plausible(length, width, config),
        antenna_known=believable & (a + b > 0) & (c + d > 0) & ~((a == 0) & (c == 0)),
    )


def _fullest(rows: pd.DataFrame) -> pd.Series:
    """Rows with a believable size: length and width, or one of them where the ship never sent both."""
    both = rows["size_known"] & rows["loa_m"].notna() & rows["beam_m"].notna()
    return both | (rows["size_known"] & ~rows["mmsi"].isin(rows["mmsi"][both]))


def _sent(size: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(size > 0.0, size, np.nan)


def _plausible(
    length: NDArray[np.float64], width: NDArray[np.float64], config: HullsConfig
) -> NDArray[np.bool_]:
    """Whether a ship may be so long and so wide; nan is a value that was not sent, of which one may be."""
    no_length, no_width = np.isnan(length), np.isnan(width)
    slender = length / width
    long = no_length | ((length > 2.0) & (length <= config.max_length_m))
    wide = no_width | ((width > 1.0) & (width <= config.max_width_m))
    shaped = no_length | no_width | ((slender >= _SLENDER[0]) & (slender <= _SLENDER[1]))
    return long & wide & shaped & ~(no_length & no_width)


def _mode(rows: pd.DataFrame, names: list[str], usable: pd.Series) -> pd.DataFrame:
    """Most reported combination of `names` for each vessel; ties go to the larger values."""
    counts = rows[usable].groupby(["mmsi", *names], dropna=False)["n_reports"].sum().reset_index()
    counts = counts.sort_values(["mmsi", "n_reports", *names], ascending=False)
    first: pd.DataFrame = counts.drop_duplicates("mmsi").set_index("mmsi")[names]
    return first


def _settle_size(vessels: pd.DataFrame) -> NDArray[np.object_]:
    """Take the size from the antenna distances where both agree, drop the others, and return the basis."""
    length = vessels["to_bow_m"] + vessels["to_stern_m"]
    agrees = (length - vessels["loa_m"]).abs() <= np.maximum(5.0, 0.1 * vessels["loa_m"])
    antenna = length.notna() & agrees
    vessels.loc[~antenna, _DIMENSIONS] = np.nan
    vessels.loc[antenna, "loa_m"] = length[antenna]
    vessels.loc[antenna, "beam_m"] = (vessels["to_port_m"] + vessels["to_starboard_m"])[antenna]
    sized = vessels["loa_m"].notna() | vessels["beam_m"].notna()
    return np.select([antenna, sized], ["antenna", "size"], "none").astype(object)


def _imo_is_valid(imo: float) -> bool:
    """Seven digits, the last one the check digit (IMO resolution A.1117(30))."""
    if not 1_000_000 <= imo <= 9_999_999:
        return False
    digits = [int(digit) for digit in str(int(imo))]
    return (
        sum(digit * weight for digit, weight in zip(digits, range(7, 1, -1), strict=False)) % 10 == digits[6]
    )
