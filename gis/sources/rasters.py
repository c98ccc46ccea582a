"""Images, one row a file, their footprint, for the layer `imagery`: GeoTIFF, IMG, ASC."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.coords import Frame, frame_from_prj, norm_frame
from gis.errors import SourceError
from gis.layers.batch import RawBatch
from gis.sources.columns import objects
from gis.sources.delivery import Delivery, file_digest
from gis.sources.sandbox import Sandbox

DRIVERS = {"GeoTIFF": "GTiff", "IMG": "HFA", "ASC": "AAIGrid"}
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
    a, b, c, d, e, f = image["transform"]
    width, height = image["size"]
    corners: NDArray[np.float64] = np.array([(0, 0), (width, 0), (width, height), (0, height)])
    x, y = corners.T
    return shapely.Polygon(np.column_stack([a * x + b * y + c, d * x + e * y + f]))


def _row(image: dict[str, Any], path: Path, frame: Frame | None) -> dict[str, object]:
    dsm = image["bands"] == 1 and image["dtype"].startswith("float")
    degrees = frame is not None and frame.kind == "geographic"
    return {
        "image_id": path.stem,
        "kind": "dsm" if dsm else "ortho",
        "acquired_on": acquired_on(image["tags"].get("TIFFTAG_DATETIME", ""), path.name),
        "gsd_m": round(abs(image["transform"][0]) * (111_320.0 if degrees else 1.0), 4),
        "bands": image["bands"],
        "frame": frame.name if frame else None,
        "path": path.name,
    }


def acquired_on(tag: str, name: str) -> date | None:
    """The day an image was taken: its TIFF tag (2024:06:10 …), else a date in its name."""
    for text in (tag, name):
        if found := DAY.search(text):
            digits = re.sub(r"\D", "", found[0])
            return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    return None
