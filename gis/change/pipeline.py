"""The walk of a detection: files → pair → engine → candidates → facts → rules → alerts.

    report = detect(store, registry, DetectRequest(dsm_before=…, dsm_after=…, rules=load_rules(…)))

What is found is a suspicion (疑似): a clue for an officer, never a verdict.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from datetime import time as clock
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import shapely

from gis.change.area import area_of
from gis.change.chips import chips
from gis.change.engines import Candidate, Candidates, engine_of
from gis.change.evidence import record_of
from gis.change.facts import Facts, gather
from gis.change.known import RuleSet, Verdict
from gis.change.pair import Box, Pair, pair_of, sheets
from gis.change.polygons import to_storage
from gis.change.progress import FileJournal, Forgetful, Journal
from gis.change.rasters import Kind, Raster, describe
from gis.change.rules import judge
from gis.errors import ChangeError
from gis.layers import Registry
from gis.store import Finding, RunHead, Store, StoredAlert, StoredRun, store_run


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectRequest:
    """What to compare and how to judge it.

    before, after: photos; dsm_before, dsm_after: surface models; two of a kind at least.
    before_date, after_date: override what the files say. law_on: judge by what was in force at the
    end of that day, None = on the later image's. area: see `area_of`, None = everywhere.
    engine: auto, dsm, net or screen. resume: folder where a search keeps what it has done until
    its run is stored, so that the same request goes on after a kill; None = nowhere.
    """

    rules: RuleSet
    before: Path | None = None
    after: Path | None = None
    dsm_before: Path | None = None
    dsm_after: Path | None = None
    before_date: date | None = None
    after_date: date | None = None
    law_on: date | None = None
    area: str | None = None
    engine: str = "auto"
    resume: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A candidate, its drawn outline (EPSG:4490), and what the rules made of it. `certainty`: what
    its score has been worth; `suspect`: it has reasons and is certain enough for an alert."""

    change: Candidate
    outline: shapely.MultiPolygon
    verdict: Verdict
    suspect: bool
    certainty: float

    def to_json(self) -> dict[str, Any]:
        """A GeoJSON feature."""
        change = self.change
        return {
            "type": "Feature",
            "geometry": shapely.geometry.mapping(shapely.set_precision(self.outline, 1e-9)),
            "properties": {
                "kind": change.kind,
                "score": round(self.certainty, 3),
                "delta_h_m": _rounded(change.delta_h_m),
                "area_m2": round(change.area_m2, 1),
                "reasons": [reason.code for reason in self.verdict.reasons],
                "suspect": self.suspect,
                "stage": change.stage,
                "height_m": _rounded(change.height_m),
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectReport:
    """What came of a run. candidates: every change found; alerts: those raised, or raised again;
    suppressed: settled places that did not change again; rejected: places the engine left out, by
    reason; skipped: rules that could not be judged, and why; notes: what limits the result."""

    run: int
    delivery: int
    engine: str
    before: str
    after: str
    items: tuple[Judged, ...]
    stored: StoredRun
    km2: float
    seconds: float
    rejected: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def candidates(self) -> int:
        return len(self.items)

    @property
    def alerts(self) -> int:
        return len(self.stored.new) + len(self.stored.again)

    @property
    def suppressed(self) -> int:
        return len(self.stored.suppressed)

    def to_json(self) -> dict[str, Any]:
        """What `gis detect --json` prints."""
        return {
            "run": self.run,
            "engine": self.engine,
            "before": self.before,
            "after": self.after,
            "candidates": self.candidates,
            "alerts": self.alerts,
            "suppressed": self.suppressed,
            "seconds": self.seconds,
            "km2": self.km2,
            "delivery": self.delivery,
            "new": list(self.stored.new),
            "again": list(self.stored.again),
            "rejected": dict(self.rejected),
            "skipped": {code: {"zh": zh, "en": en} for code, (zh, en) in self.skipped.items()},
            "notes": [{"zh": zh, "en": en} for zh, en in self.notes],
        }

    def to_geojson(self) -> dict[str, Any]:
        """Every candidate, EPSG:4490, longitude first."""
        return {
            "type": "FeatureCollection",
            "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4490"}},
            "features": [{**item.to_json(), "id": i} for i, item in enumerate(self.items, start=1)],
        }


