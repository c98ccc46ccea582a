"""Alerts: work list and case file. Each state is a version (`alert_steps.py` takes the steps).

    show_alert(store, "ZMD-2024-000001")["next_states"]

Beside the versions of the layer `alerts` stand, never altered: runs, evidence with its pictures,
and the trail (`alert_runs.py` writes them).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import shapely
from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composed, Identifier
from psycopg.types.json import Jsonb

from gis.errors import ChangeError, UnknownLayer
from gis.layers.batch import GoodRows
from gis.layers.model import Field, Label, Layer
from gis.store.deliveries import Loading
from gis.store.pool import Store
from gis.store.queries import layer_table, query
from gis.store.tables import COLUMN_TYPES, RESERVED

LAYER = "alerts"
TITLE = Label(zh="疑似违建线索", en="Suspected illegal construction")
TABLE = layer_table(LAYER)
FRAME = "EPSG:4490"

FIRST = "suspected"
ENTERS = ("raised", "reopened", "state")  # events by which an alert comes into a state
# 疑似 → 待核查 → 实地核查 → 认定 | 排除 → 责令整改 / 立案 → 整改 → 复核 → 销号. A field check is
# compulsory (自然资发〔2023〕258号): nothing is confirmed or dismissed without one. A review that
# fails goes back to rectifying; an order that is not followed becomes a case.
TRANSITIONS: Mapping[str, tuple[str, ...]] = {
    "suspected": ("to_check",),
    "to_check": ("field_check",),
    "field_check": ("confirmed", "dismissed"),
    "confirmed": ("rectify", "filed"),
    "rectify": ("rectifying", "filed"),
    "filed": ("rectifying",),
    "rectifying": ("review",),
    "review": ("closed", "rectifying"),
    "dismissed": (),
    "closed": (),
}


def list_alerts(
    store: Store,
    *,
    states: Sequence[str] | None = None,
    reason: str | None = None,
    county: str | None = None,
    assignee: str | None = None,
    due_days: Mapping[str, int] | None = None,
    overdue: bool = False,
    limit: int | None = None,
    offset: int = 0,
) -> list[dict[str, Any]]:
    """Current alerts, most certain first: key, alert_id, state, kind, reasons (list), score,
    area_m2, area_band_m2, delta_h_m, delta_h_band_m, stage, image_date, county_code,
    parcel_code, note, lon, lat (degrees), assignee, since (when it came into its state), due_on
    (the day a step since has set, else so many days after that as `due_days` has for the state;
    None = no day set).
    overdue: only those whose day has passed."""
    params = {
        "states": list(states) if states else None,
        "reason": reason,
        "county": county,
        "assignee": assignee,
        "due_days": Jsonb(dict(due_days or {})),
        "overdue": overdue,
        "limit": limit,
        "offset": offset,
    }
    with store.reading() as conn, conn.cursor(row_factory=dict_row) as cur:
        return cur.execute(query("alert_list", table=TABLE), params).fetchall()


def show_alert(
    store: Store, key: int | str, due_days: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Everything about an alert: key, version, alert_id, place_code, valid_from, assignee, due_on
    (as in `list_alerts`), properties, geometry (GeoJSON), next_states, reasons, consulted and
    skipped of its newest evidence, chips (names), evidence (every run's, newest first), trail
    (oldest first). Raises ChangeError where there is none."""
    with store.reading() as conn:
        layer = stored_layer(conn)
        row = one(conn, layer, key)
        params = {"alert_id": row["alert_id"]}
        evidence = dicts(conn, query("alert_evidence"), params)
        trail = dicts(conn, query("alert_trail"), params)
    properties = {name: row[name] for name in layer.field_names}
    newest = next((e for e in evidence if e["undone_at"] is None), None)
    record = newest["record"] if newest else {}
    return {
        "key": row["key"],
        "version": row["version_id"],
        "alert_id": row["alert_id"],
        "place_code": row["place_code"],
        "valid_from": row["valid_from"],
        "assignee": next((s["assignee"] for s in reversed(trail) if s["assignee"]), None),
        "due_on": _due_on(trail, row["state"], due_days or {}),
        "properties": properties | {"reasons": str(row["reasons"]).split(",")},
        "geometry": shapely.geometry.mapping(shapely.from_wkb(row["wkb"])),
        "next_states": list(TRANSITIONS.get(row["state"], ())),
        "reasons": record.get("reasons", []),
        "consulted": record.get("consulted", []),
        "skipped": record.get("skipped", {}),
        "chips": newest["chips"] if newest else [],
        "evidence": evidence,
        "trail": trail,
    }


