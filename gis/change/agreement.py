"""Whether two dates' files may be compared: frames, pixel sizes, height datums."""

from __future__ import annotations

import re

from gis.change.rasters import Raster
from gis.errors import ChangeError

MOST_RATIO = 2.0  # between the pixel sizes of two surface models


def check_frames(rasters: tuple[Raster, ...]) -> None:
    names = {r.frame.name for r in rasters}
    if len(names) > 1:
        stated = "；".join(f"{r.name} {r.frame}" for r in rasters)
        raise ChangeError(
            zh=f"两期数据坐标系不同（{stated}）。请先 gdalwarp 到同一坐标系",
            en=f"the rasters are in different frames ({stated}). gdalwarp them to one first",
            problem="frame",
        )


def check_pixels(models: tuple[Raster | None, Raster | None]) -> list[tuple[str, str]]:
    first, second = models
    if first is None or second is None:
        return []
    ratio = max(first.gsd_m, second.gsd_m) / min(first.gsd_m, second.gsd_m)
    if ratio > MOST_RATIO:
        raise ChangeError(
            zh=f"两期高程模型的像元大小差 {ratio:.1f} 倍（{first.gsd_m:g} 与 {second.gsd_m:g} 米）",
            en=f"the surface models' pixels differ {ratio:.1f} times ({first.gsd_m:g} and "
            f"{second.gsd_m:g} m); at most {MOST_RATIO:g}",
            problem="pixel_size",
        )
    return []


def check_datum(first: Raster | None, second: Raster | None) -> list[tuple[str, str]]:
    """Refuse two datums; say it where one or both files state none."""
    if first is None or second is None:
        return []
    spelled = {re.sub(r"\W", "", r.datum).lower() for r in (first, second) if r.datum}
    if len(spelled) > 1:
        raise ChangeError(
            zh=f"高程基准不同：{first.name} {first.datum}，{second.name} {second.datum}。请先统一",
            en=f"different height datums: {first.name} {first.datum}, {second.name} "
            f"{second.datum}. Bring them to one first",
            problem="height_datum",
        )
    silent = [r.name for r in (first, second) if not r.datum]
    if silent:
        return [
            (f"{'、'.join(silent)} 未写明高程基准", f"{', '.join(silent)}: no height datum stated")
        ]
    return []
