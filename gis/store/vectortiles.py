"""Vector tiles, through the same conditions as items."""

from __future__ import annotations

import math

from psycopg.sql import SQL, Composable, Identifier

from gis.errors import TileError
from gis.layers.model import Layer
from gis.store.filters import Node
from gis.store.filters_sql import answerable, condition
from gis.store.latest import latest_join
from gis.store.pool import Store
from gis.store.queries import layer_table, query
from gis.store.query import valid_condition
from gis.store.times import When

DEEPEST = 22
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
PIXELS = 256  # a tile's side


def tile(
    store: Store,
    layer: Layer,
    z: int,
    x: int,
    y: int,
    when: When = None,
    *,
    filter: Node | None = None,
) -> bytes:
    """One Mapbox vector tile of the Web Mercator grid (y from the north); b"" where empty.

    Layer name = layer.id, feature id = key, properties = the layer's fields and latest_*; only
    features for which `filter` is true. Raises TileError where the grid has no such tile, and
    LayerError for a filter the layer can't answer.
    """
    if not 0 <= z <= DEEPEST or not (0 <= x < 2**z and 0 <= y < 2**z):
        raise TileError(
            zh=f"没有瓦片 {z}/{y}/{x}：级别 0–{DEEPEST}，行列 0–2^级别-1",
            en=f"there is no tile {z}/{y}/{x}: zoom is 0 to {DEEPEST}, row and column are below "
            f"2^zoom",
            z=z,
            x=x,
            y=y,
        )
    params: dict[str, object] = {"layer": layer.id, "z": z, "x": x, "y": y}
    names, chosen = _chosen(layer, z, x, y, when, filter, params)
    latest, more = latest_join(layer, when)
    statement = query("tile", properties=_columns(layer, names), chosen=chosen, latest=latest)
    doing = f"生成图层 {layer.id} 的瓦片", f"build a tile of layer {layer.id}"
    with (
        answerable(filter),
        store.reading(*doing) as conn,
        conn.cursor(binary=True) as cur,
    ):
        row = cur.execute(statement, params | more).fetchone()
    return bytes(row[0]) if row and row[0] else b""


def tile_bounds(z: int, x: int, y: int, buffer: float = 0.0) -> tuple[float, float, float, float]:
    """West, south, east, north of a tile in degrees, widened by `buffer` of its side."""
    side = 360 / 2**z
    west = x * side - 180

    def latitude(row: float) -> float:
        return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * row / 2**z))))

    return (
        west - buffer * side,
        latitude(y + 1 + buffer),
        west + side * (1 + buffer),
        latitude(y - buffer),
    )


def _chosen(
    layer: Layer,
    z: int,
    x: int,
    y: int,
    when: When,
    filter: Node | None,
    params: dict[str, object],
) -> tuple[tuple[str, ...], Composable]:
    """The fields a tile carries, and the rows it is made of."""
    west, south, east, north = tile_bounds(z, x, y, BUFFER)
    params |= {"west": west, "south": south, "east": east, "north": north}
    box = SQL("t.geom && ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4490)")
    parts = [box, valid_condition(when, params)]
    if filter is not None:
        parts.append(condition(filter, layer, when, params))
    where = SQL(" AND ").join(parts)
    table = layer_table(layer.id)
    full, pixels = THINNING.get(str(layer.style.get("kind")), (0, 0.0))
    if z >= full:
        return layer.field_names, query("tile_all", table=table, where=where)
    params["cell"] = pixels * 360 / 2**z / PIXELS
    return _drawn(layer), query("tile_thinned", table=table, where=where)


def _drawn(layer: Layer) -> tuple[str, ...]:
    """What drawing a small-scale map needs: the style's fields. The rest is an item away."""
    named = {str(layer.style.get(word)) for word in ("color_by", "label")}
    return tuple(name for name in layer.field_names if name in named)


def _columns(layer: Layer, names: tuple[str, ...]) -> Composable:
    """MVT knows texts, numbers and booleans: dates go as ISO texts."""
    parts: list[Composable] = []
    for name in names:
        column = SQL("{}::text") if layer.field(name).type in ("date", "datetime") else SQL("{}")
        parts.append(SQL("{} AS {}").format(column.format(Identifier("t", name)), Identifier(name)))
    if layer.latest_of is not None:
        parts.append(SQL("o.value AS latest_value, o.time::text AS latest_time"))
    return SQL(", ").join(parts) if parts else SQL("NULL::text AS nothing")
