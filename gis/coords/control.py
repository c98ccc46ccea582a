"""Control points from the rows of a table, whatever its columns are called.

The table has a name, the local pair and the known pair. The known pair is `lon_<frame>,
lat_<frame>` (degrees), or `E_<code>, N_<code>` (plane of EPSG:<code>), or any two columns in a
frame that the caller names. A pair's order is found from the frame, never assumed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gis.coords.angles import parse_angle
from gis.coords.axes import east_first
from gis.coords.frames import Frame, from_epsg
from gis.coords.local import ControlPoint
from gis.coords.spelling import norm_frame
from gis.coords.transform import find_transformation
from gis.errors import CoordError

Floats = NDArray[np.float64]

_LONLAT = re.compile(r"(lon|lat|经度|纬度)_?(.*)", re.I)
_PLANE = re.compile(r"([EN])_?(\d{4,6})", re.I)
_LOCAL = re.compile(r"([xy])_?(local|地方|独立)?|地方([xy])|(local)_?([xyen])", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """Points ready for `fit_local`: known pair in the plane EPSG:`target`, metres, east first.

    accuracy_m: of the way from the file's known frame to that plane."""

    points: tuple[ControlPoint, ...]
    target: int
    accuracy_m: float


def control_points(
    rows: Sequence[Mapping[str, str]], *, to: Frame | int | str | None = None
) -> Control:
    """Control points of a table's rows (text values by column name).

    `to`: the frame of the known pair where the columns do not say it; a geographic one, and the
    `lon_`/`lat_` columns, are taken into the national 3-degree plane under their mean longitude.
    Raises CoordError naming the column or the row that is wrong."""
    if not rows:
        raise CoordError(zh="控制点文件没有数据行", en="the control-point file has no rows")
    columns = [name for name in rows[0] if name]
    known, frame = _known_pair(columns, norm_frame(to) if to is not None else None)
    local = _local_pair(columns, known)
    label = next((c for c in columns if c not in (*known, *local)), None)
    pairs, _ = east_first(_numbers(rows, known), frame, "控制点 / control points")
    plane = frame if frame.kind == "projected" else national_plane(float(np.median(pairs[:, 0])))
    way = find_transformation(frame, plane)
    east_north = way.apply(pairs)
    xy = _numbers(rows, local)
    assert plane.epsg is not None  # `_known_pair` and `national_plane` give nothing else
    return Control(
        points=tuple(
            ControlPoint(
                name=str(rows[i].get(label) or f"#{i + 1}") if label else f"#{i + 1}",
                x=float(xy[i, 0]),
                y=float(xy[i, 1]),
                east=float(east_north[i, 0]),
                north=float(east_north[i, 1]),
            )
            for i in range(len(rows))
        ),
        target=plane.epsg,
        accuracy_m=way.accuracy_m,
    )


def national_plane(lon: float) -> Frame:
    """CGCS2000's 3-degree Gauss-Kruger plane (without zone prefix) for a longitude in degrees.

    Raises CoordError outside China's zones."""
    zone = round(lon / 3.0)
    if not 25 <= zone <= 45:
        raise CoordError(
            zh=f"经度 {lon:.3f} 不在国家 3 度带（75°E–135°E）内。请用 --to 指定平面坐标系",
            en=f"longitude {lon:.3f} is in none of China's 3-degree zones. Name a plane with --to",
            lon=lon,
        )
    return from_epsg(4534 + zone - 25)


def _known_pair(columns: Sequence[str], to: Frame | None) -> tuple[tuple[str, str], Frame]:
    plane = {m[1].upper(): (c, m[2]) for c in columns if (m := _PLANE.fullmatch(c.strip()))}
    if {"E", "N"} <= plane.keys() and plane["E"][1] == plane["N"][1]:
        return (plane["E"][0], plane["N"][0]), to or from_epsg(int(plane["E"][1]))
    degrees = [(c, m[2]) for c in columns if (m := _LONLAT.fullmatch(c.strip()))]
    if len(degrees) == 2:
        names = sorted(c for c, _ in degrees)
        lat, lon = sorted(names, key=lambda c: c.lower().startswith(("lon", "经")))
        return (lon, lat), to or norm_frame(degrees[0][1] or "CGCS2000")
    if to is not None and len(columns) >= 4:
        if to.epsg is None:
            raise CoordError(
                zh=f"--to {to} 不是 EPSG 坐标系。请给 EPSG 代码，例如 EPSG:4547",
                en=f"--to {to} has no EPSG code. Give one, e.g. EPSG:4547",
                frame=to.name,
            )
        return (columns[-2], columns[-1]), to
    raise CoordError(
        zh=f"控制点文件看不出已知坐标是哪两列（列：{'、'.join(columns)}）。"
        "请命名为 lon_cgcs2000, lat_cgcs2000 或 E_4547, N_4547，或加 --to",
        en=f"which columns hold the known pair can't be told (columns: {', '.join(columns)}). "
        "Call them lon_cgcs2000, lat_cgcs2000 or E_4547, N_4547, or pass --to",
        columns=", ".join(columns),
    )


def _local_pair(columns: Sequence[str], known: tuple[str, str]) -> tuple[str, str]:
    rest = [c for c in columns if c not in known]
    named = [c for c in rest if _LOCAL.fullmatch(c.strip())]
    if len(named) == 2:
        return named[0], named[1]
    if len(rest) in (2, 3):
        return rest[-2], rest[-1]
    raise CoordError(
        zh=f"控制点文件看不出地方坐标是哪两列（列：{'、'.join(columns)}）。"
        "请命名为 x_local, y_local",
        en=f"which columns hold the local pair can't be told (columns: {', '.join(columns)}). "
        "Call them x_local, y_local",
        columns=", ".join(columns),
    )


def _numbers(rows: Sequence[Mapping[str, str]], pair: tuple[str, str]) -> Floats:
    out = np.empty((len(rows), 2))
    for i, row in enumerate(rows):
        for j, name in enumerate(pair):
            try:
                out[i, j] = parse_angle(str(row.get(name) or ""))
            except CoordError as exc:
                raise CoordError(
                    zh=f"控制点文件第 {i + 1} 行“{name}”列不是数值：{row.get(name)!r}",
                    en=f"row {i + 1} of the control points, column '{name}', is no number: "
                    f"{row.get(name)!r}",
                    row=i + 1,
                    column=name,
                ) from exc
    return out
