"""The catalogue: layers and deliveries as records of OGC API Records, with their lineage."""

from __future__ import annotations

import re
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
from gis.api.answers import GEOJSON, HTML, JSON, LD_JSON, answer, base_url, wants_html
from gis.api.axes import axes_of, box_of
from gis.api.offering import PLAIN, not_a_format, offers
from gis.api.pages import page
from gis.api.parameters import read_when, single, whole
from gis.api.refusals import NotThere, bad_value
from gis.api.service import Service, service_of
from gis.layers import City, Label
from gis.store import Instant, When
from gis.store.records import LayerRecord, layer_records

CATALOGUE = "catalogue"
SPEC = "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf"
CORE = f"{SPEC}/record-core"
CLASSES = (
    CORE,
    *(f"{SPEC}/{n}" for n in ("record-collection", "record-core-query-parameters", "records-api")),
    *(f"{SPEC}/{n}" for n in ("searchable-catalog", "json", "html", "oas30")),
)
PROFILES = "http://www.opengis.net/def/profile/OGC/0"
CATALOG_JSON = "application/ogc-catalog+json"
ASKED = ("f", "lang", "limit", "offset", "q", "type", "ids", "externalIds", "bbox", "datetime")
FORMATS, ONE = ("json", "html", "dcat"), ("json", "html", "iso19115")
TYPES = ("dataset", "delivery")
SOME, MOST = 50, 1_000
LINEAGE = 20  # deliveries told in a layer's record, newest first
FIGURES = ("accepted", "new", "changed", "unchanged", "closed", "quarantined")
SEARCHED = ("title", "title_en", "keywords", "contacts", "source")
MOST_NAMES = 1_000
Record = dict[str, Any]


def routes() -> list[Route]:
    """The addresses of this module; they stand before those of layers."""
    one = f"/collections/{CATALOGUE}"
    return [
        Route(one, offers(get_catalogue, "json", "html", known=PLAIN)),
        Route(f"{one}/items", get_records),
        Route(f"{one}/items/{{record}}", get_record),
    ]


def get_catalogue(request: Request) -> Response:
    """`GET /collections/catalogue`: what the catalogue is."""
    service = service_of(request)
    document = collection(service.registry.city, base_url(request, service.settings.public_url))
    plain = "application/json" in request.headers.get("accept", "")
    return _respond(request, document, JSON if plain else CATALOG_JSON)


def collection(city: City, base: str) -> Record:
    """The catalogue as one of the collections."""
    here = f"{base}/collections/{CATALOGUE}"
    return {
        "id": CATALOGUE,
        "type": "Collection",
        "title": f"{city.name.zh}一张图数据目录 Catalogue of {city.name.en}",
        "description": "图层与交付：来源、坐标系、精度、检查、权属、密级、更新周期 / layers and "
        "deliveries: source, frame, accuracy, checks, owner, classification, update cycle",
        "itemType": "record",
        "extent": {"spatial": {"bbox": [list(city.bbox)]}},
        "conformsTo": [CORE],
        "links": [
            _link("self", CATALOG_JSON, f"{here}?f=json"),
            _link("alternate", "text/html", f"{here}?f=html"),
            _link("profile", "text/html", f"{PROFILES}/ogc-catalog"),
            _link("items", GEOJSON, f"{here}/items"),
            _link("items", "text/html", f"{here}/items?f=html"),
            _link("items", LD_JSON, f"{here}/items?f=dcat"),
        ],
    }


def get_records(request: Request) -> Response:
    """`GET /collections/catalogue/items?q=&type=&ids=&bbox=&datetime=&limit=&offset=`; f=dcat:
    all layers that match, unpaged, as DCAT."""
    service = service_of(request)
    given = single(request.query_params, ASKED)
    format_ = given.get("f", "json")
    if format_ not in FORMATS:
        raise not_a_format(format_, FORMATS)
    limit = min(whole("limit", given.get("limit"), SOME, 1), MOST)
    offset = whole("offset", given.get("offset"), 0, 0)
    wanted = list(filter(_wanted(given, service), _records(request)))
    if format_ == "dcat":
        here = f"{base_url(request, service.settings.public_url)}/collections/{CATALOGUE}"
        body = orjson.dumps(dcat.catalogue(wanted, service.registry.city, here))
        return answer(request, body, LD_JSON)
    shown = wanted[offset : offset + limit]
    here = f"{base_url(request, service.settings.public_url)}/collections/{CATALOGUE}/items"
    links = [
        _link("self", GEOJSON, f"{here}?{urlencode(given | {'f': 'json'})}"),
        _link("alternate", "text/html", f"{here}?{urlencode(given | {'f': 'html'})}"),
        _link("alternate", LD_JSON, f"{here}?{urlencode(given | {'f': 'dcat'})}"),
        _link("collection", CATALOG_JSON, here.removesuffix("/items")),
        *_profiles(),
    ]
    if offset + limit < len(wanted):
        onward = urlencode({**given, "limit": limit, "offset": offset + limit})
        links.append(_link("next", GEOJSON, f"{here}?{onward}"))
    if offset:
        back = urlencode({**given, "limit": limit, "offset": max(0, offset - limit)})
        links.append(_link("prev", GEOJSON, f"{here}?{back}"))
    document = {
        "type": "FeatureCollection",
        "numberMatched": len(wanted),
        "numberReturned": len(shown),
        "features": shown,
        "links": links,
    }
    timeless = _dumped(document)
    document["timeStamp"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return _respond(request, document, GEOJSON, stamp=timeless)


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
            return _respond(request, record, GEOJSON)
    raise NotThere(
        zh=f"目录中没有 {name[:80]}。见 /collections/{CATALOGUE}/items",
        en=f"the catalogue has no record {name[:80]!r}. See /collections/{CATALOGUE}/items",
        record=name[:80],
    )


def _format_of_one(request: Request) -> str:
    given = single(request.query_params, PLAIN).get("f")
    if given is None:
        accepted = request.headers.get("accept", "")
        xml = iso19115.MEDIA in accepted and not any(w in accepted for w in ("html", "json"))
        return "iso19115" if xml else "json"
    if given not in ONE:
        raise not_a_format(given, ONE)
    return given


def _respond(
    request: Request, document: Record, media: str, *, stamp: bytes | None = None
) -> Response:
    body = _dumped(document)
    if wants_html(request):
        shown = page("document.html", orjson.loads(body), request)
        return answer(request, shown.encode(), HTML)
    return answer(request, body, media, stamp=stamp)


def _dumped(document: Record) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_UTC_Z)


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
    time = None
    if of.deliveries and of.updated is not None:
        time = {"interval": [_in_utc(of.deliveries[-1]["as_of"]), _in_utc(of.updated)]}
    return {
        "type": "Feature",
        "id": f"layer:{layer.id}",
        "conformsTo": [CORE],
        "time": time,
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
            *_of_itself(f"{base}/collections/{CATALOGUE}", f"layer:{layer.id}"),
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
        "time": {"timestamp": _in_utc(line["as_of"])},
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
            "externalIds": [{"scheme": "sha256", "value": line["digest"]}],
            **_step(line),
        },
        "links": [
            *_of_itself(f"{base}/collections/{CATALOGUE}", f"delivery:{number}"),
            _link("up", GEOJSON, f"{base}/collections/{CATALOGUE}/items/layer:{layer.id}"),
            _link("describedby", "text/html", f"{here}/report.html"),
        ],
    }


