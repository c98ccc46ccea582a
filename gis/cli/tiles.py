"""`gis tiles`: 3D Tiles on disk and whether they are right, vector tiles to carry away."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from rich.table import Table

from gis.cli.console import Console, command

if TYPE_CHECKING:
    from gis.layers import Registry
    from gis.tiles.export import ExportReport

SHOWN = 20  # problems for people; all of them with --json


@click.group("tiles")
def tiles() -> None:
    """瓦片 / tiles on disk: 3D Tiles of buildings, pipes and shafts; vector tiles of any layer."""


@command("build")
@click.argument("layers", nargs=-1, metavar="[LAYER]...")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="输出目录，每图层一个子目录（默认 GIS_HOME/tiles） / folder, one subfolder a layer",
)
@click.option("--datetime", "moment", help="哪一天的城市（默认现在） / the city on that date")
@click.option(
    "--format",
    "form",
    type=click.Choice(["glb", "b3dm"]),
    default="glb",
    show_default=True,
    help="3D Tiles 1.1 (glb) 或 1.0 (b3dm，旧客户端) / b3dm for clients of 3D Tiles 1.0",
)
def build(
    console: Console,
    layers: tuple[str, ...],
    out: Path | None,
    moment: str | None,
    form: Literal["glb", "b3dm"],
) -> None:
    """把图层做成静态三维瓦片 / build layers as static 3D Tiles.

    不写图层名即全部有 solid 定义的图层 / without a name: every layer with a solid form.

    \b
    示例 / example:  gis tiles build buildings --datetime 2023-06-01 --out public/3d
    """
    from gis.layers import load_registry
    from gis.store import open_store, parse_datetime
    from gis.tiles import build_tileset

    settings = console.settings
    registry = load_registry(settings.config, settings.data)
    when = parse_datetime(moment, settings.timezone) if moment else None
    folder = out or settings.home / "tiles"
    reports = []
    with open_store(settings) as store:
        for layer in layers or _solid(registry):
            with console.progress(layer, "3D") as advance:
                made = build_tileset(
                    store, registry, layer, folder / layer, when, form, advance
                ).to_json()
            reports.append(made | {"path": str(folder / layer)})
    console.emit(reports, table=_table(reports))
    for report in reports:
        _say_left_out(console, report)


@command("validate")
@click.argument("folder", type=click.Path(path_type=Path))
def validate(console: Console, folder: Path) -> None:
    """检查磁盘上的三维瓦片 / check 3D Tiles on disk: JSON, volumes, models, attributes.

    有 Node 与 web/node_modules 时，同时运行 Khronos 的 glTF 校验器 / with Node and the page's
    packages also by Khronos' glTF validator. Exit code 1 where something is wrong.

    \b
    示例 / example:  gis tiles validate .gis/tiles/buildings
    """
    from gis.tiles import khronos
    from gis.tiles.check import check_tileset, summary

    report = check_tileset(folder)
    modules = console.settings.web.parent / "node_modules"
    also = khronos.available(modules)
    with console.progress("校验", "validating"):
        more = khronos.validate(folder, report.files, modules) if also else []
    result = summary(report, more) | {"gltf_validator": also}
    if not also:
        console.say(
            "没有 Node 或 web/node_modules，未运行 glTF 校验器",
            "no Node or no web/node_modules: the glTF validator was not run",
        )
    console.emit(result, text=_verdict(result))
    if not result["ok"]:
        sys.exit(1)


@command("export")
@click.option(
    "--layer",
    "layers",
    multiple=True,
    required=True,
    help="图层，可多次给出，合在同一瓦片里 / layer; several go into the same tiles",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="输出文件（或目录） / file, or folder with --format dir",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["pmtiles", "dir"]),
    default="pmtiles",
    show_default=True,
    help="单个 PMTiles 文件，或每瓦片一个文件的目录 / one file, or a folder with a file a tile",
)
@click.option("--as-of", "moment", help="哪一天的城市（默认现在） / the city on that date")
@click.option(
    "--min-zoom",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="最小级别 / first level",
)
@click.option(
    "--max-zoom",
    type=click.IntRange(0),
    help="最大级别（默认：要素与折点齐全的第一级） / last level; the first with all there is",
)
@click.option("--properties", help="只要这些字段，逗号分隔 / only these fields, with commas")
@click.option("--labels", is_flag=True, help="另附注记点图层 / also a layer of label points")
def export(
    console: Console,
    layers: tuple[str, ...],
    out: Path,
    form: Literal["pmtiles", "dir"],
    moment: str | None,
    min_zoom: int,
    max_zoom: int | None,
    properties: str | None,
    labels: bool,
) -> None:
    """导出矢量瓦片 / write vector tiles to a file that needs no server of ours.

    内容与服务器给出的瓦片逐字节相同，取自同一时刻 / byte for byte what the server gives, all of
    one moment.

    \b
    示例 / example:  gis tiles export --layer buildings --layer roads --out public/city.pmtiles
    """
    from gis.layers import load_registry
    from gis.store import open_store, parse_datetime
    from gis.tiles.export import Export, export_tiles

    settings = console.settings
    registry = load_registry(settings.config, settings.data)
    wanted = Export(
        layers=tuple(registry.get(name) for name in dict.fromkeys(layers)),
        when=parse_datetime(moment, settings.timezone) if moment else None,
        min_zoom=min_zoom,
        max_zoom=max_zoom,
        fields=None if properties is None else tuple(properties.replace(" ", "").split(",")),
        labels=labels,
    )
    with open_store(settings) as store, console.progress("瓦片", "tiles") as advance:
        report = export_tiles(store, wanted, out, form, advance)
    console.emit(report.to_json(), text=_exported(report))


def _exported(report: ExportReport) -> str:
    size = f"{report.bytes / 1e6:.1f} MB"
    return (
        f"{report.path}：{report.tiles} 个瓦片，{report.min_zoom}–{report.max_zoom} 级，{size}，"
        f"{report.seconds} 秒\n{report.path}: {report.tiles} tiles, levels {report.min_zoom} to "
        f"{report.max_zoom}, {size}, {report.seconds} s"
    )


def _solid(registry: Registry) -> list[str]:
    return [layer.id for layer in registry.layers.values() if layer.solid]


def _table(reports: list[dict[str, Any]]) -> Table:
    table = Table(
        "图层 layer", "版本 version", "要素 features", "未做 left out", "瓦片 tiles", "MB", "秒 s"
    )
    for report in reports:
        left_out = sum(report["left_out"].values())
        cells = (report["version"], report["features"], left_out, report["tiles"])
        size, seconds = f"{report['bytes'] / 1e6:.1f}", str(report["seconds"])
        table.add_row(report["layer"], *(str(cell) for cell in cells), size, seconds)
    return table


def _say_left_out(console: Console, report: dict[str, Any]) -> None:
    words = {
        "no_value": ("缺少高度、埋深或管径", "without a height, depth or diameter"),
        "not_meant": ("按图层定义不做三维", "the layer's definition does not ask for"),
        "no_shape": ("几何无面积或长度", "without an area or length"),
    }
    for reason, number in report["left_out"].items():
        zh, en = words[reason]
        some = ", ".join(map(str, report["examples"][reason]))
        console.say(
            f"{report['layer']}：{number} 个要素{zh}，未做成三维（要素号 {some} …）",
            f"{report['layer']}: {number} features {en} are not in 3D (ids {some} …)",
        )


def _verdict(result: dict[str, Any]) -> str:
    problems = result["problems"]
    lines = [f"{p['file']}: {p['what']}" for p in problems[:SHOWN]]
    if len(problems) > SHOWN:
        lines.append(f"… +{len(problems) - SHOWN} (--json)")
    counts = (
        f"{result['tilesets']} tileset.json, {result['contents']} 个模型 contents, "
        f"{result['features']} 个要素 features"
    )
    verdict = "正确 / right" if result["ok"] else f"{len(problems)} 处错误 / problems"
    return "\n".join([*lines, f"{counts}: {verdict}"])


for _command in (build, validate, export):
    tiles.add_command(_command)
