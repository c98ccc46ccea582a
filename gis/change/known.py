"""The values that rules work on: the rules themselves, what was in force, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from gis.change.calibration import Calibration
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
    its bytes, hex; due_days: how long an alert may stay in a state; calibration: what scores have
    been worth, None = what the engine says."""

    version: str
    document: Mapping[str, Any]
    digest: str
    alert_prefix: str
    min_score: float
    due_days: Mapping[str, int]
    rules: tuple[Rule, ...]
    calibration: Calibration | None = None

    def certainty(self, engine: str, kind: str, score: float) -> float:
        """What an engine's score of a kind of change is worth, 0 to 1."""
        given = self.calibration
        return score if given is None else given.certainty(engine, kind, score)


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

    def touching(self, shape: BaseGeometry) -> list[int]:
        """Rows whose overlap with `shape` has an area."""
        near = np.sort(self._tree.query(shape, predicate="intersects"))
        common = shapely.area(shapely.intersection(self.geometry[near], shape))
        return [int(i) for i in near[common > TOUCHES_M2]]

    def most(self, shape: shapely.Polygon) -> int | None:
        """The row in which most of `shape` lies; None where none touches it."""
        mine = self.touching(shape)
        if not mine:
            return None
        shared = shapely.area(shapely.intersection(self.geometry[mine], shape))
        return mine[int(np.argmax(shared))]

    def ref(self, i: int) -> Ref:
        """What names the i-th row for ever."""
        return self.layer, int(self.key[i]), int(self.version_id[i])


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was in force on `at`. lines_loaded: kinds of red line that the store held then, near
    or far. standing: the register's buildings of the earlier date; built: outlines of what this
    run found to be new. position_error_m: of the change's outline."""

    at: date
    permits: Rows
    red_lines: Rows
    parcels: Rows
    plan: Rows
    standing: Rows
    built: NDArray[np.object_]
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
