"""The one builder of queries on layers: items, tiles, rows and counts read through it.

A `LayerQuery` says what is wanted; each function below fills a statement of `sql/queries/` with
the conditions built here. Identifiers are composed, values are parameters.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
import psycopg
import shapely
from numpy.typing import NDArray
from psycopg.sql import SQL, Composable, Composed, Identifier, Placeholder
from psycopg.sql import Literal as SqlLiteral
from shapely.geometry.base import BaseGeometry

from gis.coords import from_epsg
from gis.errors import LayerError
from gis.layers.model import Layer
from gis.store.filters import Node
from gis.store.filters_sql import answerable, condition
from gis.store.latest import latest_join
from gis.store.literals import literal
from gis.store.paging import Direction, Mark, beyond, mark_column, mark_of, order
from gis.store.pool import Store
from gis.store.queries import layer_table, query
from gis.store.times import Instant, Interval, When

COUNT_BOUND = 10_000  # above it, a page does not say how many match
FILTERED_BOUND = 1_000  # so too where a filter must be asked of every row: counting was the page
SURE = 4  # times the bound: so many expected, there are too many
LARGEST = 2**63 - 1
# PostGIS may keep degrees as they are: the same place within the metre that 4490 v 4326 can say.
SAME_DEGREES = (4490, 4326)
PLANE_DIGITS = 4
WITH_TIMES = ("valid_from", "valid_to")
WITH_LATEST = ("latest_value", "latest_time")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerQuery:
    """What is wanted of a layer.

    when:   None = now, an Instant = the state then, an Interval = every version that overlaps
    bbox:   west, south, east, north in degrees (EPSG:4490); west > east crosses 180°
    where:  field -> value (text as in a URL, or typed); None = is empty
    fields: properties to give; None = all, with valid_from, valid_to and latest_*
    srid, digits: of the geometry in items; at most 4 digits where the frame is in metres
    within: only what intersects it (EPSG:4490, longitude first)
    filter: only where it is true; its geometries like `within`'s
    after: only rows behind that one in the order (ItemsPage.after); counts and extents ignore it
    version_ids: `id` of items is the number of the version, not of the feature: unique also
            where an interval gives several versions of one feature
    Raises LayerError for what the layer has not, UnknownFrame for an unknown srid.
    """

    layer: Layer
    when: When = None
    bbox: tuple[float, float, float, float] | None = None
    keys: tuple[int, ...] | None = None
    where: Mapping[str, Any] = field(default_factory=dict)
    limit: int | None = None
    offset: int = 0
    sortby: tuple[tuple[str, Direction], ...] = ()
    fields: tuple[str, ...] | None = None
    geometry: bool = True
    srid: int = 4490
    digits: int = 9
    within: BaseGeometry | None = None
    filter: Node | None = None
    after: Mark | None = None
    version_ids: bool = False

    def __post_init__(self) -> None:
        if self.bbox is not None and not (
            all(map(math.isfinite, self.bbox)) and self.bbox[1] <= self.bbox[3]
        ):
            raise LayerError(
                zh=f"范围 {self.bbox} 无效：应为 西,南,东,北（度），南不大于北",
                en=f"bbox {self.bbox} is not west,south,east,north in degrees with south <= north",
                bbox=self.bbox,
            )
        for name, value in (("limit", self.limit), ("offset", self.offset)):
            if value is not None and not 0 <= value <= LARGEST:
                raise LayerError(
                    zh=f"{name} 不能是 {value}，应为不小于 0 的整数",
                    en=f"{name} can't be {value}; it is a whole number from 0",
                    parameter=name,
                    value=value,
                )

    @property
    def plain(self) -> bool:
        """Whether every current feature of the layer is meant."""
        conditions = (self.when, self.bbox, self.keys, self.within, self.filter)
        return not self.where and all(condition is None for condition in conditions)


@dataclass(frozen=True, slots=True)
class ItemsPage:
    """GeoJSON Feature texts. `matched`: how many there are in all; None = too many to count.
    `after`: the last one's mark, where more follow."""

    features: list[str]
    matched: int | None
    after: Mark | None = None

    @property
    def returned(self) -> int:
        return len(self.features)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureRows:
    """Rows as columns of one length n. Geometry: shapely, EPSG:4490, longitude first, z in the
    city's height datum; `valid_to` None = still current. Columns: the fields asked for (and
    latest_value, latest_time where the layer has them)."""

    key: NDArray[np.int64]
    version_id: NDArray[np.int64]
    opened_by: NDArray[np.int64]
    accuracy_m: NDArray[np.float64]
    valid_from: list[datetime]
    valid_to: list[datetime | None]
    geometry: NDArray[np.object_]
    columns: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(self.key)


