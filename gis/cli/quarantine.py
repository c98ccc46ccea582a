"""`gis quarantine`: what was refused, row by row, and a file to mend and send again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gis.cli.console import Console, command, rows_table


@click.group("quarantine")
def quarantine() -> None:
    """隔离区：未入库的行及原因 / refused rows and their reasons."""


@command("list")
@click.argument("number", type=int, required=False)
def list_(console: Console, number: int | None) -> None:
    """按原因汇总；给出交付号则逐行列出 / by reason; row by row for one delivery.

    \b
    示例 / example:  gis quarantine list 3
    """
    from gis.store import open_store, quarantine_rows, quarantine_summary

    with open_store(console.settings) as store:
        if number is None:
            found = quarantine_summary(store)
            table = rows_table(found, ("delivery", "layer", "source", "code", "rows", "zh", "en"))
        else:
            found = quarantine_rows(store, number)
            table = rows_table(found, ("row", "code", "field", "zh", "en"))
    console.emit(found, table=table)


@command("export")
@click.argument("number", type=int)
@click.argument("out", type=click.Path(path_type=Path))
def export(console: Console, number: int, out: Path) -> None:
    """导出一次交付中未入库的行，改好后重新入库 / refused rows as a file to mend and send again.

    \b
    OUT 的扩展名决定格式；无扩展名或为目录时，按来时的格式、编码和列名 / the suffix of OUT says the
    format; without one, or for a folder, it is the format, encoding and names they came in.
    可写 / written: .csv .xlsx .zip (Shapefile) .gpkg .geojson .geojsonl .fgb .kml
    示例 / example:
      gis quarantine export 3 .
      gis quarantine export 3 refused.csv
    """
    from gis.ingest import export_refused
    from gis.sources import load_local_frames
    from gis.store import open_store

    settings = console.settings
    local = load_local_frames(settings.config / "frames")
    with open_store(settings) as store:
        result = export_refused(store, number, out, local)
    console.emit(result, text=_told(result))


def _told(result: dict[str, Any]) -> str:
    rows, file, format_, frame = (result[n] for n in ("rows", "file", "format", "frame"))
    zh = f"{rows} 行已写入 {file}（{format_}），坐标系 {frame}"
    en = f"{rows} rows in {file} ({format_}), frame {frame}"
    if result["instead"] is not None:
        zh += f"；未按来时的 {result['came_as'] or '?'}：{result['instead']['zh']}"
        en += f"; not as {result['came_as'] or '?'}, as it came: {result['instead']['en']}"
    return f"{zh}\n{en}\n改好后送回 / mend them and send them again:\n  {result['resend']}"


for each in (list_, export):
    quarantine.add_command(each)
