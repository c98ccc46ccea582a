"""Vector tiles, through the same conditions as items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from gis.coords.matrixsets import DEEPEST, PIXELS, WEB_MERCATOR, Box, MatrixSet
from gis.errors import TileError
from gis.layers.model import Layer
from gis.store.filters import Node
from gis.store.filters_sql import answerable, condition
from gis.store.latest import FIGURES, latest_join
from gis.store.pool import Store
from gis.store.queries import layer_table, query
from gis.store.query import valid_condition
from gis.store.times import Instant, Interval, When

__all__ = [
    "DEEPEST",
    "TileQuery",
    "MadeTile",
    "tile",
    "make_tile",
    "tile_bounds",
    "touched_since",
    "versions_at",
    "one_moment",
    "Moment",
    "whole_from",
]

BUFFER = 64 / 4096  # of a tile's side, as in tile.sql
# style kind -> (zoom from which everything is shown, cell in pixels below it). What is smaller
# than a cell is shown once a cell. Kinds that are not here are few and weighty: always shown.
THINNING: dict[str, tuple[int, float]] = {
    "building": (15, 3),
    "line": (15, 2),
    "point": (16, 6),
    "label": (16, 32),
    "fill": (14, 2),
    "hatch": (14, 2),
    "road": (14, 2),
    "outline": (14, 1),
}
# Below this zoom corners that no eye can see (a quarter of a pixel) are left out.
EXACT_FROM, UNSEEN_PIXELS = 14, 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class TileQuery:
    """What is wanted of a layer in one tile.

    z, x, y: of `grid`, y from the north; when, filter: as in `LayerQuery`.
    fields: properties to give, latest_* among them; None = all, at small scales those that
    drawing needs. labels: also a layer `<id>.labels` with one point inside each feature, in the
    one tile that holds it.
    """

    layer: Layer
    z: int
    x: int
    y: int
    grid: MatrixSet = WEB_MERCATOR
    when: When = None
    filter: Node | None = None
    fields: tuple[str, ...] | None = None
    labels: bool = False

    def __post_init__(self) -> None:
        if not self.grid.has(self.z, self.x, self.y):
            first, last = self.grid.levels
            raise TileError(
                zh=f"{self.grid.id} 没有瓦片 {self.z}/{self.y}/{self.x}：级别 {first}–{last}，"
                f"行列须在该级别范围内",
                en=f"{self.grid.id} has no tile {self.z}/{self.y}/{self.x}: zoom is {first} to "
                f"{last}, row and column are inside that level",
                z=self.z,
                x=self.x,
                y=self.y,
            )

    @property
    def box(self) -> Box:
        """West, south, east, north in degrees of what can be seen in it, its buffer included."""
        return self.grid.box(self.z, self.x, self.y, BUFFER)


@dataclass(frozen=True, slots=True)
class MadeTile:
    """A tile and the delivery whose state it shows (0: none yet; None: of an interval)."""

    data: bytes
    version: int | None


def tile(
    store: Store,
    layer: Layer,
    z: int,
    x: int,
    y: int,
    when: When = None,
    *,
    filter: Node | None = None,
    grid: MatrixSet = WEB_MERCATOR,
) -> bytes:
    """One Mapbox vector tile (y from the north); b"" where empty.

    Layer name = layer.id, feature id = key, properties = the layer's fields and latest_*; only
    features for which `filter` is true. Raises TileError where the grid has no such tile, and
    LayerError for a filter the layer can't answer.
    """
    q = TileQuery(layer=layer, z=z, x=x, y=y, grid=grid, when=when, filter=filter)
    return make_tile(store, q).data


def make_tile(store: Store, q: TileQuery) -> MadeTile:
    """The tile, and which state of the layer it shows. Raises LayerError for a field or filter
    that the layer hasn't."""
    doing = f"生成图层 {q.layer.id} 的瓦片", f"build a tile of layer {q.layer.id}"
    with answerable(q.filter), store.reading(*doing) as conn:
        return _made(conn, q)


def _made(conn: psycopg.Connection, q: TileQuery) -> MadeTile:
    statement, params = _statement(q)
    with conn.cursor(binary=True) as cur:
        row = cur.execute(statement, params).fetchone()
    data, version = row or (None, None)
    return MadeTile(bytes(data or b""), None if isinstance(q.when, Interval) else version or 0)


