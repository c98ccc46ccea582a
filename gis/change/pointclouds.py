"""Point clouds (LAS) → a surface model that the engine `dsm` takes: the highest point of each cell.

LAS 1.0 to 1.4 as ASPRS lays it down, uncompressed. Points are read a piece at a time, so memory is
that of the model.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine
from scipy import ndimage

from gis.coords import norm_frame
from gis.errors import SourceError

HEAD = 227  # bytes of the shortest header
MOST_CELLS = 400_000_000  # 1.6 GB of heights: 10 km by 10 km at half a metre
PIECE = 1_000_000  # points read at a time
REACH = 2  # cells; a gap wider than that stays a gap
NODATA = -9999.0
NOISE = (7, 18)  # low and high noise (ASPRS)
FLAGS_FROM = 6  # point formats from here on keep class and flags in bytes of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """A file's head. bounds: west, south, east, north, as the head has them."""

    path: Path
    format: int
    record_bytes: int
    first_byte: int
    points: int
    scale: tuple[float, float, float]
    offset: tuple[float, float, float]
    bounds: tuple[float, float, float, float]


def open_cloud(path: Path) -> Cloud:
    """Read the head of a LAS file. Raises SourceError: no such file, no LAS, compressed (LAZ),
    cut off, without points."""
    if not path.is_file():
        raise _refused(path, "找不到文件，请核对路径", "is not there. Check the path")
    with path.open("rb") as file:
        head = file.read(375)
    if len(head) < HEAD or head[:4] != b"LASF":
        raise _refused(path, "不是 LAS 点云", "is no LAS point cloud")
    format_, record = struct.unpack_from("<BH", head, 104)
    if format_ & 0xC0:
        raise _refused(
            path,
            "是压缩的 LAZ，本程序只读 LAS。请先解压：pdal translate 输入.laz 输出.las",
            "is compressed (LAZ); this program reads LAS. Unpack it: pdal translate in.laz out.las",
        )
    [first] = struct.unpack_from("<I", head, 96)
    [points] = struct.unpack_from("<I", head, 107)
    if points == 0 and head[25] >= 4 and len(head) >= 255:
        [points] = struct.unpack_from("<Q", head, 247)
    if format_ > 10 or record < (30 if format_ >= FLAGS_FROM else 20) or points == 0:
        raise _refused(path, "没有可读的点", "holds no points that can be read")
    if path.stat().st_size < first + points * record:
        raise _refused(path, "不完整，请重新传送", "is cut off. Transfer it again")
    east, west, north, south = struct.unpack_from("<4d", head, 179)
    return Cloud(
        path=path,
        format=format_,
        record_bytes=record,
        first_byte=first,
        points=points,
        scale=struct.unpack_from("<3d", head, 131),
        offset=struct.unpack_from("<3d", head, 155),
        bounds=(west, south, east, north),
    )


def write_surface(
    cloud: Cloud, out: Path, *, crs: str, gsd_m: float, taken_on: date, datum: str | None
) -> dict[str, Any]:
    """Write the surface model of a cloud as GeoTIFF and say what went into it: points, left_out
    (noise, withheld), cells, empty (share of cells without a height).

    crs: the frame of the cloud, metric; its edges are rounded to whole pixels, so that two clouds
    of a place lie on one grid. Raises SourceError where the head's bounds are none or too wide."""
    west, south, east, north = (
        np.floor(cloud.bounds[0] / gsd_m), np.floor(cloud.bounds[1] / gsd_m),
        np.floor(cloud.bounds[2] / gsd_m) + 1, np.floor(cloud.bounds[3] / gsd_m) + 1,
    )  # fmt: skip
    width, height = east - west, north - south
    if not (width > 0 and height > 0 and width * height <= MOST_CELLS):
        raise _refused(
            cloud.path,
            f"范围 {cloud.bounds} 不可用或过大",
            f"has bounds we can't use, or too wide: {cloud.bounds}",
        )
    highest = np.full((int(height), int(width)), -np.inf, dtype=np.float32)
    kept = 0
    for x, y, z in _pieces(cloud):
        row = (north - 1 - np.floor(y / gsd_m)).astype(np.int64)
        column = (np.floor(x / gsd_m) - west).astype(np.int64)
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        np.maximum.at(highest, (row[inside], column[inside]), z[inside].astype(np.float32))
        kept += int(inside.sum())
    surface = _gaps_closed(highest)
    profile = {
        "driver": "GTiff", "width": int(width), "height": int(height), "count": 1,
        "dtype": "float32", "crs": norm_frame(crs).name, "nodata": NODATA, "tiled": True,
        "blockxsize": 256, "blockysize": 256, "compress": "deflate", "predictor": 3,
        "transform": Affine(gsd_m, 0, west * gsd_m, 0, -gsd_m, north * gsd_m),
    }  # fmt: skip
    with rasterio.open(out, "w", **profile) as data:
        data.write(surface, 1)
        tags = {"TIFFTAG_DATETIME": f"{taken_on:%Y:%m:%d} 00:00:00"}
        data.update_tags(**tags, **({"VERTICAL_DATUM": datum} if datum else {}))
    empty = float((surface == NODATA).mean())
    return {
        "points": cloud.points,
        "left_out": cloud.points - kept,
        "cells": int(width * height),
        "empty": round(empty, 4),
    }


def _pieces(cloud: Cloud) -> Iterator[tuple[NDArray[np.float64], ...]]:
    """x, y, z of the points that count, PIECE at a time."""
    table = np.memmap(
        cloud.path, np.uint8, "r", cloud.first_byte, (cloud.points, cloud.record_bytes)
    )
    own = cloud.format >= FLAGS_FROM
    for start in range(0, cloud.points, PIECE):
        raw = np.asarray(table[start : start + PIECE])
        if own:
            kind, withheld = raw[:, 16], (raw[:, 15] & 0x04).astype(np.uint8)
        else:
            kind = (raw[:, 15] & 0x1F).astype(np.uint8)
            withheld = (raw[:, 15] & 0x80).astype(np.uint8)
        counts = (withheld == 0) & ~np.isin(kind, NOISE)
        whole = np.ascontiguousarray(raw[counts, :12]).view("<i4")
        place = whole * np.array(cloud.scale) + np.array(cloud.offset)
        yield place[:, 0], place[:, 1], place[:, 2]


def _gaps_closed(highest: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cells that no point fell into take the nearest one's height, up to REACH cells away."""
    empty = ~np.isfinite(highest)
    if not empty.any() or empty.all():
        return np.where(empty, np.float32(NODATA), highest)
    away, (row, column) = ndimage.distance_transform_edt(empty, return_indices=True)
    return np.where(away <= REACH, highest[row, column], np.float32(NODATA)).astype(np.float32)


def _refused(path: Path, zh: str, en: str) -> SourceError:
    return SourceError(zh=f"{path.name} {zh}", en=f"{path.name} {en}", file=path.name)
