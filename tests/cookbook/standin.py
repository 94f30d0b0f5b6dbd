"""A stand-in for the platform's ``ais`` package, with the published arguments of ``get_ais``.

Run as a program with a Python that has pyspark, it runs the cells of a file as on the platform; without
pyspark, pandas plays Spark. What the real ``get_ais`` does beyond its arguments is not known.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd


def get_ais(
    spark: Any,
    start_date: Any,
    end_date: Any,
    h3_list: list[int] | None = None,
    polygon_hex_df: pd.DataFrame | None = None,
    mmsi_list: list[int] | None = None,
    columns: list[str] | None = None,
) -> Any:
    """Rows of some days of arrival in some cells, with the name of their polygon."""
    assert h3_list is None
    assert mmsi_list is None
    assert polygon_hex_df is not None
    (resolution,) = polygon_hex_df["hex_resolution"].unique()
    days = (pd.Timestamp(start_date).strftime("%Y%m%d"), pd.Timestamp(end_date).strftime("%Y%m%d"))
    return spark.rows_in(days, polygon_hex_df, f"H3_int_index_{resolution}", columns)


class PandasSpark:
    """What the cells ask of a Spark session, by pandas."""

    def __init__(self, archive: str) -> None:
        self.archive = archive
        self.read = self

    def parquet(self, path: str) -> PandasFrame:
        return PandasFrame(pd.read_parquet(path))

    def rows_in(
        self, days: tuple[str, str], hexes: pd.DataFrame, column: str, columns: list[str]
    ) -> PandasFrame:
        rows = pd.read_parquet(self.archive, filters=[(column, "in", set(hexes["hex_id"]))])
        day = pd.to_datetime(rows[["year", "month", "day"]].astype(int)).dt.strftime("%Y%m%d")
        rows = rows[day.between(*days)].merge(hexes, left_on=column, right_on="hex_id")
        return PandasFrame(rows[[*columns, "polygon_name", "hex_resolution"]])


class PandasFrame:
    """What the cells ask of a Spark data frame."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self.write = self

    def toPandas(self) -> pd.DataFrame:
        return self.frame

    def mode(self, _name: str) -> PandasFrame:
        return self

    def parquet(self, path: str) -> None:
        Path(path).mkdir()
        self.frame.to_parquet(Path(path) / "part-00000.parquet")


def real_spark(archive: str) -> Any:
    """A Spark session on this computer that answers as the stand-in needs."""
    from pyspark.sql import SparkSession, functions  # noqa: PLC0415 - where there is one

    spark = SparkSession.builder.master("local[1]").config("spark.sql.session.timeZone", "UTC").getOrCreate()

    def rows_in(days: tuple[str, str], hexes: pd.DataFrame, column: str, columns: list[str]) -> Any:
        rows = spark.read.parquet(archive)
        day = functions.expr("format_string('%04d%02d%02d', year, month, day)")
        wanted = spark.createDataFrame(hexes).withColumnRenamed("hex_id", column)
        kept = rows.where(day.between(*days)).join(functions.broadcast(wanted), column)
        return kept.select(*columns, "polygon_name", "hex_resolution")

    spark.rows_in = rows_in
    return spark


def namespace(spark: Any) -> dict[str, Any]:
    """The names that a notebook on the platform begins with; `ais` can be imported."""
    package, functions = ModuleType("ais"), ModuleType("ais.functions")
    functions.get_ais = get_ais  # type: ignore[attr-defined]
    package.functions = functions  # type: ignore[attr-defined]
    sys.modules |= {"ais": package, "ais.functions": functions}
    return {"spark": spark}


if __name__ == "__main__":
    code, archive = sys.argv[1:]
    exec(Path(code).read_text(), namespace(real_spark(archive)))
