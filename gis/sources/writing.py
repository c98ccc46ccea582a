"""Rows to files, a batch at a time: what departments open in QGIS, ArcGIS, CAD and Excel.

x is east or longitude in every file, as GDAL and every desktop program take it; the file names
its reference system where the format can. Batches go into a GeoPackage first, which can be added
to, and GDAL turns that into what was asked for, so a big answer is never in memory.
"""

from __future__ import annotations

import csv
import json
import re
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyogrio.raw
import shapely
from numpy.typing import NDArray

from gis.coords import projjson_of
from gis.errors import OneMapError
from gis.layers.model import FieldType, GeometryType, Layer

KINDS: dict[GeometryType, str] = {
    "Point": "Point",
    "PointZ": "Point Z",
    "LineString": "LineString",
    "LineStringZ": "LineString Z",
    "Polygon": "Polygon",
    "MultiPolygon": "MultiPolygon",
    "MultiLineString": "MultiLineString",
}
EMPTY: dict[FieldType, Any] = {
    "integer": 0,
    "number": 0.0,
    "boolean": False,
    "date": date(1970, 1, 1),
    "datetime": datetime(1970, 1, 1, tzinfo=UTC),
}
ARRAYS: dict[FieldType, str] = {
    "integer": "int64",
    "number": "float64",
    "boolean": "bool",
    "date": "datetime64[D]",
    "datetime": "datetime64[ms]",
}
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run what begins so
ZONE_OF_UTC = 100  # GDAL's word for it
Column = tuple[str, FieldType]


