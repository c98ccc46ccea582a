"""What the map page asks beside the standard: layers and styles, counts, alerts, readings."""

from __future__ import annotations

from threading import Lock
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gis import __version__
from gis.api.access import caller
from gis.api.alertwork import due_days
from gis.api.answers import FOR_EVER, answer, json_answer
from gis.api.casefile import ALERTS, as_seen, no_alert
from gis.api.finding import find
from gis.api.parameters import read_when, single, truth, whole
from gis.api.preconditions import version_tag
from gis.api.refusals import NotThere, bad_value
from gis.api.service import Service, service_of
from gis.errors import ChangeError
from gis.layers import CodeList, Field, Label, Layer
from gis.store import Instant, LayerQuery, count, list_deliveries, readings, rows, version_at
from gis.store.alerts import chip, list_alerts, show_alert
from gis.store.query import extent

THEMES = (
    ("planning", "规划", "Planning"),
    ("property", "不动产", "Property"),
    ("pipeline", "管线", "Pipelines"),
    ("component", "城市部件", "City components"),
    ("iot", "物联网", "Sensors"),
    ("enforcement", "执法", "Enforcement"),
    ("imagery", "影像", "Imagery"),
    ("base", "基础", "Base"),
)
DELIVERED = ("id", "layer", "as_of", "received_at", "department", "source", "mode",
             "new", "changed", "closed", "quarantined")  # fmt: skip
COUNTY = "county"
ALERTS_ASKED = ("state", "reason", "county", "assignee", "overdue", "limit", "offset")
SOME_ALERTS, MOST_ALERTS = 200, 5000
WEEK_H, YEAR_H = 168, 24 * 366


class Facts:
    """What a layer's state is known to be, by its version: extents cost a scan."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[float, float, float, float] | None] = {}
        self._lock = Lock()

    def extent(self, service: Service, layer: Layer) -> tuple[float, ...] | None:
        """West, south, east, north of the layer now; None where it is empty."""
        key = (layer.id, version_at(service.store, layer))
        if key not in self._known:
            found = extent(service.store, LayerQuery(layer=layer))
            with self._lock:
                self._known = {k: v for k, v in self._known.items() if k[0] != layer.id}
                self._known[key] = found
        return self._known.get(key)


def get_config(request: Request) -> Response:
    """`GET /map/config.json`: everything the page is built from."""
    service = service_of(request)
    registry = service.registry
    facts: Facts = request.app.state.facts
    document = {
        "version": __version__,
        "city": _city(service),
        "themes": [{"id": id_, "title": {"zh": zh, "en": en}} for id_, zh, en in THEMES],
        "layers": [_layer(service, facts, layer) for layer in registry.layers.values()],
        "deliveries": [
            {name: line[name] for name in DELIVERED}
            for line in list_deliveries(service.store)
            if line["undone_at"] is None and line["layer"] in registry.layers
        ],
        "alerts": {
            "states": _codes(registry.codelists.get("alert_state")),
            "reasons": _codes(registry.codelists.get("alert_reason"), colors=False),
            "counties": _counties(service),
        },
    }
    return json_answer(request, document)


def get_counts(request: Request) -> Response:
    """`GET /map/counts.json?datetime=`: how many features each layer had."""
    service = service_of(request)
    when = read_when(request.query_params, service.timezone, ("datetime",))
    if when is not None and not isinstance(when, Instant):
        text = request.query_params["datetime"]
        raise bad_value("datetime", text, "这里应为一个时刻", "it is one moment here")
    counts = {
        layer.id: count(service.store, LayerQuery(layer=layer, when=when))
        for layer in service.registry.layers.values()
    }
    return json_answer(request, {"layers": counts})


def get_search(request: Request) -> Response:
    """`GET /map/search.json?q=`: names, numbers, grid codes, coordinates."""
    service = service_of(request)
    given = single(request.query_params, ("q", "limit"))
    limit = min(whole("limit", given.get("limit"), 20, 1), 100)
    return json_answer(request, find(service, given.get("q", ""), limit))


def get_alerts(request: Request) -> Response:
    """`GET /map/alerts.json`: the work list, most certain first; empty for those who may not see
    alerts. `state` may be several; `overdue=true`: those past their day."""
    service = service_of(request)
    given = single(request.query_params, ALERTS_ASKED)
    states = [state for state in given.get("state", "").split(",") if state]
    found = list_alerts(
        service.store,
        states=states or None,
        reason=given.get("reason") or None,
        county=given.get("county") or None,
        assignee=given.get("assignee") or None,
        overdue=truth("overdue", given.get("overdue", "")),
        due_days=due_days(service),
    )
    if ALERTS not in service.registry.layers:
        found = []
    limit = min(whole("limit", given.get("limit"), SOME_ALERTS, 1), MOST_ALERTS)
    offset = whole("offset", given.get("offset"), 0, 0)
    page = found[offset : offset + limit]
    return json_answer(request, {"alerts": page, "total": len(found)})


def get_alert(request: Request) -> Response:
    """`GET /map/alerts/{key}.json`: an alert's whole file."""
    key, service = request.path_params["key"], service_of(request)
    if ALERTS not in service.registry.layers:
        raise no_alert(key)
    try:
        number = int(key) if _is_key(key) else key
        found = show_alert(service.store, number, due_days(service))
    except ChangeError as error:
        raise no_alert(key) from error
    told = as_seen(found, service.registry) | {
        "etag": version_tag(found["version"]),
        "may_work": caller(request).officer,
    }
    return json_answer(request, told)


