"""The life of a place: plan, permit, construction, completion, registration on one line of time.

Two kinds of event stand in it. A date that a record states (a permit's issue, the year of
completion) is the event's own date; what no record dates is dated by the delivery it came or
changed with, and says so in `basis`: on record since then, not built then.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gis.analysis.nearby import title_of_feature
from gis.coords import (
    STORAGE,
    decode_place_code,
    from_metric,
    norm_frame,
    outside,
    outside_error,
    place_code,
    to_metric,
)
from gis.errors import CoordError, OutsideFrame
from gis.layers import Field, Label, Layer, Registry
from gis.store import FeatureRows, Interval, LayerQuery, Store, rows

Phase = Literal["plan", "permit", "construction", "completion", "registration"]
PHASES: tuple[Phase, ...] = ("plan", "permit", "construction", "completion", "registration")
PERMITS, PARCELS = "planning_permits", "parcels"
BY_THEME: Mapping[str, Phase] = {
    "planning": "plan",
    "enforcement": "construction",
    "property": "registration",
}
BY_STAGE: Mapping[str, Phase] = {
    "planned": "plan",
    "approved": "permit",
    "building": "construction",
    "completed": "completion",
    "registered": "registration",
}
STAGE, BUILT = "stage", "built_year"
REACH_M, MOST_REACH_M = 1.0, 100.0
MOST_VERSIONS = 500  # of one layer
EVER = Interval(None, None)
APPEARED = Label(zh="入库", en="on record")
CHANGED = Label(zh="变化", en="changed")
ENDED = Label(zh="注销", en="ended")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a feature here. `at`: the day, or the first of January where
    only the year is stated. `changes`: field -> (old, new). `basis`: the field that states the
    date, or the number of the delivery whose date it is."""

    at: date
    precision: Literal["day", "year"]
    phase: Phase
    layer: str
    layer_title: Label
    key: int
    title: str
    what: Label
    basis: str | int
    changes: Mapping[str, tuple[Any, Any]]

    def to_json(self) -> dict[str, Any]:
        stated = isinstance(self.basis, str)
        return {
            "at": str(self.at.year) if self.precision == "year" else self.at.isoformat(),
            "precision": self.precision,
            "phase": self.phase,
            "layer": self.layer,
            "layer_title": {"zh": self.layer_title.zh, "en": self.layer_title.en},
            "id": self.key,
            "title": self.title,
            "what": {"zh": self.what.zh, "en": self.what.en},
            "basis": {"field": self.basis} if stated else {"delivery": self.basis},
            "changes": {n: {"from": old, "to": new} for n, (old, new) in self.changes.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The events at a place, oldest first. `more`: a layer held more than can be told."""

    lon: float
    lat: float
    place_code: str
    reach_m: float
    events: tuple[Event, ...]
    more: bool

    def to_json(self) -> dict[str, Any]:
        """`phases` says when each phase is first heard of (null: never)."""
        return {
            "lon": self.lon,
            "lat": self.lat,
            "place_code": self.place_code,
            "reach_m": self.reach_m,
            "phases": [
                {
                    "phase": phase,
                    "first": next((_day(e) for e in self.events if e.phase == phase), None),
                }
                for phase in PHASES
            ],
            "events": [event.to_json() for event in self.events],
            "more": self.more,
        }


def timeline(
    store: Store, registry: Registry, lon: float, lat: float, reach_m: float = REACH_M
) -> Timeline:
    """The life of the place at (`lon`, `lat`), CGCS2000 degrees, as far as records tell it.

    Areas and lines count that come within `reach_m` metres; things kept as points also count
    where they lie on the same parcel. Sensitive layers are left out. Raises OutsideFrame for
    what lies outside the area of CGCS2000."""
    if (
        not (math.isfinite(lon) and math.isfinite(lat))
        or outside(np.array([[lon, lat]]), STORAGE)[0]
    ):
        raise _nowhere(lon, lat)
    reach_m = max(0.0, min(reach_m, MOST_REACH_M))
    near = _circle(registry, lon, lat, reach_m)
    parcel = _parcel(store, registry, shapely.Point(lon, lat), near)
    return _told(store, registry, lon, lat, reach_m, near, parcel)


def timeline_of_code(store: Store, registry: Registry, code: str) -> Timeline:
    """The life of a BeiDou grid cell. Raises CoordError for a text that is no code."""
    cell = decode_place_code(code)
    lon, lat = cell.centre
    area = cell.polygon
    return _told(store, registry, lon, lat, 0.0, area, area, code=cell.code)


def _told(
    store: Store, registry: Registry, lon: float, lat: float, reach_m: float,
    near: BaseGeometry, near_points: BaseGeometry, code: str | None = None,
) -> Timeline:  # fmt: skip
    events: list[Event] = []
    more = False
    for layer in registry.layers.values():
        if layer.theme not in BY_THEME or layer.classification == "sensitive":
            continue
        area = near_points if layer.geometry.startswith("Point") else near
        found, cut = _versions(store, layer, area)
        more = more or cut
        events += _events(found, layer, registry)
    events.sort(key=lambda e: (e.at, PHASES.index(e.phase), e.layer, e.key))
    return Timeline(
        lon=lon, lat=lat, place_code=code or place_code(lon, lat), reach_m=reach_m,
        events=tuple(events), more=more,
    )  # fmt: skip


def _versions(store: Store, layer: Layer, area: BaseGeometry) -> tuple[FeatureRows, bool]:
    """Every version of each feature that ever lay there, and whether there are more."""
    q = LayerQuery(layer=layer, when=EVER, within=area, limit=MOST_VERSIONS + 1, fields=layer.key)
    here = rows(store, q)
    keys = tuple(dict.fromkeys(here.key.tolist()))
    q = LayerQuery(layer=layer, when=EVER, keys=keys, limit=MOST_VERSIONS + 1)
    found = rows(store, q)
    return found, max(len(here), len(found)) > MOST_VERSIONS


def _events(found: FeatureRows, layer: Layer, registry: Registry) -> Iterator[Event]:
    """What a layer's versions tell: rows are sorted by key and time."""
    zone = ZoneInfo(registry.city.timezone)
    moved = _moved(found)
    before: dict[str, Any] | None = None
    for i, key in enumerate(found.key.tolist()):
        first = i == 0 or key != found.key[i - 1]
        last = i + 1 == len(found) or key != found.key[i + 1]
        now = {name: found.columns[name][i] for name in layer.field_names}
        old = None if first else before
        told = _Feature(layer, registry, key, now, zone)
        if old is None:
            yield told.event(APPEARED, found.valid_from[i], int(found.opened_by[i]))
        else:
            changes = {n: (old[n], v) for n, v in now.items() if old[n] != v}
            if moved[i]:
                changes["geometry"] = (None, None)
            yield told.event(CHANGED, found.valid_from[i], int(found.opened_by[i]), changes)
        yield from told.stated(old)
        ended = found.valid_to[i]
        if last and ended is not None:
            yield told.event(ENDED, ended, int(found.opened_by[i]))
        before = now


def _moved(found: FeatureRows) -> list[bool]:
    shapes = shapely.to_wkb(found.geometry)
    return [i > 0 and shapes[i] != shapes[i - 1] for i in range(len(found))]


@dataclass(frozen=True, slots=True)
class _Feature:
    """One version of a feature, as events are told of it."""

    layer: Layer
    registry: Registry
    key: int
    values: Mapping[str, Any]
    zone: ZoneInfo

    def event(
        self, what: Label, at: datetime, delivery: int,
        changes: Mapping[str, tuple[Any, Any]] | None = None,
    ) -> Event:  # fmt: skip
        """What a delivery brought, on the day it is of."""
        changes = changes or {}
        told = [self._in_words(name, *pair) for name, pair in changes.items()]
        what = Label(
            zh="：".join([what.zh, "；".join(t.zh for t in told)]) if told else what.zh,
            en=": ".join([what.en, "; ".join(t.en for t in told)]) if told else what.en,
        )
        return self._made(at.astimezone(self.zone).date(), "day", what, delivery, changes)

    def stated(self, old: Mapping[str, Any] | None) -> Iterator[Event]:
        """Events dated by the record itself, where it did not state them before."""
        phase: Phase
        for field in self.layer.fields:
            value = self.values[field.name]
            if value is None or (old is not None and old[field.name] == value):
                continue
            if field.type == "date":
                # a planned start is plan, whatever stage the project has reached since
                phase = "permit" if self.layer.id == PERMITS else BY_THEME[self.layer.theme]
                yield self._made(value, "day", field.title, field.name, phase=phase)
            elif field.name == BUILT and 1 <= value <= 9999:
                day = date(int(value), 1, 1)
                yield self._made(day, "year", field.title, field.name, phase="completion")

    def _made(
        self, at: date, precision: Literal["day", "year"], what: Label, basis: str | int,
        changes: Mapping[str, tuple[Any, Any]] | None = None, phase: Phase | None = None,
    ) -> Event:  # fmt: skip
        return Event(
            at=at, precision=precision, phase=phase or self._phase(), layer=self.layer.id,
            layer_title=self.layer.title, key=self.key,
            title=title_of_feature(self.layer, self.values), what=what, basis=basis,
            changes=changes or {},
        )  # fmt: skip

    def _phase(self) -> Phase:
        if self.layer.id == PERMITS:
            return "permit"
        stage = (
            BY_STAGE.get(str(self.values.get(STAGE))) if self.layer.theme == "planning" else None
        )
        return stage or BY_THEME[self.layer.theme]

    def _in_words(self, name: str, old: Any, new: Any) -> Label:
        if name == "geometry":
            return Label(zh="图形有变", en="its shape changed")
        field = self.layer.field(name)
        before, after = self._value(field, old), self._value(field, new)
        return Label(
            zh=f"{field.title.zh} {before.zh} → {after.zh}",
            en=f"{field.title.en} {before.en} → {after.en}",
        )

    def _value(self, field: Field, value: Any) -> Label:
        if value is None:
            return Label(zh="无", en="none")
        codes = self.registry.codelist(field)
        code = codes.codes.get(str(value)) if codes is not None else None
        text = f"{value} {field.unit}" if field.unit else str(value)
        return code.title if code is not None else Label(zh=text, en=text)


def _parcel(
    store: Store, registry: Registry, point: BaseGeometry, near: BaseGeometry
) -> BaseGeometry:
    """The parcels that ever covered the point, with what is near it."""
    layer = registry.layers.get(PARCELS)
    if layer is None or layer.classification == "sensitive":
        return near
    q = LayerQuery(layer=layer, when=EVER, within=point, limit=MOST_VERSIONS, fields=layer.key)
    area: BaseGeometry = shapely.union_all([near, *rows(store, q).geometry])
    return area


def _circle(registry: Registry, lon: float, lat: float, reach_m: float) -> BaseGeometry:
    """The place within reach, in degrees; the point itself where the city's plane has no room
    for it."""
    point = shapely.Point(lon, lat)
    plane = norm_frame(registry.city.metric_frame)
    epsg = plane.epsg or 0
    centre = to_metric(np.array([[lon, lat]]), epsg)
    corners = centre + np.array([[-1.0, -1.0], [1.0, 1.0]]) * MOST_REACH_M
    if reach_m <= 0.0 or outside(corners, plane).any():
        return point
    ring = shapely.Point(centre[0]).buffer(reach_m)
    circle: BaseGeometry = shapely.transform(ring, lambda xy: from_metric(xy, epsg))
    return circle


def _nowhere(lon: float, lat: float) -> CoordError:
    if math.isfinite(lon) and math.isfinite(lat):
        return outside_error(np.array([lon, lat]), STORAGE, "输入", "input")
    return OutsideFrame(
        zh=f"({lon}, {lat}) 不是坐标：应为两个有限的数",
        en=f"({lon}, {lat}) is no place: give two finite numbers",
        frame=STORAGE.name,
    )


def _day(event: Event) -> str:
    return str(event.to_json()["at"])
