"""The state of the store in figures: what `gis status` prints."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

from gis.store.pool import Layers, Store
from gis.store.queries import layer_table, query
from gis.store.translate import without_password

ALERTS = "alerts"


def status(store: Store, registry: Layers) -> dict[str, Any]:
    """`{"database": {"url", "postgis", "migration"}, "layers": [{"id", "features", "versions",
    "deliveries", "quarantined"}], "alerts": {state: n}, "disk_mb"}`.

    `layers`: every layer of the registry that has a table, in its order. The address carries no
    password.
    """
    with store.reading("查询状态", "read the state") as conn:
        row = conn.execute(query("status_database")).fetchone()
        assert row is not None
        postgis, migration, size = row
        with conn.cursor(row_factory=dict_row) as cur:
            known = {r["id"]: r for r in cur.execute(query("status_layers"))}
        layers = [
            {
                "id": layer,
                "features": known[layer]["features"],
                "versions": _versions(conn, layer),
                "deliveries": known[layer]["deliveries"],
                "quarantined": known[layer]["quarantined"],
            }
            for layer in registry.layers
            if layer in known
        ]
        alerts = _alerts(conn) if ALERTS in known else {}
    return {
        "database": {
            "url": without_password(store.url),
            "postgis": postgis,
            "migration": migration,
        },
        "layers": layers,
        "alerts": alerts,
        "disk_mb": round(size / 1e6, 1),
    }


def _versions(conn: psycopg.Connection, layer: str) -> int:
    row = conn.execute(query("status_versions", table=layer_table(layer))).fetchone()
    return int(row[0]) if row else 0


def _alerts(conn: psycopg.Connection) -> dict[str, int]:
    return dict(conn.execute(query("status_alerts", table=layer_table(ALERTS))).fetchall())