def items(store: Store, q: LayerQuery) -> ItemsPage:
    """A page of features: `id` = key, properties as `q.fields` says."""
    statement, params = items_statement(q, counted=True)
    with _reading(store, q) as conn:
        found = conn.execute(statement, params).fetchall()
        matched = seen(q, found)
        if matched is None and worth_counting(q, found):
            row = conn.execute(*counting(q)).fetchone()
            matched = bounded(q, row[0] if row else None)
    return items_page(q, found, matched)


Row = tuple[Any, ...]  # of `items_statement` with `counted`: text, perhaps a mark, the layer's size


def seen(q: LayerQuery, found: Sequence[Row]) -> int | None:
    """How many match, where the page itself says so."""
    full = q.limit is not None and len(found) >= q.limit
    if not full and q.after is None and (found or not q.offset):
        return q.offset + len(found)
    return int(found[0][-1]) if q.plain and found else None


def worth_counting(q: LayerQuery, found: Sequence[Row]) -> bool:
    """Whether there may be few enough to say how many. Counting what a filter finds costs many
    pages: where the matches stand so close in the page that there must be far too many, it is
    known without."""
    if q.filter is None or q.sortby or not found or isinstance(q.when, Interval):
        return True
    behind = int(q.after[0]) if q.after else 0
    span = max(1, int(mark_of(q, found[-1][:-1])[0]) - behind)
    return bool((q.offset + len(found)) * int(found[0][-1] or 0) / span < SURE * FILTERED_BOUND)


def counting(q: LayerQuery) -> tuple[Composed, dict[str, Any]]:
    """The statement that counts, no further than needed; `bounded` reads its figure."""
    if q.plain:
        return query("layer_count"), {"layer": q.layer.id}
    where, params = conditions(q)
    statement = query("item_count_bounded", table=layer_table(q.layer.id), where=where)
    return statement, params | {"bound": _bound(q) + 1}


def bounded(q: LayerQuery, counted: int | None) -> int | None:
    """The figure as a page says it: None = too many."""
    return counted if q.plain or counted is None or counted <= _bound(q) else None


def items_page(q: LayerQuery, found: Sequence[Row], matched: int | None) -> ItemsPage:
    """The page of what `items_statement` gave."""
    page, after = found[: q.limit], None
    full = q.limit is not None and len(found) >= q.limit
    last = len(found) == len(page) if q.after is not None else matched == q.offset + len(page)
    if page and full and not last:
        after = mark_of(q, page[-1][:-1])
    return ItemsPage([row[0] for row in page], matched, after)


def _bound(q: LayerQuery) -> int:
    return COUNT_BOUND if q.filter is None else FILTERED_BOUND


def item(
    store: Store, q: LayerQuery | Layer, key: int, when: When = None, srid: int = 4490
) -> str | None:
    """One feature as GeoJSON text, None where there is none (then). `q` says which fields and
    digits; of several versions in an interval the newest is given."""
    if isinstance(q, Layer):
        q = LayerQuery(layer=q, when=when, srid=srid)
    else:
        q = replace(
            q, when=when if when is not None else q.when, srid=srid if srid != 4490 else q.srid
        )
    statement, params = items_statement(replace(q, keys=(key,), limit=1), newest_first=True)
    with _reading(store, q) as conn:
        row = conn.execute(statement, params).fetchone()
    return row[0] if row else None


def count(store: Store, q: LayerQuery) -> int:
    """How many rows match, exactly; limit and offset do not count."""
    where, params = conditions(q)
    with _reading(store, q) as conn:
        if q.plain:
            row = conn.execute(query("layer_count"), {"layer": q.layer.id}).fetchone()
        else:
            statement = query("item_count", table=layer_table(q.layer.id), where=where)
            row = conn.execute(statement, params).fetchone()
    return int(row[0]) if row else 0


