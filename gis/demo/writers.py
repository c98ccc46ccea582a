"""Files as departments write them: shapefiles in GBK, GeoPackage, GeoJSON, CSV, CASS and TXT."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import shapely
from numpy.typing import NDArray

from gis.demo.defects import UNDECODABLE
from gis.demo.sheets import Sheet
from gis.demo.site import Geometries

# bytes that are a character neither in GBK, nor in GB 18030, nor in UTF-8
BAD_BYTES = b"\xff\xfe"
PLACEHOLDER = "龘"  # one GBK character of two bytes, stands where BAD_BYTES will


def write_vector(
    sheet: Sheet, path: Path, *, crs: str, kind: str, encoding: str | None = None, layer: str = ""
) -> None:
    """A shapefile, GeoPackage or GeoJSON by the path's suffix; `kind` is the type."""
    names = list(sheet.columns)
    fields = [_field(sheet.columns[name]) for name in names]
    driver = {".shp": "ESRI Shapefile", ".gpkg": "GPKG", ".geojson": "GeoJSON"}[path.suffix]
    options = {"COORDINATE_PRECISION": "8"} if driver == "GeoJSON" else {}
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(sheet.geometry),
        field_data=[values for values, _ in fields],
        field_mask=[empty for _, empty in fields],
        fields=names,
        layer=layer or path.stem,
        driver=driver,
        geometry_type=kind,
        crs=crs,
        encoding=encoding,
        layer_options=options,
    )


def write_shapefile(sheet: Sheet, path: Path, *, crs: str, kind: str, prj: bool = True) -> None:
    """GBK without .cpg, as ArcGIS leaves it; without .prj if asked."""
    marked = any(UNDECODABLE in str(v) for c in sheet.columns.values() for v in c)
    columns = {
        name: np.array([_marked(v) for v in column], dtype=object)
        for name, column in sheet.columns.items()
    }
    write_vector(sheet.with_rows(sheet.geometry, columns), path, crs=crs, kind=kind, encoding="GBK")
    path.with_suffix(".cpg").unlink()
    if not prj:
        path.with_suffix(".prj").unlink()
    if marked:
        table = path.with_suffix(".dbf")
        data = table.read_bytes()
        table.write_bytes(data.replace(PLACEHOLDER.encode("gbk"), BAD_BYTES))


def _marked(value: Any) -> Any:
    return value.replace(UNDECODABLE, PLACEHOLDER) if isinstance(value, str) else value


def _field(column: NDArray[np.object_]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """One column as pyogrio wants it: integers, floats or texts, and which are null."""
    empty = np.array([v is None for v in column], dtype=bool)
    filled = [v for v in column if v is not None]
    if filled and all(isinstance(v, int) for v in filled):
        return np.where(empty, 0, column).astype(np.int64), empty
    if filled and all(isinstance(v, int | float) for v in filled):
        return np.where(empty, 0.0, column).astype(np.float64), empty
    texts = np.array(["" if v is None else str(v) for v in column], dtype=object)
    return texts, empty


def write_csv(
    sheet: Sheet, path: Path, coordinates: Mapping[str, Sequence[Any]], encoding: str
) -> None:
    """The sheet's columns and then `coordinates` (column name -> n values or None)."""
    table: dict[str, Iterable[Any]] = {**sheet.columns, **coordinates}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(table)
    writer.writerows(zip(*([_text(v) for v in column] for column in table.values()), strict=True))
    path.write_bytes(_encoded(out.getvalue(), encoding))


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _encoded(text: str, encoding: str) -> bytes:
    """Encoded, with BAD_BYTES where the mark stands."""
    return BAD_BYTES.join(part.encode(encoding) for part in text.split(UNDECODABLE))


def xy_columns(
    geometry: Geometries, east: str, north: str, digits: int = 3
) -> dict[str, list[float | None]]:
    """East and north of points (or longitude and latitude) as two columns; empty where null."""
    x, y = _rounded(shapely.get_x(geometry), digits), _rounded(shapely.get_y(geometry), digits)
    return {east: x, north: y}


def line_columns(lines: Geometries) -> dict[str, list[float | None]]:
    """Both ends of each line with heights, as columns."""
    out: dict[str, list[float | None]] = {}
    for word, at in (("起点", 0), ("终点", -1)):
        end = shapely.get_point(lines, at)
        out[f"{word}东坐标"] = _rounded(shapely.get_x(end), 3)
        out[f"{word}北坐标"] = _rounded(shapely.get_y(end), 3)
        out[f"{word}高程"] = _rounded(shapely.get_z(end), 3)
    return out


def _rounded(values: NDArray[np.float64], digits: int) -> list[float | None]:
    return [round(v, digits) if np.isfinite(v) else None for v in values.tolist()]


def write_cass(sheet: Sheet, path: Path) -> None:
    """CASS .dat: name, code, Y (east), X (north), H; GBK, no header."""
    x, y, z = (
        _rounded(part, 3)
        for part in (
            shapely.get_x(sheet.geometry),
            shapely.get_y(sheet.geometry),
            shapely.get_z(sheet.geometry),
        )
    )
    rows = zip(sheet.columns[sheet.key], sheet.columns["管线种类"], x, y, z, strict=True)
    text = "".join(",".join(_text(value) for value in row) + "\r\n" for row in rows)
    path.write_bytes(_encoded(text, "gbk"))


TXT_HEADER = (
    "[属性描述]", "坐标系=2000国家大地坐标系", "几度分带=3", "投影类型=高斯克吕格",
    "计量单位=米", "带号=38", "精度=0.001", "转换参数=,,,,,,", "[地块坐标]",
)  # fmt: skip


def write_parcel_txt(sheet: Sheet, path: Path) -> list[int]:
    """报备坐标 TXT (GBK): X is north, Y is east with the zone's prefix. Returns the line number
    (from 1) of each parcel's head line."""
    lines = list(TXT_HEADER)
    heads = []
    columns = [sheet.columns[n] for n in ("面积", "地块编号", "地块名称", "地类编码")]
    for shape, area, code, name, use in zip(sheet.geometry, *columns, strict=True):
        points = _parcel_points(shape)
        head = (len(points), area, code, name, "面", "", use, use, "@")
        lines.append(",".join(_text(value) for value in head))
        heads.append(len(lines))
        lines += points
    path.write_bytes(_encoded("\r\n".join(lines) + "\r\n", "gbk"))
    return heads


def _parcel_points(shape: Any) -> list[str]:
    if shape is None:
        return []
    points = []
    number = 1
    for ring, part in enumerate([shape.exterior, *shape.interiors], start=1):
        xy = shapely.get_coordinates(part)
        first = number
        for i, (east, north) in enumerate(xy.tolist()):
            name = first if i == len(xy) - 1 else number
            points.append(f"J{name},{ring},{north:.3f},{east:.3f}")
            number += i < len(xy) - 1
    return points
