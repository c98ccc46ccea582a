"""Refused rows between the store and a file: what came, in which form, and why it was refused.

Such a file is mended and sent again, so its reason columns are known and dropped on the way in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from shapely.geometry.base import BaseGeometry

from gis.layers.batch import RawBatch, Reject

REASONS = ("row", "code", "field", "zh", "en")
MARK = "_refused_"
SHORT_MARK = "_rf_"  # the names of a shapefile have ten letters
REASON_COLUMNS = frozenset(mark + name for mark in (MARK, SHORT_MARK) for name in REASONS)
RUNS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run what begins so
_QUOTED = re.compile(r"'+[=+\-@\t\r]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """In which form a delivery came.

    format, encoding: as its reader named them; delimiter: between the columns of a table;
    part: the layer or sheet; columns: (name, type) in the file's order, where the type is
    "date" or "datetime" or, for all that JSON keeps as it is, "plain"; fields: name of a field ->
    column that holds it; placing: columns of a table that say where a row lies; places: (column,
    vertex, axis 0 to 2) of them, and of the heights, where that is known; a vertex of -1 is WKT.
    """

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    part: str | None = None
    columns: tuple[tuple[str, str], ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    placing: tuple[str, ...] = ()
    places: tuple[tuple[str, int, int], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As `from_json` reads it."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Form:
        """The form that `to_json` gave."""
        return cls(
            **{
                **document,
                "placing": tuple(document["placing"]),
                "columns": tuple(tuple(column) for column in document["columns"]),
                "places": tuple(tuple(place) for place in document["places"]),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRow:
    """One row. `raw`: as it came, by the delivery's own column names; `shape`: in the delivery's
    frame, east or longitude first, None where it has none that can be read; `wkt`: as it came;
    `stored`: it was found wrong in the store, so that `raw` was put together again."""

    row: int
    code: str
    field: str | None
    zh: str
    en: str
    raw: Mapping[str, Any]
    shape: BaseGeometry | None
    wkt: str | None
    stored: bool = False

    def reasons(self) -> tuple[Any, ...]:
        """In the order of REASONS."""
        return self.row, self.code, self.field, self.zh, self.en


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRows:
    """The refused rows of a delivery. `source`: its file's name; `frame`: of their coordinates."""

    delivery: int
    layer: str
    source: str
    frame: str
    form: Form
    rows: tuple[RefusedRow, ...]

    @property
    def names(self) -> list[str]:
        """All columns there are, in the file's order; what it did not have comes last."""
        first = (name for name, _ in self.form.columns)
        return list(dict.fromkeys([*first, *(name for row in self.rows for name in row.raw)]))


def safe_text(text: str) -> str:
    """The text as a spreadsheet shows it and never runs it: one that begins like a formula gets
    an apostrophe, and so does one that has it already, so that `own_text` gives each back."""
    runs = text.startswith(RUNS) and not _is_number(text)
    return f"'{text}" if runs or _QUOTED.match(text) else text


def own_text(value: Any) -> Any:
    """What `safe_text` was given."""
    return value[1:] if isinstance(value, str) and _QUOTED.match(value) else value


def without_reasons(raw: RawBatch, *, quoted: bool) -> RawBatch:
    """A batch as it was before its rows were refused. `quoted`: its texts passed `safe_text`, if
    it is such a file; a batch without reason columns is left as it is."""
    marked = any(name in REASON_COLUMNS for name in raw.columns) or any(
        name in REASON_COLUMNS for reject in raw.rejects for name in reject.raw
    )
    if not marked:
        return raw
    columns = {name: c for name, c in raw.columns.items() if name not in REASON_COLUMNS}
    if quoted:
        for name, column in columns.items():
            columns[name] = column.copy()
            columns[name][:] = [own_text(value) for value in column]
        columns = {own_text(name): column for name, column in columns.items()}
    return replace(raw, columns=columns, rejects=tuple(_bare(r, quoted) for r in raw.rejects))


def _bare(reject: Reject, quoted: bool) -> Reject:
    kept = {name: value for name, value in reject.raw.items() if name not in REASON_COLUMNS}
    if quoted:
        kept = {own_text(name): own_text(value) for name, value in kept.items()}
    return replace(reject, raw=kept)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
