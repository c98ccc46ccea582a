"""Point clouds (LAS, LAZ) → a surface model that the engine `dsm` takes: the highest point of each
cell.

LAS 1.0 to 1.4 as ASPRS lays it down, compressed (LAZ) or not. Points are read a piece at a time, so
memory is that of the model. Coordinates in another frame or in feet become those of a metric one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import laspy
import lazrs
import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.transform import Affine
from scipy import ndimage

from gis.coords import Frame, norm_frame, normalise
from gis.errors import CoordError, OutsideFrame, SourceError

HEAD = 227  # bytes of the shortest header
MOST_CELLS = 400_000_000  # 1.6 GB of heights: 10 km by 10 km at half a metre
PIECE = 1_000_000  # points read at a time
REACH = 2  # cells; a gap wider than that stays a gap
NODATA = -9999.0
NOISE = (7, 18)  # low and high noise (ASPRS)
FLAGS_FROM = 6  # point formats from here on keep class and flags in bytes of their own
COMPRESSED = 0x80  # bit of the point format that LAZ sets
WKT_RECORD = 2112  # variable length record that holds the frame
METRES = {"metre": 1.0, "foot": 0.3048, "US survey foot": 1200 / 3937}
Points = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """A file's head. bounds: west, south, east, north, as the head has them. wkt: the frame as the
    file states it, None where it does not."""

    path: Path
    format: int
    record_bytes: int
    first_byte: int
    points: int
    scale: tuple[float, float, float]
    offset: tuple[float, float, float]
    bounds: tuple[float, float, float, float]
    compressed: bool = False
    wkt: str | None = None


def open_cloud(path: Path) -> Cloud:
    """Read the head of a LAS or LAZ file. Raises SourceError: no such file, no LAS, cut off,
    without points."""
    if not path.is_file():
        raise _refused(path, "找不到文件，请核对路径", "is not there. Check the path")
    with path.open("rb") as file:
        head = file.read(375)
    if len(head) < HEAD or head[:4] != b"LASF":
        raise _refused(path, "不是 LAS 点云", "is no LAS point cloud")
    format_, record = struct.unpack_from("<BH", head, 104)
    compressed = bool(format_ & COMPRESSED)
    format_ &= 0x3F
    [first] = struct.unpack_from("<I", head, 96)
    [points] = struct.unpack_from("<I", head, 107)
    if points == 0 and head[25] >= 4 and len(head) >= 255:
        [points] = struct.unpack_from("<Q", head, 247)
    if format_ > 10 or record < (30 if format_ >= FLAGS_FROM else 20) or points == 0:
        raise _refused(path, "没有可读的点", "holds no points that can be read")
    if not compressed and path.stat().st_size < first + points * record:
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
        compressed=compressed,
        wkt=_wkt(path),
    )


def frame_of(cloud: Cloud, crs: str | None) -> Frame:
    """The frame its coordinates are in: `crs`, else what the file states. Raises UnknownFrame where
    neither tells."""
    if crs is not None:
        return norm_frame(crs)
    if cloud.wkt is None:
        raise _refused(
            cloud.path,
            "没有写明坐标系。请用 --crs 给出，如 --crs EPSG:4547",
            "states no frame. Give it with --crs, e.g. --crs EPSG:4547",
        )
    try:
        return norm_frame(cloud.wkt)
    except CoordError as exc:
        raise type(exc)(
            zh=f"{cloud.path.name} 写明的坐标系不可用，请用 --crs 给出：{exc.zh}",
            en=f"the frame that {cloud.path.name} states can't be used, give it with --crs: "
            f"{exc.en}",
            file=cloud.path.name,
        ) from exc


def write_surface(
    cloud: Cloud,
    out: Path,
    *,
    crs: str | None,
    gsd_m: float,
    taken_on: date,
    datum: str | None,
    to: str | None = None,
) -> dict[str, Any]:
    """Write the surface model of a cloud as GeoTIFF and say what went into it: points, left_out
    (noise, withheld), cells, empty (share of cells without a height), frame, height_unit (metres;
    heights are in the unit of the cloud's frame).

    crs: the frame of the cloud, None = as it states itself; to: the metric frame of the model, None
    = the same. Edges are rounded to whole pixels, so that two clouds of a place lie on one grid.
    Raises SourceError where the head's bounds are none or too wide or the frame is not metric,
    CoordError where there is no way from one frame to the other."""
    source = frame_of(cloud, crs)
    target = source if to is None else norm_frame(to)
    _check_metric(cloud, source, target)
    bounds = _bounds(cloud, source, target)
    west, south, east, north = (
        np.floor(bounds[0] / gsd_m), np.floor(bounds[1] / gsd_m),
        np.floor(bounds[2] / gsd_m) + 1, np.floor(bounds[3] / gsd_m) + 1,
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
    for piece in _pieces(cloud):
        x, y, z = _placed(piece, source, target)
        row = (north - 1 - np.floor(y / gsd_m)).astype(np.int64)
        column = (np.floor(x / gsd_m) - west).astype(np.int64)
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        np.maximum.at(highest, (row[inside], column[inside]), z[inside].astype(np.float32))
        kept += int(inside.sum())
    surface = _gaps_closed(highest)
    profile = {
        "driver": "GTiff", "width": int(width), "height": int(height), "count": 1,
        "dtype": "float32", "crs": target.name, "nodata": NODATA, "tiled": True,
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
        "frame": target.name,
        "height_unit": round(METRES[source.unit], 9),
    }


def _check_metric(cloud: Cloud, source: Frame, target: Frame) -> None:
    if source.unit not in METRES:
        raise _refused(
            cloud.path,
            f"的坐标系 {source} 以 {source.unit} 为单位，高程单位不明，不能使用",
            f"is in {source}, whose unit is {source.unit}: the unit of its heights is not known",
        )
    if target.kind != "projected" or target.unit != "metre":
        raise _refused(
            cloud.path,
            f"需要米制平面坐标系，{target} 的单位是 {target.unit}。请用 --to 给出，如 EPSG:4547",
            f"needs a metric frame, the unit of {target} is {target.unit}. Give one with --to",
        )


def _bounds(cloud: Cloud, source: Frame, target: Frame) -> tuple[float, float, float, float]:
    """Of the model, in `target`."""
    if source == target or not np.isfinite(cloud.bounds).all():
        return cloud.bounds
    rim = shapely.box(*cloud.bounds).segmentize(max(cloud.bounds[2] - cloud.bounds[0], 1.0) / 20)
    moved = normalise(np.array([rim], dtype=object), source, target=target)
    if moved.failed.any():
        raise OutsideFrame(
            zh=f"{cloud.path.name} 的坐标不在 {source} 的适用范围内。请核对 --crs",
            en=f"the coordinates of {cloud.path.name} lie outside {source}. Check --crs",
            file=cloud.path.name,
        )
    west, south, east, north = (float(v) for v in moved.geometry[0].bounds)
    return west, south, east, north


def _placed(piece: Points, source: Frame, target: Frame) -> Points:
    """Coordinates in `target`, heights in metres."""
    x, y, z = piece
    z = z * METRES[source.unit]
    if source == target:
        return x, y, z
    shapes = np.asarray(shapely.points(x, y), dtype=object)
    moved = normalise(shapes, source, target=target)
    kept = ~moved.failed
    return shapely.get_x(moved.geometry)[kept], shapely.get_y(moved.geometry)[kept], z[kept]


def _wkt(path: Path) -> str | None:
    """The frame that a record of the head states as WKT."""
    try:
        with laspy.open(path) as reader:
            records = [r for r in reader.header.vlrs if r.record_id == WKT_RECORD]
            found = [r.string for r in records if getattr(r, "string", "")]
    except (laspy.errors.LaspyException, lazrs.LazrsError, ValueError, OSError) as exc:
        raise _refused(path, "没有可读的点", "holds no points that can be read") from exc
    return str(found[0]).rstrip("\0") if found else None


def _pieces(cloud: Cloud) -> Iterator[Points]:
    """x, y, z of the points that count, PIECE at a time."""
    yield from _unpacked(cloud) if cloud.compressed else _plain(cloud)


def _unpacked(cloud: Cloud) -> Iterator[Points]:
    read = 0
    try:
        with laspy.open(cloud.path) as reader:
            for points in reader.chunk_iterator(PIECE):
                read += len(points)
                counts = (np.asarray(points.withheld) == 0) & ~np.isin(
                    np.asarray(points.classification), NOISE
                )
                x, y, z = (np.asarray(v, np.float64) for v in (points.x, points.y, points.z))
                yield x[counts], y[counts], z[counts]
    except (laspy.errors.LaspyException, lazrs.LazrsError, ValueError, OSError) as exc:
        raise _refused(cloud.path, "不完整，请重新传送", "is cut off. Transfer it again") from exc
    if read < cloud.points:
        raise _refused(cloud.path, "不完整，请重新传送", "is cut off. Transfer it again")


def _plain(cloud: Cloud) -> Iterator[Points]:
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
