"""How the fields of a table are written down: name, type, unit and meaning."""

from __future__ import annotations

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")
TEXT, INT, FLOAT, FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()


def table(*rows: tuple[str, pa.DataType, str, str]) -> pa.Schema:
    """Schema with a unit and a description on every field."""
    return pa.schema(
        [
            pa.field(name, kind, metadata={"unit": unit, "description": text})
            for name, kind, unit, text in rows
        ]
    )
