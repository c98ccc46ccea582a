"""`gis qgis-project`: the city as a project that a planner opens in QGIS."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from gis.cli.console import Console, command
from gis.errors import ConfigError


@command("qgis-project")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--url", help="服务地址，默认 GIS_PUBLIC_URL 或本机 / address of the service")
@click.option("--layer", "only", multiple=True, help="只要这些图层 / only these layers")
def qgis_project(console: Console, out: Path, url: str | None, only: tuple[str, ...]) -> None:
    """写出 QGIS 工程：全部图层、样式与时态控制 / a QGIS project: layers, styles, time.

    \b
    示例 / example:  gis qgis-project city.qgz --url http://127.0.0.1:8080
    """
    from gis.api.qgisproject import Member, project
    from gis.api.styles.routes import drawn_of
    from gis.layers import load_registry
    from gis.store import LayerQuery, count, list_deliveries, open_store
    from gis.store.query import extent

    settings = console.settings
    if out.suffix.lower() != ".qgz":
        raise ConfigError(
            zh=f"{out} 应以 .qgz 结尾，QGIS 按后缀识别工程",
            en=f"{out} has to end in .qgz, by which QGIS knows a project",
            path=str(out),
        )
    registry = load_registry(settings.config, settings.data)
    chosen = [registry.get(name) for name in only] or list(registry.layers.values())
    address = (url or settings.public_url or "http://127.0.0.1:8080").rstrip("/")
    with open_store(settings) as store:
        members = [
            Member(
                layer=layer,
                features=count(store, LayerQuery(layer=layer)),
                extent=extent(store, LayerQuery(layer=layer)),
                symbols=drawn_of(layer, registry),
            )
            for layer in chosen
        ]
        dates = [d["as_of"] for d in list_deliveries(store)] or [datetime.now(UTC)]
    body = project(registry.city, members, address, (min(dates), max(dates)))
    part = out.with_name(out.name + ".part")
    part.write_bytes(body)
    part.replace(out)
    found = {"out": str(out), "url": address, "layers": len(members), "bytes": len(body)}
    console.emit(found, text=f"{out}: {len(members)} 个图层 / layers, {address}")
