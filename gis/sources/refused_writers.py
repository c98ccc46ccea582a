"""Refused rows in each format: texts by hand, the rest by GDAL. Nothing in a written file runs when
it is opened."""

from __future__ import annotations

import csv
import json
import re
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from gis.errors import SourceError
from gis.layers.refused import MARK, REASONS, SHORT_MARK, RefusedRow, RefusedRows, safe_text

KML_OWN = ("name", "description", "address", "phoneNumber", "styleUrl")
KML_NAMESPACE = "http://www.opengis.net/kml/2.2"
LONGEST_DBF = 254  # bytes of a text
SHEET = 31  # letters of a sheet's name
NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
KINDS = {
    "Point": "Point", "MultiPoint": "MultiPoint", "LineString": "LineString",
    "LinearRing": "LineString", "MultiLineString": "LineString", "Polygon": "Polygon",
    "MultiPolygon": "Polygon",
}  # fmt: skip


# --- texts ------------------------------------------------------------------------------------


def write_csv(refused: RefusedRows, path: Path, encoding: str | None) -> None:
    """With the delivery's separator; UTF-8 with the mark Excel looks for. Rows whose own columns
    say where they lie need no other; a column WKT would win over them."""
    names = refused.names
    wkt = [] if _placed_by_own(refused) else ["WKT"]
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    with path.open("w", encoding=codec, newline="") as file:
        writer = csv.writer(file, delimiter=refused.form.delimiter or ",")
        writer.writerow([safe_text(n) for n in (*names, *wkt, *_marked(MARK))])
        for row in refused.rows:
            cells: list[Any] = [row.raw.get(name) for name in names]
            if wkt:
                cells.append(row.shape.wkt if row.shape is not None else row.wkt)
            writer.writerow([_cell(cell) for cell in (*cells, *row.reasons())])


def write_geojson(refused: RefusedRows, path: Path, encoding: str | None) -> None:
    """One collection. GDAL reads its member `crs`; without it the coordinates would be taken for
    WGS 84."""
    document: dict[str, Any] = {"type": "FeatureCollection"}
    if refused.frame.startswith("EPSG:"):
        urn = f"urn:ogc:def:crs:EPSG::{refused.frame.removeprefix('EPSG:')}"
        document["crs"] = {"type": "name", "properties": {"name": urn}}
    document["features"] = [_feature(row) for row in refused.rows]
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")


def write_geojson_lines(refused: RefusedRows, path: Path, encoding: str | None) -> None:
    """A feature a line; such a file can't say its frame."""
    lines = (json.dumps(_feature(row), ensure_ascii=False) for row in refused.rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_kml(refused: RefusedRows, path: Path, encoding: str | None) -> None:
    """Placemarks in their folders; what KML has no element for stands as its data."""
    ElementTree.register_namespace("", KML_NAMESPACE)
    root = ElementTree.Element(f"{{{KML_NAMESPACE}}}kml")
    document = _below(root, "Document")
    folders: dict[Any, ElementTree.Element] = {None: document}
    for row in refused.rows:
        folder = row.raw.get("folder")
        if folder not in folders:
            folders[folder] = _below(document, "Folder")
            _below(folders[folder], "name", folder)
        placemark = _below(folders[folder], "Placemark")
        if row.raw.get("id") is not None:
            placemark.set("id", _xml(row.raw["id"]))
        for name in KML_OWN:
            if row.raw.get(name) is not None:
                _below(placemark, name, row.raw[name])
        data = _below(placemark, "ExtendedData")
        told = {n: v for n, v in _properties(row).items() if n not in ("id", "folder", *KML_OWN)}
        for name, value in told.items():
            if value is not None:
                one = _below(data, "Data")
                one.set("name", _xml(name))
                _below(one, "value", value)
        if row.shape is not None and not row.shape.is_empty:
            _kml_shape(placemark, row.shape)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _kml_shape(parent: ElementTree.Element, shape: BaseGeometry) -> None:
    if isinstance(shape, shapely.Polygon):
        polygon = _below(parent, "Polygon")
        rings = [("outerBoundaryIs", shape.exterior)]
        for border, ring in rings + [("innerBoundaryIs", ring) for ring in shape.interiors]:
            _kml_line(_below(polygon, border), "LinearRing", ring)
    elif isinstance(shape, shapely.Point | shapely.LineString):
        _kml_line(parent, shape.geom_type, shape)
    else:
        many = _below(parent, "MultiGeometry")
        for part in shapely.get_parts(shape):
            _kml_shape(many, part)


def _kml_line(parent: ElementTree.Element, kind: str, line: BaseGeometry) -> None:
    at = shapely.get_coordinates(line, include_z=line.has_z)
    _below(
        _below(parent, kind), "coordinates", " ".join(",".join(map(repr, p)) for p in at.tolist())
    )


def _below(parent: ElementTree.Element, name: str, text: object = None) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, f"{{{KML_NAMESPACE}}}{name}")
    if text is not None:
        element.text = _xml(text)
    return element


