"""`gis quarantine`: what was refused, row by row, and a file to mend and send again."""

from __future__ import annotations

from pathlib import Path

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
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def export(console: Console, number: int, out: Path) -> None:
    """导出一次交付中未入库的行（.csv 或 .geojson），改好后重新入库 / refused rows as a file.

    \b
    示例 / example:  gis quarantine export 3 refused.csv
    """
    from gis.store import export_refused, open_store

    with open_store(console.settings) as store:
        result = export_refused(store, number, out)
    console.emit(
        result,
        text=f"{result['rows']} 行已写入 {out}，坐标系 {result['frame']}；改好后用 "
        f"gis ingest --mode upsert 送回\n{result['rows']} rows in {out}, frame "
        f"{result['frame']}; mend them and send them with gis ingest --mode upsert",
    )


for each in (list_, export):
    quarantine.add_command(each)
