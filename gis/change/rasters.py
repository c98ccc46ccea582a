"""What a raster file says of itself: frame, grid, date, height datum. Refused where it doesn't."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import rasterio
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.transform import Affine

from gis.coords import Frame, norm_frame
from gis.errors import ChangeError, CoordError, SourceError

Kind = Literal["image", "dsm"]
DATE_IN_NAME = re.compile(
    r"(?<!\d)(20\d{2}|19\d{2})[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])(?!\d)"
)
DATE_IN_TAG = re.compile(r"(\d{4})[:-](\d{2})[:-](\d{2})")
DATUM_TAGS = ("VERTICAL_DATUM", "HEIGHT_DATUM", "高程基准")
CHUNK = 1 << 20
RGB = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
MAX_BANDS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Raster:
    """A georeferenced file, north up, in a metric frame.

    west, north: of the outer corner of the first pixel, in the frame. gsd_m: side of its square
    pixels. colour: numbers (from 1) of the red, green and blue band, None where there are none.
    datum: of heights, as the file states it; None = it does not. digest: SHA-256 of the file.
    """

    path: Path
    kind: Kind
    frame: Frame
    west: float
    north: float
    gsd_m: float
    width: int
    height: int
    colour: tuple[int, int, int] | None
    taken_on: date
    datum: str | None
    digest: str

    @property
    def name(self) -> str:
        """What alerts call the image: the file's name without its ending."""
        return self.path.stem

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """west, south, east, north in the frame."""
        south = self.north - self.height * self.gsd_m
        return self.west, south, self.west + self.width * self.gsd_m, self.north

    @property
    def transform(self) -> Affine:
        """Pixel (column, row) -> metres (east, north)."""
        return Affine(self.gsd_m, 0.0, self.west, 0.0, -self.gsd_m, self.north)

    def to_json(self) -> dict[str, Any]:
        """What the evidence keeps of it."""
        return {
            "name": self.name,
            "file": self.path.name,
            "digest": self.digest,
            "taken_on": self.taken_on.isoformat(),
            "frame": self.frame.name,
            "gsd_m": self.gsd_m,
            "height_datum": self.datum,
        }


def describe(path: Path, kind: Kind, *, taken_on: date | None = None) -> Raster:
    """Read a file's head. `taken_on` overrides the date in its tag or name.

    Raises SourceError (no such file, not a GeoTIFF, no georeference, turned, in degrees, no
    bands), ChangeError (no date, or two that differ), UnknownFrame.
    """
    with opened(path) as data:
        _check_grid(data, path)
        if kind == "dsm" and data.count != 1:
            raise SourceError(
                zh=f"{path.name} 有 {data.count} 个波段，高程模型应为 1 个。是否与正射影像颠倒？",
                en=f"{path.name} has {data.count} bands; a surface model has one. Is it the photo?",
                file=path.name,
                bands=data.count,
            )
        return Raster(
            path=path,
            kind=kind,
            frame=_frame(data, path),
            west=data.transform.c,
            north=data.transform.f,
            gsd_m=data.transform.a,
            width=data.width,
            height=data.height,
            colour=_colour(data),
            taken_on=taken_on or _date(data, path),
            datum=_datum(data),
            digest=_digest(path),
        )


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The open dataset; GDAL's errors become ours. Only GeoTIFF: a VRT may point anywhere."""
    if not path.is_file():
        raise SourceError(
            zh=f"找不到文件 {path}。请核对路径",
            en=f"there is no file {path}. Check the path",
            file=str(path),
        )
    try:
        with warnings.catch_warnings():
            # reported by _check_grid, with what to do
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, driver="GTiff") as data:
                yield data
    except RasterioError as exc:
        raise unreadable(path) from exc


def unreadable(path: Path) -> SourceError:
    """What to raise where GDAL can't read a file, its head or its pixels."""
    return SourceError(
        zh=f"{path.name} 无法按 GeoTIFF 读取，可能损坏或格式不对。请用 gdal_translate 转成 GeoTIFF",
        en=f"{path.name} can't be read as GeoTIFF; it is damaged or of another format. Convert "
        f"it with gdal_translate",
        file=path.name,
    )


