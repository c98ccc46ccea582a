"""What one feature means for a site, in figures and in words an office would hand out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from gis.analysis.nearby import title_of_feature
from gis.analysis.plane import PlaneRows, fact_of
from gis.layers import Label, Layer, Registry

Weight = Literal["forbids", "limits", "notice"]
Relation = Literal["overlaps", "within_reach", "may_touch", "outside"]
BUILT_ON = ("farmland", "ecological")  # red lines inside which nothing is built
TOWN = "town_boundary"
# left out of a condition's facts: a person's name is not handed to whoever asks about a place
WITHHELD = ("holder",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How a feature lies to the site. area_m2: of the overlap, with its band and its share of the
    site; length_m: of a line within reach; distance_m: 0 = on the site."""

    relation: Relation
    distance_m: float
    area_m2: float | None = None
    band_m2: float | None = None
    share: float | None = None
    length_m: float | None = None

    @property
    def below_accuracy(self) -> bool:
        """Whether the overlap is smaller than what the data can vouch for."""
        if self.relation == "may_touch":
            return True
        return (
            self.area_m2 is not None and self.band_m2 is not None and self.area_m2 <= self.band_m2
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One thing that bears on the site, with the evidence it rests on. `id` None: no feature, but
    the lack of one (outside every boundary). geometry: what of it lies about the site, CGCS2000
    degrees, for a map."""

    group: str
    layer: Layer
    id: int | None
    version_id: int | None
    delivery: int | None
    valid_from: datetime | None
    accuracy_m: float
    weight: Weight
    title: str
    text: Label
    measure: Measure
    facts: tuple[Mapping[str, Any], ...]
    geometry: BaseGeometry | None = None

    def to_json(self, number: int) -> dict[str, Any]:
        """As the answer lists it, under its number."""
        measure = self.measure
        return {
            "number": number,
            "group": self.group,
            "weight": self.weight,
            "title": self.title,
            "text": {"zh": self.text.zh, "en": self.text.en},
            "relation": measure.relation,
            "distance_m": round(measure.distance_m, 2),
            "area_m2": _rounded(measure.area_m2),
            "area_band_m2": _rounded(measure.band_m2),
            "share": None if measure.share is None else round(measure.share, 6),
            "length_m": _rounded(measure.length_m),
            "below_accuracy": measure.below_accuracy,
            "department": {"zh": self.layer.owner.zh, "en": self.layer.owner.en},
            "facts": list(self.facts),
            "geometry": None if self.geometry is None else mapping(self.geometry),
            "evidence": {
                "layer": self.layer.id,
                "layer_title": {"zh": self.layer.title.zh, "en": self.layer.title.en},
                "id": self.id,
                "version_id": self.version_id,
                "delivery": self.delivery,
                "valid_from": None if self.valid_from is None else self.valid_from.isoformat(),
                "accuracy_m": self.accuracy_m,
                "href": self._address(),
            },
        }

    def _address(self) -> str | None:
        """Where the very version can be read, whatever has been delivered since."""
        if self.id is None or self.valid_from is None:
            return None
        since = quote(self.valid_from.isoformat(), safe=":")
        return f"/collections/{self.layer.id}/items/{self.id}?datetime={since}"


def condition_of(
    found: PlaneRows,
    i: int,
    measure: Measure,
    registry: Registry,
    geometry: BaseGeometry | None = None,
) -> Condition:
    """The i-th row as a condition; geometry: what a map shows of it."""
    layer = found.layer
    values = {name: found.value(i, name) for name in layer.field_names}
    told = Told(layer, values, registry)
    lead = LEADS.get(layer.id, _plainly)(told, measure)
    return Condition(
        group=layer.id,
        layer=layer,
        id=int(found.stored.key[i]),
        version_id=int(found.stored.version_id[i]),
        delivery=int(found.stored.opened_by[i]),
        valid_from=found.stored.valid_from[i],
        accuracy_m=found.accuracy_m(i),
        weight=_weight(layer.id, values, measure),
        title=title_of_feature(layer, values),
        text=_joined(lead, _lies(measure)),
        measure=measure,
        facts=tuple(
            fact_of(field, values[field.name], registry)
            for field in layer.fields
            if field.name not in WITHHELD and values[field.name] is not None
        ),
        geometry=geometry,
    )


def outside_town(layer: Layer, measure: Measure, delivery: int | None) -> Condition:
    """The part of a site that lies in no town development boundary."""
    return Condition(
        group=layer.id,
        layer=layer,
        id=None,
        version_id=None,
        delivery=delivery,
        valid_from=None,
        accuracy_m=layer.accuracy_m,
        weight="forbids",
        title="城镇开发边界外",
        text=_joined(
            Label(zh="在城镇开发边界之外", en="Outside the town development boundary"),
            _lies(measure),
        ),
        measure=measure,
        facts=(),
    )


class Told:
    """A feature's values as words: codes by what they mean, numbers with their unit."""

    def __init__(self, layer: Layer, values: Mapping[str, Any], registry: Registry) -> None:
        self.layer, self.values, self._registry = layer, values, registry

    def code(self, name: str) -> Label:
        """What a code stands for; the code itself where no list knows it; "—" where it is empty."""
        if name not in self.layer.field_names or self.values.get(name) is None:
            return Label(zh="—", en="—")
        fact = fact_of(self.layer.field(name), self.values[name], self._registry)
        means = fact["means"]
        text = str(self.values[name])
        return Label(zh=text, en=text) if means is None else Label(zh=means["zh"], en=means["en"])

    def number(self, name: str, unit: str = "") -> str:
        value = self.values.get(name)
        if value is None:
            return "—"
        return f"{value:,g}{unit}" if isinstance(value, int | float) else f"{value}{unit}"


def _block(told: Told, _: Measure) -> Label:
    use, n = told.code("land_use"), told.number
    code = told.values.get("land_use")
    return Label(
        zh=f"控规地块 {n('block_id')}：{code} {use.zh}；容积率≤{n('far_max')}；"
        f"限高≤{n('height_max_m', ' m')}；建筑密度≤{n('density_max', ' %')}；"
        f"绿地率≥{n('green_min', ' %')}",
        en=f"Control plan block {n('block_id')}: {code} {use.en}; floor area ratio ≤ "
        f"{n('far_max')}; height ≤ {n('height_max_m', ' m')}; density ≤ "
        f"{n('density_max', ' %')}; green ≥ {n('green_min', ' %')}",
    )


def _plan(told: Told, _: Measure) -> Label:
    use, code = told.code("land_use"), told.values.get("land_use")
    return Label(zh=f"规划用地 {code} {use.zh}", en=f"Planned as {code} {use.en}")


def _red_line(told: Told, measure: Measure) -> Label:
    kind, name = told.code("kind"), told.number("name")
    if told.values.get("kind") == TOWN:
        return Label(zh=f"在{kind.zh}内（{name}）", en=f"Inside: {kind.en} ({name})")
    if measure.relation == "may_touch":
        return Label(zh=f"紧邻{kind.zh}（{name}）", en=f"Beside: {kind.en} ({name})")
    return Label(
        zh=f"占用{kind.zh}（{name}），禁止建设", en=f"On: {kind.en} ({name}); no building there"
    )


def _permit(told: Told, _: Measure) -> Label:
    kind, n = told.code("kind"), told.number
    return Label(
        zh=f"{kind.zh} {n('permit_no')}：{n('project')}；{n('issued_on')} 发证，"
        f"有效期至 {n('expires_on')}；许可高度 {n('height_max_m', ' m')}",
        en=f"{kind.en} {n('permit_no')}: {n('project')}; issued {n('issued_on')}, until "
        f"{n('expires_on')}; permitted height {n('height_max_m', ' m')}",
    )


def _project(told: Told, _: Measure) -> Label:
    stage, n = told.code("stage"), told.number
    return Label(
        zh=f"规划项目 {n('project_id')} {n('name')}：{stage.zh}",
        en=f"Planned project {n('project_id')} {n('name')}: {stage.en}",
    )


def _parcel(told: Told, _: Measure) -> Label:
    use, n = told.code("land_use"), told.number
    return Label(
        zh=f"宗地 {n('unit_code')}：登记用途{use.zh}，登记面积 {n('area_ha', ' 公顷')}；"
        f"权利人请向{told.layer.owner.zh}查询",
        en=f"Parcel {n('unit_code')}: registered as {use.en}, {n('area_ha', ' ha')}; ask the "
        f"{told.layer.owner.en} who holds it",
    )


def _building(told: Told, _: Measure) -> Label:
    use, n = told.code("use"), told.number
    return Label(
        zh=f"现状建筑 {n('building_id')}：{use.zh}，{n('storeys')} 层，高 {n('height_m', ' m')}",
        en=f"Building {n('building_id')}: {use.en}, {n('storeys')} storeys, "
        f"{n('height_m', ' m')} high",
    )


def _pipe(told: Told, _: Measure) -> Label:
    kind, material, n = told.code("kind"), told.code("material"), told.number
    ends = [told.values.get(name) for name in ("from_depth_m", "to_depth_m")]
    known = sorted(depth for depth in ends if depth is not None)
    depth = f"{known[0]:.2f}–{known[-1]:.2f} m" if known else "—"
    return Label(
        zh=f"{kind.zh}管线 {n('pipe_id')}：管径 {n('diameter_mm', ' mm')}，{material.zh}，"
        f"埋深 {depth}",
        en=f"{kind.en} pipe {n('pipe_id')}: {n('diameter_mm', ' mm')}, {material.en}, depth "
        f"{depth}",
    )


def _alert(told: Told, _: Measure) -> Label:
    state, n = told.code("state"), told.number
    return Label(
        zh=f"疑似违建线索 {n('alert_id')}：{state.zh}（线索须经实地核查）",
        en=f"Suspected illegal construction {n('alert_id')}: {state.en} (a clue, to be checked "
        f"on the spot)",
    )


def _plainly(told: Told, _: Measure) -> Label:
    title = title_of_feature(told.layer, told.values)
    return Label(zh=f"{told.layer.title.zh} {title}", en=f"{told.layer.title.en} {title}")


LEADS = {
    "control_plan_blocks": _block,
    "land_use_plan": _plan,
    "red_lines": _red_line,
    "planning_permits": _permit,
    "plan_projects": _project,
    "parcels": _parcel,
    "buildings": _building,
    "pipe_segments": _pipe,
    "alerts": _alert,
}


def _weight(layer: str, values: Mapping[str, Any], measure: Measure) -> Weight:
    if layer == "red_lines" and values.get("kind") in BUILT_ON and not measure.below_accuracy:
        return "forbids"
    if layer in ("control_plan_blocks", "land_use_plan", "pipe_segments"):
        return "limits"
    return "notice"


def _lies(measure: Measure) -> Label:
    if measure.relation == "may_touch":
        return Label(
            zh=f"相距 {measure.distance_m:.2f} m，小于数据精度，是否占用须现场核定",
            en=f"{measure.distance_m:.2f} m away, less than the data can tell: to be settled on "
            f"the spot",
        )
    if measure.area_m2 is not None:
        share = f"{(measure.share or 0.0):.1%}"
        band = f"（±{measure.band_m2:,.1f}）"
        doubt = "，小于数据精度，仅供参考" if measure.below_accuracy else ""
        return Label(
            zh=f"占地块 {measure.area_m2:,.1f} m²{band}，{share}{doubt}",
            en=f"{measure.area_m2:,.1f} m² (±{measure.band_m2:,.1f}) of the site, {share}"
            + (", less than the data can vouch for" if doubt else ""),
        )
    if measure.length_m and measure.distance_m == 0.0:
        return Label(
            zh=f"穿越地块，范围内长 {measure.length_m:,.1f} m",
            en=f"crosses the site, {measure.length_m:,.1f} m of it",
        )
    if measure.distance_m == 0.0:
        return Label(zh="在地块内", en="on the site")
    return Label(zh=f"距地块 {measure.distance_m:.2f} m", en=f"{measure.distance_m:.2f} m away")


def _joined(lead: Label, lies: Label) -> Label:
    return Label(zh=f"{lead.zh}；{lies.zh}", en=f"{lead.en}; {lies.en}")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
