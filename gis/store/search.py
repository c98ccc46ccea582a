"""Finding features by what people call them: names, numbers, codes."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg.rows import class_row
from psycopg.sql import SQL, Composable, Identifier

from gis.layers.model import Layer
from gis.store.pool import Store
from gis.store.queries import layer_table, query

NAMES = ("name", "project", "road")  # fields that hold what people call a thing
LEAST_LETTERS = 2  # below it everything matches
MOST_LETTERS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A feature that was found. rank: 0 the same, 1 begins so, 2 holds it. Degrees, EPSG:4490;
    lon and lat lie on the feature."""

    key: int
    title: str
    number: str
    rank: int
    lon: float
    lat: float
    west: float
    south: float
    east: float
    north: float


def search(store: Store, layer: Layer, text: str, limit: int = 10) -> list[Found]:
    """Current features of `layer` whose name or number holds `text` (as it is, or in capitals),
    best first; none for a text of less than two letters."""
    words = text.strip()[:MOST_LETTERS].replace("\x00", "")
    columns = _columns(layer)
    if len(words) < LEAST_LETTERS or not columns:
        return []
    pattern = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    patterns = sorted({pattern, pattern.upper()})
    params = {
        "same": sorted({words, words.upper()}),
        "begins": [f"{p}%" for p in patterns],
        "holds": [f"%{p}%" for p in patterns],
        "limit": limit,
    }
    number = SQL("concat_ws(' ', {})").format(SQL(", ").join(map(_column, layer.key)))
    title = SQL("coalesce({}, {})").format(_column(columns[0]), number)
    statement = query(
        "search_layer",
        table=layer_table(layer.id),
        title=title,
        number=number,
        ranks=SQL(", ").join(map(_rank, columns)),
        matches=SQL(" OR ").join(
            SQL("{} LIKE ANY(%(holds)s)").format(_column(name)) for name in columns
        ),
    )
    doing = f"在图层 {layer.id} 中查找", f"search layer {layer.id}"
    with store.reading(*doing) as conn, conn.cursor(row_factory=class_row(Found)) as cur:
        return cur.execute(statement, params).fetchall()


def _columns(layer: Layer) -> list[str]:
    """The fields looked into, the one that makes the best title first."""
    texts = {f.name for f in layer.fields if f.type == "text"}
    return [name for name in (*NAMES, *layer.key) if name in texts]


def _column(name: str) -> Identifier:
    return Identifier("t", name)


def _rank(name: str) -> Composable:
    return SQL(
        "CASE WHEN {0} = ANY(%(same)s) THEN 0 WHEN {0} LIKE ANY(%(begins)s) THEN 1"
        " WHEN {0} LIKE ANY(%(holds)s) THEN 2 ELSE 9 END"
    ).format(_column(name))