def detect(store: Store, registry: Registry, request: DetectRequest) -> DetectReport:
    """Find changes, judge them by what was in force on the later image's date, store the alerts.

    All of it in one transaction, or nothing. Raises ChangeError and SourceError for files that
    can't be compared, Conflict for an image date in the future, and what the store raises.
    """
    started = time.monotonic()
    pair = pair_of(*_files(request))
    zone = ZoneInfo(registry.city.timezone)
    at, earlier = (
        datetime.combine(raster.taken_on, clock(), zone)
        for raster in (pair.measured_after, pair.measured_before)
    )
    journal = _journal(request, pair)
    found = _search(store, registry, request, pair, at, journal)
    law_at = datetime.combine(request.law_on, clock.max, zone) if request.law_on else at
    judged, facts = _judged(store, registry, request.rules, found, law_at, earlier)
    head = _head(request, pair, found, at, law_at)
    findings = _findings(pair, judged, facts, head)
    stored = store_run(
        store,
        registry.get("alerts"),
        head,
        findings,
        changed_again=lambda old, new: changed_again(old, new, head),
    )
    journal.close()
    return DetectReport(
        run=stored.run,
        delivery=stored.delivery,
        engine=found.engine,
        before=head.before_image,
        after=head.after_image,
        items=judged,
        stored=stored,
        km2=round(found.searched_m2 / 1e6, 3),
        seconds=round(time.monotonic() - started, 2),
        rejected=found.rejected,
        skipped={code: why for item in judged for code, why in item.verdict.skipped.items()},
        notes=found.notes,
    )


def changed_again(old: StoredAlert, new: Finding, head: RunHead) -> bool:
    """Whether something happened at a settled place since: the run's earlier image is not older
    than the image the alert is of, or the later one is newer and shows it higher or larger by
    more than both bands."""
    seen = old.properties["image_date"]
    if seen is None or head.before_date >= seen:
        return True
    if head.image_date <= seen:
        return False

    def grew(name: str, band: str) -> bool:
        was, now = old.properties[name], new.properties[name]
        if was is None or now is None:
            return False
        bands = (old.properties[band] or 0.0) + (new.properties[band] or 0.0)
        return bool(abs(now) - abs(was) > bands)

    return grew("delta_h_m", "delta_h_band_m") or grew("area_m2", "area_band_m2")


# --- steps ---------------------------------------------------------------------------------


def _files(
    request: DetectRequest,
) -> tuple[Raster | None, Raster | None, Raster | None, Raster | None]:
    def read(path: Path | None, kind: Kind, taken_on: date | None) -> Raster | None:
        return None if path is None else describe(path, kind, taken_on=taken_on)

    return (
        read(request.before, "image", request.before_date),
        read(request.after, "image", request.after_date),
        read(request.dsm_before, "dsm", request.before_date),
        read(request.dsm_after, "dsm", request.after_date),
    )


def _journal(request: DetectRequest, pair: Pair) -> Journal:
    """Of this very search: its files by their digests, its engine, its area."""
    if request.resume is None:
        return Forgetful()
    engine = engine_of(request.engine, pair)
    facts = {
        "inputs": [raster.to_json() for raster in pair.given],
        "engine": [engine.name, engine.version],
        "area": request.area,
    }
    return FileJournal.of(request.resume, facts)


def _search(
    store: Store,
    registry: Registry,
    request: DetectRequest,
    pair: Pair,
    at: datetime,
    journal: Journal,
) -> Candidates:
    """Candidates everywhere, or those that lie in the area asked for."""
    engine = engine_of(request.engine, pair, journal)
    if request.area is None:
        return engine.candidates(pair)
    area = area_of(request.area, store, registry, pair.measured_after.frame, at)
    window: Box = pair.grid.box_of(area.bounds)
    if window.empty:
        raise ChangeError(
            zh=f"--area {request.area} 与影像没有重叠。请核对范围",
            en=f"--area {request.area} does not overlap the rasters. Check it",
            area=request.area,
            problem="overlap",
        )
    found = engine.candidates(pair, window)
    shapely.prepare(area)
    return replace(found, items=tuple(c for c in found.items if area.intersects(c.mask)))


