"""The ledger of deliveries, what was refused, and undoing the newest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg.rows import dict_row

from gis.errors import Conflict, StoreError
from gis.store.deliveries import lock_layer
from gis.store.pool import Store
from gis.store.queries import layer_table, query


def list_deliveries(store: Store, layer: str | None = None) -> list[dict[str, Any]]:
    """Deliveries, newest first (of one layer, or all): id, layer, source, digest, department,
    person, mode, as_of, frame, received_at, the counts, undone_at (None = in force)."""
    return _read(store, {"layer": layer, "id": None})


def show_delivery(store: Store, delivery: int) -> dict[str, Any]:
    """One line of the ledger. Raises StoreError where there is none of that number."""
    found = _read(store, {"layer": None, "id": delivery})
    if not found:
        raise StoreError(
            zh=f"没有第 {delivery} 次交付。用 gis deliveries list 查看",
            en=f"there is no delivery {delivery}. See gis deliveries list",
            delivery=delivery,
        )
    return found[0]


def undo(store: Store, delivery: int) -> dict[str, Any]:
    """Restore the state before a delivery and return its line of the ledger, which stays.

    Only the newest delivery of a layer can be undone: later ones build on it. Raises Conflict
    where it is not the newest or has been undone, StoreError where there is none.
    """
    layer = show_delivery(store, delivery)["layer"]
    with store.connection(f"撤销第 {delivery} 次交付", f"undo delivery {delivery}") as conn:
        newest = lock_layer(conn, layer)[0]
        if newest != delivery:
            raise Conflict(
                zh=f"第 {delivery} 次交付不是图层 {layer} 最新的有效交付"
                + (f"（最新为第 {newest} 次，请先撤销它）" if newest else ""),
                en=f"delivery {delivery} is not the newest in force of layer {layer}"
                + (f"; {newest} is: undo that first" if newest else ""),
                delivery=delivery,
                newest=newest,
            )
        params = {"delivery": delivery, "layer": layer}
        table = layer_table(layer)
        opened = conn.execute(query("undo_opened", table=table), params).rowcount
        reopened = conn.execute(query("undo_closed", table=table), params).rowcount
        conn.execute(query("layer_features"), params | {"more": reopened - opened})
        conn.execute(query("undo_record"), params)
    return show_delivery(store, delivery)


def quarantine_summary(store: Store, delivery: int | None = None) -> list[dict[str, Any]]:
    """Refused rows by delivery and reason: delivery, layer, source, code, rows, and one of the
    messages (zh, en); newest delivery first."""
    with store.reading() as conn, conn.cursor(row_factory=dict_row) as cur:
        return cur.execute(query("quarantine_summary"), {"delivery": delivery}).fetchall()


def quarantine_rows(store: Store, delivery: int) -> list[dict[str, Any]]:
    """Every refused row of a delivery: row, code, zh, en, field, raw (as it came), wkt (as it
    came), frame (of wkt), stored (found wrong in the store, under our names). Raises StoreError
    where there is no such delivery."""
    show_delivery(store, delivery)
    with store.reading() as conn, conn.cursor(row_factory=dict_row) as cur:
        return cur.execute(query("quarantine_rows"), {"delivery": delivery}).fetchall()


def _read(store: Store, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    with store.reading() as conn, conn.cursor(row_factory=dict_row) as cur:
        return cur.execute(query("delivery_list"), params).fetchall()