def extent(store: Store, q: LayerQuery) -> tuple[float, float, float, float] | None:
    """West, south, east, north of what matches, degrees (EPSG:4490); None where nothing does."""
    where, params = conditions(q)
    statement = query("layer_extent", table=layer_table(q.layer.id), where=where)
    with _reading(store, q) as conn:
        row = conn.execute(statement, params).fetchone()
    return None if row is None or row[0] is None else (row[0], row[1], row[2], row[3])


def rows(store: Store, q: LayerQuery) -> FeatureRows:
    """The same rows as `items`, as values; always in EPSG:4490."""
    statement, params, names = rows_statement(replace(q, srid=4490))
    with _reading(store, q) as conn, conn.cursor(binary=True) as cur:
        return feature_rows(names, cur.execute(statement, params).fetchall())


def rows_statement(q: LayerQuery) -> tuple[Composed, dict[str, Any], tuple[str, ...]]:
    """The statement behind `rows` (geometries in `q.srid`), its parameters and the columns'
    names."""
    names = _names(q, WITH_LATEST if q.layer.latest_of else ())
    where, params = _page_conditions(q)
    latest, more = latest_join(q.layer, q.when)
    shape = SQL("ST_AsBinary({})").format(_placed(q.srid))
    statement = query(
        "rows",
        table=layer_table(q.layer.id),
        latest=latest,
        where=where,
        order=order(q),
        geometry=shape if q.geometry else SQL("NULL::bytea"),
        properties=_properties(names) if names else SQL("NULL"),
    )
    return statement, params | more | {"limit": q.limit, "offset": q.offset}, names


def feature_rows(names: tuple[str, ...], found: Sequence[tuple[Any, ...]]) -> FeatureRows:
    """What `rows_statement` gave, by columns."""
    columns = list(zip(*found, strict=True)) or [()] * (7 + max(1, len(names)))
    return FeatureRows(
        key=np.array(columns[0], dtype=np.int64),
        version_id=np.array(columns[1], dtype=np.int64),
        opened_by=np.array(columns[2], dtype=np.int64),
        accuracy_m=np.array(columns[3], dtype=np.float64),
        valid_from=list(columns[4]),
        valid_to=list(columns[5]),
        geometry=shapely.from_wkb(np.array(columns[6], dtype=object)),
        columns={name: list(column) for name, column in zip(names, columns[7:], strict=False)},
    )


def items_statement(
    q: LayerQuery, *, newest_first: bool = False, counted: bool = False
) -> tuple[Composed, dict[str, Any]]:
    """The statement behind `items`, and its parameters. `counted`: with one more column, how many
    current features the layer has."""
    extra = WITH_TIMES + (WITH_LATEST if q.layer.latest_of else ())
    names = _names(q, extra)
    where, params = _page_conditions(q)
    latest, more = latest_join(q.layer, q.when)
    statement = query(
        "items_skipping" if q.offset else "items",
        id=SQL("t.version_id") if q.version_ids else SQL("t.key"),
        mark=SQL("") if newest_first else mark_column(q),
        counted=query("layer_size", layer=SqlLiteral(q.layer.id)) if counted else SQL(""),
        table=layer_table(q.layer.id),
        geometry=_geojson(q),
        properties=_properties(names),
        latest=latest,
        where=where,
        order=SQL("lower(t.valid) DESC") if newest_first else order(q),
    )
    # behind a mark nobody knows how many are left: one more row tells whether there are
    limit = q.limit if q.limit is None or q.after is None else q.limit + 1
    return statement, params | more | {"limit": limit, "offset": q.offset}


