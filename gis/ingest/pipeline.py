"""The walk of a delivery: source → normaliser → checked → store, in one transaction."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gis.coords import LocalFrame
from gis.errors import LayerError, SourceError
from gis.ingest.detection import City, compared, detected
from gis.ingest.placement import Placement, place, refuse_elsewhere, refuse_inaccurate, refuse_worse
from gis.ingest.report import FrameReport, LoadReport
from gis.ingest.returning import form_of, returned
from gis.layers import Batch, GoodRows, Layer, RawBatch, Registry, Reject
from gis.layers.batch import Remark
from gis.layers.checklist import severity_of
from gis.layers.checks import check
from gis.layers.keys import key_of
from gis.layers.nearmiss import column_remarks
from gis.sources import Delivery, open_delivery
from gis.sources.columns import objects
from gis.store import (
    Counts,
    DeliveryHead,
    Instant,
    LayerQuery,
    Store,
    begin,
    parse_datetime,
    rows,
)
from gis.store.refused import keep_form

Mode = Literal["full", "upsert", "delete"]
LONGEST_QUEUE = "2h"  # behind other deliveries of the layer, some of which are large
EDGE_DEG = 0.01  # published county outlines are generalised by some hundred metres


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestRequest:
    """What the sender says of a file. `path` may name one layer of a container: FILE|NAME.
    `as_of`: a date or a time, None = now; `facts`: column -> what the sender says of every row,
    in place of what the file says."""

    path: Path
    layer: str
    crs: str = "auto"
    as_of: str | None = None
    mode: Mode = "full"
    department: str | None = None
    person: str | None = None
    encoding: str = "auto"
    dry_run: bool = False
    allow_closing: bool = False
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class _Walk:
    """One delivery under way: what all its batches share, and what is counted."""

    delivery: Delivery
    layer: Layer
    city: City
    placement: Placement
    inside: BaseGeometry | None
    rows_in: int = 0
    accuracy_m: float = 0.0
    steps: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    reasons: Counter[str] = field(default_factory=Counter)
    remarks: tuple[Remark, ...] = ()  # of the newest step

    def step(self, raw: RawBatch) -> tuple[GoodRows, tuple[Reject, ...]]:
        """One batch, normalised and checked."""
        self.rows_in += len(raw) + len(raw.rejects)
        moved = self.placement.normalised(raw.geometry, self.city.local)
        if self.rows_in == len(raw) + len(raw.rejects):  # the first rows speak for the file
            refuse_elsewhere(
                self.delivery, self.placement, raw.geometry, moved, self.inside, self.city.local
            )
        self._compare(raw)
        refuse_worse(self.delivery, self.placement, self.layer, moved.accuracy_m)
        self.accuracy_m = max(self.accuracy_m, moved.accuracy_m)
        self.steps = moved.steps
        keep = ~moved.failed
        every = keep.all()
        batch = Batch(
            columns=raw.columns if every else {n: c[keep] for n, c in raw.columns.items()},
            geometry=moved.geometry if every else moved.geometry[keep],
            rows=raw.rows[keep],
            accuracy_m=moved.accuracy_m,
            placing=raw.placing,
        )
        checked = check(batch, self.layer, self.city.registry, inside=self.inside)
        self.remarks = checked.remarks
        rejects = (*raw.rejects, *self._failed(raw, moved.failed), *checked.rejects)
        return checked.good, self._named(raw, rejects)

    def _compare(self, raw: RawBatch) -> None:
        """A stated frame against the city's own lines; what they say of the first batch is kept
        as evidence. Raises FrameMismatch."""
        if self.placement.how == "detected":
            return  # that was the comparison
        if self.inside is None:
            said: tuple[str, ...] = (
                f"未比对：图层 {self.layer.id} 不限于本市"
                f" / not compared: layer {self.layer.id} may lie outside the city",
            )
        else:
            said = compared(self.delivery, self.placement, raw, self.city)
        self.evidence = self.evidence or (*self.placement.evidence, *said)

    def _failed(self, raw: RawBatch, failed: np.ndarray) -> Iterator[Reject]:
        """Rows that can't be in the frame at all."""
        for i in np.flatnonzero(failed).tolist():
            x, y = shapely.get_coordinates(raw.geometry[i])[0].tolist()
            yield Reject(
                row=int(raw.rows[i]),
                code="outside_city",
                zh=f"坐标 ({x:.10g}, {y:.10g}) 不可能在 {self.placement.frame} 中。请核对",
                en=f"({x:.10g}, {y:.10g}) can't be in {self.placement.frame}. Check it",
                raw=raw.raw_row(i),
            )

    def _named(self, raw: RawBatch, rejects: tuple[Reject, ...]) -> tuple[Reject, ...]:
        """Rejects with their geometry as it came, in the file's own frame; and those far away
        because their axes are swapped told so."""
        if not rejects:
            return ()
        at = {int(row): i for i, row in enumerate(raw.rows)}
        away = [r for r in rejects if r.code == "outside_city" and r.row in at]
        swapped = self._swapped(raw, [at[r.row] for r in away])
        turned = {id(r) for r, is_swapped in zip(away, swapped, strict=True) if is_swapped}
        out = []
        for reject in rejects:
            if id(reject) in turned:
                reject = replace(
                    reject,
                    code="swapped_axes",
                    zh="两个坐标颠倒了：对调后落在市内。请对调",
                    en="the two coordinates are swapped: the other way round they lie in the city",
                )
            shape = raw.geometry[at[reject.row]] if reject.row in at else None
            if shape is not None:
                reject = replace(reject, wkt=shapely.to_wkt(shape, rounding_precision=9))
            out.append(reject)
            self.reasons[reject.code] += 1
        return tuple(out)

    def keys(self, rejects: tuple[Reject, ...]) -> list[tuple[object, ...]]:
        """Business keys of refused rows, where they can be read."""
        found = (key_of(self.layer, self.city.registry, reject.raw) for reject in rejects)
        return [key for key in found if key is not None]

    def _swapped(self, raw: RawBatch, indices: list[int]) -> list[bool]:
        if not indices:
            return []
        if self.inside is None:
            return [False] * len(indices)
        turned = shapely.transform(raw.geometry[indices], lambda xy: xy[:, ::-1])
        moved = self.placement.normalised(turned, self.city.local)
        found: list[bool] = shapely.covers(self.inside, moved.geometry).tolist()
        return found


