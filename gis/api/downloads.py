"""Items as files: every feature that a request means, in the format and system asked for.

A file is written whole before its first byte leaves, so that what goes wrong is an error and not
half a file; rows come by a cursor, so that memory does not grow with them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import BoundedSemaphore

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from gis.api.access import record
from gis.api.axes import STORAGE_EPSG
from gis.api.limits import metered_rows, metered_texts
from gis.api.parameters import ItemsAsked, read_items, whole
from gis.api.refusals import Refused, bad_value
from gis.api.service import Service, service_of
from gis.errors import Busy
from gis.layers import Layer
from gis.layers.model import FieldType
from gis.sources.writing import (
    Target,
    Writer,
    write_csv,
    write_dxf,
    write_flatgeobuf,
    write_geopackage,
    write_geoparquet,
    write_kml,
    write_shapefile,
)
from gis.store import LayerQuery, count
from gis.store.streams import stream_rows, stream_texts

MOST, MOST_DRAWN = 500_000, 50_000  # features a file; DXF and KML are in memory as they are made
AT_ONCE = 2  # downloads of a worker: each holds one of its connections
PLANE_DIGITS = 4
RECORD = b"\x1e"


@dataclass(frozen=True, slots=True)
class Format:
    """A file format. most: features it is given; degrees: it is always in WGS 84."""

    suffix: str
    media: str
    write: Writer | None
    most: int = MOST
    degrees: bool = False


FORMATS = {
    "csv": Format("csv", "text/csv; charset=utf-8", write_csv),
    "gpkg": Format("gpkg", "application/geopackage+sqlite3", write_geopackage),
    "fgb": Format("fgb", "application/vnd.flatgeobuf", write_flatgeobuf),
    "parquet": Format("parquet", "application/vnd.apache.parquet", write_geoparquet),
    "shp": Format("zip", "application/zip", write_shapefile),
    "geojsonseq": Format("geojsons", "application/geo+json-seq", None, degrees=True),
    "dxf": Format("dxf", "image/vnd.dxf", write_dxf, MOST_DRAWN),
    "kml": Format("kml", "application/vnd.google-earth.kml+xml", write_kml, MOST_DRAWN, True),
}
_slots = BoundedSemaphore(AT_ONCE)


def asked_format(request: Request) -> Format | None:
    """The file format that a request names, by `f=` or by its Accept header; None = no file."""
    named = request.query_params.get("f")
    if named is not None:
        return FORMATS.get(named)
    accepted = request.headers.get("accept", "").split(";")[0].split(",")[0].strip()
    return next((f for f in FORMATS.values() if f.media.split(";")[0] == accepted), None)


def get_file(request: Request) -> Response:
    """`GET /collections/{layer}/items?f=gpkg` and the like."""
    service, format_ = service_of(request), asked_format(request)
    assert format_ is not None  # the caller has asked
    layer = service.registry.get(request.path_params["layer"])
    asked = _read(request, service, layer, format_)
    with _a_slot():
        _check_count(service, asked.query, format_)
        folder = Path(tempfile.mkdtemp(prefix="onemap-"))
        try:
            path = folder / f"{layer.id}.{format_.suffix}"
            _write(path, service, asked.query, format_)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    record(request, "download", layer.id, format=format_.suffix, asked=request.url.query)
    return FileResponse(
        path,
        media_type=format_.media,
        filename=path.name,
        headers={"Cache-Control": "no-cache"},
        background=BackgroundTask(shutil.rmtree, folder, ignore_errors=True),
    )


def _read(request: Request, service: Service, layer: Layer, format_: Format) -> ItemsAsked:
    """What is asked, without the limit of a page."""
    asked = read_items(layer, request.query_params, service.registry, service.timezone)
    limit = request.query_params.get("limit")
    query = replace(
        asked.query, limit=None if limit is None else min(whole("limit", limit, 1, 1), format_.most)
    )
    if asked.hits:
        raise Refused(
            zh="resulttype=hits 只有 JSON 格式", en="resulttype=hits is only there as JSON"
        )
    if query.version_ids:
        raise bad_value("feature-id", "version", "只有 JSON 格式", "it is only there as JSON")
    if not query.geometry and format_.write is not write_csv:
        raise bad_value("skipGeometry", "true", "只有 csv 可以不带几何", "only csv goes without")
    if "crs" in request.query_params:
        if format_.degrees and asked.axes.epsg not in (STORAGE_EPSG, 4326):
            name, text = "crs", request.query_params["crs"]
            raise bad_value(name, text, "该格式只有经纬度", "this format is in degrees only")
    elif format_.write is write_dxf:  # a drawing in degrees is of no use
        plane = int(service.registry.city.metric_frame.rpartition(":")[2])
        query = replace(query, srid=plane)
    if format_.degrees:
        query = replace(query, srid=4326)
    return replace(asked, query=query)


def _check_count(service: Service, query: LayerQuery, format_: Format) -> None:
    if query.limit is not None:
        return
    found = count(service.store, query)
    if found > format_.most:
        raise Refused(
            zh=f"共 {found} 个要素，该格式一次最多 {format_.most} 个。"
            f"请用 bbox、filter 或 limit 分次下载",
            en=f"{found} features, and {format_.most} go in one file of this format. Ask for less "
            f"at a time: bbox, filter or limit",
            found=found,
            most=format_.most,
        )


def _write(path: Path, service: Service, query: LayerQuery, format_: Format) -> None:
    if format_.write is None:
        _write_sequence(path, service, query)
        return
    layer = query.layer
    target = Target(
        layer=layer,
        columns=_columns(query),
        epsg=query.srid,
        geometry=query.geometry,
        digits=query.digits if query.srid in (STORAGE_EPSG, 4326) else PLANE_DIGITS,
    )
    with closing(stream_rows(service.store, _all_columns(query))) as batches:
        format_.write(path, target, metered_rows(layer, batches, query.srid))


def _write_sequence(path: Path, service: Service, query: LayerQuery) -> None:
    """RFC 8142: a mark, a feature, an end of line."""
    with path.open("wb") as out, closing(stream_texts(service.store, query)) as batches:
        for texts in metered_texts(query.layer, batches, query.srid):
            out.writelines(RECORD + text.encode() + b"\n" for text in texts)


def _columns(query: LayerQuery) -> tuple[tuple[str, FieldType], ...]:
    """The columns of a file: the key, the fields asked for, valid time."""
    kinds: dict[str, FieldType] = {f.name: f.type for f in query.layer.fields}
    kinds |= {"valid_from": "datetime", "valid_to": "datetime"}
    if query.layer.latest_of:
        kinds |= {"latest_value": "number", "latest_time": "datetime"}
    names = tuple(kinds) if query.fields is None else query.fields
    return (("id", "integer"), *((name, kinds[name]) for name in names))


def _all_columns(query: LayerQuery) -> LayerQuery:
    """The query with the names that rows give; valid time comes by itself."""
    if query.fields is None:
        return query
    plain = tuple(n for n in query.fields if n not in ("valid_from", "valid_to"))
    return replace(query, fields=plain)


@contextmanager
def _a_slot() -> Iterator[None]:
    if not _slots.acquire(timeout=10):
        raise Busy(zh="下载过多，请稍后再试", en="too many downloads at once. Try again in a while")
    try:
        yield
    finally:
        _slots.release()