def tile_bounds(z: int, x: int, y: int, buffer: float = 0.0) -> Box:
    """West, south, east, north of a Web Mercator tile in degrees, widened by `buffer` of its
    side."""
    return WEB_MERCATOR.box(z, x, y, buffer)


def touched_since(store: Store, q: TileQuery, version: int) -> bool:
    """Whether the tile as it is now can differ from what it was after delivery `version`."""
    west, south, east, north = q.box
    params = {"old": version, "west": west, "south": south, "east": east, "north": north}
    with store.reading() as conn:
        statement = query("tile_touched", table=layer_table(q.layer.id))
        row = conn.execute(statement, params).fetchone()
    return row is None or bool(row[0])


def versions_at(store: Store, layers: Iterable[Layer], when: When = None) -> Mapping[str, int]:
    """Layer id -> `version_at` of it, all in one question."""
    at = when.at if isinstance(when, Instant) else None
    params = {"layers": [layer.id for layer in layers], "at": at}
    with store.reading() as conn:
        found = conn.execute(query("versions_at"), params).fetchall()
    return {layer: version or 0 for layer, version in found}


class Moment:
    """One state of the database, however long it is read."""

    def __init__(self, conn: psycopg.Connection) -> None:
        self._conn = conn

    def tile(self, q: TileQuery) -> MadeTile:
        """As `make_tile`."""
        with answerable(q.filter):
            return _made(self._conn, q)

    def version(self, q: TileQuery) -> int:
        """The delivery that the layer's state comes from; 0 = none yet."""
        at = q.when.at if isinstance(q.when, Instant) else None
        row = self._conn.execute(
            query("versions_at"), {"layers": [q.layer.id], "at": at}
        ).fetchone()
        return row[1] or 0 if row else 0

    def extent(self, q: TileQuery) -> Box | None:
        """West, south, east, north of all there is, wherever the tile; None where nothing is."""
        where, params = self._where(q)
        statement = query("layer_extent", table=layer_table(q.layer.id), where=where)
        row = self._conn.execute(statement, params).fetchone()
        return None if row is None or row[0] is None else (row[0], row[1], row[2], row[3])

    def occupied(self, q: TileQuery, places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Those of `places` (x, y at the zoom of `q`) whose tile may hold something. Twice the
        buffer is looked at: sides are straight in degrees here, in the grid's plane there."""
        boxes = [q.grid.box(q.z, x, y, 2 * BUFFER) for x, y in places]
        sides = zip(("west", "south", "east", "north"), zip(*boxes, strict=True), strict=True)
        where, params = self._where(q)
        params |= {name: list(values) for name, values in sides}
        statement = query("tile_occupied", table=layer_table(q.layer.id), where=where)
        found = {row[0] for row in self._conn.execute(statement, params).fetchall()}
        return [place for i, place in enumerate(places, 1) if i in found]

    def _where(self, q: TileQuery) -> tuple[Composable, dict[str, object]]:
        params: dict[str, object] = {}
        parts: list[Composable] = [valid_condition(q.when, params)]
        if q.filter is not None:
            parts.append(condition(q.filter, q.layer, q.when, params))
        return SQL(" AND ").join(parts), params


@contextmanager
def one_moment(store: Store) -> Iterator[Moment]:
    """The database as it is now, until the end of the block."""
    with store.connection("读取瓦片", "read tiles") as conn:
        conn.execute(query("snapshot"))
        yield Moment(conn)


def whole_from(layer: Layer) -> int:
    """The zoom from which a layer's tiles show every feature and every corner."""
    return max(EXACT_FROM, _thinning(layer)[0])


def _statement(q: TileQuery) -> tuple[Composed, dict[str, object]]:
    params: dict[str, object] = {"layer": q.layer.id, "z": q.z, "x": q.x, "y": q.y}
    params["version_at"] = q.when.at if isinstance(q.when, Instant) else None
    chosen = _chosen(q, params)
    latest, more = latest_join(q.layer, q.when)
    parts = {"properties": _columns(q), "frame": _frame(q, params), "latest": latest}

    def part(name: str, shape: Composable, rows: Composable) -> Composable:
        made = query("tile", name=Literal(name), shape=shape, chosen=rows, **parts)
        return SQL("coalesce(({}), ''::bytea)").format(made)

    layers = [part(q.layer.id, _shape(q, params), chosen)]
    if q.labels:
        west, south, east, north = q.grid.box(q.z, q.x, q.y)
        params |= {"left": west, "bottom": south, "right": east, "top": north}
        spots = query("tile_labels", chosen=chosen)
        layers.append(part(f"{q.layer.id}.labels", _placed(q.grid, Identifier("t", "spot")), spots))
    return query("tile_versioned", layers=SQL(" || ").join(layers)), params | more


def _chosen(q: TileQuery, params: dict[str, object]) -> Composable:
    """The rows a tile is made of."""
    west, south, east, north = q.box
    params |= {"west": west, "south": south, "east": east, "north": north}
    box = SQL("t.geom && ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4490)")
    parts = [box, valid_condition(q.when, params)]
    if q.filter is not None:
        parts.append(condition(q.filter, q.layer, q.when, params))
    where = SQL(" AND ").join(parts)
    table = layer_table(q.layer.id)
    full, pixels = _thinning(q.layer)
    if q.z >= full:
        return query("tile_all", table=table, where=where)
    params["cell"] = pixels * 360 / 2**q.z / PIXELS
    return query("tile_thinned", table=table, where=where)


def _shape(q: TileQuery, params: dict[str, object]) -> Composable:
    # flat: simplifying and cutting lines with heights mixes dimensions, which PostGIS refuses
    placed = _placed(q.grid, SQL("ST_Force2D(t.geom)"))
    if q.z >= EXACT_FROM or q.layer.geometry.startswith("Point"):
        return placed
    params["unseen"] = UNSEEN_PIXELS * q.grid.cell(q.z)
    return SQL("ST_Simplify({}, %(unseen)s, true)").format(placed)


def _placed(grid: MatrixSet, geometry: Composable) -> Composable:
    """A stored geometry in the system of the grid. CGCS2000 is taken as WGS 84 for Web Mercator:
    the same within the stated metre."""
    if grid.unit == "degree":
        return geometry
    return SQL("ST_Transform(ST_SetSRID({}, 4326), 3857)").format(geometry)


def _frame(q: TileQuery, params: dict[str, object]) -> Composable:
    if q.grid.unit == "metre":
        return SQL("ST_TileEnvelope(%(z)s, %(x)s, %(y)s)")
    sides = ("frame_west", "frame_south", "frame_east", "frame_north")
    params |= dict(zip(sides, q.grid.box(q.z, q.x, q.y), strict=True))
    return SQL(
        "ST_MakeEnvelope(%(frame_west)s, %(frame_south)s, %(frame_east)s, %(frame_north)s, 4490)"
    )


def _thinning(layer: Layer) -> tuple[int, float]:
    return THINNING.get(str(layer.style.get("kind")), (0, 0.0))


def _drawn(layer: Layer) -> tuple[str, ...]:
    """What drawing a small-scale map needs: the style's fields. The rest is an item away."""
    named = {str(layer.style.get(word)) for word in ("color_by", "label")}
    return tuple(name for name in layer.field_names if name in named)


def _columns(q: TileQuery) -> Composable:
    """MVT knows texts, numbers and booleans: dates go as ISO texts."""
    layer = q.layer
    latest = tuple(FIGURES) if layer.latest_of is not None else ()
    names = q.fields
    if names is None:
        drawn = layer.field_names if q.z >= _thinning(layer)[0] else _drawn(layer)
        names = drawn + latest
    parts: list[Composable] = []
    for name in dict.fromkeys(names):
        if name in latest:
            column: Composable = Identifier("o", FIGURES[name])
            dated = name == "latest_time"
        else:
            column, dated = Identifier("t", name), layer.field(name).type in ("date", "datetime")
        shown = SQL("{}::text" if dated else "{}").format(column)
        parts.append(SQL("{} AS {}").format(shown, Identifier(name)))
    return SQL(", ").join(parts) if parts else SQL("NULL::text AS nothing")
