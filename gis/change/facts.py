"""What the store held on the image's date, near the changes, in metres."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from gis.change.engines.contract import Candidate
from gis.change.known import RED_LINES, Known, Ref, Rows
from gis.coords import STORAGE, Frame, normalise
from gis.layers import Registry
from gis.store import FeatureRows, Instant, LayerQuery, Store, count, rows, version_at

BBox = tuple[float, float, float, float]
STANDS = 0.5  # share of a change on a stored building that makes it a change of that building
# Around a change, degrees (about a hundred metres): what lies further off is not copied into the
# evidence of it, or a town's whole boundary would lie beside each alert.
NEAR_DEG = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One layer on one date. rows: in the metric frame; stored: the same rows as the store gave
    them; delivery: number of the delivery that state comes from, 0 = none by then."""

    rows: Rows
    stored: FeatureRows | None
    delivery: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the rules need (`known`), and the counties. `sources` hold all rows by layer, for the
    evidence: those of the image's date, buildings of the earlier image's."""

    frame: Frame
    known: Known
    counties: Rows
    sources: Mapping[str, Source]

    def place_of(self, change: Candidate) -> tuple[Ref | None, Ref | None]:
        """County and parcel in which most of the change lies."""
        found = ((layer, layer.most(change.mask)) for layer in (self.counties, self.known.parcels))
        county, parcel = (None if i is None else layer.ref(i) for layer, i in found)
        return county, parcel

    def value(self, ref: Ref, name: str) -> Any:
        """A field of a row."""
        source = self.sources[ref[0]].rows
        return source.columns[name][_index(source, ref)]

    def stood(self, change: Candidate) -> bool:
        """Whether the register had a building on most of the place at the earlier date."""
        standing = self.known.standing
        mine = standing.touching(change.mask)
        common = shapely.union_all(standing.geometry[mine]).intersection(change.mask).area
        return bool(common >= STANDS * change.mask.area)

    def content(self, ref: Ref, near: BaseGeometry) -> dict[str, Any]:
        """A row as it was on that date, JSON-able: what an alert keeps of it, so that neither an
        undone delivery nor a correction loses what was seen. Geometry in EPSG:4490, cut to the
        surroundings of `near` where it is larger (`cut`); `digest` is of the whole of it."""
        source = self.sources[ref[0]]
        assert source.stored is not None  # it has rows
        i = _index(source.rows, ref)
        stored = source.stored
        shape = stored.geometry[i]
        around = shapely.box(*near.bounds).buffer(NEAR_DEG, join_style="mitre")
        cut = not shapely.box(*around.bounds).covers(shapely.box(*shape.bounds))
        kept = shapely.intersection(shape, around) if cut else shape
        return {
            "layer": ref[0],
            "key": ref[1],
            "version_id": ref[2],
            "delivery": int(stored.opened_by[i]),
            "valid_from": stored.valid_from[i].isoformat(),
            "properties": {name: _plain(column[i]) for name, column in stored.columns.items()},
            "geometry": shapely.geometry.mapping(shapely.set_precision(kept, 1e-9)),
            "cut": cut,
            "digest": hashlib.sha256(shapely.to_wkb(shape)).hexdigest(),
        }


def gather(
    store: Store,
    registry: Registry,
    frame: Frame,
    bounds: BBox,
    *,
    at: datetime,
    earlier: datetime,
    built: NDArray[np.object_],
    position_error_m: float,
) -> Facts:
    """Read what rules and places need. bounds: west, south, east, north in `frame`, metres;
    built: outlines of what is new, in `frame`."""
    box = shapely.box(*bounds).segmentize(500.0).buffer(50.0)
    [degrees] = normalise(np.array([box], dtype=object), frame).geometry
    near: BBox = degrees.bounds

    def read(layer: str, when: datetime, **where: str) -> Source:
        return _source(store, registry, layer, frame, when=when, bbox=near, where=where)

    # the boundary counts also where it is out of sight: all of it is then "outside"
    everywhere = _source(
        store, registry, "red_lines", frame, when=at, where={"kind": "town_boundary"}
    )
    sources = {
        "planning_permits": read("planning_permits", at),
        "red_lines": _with(read("red_lines", at), everywhere),
        "parcels": read("parcels", at),
        "land_use_plan": read("land_use_plan", at),
        "admin_areas": read("admin_areas", at, level="county"),
        "buildings": read("buildings", earlier),
    }
    return Facts(
        frame=frame,
        known=Known(
            at=at.date(),
            permits=sources["planning_permits"].rows,
            red_lines=sources["red_lines"].rows,
            parcels=sources["parcels"].rows,
            plan=sources["land_use_plan"].rows,
            standing=sources["buildings"].rows,
            built=built,
            lines_loaded=frozenset(
                kind for kind in RED_LINES if _holds(store, registry, "red_lines", at, kind=kind)
            ),
            position_error_m=position_error_m,
        ),
        counties=sources["admin_areas"].rows,
        sources=sources,
    )


def _source(
    store: Store,
    registry: Registry,
    layer_id: str,
    frame: Frame,
    *,
    when: datetime,
    bbox: BBox | None = None,
    where: Mapping[str, str],
) -> Source:
    if layer_id not in registry.layers:
        return Source(rows=_no_rows(layer_id), stored=None, delivery=0)
    layer = registry.get(layer_id)
    moment = Instant(when)
    found = rows(store, LayerQuery(layer=layer, when=moment, bbox=bbox, where=where))
    shapes = found.geometry
    placed = normalise(shapes, STORAGE, target=frame).geometry if len(found) else shapes
    return Source(
        rows=Rows(
            layer=layer_id,
            key=found.key,
            version_id=found.version_id,
            geometry=placed,
            columns=found.columns,
            present=bool(len(found)) or _holds(store, registry, layer_id, when),
            accuracy_m=layer.accuracy_m,
        ),
        stored=found,
        delivery=version_at(store, layer, moment),
    )


def _holds(store: Store, registry: Registry, layer_id: str, when: datetime, **where: str) -> bool:
    """Whether the layer held anything (of that kind) at all then."""
    if layer_id not in registry.layers:
        return False
    layer = registry.get(layer_id)
    return count(store, LayerQuery(layer=layer, when=Instant(when), where=where)) > 0


def _no_rows(layer_id: str) -> Rows:
    numbers = np.zeros(0, dtype=np.int64)
    return Rows(
        layer=layer_id,
        key=numbers,
        version_id=numbers,
        geometry=np.zeros(0, dtype=object),
        columns={},
        present=False,
        accuracy_m=0.0,
    )


def _with(first: Source, second: Source) -> Source:
    """`first`, and what only `second` has."""
    if first.stored is None or second.stored is None:
        return first
    new = np.flatnonzero(~np.isin(second.rows.version_id, first.rows.version_id))
    a, b = first.stored, second.stored
    columns = {name: [*c, *(b.columns[name][i] for i in new)] for name, c in a.columns.items()}
    stored = FeatureRows(
        key=np.concatenate([a.key, b.key[new]]),
        version_id=np.concatenate([a.version_id, b.version_id[new]]),
        opened_by=np.concatenate([a.opened_by, b.opened_by[new]]),
        accuracy_m=np.concatenate([a.accuracy_m, b.accuracy_m[new]]),
        valid_from=[*a.valid_from, *(b.valid_from[i] for i in new)],
        valid_to=[*a.valid_to, *(b.valid_to[i] for i in new)],
        geometry=np.concatenate([a.geometry, b.geometry[new]]),
        columns=columns,
    )
    merged = Rows(
        layer=first.rows.layer,
        key=stored.key,
        version_id=stored.version_id,
        geometry=np.concatenate([first.rows.geometry, second.rows.geometry[new]]),
        columns=columns,
        present=first.rows.present,
        accuracy_m=first.rows.accuracy_m,
    )
    return Source(rows=merged, stored=stored, delivery=first.delivery)


def _index(layer: Rows, ref: Ref) -> int:
    return int(np.flatnonzero(layer.version_id == ref[2])[0])


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
