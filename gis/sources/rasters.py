"""GeoTIFF: one row a file, its footprint, for the layer `imagery`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import rasterio
import shapely
from rasterio.io import DatasetReader

from gis.coords import Frame, frame_from_prj, norm_frame
from gis.errors import SourceError
from gis.layers.batch import RawBatch
from gis.sources.columns import objects
from gis.sources.delivery import Delivery, file_digest
from gis.sources.foreign import gdal_errors

TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
DAY = re.compile(r"(19|20)\d{2}[-_:.]?(0[1-9]|1[0-2])[-_:.]?(0[1-9]|[12]\d|3[01])")


def is_raster(head: bytes) -> bool:
    """TIFF or BigTIFF."""
    return head[:4] in TIFF


def open_raster(path: Path) -> Delivery:
    """Raises SourceError for an image without georeference."""
    with gdal_errors(path.name), rasterio.open(path, driver="GTiff") as image:
        if image.crs is None or image.transform.is_identity:
            raise SourceError(
                zh=f"{path.name} 没有地理参考，无法知道它在哪里。请补上坐标系和六参数",
                en=f"{path.name} has no georeference; nobody can tell where it lies. Add its frame "
                f"and transform",
                source=path.name,
            )
        code = image.crs.to_epsg()
        declared = norm_frame(code) if code else frame_from_prj(image.crs.to_wkt())
        shape, row = _footprint(image), _row(image, path, declared)
    digest = file_digest(path)

    def read(frame: Frame | None) -> Iterator[RawBatch]:
        columns = {name: objects([value]) for name, value in {**row, "digest": digest}.items()}
        yield RawBatch(columns=columns, geometry=objects([shape]), rows=np.array([1]))

    return Delivery(
        path=path,
        format="GeoTIFF",
        digest=digest,
        encoding=None,
        declared=declared,
        evidence=(f"{path.name}: {declared}",),
        read=read,
    )


def _footprint(image: DatasetReader) -> shapely.Polygon:
    corners = [(0, 0), (image.width, 0), (image.width, image.height), (0, image.height)]
    return shapely.Polygon([image.transform * corner for corner in corners])


def _row(image: DatasetReader, path: Path, frame: Frame) -> dict[str, object]:
    tags = image.tags()
    dsm = image.count == 1 and image.dtypes[0].startswith("float")
    metres = 1.0 if frame.kind != "geographic" else 111_320.0
    return {
        "image_id": path.stem,
        "kind": "dsm" if dsm else "ortho",
        "acquired_on": acquired_on(tags.get("TIFFTAG_DATETIME", ""), path.name),
        "gsd_m": round(abs(image.transform.a) * metres, 4),
        "bands": image.count,
        "frame": frame.name,
        "path": path.name,
    }


def acquired_on(tag: str, name: str) -> date | None:
    """The day an image was taken: its TIFF tag (2024:06:10 …), else a date in its name."""
    for text in (tag, name):
        if found := DAY.search(text):
            digits = re.sub(r"\D", "", found[0])
            return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    return None
