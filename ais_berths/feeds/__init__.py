"""Reading any AIS feed as canonical columns, in bounded memory.

What happens to a row: `list_inputs` finds files, `choose_feed` decides what they are, `plan_chunks` cuts them
into chunks, `iter_batches` reads a chunk as raw Arrow tables, `read_positions` gives latitude and longitude
for a first test by place, `read_reports` reads the rows that pass, and `distinct_statics` collects their ship
data; `normalise` brings both into one table of canonical columns. A feed is data, not code: see `Feed` for
the mapping that describes one.
"""

from __future__ import annotations

from ais_berths.feeds.batches import iter_batches
from ais_berths.feeds.canonical import (
    REASONS,
    REPORT,
    Normalised,
    Reports,
    is_static_only,
    normalise,
    read_cells,
    read_positions,
    read_reports,
)
from ais_berths.feeds.chunks import OUTSIDE, Batch, Chunk, plan_chunks
from ais_berths.feeds.days import Window, missing_days
from ais_berths.feeds.fields import cut
from ais_berths.feeds.files import InputFile, has_changed, list_inputs
from ais_berths.feeds.mapping import SHIPPED, Feed, load_feed, parse_feed
from ais_berths.feeds.recognise import choose_feed, recognise, suggest_mapping
from ais_berths.feeds.statics import distinct_statics

__all__ = [
    "OUTSIDE",
    "REASONS",
    "REPORT",
    "SHIPPED",
    "Batch",
    "Chunk",
    "Feed",
    "InputFile",
    "Normalised",
    "Reports",
    "Window",
    "choose_feed",
    "cut",
    "distinct_statics",
    "has_changed",
    "is_static_only",
    "iter_batches",
    "list_inputs",
    "load_feed",
    "missing_days",
    "normalise",
    "parse_feed",
    "plan_chunks",
    "read_cells",
    "read_positions",
    "read_reports",
    "recognise",
    "suggest_mapping",
]