def _xml(value: object) -> str:
    return NO_XML.sub("\ufffd", value if isinstance(value, str) else _said(value))


# --- by GDAL ----------------------------------------------------------------------------------


def write_xlsx(refused: RefusedRows, path: Path, encoding: str | None) -> None:
    """One sheet under its own name. A text is a text there, whatever it begins with."""
    columns = _columns(refused, MARK)
    if not _placed_by_own(refused):
        wkt = [r.shape.wkt if r.shape is not None else r.wkt for r in refused.rows]
        columns["WKT"] = _array(wkt, "plain")
    sheet = re.sub(r"[\[\]:*?/\\]", "_", refused.form.part or "Sheet1")[:SHEET]
    _gdal(path, columns, None, driver="XLSX", layer=sheet)


def write_shapefile(refused: RefusedRows, path: Path, encoding: str | None) -> None:
    """A zip of one shapefile in its own encoding, which its .cpg names; .prj where the frame is
    one of EPSG."""
    encoding = encoding or "utf-8"
    stem = re.sub(r'[<>:"/\\|?*]', "_", Path(refused.form.part or refused.source).stem)
    folder = path.parent / "shapefile"
    folder.mkdir()
    columns = {n: _short(column, encoding) for n, column in _columns(refused, SHORT_MARK).items()}
    kind = next(iter(kinds(refused)), "Point")
    _gdal(
        folder / f"{stem}.shp", columns, refused, driver="ESRI Shapefile", geometry_type=kind,
        encoding={"gb18030": "GBK", "utf-8": "UTF-8"}.get(encoding, encoding),
    )  # fmt: skip
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for part in sorted(folder.iterdir()):
            packed.write(part, part.name)


def write_geopackage(refused: RefusedRows, path: Path, encoding: str | None) -> None:
    """One layer under its own name, any shapes."""
    layer = refused.form.part or Path(refused.source).stem
    number = next(n for n in ("fid", "ogc_fid", "_refused_fid") if n not in _lower(refused.names))
    _gdal(
        path, _columns(refused, MARK), refused, driver="GPKG", layer=layer,
        geometry_type="Unknown", FID=number,
    )  # fmt: skip


def write_flatgeobuf(refused: RefusedRows, path: Path, encoding: str | None) -> None:
    """Without its index, which would not take a row that has no geometry."""
    _gdal(
        path, _columns(refused, MARK), refused, driver="FlatGeobuf", geometry_type="Unknown",
        SPATIAL_INDEX="NO",
    )  # fmt: skip


WRITERS: Mapping[str, Callable[[RefusedRows, Path, str | None], None]] = {
    "CSV": write_csv, "XLSX": write_xlsx, "Shapefile": write_shapefile,
    "GeoPackage": write_geopackage, "GeoJSON": write_geojson, "GeoJSONSeq": write_geojson_lines,
    "FlatGeobuf": write_flatgeobuf, "KML": write_kml,
}  # fmt: skip
Column = tuple[NDArray[Any], NDArray[np.bool_]]


