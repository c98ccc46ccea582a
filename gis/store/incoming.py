"""Rows of a delivery on their way in: staged and compared with what is stored as they come, or
straight into a layer that holds nothing yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.sql import SQL, Composed, Identifier

from gis.layers.batch import GoodRows
from gis.layers.model import Layer
from gis.store.copying import good_rows, key_marks, place_codes_of
from gis.store.queries import layer_table, query
from gis.store.tables import key_sequence

Ints = NDArray[np.int64]


@dataclass(slots=True)
class Incoming:
    """The rows of one delivery. A row's `line` counts from 1 in the order they were added.

    `matching`: whether rows are compared with the current ones; `straight`: whether they go
    straight into the layer's table, which is empty and has no indexes yet.
    """

    connection: psycopg.Connection
    layer: Layer
    delivery: int
    as_of: datetime
    matching: bool
    straight: bool
    lines: int = 0
    _marks: list[Ints] = field(default_factory=list)
    _rows: list[Ints] = field(default_factory=list)
    _numbers: list[Ints] = field(default_factory=list)

    def take(self, good: GoodRows) -> Callable[[], None]:
        """Count the rows in; what is returned sends them."""
        first = self.lines
        self.lines += len(good)
        self._marks.append(key_marks(good))
        if not self.straight:
            return lambda: self._stage(good, after=first)
        self._rows.append(good.rows)
        return lambda: self._store(good)

    def repeated(self) -> Ints:
        """Lines whose business key may be that of another line; all that are, and hardly more."""
        marks = np.concatenate([np.empty(0, dtype=np.int64), *self._marks])
        order = np.argsort(marks, kind="stable")
        same = marks[order[1:]] == marks[order[:-1]]
        twice = np.zeros(len(marks), dtype=bool)
        twice[order[1:][same]] = True
        twice[order[:-1][same]] = True
        return np.flatnonzero(twice) + 1

    def call_back(self, lines: Ints, rows: Sequence[int]) -> None:
        """Stage lines (and source rows) that went straight in, to be looked at once more."""
        every = np.concatenate(self._rows)
        at = np.union1d(lines - 1, np.flatnonzero(np.isin(every, np.array(rows, dtype=np.int64))))
        params = {
            "lines": (at + 1).tolist(),
            "rows": every[at].tolist(),
            "numbers": np.concatenate(self._numbers)[at].tolist(),
        }
        names = _names(self.layer.field_names)
        table = layer_table(self.layer.id)
        self.connection.execute(query("straight_called_create"), params)
        self.connection.execute(query("straight_call_back", columns=names, table=table))

    def drop_refused(self) -> None:
        """What has been refused out of the staged rows goes from everywhere else."""
        name = "straight_drop_refused" if self.straight else "matched_drop_refused"
        parts = {"table": layer_table(self.layer.id)} if self.straight else {}
        self.connection.execute(query(name, **parts))

    # --- in the sending thread -------------------------------------------------------------

    def _stage(self, good: GoodRows, *, after: int) -> None:
        names = _names(self.layer.field_names)
        self._copy(query("batch_copy", columns=names), good_rows(good, good.rows))
        if self.matching:
            batch_key, old_key = _names(self.layer.key, "b"), _names(self.layer.key, "old")
            parts = {"table": layer_table(self.layer.id), "batch_key": batch_key}
            statement = query("batch_match", **parts, old_key=old_key)
            self.connection.execute(statement, {"after": after})

    def _store(self, good: GoodRows) -> None:
        """Neighbours together (BeiDou codes nest), as far as they come together."""
        order = np.argsort(place_codes_of(good.geometry), kind="stable")
        params = {"sequence": key_sequence(self.layer.id), "count": len(good)}
        row: Any = self.connection.execute(query("keys_reserve"), params).fetchone()
        numbers = np.empty(len(good), dtype=np.int64)
        numbers[order] = np.arange(row[0] - len(good) + 1, row[0] + 1)
        self._numbers.append(numbers)
        statement = query(
            "straight_copy",
            table=layer_table(self.layer.id),
            columns=_names(self.layer.field_names),
        )
        tail = f'\t["{self.as_of.isoformat()}",)\t{self.delivery}'
        self._copy(statement, good_rows(good, numbers, order=order, tail=tail))

    def _copy(self, statement: Composed, data: bytes) -> None:
        with self.connection.cursor() as cur, cur.copy(statement) as copy:
            copy.write(data)


def _names(names: Sequence[str], table: str | None = None) -> Composed:
    parts = [Identifier(table, name) if table else Identifier(name) for name in names]
    return SQL(", ").join(parts)
