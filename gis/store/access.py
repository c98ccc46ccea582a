"""Keys to the API, known by their digests, and the area each caller has taken of a layer.

Area is counted in cells of a fixed grid over the Earth, CELL_DEG a side (some 200 m), so that the
same place asked for twice counts once.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from psycopg.rows import class_row

from gis.errors import Conflict, StoreError
from gis.store.pool import Store
from gis.store.queries import query

PREFIX = "gis_"  # of a key: what a scanner for leaked secrets looks for
CELL_DEG = 0.002
COLUMNS = round(360 / CELL_DEG)
DEGREE_KM = 111.32


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """A key on record."""

    id: int
    name: str
    digest: str
    roles: list[str]
    added_by: str
    added_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None

    def opens(self, now: datetime) -> bool:
        """Whether it is good at that moment."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaTaken:
    """What a caller has of a layer, km²."""

    caller: str
    layer: str
    km2: float
    since: datetime
    until: datetime


def digest_of(secret: str) -> str:
    """SHA-256 of a key. It is random to 256 bits: nobody finds it by trying, so no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()


def list_keys(store: Store) -> list[AccessKey]:
    """Every key on record, newest first, the revoked too."""
    kind = class_row(AccessKey)
    with store.reading("查询密钥", "query keys") as conn, conn.cursor(row_factory=kind) as cur:
        return cur.execute(query("access_key_list")).fetchall()


def add_key(
    store: Store, name: str, roles: Iterable[str], by: str, expires_at: datetime | None = None
) -> str:
    """A new key, which nobody can ever read again. Raises Conflict where one of that name is in
    force."""
    secret = PREFIX + secrets.token_urlsafe(32)
    row = {
        "name": name,
        "digest": digest_of(secret),
        "roles": list(roles),
        "added_by": by,
        "expires_at": expires_at,
    }
    with store.connection("登记密钥", "record a key") as conn:
        if conn.execute(query("access_key_add"), row).fetchone() is None:
            raise Conflict(
                zh=f"名为 {name} 的密钥仍有效。请先撤销：gis access keys revoke {name}，或换名",
                en=f"a key called {name} is in force. Revoke it first: gis access keys revoke "
                f"{name}, or take another name",
                name=name,
            )
    return secret


def revoke_key(store: Store, name: str, by: str) -> int:
    """Its number; it opens nothing from now on. Raises StoreError where none is in force."""
    with store.connection("撤销密钥", "revoke a key") as conn:
        row = conn.execute(query("access_key_revoke"), {"name": name, "by": by}).fetchone()
    if row is None:
        raise StoreError(
            zh=f"没有名为 {name} 的有效密钥。用 gis access keys list 查看",
            en=f"no key called {name} is in force. See gis access keys list",
            name=name,
        )
    return int(row[0])


def cells_of(lonlat: NDArray[np.float64]) -> frozenset[int]:
    """The cells in which points lie; shape (n, 2), degrees, longitude first; NaN has none."""
    found = lonlat[np.isfinite(lonlat).all(axis=1)]
    columns = np.floor((found[:, 0] + 180) / CELL_DEG).astype(np.int64)
    rows = np.floor((found[:, 1] + 90) / CELL_DEG).astype(np.int64)
    return frozenset(np.unique(rows * COLUMNS + columns).tolist())


def cells_in(west: float, south: float, east: float, north: float) -> frozenset[int]:
    """The cells that a box in degrees touches."""
    columns = range(math.floor((west + 180) / CELL_DEG), math.ceil((east + 180) / CELL_DEG))
    rows = range(math.floor((south + 90) / CELL_DEG), math.ceil((north + 90) / CELL_DEG))
    return frozenset(row * COLUMNS + column for row in rows for column in columns)


def area_km2(cells: Iterable[int]) -> float:
    """The size of cells; each counted at its own latitude."""
    rows = np.fromiter((cell // COLUMNS for cell in cells), dtype=np.float64)
    squeeze = np.cos(np.radians((rows + 0.5) * CELL_DEG - 90))
    return float((squeeze * (CELL_DEG * DEGREE_KM) ** 2).sum())


def area_of(store: Store, caller: str, layer: str) -> frozenset[int]:
    """The cells a caller has of a layer."""
    with store.reading("查询取用面积", "query the area taken") as conn:
        found = conn.execute(query("area_of"), {"caller": caller, "layer": layer}).fetchall()
    return frozenset(cell for (cell,) in found)


def add_area(store: Store, taken: Iterable[tuple[str, str, int]]) -> None:
    """Keep (caller, layer, cell), all at once."""
    parts = list(zip(*taken, strict=True))
    if not parts:
        return
    callers, layers, cells = map(list, parts)
    with store.connection("登记取用面积", "record the area taken") as conn:
        conn.execute(query("transaction_writes"))
        conn.execute(query("area_add"), {"callers": callers, "layers": layers, "cells": cells})


def list_area(store: Store) -> list[AreaTaken]:
    """What each caller has taken of each layer."""
    with store.reading("查询取用面积", "query the area taken") as conn:
        found = conn.execute(query("area_list")).fetchall()
    return [
        AreaTaken(
            caller=caller, layer=layer, km2=round(area_km2(cells), 3), since=since, until=until
        )
        for caller, layer, cells, since, until in found
    ]


def forget_area(store: Store, caller: str) -> int:
    """A caller begins again; how many cells were forgotten."""
    with store.connection("清除取用面积", "forget the area taken") as conn:
        return conn.execute(query("area_forget"), {"caller": caller}).rowcount
