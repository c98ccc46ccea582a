"""`gis iot`: readings of sensors."""

from __future__ import annotations

from pathlib import Path

import click

from gis.cli.console import Console, command, rows_table


@click.group("iot")
def iot() -> None:
    """物联网读数 / readings of sensors."""


@command("replay")
@click.argument("path", type=click.Path(path_type=Path))
def replay(console: Console, path: Path) -> None:
    """把读数文件（CSV：datastream,time,value）存入数据库，重复的不再存 / store a file of readings.

    \b
    示例 / example:  gis iot replay levels.csv
    """
    from gis.live import replay as run
    from gis.store import open_store

    settings = console.settings
    with open_store(settings) as store, console.progress("读数", "readings") as advance:
        report = run(store, path, timezone=settings.timezone, progress=advance)
    console.emit(report.to_json())


@command("status")
@click.option("--refused", is_flag=True, help="列出被拒的行 / list refused lines instead")
def status(console: Console, refused: bool) -> None:
    """每条数据流的最新读数 / the latest reading of every datastream.

    \b
    示例 / example:  gis iot status
    """
    from gis.store import open_store
    from gis.store.observations import observation_status, refused_readings

    with open_store(console.settings) as store:
        found = refused_readings(store) if refused else observation_status(store)
    columns = (
        ("source", "row", "code", "en", "raw")
        if refused
        else ("datastream", "time", "value", "readings")
    )
    console.emit(found, table=rows_table(found, columns))


for each in (replay, status):
    iot.add_command(each)
