"""What makes two plans contradict each other: the table `config/conflicts.yml` as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from gis.errors import ConfigError
from gis.layers import Label, Layer, Registry

FILE = "conflicts.yml"
Relation = Literal["overlaps", "outside"]
Comparison = Literal["differs", "exceeds", "far"]
MEMBERS = {
    "code", "title", "basis", "a", "b", "relation", "compare", "min_area_m2", "min_share",
    "min_width_m",
}  # fmt: skip
FIGURES = {"differs": "digits", "exceeds": "by", "far": "by"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A layer, and which of its features: those whose field begins with one of `where`, and with
    none of `without`."""

    layer: str
    where: Mapping[str, tuple[str, ...]]
    without: Mapping[str, tuple[str, ...]]

    def takes(self, values: Mapping[str, Any]) -> bool:
        """Whether a feature with these values is meant."""

        def begins(name: str, heads: tuple[str, ...]) -> bool:
            value = values.get(name)
            return value is not None and str(value).startswith(heads)

        return all(begins(name, heads) for name, heads in self.where.items()) and not any(
            begins(name, heads) for name, heads in self.without.items()
        )

    @property
    def fields(self) -> tuple[str, ...]:
        return (*self.where, *self.without)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """What is held against what: field of a, field of b, and the rule's figure (digits, or by how
    much)."""

    kind: Comparison
    a: str
    b: str
    figure: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictRule:
    """One rule of the table."""

    code: str
    title: Label
    basis: Label
    a: Side
    b: Side
    relation: Relation
    compare: Compare | None
    min_area_m2: float
    min_share: float
    min_width_m: float

    def fields_of(self, side: Literal["a", "b"]) -> tuple[str, ...]:
        """The fields the rule reads of a side."""
        chosen = self.a if side == "a" else self.b
        compared = () if self.compare is None else (getattr(self.compare, side),)
        return tuple(dict.fromkeys((*chosen.fields, *compared)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictRules:
    """The table of one version."""

    version: str
    rules: tuple[ConflictRule, ...]


def load_conflict_rules(path: Path, registry: Registry) -> ConflictRules:
    """Read `conflicts.yml`. Raises ConfigError that names the file and the rule."""
    try:
        doc = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise ConfigError(
            zh=f"{path} 无法读取：{exc}", en=f"{path} can't be read: {exc}", path=str(path)
        ) from exc
    if not isinstance(doc, dict) or not isinstance(doc.get("rules"), list) or "version" not in doc:
        raise _wrong(path, "—", "应有 version 与 rules", "it has version and rules")
    rules = tuple(_rule(path, entry, registry) for entry in doc["rules"])
    codes = [rule.code for rule in rules]
    for code in codes:
        if codes.count(code) > 1:
            raise _wrong(path, code, "编号重复", "the code is there twice")
    return ConflictRules(version=str(doc["version"]), rules=rules)


def _rule(path: Path, entry: Any, registry: Registry) -> ConflictRule:
    if not isinstance(entry, dict) or not isinstance(entry.get("code"), str):
        raise _wrong(path, str(entry)[:40], "规则应有 code", "a rule has a code")
    code = entry["code"]
    for name in entry:
        if name not in MEMBERS:
            raise _wrong(path, code, f"不认识 {name}", f"{name} is not known")
    relation = entry.get("relation", "overlaps")
    if relation not in get_args(Relation):
        raise _wrong(path, code, "relation 应为 overlaps 或 outside", "overlaps or outside")
    compare = _compare(path, code, entry.get("compare"))
    if compare is not None and relation == "outside":
        raise _wrong(path, code, "outside 不能比较字段", "outside compares no fields")
    found = ConflictRule(
        code=code,
        title=_label(path, code, entry.get("title")),
        basis=_label(path, code, entry.get("basis")),
        a=_side(path, code, entry.get("a")),
        b=_side(path, code, entry.get("b")),
        relation=relation,
        compare=compare,
        min_area_m2=_figure(path, code, entry, "min_area_m2"),
        min_share=_figure(path, code, entry, "min_share"),
        min_width_m=_figure(path, code, entry, "min_width_m"),
    )
    _check_fields(path, found, registry)
    return found


def _check_fields(path: Path, rule: ConflictRule, registry: Registry) -> None:
    """Every field a rule reads is there. A layer that is not defined is no mistake: another city
    has it, and the rule says so when it is asked."""
    for name, side in (("a", rule.a), ("b", rule.b)):
        layer: Layer | None = registry.layers.get(side.layer)
        if layer is None:
            continue
        for field in rule.fields_of("a" if name == "a" else "b"):
            if field not in layer.field_names:
                raise _wrong(
                    path, rule.code, f"{side.layer} 没有字段 {field}",
                    f"{side.layer} has no field {field}",
                )  # fmt: skip


def _side(path: Path, code: str, entry: Any) -> Side:
    if not isinstance(entry, dict) or not isinstance(entry.get("layer"), str):
        raise _wrong(path, code, "a、b 应有 layer", "a and b have a layer")
    for name in entry:
        if name not in ("layer", "where", "not"):
            raise _wrong(path, code, f"不认识 {name}", f"{name} is not known")
    return Side(
        layer=entry["layer"],
        where=_heads(path, code, entry.get("where", {})),
        without=_heads(path, code, entry.get("not", {})),
    )


def _heads(path: Path, code: str, entry: Any) -> Mapping[str, tuple[str, ...]]:
    well = isinstance(entry, dict) and all(
        isinstance(v, list) and v and all(isinstance(one, str) for one in v) for v in entry.values()
    )
    if not well:
        raise _wrong(path, code, '应为 {字段: ["代码"]}', 'it is {field: ["code"]}')
    return {str(name): tuple(values) for name, values in entry.items()}


def _compare(path: Path, code: str, entry: Any) -> Compare | None:
    if entry is None:
        return None
    if not isinstance(entry, dict) or len(entry) != 1:
        raise _wrong(path, code, "compare 只有一项", "compare has one member")
    [(kind, given)] = entry.items()
    if kind not in get_args(Comparison) or not isinstance(given, dict):
        raise _wrong(path, code, "应为 differs、exceeds 或 far", "differs, exceeds or far")
    if set(given) != {"a", "b", FIGURES[kind]}:
        named = f"a, b, {FIGURES[kind]}"
        raise _wrong(path, code, f"{kind} 应有 {named}", f"{kind} has {named}")
    return Compare(
        kind=kind,
        a=str(given["a"]),
        b=str(given["b"]),
        figure=_figure(path, code, given, FIGURES[kind]),
    )


def _figure(path: Path, code: str, entry: Mapping[str, Any], name: str) -> float:
    value = entry.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise _wrong(path, code, f"{name} 应为不小于 0 的数", f"{name} is a number from 0")
    return float(value)


def _label(path: Path, code: str, entry: Any) -> Label:
    if not isinstance(entry, dict) or not all(isinstance(entry.get(k), str) for k in ("zh", "en")):
        raise _wrong(path, code, "title、basis 应有 zh、en", "title and basis have zh and en")
    return Label(zh=entry["zh"], en=entry["en"])


def _wrong(path: Path, code: str, zh: str, en: str) -> ConfigError:
    return ConfigError(
        zh=f"{path.name} 规则 {code}：{zh}",
        en=f"{path.name}, rule {code}: {en}",
        path=str(path),
        rule=code,
    )
