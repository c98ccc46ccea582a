"""`gis coords`: convert coordinates, fit a local frame, name a place by its grid code."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import numpy as np
import yaml

from gis.analysis import Converted
from gis.analysis import convert as convert_pairs
from gis.cli.console import Console, command, rows_table
from gis.cli.coords_detect import detect
from gis.cli.tables import read_bytes, read_table
from gis.coords import (
    Cell,
    LocalFrame,
    SevenParameters,
    Transformation,
    control_points,
    decode_place_code,
    east_first,
    find_transformation,
    fit_local,
    frame_from_seven,
    norm_frame,
    outside_error,
    parse_angle,
)
from gis.errors import ConfigError, CoordError, SourceError
from gis.sources.frames import load_local_frames
from gis.sources.pairs import PairTable, read_pairs


@click.group()
def coords() -> None:
    """坐标：转换、诊断、拟合、网格码 / convert, detect, fit local frames, grid codes."""


coords.add_command(detect)


@coords.add_command
@command("convert")
@click.option("--from", "source", required=True, help="源坐标系 / frame of the input")
@click.option("--to", "target", required=True, help="目标坐标系 / frame wanted")
@click.option("--x", "x_name", help="文件中的东（经度）列 / east or longitude column of FILE")
@click.option("--y", "y_name", help="文件中的北（纬度）列 / north or latitude column of FILE")
@click.argument("what", nargs=-1, required=True, metavar="X Y | FILE.csv")
def convert(
    console: Console,
    source: str,
    target: str,
    x_name: str | None,
    y_name: str | None,
    what: tuple[str, ...],
) -> None:
    """转换一个点（东或经度在前）或一个 CSV 文件 / convert one point (east first) or a CSV file.

    \b
    示例 / examples:
      gis coords convert --from gcj02 --to EPSG:4547 -- 114.028 32.978
      gis coords convert --from EPSG:4526 --to EPSG:4490 points.csv > out.csv
    """
    local = load_local_frames(console.settings.config / "frames")
    frames = (norm_frame(source, local), norm_frame(target, local))
    way = find_transformation(*frames)
    if len(what) == 2:
        _convert_point(console, way, what)
    elif len(what) == 1:
        _convert_file(console, way, Path(what[0]), x_name, y_name)
    else:
        raise CoordError(
            zh=f"应为一对坐标或一个文件，收到 {len(what)} 个值",
            en=f"give one pair or one file, not {len(what)} values",
            values=len(what),
        )


def _convert_point(console: Console, way: Transformation, what: tuple[str, ...]) -> None:
    pair = np.array([[parse_angle(text) for text in what]])
    pair, swapped = east_first(pair, way.source, "输入 / input")
    if swapped:
        console.say("北坐标在前，已对调", "north came first, swapped")
    moved = way.apply(pair)[0]
    if not np.isfinite(moved).all():
        raise outside_error(pair[0], way.source, "输入", "input")
    _say_beyond(console, pair, way)
    x, y = (float(v) for v in moved)
    digits = 9 if way.target.unit == "degree" else 4
    result = {"x": x, "y": y, "accuracy_m": way.accuracy_m, "steps": list(way.steps)}
    lines = [f"{x:.{digits}f} {y:.{digits}f}", f"精度 / accuracy: {way.accuracy_m:g} m", *way.steps]
    console.emit(result, text="\n".join(lines))


def _convert_file(
    console: Console, way: Transformation, path: Path, x_name: str | None, y_name: str | None
) -> None:
    """Every column as it came, then x, y in the new frame and the accuracy. Rows that can't be
    converted keep their place with empty numbers, and are counted."""
    table = read_pairs(read_bytes(path), path.name, x_name=x_name, y_name=y_name)
    done = convert_pairs(table, way)
    _refuse_whole(table, done, path)
    if done.turned:
        console.say(f"{table.names[0]} 为北坐标，已对调", f"{table.names[0]} is north, swapped")
    _say_beyond(console, done.pairs[np.isfinite(done.moved).all(axis=1)], way)
    failed = sorted(done.faults)
    if failed:
        rows_text = "、".join(str(i + 1) for i in failed[:20])
        console.say(f"{len(failed)} 行无法转换：{rows_text}", f"{len(failed)} rows not converted")
    for i in failed[:SHOWN]:
        console.say(done.faults[i].zh, done.faults[i].en)
    rows = [
        _converted(dict(zip(table.columns, row, strict=True)), done.moved[i], way)
        for i, row in enumerate(table.rows)
    ]
    if console.json:
        console.emit(
            {
                "rows": rows,
                "failed": [i + 1 for i in failed],
                "accuracy_m": way.accuracy_m,
                "steps": list(way.steps),
            }
        )
        return
    out = io.StringIO()
    writer = csv.DictWriter(out, [*table.columns, *_NEW], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    console.say("；".join(way.steps), f"accuracy {way.accuracy_m:g} m")
    console.emit(None, text=out.getvalue().rstrip("\n"))


def _refuse_whole(table: PairTable, done: Converted, path: Path) -> None:
    """A row with too few or too many values puts every column in doubt; a file without one row
    that can be converted is in another frame."""
    for row in sorted(table.ragged):
        fault, line = table.faults[row], table.lines[row]
        raise SourceError(
            zh=f"{path.name} 第 {line} 行：{fault.zh}",
            en=f"{path.name} line {line}: {fault.en}",
            file=path.name,
            row=int(line),
        )
    if len(done.faults) == len(table):
        first = done.faults[min(done.faults)]
        raise CoordError(
            zh=f"{path.name} 没有一行能转换。{first.zh}",
            en=f"no row of {path.name} can be converted. {first.en}",
            file=path.name,
        )


def _say_beyond(console: Console, numbers: Any, way: Transformation) -> None:
    tie = way.source.local
    beyond = int(tie.beyond_control(numbers).sum()) if tie is not None and len(numbers) else 0
    if beyond:
        console.say(
            f"{beyond} 个点在控制点范围之外，精度为外推",
            f"{beyond} points lie beyond the control points: the accuracy is extrapolated",
        )


SHOWN = 5  # reasons of rows that failed
_NEW = ("x_converted", "y_converted", "accuracy_m")


def _converted(row: dict[str, str], moved: Any, way: Transformation) -> dict[str, Any]:
    digits = 9 if way.target.unit == "degree" else 4
    if not np.isfinite(moved).all():
        return {**row, **dict.fromkeys(_NEW)}
    values = (*(round(float(v), digits) for v in moved), way.accuracy_m)
    return {**row, **dict(zip(_NEW, values, strict=True))}


@coords.add_command
@command("fit")
@click.option("--name", required=True, help="地方坐标系名称 / the frame's name")
@click.option("--to", "target", help="已知坐标的坐标系 / frame of the known pair")
@click.option("--seven", help="七参数 / TX,TY,TZ (m),RX,RY,RZ (arcsec),PPM; points only check them")
@click.option("--from", "old", help="七参数所属的旧平面坐标系 / the old plane, e.g. EPSG:2362")
@click.option("--limit", default=0.05, show_default=True, help="单轴中误差限（米）/ sigma limit, m")
@click.option("--unusual", is_flag=True, help="确认异常尺度或旋转 / accept odd scale or rotation")
@click.option("--force", is_flag=True, help="覆盖同名坐标系 / replace a frame of that name")
@click.argument("points", type=click.Path(path_type=Path), metavar="POINTS.csv")
def fit(
    console: Console,
    name: str,
    target: str | None,
    seven: str | None,
    old: str | None,
    limit: float,
    unusual: bool,
    force: bool,
    points: Path,
) -> None:
    """由控制点拟合地方坐标系，存入 config/frames / fit a local frame from control points.

    \b
    示例 / examples:
      gis coords fit 控制点.csv --name zmd
      gis coords fit 检核点.csv --name xian80 --from EPSG:2362 --seven 12.1,-3.2,5.4,.5,-.3,.4,-2.1
    """
    out = console.settings.config / "frames" / f"{_file_name(name)}.yml"
    if out.exists() and not force:
        raise ConfigError(
            zh=f"{out} 已存在。加 --force 覆盖，或换一个名称",
            en=f"{out} exists already. Replace it with --force, or take another name",
            file=str(out),
        )
    timezone = console.settings.timezone
    if seven is None and old is None:
        frame = fit_points(points, name, target, limit, unusual, timezone)
    else:
        frame = check_seven(points, name, target, limit, timezone, seven, old)
    write_frame(frame, out)
    for warning in frame.warnings:
        console.say(*warning.split(" / ", 1))
    console.say(f"已写入 {out}", f"use it as local:{name}")
    console.emit(_fit_result(frame, out), table=_fit_table(frame))


def fit_points(
    points: Path, name: str, target: str | None, limit: float, unusual: bool, timezone: str
) -> LocalFrame:
    """The frame `name` fitted to the control points in the file, dated today in `timezone`."""
    rows, _ = read_table(points)
    control = control_points(rows, to=target)
    frame = fit_local(
        control.points,
        name,
        target=control.target,
        limit_m=limit,
        unusual=unusual,
        made=_today(timezone),
    )
    return replace(frame, accuracy_m=frame.accuracy_m + control.accuracy_m)


def check_seven(
    points: Path,
    name: str,
    target: str | None,
    limit: float,
    timezone: str,
    seven: str | None,
    old: str | None,
) -> LocalFrame:
    """The frame of an old plane by seven parameters that the points in the file confirm."""
    try:
        values = [float(v) for v in (seven or "").split(",")]
    except ValueError:
        values = []
    if len(values) != 7 or old is None:
        raise CoordError(
            zh="七参数写成 --seven TX,TY,TZ,RX,RY,RZ,PPM（米、角秒、ppm），并用 --from 给出旧平面",
            en="write --seven TX,TY,TZ,RX,RY,RZ,PPM (metres, arcseconds, ppm), and the old plane "
            "as --from",
            values=len(values),
        )
    rows, _ = read_table(points)
    control = control_points(rows, to=target)
    frame = frame_from_seven(
        SevenParameters(
            shift=(values[0], values[1], values[2]),
            rotation=(values[3], values[4], values[5]),
            scale_ppm=values[6],
            convention="position_vector",
        ),
        name,
        source=norm_frame(old),
        points=control.points,
        target=control.target,
        limit_m=limit,
        made=_today(timezone),
    )
    return replace(frame, accuracy_m=frame.accuracy_m + control.accuracy_m)


def _today(timezone: str) -> str:
    return datetime.now(ZoneInfo(timezone)).date().isoformat()


def write_frame(frame: LocalFrame, path: Path) -> None:
    """Write a local frame's record, whole or not at all."""
    text = yaml.safe_dump(frame.to_json(), allow_unicode=True, sort_keys=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(text, "utf-8")
        part.replace(path)
    except OSError as exc:
        raise ConfigError(
            zh=f"无法写入 {path}：{exc.strerror}",
            en=f"can't write {path}: {exc.strerror}",
            file=str(path),
        ) from exc


def _fit_result(frame: LocalFrame, path: Path) -> dict[str, Any]:
    return {
        "frame": f"local:{frame.name}",
        "file": str(path),
        "target": f"EPSG:{frame.target}",
        "first_is_north": frame.first_is_north,
        "accuracy_m": frame.accuracy_m,
        "sigma_m": frame.sigma_m,
        "scale_ppm": (frame.scale - 1.0) * 1e6,
        "rotation_deg": frame.rotation_deg,
        "points": [{"name": p.name, "error_m": p.error_m} for p in frame.points],
        "dropped": [{"name": p.name, "error_m": p.error_m} for p in frame.dropped],
        "warnings": list(frame.warnings),
    }


def _fit_table(frame: LocalFrame) -> Any:
    used = [(p, "采用 used") for p in frame.points]
    rows = [
        {"点 point": p.name, "留一误差 m error": f"{p.error_m:.3f}", "": how}
        for p, how in (*used, *((p, "剔除 dropped") for p in frame.dropped))
    ]
    table = rows_table(rows, ("点 point", "留一误差 m error", ""))
    table.title = (
        f"local:{frame.name} → EPSG:{frame.target}  精度 accuracy {frame.accuracy_m:.3f} m  "
        f"尺度 scale {(frame.scale - 1) * 1e6:+.2f} ppm  旋转 rotation {frame.rotation_deg:+.5f}°"
    )
    return table


def _file_name(name: str) -> str:
    if not name or name.startswith(".") or any(c in name for c in "/\\:\0") or len(name) > 60:
        raise CoordError(
            zh=f"坐标系名称“{name}”不能用作文件名。请用字母、数字或汉字",
            en=f"'{name}' can't name a frame. Use letters, digits or Chinese characters",
            name=name,
        )
    return name


@coords.add_command
@command("grid")
@click.option("--level", default=8, show_default=True, type=click.IntRange(1, 10))
@click.option("--decode", "code", metavar="CODE", help="由网格码求范围 / the box of a code")
@click.argument("point", nargs=-1, metavar="[LON LAT]")
def grid(console: Console, level: int, code: str | None, point: tuple[str, ...]) -> None:
    """北斗网格位置码（GB/T 39409）/ BeiDou grid location codes.

    \b
    示例 / examples:
      gis coords grid 114.022 32.98 --level 8
      gis coords grid --decode N50I014184C
    """
    if code is not None and not point:
        cell = decode_place_code(code)
    elif code is None and len(point) == 2:
        lon, lat = (parse_angle(text) for text in point)
        cell = Cell.of(lon, lat, level)
    else:
        raise CoordError(
            zh="请给经度和纬度，或 --decode 网格码",
            en="give a longitude and a latitude, or --decode CODE",
        )
    west, south, east, north = cell.bounds
    lon, lat = cell.centre
    result = {
        "code": cell.code,
        "level": cell.level,
        "bbox": [west, south, east, north],
        "lon": lon,
        "lat": lat,
        "neighbours": [other.code for other in cell.neighbours()],
    }
    console.emit(result, text=f"{cell.code}\n{west:.9f} {south:.9f} {east:.9f} {north:.9f}")