def conditions(q: LayerQuery) -> tuple[Composed, dict[str, Any]]:
    """The WHERE of a query on `{table} AS t`, the index's conditions first."""
    parts: list[Composable] = []
    params: dict[str, Any] = {}
    areas = {"bbox": _box(q.bbox) if q.bbox else None, "within": q.within}
    for name, area in areas.items():
        if area is not None:
            params[name] = shapely.to_wkb(shapely.force_2d(area))
            shape = SQL("ST_GeomFromWKB({}, 4490)").format(Placeholder(name))
            # && alone rounds to 32-bit floats: up to a metre too much at our longitudes.
            parts.append(SQL("t.geom && {0} AND ST_Intersects(t.geom, {0})").format(shape))
    if q.keys is not None:
        params["keys"] = [key for key in q.keys if abs(key) <= LARGEST]
        parts.append(SQL("t.key = ANY(%(keys)s::bigint[])"))
    parts.append(valid_condition(q.when, params))
    for i, (name, value) in enumerate(q.where.items()):
        column = Identifier("t", q.layer.field(name).name)
        if value is None:
            parts.append(SQL("{} IS NULL").format(column))
        else:
            params[f"value{i}"] = literal(q.layer.field(name), value)
            parts.append(SQL("{} = {}").format(column, Placeholder(f"value{i}")))
    if q.filter is not None:
        parts.append(condition(q.filter, q.layer, q.when, params))
    return SQL(" AND ").join(parts), params


def _page_conditions(q: LayerQuery) -> tuple[Composed, dict[str, Any]]:
    where, params = conditions(q)
    behind = beyond(q, params)
    return (where if behind is None else SQL(" AND ").join([where, behind])), params


def valid_condition(when: When, params: dict[str, Any]) -> Composable:
    """The condition on valid time; adds its parameters to `params`."""
    if when is None:
        return SQL("upper_inf(t.valid)")
    if isinstance(when, Instant):
        params["at"] = when.at
        return SQL("t.valid @> %(at)s::timestamptz")
    params["start"], params["end"] = when.start, when.end
    return SQL("t.valid && tstzrange(%(start)s, %(end)s, '[]')")


@contextmanager
def _reading(store: Store, q: LayerQuery) -> Iterator[psycopg.Connection]:
    doing = f"查询图层 {q.layer.id}", f"query layer {q.layer.id}"
    with answerable(q.filter), store.reading(*doing) as conn:
        yield conn


def _box(bbox: tuple[float, float, float, float]) -> BaseGeometry:
    """The box as what it is: a polygon, or a line or point where it has no area (a polygon
    without area intersects nothing), or two polygons where it crosses 180°."""
    west, south, east, north = bbox
    if west > east:
        return shapely.MultiPolygon(
            [shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)]
        )
    if west == east and south == north:
        return shapely.Point(west, south)
    if west == east or south == north:
        return shapely.LineString([(west, south), (east, north)])
    return shapely.box(west, south, east, north)


def _names(q: LayerQuery, extra: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the properties asked for, each one known."""
    if q.fields is None:
        return q.layer.field_names + extra
    return tuple(name if name in extra else q.layer.field(name).name for name in q.fields)


@lru_cache(maxsize=512)
def _properties(names: tuple[str, ...]) -> SQL:
    """The columns of the properties. Kept as text: composing them anew for every request costs
    more than reading ten rows."""
    special: dict[str, Composable] = {
        "valid_from": SQL("lower(t.valid)"),
        "valid_to": SQL("upper(t.valid)"),
        "latest_value": SQL("o.value"),
        "latest_time": SQL("o.time"),
    }
    parts = [
        SQL("{} AS {}").format(special.get(name, Identifier("t", name)), Identifier(name))
        for name in names
    ]
    return SQL(SQL(", ").join(parts).as_string())


def _geojson(q: LayerQuery) -> SQL:
    """The geometry as JSON text. Always x = east first: axis order is the API's door."""
    return _geojson_in(q.srid, q.digits) if q.geometry else SQL("'null'")


@lru_cache(maxsize=128)
def _geojson_in(srid: int, digits: int) -> SQL:
    if srid not in SAME_DEGREES and from_epsg(srid).unit != "degree":
        digits = min(digits, PLANE_DIGITS)
    text = SQL("coalesce(ST_AsGeoJSON({}, {}, 0), 'null')")
    return SQL(text.format(_placed(srid), SqlLiteral(int(digits))).as_string())


def _placed(srid: int) -> Composable:
    """The geometry in the system asked for. Raises UnknownFrame."""
    if srid in SAME_DEGREES:
        return SQL("t.geom")
    from_epsg(srid)
    source = SQL("ST_SetSRID(t.geom, 4326)") if srid == 3857 else SQL("t.geom")
    return SQL("ST_Transform({}, {})").format(source, SqlLiteral(srid))
