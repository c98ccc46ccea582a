"""What every engine takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import shapely

from gis.change.pair import Box, Pair
from gis.coords import Frame

Kind = Literal["construction", "demolition", "added_storey"]
Stage = Literal["earthwork", "foundation", "building", "built", "demolished", "added"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One place that changed.

    mask:    around the changed pixels, metres east first; all figures are taken on it
    outline: the same drawn for people
    delta_h_m, delta_h_band_m: median height change, and two sigma of it; None where the engine
             measures no height
    height_m: height of the later surface above the ground around it, None where unknown
    height_sigma_m: one sigma of `height_m`
    area_band_m2: length of the outline times the position error
    measures: what else the engine measured, for the record
    """

    mask: shapely.Polygon
    outline: shapely.Polygon
    kind: Kind
    stage: Stage | None
    score: float
    area_m2: float
    area_band_m2: float
    delta_h_m: float | None = None
    delta_h_band_m: float | None = None
    height_m: float | None = None
    height_sigma_m: float | None = None
    measures: Mapping[str, float] = field(default_factory=dict)

    def as_kind(self, kind: Kind, stage: Stage) -> Candidate:
        """The same change, seen to be of another kind."""
        return replace(self, kind=kind, stage=stage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """What an engine found in `searched_m2` of ground.

    rejected: how many places were left out, by reason (small, narrow, low, vegetation …)
    model:    the engine's own figures of the pair (noise, thresholds), for the record
    notes:    what limits the result (zh, en)
    """

    engine: str
    version: str
    frame: Frame
    position_error_m: float
    items: tuple[Candidate, ...]
    searched_m2: float
    rejected: Mapping[str, int] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[tuple[str, str], ...] = ()


class Engine(Protocol):
    """An engine reads the pair's rasters on the pair's grid; `window` (pixels of that grid)
    is where to search, None = everywhere. The result does not depend on how the engine cuts
    the window up. Raises ChangeError where the pair lacks what the engine needs."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    def candidates(self, pair: Pair, window: Box | None = None) -> Candidates: ...
