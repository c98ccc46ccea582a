"""Definition of a layer, as written in `config/layers/<id>.yml`. Values only, no files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gis.errors import LayerError

FieldType = Literal["text", "integer", "number", "boolean", "date", "datetime", "code"]
Theme = Literal[
    "planning", "pipeline", "property", "component", "iot", "base", "imagery", "enforcement"
]
GeometryType = Literal[
    "Point", "PointZ", "LineString", "LineStringZ", "Polygon", "MultiPolygon", "MultiLineString"
]
Classification = Literal["public", "internal", "sensitive"]
Severity = Literal["reject", "warn", "off"]
MAX_CLOSED_SHARE = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A text for people, Chinese first."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One entry of a code list. `color` is `#rrggbb` where the standard sets one."""

    code: str
    title: Label
    color: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeList:
    """A code list with its source (standard and edition).

    `coverage` says what of the standard is here, where it is not all of it, and how it was
    checked."""

    id: str
    source: str
    codes: Mapping[str, Code]
    edition: str = ""
    coverage: Label | None = None

    def find(self, text: str) -> Code | None:
        """The entry whose code, Chinese name, English name or alias is `text`; None if none."""
        wanted = text.strip()
        if wanted in self.codes:
            return self.codes[wanted]
        for code in self.codes.values():
            if wanted in (code.title.zh, code.title.en, *code.aliases):
                return code
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One attribute column. `aliases` are names under which departments deliver it."""

    name: str
    title: Label
    type: FieldType
    codelist: str | None = None
    required: bool = False
    min: float | None = None
    max: float | None = None
    unit: str | None = None
    pattern: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check of `gis.layers.checklist`, with its parameters; `severity` None: the check's
    own."""

    name: str
    params: Mapping[str, object] = field(default_factory=dict)
    severity: Severity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer: what is stored, checked and published under one id.

    `id` is table, collection and tile-layer name (snake_case, ASCII).
    `key` names the fields that identify a feature across deliveries.
    `accuracy_m` is what the layer needs; a delivery that can't reach it is refused.
    `latest_of` names the field whose value is a datastream of observations, where features
    carry a latest value (IoT sites); None for all other layers.
    `update_days`: days within which a new delivery is due; None = nobody said.
    `max_closed_share`: what part of its current features a full delivery may end unasked.
    `editable`: single features may be created, changed and ended over HTTP.
    `solid` tells how the layer is extruded in 3D (`{"extrude": {...}}` or `{"tube": {...}}`).
    """

    id: str
    title: Label
    theme: Theme
    geometry: GeometryType
    key: tuple[str, ...]
    accuracy_m: float
    classification: Classification
    fields: tuple[Field, ...]
    owner: Label
    checks: tuple[Check, ...] = ()
    style: Mapping[str, object] = field(default_factory=dict)
    solid: Mapping[str, Mapping[str, object]] | None = None
    latest_of: str | None = None
    update_days: int | None = None
    max_closed_share: float = MAX_CLOSED_SHARE
    editable: bool = False
    order: int = 100  # drawing order on the map, lowest first

    def field(self, name: str) -> Field:
        """The field of that name. Raises LayerError that lists the fields there are."""
        for candidate in self.fields:
            if candidate.name == name:
                return candidate
        names = ", ".join(f.name for f in self.fields)
        raise LayerError(
            zh=f"图层 {self.id} 没有字段 {name}；现有字段：{names}",
            en=f"layer {self.id} has no field {name}; it has: {names}",
            layer=self.id,
            field=name,
        )

    def check(self, name: str) -> Check | None:
        """The check as this layer's definition names it; None where it does not."""
        return next((check for check in self.checks if check.name == name), None)

    @property
    def field_names(self) -> tuple[str, ...]:
        return tuple(f.name for f in self.fields)

    @property
    def has_z(self) -> bool:
        return self.geometry.endswith("Z")