def ingest(
    store: Store,
    registry: Registry,
    request: IngestRequest,
    local_frames: Mapping[str, LocalFrame],
    progress: Callable[[int], None] = lambda rows: None,
    waiting: Callable[[], None] = lambda: None,
) -> LoadReport:
    """Take one delivery in: all of it or nothing. `waiting` is called where another delivery of
    the layer is under way and this one queues up behind it.

    Raises what is wrong with the file (SourceError), its frame (CoordError), its columns
    (LayerError) or its place in time (Conflict); then the database is as it was."""
    started = time.monotonic()
    layer = registry.get(request.layer)
    as_of = _as_of(request.as_of, registry)
    delivery = open_delivery(request.path, layer=layer, encoding=request.encoding)
    city = City(store=store, registry=registry, local=local_frames)
    placement = place(delivery, request.crs, local_frames) or detected(delivery, city)
    refuse_inaccurate(delivery, placement, layer)
    walk = _Walk(delivery, layer, city, placement, city_area(store, registry, layer))
    batches = _batches(placement, delivery, request.facts)
    first = next(batches, None)
    if first is None:
        raise SourceError(
            zh=f"{delivery.path.name} 里没有一行数据",
            en=f"{delivery.path.name} holds no row",
            source=delivery.path.name,
        )
    checked = walk.step(first)  # before the transaction: it tells the frame's accuracy
    head = DeliveryHead(
        layer=layer,
        source=delivery.path.name,
        digest=delivery.digest,
        mode=request.mode,
        department=request.department,
        person=request.person,
        as_of=None if as_of is None else as_of.at,
        allow_closing=request.allow_closing,
        frame={
            "name": placement.frame.name,
            "how": placement.how,
            "accuracy_m": walk.accuracy_m,
            "evidence": list(walk.evidence or placement.evidence),
            "steps": list(walk.steps),
        },
    )
    with begin(
        store, head, dry_run=request.dry_run, waiting=waiting, longest_wait=LONGEST_QUEUE
    ) as loading:
        keep_form(loading, form_of(delivery, request.path, first, layer))
        loading.remark(column_remarks(layer, first.columns, first.placing))
        loading.add(checked[0])
        loading.reject(checked[1], walk.keys(checked[1]))
        loading.remark(walk.remarks)
        progress(walk.rows_in)
        for raw in batches:
            before = walk.rows_in
            good, rejects = walk.step(raw)
            loading.add(good)
            loading.reject(rejects, walk.keys(rejects))
            loading.remark(walk.remarks)
            progress(walk.rows_in - before)
        counts = loading.apply()
    return _report(walk, request, counts, time.monotonic() - started)