def _gdal(
    path: Path, columns: Mapping[str, Column], refused: RefusedRows | None, *, driver: str,
    layer: str | None = None, geometry_type: str | None = None, encoding: str | None = None,
    **options: str,
) -> None:  # fmt: skip
    """`refused`: whose shapes are written; None for a table."""
    # loads pandas: a third of the start of every delivery, which only reads the names above
    import pyogrio.errors
    import pyogrio.raw

    shapes, crs = None, None
    if refused is not None:
        shapes = shapely.to_wkb(
            np.array([row.shape for row in refused.rows], dtype=object), flavor="iso"
        )
        crs = refused.frame if refused.frame.startswith("EPSG:") else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a frame that is none of EPSG has none to state
        try:
            pyogrio.raw.write(
                path,
                geometry=shapes,
                field_data=[values for values, _ in columns.values()],
                field_mask=[empty for _, empty in columns.values()],
                fields=list(columns),
                driver=driver,
                layer=layer or path.stem,
                geometry_type=geometry_type,
                crs=crs,
                encoding=encoding,
                layer_options=options,
            )
        except pyogrio.errors.DataSourceError as exc:
            raise SourceError(
                zh=f"不能写入 {path.name}：{exc}", en=f"can't write {path.name}: {exc}",
                file=path.name,
            ) from exc  # fmt: skip


def _columns(refused: RefusedRows, mark: str) -> dict[str, Column]:
    types = dict(refused.form.columns)
    found = {
        name: _array([row.raw.get(name) for row in refused.rows], types.get(name, "plain"))
        for name in refused.names
    }
    reasons = [row.reasons() for row in refused.rows]
    for i, name in enumerate(_marked(mark)):
        found[name] = _array([reason[i] for reason in reasons], "plain")
    return found


def _array(values: list[Any], type_: str) -> Column:
    """One column as pyogrio takes it, and where it is empty."""
    empty = np.array([value is None for value in values], dtype=bool)
    there = [value for value in values if value is not None]
    if type_ != "plain" and there and (dates := _dates(values, type_)) is not None:
        return dates, empty
    for kind, filler in ((bool, False), (int, 0), (float, 0.0)):
        allowed = (int, float) if kind is float else kind
        if there and all(
            isinstance(v, allowed) and isinstance(v, bool) is (kind is bool) for v in there
        ):
            if kind is int and max(map(abs, there)) >= 1 << 63:
                continue
            return np.array([filler if v is None else v for v in values], dtype=kind), empty
    texts = [None if v is None else v if isinstance(v, str) else _said(v) for v in values]
    return np.array(texts, dtype=object), empty


def _dates(values: list[Any], type_: str) -> NDArray[Any] | None:
    unit = "datetime64[D]" if type_ == "date" else "datetime64[ms]"
    try:
        return np.array(["1970-01-01" if v is None else str(v) for v in values], dtype=unit)
    except ValueError:  # not all of them are
        return None


def _short(column: Column, encoding: str) -> Column:
    """Texts cut between characters to what a table of a shapefile holds."""
    values, empty = column
    if values.dtype != object:
        return column
    codec = "gbk" if encoding == "gb18030" else encoding
    cut = [v and v.encode(codec)[:LONGEST_DBF].decode(codec, "ignore") for v in values]
    return np.array(cut, dtype=object), empty


# --- rows -------------------------------------------------------------------------------------


def _placed_by_own(refused: RefusedRows) -> bool:
    """Whether the columns of a table say where each row lies, as they did when it came."""
    form, placing = refused.form, set(refused.form.placing)
    came = form.format or refused.source.upper().rpartition(".")[2]
    if not came.startswith(("CSV", "TSV", "XLSX")):
        return False
    return all(
        row.shape is None or (placing <= row.raw.keys() if placing else not row.stored)
        for row in refused.rows
    )


def kinds(refused: RefusedRows) -> set[str]:
    """The kinds of shapes as a shapefile tells them."""
    shapes = [row.shape for row in refused.rows if row.shape is not None]
    deep = " Z" if any(shape.has_z for shape in shapes) else ""
    return {KINDS.get(shape.geom_type, shape.geom_type) + deep for shape in shapes}


def _marked(mark: str) -> list[str]:
    return [mark + name for name in REASONS]


def _properties(row: RefusedRow) -> dict[str, Any]:
    return {**row.raw, **dict(zip(_marked(MARK), row.reasons(), strict=True))}


def _feature(row: RefusedRow) -> dict[str, Any]:
    geometry = None
    if row.shape is not None and not row.shape.is_empty:
        geometry = dict(shapely.geometry.mapping(row.shape))
    return {"type": "Feature", "geometry": geometry, "properties": _properties(row)}


def _cell(value: Any) -> str:
    return "" if value is None else safe_text(value if isinstance(value, str) else _said(value))


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _lower(names: list[str]) -> set[str]:
    return {name.lower() for name in names}
