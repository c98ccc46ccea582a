"""Rows of text to columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BATCH = 25_000  # rows at a time: flat memory, and arrays long enough to be worth it


def objects(values: Iterable[Any]) -> NDArray[np.object_]:
    """A one-dimensional object array, also of things numpy would take apart."""
    listed = values if isinstance(values, list) else list(values)
    out = np.empty(len(listed), dtype=object)
    out[:] = listed
    return out


def by_name(names: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, NDArray[np.object_]]:
    """Columns of `rows`, all as long as `names`; an empty text is None."""
    columns = map(list, zip(*rows, strict=True)) if rows else ([] for _ in names)
    return {name: texts(column) for name, column in zip(names, columns, strict=True)}


def texts(column: list[str]) -> NDArray[np.object_]:
    """A column of texts; an empty one is None."""
    return objects([value or None for value in column] if "" in column else column)
