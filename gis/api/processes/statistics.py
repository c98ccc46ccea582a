"""The process `plan-statistics`: a plan's areas by class and district, and what stands there."""

from __future__ import annotations

from typing import Any

from pygeoapi.process.base import BaseProcessor

from gis.analysis.statistics import LEVELS, PLANS, Statistics, plan_statistics
from gis.api.processes.answerschemas import STATISTICS
from gis.api.processes.inputs import (
    described,
    given_inputs,
    metadata,
    progress,
    text_of,
    when_of,
)
from gis.api.refusals import bad_value
from gis.api.service import SERVING
from gis.errors import UnknownLayer
from gis.store import Instant, Interval

INPUTS = {
    "plan": described(
        "规划图层", "The plan", {"type": "string", "enum": list(PLANS), "default": PLANS[0]}
    ),
    "level": described(
        "用地分类级别（1 为两位代码）",
        "Level of the classification (1: codes of two digits)",
        {"type": "integer", "enum": list(LEVELS), "default": 2},
    ),
    "datetime": described(
        "时刻，缺省为现在；起/止 为两个日期之间的变化",
        "Moment, now if absent; START/END for what changed between two dates",
        {"type": "string"},
    ),
}
METADATA = metadata(
    "plan-statistics",
    ("规划统计", "Plan statistics"),
    (
        "规划用地按分类（一至三级）、按县区统计面积，与登记用途、现状建筑对照；一个时刻或两个时刻"
        "之间；各项之和等于总数。f=csv、f=html",
        "Areas of the plan by land use class (levels 1 to 3) and by district, held against what "
        "is registered and built, at one moment or between two; parts add up to the whole. "
        "f=csv, f=html",
    ),
    INPUTS,
    STATISTICS,
    {"plan": "land_use_plan", "level": 1},
)


class StatisticsProcess(BaseProcessor):  # type: ignore[misc]  # untyped there
    """Reads the inputs, asks `gis.analysis.statistics`."""

    def __init__(self, definition: dict[str, Any]) -> None:
        super().__init__(definition, METADATA)

    def execute(self, data: dict[str, Any], outputs: Any = None) -> tuple[str, dict[str, Any]]:
        """The Statistics as JSON. Raises Refused, LayerError and StoreError."""
        found = asked_statistics(data)
        return "application/json", found.to_json() | {"table": list(found.table())}


def asked_statistics(data: dict[str, Any]) -> Statistics:
    """The statistics the inputs ask for. Raises as `execute`."""
    service = SERVING.get()
    given = given_inputs(data, INPUTS)
    plan = text_of(given, "plan", PLANS[0])
    level = given.get("level", 2)
    if isinstance(level, bool) or level not in LEVELS:
        raise bad_value("level", str(level), "应为 1、2、3", "it is 1, 2 or 3")
    when = when_of(given, service.timezone)
    since: Instant | None = None
    if isinstance(when, Interval):
        if when.start is None:
            raise bad_value("datetime", "../", "需要起始日期", "it needs a start")
        since, when = Instant(when.start), None if when.end is None else Instant(when.end)
    try:
        return plan_statistics(
            service.store, service.registry, plan=plan, level=int(level), when=when, since=since,
            progress=progress,
        )  # fmt: skip
    except UnknownLayer as error:
        raise bad_value("plan", plan, error.zh, error.en) from error
