"""Images, one row a file, their footprint, for the layer `imagery`: GeoTIFF, IMG, ASC."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import shapely.affinity
from rasterio.features import shapes
from rasterio.transform import Affine

from gis.coords import Frame, frame_from_prj, norm_frame
from gis.errors import SourceError
from gis.layers.batch import RawBatch
from gis.sources.columns import objects
from gis.sources.delivery import Delivery, file_digest
from gis.sources.sandbox import Sandbox

DRIVERS = {"GeoTIFF": "GTiff", "IMG": "HFA", "ASC": "AAIGrid"}
SPECKLE = 0.001  # of the largest piece of valid pixels: smaller ones draw no outline
DAY = re.compile(r"(19|20)\d{2}[-_:.]?(0[1-9]|1[0-2])[-_:.]?(0[1-9]|[12]\d|3[01])")


def open_raster(path: Path, kind: str) -> Delivery:
    """Raises SourceError for an image that can't be read or has no georeference."""
    beside = [p for p in path.parent.glob("*") if p.stem == path.stem]
    sandbox = Sandbox(path.name, [path, *beside], raster=True)
    image = sandbox.ask("raster", source=str(path.absolute()), driver=DRIVERS[kind])
    if not image["placed"] or (image["wkt"] is None and kind == "GeoTIFF"):
        raise SourceError(
            zh=f"{path.name} 没有地理参考，无法知道它在哪里。请补上坐标系和六参数",
            en=f"{path.name} has no georeference; nobody can tell where it lies. Add its frame "
            f"and transform",
            source=path.name,
        )
    declared = _frame(image)
    shape, digest = _footprint(image), file_digest(path)

    def read(frame: Frame | None) -> Iterator[RawBatch]:
        row = {**_row(image, path, frame or declared), "digest": digest}
        columns = {name: objects([value]) for name, value in row.items()}
        yield RawBatch(columns=columns, geometry=objects([shape]), rows=np.array([1]))

    return Delivery(
        path=path,
        format=kind,
        digest=digest,
        encoding=None,
        declared=declared,
        evidence=(f"{path.name}: {declared}",) if declared else (),
        read=read,
    )


def _frame(image: dict[str, Any]) -> Frame | None:
    """What the image states; None for a grid that has no room to (ASC without .prj)."""
    if image["wkt"] is None:
        return None
    return norm_frame(image["epsg"]) if image["epsg"] else frame_from_prj(image["wkt"])


def _footprint(image: dict[str, Any]) -> shapely.Polygon:
    """The outline of the valid pixels, in the frame of the image; one polygon also where they lie
    in pieces, and without the holes in them."""
    width, height = image["size"]
    whole = shapely.box(0, 0, width, height)
    outline = whole if "valid" not in image else _valid_outline(image, whole)
    matrix = [image["transform"][i] for i in (0, 1, 3, 4, 2, 5)]
    return shapely.affinity.affine_transform(outline, matrix)


def _valid_outline(image: dict[str, Any], whole: shapely.Polygon) -> shapely.Polygon:
    """In pixels of the image, to within two pixels of the mask."""
    rows, columns = image["valid"]
    bits = np.frombuffer(image["data"][0], dtype=np.uint8)
    valid = np.unpackbits(bits, count=rows * columns).reshape(rows, columns)
    if valid.all():
        return whole
    scale = Affine.scale(image["size"][0] / columns, image["size"][1] / rows)
    found = shapes(valid, mask=valid.astype(bool), transform=scale)
    parts = [shapely.Polygon(shape["coordinates"][0]) for shape, _ in found]
    if not parts:
        return whole  # nothing in it: the checks of the layer say what becomes of it
    largest = max(part.area for part in parts)
    union = shapely.union_all([p for p in parts if p.area > largest * SPECKLE])
    outline = union if union.geom_type == "Polygon" else union.convex_hull
    step = max(scale.a, scale.e)
    filled = shapely.Polygon(shapely.get_exterior_ring(outline))
    simple: shapely.Polygon = shapely.simplify(filled, 1.5 * step)
    return simple


def _row(image: dict[str, Any], path: Path, frame: Frame | None) -> dict[str, object]:
    dsm = image["bands"] == 1 and image["dtype"].startswith("float")
    degrees = frame is not None and frame.kind == "geographic"
    return {
        "image_id": path.stem,
        "kind": "dsm" if dsm else "ortho",
        "acquired_on": acquired_on(image["tags"].get("TIFFTAG_DATETIME", ""), path.name),
        "gsd_m": round(abs(image["transform"][0]) * (111_320.0 if degrees else 1.0), 4),
        "bands": image["bands"],
        "dtype": image["dtype"],
        "nodata": image["nodata"],
        "sensor": image["tags"].get("SENSOR") or None,
        "frame": frame.name if frame else None,
        "path": path.name,
    }


def acquired_on(tag: str, name: str) -> date | None:
    """The day an image was taken: its TIFF tag (2024:06:10 …), else a date in its name."""
    for text in (tag, name):
        if found := DAY.search(text):
            digits = re.sub(r"\D", "", found[0])
            with contextlib.suppress(ValueError):  # 30 February
                return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    return None
