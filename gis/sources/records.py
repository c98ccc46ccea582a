"""JSON that is a list of records, as web services and test data give it: columns by name, the
geometry as a text (EWKT), as GeoJSON, or by columns of coordinates.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.coords import Frame
from gis.errors import SourceError
from gis.layers.batch import RawBatch
from gis.layers.model import Layer
from gis.sources.columns import BATCH, objects
from gis.sources.delivery import Delivery, file_digest
from gis.sources.placing import Wrong, place_points, shapes_from_wkt, without
from gis.sources.table import Place, place_of
from gis.sources.texts import decode, find_encoding
from gis.sources.vector import without_numberless
from gis.sources.wellknown import LOOKED_AT, shape_column, stated_frame

Columns = Mapping[str, NDArray[np.object_]]


def open_records(
    path: Path, member: str | None, *, layer: Layer, encoding: str = "auto", called: str
) -> Delivery:
    """`member` names the column of the geometry where there are several. `called`: the file's
    name in messages.

    Raises SourceError where the file is no list of records, or no column says where they lie."""
    data = path.read_bytes()
    found = find_encoding(data, called, encoding)
    rows = parsed(decode(data, found), called)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SourceError(
            zh=f"{called} 不是记录的列表（[{{…}}, …]）。请导出为 GeoJSON",
            en=f"{called} is no list of records ([{{…}}, …]). Export it as GeoJSON",
            source=called,
        )
    names = list(dict.fromkeys(str(name) for row in rows for name in row))
    columns = {name: objects(_value(row.get(name)) for row in rows) for name in names}
    return open_columns(
        path, columns, member, layer=layer, file_format="JSON", encoding=found, called=called
    )


def parsed(text: str, called: str) -> Any:
    """The value of a JSON text. Raises SourceError where it is none, or nested without end."""
    try:
        return json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError) as exc:
        raise SourceError(
            zh=f"{called} 不是完好的 JSON：{exc}。请重新导出",
            en=f"{called} is no whole JSON: {exc}. Export it again",
            source=called,
        ) from exc


def open_columns(
    path: Path, columns: Columns, member: str | None, *, layer: Layer, file_format: str,
    encoding: str | None, called: str,
) -> Delivery:  # fmt: skip
    """A delivery of columns that are in memory; what lies where is found from their contents."""
    sample = {name: column[:LOOKED_AT] for name, column in columns.items()}
    shapes = shape_column(sample, layer, member, called)
    place = None if shapes else place_of(list(columns))
    if shapes is None and (place is None or not layer.geometry.startswith("Point")):
        raise nowhere(called, list(columns), layer)
    declared, evidence = (None, ()) if not shapes else stated_frame(columns[shapes], shapes, called)

    def read(frame: Frame | None) -> Iterator[RawBatch]:
        for start in range(0, len(next(iter(columns.values()))), BATCH):
            part = {name: column[start : start + BATCH] for name, column in columns.items()}
            yield batch_of(part, start + 1, shapes, place, declared, frame, called)

    return Delivery(
        path=path,
        format=file_format,
        digest=file_digest(path),
        encoding=encoding,
        declared=declared,
        evidence=evidence,
        read=read,
    )


def batch_of(
    columns: Columns, first: int, shapes: str | None, place: Place | None,
    declared: Frame | None, frame: Frame | None, source: str,
) -> RawBatch:  # fmt: skip
    """Rows that begin with number `first`; their geometry is in the column `shapes`, or a point
    of the columns of `place`."""
    wrong: Wrong
    if shapes:
        geometry, wrong = shapes_from_wkt(columns, shapes, declared)
        placing = frozenset({shapes})
    else:
        assert place is not None
        geometry, wrong = place_points(
            columns, place.x, place.y, place.z, frame, source, sure=place.sure, angles=place.degrees
        )
        placing = place.names
    count = len(geometry)
    rows = np.arange(first, first + count, dtype=np.int64)
    batch = RawBatch(columns=columns, geometry=geometry, rows=rows, placing=placing)
    return without_numberless(without(batch, wrong))


def nowhere(called: str, names: list[str], layer: Layer) -> SourceError:
    listed = "、".join(names)
    return SourceError(
        zh=f"{called} 没有几何列（WKT、EWKT、十六进制 WKB），也没有坐标列。现有列：{listed}",
        en=f"{called} has no coordinate columns and no geometry (WKT, EWKT, WKB in hex digits). "
        f"It has: {', '.join(names)}",
        source=called,
        layer=layer.id,
    )


def _value(value: Any) -> Any:
    """A value as a column holds it: GeoJSON as WKT, other lists and objects as their JSON text."""
    if isinstance(value, dict) and "coordinates" in value and "type" in value:
        try:
            return shapely.to_wkt(shapely.from_geojson(json.dumps(value)), rounding_precision=-1)
        except (shapely.errors.ShapelyError, ValueError):
            pass
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return value if value != "" else None
