"""The process `locate`: everything known of one point."""

from __future__ import annotations

from typing import Any

from pygeoapi.process.base import BaseProcessor

from gis.analysis import locate
from gis.analysis.locate import MOST_REACH_M, REACH_M
from gis.api.refusals import Refused, bad_value, unknown_parameter
from gis.api.service import SERVING
from gis.coords import parse_angle
from gis.errors import CoordError
from gis.sources import load_local_frames
from gis.store import Instant, parse_datetime

STORED = "EPSG:4490"
COORDINATE = {"oneOf": [{"type": "number"}, {"type": "string"}]}


def _input(zh: str, en: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    return {
        "title": {"zh": zh, "en": en},
        "schema": schema,
        "minOccurs": int(required),
        "maxOccurs": 1,
    }


INPUTS = {
    "x": _input("东坐标或经度", "East or longitude", COORDINATE, required=True),
    "y": _input("北坐标或纬度", "North or latitude", COORDINATE, required=True),
    "frame": _input(
        "坐标系：EPSG:代码、gcj02、bd09、bd09mc、local:名称",
        "Frame: EPSG:CODE, gcj02, bd09, bd09mc, local:NAME",
        {"type": "string", "default": STORED},
    ),
    "datetime": _input("时刻，缺省为现在", "Moment; now if absent", {"type": "string"}),
    "reach_m": _input(
        "周边范围（米）",
        "How far around, metres",
        {"type": "number", "default": REACH_M, "minimum": 0, "maximum": MOST_REACH_M},
    ),
}
METADATA = {
    "version": "0.1.0",
    "id": "locate",
    "title": {"zh": "定位：一点全知", "en": "Locate: all that is known of one point"},
    "description": {
        "zh": "一个点：在本市所用各坐标系中的坐标（含精度）、度分秒、北斗网格码、地面高程与"
        "建筑高度、行政区、最近的道路与地名、该处有什么；可指定时刻",
        "en": "One point: its coordinates in every frame the city uses, each with its accuracy, "
        "degrees-minutes-seconds, BeiDou grid codes, ground level and building height, "
        "administrative areas, the nearest road and name, and what lies there; as of any moment",
    },
    "keywords": ["坐标", "定位", "locate"],
    "jobControlOptions": ["sync-execute"],
    "outputTransmission": ["value"],
    "links": [],
    "inputs": INPUTS,
    "outputs": {
        "locate": {
            "title": {"zh": "该点", "en": "The point"},
            "schema": {
                "type": "object",
                "contentMediaType": "application/json",
                "required": ["lon", "lat", "accuracy_m", "coordinates", "grid", "here"],
            },
        }
    },
    "example": {"inputs": {"x": 114.0278801, "y": 32.9781654, "frame": "gcj02"}},
}


class LocateProcess(BaseProcessor):  # type: ignore[misc]  # untyped there
    """Reads the inputs, asks `gis.analysis.locate`."""

    def __init__(self, definition: dict[str, Any]) -> None:
        super().__init__(definition, METADATA)

    def execute(self, data: dict[str, Any], outputs: Any = None) -> tuple[str, dict[str, Any]]:
        """The Location as JSON. Raises Refused, CoordError and StoreError."""
        service = SERVING.get()
        given = {name: _unwrapped(name, value) for name, value in data.items()}
        for name in given:
            if name not in INPUTS:
                raise unknown_parameter(name, INPUTS)
        found = locate(
            service.store,
            service.registry,
            load_local_frames(service.settings.config / "frames"),
            _coordinate(given, "x"),
            _coordinate(given, "y"),
            _frame(given),
            _moment(given, service.timezone),
            _reach(given),
        )
        return "application/json", found.to_json()


def _unwrapped(name: str, value: Any) -> Any:
    """The standard lets a value stand as it is, or as `{"value": …}`."""
    if isinstance(value, dict):
        if set(value) != {"value"}:
            raise bad_value(name, str(value), '应为值或 {"value": 值}', 'a value or {"value": …}')
        return value["value"]
    return value


def _coordinate(given: dict[str, Any], name: str) -> float:
    value = given.get(name)
    if value is None:
        raise Refused(
            zh=f"缺少输入 {name}（{INPUTS[name]['title']['zh']}）",
            en=f"input {name} is missing ({INPUTS[name]['title']['en']})",
            parameter=name,
        )
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        return parse_angle(str(value)[:80] if isinstance(value, str) else "")
    except CoordError as error:
        raise bad_value(name, str(value), error.zh, error.en) from error


def _frame(given: dict[str, Any]) -> str | int:
    frame = given.get("frame", STORED)
    if isinstance(frame, bool) or not isinstance(frame, str | int):
        raise bad_value("frame", str(frame), "如 EPSG:4547、gcj02", "like EPSG:4547, gcj02")
    return frame


def _moment(given: dict[str, Any], timezone: str) -> Instant | None:
    text = given.get("datetime")
    if text is None:
        return None
    when = parse_datetime(text, timezone) if isinstance(text, str) else None
    if not isinstance(when, Instant):
        raise bad_value("datetime", str(text), "这里应为一个时刻", "it is one moment here")
    return when


def _reach(given: dict[str, Any]) -> float:
    reach = given.get("reach_m", REACH_M)
    fits = isinstance(reach, int | float) and not isinstance(reach, bool)
    if not fits or not 0 <= reach <= MOST_REACH_M:
        limit = f"0–{MOST_REACH_M:g}"
        raise bad_value("reach_m", str(reach), f"应为 {limit} 的数", f"it is a number, {limit}")
    return float(reach)
