"""Rows on their way from a file to the store, as columns.

`RawBatch` is what a reader gives (texts or typed values under the department's own column
names, geometry in the source frame). `Batch` has been normalised (geometry in EPSG:4490,
longitude first). `Checked` is what the layer made of it: rows to store, and rejects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.layers.model import Layer


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """One row that was not accepted.

    `row` counts from 1 in the source file as a person would (data rows, without header; for
    TXT and CASS files the line number). `code` is a stable reason code such as
    `null_geometry`; `raw` the row as it came, JSON-able; `wkt` the geometry as it came.
    """

    row: int
    code: str
    zh: str
    en: str
    raw: Mapping[str, Any] = field(default_factory=dict)
    field: str | None = None  # after `raw`, whose default needs the function of this name
    wkt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A warning about one accepted row. `row` as in Reject, or 0 for the head of the file; the
    store adds the feature's key and place."""

    row: int
    code: str
    zh: str
    en: str
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RawBatch:
    """Rows as read. All columns, `rows` and `geometry` have the same length n.

    columns:  department's column name -> object array of n values (None = empty)
    geometry: object array of n shapely geometries (None = no geometry), east or longitude
              FIRST whatever the file's own order was; the reader knows its format's order
    rows:     int array of n row numbers
    rejects:  rows the reader itself could not make sense of; they are not among the n
    placing:  names of columns that only say where the row lies (coordinates, WKT)
    """

    columns: Mapping[str, NDArray[np.object_]]
    geometry: NDArray[np.object_]
    rows: NDArray[np.int64]
    rejects: tuple[Reject, ...] = ()
    placing: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.rows)

    def raw_row(self, i: int) -> dict[str, Any]:
        """The i-th row as it came, JSON-able."""
        return {name: storable(column[i]) for name, column in self.columns.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Normalised rows: geometry in EPSG:4490 (x = longitude), with one stated accuracy."""

    columns: Mapping[str, NDArray[np.object_]]
    geometry: NDArray[np.object_]
    rows: NDArray[np.int64]
    accuracy_m: float
    placing: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.rows)

    def raw_row(self, i: int) -> dict[str, Any]:
        """The i-th row as it came, JSON-able."""
        return {name: storable(column[i]) for name, column in self.columns.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodRows:
    """Rows that passed: `columns` holds exactly the layer's fields, typed (str, int, float,
    bool, date, datetime or None); `extra` holds per row the columns the layer has no field
    for (None where there are none); geometry is of the layer's type."""

    layer: Layer
    columns: Mapping[str, NDArray[np.object_]]
    extra: NDArray[np.object_]
    geometry: NDArray[np.object_]
    rows: NDArray[np.int64]
    accuracy_m: float

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the layer's checks made of a batch."""

    good: GoodRows
    rejects: tuple[Reject, ...]
    remarks: tuple[Remark, ...] = ()  # about good rows


def storable(value: Any) -> Any:
    """The value as JSON can hold it."""
    if isinstance(value, str):
        return value if value.isascii() else _whole(value)
    if value is None or isinstance(value, int | bool):
        return value
    if isinstance(value, np.generic):
        return storable(value.item())
    if isinstance(value, float):
        return value if np.isfinite(value) else str(value)
    return str(value)


def _whole(text: str) -> str:
    """Bytes that are no character (surrogates, PEP 383) as \\xff, so that they can be shown."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