def _check_grid(data: Any, path: Path) -> None:
    t = data.transform
    if t.is_identity or data.crs is None:
        what_zh = "坐标系" if data.crs is None and not t.is_identity else "地理参考"
        what_en = "frame" if data.crs is None and not t.is_identity else "georeference"
        raise SourceError(
            zh=f"{path.name} 没有{what_zh}。请用 gdal_edit.py -a_srs EPSG:4547 -a_ullr … 补上",
            en=f"{path.name} has no {what_en}. Add it: gdal_edit.py -a_srs EPSG:4547 -a_ullr …",
            file=path.name,
            missing=what_en,
        )
    if t.b or t.d or t.a <= 0 or t.e >= 0 or abs(t.a + t.e) > 1e-6 * t.a:
        raise SourceError(
            zh=f"{path.name} 的像元不是正方形或影像有旋转。请先 gdalwarp 成正北方形像元",
            en=f"{path.name} is turned or its pixels are not square. gdalwarp it north up first",
            file=path.name,
        )
    if data.count == 0 or data.count > MAX_BANDS or "complex" in data.dtypes[0]:
        raise SourceError(
            zh=f"{path.name} 的波段（{data.count} 个，{data.dtypes[:1]}）不可用",
            en=f"{path.name} has bands we can't use: {data.count} of {data.dtypes[:1]}",
            file=path.name,
        )


def _frame(data: Any, path: Path) -> Frame:
    code = data.crs.to_epsg()
    try:
        frame = norm_frame(code) if code else norm_frame(data.crs.to_wkt())
    except CoordError as exc:
        raise type(exc)(
            zh=f"{path.name} 的坐标系不可用：{exc.zh}",
            en=f"the frame of {path.name} can't be used: {exc.en}",
            file=path.name,
        ) from exc
    if frame.kind != "projected" or frame.unit != "metre":
        raise SourceError(
            zh=f"{path.name} 的坐标系 {frame} 以 {frame.unit} 为单位，变化检测需要米制平面。"
            f"请先 gdalwarp -t_srs EPSG:4547",
            en=f"{path.name} is in {frame}, whose unit is {frame.unit}; change detection needs "
            f"metres. First: gdalwarp -t_srs EPSG:4547",
            file=path.name,
            frame=frame.name,
        )
    return frame


def _colour(data: Any) -> tuple[int, int, int] | None:
    """Band numbers of red, green, blue; None for grey, palette and unknown bands."""
    meaning = list(data.colorinterp)
    if all(c in meaning for c in RGB):
        r, g, b = (meaning.index(c) + 1 for c in RGB)
        return r, g, b
    if data.count >= 3 and meaning[0] in (ColorInterp.gray, ColorInterp.undefined):
        return 1, 2, 3  # how 16-bit and four-band deliveries come: no meaning stated
    return None


def _date(data: Any, path: Path) -> date:
    """The date in TIFFTAG_DATETIME or the name. Two that differ are not a date."""
    found = {}
    if match := DATE_IN_TAG.match(data.tags().get("TIFFTAG_DATETIME", "")):
        found["TIFFTAG_DATETIME"] = "-".join(match.groups())
    if names := DATE_IN_NAME.findall(path.stem):
        found["文件名"] = "-".join(names[-1])
    days: set[date] = set()
    for text in found.values():
        try:
            days.add(date.fromisoformat(text))
        except ValueError:
            continue
    if len(days) == 1:
        return days.pop()
    stated = "；".join(f"{where} {text}" for where, text in found.items())
    raise ChangeError(
        zh=f"{path.name} 的拍摄日期"
        + (f"互相矛盾（{stated}）" if stated else "未写明")
        + "。请用 --before-date / --after-date 给出",
        en=f"{path.name} "
        + (f"states two dates ({stated})" if stated else "states no date")
        + ". Give it with --before-date / --after-date",
        file=path.name,
        problem="date",
    )


def _datum(data: Any) -> str | None:
    tags = {**data.tags(), **data.tags(1)}
    for name in DATUM_TAGS:
        if tags.get(name, "").strip():
            return str(tags[name]).strip()
    wkt = data.crs.to_wkt() if data.crs else ""
    match = re.search(r'VERT_?(?:CS|CRS)\["([^"]+)"', wkt)
    return match[1] if match else None


def _digest(path: Path) -> str:
    total = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            total.update(chunk)
    return total.hexdigest()
