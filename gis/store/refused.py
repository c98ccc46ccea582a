"""Refused rows as they came, to be written to a file and sent again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import shapely
from psycopg.types.json import Jsonb
from shapely.geometry.base import BaseGeometry

from gis.coords import LocalFrame, find_transformation, norm_frame
from gis.errors import CoordError
from gis.layers.refused import Form, RefusedRow, RefusedRows
from gis.store.deliveries import Loading
from gis.store.ledger import quarantine_rows, show_delivery
from gis.store.pool import Store
from gis.store.queries import query

METRE_DIGITS, DEGREE_DIGITS = 4, 9  # of a place that was moved back: a tenth of a millimetre
MOST_DEGREES = 360.0
WHOLE = -1  # a column that holds the geometry as WKT


def keep_form(loading: Loading, form: Form) -> None:
    """Put on record in which form a delivery came, in its own transaction."""
    params = {"delivery": loading.delivery, "form": Jsonb(form.to_json())}
    loading.connection.execute(query("delivery_form_add"), params)


def form_of(store: Store, delivery: int) -> Form | None:
    """In which form a delivery came; None where it came before that was kept."""
    with store.reading() as conn:
        row = conn.execute(query("delivery_form"), {"delivery": delivery}).fetchone()
    return None if row is None else Form.from_json(row[0])


def refused_rows(
    store: Store, delivery: int, local_frames: Mapping[str, LocalFrame] | None = None
) -> RefusedRows:
    """A delivery's refused rows, by its own column names and in its own frame. Raises StoreError
    where there is no such delivery."""
    head = show_delivery(store, delivery)
    frame = str(head["frame"]["name"])
    form = form_of(store, delivery) or Form()
    order = [name for name, _ in form.columns]
    ways: dict[str, Any] = {}
    rows = []
    for line in quarantine_rows(store, delivery):
        stored = line["stored"]  # under our names, in our frame
        if stored and line["frame"] not in ways:
            ways[line["frame"]] = _way(line["frame"], frame, local_frames or {})
        shape = _shape(line["wkt"])
        if shape is not None and stored:
            way = ways[line["frame"]]
            shape = None if way is None else shapely.transform(shape, way.apply)
        raw = _as_it_came(line["raw"], shape, form) if stored else line["raw"]
        raw = {n: raw[n] for n in dict.fromkeys((*order, *raw)) if n in raw}
        told = {name: line[name] for name in ("row", "code", "field", "zh", "en", "wkt", "stored")}
        rows.append(RefusedRow(**told, raw=raw, shape=shape))
    return RefusedRows(
        delivery=delivery,
        layer=str(head["layer"]),
        source=str(head["source"]),
        frame=frame,
        form=form,
        rows=tuple(rows),
    )


def _shape(wkt: str | None) -> BaseGeometry | None:
    return shapely.from_wkt(wkt, on_invalid="ignore") if wkt else None


def _way(name: str, frame: str, local_frames: Mapping[str, LocalFrame]) -> Any:
    try:
        return find_transformation(norm_frame(name, local_frames), norm_frame(frame, local_frames))
    except CoordError:  # a local frame whose parameters have been taken away
        return None


def _as_it_came(raw: Mapping[str, Any], shape: BaseGeometry | None, form: Form) -> dict[str, Any]:
    """A row of the store under the delivery's names, with the columns that say where it lies."""
    named = {form.fields.get(name, name): value for name, value in raw.items()}
    if shape is None or not form.places:
        return named
    at = shapely.get_coordinates(shape, include_z=True)
    for name, vertex, axis in form.places:
        if vertex == WHOLE:
            named[name] = shapely.to_wkt(shape, rounding_precision=DEGREE_DIGITS)
        elif vertex < len(at) and at[vertex][axis] == at[vertex][axis]:  # a missing height is NaN
            value = float(at[vertex][axis])
            degrees = abs(value) <= MOST_DEGREES and axis < 2
            named[name] = round(value, DEGREE_DIGITS if degrees else METRE_DIGITS)
    return named