def get_chip(request: Request) -> Response:
    """`GET /map/alerts/{key}/{chip}.png`; `run=`: of that run's evidence, which never changes."""
    key, name = request.path_params["key"], request.path_params["chip"]
    run = single(request.query_params, ("run",)).get("run")
    number = None if run is None else whole("run", run, 0, 1)
    service = service_of(request)
    there = _is_key(key) and ALERTS in service.registry.layers
    picture = chip(service.store, int(key), name, number) if there else None
    if picture is None:
        raise NotThere(
            zh=f"线索 {key[:40]} 没有图片 {name[:80]}",
            en=f"alert {key[:40]} has no picture {name[:80]!r}",
        )
    cache = FOR_EVER if number is not None else "no-cache"
    return answer(request, picture, "image/png", cache=cache)


def get_readings(request: Request) -> Response:
    """`GET /map/readings.json?datastream=&hours=`: a sensor's readings, oldest first."""
    given = single(request.query_params, ("datastream", "hours"))
    hours = min(whole("hours", given.get("hours"), WEEK_H, 1), YEAR_H)
    datastream = given.get("datastream", "")
    if not datastream or "\x00" in datastream:
        raise bad_value("datastream", datastream, "应为数据流编号", "it is a datastream's id")
    service = service_of(request)
    seen = any(layer.latest_of for layer in service.registry.layers.values())
    found = readings(service.store, datastream, hours) if seen else []
    return json_answer(request, {"datastream": datastream, "readings": found})


def _is_key(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _city(service: Service) -> dict[str, Any]:
    city = service.registry.city
    return {
        "code": city.code,
        "name": _both(city.name),
        "bbox": city.bbox,
        "home": dict(city.home_view),
        "metric_frame": city.metric_frame,
        "geoid_undulation_m": city.geoid_undulation_m,
        "timezone": city.timezone,
    }


def _layer(service: Service, facts: Facts, layer: Layer) -> dict[str, Any]:
    return {
        "id": layer.id,
        "title": _both(layer.title),
        "theme": layer.theme,
        "geometry": layer.geometry,
        "order": layer.order,
        "classification": layer.classification,
        "owner": _both(layer.owner),
        "accuracy_m": layer.accuracy_m,
        "style": dict(layer.style),
        "key": layer.key,
        "fields": [_field(service, field) for field in layer.fields],
        "features": count(service.store, LayerQuery(layer=layer)),
        "solid": next(iter(layer.solid), None) if layer.solid else None,
        "latest": layer.latest_of is not None,
        "extent": facts.extent(service, layer),
    }


def _field(service: Service, field: Field) -> dict[str, Any]:
    codes = service.registry.codelist(field)
    return {
        "name": field.name,
        "title": _both(field.title),
        "type": field.type,
        "unit": field.unit,
        "codes": None
        if codes is None
        else {c.code: _both(c.title) | {"color": c.color} for c in codes.codes.values()},
    }


def _codes(codes: CodeList | None, *, colors: bool = True) -> list[dict[str, Any]]:
    return [
        {"code": c.code, **_both(c.title), **({"color": c.color} if colors else {})}
        for c in (codes.codes.values() if codes else ())
    ]


def _counties(service: Service) -> list[dict[str, str]]:
    layer = service.registry.layers.get("admin_areas")
    if layer is None:
        return []
    found = rows(service.store, LayerQuery(layer=layer, geometry=False)).columns
    level = found.get("level", [])
    pairs = zip(found["code"], found["name"], level, strict=True)
    counties = [{"code": c, "name": n} for c, n, kind in pairs if kind == COUNTY]
    return sorted(counties, key=lambda county: county["code"])


def _both(label: Label) -> dict[str, Any]:
    return {"zh": label.zh, "en": label.en}
