"""From a change to reasons: the rules of `config/rules.yml`, over plain values.

Nothing here reads a database or a clock: what the plans, permits and red lines were on the
image's date is handed in as `Known`, and `judge` gives the same verdict for it for ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import yaml
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from gis.change.engines.contract import Candidate
from gis.errors import ConfigError
from gis.layers.model import Label

TOUCHES_M2 = 0.01
RED_LINES = ("farmland", "ecological", "town_boundary")
Ref = tuple[str, int, int]  # layer, key, version_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. params: its figures, as named in the file."""

    code: str
    title: Label
    law: Label
    kinds: tuple[str, ...]
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """The rules of one version. document: the file as read, for the evidence; digest: SHA-256 of
    its bytes, hex."""

    version: str
    document: Mapping[str, Any]
    digest: str
    alert_prefix: str
    min_score: float
    rules: tuple[Rule, ...]


@dataclass(frozen=True, kw_only=True)  # no slots: the tree is made when first asked for
class Rows:
    """Rows of one layer at one date. geometry: in the metric frame, metres east first.
    present: whether the layer held anything at all on that date, near or far."""

    layer: str
    key: NDArray[np.int64]
    version_id: NDArray[np.int64]
    geometry: NDArray[np.object_]
    columns: Mapping[str, Sequence[Any]]
    present: bool
    accuracy_m: float

    def __len__(self) -> int:
        return len(self.key)

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self.geometry)

    def touching(self, shape: shapely.Polygon) -> list[int]:
        """Rows whose overlap with `shape` has an area."""
        near = np.sort(self._tree.query(shape, predicate="intersects"))
        common = shapely.area(shapely.intersection(self.geometry[near], shape))
        return [int(i) for i in near[common > TOUCHES_M2]]

    def ref(self, i: int) -> Ref:
        """What names the i-th row for ever."""
        return self.layer, int(self.key[i]), int(self.version_id[i])


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was in force on `at`. lines_loaded: kinds of red line that the store held then, near
    or far. position_error_m: of the change's outline."""

    at: date
    permits: Rows
    red_lines: Rows
    lines_loaded: frozenset[str]
    position_error_m: float

    def band_m2(self, rows: Rows, area: BaseGeometry, shape: shapely.Polygon) -> float:
        """By how much an overlap of `area` with `shape` may be wrong: the length of the area's
        edge within the shape, times how far edge and outline may be off together."""
        if area.is_empty:
            return 0.0
        edge = area.boundary.intersection(shape.buffer(self.position_error_m)).length
        return float(edge * np.hypot(self.position_error_m, rows.accuracy_m))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a change is suspected: rule, its figures, and what it was held against."""

    code: str
    title: Label
    law: Label
    figures: Mapping[str, float]
    consulted: tuple[Ref, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "title": {"zh": self.title.zh, "en": self.title.en},
            "law": {"zh": self.law.zh, "en": self.law.en},
            "figures": {name: round(value, 3) for name, value in self.figures.items()},
            "consulted": [
                {"layer": layer, "key": key, "version_id": version}
                for layer, key, version in self.consulted
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """reasons: those that apply; consulted: every row that touches the change, whichever rule;
    skipped: rules that could not be judged, as code -> why (zh, en)."""

    reasons: tuple[Reason, ...]
    consulted: tuple[Ref, ...] = ()
    skipped: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def judge(change: Candidate, known: Known, rules: RuleSet) -> Verdict:
    """Hold a change (its mask, never the drawn outline) against what was in force.

    A demolition has no reasons. A rule whose layer was empty on that date is skipped and says
    so: where nobody has loaded permits, nothing is "without a permit".
    """
    reasons, skipped = [], {}
    for rule in rules.rules:
        if change.kind not in rule.kinds:
            continue
        if (absent := _absent(rule, known)) is not None:
            skipped[rule.code] = (
                f"{known.at} 时图层 {absent} 没有数据，无法判定",
                f"layer {absent} held nothing on {known.at}: can't be judged",
            )
            continue
        outcome = JUDGES.get(rule.code, _red_line)(rule, change, known)
        if isinstance(outcome, Reason):
            reasons.append(outcome)
        elif outcome is not None:
            skipped[rule.code] = outcome
    consulted = [
        layer.ref(i)
        for layer in (known.permits, known.red_lines)
        for i in layer.touching(change.mask)
    ]
    return Verdict(reasons=tuple(reasons), consulted=tuple(consulted), skipped=skipped)


def permits_in_force(permits: Rows, which: Sequence[int], at: date) -> list[int]:
    """Those of the rows `which` that were issued by that day and had not yet ended (no end given
    = still in force)."""
    issued, ends = permits.columns["issued_on"], permits.columns["expires_on"]
    return [
        i
        for i in which
        if issued[i] is not None and issued[i] <= at and (ends[i] is None or ends[i] >= at)
    ]


# --- the rules -----------------------------------------------------------------------------

Outcome = Reason | tuple[str, str] | None  # applies, can't be judged (why), does not apply


def _absent(rule: Rule, known: Known) -> str | None:
    """The layer that a rule needs and that held nothing of the kind; None where all is there."""
    kind = rule.params.get("red_line")
    if kind is not None:
        return None if kind in known.lines_loaded else f"{known.red_lines.layer} ({kind})"
    return None if known.permits.present else known.permits.layer


def _cover(change: Candidate, known: Known) -> tuple[float, list[int]]:
    """Share of the change inside permits in force, and which those are."""
    permits = known.permits
    mine = permits_in_force(permits, permits.touching(change.mask), known.at)
    area = shapely.union_all(permits.geometry[mine]).intersection(change.mask).area
    return float(area / change.mask.area), mine


def _no_permit(rule: Rule, change: Candidate, known: Known) -> Outcome:
    share, _ = _cover(change, known)
    if share >= rule.params["min_cover"]:
        return None
    figures = {"cover": share, "min_cover": rule.params["min_cover"], "area_m2": change.area_m2}
    return _reason(rule, figures, known.permits, known.permits.touching(change.mask))


def _over_height(rule: Rule, change: Candidate, known: Known) -> Outcome:
    """The highest limit of the permits it lies in; one that the outline only brushes, by less
    than it may be off, is a neighbour's."""
    permits = known.permits
    share, touching = _cover(change, known)
    if share < rule.params["min_cover"]:
        return None
    mine = [
        i
        for i in touching
        if permits.geometry[i].intersection(change.mask).area
        > known.band_m2(permits, permits.geometry[i], change.mask)
    ] or touching
    limits = [permits.columns["height_max_m"][i] for i in mine]
    if any(limit is None for limit in limits):
        return ("许可未写明高度，无法判定", "a permit here states no height: can't be judged")
    if change.height_m is None or change.height_sigma_m is None:
        return ("无法测出建筑高度", "the height could not be measured")
    highest = max(limits)
    margin = rule.params["sigmas"] * change.height_sigma_m
    if change.height_m - highest <= margin:
        return None
    figures = {
        "height_m": change.height_m,
        "permitted_m": highest,
        "excess_m": change.height_m - highest,
        "margin_m": margin,
    }
    return _reason(rule, figures, permits, mine)


