"""`gis init`, and `gis db` for the embedded cluster."""

from __future__ import annotations

import subprocess

import click

from gis.cli.console import Console, command
from gis.errors import ConfigError
from gis.settings import Settings


@command("init")
def init(console: Console) -> None:
    """建立或升级数据库，并为每个图层建表；可重复运行 / create or migrate the database; idempotent.

    \b
    示例 / example:  gis init
    """
    from gis.layers import load_registry
    from gis.store import prepare
    from gis.store.pool import address
    from gis.store.translate import without_password

    registry = load_registry(console.settings.config, console.settings.data)
    url = address(console.settings)
    done = prepare(url, registry)
    text = "\n".join(done) if done else "已是最新 / nothing to do"
    shown = without_password(url)
    console.emit({"url": shown, "done": done}, text=f"{text}\n{shown}")


@click.group("db")
def db() -> None:
    """内置数据库 / the embedded database."""


@command("start")
def start(console: Console) -> None:
    """启动内置数据库 / start the embedded database.

    \b
    示例 / example:  gis db start
    """
    from gis.store import Cluster

    _only_embedded(console.settings)
    url = Cluster(console.settings.home).start()
    console.emit({"url": url, "running": True}, text=url)


@command("stop")
def stop(console: Console) -> None:
    """停止内置数据库 / stop the embedded database.

    \b
    示例 / example:  gis db stop
    """
    from gis.store import Cluster

    _only_embedded(console.settings)
    stopped = Cluster(console.settings.home).stop()
    console.emit(
        {"stopped": stopped},
        text="已停止 / stopped" if stopped else "未在运行 / it was not running",
    )


@command("url")
def url(console: Console) -> None:
    """数据库地址，供 psql、QGIS 等使用 / the address, for psql, QGIS and others.

    \b
    示例 / example:  psql "$(gis db url)"
    """
    from gis.store.pool import address

    found = address(console.settings)
    console.emit({"url": found}, text=found)


@command("psql", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(console: Console, arguments: tuple[str, ...]) -> None:
    """打开 psql / open psql on the database.

    \b
    示例 / example:  gis db psql -c "SELECT postgis_full_version()"
    """
    from gis.store.pool import address

    try:
        done = subprocess.run(["psql", address(console.settings), *arguments], check=False)
    except FileNotFoundError as exc:
        raise ConfigError(
            zh="没有找到 psql。请执行：apt-get install postgresql-client",
            en="psql was not found. Run: apt-get install postgresql-client",
            missing="psql",
        ) from exc
    if done.returncode:
        raise click.exceptions.Exit(done.returncode)


def _only_embedded(settings: Settings) -> None:
    if settings.database_url is not None:
        raise ConfigError(
            zh="GIS_DATABASE_URL 指定了外部数据库，不由本程序启停。请取消该变量",
            en="GIS_DATABASE_URL names a database of its own, which we neither start nor stop. "
            "Unset it",
            setting="GIS_DATABASE_URL",
        )


for each in (start, stop, url, psql):
    db.add_command(each)
