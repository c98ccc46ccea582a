"""The process `locate`: everything known of one point."""

from __future__ import annotations

from typing import Any

from pygeoapi.process.base import BaseProcessor

from gis.analysis import locate
from gis.analysis.locate import MOST_REACH_M, REACH_M
from gis.api.processes.inputs import (
    described,
    frame_of,
    given_inputs,
    metadata,
    missing,
    moment_of,
    number_of,
)
from gis.api.refusals import bad_value
from gis.api.service import SERVING
from gis.coords import parse_angle
from gis.errors import CoordError
from gis.sources import load_local_frames

STORED = "EPSG:4490"
COORDINATE = {"oneOf": [{"type": "number"}, {"type": "string"}]}


INPUTS = {
    "x": described("东坐标或经度", "East or longitude", COORDINATE, required=True),
    "y": described("北坐标或纬度", "North or latitude", COORDINATE, required=True),
    "frame": described(
        "坐标系：EPSG:代码、gcj02、bd09、bd09mc、local:名称",
        "Frame: EPSG:CODE, gcj02, bd09, bd09mc, local:NAME",
        {"type": "string", "default": STORED},
    ),
    "datetime": described("时刻，缺省为现在", "Moment; now if absent", {"type": "string"}),
    "reach_m": described(
        "周边范围（米）",
        "How far around, metres",
        {"type": "number", "default": REACH_M, "minimum": 0, "maximum": MOST_REACH_M},
    ),
}
METADATA = metadata(
    "locate",
    ("定位：一点全知", "Locate: all that is known of one point"),
    (
        "一个点：在本市所用各坐标系中的坐标（含精度）、度分秒、北斗网格码、地面高程与"
        "建筑高度、行政区、最近的道路与地名、该处有什么；可指定时刻",
        "One point: its coordinates in every frame the city uses, each with its accuracy, "
        "degrees-minutes-seconds, BeiDou grid codes, ground level and building height, "
        "administrative areas, the nearest road and name, and what lies there; as of any moment",
    ),
    INPUTS,
    {
        "type": "object",
        "contentMediaType": "application/json",
        "required": ["lon", "lat", "accuracy_m", "coordinates", "grid", "here"],
    },
    {"x": 114.0278801, "y": 32.9781654, "frame": "gcj02"},
)


class LocateProcess(BaseProcessor):  # type: ignore[misc]  # untyped there
    """Reads the inputs, asks `gis.analysis.locate`."""

    def __init__(self, definition: dict[str, Any]) -> None:
        super().__init__(definition, METADATA)

    def execute(self, data: dict[str, Any], outputs: Any = None) -> tuple[str, dict[str, Any]]:
        """The Location as JSON. Raises Refused, CoordError and StoreError."""
        service = SERVING.get()
        given = given_inputs(data, INPUTS)
        found = locate(
            service.store,
            service.registry,
            load_local_frames(service.settings.config / "frames"),
            _coordinate(given, "x"),
            _coordinate(given, "y"),
            frame_of(given, STORED),
            moment_of(given, service.timezone),
            number_of(given, "reach_m", REACH_M, MOST_REACH_M),
        )
        return "application/json", found.to_json()


def _coordinate(given: dict[str, Any], name: str) -> float:
    value = given.get(name)
    if value is None:
        raise missing(name, INPUTS)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        return parse_angle(str(value)[:80] if isinstance(value, str) else "")
    except CoordError as error:
        raise bad_value(name, str(value), error.zh, error.en) from error