def _due_on(
    trail: Sequence[Mapping[str, Any]], state: str, due_days: Mapping[str, int]
) -> date | None:
    held = [step for step in trail if step["undone_at"] is None]
    entered = [s for s in held if s["event"] in ENTERS and s["to_state"] == state]
    if not entered:
        return None
    since: datetime = entered[-1]["at"]
    given = [s["due_on"] for s in held if s["due_on"] is not None and s["at"] >= since]
    if given:
        day: date = given[-1]
        return day
    days = due_days.get(state)
    return None if days is None else since.date() + timedelta(days=days)


def chip(store: Store, key: int, name: str, run: int | None = None) -> bytes | None:
    """A picture (PNG) of an alert's newest evidence, or of that of one run; None = no such."""
    params = {"key": key, "name": name, "run": run}
    with store.reading() as conn:
        row = conn.execute(query("alert_chip", table=TABLE), params).fetchone()
    return bytes(row[0]) if row else None


def alert_shapes(store: Store) -> list[dict[str, Any]]:
    """Current alerts that were not dismissed: key, geometry (EPSG:4490), kind, reasons, score."""
    with store.reading() as conn:
        found = dicts(conn, query("alert_shapes", table=TABLE), {})
    return [{**row, "geometry": shapely.from_wkb(row["wkb"])} for row in found]


# --- what runs use as well -----------------------------------------------------------------


def stored_layer(conn: Connection) -> Layer:
    """The layer `alerts` as its table has it: a change of state needs no registry."""
    known = conn.execute(query("layer_known"), {"layer": LAYER}).fetchone()
    if known is None:
        raise UnknownLayer(
            zh="还没有线索图层。请运行：gis init",
            en="there is no layer of alerts yet. Run: gis init",
            layer=LAYER,
        )
    kinds = {column: kind for kind, column in reversed(COLUMN_TYPES.items())}
    columns = conn.execute(query("layer_columns"), {"table": TABLE.as_string()}).fetchall()
    return Layer(
        id=LAYER,
        title=TITLE,
        theme="enforcement",
        geometry=known[0],
        key=tuple(known[1]),
        accuracy_m=5.0,
        classification="internal",
        owner=TITLE,
        fields=tuple(
            Field(name=name, title=Label(zh=name, en=name), type=kinds[kind])
            for name, kind in columns
            if name not in RESERVED
        ),
    )


def load_rows(
    loading: Loading,
    layer: Layer,
    rows: Sequence[tuple[shapely.Geometry, Mapping[str, Any]]],
    accuracy_m: float,
) -> None:
    if not rows:
        return
    n = len(rows)
    columns = {name: np.empty(n, dtype=object) for name in layer.field_names}
    geometry = np.empty(n, dtype=object)
    for i, (shape, row) in enumerate(rows):
        geometry[i] = shape
        for name in layer.field_names:
            columns[name][i] = row.get(name)
    loading.add(
        GoodRows(
            layer=layer,
            columns=columns,
            extra=np.full(n, None, dtype=object),
            geometry=geometry,
            rows=np.arange(1, n + 1, dtype=np.int64),
            accuracy_m=accuracy_m,
        )
    )


def add_trail(conn: Connection, step: Mapping[str, Any]) -> None:
    conn.execute(query("alert_trail_add"), step)


# --- reading -------------------------------------------------------------------------------


def one(conn: Connection, layer: Layer, key: int | str) -> dict[str, Any]:
    """The current version of an alert, by key or number. Raises ChangeError where there is none."""
    number = int(key) if isinstance(key, int) or key.isdigit() else None
    statement = query("alert_one", table=TABLE, columns=names(layer))
    found = dicts(conn, statement, {"key": number, "alert_id": str(key)})
    if not found:
        raise ChangeError(
            zh=f"没有线索 {key}。用 gis alerts list 查看",
            en=f"there is no alert {key}. See gis alerts list",
            alert=key,
        )
    return found[0]


def dicts(conn: Connection, statement: Composed, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cur:
        return cur.execute(statement, params).fetchall()


def names(layer: Layer) -> Composed:
    return SQL(", ").join(map(Identifier, layer.field_names))