def _red_line(rule: Rule, change: Candidate, known: Known) -> Outcome:
    """Inside (or outside) by more than the band, so that what merely touches is not caught."""
    lines = known.red_lines
    kind, inside = rule.params["red_line"], rule.params["side"] == "inside"
    mine = [i for i, k in enumerate(lines.columns["kind"]) if k == kind]
    here = [i for i in lines.touching(change.mask) if lines.columns["kind"][i] == kind]
    area = shapely.union_all(lines.geometry[here])
    common = change.mask.intersection(area).area
    overlap = common if inside else change.mask.area - common
    band = known.band_m2(lines, area, change.mask)
    if overlap <= max(band, rule.params["min_overlap_m2"]):
        return None
    figures = {
        "inside_m2" if inside else "outside_m2": overlap,
        "share": overlap / change.mask.area,
        "band_m2": band,
        "min_overlap_m2": rule.params["min_overlap_m2"],
    }
    return _reason(rule, figures, lines, here or mine)


JUDGES: Mapping[str, Callable[[Rule, Candidate, Known], Outcome]] = {
    "no_permit": _no_permit,
    "over_height": _over_height,
}


def _reason(rule: Rule, figures: Mapping[str, float], rows: Rows, which: Sequence[int]) -> Reason:
    return Reason(
        code=rule.code,
        title=rule.title,
        law=rule.law,
        figures={name: float(value) for name, value in figures.items()},
        consulted=tuple(rows.ref(i) for i in which),
    )


# --- the file ------------------------------------------------------------------------------

NEEDS = {
    "no_permit": ("min_cover",),
    "over_height": ("min_cover", "sigmas"),
    "red_line": ("red_line", "side", "min_overlap_m2"),
}
HEADS = ("code", "title", "law", "kinds")


def load_rules(path: Path, *, reasons: Sequence[str]) -> RuleSet:
    """Read `rules.yml`; `reasons` are the codes there are (code list alert_reason).

    Raises ConfigError that names the file and the rule.
    """
    try:
        text = path.read_text("utf-8")
        doc = yaml.safe_load(text)
        rules = tuple(_rule(entry) for entry in doc["rules"])
        ruleset = RuleSet(
            version=str(doc["version"]),
            document=doc,
            digest=hashlib.sha256(text.encode()).hexdigest(),
            alert_prefix=str(doc["alert_prefix"]),
            min_score=float(doc["min_score"]),
            rules=rules,
        )
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, ValueError) as exc:
        raise _wrong(path, f"{type(exc).__name__}: {exc}") from exc
    if unknown := sorted({r.code for r in rules} - set(reasons)):
        raise _wrong(path, f"code {', '.join(unknown)} (alert_reason)")
    if not ruleset.alert_prefix.isalnum():
        raise _wrong(path, f"alert_prefix {ruleset.alert_prefix!r}")
    return ruleset


def _rule(entry: Mapping[str, Any]) -> Rule:
    params = {name: value for name, value in entry.items() if name not in HEADS}
    wanted = NEEDS.get(entry["code"], NEEDS["red_line"])
    if missing := [name for name in wanted if name not in params]:
        raise ValueError(f"{entry['code']} lacks {', '.join(missing)}")
    if extra := sorted(set(params) - set(wanted)):
        raise ValueError(f"{entry['code']} does not know {', '.join(extra)}")
    if params.get("red_line", RED_LINES[0]) not in RED_LINES:
        raise ValueError(f"{entry['code']}: red_line is one of {', '.join(RED_LINES)}")
    if params.get("side", "inside") not in ("inside", "outside"):
        raise ValueError(f"{entry['code']}: side is inside or outside")
    return Rule(
        code=entry["code"],
        title=Label(**entry["title"]),
        law=Label(**entry["law"]),
        kinds=tuple(entry["kinds"]),
        params=params,
    )


def _wrong(path: Path, what: str) -> ConfigError:
    return ConfigError(
        zh=f"规则文件 {path} 有误：{what}。请改正该文件",
        en=f"the rules in {path} are wrong: {what}. Correct the file",
        path=str(path),
    )