def _judged(
    store: Store,
    registry: Registry,
    rules: RuleSet,
    found: Candidates,
    at: datetime,
    earlier: datetime,
) -> tuple[tuple[Judged, ...], Facts | None]:
    if not found.items:
        return (), None
    masks = np.array([c.mask for c in found.items], dtype=object)
    west, south, east, north = (float(v) for v in shapely.total_bounds(masks))
    facts = gather(
        store,
        registry,
        found.frame,
        (west, south, east, north),
        at=at,
        earlier=earlier,
        built=masks[[c.kind == "construction" for c in found.items]],
        position_error_m=found.position_error_m,
    )
    changes = [_as_registered(change, facts) for change in found.items]
    outlines = to_storage(np.array([c.outline for c in changes], dtype=object), found.frame)
    judged = []
    for change, outline in zip(changes, outlines, strict=True):
        verdict = judge(change, facts.known, rules)
        certainty = rules.certainty(found.engine, change.kind, change.score)
        judged.append(
            Judged(
                change=change,
                outline=outline,
                verdict=verdict,
                suspect=bool(verdict.reasons) and certainty >= rules.min_score,
                certainty=certainty,
            )
        )
    return tuple(judged), facts


def _as_registered(change: Candidate, facts: Facts) -> Candidate:
    """Where the earlier surface does not show whether something stood, the register decides."""
    unseen = "before_m" not in change.measures
    if change.kind == "construction" and unseen and facts.stood(change):
        return change.as_kind("added_storey", "added")
    return change


def _head(
    request: DetectRequest, pair: Pair, found: Candidates, at: datetime, law_at: datetime
) -> RunHead:
    rules, area = request.rules, request.area
    inputs = {
        name: raster.to_json()
        for name in ("before", "after", "dsm_before", "dsm_after")
        if (raster := getattr(pair, name)) is not None
    }
    parameters = {
        "area": area,
        "law_as_of": law_at.isoformat(),
        "calibration": None if rules.calibration is None else rules.calibration.version,
        "model": found.model,
        "rejected": dict(found.rejected),
        "searched_m2": found.searched_m2,
        "position_error_m": found.position_error_m,
        "notes": [list(note) for note in found.notes],
    }
    asked = [inputs, area, found.engine, found.version, rules.digest]
    if rules.calibration is not None:
        asked.append(rules.calibration.version)
    if request.law_on is not None:
        asked.append(request.law_on.isoformat())
    digest = hashlib.sha256(json.dumps(asked).encode())
    return RunHead(
        engine=found.engine,
        engine_version=found.version,
        rules_version=rules.version,
        before_image=(pair.before or pair.measured_before).name,
        after_image=(pair.after or pair.measured_after).name,
        before_date=pair.measured_before.taken_on,
        image_date=pair.measured_after.taken_on,
        at=at,
        digest=digest.hexdigest(),
        alert_prefix=rules.alert_prefix,
        accuracy_m=found.position_error_m,
        candidates=len(found.items),
        inputs=inputs,
        parameters=parameters,
        rules={"digest": rules.digest, **rules.document},
    )


def _findings(
    pair: Pair, judged: tuple[Judged, ...], facts: Facts | None, head: RunHead
) -> list[Finding]:
    suspects = [item for item in judged if item.suspect]
    if not suspects or facts is None:
        return []
    with sheets(pair, grey=True) as open_sheets:
        return [
            Finding(
                geometry=item.outline,
                properties=_properties(item, facts, head),
                record=record_of(item.change, item.outline, item.verdict, facts, head)
                | {"calibration": _calibrated(item, head)},
                chips=chips(item.change, open_sheets, pair.grid),
            )
            for item in suspects
        ]


def _calibrated(item: Judged, head: RunHead) -> dict[str, Any] | None:
    version = head.parameters["calibration"]
    if version is None:
        return None
    return {"version": version, "score": item.change.score, "certainty": item.certainty}


def _properties(item: Judged, facts: Facts, head: RunHead) -> dict[str, Any]:
    change = item.change
    county, parcel = facts.place_of(change)
    return {
        "kind": change.kind,
        "reasons": ",".join(reason.code for reason in item.verdict.reasons),
        "score": round(item.certainty, 3),
        "area_m2": round(change.area_m2, 1),
        "area_band_m2": round(change.area_band_m2, 1),
        "delta_h_m": _rounded(change.delta_h_m),
        "delta_h_band_m": _rounded(change.delta_h_band_m),
        "stage": change.stage,
        "engine": f"{head.engine} {head.engine_version}",
        "before_image": head.before_image,
        "after_image": head.after_image,
        "image_date": head.image_date,
        "county_code": None if county is None else str(facts.value(county, "code")),
        "parcel_code": None if parcel is None else str(facts.value(parcel, "unit_code")),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
