"""The quality of one delivery: its figures, its frame, and what was refused, where and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from psycopg.rows import dict_row
from shapely.geometry.base import BaseGeometry

from gis.coords import STORAGE, LocalFrame, Transformation, find_transformation, norm_frame
from gis.errors import CoordError
from gis.store.ledger import show_delivery
from gis.store.pool import Store
from gis.store.queries import query

EXAMPLES = 5  # of each reason
MOST_SHAPES = 2_000  # more would only blacken a sketch
LONGEST_WKT = 100_000  # letters; a longer shape is counted, not drawn
FIGURES = ("accepted", "new", "changed", "unchanged", "closed", "quarantined")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One refused row as an example: `raw` is what was delivered."""

    row: int
    field: str | None
    zh: str
    en: str
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A reason, how many rows it refused, the fields it names, and its first rows."""

    code: str
    rows: int
    fields: tuple[str, ...]
    examples: tuple[Refused, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """A finding about rows that were taken in all the same: how many, and the first of them, each
    with `row`, `field`, `key` (the feature's business key, by field), `zh` and `en`; `row` and
    `key` are None where it is of no one row."""

    code: str
    rows: int
    fields: tuple[str, ...]
    examples: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """A delivery's report. `delivery`: its line of the ledger; `shapes`: (reason, geometry in
    CGCS2000 degrees, longitude first) of refused rows, at most MOST_SHAPES; `warned_at`: the same
    of warnings; `unplaced`: rows whose geometry was none, could not be read, or lies in a frame
    nobody gave parameters for."""

    delivery: Mapping[str, Any]
    reasons: tuple[Reason, ...]
    shapes: tuple[tuple[str, BaseGeometry], ...] = field(default=(), repr=False)
    unplaced: int = 0
    warnings: tuple[Warned, ...] = ()
    warned_at: tuple[tuple[str, BaseGeometry], ...] = field(default=(), repr=False)

    @property
    def rows_in(self) -> int:
        return int(self.delivery["accepted"] + self.delivery["quarantined"])

    def without_examples(self) -> Quality:
        """The same without anything a row said: for layers whose content is not for everybody."""
        bare = tuple(
            Reason(code=r.code, rows=r.rows, fields=r.fields, examples=()) for r in self.reasons
        )
        mute = tuple(
            Warned(code=w.code, rows=w.rows, fields=w.fields, examples=()) for w in self.warnings
        )
        return Quality(delivery=self.delivery, reasons=bare, unplaced=self.unplaced, warnings=mute)

    def to_json(self) -> dict[str, Any]:
        """`{"delivery", "rows_in", "figures", "frame", "reasons": [{"code", "rows", "fields",
        "examples"}], "warnings": [the same], "unplaced"}`; shapes only stand on the page."""
        line = dict(self.delivery)
        return {
            "delivery": {n: v for n, v in line.items() if n not in (*FIGURES, "frame")},
            "rows_in": self.rows_in,
            "figures": {name: line[name] for name in FIGURES},
            "frame": line["frame"],
            "reasons": [
                {
                    "code": r.code,
                    "rows": r.rows,
                    "fields": list(r.fields),
                    "examples": [
                        {"row": e.row, "field": e.field, "zh": e.zh, "en": e.en, "raw": dict(e.raw)}
                        for e in r.examples
                    ],
                }
                for r in self.reasons
            ],
            "warnings": [
                {
                    "code": w.code,
                    "rows": w.rows,
                    "fields": list(w.fields),
                    "examples": [dict(e) for e in w.examples],
                }
                for w in self.warnings
            ],
            "unplaced": self.unplaced,
        }


def quality_of(
    store: Store, delivery: int, local_frames: Mapping[str, LocalFrame] | None = None
) -> Quality:
    """The report of a delivery. `local_frames`: those in which refused rows may lie. Raises
    StoreError where there is no such delivery."""
    line = show_delivery(store, delivery)
    with store.reading() as conn, conn.cursor(row_factory=dict_row) as cur:
        which = {"delivery": delivery}
        reasons = cur.execute(query("quality_reasons"), which).fetchall()
        some = cur.execute(query("quality_examples"), which | {"most": EXAMPLES}).fetchall()
        drawn = cur.execute(query("quality_shapes"), which | {"most": MOST_SHAPES}).fetchall()
        warned = cur.execute(query("quality_warnings"), which | {"most": EXAMPLES}).fetchall()
    with store.reading() as conn, conn.cursor(binary=True) as plain:
        places = plain.execute(
            query("quality_warned_shapes"), which | {"most": MOST_SHAPES}
        ).fetchall()
    examples: dict[str, list[Refused]] = {}
    for row in some:
        examples.setdefault(row.pop("code"), []).append(Refused(**row))
    shapes = _placed(drawn, local_frames or {})
    refused = int(line["quarantined"])
    return Quality(
        delivery=line,
        reasons=tuple(
            Reason(
                code=r["code"],
                rows=r["rows"],
                fields=tuple(r["fields"]),
                examples=tuple(examples.get(r["code"], ())),
            )
            for r in reasons
        ),
        shapes=shapes,
        unplaced=max(0, min(refused, MOST_SHAPES) - len(shapes)),
        warnings=tuple(
            Warned(
                code=w["code"],
                rows=w["rows"],
                fields=tuple(w["fields"]),
                examples=tuple(w["examples"] or ()),
            )
            for w in warned
        ),
        warned_at=tuple((code, shapely.from_wkb(wkb)) for code, wkb in places),
    )


def _placed(
    found: list[dict[str, Any]], local_frames: Mapping[str, LocalFrame]
) -> tuple[tuple[str, BaseGeometry], ...]:
    ways: dict[str, Transformation | None] = {}
    placed = []
    for row in found:
        name = row["frame"]
        if name not in ways:
            ways[name] = _way(name, local_frames)
        shape = _shape(row["wkt"], ways[name])
        if shape is not None:
            placed.append((row["code"], shape))
    return tuple(placed)


def _way(name: str, local_frames: Mapping[str, LocalFrame]) -> Transformation | None:
    try:
        return find_transformation(norm_frame(name, local_frames), STORAGE)
    except CoordError:  # it was refused for its frame, or the frame has been taken away
        return None


def _shape(wkt: str, way: Transformation | None) -> BaseGeometry | None:
    if way is None or len(wkt) > LONGEST_WKT:
        return None
    shape = shapely.from_wkt(wkt, on_invalid="ignore")
    if shape is None or shape.is_empty:
        return None
    try:
        moved = shapely.transform(shapely.force_2d(shape), way.apply)
    except CoordError:
        return None
    return moved if np.isfinite(shapely.get_coordinates(moved)).all() else None
