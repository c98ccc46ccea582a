"""Rows that nobody holds all at once: by a cursor of the database, a batch at a time."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from psycopg.sql import Composed

from gis.store.filters_sql import answerable
from gis.store.pool import Store
from gis.store.query import FeatureRows, LayerQuery, feature_rows, items_statement, rows_statement

BATCH = 2_000


def stream_rows(
    store: Store, q: LayerQuery, size: int = BATCH
) -> Generator[FeatureRows, None, None]:
    """As `rows`, `size` at a time and all of one moment; geometries in `q.srid`, x = east.

    Holds a connection until it is exhausted or closed."""
    statement, params, names = rows_statement(q)
    for found in _batches(store, q, statement, params, size):
        yield feature_rows(names, found)


def stream_texts(
    store: Store, q: LayerQuery, size: int = BATCH
) -> Generator[list[str], None, None]:
    """As `items`, `size` GeoJSON Features at a time and all of one moment."""
    statement, params = items_statement(q)
    for found in _batches(store, q, statement, params, size):
        yield [row[0] for row in found]


def _batches(
    store: Store, q: LayerQuery, statement: Composed, params: dict[str, Any], size: int
) -> Generator[list[tuple[Any, ...]], None, None]:
    doing = f"导出图层 {q.layer.id}", f"export layer {q.layer.id}"
    with (
        answerable(q.filter),
        store.connection(*doing) as conn,
        conn.cursor("batches", binary=True) as cursor,
    ):
        cursor.execute(statement, params)
        while found := cursor.fetchmany(size):
            yield found
