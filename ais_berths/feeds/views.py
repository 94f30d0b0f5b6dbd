"""Few texts in many rows: rows that point at the same bytes hold the same text, which is read once.

Text that polars reads from a dictionary of Parquet is a column of views, 16 bytes each: the text itself if it
is short, and else where it stands. So there are as many different views as words, or a few more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ais_berths.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

# With more different views than this they are not worth comparing.
_MOST = 256
_BITS = 10
_SLOTS = 1 << _BITS
# Odd numbers whose products scatter what differs in a few bits.
_LOW, _HIGH = 0x1E3779B97F4A7C15, 0x3F58476D1CE4E5B9


def as_dictionary(array: pa.Array) -> pa.DictionaryArray:
    """Return a column of text as a dictionary, in which a text may occur more than once.

    Parameters
    ----------
    array
        Text or bytes of any type of Arrow; a dictionary is returned as it is.

    Examples
    --------
    >>> found = as_dictionary(pa.array(["moored", None, "under way using engine", "moored"]))
    >>> found.indices.to_pylist(), found.dictionary.to_pylist()
    ([0, None, 1, 0], ['moored', 'under way using engine'])
    """
    if not pa.types.is_string_view(array.type):
        return array.dictionary_encode()
    there = np.ones(len(array), dtype=bool)
    if array.null_count:
        there = array.is_valid().to_numpy(zero_copy_only=False)
    views = np.frombuffer(array.buffers()[1], dtype=np.int64)[2 * array.offset :]
    indices, firsts = _number(views, there)
    if not len(firsts):
        return array.dictionary_encode()
    # Arrow cannot take single views in all versions.
    words = [array.slice(first, 1).cast(pa.large_binary()) for first in firsts.tolist()]
    return pa.DictionaryArray.from_arrays(pa.array(indices, mask=~there), pa.concat_arrays(words))


@compiled
def _number(views: Ints, there: NDArray[np.bool_]) -> tuple[NDArray[np.int32], Ints]:
    """Number of the view in each row, and the row where each first stands; none if they are too many."""
    numbers = np.zeros(len(there), np.int32)
    firsts = np.empty(_MOST, np.int64)
    slots = np.full(_SLOTS, -1, np.int32)
    known = 0
    for i in range(len(there)):
        if not there[i]:
            continue
        low, high = views[2 * i], views[2 * i + 1]
        slot = ((low * _LOW ^ high * _HIGH) >> (64 - _BITS)) & (_SLOTS - 1)
        while True:
            number = slots[slot]
            if number < 0:
                if known == _MOST:
                    return numbers, firsts[:0]
                number = np.int32(known)
                slots[slot], firsts[known] = number, i
                known += 1
                break
            first = firsts[number]
            if views[2 * first] == low and views[2 * first + 1] == high:
                break
            slot = (slot + 1) & (_SLOTS - 1)
        numbers[i] = number
    return numbers, firsts[:known]
