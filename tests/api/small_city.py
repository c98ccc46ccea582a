"""A small city behind the real app: buildings, roads, pipes, sensors, two dates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import anyio
import httpx
import shapely
from store_trials import make_head, make_rows

from gis.layers import Layer, Registry
from gis.store import Finding, RunHead, Store, begin, store_run

CHINA = ZoneInfo("Asia/Shanghai")
FIRST = datetime(2023, 6, 1, tzinfo=CHINA)
SECOND = datetime(2024, 6, 1, tzinfo=CHINA)
XSS = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


class AppTransport(httpx.BaseTransport):
    """An app in this process, for a client that waits: each request in a loop of its own."""

    def __init__(self, app: Any) -> None:
        self._app = httpx.ASGITransport(app=app, raise_app_exceptions=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def ask() -> httpx.Response:
            found = await self._app.handle_async_request(request)
            body = b"".join([part async for part in found.stream])  # type: ignore[union-attr]
            return httpx.Response(found.status_code, headers=found.headers, content=body)

        return anyio.run(ask)


def browse(app: Any) -> httpx.Client:
    """A client of the app."""
    return httpx.Client(transport=AppTransport(app), base_url="http://testserver")


def building(i: int, **changes: Any) -> dict[str, Any]:
    """Number i of a grid of 10 columns, a house of 20 m by 15 m every 100 m or so."""
    lon, lat = 114.0 + 0.001 * (i % 10), 32.98 + 0.001 * (i // 10)
    house = {
        "building_id": f"B{i:05}",
        "name": None if i % 3 else f"第{i}号楼",
        "storeys": 1 + i % 30,
        "height_m": 3.0 * (1 + i % 30) + 0.4,
        "base_m": 82.5,
        "use": "residential" if i % 2 else "industrial",
        "built_year": 1990 + i % 30,
        "at": shapely.box(lon, lat, lon + 0.0002, lat + 0.00015),
    }
    return house | changes


def deliver(
    store: Store, layer: Layer, rows: Sequence[Mapping[str, Any]], as_of: datetime = FIRST
) -> None:
    """One full delivery through the store's own door."""
    with begin(store, make_head(layer, as_of=as_of, source=f"{layer.id}.csv")) as loading:
        loading.add(make_rows(layer, rows))
        loading.apply()


def fill(store: Store, registry: Registry) -> None:
    """Every delivery of the small city."""
    layers = registry.layers
    houses = [building(i) for i in range(60)]
    houses[3] = building(3, name=XSS)
    deliver(store, layers["buildings"], houses)
    later = [building(i) for i in range(61) if i != 7]
    later[3] = building(3, name=XSS)
    later[7] = building(8, height_m=99.5)
    deliver(store, layers["buildings"], later, SECOND)
    roads = [
        {"road_id": f"L{i}", "name": name, "road_class": "main", "width_m": 20.0 + i,
         "at": shapely.LineString([(114.0, 32.98 + i / 500), (114.01, 32.981 + i / 500)])}
        for i, name in enumerate(["人民路", "人民路南巷", "解放大道"])
    ]  # fmt: skip
    deliver(store, layers["roads"], roads)
    pipe = {
        "pipe_id": "P1", "kind": "YS", "from_point": "A", "to_point": "B", "diameter_mm": 300,
        "at": shapely.LineString([(114.0, 32.98, 80.5), (114.001, 32.98, 80.25)]),
    }  # fmt: skip
    deliver(store, layers["pipe_segments"], [pipe])
    permit = {
        "permit_no": "建字第2023-001号", "project": "人民路小区", "kind": "building",
        "issued_on": date(2023, 5, 1), "at": shapely.box(114.0, 32.98, 114.002, 32.982),
    }  # fmt: skip
    deliver(store, layers["planning_permits"], [permit])
    thing = {"thing_id": "T1", "name": "水位站", "kind": "other", "datastream": "T1-level"}
    deliver(store, layers["iot_things"], [thing | {"at": (114.005, 32.985)}])
    store_run(store, layers["alerts"], run_head(), [alert()], changed_again=lambda *_: False)


def alert() -> Finding:
    """One suspected building with two pictures."""
    properties = {
        "kind": "construction", "reasons": "no_permit", "score": 0.9, "area_m2": 400.0,
        "engine": "dsm 1", "image_date": date(2024, 6, 10), "county_code": "411702",
    }  # fmt: skip
    return Finding(
        geometry=shapely.MultiPolygon([shapely.box(114.001, 32.985, 114.0012, 32.9852)]),
        properties=properties,
        record={"reasons": [{"code": "no_permit", "figures": {}}]},
        chips={"after": b"\x89PNG after", "dsm/difference": b"\x89PNG difference"},
    )


def run_head() -> RunHead:
    """The run that found it."""
    return RunHead(
        engine="dsm", engine_version="1", rules_version="t", before_image="a", after_image="b",
        before_date=date(2023, 4, 15), image_date=date(2024, 6, 10), at=SECOND, digest="0" * 64,
        alert_prefix="T", accuracy_m=0.5, candidates=1, inputs={}, parameters={}, rules={},
    )  # fmt: skip