def _of_itself(catalogue: str, name: str) -> list[dict[str, str]]:
    """Links of a record to itself and to what it belongs to."""
    here = f"{catalogue}/items/{name}"
    return [
        _link("self", GEOJSON, f"{here}?f=json"),
        _link("alternate", "text/html", f"{here}?f=html"),
        _link("alternate", iso19115.MEDIA, f"{here}?f=iso19115"),
        _link("collection", CATALOG_JSON, catalogue),
        *_profiles(),
    ]


def _profiles() -> list[dict[str, str]]:
    """What the standard names in two places by two names."""
    return [_link("profile", "text/html", f"{PROFILES}/{n}") for n in ("ogc-record", "ogc-catalog")]


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


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
    kinds, box = _listed(given, "type"), None
    for kind in kinds or ():
        if kind not in TYPES:
            raise bad_value("type", kind, "应为 dataset、delivery", "dataset, delivery")
    names, outside = _listed(given, "ids"), _listed(given, "externalIds")
    says = _searching(given.get("q", ""))
    if "bbox" in given:
        box = box_of(given["bbox"], axes_of("bbox", None, service.registry.city))
    when = read_when(QueryParams({"datetime": given.get("datetime", "")}), service.timezone)

    def matches(record: Record) -> bool:
        properties = record["properties"]
        return (
            (kinds is None or properties["type"] in kinds)
            and (names is None or record["id"] in names)
            and (outside is None or _known_outside_as(properties, outside))
            and says(properties)
            and _meets(record["geometry"], box)
            and _is_of(record, when)
        )

    return matches


def _listed(given: Mapping[str, str], name: str) -> frozenset[str] | None:
    """The values of a list with commas; None where it is not given."""
    if name not in given:
        return None
    found = frozenset(word.strip() for word in given[name].split(",") if word.strip())
    if not 1 <= len(found) <= MOST_NAMES:
        raise bad_value(
            name, given[name], f"应为 1 到 {MOST_NAMES} 个值，逗号分隔",
            f"1 to {MOST_NAMES} values with commas",
        )  # fmt: skip
    return found


def _searching(text: str) -> Callable[[Record], bool]:
    """`q` as the standard reads it: any of what commas part; what blanks part follows one upon
    the other in one text. Large and small letters are alike."""
    terms = [
        re.compile(r"\s+".join(map(re.escape, term.split())), re.IGNORECASE)
        for term in text.split(",")
        if term.strip()
    ]

    def says(properties: Record) -> bool:
        texts = [str(properties.get(name) or "") for name in SEARCHED]
        return not terms or any(term.search(told) for term in terms for told in texts)

    return says


def _known_outside_as(properties: Record, asked: frozenset[str]) -> bool:
    """`scheme:value`, a value alone, or `scheme:`."""
    return any(
        not asked.isdisjoint((f"{i['scheme']}:{i['value']}", i["value"], f"{i['scheme']}:"))
        for i in properties.get("externalIds", ())
    )


def _is_of(record: Record, when: When) -> bool:
    """Whether the record's own time meets `when`; None = any. What has no time is never kept
    back by it, and what has no place by no box: so the standard has it."""
    if when is None or record["time"] is None:
        return True
    first, last = record["time"].get("interval") or [record["time"]["timestamp"]] * 2
    start, end = (when.at, when.at) if isinstance(when, Instant) else (when.start, when.end)
    return (end is None or first <= end) and (start is None or last >= start)


def _meets(geometry: Record | None, box: object) -> bool:
    if not isinstance(box, tuple) or geometry is None:
        return True
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
