"""What bears on a place beside its features: documents, and the deliveries the answer rests on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import shapely
from psycopg.rows import class_row, dict_row
from shapely.geometry.base import BaseGeometry

from gis.store.documents import MOST_LISTED, Document
from gis.store.pool import Store
from gis.store.queries import query


def documents_at(
    store: Store, place: BaseGeometry, features: Iterable[tuple[str, int]], at: datetime | None
) -> list[Document]:
    """Documents linked to a cell or shape that meets `place` (EPSG:4490), or to one of `features`
    (layer, key), newest first; only those that were on record `at` that time (None = now)."""
    pairs = list(features)
    params = {
        "place": shapely.to_wkb(shapely.force_2d(place)),
        "layers": [layer for layer, _ in pairs],
        "keys": [key for _, key in pairs],
        "at": at,
        "limit": MOST_LISTED,
    }
    doing = "查询文档", "query documents"
    with store.reading(*doing) as conn, conn.cursor(row_factory=class_row(Document)) as cur:
        return cur.execute(query("site_documents"), params).fetchall()


def deliveries_behind(store: Store, at: datetime | None) -> dict[str, dict[str, Any]]:
    """By layer the delivery its state `at` that time (None = now) comes from: id, layer, source,
    department, as_of, received_at. A layer that had none is not there."""
    doing = "查询交付台账", "query the ledger"
    with store.reading(*doing) as conn, conn.cursor(row_factory=dict_row) as cur:
        found = cur.execute(query("site_deliveries"), {"at": at}).fetchall()
    return {line["layer"]: line for line in found}
