"""Vector tiles of layers written out, for maps that have no server of ours behind them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from gis.coords.matrixsets import WEB_MERCATOR, Box
from gis.errors import TileError
from gis.layers import Layer
from gis.store import Instant, Interval, Store, When
from gis.store.vectortiles import Moment, TileQuery, one_moment, whole_from
from gis.tiles.archive import Archive, Form, new_archive, order
from gis.tiles.mvtlayers import known_fields, vector_layers

ASKED_AT_ONCE = 1024  # places whose emptiness is one question
DEEPEST = 18
Place = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What was written. `versions`: layer -> the delivery whose state is shown."""

    path: str
    format: Form
    layers: tuple[str, ...]
    versions: dict[str, int]
    min_zoom: int
    max_zoom: int
    bounds: Box
    tiles: int
    bytes: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What to write: `layers` in each tile in this order, as they were at `when`; levels from
    `min_zoom` to `max_zoom` (None: the first at which every feature and corner is there);
    fields, labels: as in `TileQuery`. Raises TileError or LayerError for
    what can't be."""

    layers: tuple[Layer, ...]
    when: When = None
    min_zoom: int = 0
    max_zoom: int | None = None
    fields: tuple[str, ...] | None = None
    labels: bool = False

    def __post_init__(self) -> None:
        if not self.layers:
            raise TileError(zh="没有要导出的图层", en="there is no layer to export")
        for name in self.fields or ():
            if not any(name in known_fields(layer) for layer in self.layers):
                self.layers[0].field(name)  # says which there are
        if isinstance(self.when, Interval):
            raise TileError(
                zh="只能导出一个时刻的瓦片，不能是时间段",
                en="tiles are exported as of one moment, not of an interval",
            )
        if not 0 <= self.min_zoom <= self.deepest <= DEEPEST:
            raise TileError(
                zh=f"级别 {self.min_zoom}–{self.deepest} 无效：应在 0–{DEEPEST} 之间",
                en=f"levels {self.min_zoom} to {self.deepest} can't be: 0 to {DEEPEST}",
                min_zoom=self.min_zoom,
                max_zoom=self.deepest,
            )

    @property
    def deepest(self) -> int:
        """The last level."""
        return max(map(whole_from, self.layers)) if self.max_zoom is None else self.max_zoom


def export_tiles(
    store: Store,
    export: Export,
    out: Path,
    form: Form = "pmtiles",
    advance: Callable[[int], None] = lambda tiles: None,
) -> ExportReport:
    """Write the tiles of one state of the database to `out`, whole or not at all: byte for byte
    those that the server gives for `collections=` the same layers. Raises TileError where there
    is nothing to write, or `out` can't be written."""
    started = time.monotonic()
    written = 0
    with one_moment(store) as moment, new_archive(out, form) as archive:
        queries = [
            TileQuery(
                layer=layer, z=0, x=0, y=0, when=export.when, fields=_of(layer, export.fields),
                labels=export.labels,
            )
            for layer in export.layers
        ]  # fmt: skip
        bounds = _bounds(moment, queries)
        versions = {q.layer.id: moment.version(q) for q in queries}
        for z, here in _levels(moment, queries, export.deepest):
            if z >= export.min_zoom:
                for count in _written(moment, archive, queries, z, here):
                    written += count
                    advance(count)
        archive.finish(_tilejson(export, bounds, versions))
    size = (
        sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
        if out.is_dir()
        else (out.stat().st_size)
    )
    return ExportReport(
        path=str(out), format=form, layers=tuple(layer.id for layer in export.layers),
        versions=versions, min_zoom=export.min_zoom, max_zoom=export.deepest, bounds=bounds,
        tiles=written, bytes=size, seconds=round(time.monotonic() - started, 2),
    )  # fmt: skip


def _levels(
    moment: Moment, queries: Sequence[TileQuery], deepest: int
) -> Iterator[tuple[int, list[set[Place]]]]:
    """Level by level the places that may hold something, of each query. What holds nothing holds
    nothing deeper down either."""
    here: list[set[Place]] = [{(0, 0)} for _ in queries]
    for z in range(deepest + 1):
        here = [
            set(_occupied(moment, replace(q, z=z), sorted(places)))
            for q, places in zip(queries, here, strict=True)
        ]
        yield z, here
        here = [
            {(2 * x + i, 2 * y + j) for x, y in places for i in (0, 1) for j in (0, 1)}
            for places in here
        ]


def _occupied(moment: Moment, q: TileQuery, places: Sequence[Place]) -> Iterator[Place]:
    for start in range(0, len(places), ASKED_AT_ONCE):
        yield from moment.occupied(q, places[start : start + ASKED_AT_ONCE])


def _written(
    moment: Moment,
    archive: Archive,
    queries: Sequence[TileQuery],
    z: int,
    here: Sequence[set[Place]],
) -> Iterator[int]:
    """Write the tiles of a level; how many at each step."""
    for x, y in sorted(set().union(*here), key=lambda place: order(z, *place)):
        data = b"".join(
            moment.tile(replace(q, z=z, x=x, y=y)).data
            for q, places in zip(queries, here, strict=True)
            if (x, y) in places
        )
        if data:
            archive.put(z, x, y, data)
            yield 1


def _bounds(moment: Moment, queries: Sequence[TileQuery]) -> Box:
    found = [box for box in map(moment.extent, queries) if box is not None]
    if not found:
        names = "、".join(q.layer.id for q in queries)
        raise TileError(
            zh=f"图层 {names} 此时没有要素，没有可导出的瓦片",
            en=f"there is nothing to export: no features then in {names}",
        )
    west, south, east, north = zip(*found, strict=True)
    return min(west), min(south), max(east), max(north)


def _tilejson(export: Export, bounds: Box, versions: dict[str, int]) -> dict[str, Any]:
    west, south, east, north = bounds
    levels = export.min_zoom, export.deepest
    as_of = export.when.at.isoformat() if isinstance(export.when, Instant) else None
    return {
        "tilejson": "3.0.0",
        "name": "、".join(layer.title.zh for layer in export.layers),
        "description": ", ".join(layer.title.en for layer in export.layers),
        "type": "overlay",
        "format": "pbf",
        "scheme": "xyz",
        "minzoom": levels[0],
        "maxzoom": levels[1],
        "bounds": list(bounds),
        "center": [(west + east) / 2, (south + north) / 2, levels[1]],
        "vector_layers": vector_layers(export.layers, levels, export.fields, labels=export.labels),
        "crs": f"EPSG:{WEB_MERCATOR.epsg}",
        "versions": versions,
    } | ({} if as_of is None else {"datetime": as_of})


def _of(layer: Layer, fields: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if fields is None else tuple(f for f in fields if f in known_fields(layer))
