"""`gis coords detect`: in which frame are a file's coordinates, and how sure is that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import shapely
from numpy.typing import NDArray
from rich.table import Table

from gis.cli.console import Console, command, rows_table
from gis.cli.tables import pair_columns, read_table
from gis.coords import Area, Diagnosis, Frame, Reference, diagnose, norm_frame, parse_angle
from gis.coords.diagnosis import row_ranges
from gis.errors import CoordError, OneMapError, SourceError
from gis.layers import Label, Layer, Registry, load_registry


@command("detect")
@click.option("--declared", metavar="FRAME", help="文件声明的坐标系 / the frame the file claims")
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    help="参考 GeoJSON（CGCS2000）；缺省用库中道路、界线 / reference lines, else the store's own",
)
@click.option("--x", "x_name", help="第一坐标列 / first coordinate column")
@click.option("--y", "y_name", help="第二坐标列 / second coordinate column")
@click.argument("path", type=click.Path(path_type=Path))
def detect(
    console: Console,
    declared: str | None,
    reference: Path | None,
    x_name: str | None,
    y_name: str | None,
    path: Path,
) -> None:
    """诊断未知坐标系：排序的可能与理由，或“不知道” / which frame, with reasons, or unknown.

    \b
    示例 / example:  gis coords detect 管点.csv --declared EPSG:4547
    """
    settings = console.settings
    registry = load_registry(settings.config, settings.data)
    columns, claimed = _columns(console, path, x_name, y_name)
    local = _local_frames(console)
    frame = norm_frame(declared, local) if declared else claimed
    answer = diagnose(
        columns,
        area=Area(*registry.city.bbox),
        declared=frame,
        reference=_read_geojson(reference) if reference else _from_store(console, registry),
        metric_epsg=norm_frame(registry.city.metric_frame).epsg or 4547,
        local=local,
    )
    console.emit(answer.to_json(), table=_table(answer))
    if not console.json:
        _say(console, answer)


def _local_frames(console: Console) -> Any:
    from gis.sources.frames import load_local_frames

    return load_local_frames(console.settings.config / "frames")


def _columns(
    console: Console, path: Path, x_name: str | None, y_name: str | None
) -> tuple[NDArray[np.float64], Frame | None]:
    """The file's coordinates as two columns, and the frame it declares."""
    if path.suffix.lower() in (".csv", ".txt") and not _is_survey_sheet(path):
        rows, names = read_table(path)
        pair = (x_name, y_name) if x_name and y_name else pair_columns(names, path)
        numbers = [[_number(row.get(name)) for name in pair] for row in rows]
        return np.array(numbers, dtype=np.float64).reshape(-1, 2), None
    if path.suffix.lower() in (".geojson", ".json"):
        return shapely.get_coordinates(_read_geojson(path)), None
    from gis.sources import open_delivery

    delivery = open_delivery(path, layer=_ANY_LAYER)
    with console.progress("读取", "reading") as advance:
        parts = []
        for batch in delivery.batches():
            parts.append(shapely.get_coordinates(batch.geometry))
            advance(len(batch))
    return np.concatenate([*parts, np.empty((0, 2))]), delivery.declared


_ANY_LAYER = Layer(
    id="unknown",
    title=Label(zh="未知", en="unknown"),
    theme="base",
    geometry="Point",
    key=(),
    accuracy_m=float("inf"),
    classification="internal",
    fields=(),
    owner=Label(zh="未知", en="unknown"),
)


def _is_survey_sheet(path: Path) -> bool:
    """报备坐标 TXT opens with a section in brackets instead of a header."""
    try:
        with path.open("rb") as file:
            start = file.read(200).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError:
        return False  # reading the table says what is wrong
    brackets = (b"[", "【".encode(), "【".encode("gb18030"))
    return start.startswith(brackets)


def _number(text: str | None) -> float:
    try:
        return parse_angle(text or "")
    except CoordError:
        return float("nan")


def _read_geojson(path: Path) -> NDArray[np.object_]:
    try:
        document = json.loads(path.read_text("utf-8-sig"))
        found = document.get("features", [document])
        shapes = [shapely.from_geojson(json.dumps(f.get("geometry", f))) for f in found]
    except (OSError, ValueError, AttributeError, shapely.errors.GEOSException) as exc:
        raise SourceError(
            zh=f"{path} 不是可读的 GeoJSON：{exc}",
            en=f"{path} is no readable GeoJSON: {exc}",
            file=str(path),
        ) from exc
    out = np.empty(len(shapes), dtype=object)
    out[:] = shapes
    return out


def _from_store(console: Console, registry: Registry) -> Reference | None:
    """The city's own lines; None (and a word about it) where there are none."""
    from gis.ingest.reference import known_lines
    from gis.store import open_store

    try:
        with open_store(console.settings) as store:
            known = known_lines(store, registry)
    except OneMapError as error:
        console.say(f"没有参考数据：{error.zh}", f"no reference: {error.en}")
        return None
    if known is None:
        console.say("没有参考数据", "no reference: no roads, boundaries or parcels are stored")
        return None
    console.say(*known.text.split(" / ", 1))
    return known.reference


def _table(answer: Diagnosis) -> Table:
    rows = [
        {
            "坐标系 frame": candidate.reading.frame.name,
            "读法 reading": candidate.reading.text(),
            "10 m 内 score": "" if candidate.match is None else f"{candidate.match.share:.0%}",
            "中位距离 m": "" if candidate.match is None else f"{candidate.match.median_m:.1f}",
            "偏移 m offset": "" if candidate.match is None else f"{candidate.match.offset_m:.1f}",
        }
        for candidate in answer.candidates
    ]
    columns = ("坐标系 frame", "读法 reading", "10 m 内 score", "中位距离 m", "偏移 m offset")
    return rows_table(rows, columns)


def _say(console: Console, answer: Diagnosis) -> None:
    if answer.decision is not None:
        name, accuracy = answer.decision.reading.frame.name, answer.decision.accuracy_m
        console.say(f"结论：{name}，精度 {accuracy:.3g} m", f"decision: {name}")
    else:
        console.say("结论：不能确定", "decision: unknown")
    if answer.mismatch:
        console.say(
            f"与声明的 {answer.declared} 矛盾", f"contradicts the declared {answer.declared}"
        )
    for group in answer.mixed:
        name = group.reading.frame.name
        which = row_ranges(group.rows + 1)
        console.say(
            f"其中 {len(group.rows)} 个坐标是 {name}：第 {which} 个",
            f"{len(group.rows)} are {name}: {which}",
        )
    for why in (*(w for c in answer.candidates[:1] for w in c.why), *answer.needs):
        console.say(*why.split(" / ", 1))
