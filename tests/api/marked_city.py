"""A city in which every word says which layer it is from: what leaks can be named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import shapely
from small_city import FIRST, SECOND, alert, run_head
from store_trials import make_head, make_rows

from gis.layers import Field, Label, Layer, Registry
from gis.layers.batch import Reject
from gis.store import Store, begin, store_run
from gis.store.documents import add_document, feature_place, shape_place

LON, LAT = 114.001, 32.981
PLACE_MARK = "MARKofplaces"
SHAPES = {
    "Point": shapely.Point(LON, LAT),
    "PointZ": shapely.Point(LON, LAT, 80.0),
    "LineString": shapely.LineString([(LON, LAT), (LON + 0.001, LAT)]),
    "LineStringZ": shapely.LineString([(LON, LAT, 80.0), (LON + 0.001, LAT, 80.0)]),
    "Polygon": shapely.box(LON - 0.001, LAT - 0.001, LON + 0.001, LAT + 0.001),
    "MultiPolygon": shapely.MultiPolygon(
        [shapely.box(LON - 0.001, LAT - 0.001, LON + 0.001, LAT + 0.001)]
    ),
    "MultiLineString": shapely.MultiLineString([[(LON, LAT), (LON + 0.001, LAT)]]),
    "MultiPoint": shapely.MultiPoint([(LON, LAT)]),
}


def mark(layer: str) -> str:
    """A word that stands in every text field of the layer, in its refused rows and documents."""
    return f"MARKof{layer.replace('_', '')}x"


def marked_registry(registry: Registry) -> Registry:
    """The layers as they ship, titles and owners saying which they are."""
    layers = {
        id_: replace(layer, title=Label(zh=f"{mark(id_)}题", en=mark(id_)),
                     owner=Label(zh=f"{mark(id_)}局", en=mark(id_)))
        for id_, layer in registry.layers.items()
    }  # fmt: skip
    return replace(registry, layers=layers)


def fill_marked(store: Store, registry: Registry, home: Path) -> None:
    """Two dates of one feature in every layer, a refused row and a document with each."""
    for layer in registry.layers.values():
        if layer.id == "alerts":
            continue
        for moment, more in ((FIRST, 0), (SECOND, 1)):
            _deliver(store, layer, moment, more)
        paper = home / f"{mark(layer.id)}.pdf"
        paper.write_bytes(f"%PDF-1.7 {mark(layer.id)}".encode())
        place = feature_place(store, layer, " ".join(_key(layer)))
        add_document(store, home / "documents", paper, place, title=mark(layer.id))
    paper = home / f"{PLACE_MARK}.pdf"
    paper.write_bytes(f"%PDF-1.7 {PLACE_MARK}".encode())
    corner = shape_place(f"POINT({LON} {LAT})")
    add_document(store, home / "documents", paper, corner, title=PLACE_MARK)
    _raise_alert(store, registry)


def _key(layer: Layer) -> tuple[str, ...]:
    return tuple(str(_value(layer.field(name), layer, 0)) for name in layer.key)


def _deliver(store: Store, layer: Layer, moment: datetime, more: int) -> None:
    row: dict[str, Any] = {f.name: _value(f, layer, more) for f in layer.fields}
    row |= {name: _value(layer.field(name), layer, 0) for name in layer.key}
    head = make_head(
        layer, as_of=moment, source=f"{mark(layer.id)}.csv", department=mark(layer.id),
        person=mark(layer.id),
    )  # fmt: skip
    reject = Reject(
        row=2, code="bad_code", zh=mark(layer.id), en=mark(layer.id),
        raw={"name": mark(layer.id)}, wkt=f"POINT({LON} {LAT})",
    )  # fmt: skip
    with begin(store, head) as loading:
        loading.add(make_rows(layer, [row | {"at": SHAPES[layer.geometry]}]))
        loading.reject([reject])
        loading.apply()


def _value(field: Field, layer: Layer, more: int) -> Any:
    return {
        "text": mark(layer.id),
        "code": mark(layer.id),
        "integer": 1990 + more,
        "number": 12.5 + more,
        "boolean": True,
        "date": date(2023, 1, 1),
        "datetime": datetime(2023, 1, 1, tzinfo=UTC),
    }[field.type]


def _raise_alert(store: Store, registry: Registry) -> None:
    """An alert that was judged by every other layer."""
    consulted = [
        {
            "layer": layer.id, "key": 1, "version_id": 1, "delivery": 1, "valid_from": str(FIRST),
            "properties": {layer.key[0]: mark(layer.id)}, "digest": mark(layer.id),
            "geometry": shapely.geometry.mapping(shapely.box(LON, LAT, LON + 0.001, LAT + 0.001)),
        }
        for layer in registry.layers.values()
        if layer.id != "alerts"
    ]  # fmt: skip
    found = alert()
    reason = {
        "code": "no_permit", "title": {"zh": "未批先建", "en": "no permit"}, "figures": {},
        "law": {"zh": mark("alerts"), "en": mark("alerts")},
        "consulted": [{"layer": row["layer"], "key": 1} for row in consulted],
    }  # fmt: skip
    record = {
        "reasons": [reason], "consulted": consulted, "skipped": {}, "judged_as_of": str(FIRST),
        "layers": dict.fromkeys(registry.layers, 1),
    }  # fmt: skip
    found = type(found)(
        geometry=found.geometry, properties=found.properties, record=record, chips=found.chips
    )
    store_run(store, registry.layers["alerts"], run_head(), [found], changed_again=lambda *_: False)
