"""The catalogue: layers and deliveries as records of OGC API Records, with their lineage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gis.api import dcat, iso19115
from gis.api.answers import GEOJSON, answer, base_url, json_answer
from gis.api.axes import axes_of, box_of
from gis.api.parameters import read_when, single, whole
from gis.api.refusals import NotThere, bad_value
from gis.api.service import Service, service_of
from gis.layers import City, Label
from gis.store import Instant, When
from gis.store.records import LayerRecord, layer_records

CATALOGUE = "catalogue"
CORE = "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/record-core"
ASKED = ("f", "limit", "offset", "q", "type", "bbox", "datetime")
FORMATS, LD_JSON = ("json", "dcat"), "application/ld+json"
TYPES = ("dataset", "delivery")
SOME, MOST = 50, 1_000
LINEAGE = 20  # deliveries told in a layer's record, newest first
FIGURES = ("accepted", "new", "changed", "unchanged", "closed", "quarantined")
SEARCHED = ("title", "title_en", "keywords", "contacts", "source")
Record = dict[str, Any]


def routes() -> list[Route]:
    """The addresses of this module; they stand before those of layers."""
    one = f"/collections/{CATALOGUE}"
    return [
        Route(one, get_catalogue),
        Route(f"{one}/items", get_records),
        Route(f"{one}/items/{{record}}", get_record),
    ]


def get_catalogue(request: Request) -> Response:
    """`GET /collections/catalogue`: what the catalogue is."""
    service = service_of(request)
    single(request.query_params, ("f",))
    base = base_url(request, service.settings.public_url)
    return json_answer(request, collection(service.registry.city, base))


def collection(city: City, base: str) -> Record:
    """The catalogue as one of the collections."""
    here = f"{base}/collections/{CATALOGUE}"
    return {
        "id": CATALOGUE,
        "title": f"{city.name.zh}一张图数据目录 Catalogue of {city.name.en}",
        "description": "图层与交付：来源、坐标系、精度、检查、权属、密级、更新周期 / layers and "
        "deliveries: source, frame, accuracy, checks, owner, classification, update cycle",
        "itemType": "record",
        "extent": {"spatial": {"bbox": [list(city.bbox)]}},
        "conformsTo": [CORE],
        "links": [
            _link("self", "application/json", here),
            _link("items", GEOJSON, f"{here}/items"),
            _link("items", LD_JSON, f"{here}/items?f=dcat"),
        ],
    }


def get_records(request: Request) -> Response:
    """`GET /collections/catalogue/items?q=&type=&bbox=&datetime=&limit=&offset=`; f=dcat: all
    layers that match, unpaged, as DCAT."""
    service = service_of(request)
    given = single(request.query_params, ASKED)
    format_ = given.get("f", "json")
    if format_ not in FORMATS:
        raise bad_value("f", format_, "应为 json 或 dcat", "json or dcat")
    limit = min(whole("limit", given.get("limit"), SOME, 1), MOST)
    offset = whole("offset", given.get("offset"), 0, 0)
    wanted = list(filter(_wanted(given, service), _records(request)))
    if format_ == "dcat":
        here = f"{base_url(request, service.settings.public_url)}/collections/{CATALOGUE}"
        body = orjson.dumps(dcat.catalogue(wanted, service.registry.city, here))
        return answer(request, body, LD_JSON)
    page = wanted[offset : offset + limit]
    here = f"{base_url(request, service.settings.public_url)}/collections/{CATALOGUE}/items"
    links = [
        _link("self", GEOJSON, f"{here}?{urlencode(given)}"),
        _link("alternate", LD_JSON, f"{here}?f=dcat"),
    ]
    if offset + limit < len(wanted):
        onward = urlencode({**given, "limit": limit, "offset": offset + limit})
        links.append(_link("next", GEOJSON, f"{here}?{onward}"))
    document = {
        "type": "FeatureCollection",
        "numberMatched": len(wanted),
        "numberReturned": len(page),
        "features": page,
        "links": links,
    }
    return answer(request, orjson.dumps(document), GEOJSON)


def get_record(request: Request) -> Response:
    """`GET /collections/catalogue/items/{record}`: `layer:buildings` or `delivery:13`; f=iso19115,
    or Accept: application/xml: as ISO 19115-3."""
    format_ = _format_of_one(request)
    name = request.path_params["record"]
    for record in _records(request):
        if record["id"] == name and format_ == "iso19115":
            city = service_of(request).registry.city
            body = iso19115.metadata(record, city, datetime.now(UTC).replace(microsecond=0))
            stamp = b"iso" + orjson.dumps(record)  # the metadata's own date is no change
            return answer(request, body, iso19115.MEDIA, stamp=stamp)
        if record["id"] == name:
            return answer(request, orjson.dumps(record), GEOJSON)
    raise NotThere(
        zh=f"目录中没有 {name[:80]}。见 /collections/{CATALOGUE}/items",
        en=f"the catalogue has no record {name[:80]!r}. See /collections/{CATALOGUE}/items",
        record=name[:80],
    )


def _format_of_one(request: Request) -> str:
    given = single(request.query_params, ("f",)).get("f")
    if given is None:
        accepted = request.headers.get("accept", "")
        xml = iso19115.MEDIA in accepted and not any(w in accepted for w in ("html", "json"))
        return "iso19115" if xml else "json"
    if given not in ("json", "iso19115"):
        raise bad_value("f", given, "应为 json 或 iso19115", "json or iso19115")
    return given


def _records(request: Request) -> Iterator[Record]:
    """Layers in their order, then deliveries in force, newest first."""
    service = service_of(request)
    base = base_url(request, service.settings.public_url)
    found = layer_records(service.store, service.registry)
    places = {}
    for of in found:
        places[of.layer.id] = request.app.state.facts.extent(service, of.layer)
        yield _layer(of, places[of.layer.id], base, datetime.now(UTC))
    pairs = [(line, of) for of in found for line in of.deliveries]
    for line, of in sorted(pairs, key=lambda pair: -pair[0]["id"]):
        yield _delivery(line, of, places[of.layer.id], base)


def _layer(of: LayerRecord, box: tuple[float, ...] | None, base: str, now: datetime) -> Record:
    layer = of.layer
    here = f"{base}/collections/{layer.id}"
    first = of.deliveries[-1]["as_of"] if of.deliveries else None
    return {
        "type": "Feature",
        "id": f"layer:{layer.id}",
        "conformsTo": [CORE],
        "time": {"interval": [first, of.updated]} if first else None,
        "geometry": _polygon(box),
        "properties": {
            "type": "dataset",
            "title": layer.title.zh,
            "title_en": layer.title.en,
            "keywords": [layer.theme, layer.id, layer.geometry],
            "updated": of.updated,
            "contacts": [{"organization": layer.owner.zh, "roles": ["owner"]}],
            "rights": layer.classification,
            "features": of.features,
            "accuracy_needed_m": layer.accuracy_m,
            "accuracy_m": of.accuracy_m,
            "checks": [check.name for check in layer.checks],
            "update_days": layer.update_days,
            "overdue_days": of.overdue_days(now),
            "warnings": [{"zh": w.zh, "en": w.en} for w in _warnings(of, now)],
            "lineage": [_step(line) for line in of.deliveries[:LINEAGE]],
        },
        "links": [
            _link("self", GEOJSON, f"{base}/collections/{CATALOGUE}/items/layer:{layer.id}"),
            _link(
                "alternate",
                iso19115.MEDIA,
                f"{base}/collections/{CATALOGUE}/items/layer:{layer.id}?f=iso19115",
            ),
            _link("about", "application/json", here),
            _link("item", GEOJSON, f"{here}/items"),
        ],
    }


def _delivery(
    line: Mapping[str, Any], of: LayerRecord, box: tuple[float, ...] | None, base: str
) -> Record:
    number, layer = line["id"], of.layer
    here = f"{base}/deliveries/{number}"
    return {
        "type": "Feature",
        "id": f"delivery:{number}",
        "conformsTo": [CORE],
        "time": {"timestamp": line["as_of"]},
        "geometry": _polygon(box),
        "properties": {
            "type": "delivery",
            "title": f"{layer.title.zh} 第 {number} 次交付",
            "title_en": f"{layer.title.en}, delivery {number}",
            "keywords": [layer.theme, layer.id, line["mode"]],
            "created": line["received_at"],
            "updated": line["as_of"],
            "contacts": [
                {"organization": line["department"] or layer.owner.zh, "roles": ["provider"]}
            ],
            "rights": layer.classification,
            **_step(line),
        },
        "links": [
            _link("self", GEOJSON, f"{base}/collections/{CATALOGUE}/items/delivery:{number}"),
            _link(
                "alternate",
                iso19115.MEDIA,
                f"{base}/collections/{CATALOGUE}/items/delivery:{number}?f=iso19115",
            ),
            _link("up", GEOJSON, f"{base}/collections/{CATALOGUE}/items/layer:{layer.id}"),
            _link("describedby", "text/html", f"{here}/report.html"),
        ],
    }


def _step(line: Mapping[str, Any]) -> Record:
    """What a delivery adds to the lineage."""
    frame = line["frame"]
    return {
        "delivery": line["id"],
        "source": line["source"],
        "sha256": line["digest"],
        "department": line["department"],
        "as_of": line["as_of"],
        "mode": line["mode"],
        "frame": frame.get("name"),
        "frame_known_by": frame.get("how"),
        "accuracy_m": frame.get("accuracy_m"),
        "steps": frame.get("steps", []),
        "figures": {name: line[name] for name in FIGURES},
    }


def _warnings(of: LayerRecord, now: datetime) -> Iterator[Label]:
    late = of.overdue_days(now)
    if late is not None:
        yield Label(
            zh=f"应每 {of.layer.update_days} 天更新，已逾期 {late} 天",
            en=f"to be updated every {of.layer.update_days} days, {late} days overdue",
        )
    if of.layer.update_days is not None and of.updated is None:
        yield Label(zh="从未交付", en="never delivered")


def _wanted(given: Mapping[str, str], service: Service) -> Callable[[Record], bool]:
    """Which records are asked for. Raises Refused."""
    kind, box = given.get("type"), None
    if kind is not None and kind not in TYPES:
        raise bad_value("type", kind, "应为 dataset 或 delivery", "dataset or delivery")
    words = given.get("q", "").casefold().split()
    if "bbox" in given:
        box = box_of(given["bbox"], axes_of("bbox", None, service.registry.city))
    when = read_when(QueryParams({"datetime": given.get("datetime", "")}), service.timezone)

    def matches(record: Record) -> bool:
        properties = record["properties"]
        told = " ".join(str(properties.get(name) or "") for name in SEARCHED).casefold()
        of_kind = kind is None or properties["type"] == kind
        said = all(word in told for word in words)
        return of_kind and said and _meets(record["geometry"], box) and _is_of(record, when)

    return matches


def _is_of(record: Record, when: When) -> bool:
    """Whether the record's own time meets `when`; None = any."""
    if when is None:
        return True
    if record["time"] is None:
        return False
    first, last = record["time"].get("interval") or [record["time"]["timestamp"]] * 2
    start, end = (when.at, when.at) if isinstance(when, Instant) else (when.start, when.end)
    return (end is None or first <= end) and (start is None or last >= start)


def _meets(geometry: Record | None, box: object) -> bool:
    if not isinstance(box, tuple):
        return True
    if geometry is None:
        return False
    (west, south), _, (east, north) = geometry["coordinates"][0][:3]
    return bool(box[0] <= east and box[2] >= west and box[1] <= north and box[3] >= south)


def _polygon(box: tuple[float, ...] | None) -> Record | None:
    if box is None:
        return None
    west, south, east, north = box
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def _link(rel: str, media: str, href: str) -> dict[str, str]:
    return {"rel": rel, "type": media, "href": href}
