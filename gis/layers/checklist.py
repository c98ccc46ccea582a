"""The checks there are: what each looks for, how strict it is where a layer does not say, and
the parameters it takes.

`checks:` of a layer's YAML names them: `overlaps`, `{overlaps: reject}`, `{range: off}`, or
`{overlaps: {min_area_m2: 2, severity: warn}}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gis.layers.model import Check, Label, Layer, Severity

Stage = Literal["row", "set"]
ALL: tuple[Severity, ...] = ("reject", "warn", "off")
COVERAGE = frozenset(("overlaps", "gaps"))  # of polygons that share their edges
STRICT: tuple[Severity, ...] = ("reject",)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckKind:
    """One kind of check.

    severity: where the layer does not say: "reject" sends the row to quarantine, "warn" takes it
              and puts the finding into the delivery's report
    allowed:  the severities a layer may choose
    always:   made on every layer, named or not
    stage:    "row" looks at each row for itself, "set" at the rows together, in the store
    params:   parameter -> default; None = must be given
    """

    title: Label
    severity: Severity
    allowed: tuple[Severity, ...] = ALL
    always: bool = False
    stage: Stage = "row"
    params: Mapping[str, object] = field(default_factory=dict)


def _kind(
    zh: str,
    en: str,
    severity: Severity = "warn",
    *,
    allowed: tuple[Severity, ...] = ALL,
    always: bool = False,
    stage: Stage = "row",
    **params: object,
) -> CheckKind:
    return CheckKind(
        title=Label(zh=zh, en=en),
        severity=severity,
        allowed=allowed,
        always=always,
        stage=stage,
        params=params,
    )


CHECKS: Mapping[str, CheckKind] = {
    # on every layer
    "encoding": _kind("文字可解码", "texts can be decoded", "reject", always=True, allowed=STRICT),
    "value": _kind("值的类型", "type of values", "reject", always=True, allowed=("reject", "warn")),
    "code_list": _kind(
        "代码表", "codes of the list", "reject", always=True, allowed=("reject", "warn")
    ),
    "required": _kind("必填", "required values", "reject", always=True),
    "range": _kind("取值范围", "range of numbers", "reject", always=True),
    "pattern": _kind("编码规则", "pattern of texts", "reject", always=True),
    "unique_key": _kind("主键唯一", "unique keys", "reject", always=True, allowed=STRICT),
    # each row's geometry
    "valid_geometry": _kind(
        "几何有效", "valid geometry", "reject", allowed=STRICT, repair=False, max_change=0.01
    ),
    "inside_city": _kind("位于市域内", "inside the city", "reject"),
    "slivers": _kind("狭长图斑", "slivers", min_width_m=0.2),
    "duplicate_vertices": _kind("重复顶点", "repeated vertices", tolerance_m=0.001),
    "spikes": _kind("尖刺", "spikes", max_angle_deg=2.0),
    "heights_present": _kind("高程齐全", "heights are there"),
    # each row's attributes
    "declared_area": _kind(
        "登记面积与图形相符", "declared area", "reject", field=None, unit_m2=None, tolerance=None
    ),
    "below_surface": _kind("埋深为正", "depths below the surface", "reject", max_depth_m=30),
    "unit_code": _kind("不动产单元代码结构", "structure of unit codes", field=None),
    "code_parts": _kind("编码各段", "parts of a code", field=None, parts=None),
    # rows together
    "overlaps": _kind("不得重叠", "no overlaps", stage="set", min_area_m2=1.0),
    "gaps": _kind(
        "不得有缝隙", "no gaps", stage="set", min_area_m2=0.01, max_area_m2=50.0, max_width_m=0.5
    ),
    "own_county": _kind(
        "代码与所在县区一致", "lies in the county its code names", stage="set",
        field=None, areas="admin_areas", margin_m=1000.0,
    ),
    "pipe_ends": _kind(
        "管段端点是管线点", "pipes end at pipe points", stage="set", points="pipe_points",
        tolerance_m=0.5,
    ),
    "pipe_depths": _kind(
        "管段在地面以下且与埋深相符", "pipes lie below the surface, as deep as they say",
        stage="set", points="pipe_points", tolerance_m=0.3,
    ),
    "gravity_flow": _kind(
        "重力流管道坡向", "sewers fall from start to end", stage="set", kinds=("WS", "YS", "HS"),
        tolerance_m=0.05,
    ),
    "pipe_crossings": _kind(
        "管道不得相撞", "pipes do not run through each other", stage="set", clearance_m=0.0
    ),
    "manholes_joined": _kind(
        "井与管段相连", "chambers are joined to a pipe", stage="set", points="pipe_points",
        fixture="fixture",
    ),
}  # fmt: skip


def severity_of(layer: Layer, name: str) -> Severity:
    """How strict `layer` is with the check: what its YAML says, else the check's own severity
    for checks that are named or always made, else "off"."""
    kind = CHECKS[name]
    named = layer.check(name)
    if named is not None:
        return named.severity or kind.severity
    return kind.severity if kind.always else "off"


def parameter(wanted: Check, name: str) -> object:
    """The check's parameter as the layer gives it, else its default."""
    return wanted.params.get(name, CHECKS[wanted.name].params.get(name))


def number(wanted: Check, name: str) -> float:
    """The same as a number."""
    return float(str(parameter(wanted, name)))
