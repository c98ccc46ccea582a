"""The process `plan-conflicts`: where plans contradict each other."""

from __future__ import annotations

from typing import Any

from pygeoapi.process.base import BaseProcessor

from gis.analysis.conflictrules import FILE, ConflictRules, load_conflict_rules
from gis.analysis.conflicts import plan_conflicts
from gis.analysis.site import STORED, shapes_of, site_of
from gis.api.processes.answerschemas import CONFLICTS
from gis.api.processes.inputs import (
    described,
    frame_of,
    given_inputs,
    metadata,
    moment_of,
    progress,
)
from gis.api.refusals import bad_value
from gis.api.service import SERVING
from gis.sources import load_local_frames

INPUTS = {
    "rules": described(
        "只用这些规则（config/conflicts.yml 中的 code），缺省为全部",
        "Only these rules (code in config/conflicts.yml); all if absent",
        {"type": "array", "items": {"type": "string"}},
    ),
    "site": described(
        "只看此范围：GeoJSON 面或 WKT",
        "Only what meets this place: GeoJSON polygons or WKT",
        {"oneOf": [{"type": "string"}, {"type": "object", "required": ["type"]}]},
    ),
    "frame": described("范围的坐标系", "Frame of the site", {"type": "string", "default": STORED}),
    "datetime": described("时刻，缺省为现在", "Moment; now if absent", {"type": "string"}),
}
METADATA = metadata(
    "plan-conflicts",
    ("多规合一冲突检查", "Plan conflicts"),
    (
        "控规、国土空间规划用地、三区三线、规划许可、规划项目之间的矛盾：规则、依据、面积、图形，"
        "以 GeoJSON 返回",
        "Contradictions between control plan, land use plan, red lines, permits and projects: "
        "rule, legal basis, area and shape, as GeoJSON",
    ),
    INPUTS,
    CONFLICTS,
    {"rules": ["use_differs"]},
)


class ConflictsProcess(BaseProcessor):  # type: ignore[misc]  # untyped there
    """Reads the inputs, asks `gis.analysis.conflicts`."""

    def __init__(self, definition: dict[str, Any]) -> None:
        super().__init__(definition, METADATA)

    def execute(self, data: dict[str, Any], outputs: Any = None) -> tuple[str, dict[str, Any]]:
        """The Conflicts as GeoJSON. Raises Refused, ConfigError, LayerError, CoordError and
        StoreError."""
        service = SERVING.get()
        given = given_inputs(data, INPUTS)
        config = service.settings.config
        rules = load_conflict_rules(config / FILE, service.registry)
        chosen = _chosen(given.get("rules"), rules)
        when = moment_of(given, service.timezone)
        near = None
        if given.get("site") is not None:
            local = load_local_frames(config / "frames")
            frame = frame_of(given, STORED)
            near = site_of(shapes_of(given["site"]), frame, service.registry.city, local).shape
        found = plan_conflicts(service.store, service.registry, rules, when, chosen, near, progress)
        return "application/geo+json", found.to_json()


def _chosen(given: Any, rules: ConflictRules) -> list[str] | None:
    if given is None:
        return None
    known = [rule.code for rule in rules.rules]
    if not isinstance(given, list) or not given or not all(code in known for code in given):
        listed = ", ".join(known)
        raise bad_value("rules", str(given), f"应为数组，取自：{listed}", f"a list of: {listed}")
    return given