def _batches(
    placement: Placement, delivery: Delivery, facts: Mapping[str, object]
) -> Iterator[RawBatch]:
    """The rows as they were first sent, with what the sender says."""
    return (_stated(returned(raw, delivery), facts) for raw in placement.batches(delivery))


def _stated(raw: RawBatch, facts: Mapping[str, object]) -> RawBatch:
    """The batch with what the sender says of every row."""
    if not facts:
        return raw
    said = {name: objects([value] * len(raw)) for name, value in facts.items()}
    return replace(raw, columns={**raw.columns, **said})


def _report(walk: _Walk, request: IngestRequest, counts: Counts, seconds: float) -> LoadReport:
    walk.reasons.update(counts.refused)
    return LoadReport(
        delivery=None if request.dry_run else counts.delivery,
        layer=walk.layer.id,
        source=walk.delivery.path.name,
        format=walk.delivery.format,
        encoding=walk.delivery.encoding,
        as_of=counts.as_of.isoformat(),
        mode=request.mode,
        frame=FrameReport(
            name=walk.placement.frame.name,
            how=walk.placement.how,
            accuracy_m=walk.accuracy_m,
            evidence=walk.evidence or walk.placement.evidence,
            steps=walk.steps,
        ),
        rows_in=walk.rows_in,
        accepted=counts.accepted,
        new=counts.new,
        changed=counts.changed,
        unchanged=counts.unchanged,
        closed=counts.closed,
        kept=counts.kept,
        quarantined=counts.quarantined,
        reasons=dict(sorted(walk.reasons.items())),
        warnings=dict(sorted(counts.warnings.items())),
        seconds=round(seconds, 3),
    )


def _as_of(text: str | None, registry: Registry) -> Instant | None:
    if text is None:
        return None
    when = parse_datetime(text, registry.city.timezone)
    if not isinstance(when, Instant):
        raise LayerError(
            zh=f"--as-of {text} 应为一个日期，不是时间段",
            en=f"--as-of {text} should be one date, not an interval",
            as_of=text,
        )
    return when


def city_area(store: Store, registry: Registry, layer: Layer) -> BaseGeometry | None:
    """The city's area, degrees: its administrative areas where they are stored, else the box of
    config/city.yml; None for layers that do not ask."""
    if severity_of(layer, "inside_city") == "off":
        return None
    if "admin_areas" in registry.layers:
        areas = rows(store, LayerQuery(layer=registry.get("admin_areas"))).geometry
        if len(areas):
            return shapely.buffer(shapely.union_all(areas), EDGE_DEG)
    return shapely.box(*registry.city.bbox)
