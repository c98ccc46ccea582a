"""`gis config`: the server's configuration, written from the layers, and whether it still is."""

from __future__ import annotations

from pathlib import Path

import click

from gis.cli.console import Console, command
from gis.errors import ConfigError


@click.group()
def config() -> None:
    """服务配置 config/pygeoapi.yml / the server's configuration."""


@command("write")
@click.option("--out", type=click.Path(path_type=Path), help="写到别处 / write elsewhere")
def write(console: Console, out: Path | None) -> None:
    """按图层定义写出 config/pygeoapi.yml / write it from the layer definitions.

    \b
    示例 / example:  gis config write
    """
    from gis.api.config import FILE, write_config
    from gis.layers import load_registry

    settings = console.settings
    registry = load_registry(settings.config, settings.data)
    path = out if out is not None else settings.config / FILE
    try:
        path.write_text(write_config(registry, settings), encoding="utf-8")
    except OSError as exc:
        raise ConfigError(
            zh=f"无法写入 {path}：{exc.strerror}",
            en=f"can't write {path}: {exc.strerror}",
            path=str(path),
        ) from exc
    console.emit({"path": path, "collections": len(registry.layers)}, text=str(path))


@command("check")
def check(console: Console) -> None:
    """配置是否与图层定义一致；不一致退出码 2 / is it what the layers give; exit 2 if not.

    \b
    示例 / example:  gis config check
    """
    from gis.api.config import FILE, check_config
    from gis.layers import load_registry

    settings = console.settings
    registry = load_registry(settings.config, settings.data)
    path = settings.config / FILE
    if not check_config(registry, settings):
        raise ConfigError(
            zh=f"没有 {path}。请运行：gis config write",
            en=f"there is no {path}. Run: gis config write",
            path=str(path),
        )
    console.emit({"path": path, "current": True}, text="一致 / current")


for each in (write, check):
    config.add_command(each)
