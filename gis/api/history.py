"""What differs between two dates, and the life of a place, over HTTP."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gis.analysis.timeline import REACH_M, timeline, timeline_of_code
from gis.api.answers import GEOJSON, answer, base_url, json_answer
from gis.api.filtering import FILTER
from gis.api.limits import taken_texts
from gis.api.parameters import read_items, read_when, single, whole
from gis.api.refusals import bad_value
from gis.api.service import service_of
from gis.store import Interval
from gis.store.diff import BEFORE_ALL_KEYS, count_diff, diff

DIFF = ("f", "datetime", "bbox", "bbox-crs", "limit", "after", "gridcode", "q", *FILTER)
NOT_OF_ITEMS = ("datetime", "after")


def routes() -> list[Route]:
    """The addresses of this module."""
    return [
        Route("/collections/{layer}/diff", get_diff),
        Route("/places/{place}/timeline.json", get_timeline),
    ]


def get_diff(request: Request) -> Response:
    """`GET /collections/{layer}/diff?datetime=A/B`: features new, changed and closed, by pages.

    An open end is now. The first page says how many there are in all."""
    service = service_of(request)
    layer = service.registry.get(request.path_params["layer"])
    params = request.query_params
    given = single(params, DIFF, layer.field_names)
    format_ = given.get("f", "json")
    if format_ != "json":
        raise bad_value("f", format_, "只有 json", "there is json only")
    when = _closed(given.get("datetime", ""), service.timezone)
    rest = QueryParams([(n, v) for n, v in params.multi_items() if n not in NOT_OF_ITEMS])
    q = replace(read_items(layer, rest, service.registry, service.timezone).query, when=when)
    after = whole("after", given["after"], 0, 0) if "after" in given else None
    page = diff(service.store, q, after)
    here = f"{base_url(request, service.settings.public_url)}{request.url.path}"
    links = [{"rel": "self", "type": GEOJSON, "href": f"{here}?{urlencode(given)}"}]
    if page.after is not None:
        # an open end stays where it was for the first page
        ends = f"{_iso(when.start)}/{_iso(when.end)}"
        onward = urlencode({**given, "datetime": ends, "after": page.after})
        links.append({"rel": "next", "type": GEOJSON, "href": f"{here}?{onward}"})
    document: dict[str, Any] = {
        "type": "FeatureCollection",
        "since": when.start,
        "until": when.end,
        "numberReturned": len(page.differences),
    }
    if (after or BEFORE_ALL_KEYS) == BEFORE_ALL_KEYS:
        document["counts"] = asdict(count_diff(service.store, q))
    features = [found.to_json() for found in page.differences]
    taken_texts(layer, (orjson.dumps(feature).decode() for feature in features), q.srid)
    body = orjson.dumps(document | {"features": features, "links": links})
    return answer(request, body, GEOJSON)


def get_timeline(request: Request) -> Response:
    """`GET /places/{lon},{lat}/timeline.json` (CGCS2000 degrees) or `/places/{code}/…` (a BeiDou
    grid code): the life of the place."""
    service = service_of(request)
    place = request.path_params["place"]
    given = single(request.query_params, ("reach_m",))
    if "," not in place:
        found = timeline_of_code(service.store, service.registry, place)
    else:
        lon, lat = _pair(place)
        reach = _number("reach_m", given.get("reach_m", str(REACH_M)))
        found = timeline(service.store, service.registry, lon, lat, reach)
    return json_answer(request, found.to_json())


def _pair(text: str) -> tuple[float, float]:
    parts = text.split(",")
    if len(parts) != 2:
        raise bad_value("place", text, "应为 经度,纬度 或网格码", "it is lon,lat or a grid code")
    return _number("place", parts[0]), _number("place", parts[1])


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise bad_value(name, text, "应为数", "it is a number")
    return number


def _closed(text: str, timezone: str) -> Interval:
    """Both ends of `datetime=`; an open end is now. Raises Refused, LayerError."""
    when = read_when(QueryParams({"datetime": text}), timezone)
    if not isinstance(when, Interval) or when.start is None:
        raise bad_value(
            "datetime", text, "应为起止两个时间，如 2023-06-01/2024-06-01 或 2023-06-01/..",
            "give two times, such as 2023-06-01/2024-06-01 or 2023-06-01/..",
        )  # fmt: skip
    return Interval(when.start, when.end or datetime.now(UTC))


def _iso(moment: datetime | None) -> str:
    return moment.isoformat() if moment is not None else ".."