class Rows(Protocol):
    """A batch: keys, valid time, shapely geometries, and the fields by name."""

    @property
    def key(self) -> NDArray[np.int64]: ...
    @property
    def valid_from(self) -> list[datetime]: ...
    @property
    def valid_to(self) -> list[datetime | None]: ...
    @property
    def geometry(self) -> NDArray[np.object_]: ...
    @property
    def columns(self) -> dict[str, list[Any]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a file is to hold. `columns`: names and types, `id` first; digits: of WKT in CSV."""

    layer: Layer
    columns: tuple[Column, ...]
    epsg: int
    geometry: bool = True
    digits: int = 9


Writer = Callable[[Path, Target, Iterable[Rows]], None]


def write_csv(path: Path, target: Target, batches: Iterable[Rows]) -> None:
    """UTF-8 with the mark Excel looks for; geometry as WKT; no cell is a formula."""
    names = [name for name, _ in target.columns]
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow([*names, "geometry"] if target.geometry else names)
        for rows in batches:
            columns = [[_cell(v) for v in _values(rows, name)] for name in names]
            if target.geometry:
                texts = shapely.to_wkt(rows.geometry, rounding_precision=target.digits)
                columns.append(["" if text is None else text for text in texts])
            writer.writerows(zip(*columns, strict=True))


def write_geopackage(path: Path, target: Target, batches: Iterable[Rows]) -> None:
    """GeoPackage; the fields keep their types, times are in UTC."""
    _write(path, target, batches, index=True)


def write_flatgeobuf(path: Path, target: Target, batches: Iterable[Rows]) -> None:
    """FlatGeobuf with its spatial index."""
    with _beside(path) as whole:
        _write(whole, target, batches)
        _convert(whole, path, target, "FlatGeobuf")


def write_geoparquet(path: Path, target: Target, batches: Iterable[Rows]) -> None:
    """GeoParquet 1.1, a row group a batch: WKB, x first whatever the system; times in UTC."""
    import pyarrow as pa  # 60 MB that a server which never writes such a file does without
    import pyarrow.parquet as pq

    kinds = {
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "datetime": pa.timestamp("ms", "UTC"),
    }
    names = [name for name, _ in target.columns]
    types = [kinds.get(kind, pa.string()) for _, kind in target.columns]
    schema = pa.schema([*zip(names, types, strict=True), ("geometry", pa.binary())])
    bounds = [np.inf, np.inf, -np.inf, -np.inf]
    # without Arrow's own schema, which would hide the metadata from those who ask Arrow for it
    writer = pq.ParquetWriter(path, schema, compression="zstd", store_schema=False)
    with _quiet(path), writer as out:
        for rows in batches:
            listed = [_values(rows, name) for name in names]
            texts = [[None if v is None else _text(v) for v in column] if type_ == pa.string()
                     else column for column, type_ in zip(listed, types, strict=True)]  # fmt: skip
            shapes = shapely.to_wkb(rows.geometry, flavor="iso")
            columns = [pa.array(c, t) for c, t in zip(texts, types, strict=True)]
            out.write_table(pa.table([*columns, pa.array(shapes, pa.binary())], schema=schema))
            box = shapely.total_bounds(rows.geometry)
            bounds = [*np.fmin(bounds[:2], box[:2]), *np.fmax(bounds[2:], box[2:])]
        out.add_key_value_metadata({"geo": json.dumps(_geo(target, bounds))})


def _geo(target: Target, bounds: Sequence[float]) -> dict[str, Any]:
    """The metadata of GeoParquet; `bounds`: west, south, east, north, infinite where none are."""
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": [KINDS[target.layer.geometry]],
        "crs": projjson_of(target.epsg),
    }
    if np.isfinite(bounds).all():
        column["bbox"] = [float(v) for v in bounds]
    return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}


def write_shapefile(path: Path, target: Target, batches: Iterable[Rows]) -> None:
    """A zip of one shapefile: UTF-8 with .cpg, .prj; names of ten letters, times as texts."""
    texts: tuple[Column, ...] = tuple(
        (name, "text" if kind in ("datetime", "boolean") else kind)
        for name, kind in _short(target.columns)
    )
    names = [name for name, _ in target.columns]
    folder = path.with_suffix("")
    folder.mkdir()
    with _beside(path) as whole:
        plain = Target(layer=target.layer, columns=texts, epsg=target.epsg)
        _write(whole, plain, batches, names)
        shape = folder / f"{target.layer.id}.shp"
        _convert(whole, shape, target, "ESRI Shapefile", ENCODING="UTF-8")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for part in sorted(folder.iterdir()):
            packed.write(part, part.name)


def write_dxf(path: Path, target: Target, batches: Iterable[Rows]) -> None:
    """Points and lines for CAD, an area as its boundary; one CAD layer for each value of the
    field that gives the map its colours. GDAL takes a drawing only whole: it is in memory."""
    field = str(target.layer.style.get("color_by"))
    shapes: list[bytes] = []
    names: list[str] = []
    for rows in batches:
        values = rows.columns.get(field, [None] * len(rows.key))
        names += [_cad_name(target.layer.id, value) for value in values]
        shapes += list(shapely.to_wkb(_outlines(rows.geometry), flavor="iso"))
    with _quiet(path):
        pyogrio.raw.write(
            path,
            geometry=np.array(shapes, dtype=object),
            field_data=[np.array(names, dtype=object)],
            fields=["Layer"],
            driver="DXF",
            geometry_type="Unknown",
        )


def write_kml(path: Path, target: Target, batches: Iterable[Rows]) -> None:
    """KML, in degrees of WGS 84 as it must be."""
    with _beside(path) as whole:
        _write(whole, target, batches)
        _convert(whole, path, target, "LIBKML")


def _write(
    path: Path,
    target: Target,
    batches: Iterable[Rows],
    read_as: Sequence[str] | None = None,
    *,
    index: bool = False,
) -> None:
    """A GeoPackage from batches. `read_as`: the names in the rows, where they differ."""
    names = [name for name, _ in target.columns]
    first = True
    for rows in _at_least_one(batches):
        data, masks = [], []
        for (_, type_), source in zip(target.columns, read_as or names, strict=True):
            values, mask = _array([] if rows is None else _values(rows, source), type_)
            data.append(values)
            masks.append(mask)
        wkb: Any = [] if rows is None else shapely.to_wkb(rows.geometry, flavor="iso")
        zones = np.full(len(wkb), ZONE_OF_UTC)
        with _quiet(path):
            pyogrio.raw.write(
                path,
                geometry=np.array(wkb, dtype=object),
                field_data=data,
                field_mask=masks,
                fields=names,
                layer=target.layer.id,
                driver="GPKG",
                geometry_type=KINDS[target.layer.geometry],
                crs=f"EPSG:{target.epsg}",
                append=not first,
                gdal_tz_offsets={n: zones for n, t in target.columns if t == "datetime"},
                layer_options={"SPATIAL_INDEX": "YES" if index else "NO"} if first else {},
                FID="ogc_fid",
            )
        first = False


def _convert(source: Path, path: Path, target: Target, driver: str, **options: str) -> None:
    """What a GeoPackage holds, in another format; streamed by GDAL."""
    with _quiet(path), pyogrio.raw.open_arrow(source, layer=target.layer.id) as (meta, stream):
        pyogrio.raw.write_arrow(
            stream,
            path,
            layer=target.layer.id,
            driver=driver,
            geometry_name=meta["geometry_name"] or "wkb_geometry",
            geometry_type=KINDS[target.layer.geometry],
            crs=f"EPSG:{target.epsg}",
            layer_options=options,
        )


def _outlines(geometry: NDArray[np.object_]) -> NDArray[np.object_]:
    areas = np.isin(shapely.get_type_id(geometry), (3, 6))
    return np.where(areas, shapely.boundary(geometry), geometry)


def _cad_name(layer: str, value: Any) -> str:
    return layer if value is None else f"{layer}_{re.sub(r'[^A-Za-z0-9]', '-', str(value))[:60]}"


def _values(rows: Rows, name: str) -> Sequence[Any]:
    if name == "id":
        return [int(key) for key in rows.key]
    if name == "valid_from":
        return rows.valid_from
    return rows.valid_to if name == "valid_to" else rows.columns[name]


def _array(values: Sequence[Any], kind: FieldType) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """One column as pyogrio takes it, and where it is empty."""
    empty = np.array([value is None for value in values], dtype=bool)
    if kind not in ARRAYS:
        return np.array([None if v is None else _text(v) for v in values], dtype=object), empty
    filled = [EMPTY[kind] if value is None else value for value in values]
    if kind == "datetime":
        filled = [value.astimezone(UTC).replace(tzinfo=None) for value in filled]
    return np.array(filled, dtype=ARRAYS[kind]), empty


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)


def _cell(value: Any) -> str:
    text = "" if value is None else _text(value)
    risky = isinstance(value, str) and text.startswith(FORMULA)
    return f"'{text}" if risky else text


def _short(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """The columns with names that a shapefile holds: ten letters, each name once."""
    taken: dict[str, FieldType] = {}
    for name, kind in columns:
        short = name[:10]
        for number in range(1, 100):
            if short not in taken:
                break
            short = f"{name[: 9 - len(str(number))]}_{number}"
        taken[short] = kind
    return tuple(taken.items())


def _at_least_one(batches: Iterable[Rows]) -> Iterator[Rows | None]:
    """The batches, or one None: a file without rows still has its columns."""
    rows = None
    for rows in batches:
        yield rows
    if rows is None:
        yield None


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    whole = path.with_name("whole.gpkg")
    yield whole
    whole.unlink()


@contextmanager
def _quiet(path: Path) -> Iterator[None]:
    """GDAL's remarks are nobody's business here; its errors are ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except OneMapError:
            raise
        except Exception as exc:  # pyogrio raises many kinds
            reason = (str(exc).splitlines() or [type(exc).__name__])[0][:200]
            raise OneMapError(
                zh=f"无法写出 {path.name}：{reason}",
                en=f"{path.name} can't be written: {reason}",
                source=path.name,
            ) from exc
