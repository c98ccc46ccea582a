"""Tables of text that commands are given: CSV in UTF-8 or GBK, and their coordinate columns."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from gis.errors import SourceError

# names under which files carry the east (or longitude) and the north (or latitude) column;
# X and Y say nothing about the order, so there the numbers decide
EAST = ("lon", "lng", "longitude", "经度", "e", "east", "easting", "东坐标")
NORTH = ("lat", "latitude", "纬度", "n", "north", "northing", "北坐标")
EITHER = (("x", "y"), ("x_local", "y_local"), ("x坐标", "y坐标"), ("横坐标", "纵坐标"))


def read_bytes(path: Path) -> bytes:
    """A file as it is. Raises SourceError."""
    try:
        return path.read_bytes()
    except OSError as exc:
        raise SourceError(
            zh=f"无法读取 {path}：{exc.strerror}",
            en=f"can't read {path}: {exc.strerror}",
            file=str(path),
        ) from exc


def read_table(path: Path) -> tuple[list[dict[str, str]], list[str]]:
    """Rows and column names of a CSV file in UTF-8 or GBK. Raises SourceError."""
    raw = read_bytes(path)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("gb18030", errors="replace")
    lines = csv.reader(io.StringIO(text))
    columns = [name.strip() for name in next(lines, [])]
    rows = []
    for number, values in enumerate(lines, start=2):
        if not any(value.strip() for value in values):
            continue
        if len(values) != len(columns):
            raise SourceError(
                zh=f"{path.name} 第 {number} 行有 {len(values)} 列，表头有 {len(columns)} 列",
                en=f"{path.name} line {number} has {len(values)} columns, its header "
                f"{len(columns)}",
                file=path.name,
                row=number,
            )
        rows.append(dict(zip(columns, values, strict=True)))
    if not rows:
        raise SourceError(
            zh=f"{path.name} 没有数据行", en=f"{path.name} holds no rows", file=path.name
        )
    return rows, columns


def pair_columns(columns: list[str], path: Path) -> tuple[str, str]:
    """The east (or first) and north (or second) column by name."""
    by_name = {column.strip().lower(): column for column in columns}
    east = next((by_name[name] for name in EAST if name in by_name), None)
    north = next((by_name[name] for name in NORTH if name in by_name), None)
    if east is not None and north is not None:
        return east, north
    for first, second in EITHER:
        if first in by_name and second in by_name:
            return by_name[first], by_name[second]
    raise SourceError(
        zh=f"{path.name} 看不出坐标是哪两列（列：{'、'.join(columns)}）。请用 --x 与 --y 指明",
        en=f"which columns of {path.name} hold the coordinates can't be told "
        f"(columns: {', '.join(columns)}). Name them with --x and --y",
        file=path.name,
    )
