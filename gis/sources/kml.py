"""KML (also of 奥维, `.ovkml`, and in a KMZ): placemarks with their data, longitude first.

Our own reader, because GDAL's spells every Chinese name of a datum `______`. The format knows
WGS 84 only; what a Chinese map program wrote may be GCJ-02 all the same, so `--crs` may say so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import shapely

from gis.coords import Frame, norm_frame
from gis.errors import SourceError
from gis.layers.batch import RawBatch, Reject
from gis.sources.columns import BATCH, objects
from gis.sources.delivery import Delivery, file_digest
from gis.sources.texts import decode, find_encoding

DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
OWN = ("name", "description", "address", "phoneNumber", "styleUrl")
DEEPEST = 20  # MultiGeometry in MultiGeometry
MULTI: dict[type, Callable[..., shapely.Geometry]] = {
    shapely.Polygon: shapely.MultiPolygon,
    shapely.LineString: shapely.MultiLineString,
    shapely.Point: shapely.MultiPoint,
}
Element = ElementTree.Element


def open_kml(path: Path, member: str | None, *, encoding: str = "auto", called: str) -> Delivery:
    """`member` names one folder; without, all placemarks are read. `called`: the file's name in
    messages.

    Raises SourceError where the file is damaged or has no placemark."""
    data = path.read_bytes()
    found = find_encoding(data, called, encoding)
    text = DECLARATION.sub("", decode(data, found).lstrip("\ufeff"))
    try:
        root = ElementTree.fromstring(text)  # entities were refused before
        placemarks = [(f, p) for f, p in _placemarks(root) if member in (None, f)]
    except (ElementTree.ParseError, RecursionError, UnicodeError) as exc:
        raise SourceError(
            zh=f"{called} 不是完好的 KML：{exc}。请重新导出",
            en=f"{called} is no whole KML: {exc}. Export it again",
            source=called,
        ) from exc
    if not placemarks:
        folders = sorted({f for f, _ in _placemarks(root) if f})
        raise SourceError(
            zh=f"{called} 里没有要找的地标。文件夹：{'、'.join(folders) or '无'}",
            en=f"{called} holds no such placemark. Its folders: {', '.join(folders) or 'none'}",
            source=called,
            layers=", ".join(folders),
        )

    def read(frame: Frame | None) -> Iterator[RawBatch]:
        for start in range(0, len(placemarks), BATCH):
            yield _batch(placemarks[start : start + BATCH], start + 1)

    return Delivery(
        path=path,
        format="KML",
        digest=file_digest(path),
        encoding=found,
        declared=norm_frame("EPSG:4326"),
        evidence=(f"{called} (KML): EPSG:4326",),
        read=read,
    )


def _placemarks(root: Element) -> Iterator[tuple[str | None, Element]]:
    """Each placemark with the name of its folder, in the file's order."""
    waiting: list[tuple[str | None, Element]] = [(None, root)]
    while waiting:
        folder, element = waiting.pop()
        kind = _name(element)
        if kind == "Placemark":
            yield folder, element
            continue
        if kind in ("Folder", "Document"):
            folder = _text(element, "name") or folder
        waiting += [(folder, child) for child in reversed(element)]


def _batch(placemarks: list[tuple[str | None, Element]], first: int) -> RawBatch:
    rows, shapes, numbers, rejects = [], [], [], []
    for number, (folder, placemark) in enumerate(placemarks, start=first):
        row = _row(folder, placemark)
        try:
            shapes.append(_shape(placemark))
            rows.append(row)
            numbers.append(number)
        except ValueError as exc:  # numbers that are none, rings of two points
            rejects.append(
                Reject(
                    row=number,
                    code="bad_value",
                    zh=f"坐标有误：{exc}。请改正",
                    en=f"its coordinates are wrong: {exc}. Correct them",
                    raw=row,
                )
            )
    names = list(dict.fromkeys(name for row in rows for name in row))
    return RawBatch(
        columns={name: objects(row.get(name) for row in rows) for name in names},
        geometry=objects(shapes),
        rows=np.array(numbers, dtype=np.int64),
        rejects=tuple(rejects),
    )


def _row(folder: str | None, placemark: Element) -> dict[str, Any]:
    row: dict[str, Any] = {"id": placemark.get("id"), "folder": folder}
    row |= {name: _text(placemark, name) for name in OWN}
    for element in placemark.iter():
        kind, name = _name(element), element.get("name")
        if name and kind == "Data":
            row[name] = _text(element, "value")
        elif name and kind == "SimpleData":
            row[name] = (element.text or "").strip() or None
    return row


def _shape(element: Element, depth: int = 0) -> shapely.Geometry | None:
    """The geometry below `element`; parts of one kind become a multi-geometry."""
    parts = [shape for child in element if (shape := _one(child, depth)) is not None]
    if len(parts) < 2:
        return parts[0] if parts else None
    kinds = {type(part) for part in parts}
    make: Callable[..., shapely.Geometry] = shapely.GeometryCollection
    if len(kinds) == 1:
        make = MULTI.get(kinds.pop(), make)
    return make(parts)


def _one(element: Element, depth: int) -> shapely.Geometry | None:
    kind = _name(element)
    if kind == "MultiGeometry" and depth < DEEPEST:
        return _shape(element, depth + 1)
    if kind == "Point":
        return shapely.Point(_coordinates(element)[0])
    if kind == "LineString":
        return shapely.LineString(_coordinates(element))
    if kind != "Polygon":
        return None
    rings: dict[str, list[Any]] = {"outerBoundaryIs": [], "innerBoundaryIs": []}
    for border in element:
        if _name(border) in rings:
            rings[_name(border)] += [_coordinates(ring) for ring in border]
    if len(rings["outerBoundaryIs"]) != 1:
        raise ValueError("outerBoundaryIs")
    return shapely.Polygon(rings["outerBoundaryIs"][0], rings["innerBoundaryIs"])


def _coordinates(element: Element) -> list[tuple[float, ...]]:
    """Longitude, latitude and, where one is not 0, heights."""
    places = [
        tuple(float(v) for v in place.split(",")[:3])
        for place in (_text(element, "coordinates") or "").split()
    ]
    if not places or any(len(p) < 2 or not np.isfinite(p).all() for p in places):
        raise ValueError("coordinates")
    deep = all(len(p) == 3 for p in places) and any(p[2] for p in places)
    return [p if deep else p[:2] for p in places]


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(element: Element, name: str) -> str | None:
    """The text of the child `name`; None where it is missing or empty."""
    for child in element:
        if _name(child) == name:
            return (child.text or "").strip() or None
    return None
