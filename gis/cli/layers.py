"""`gis layers`: what is defined, and whether a new definition is right."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
import yaml
from rich.table import Table

from gis.cli.console import Console, command, rows_table
from gis.errors import ConfigError
from gis.layers.checklist import CHECKS, severity_of
from gis.layers.model import CodeList, Severity


@click.group()
def layers() -> None:
    """图层定义 / layer definitions (config/layers/*.yml)."""


@command("list")
def list_(console: Console) -> None:
    """列出图层 / list the layers.

    \b
    示例 / example:  gis layers list
    """
    from gis.layers import load_registry

    registry = load_registry(console.settings.config, console.settings.data)
    found = [
        {
            "id": layer.id,
            "title": f"{layer.title.zh} / {layer.title.en}",
            "theme": layer.theme,
            "geometry": layer.geometry,
            "key": ",".join(layer.key),
            "accuracy_m": layer.accuracy_m,
            "classification": layer.classification,
            "owner": layer.owner.zh,
        }
        for layer in registry.layers.values()
    ]
    console.emit(found, table=rows_table(found, list(found[0]) if found else []))


@command("show")
@click.argument("id")
def show(console: Console, id: str) -> None:
    """图层的字段、列名、检查和代码表 / a layer's fields, their columns, checks and code lists.

    \b
    示例 / example:  gis layers show parcels
    """
    from gis.layers import load_registry

    registry = load_registry(console.settings.config, console.settings.data)
    layer = registry.get(id)
    made = {name: severity_of(layer, name) for name in CHECKS if severity_of(layer, name) != "off"}
    lists = {f.codelist: registry.codelists[f.codelist] for f in layer.fields if f.codelist}
    table = Table(
        "字段 field",
        "名称 title",
        "类型 type",
        "必填",
        "列名 taken from",
        title=layer.title.zh,
        caption="\n".join((_checks_line(made), *map(_source_line, lists.values()))),
        caption_justify="left",
    )
    for f in layer.fields:
        kind = f.codelist or f.type
        needed = "*" if f.required or f.name in layer.key else ""
        table.add_row(f.name, f"{f.title.zh} {f.title.en}", kind, needed, ", ".join(f.aliases))
    sources = {
        name: {
            "source": of.source,
            "edition": of.edition,
            "codes": len(of.codes),
            "coverage": None if of.coverage is None else asdict(of.coverage),
        }
        for name, of in lists.items()
    }
    console.emit(asdict(layer) | {"severities": made, "codelists": sources}, table=table)


def _checks_line(made: dict[str, Severity]) -> str:
    """Checks of a layer, those that only warn after the others."""
    strict = [name for name, severity in made.items() if severity == "reject"]
    lenient = [name for name, severity in made.items() if severity == "warn"]
    return (
        f"拒收 reject: {', '.join(strict)}"
        + (f"\n警告 warn: {', '.join(lenient)}" if lenient else "")
    )  # fmt: skip


def _source_line(of: CodeList) -> str:
    """Where a code list comes from and how much of it is here."""
    told = f"{of.id}: {of.source} {of.edition}".rstrip() + f"，{len(of.codes)} 个代码 codes"
    return told if of.coverage is None else f"{told}。{of.coverage.zh} / {of.coverage.en}"


@command("check")
@click.argument("file", type=click.Path(path_type=Path))
def check(console: Console, file: Path) -> None:
    """检查一个图层定义文件 / validate one layer's YAML file.

    \b
    示例 / example:  gis layers check config/layers/street_trees.yml
    """
    from gis.layers import load_registry
    from gis.layers.registry import parse_layer

    registry = load_registry(console.settings.config, console.settings.data)
    try:
        doc = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise ConfigError(
            zh=f"{file} 无法读取：{exc}", en=f"{file} can't be read: {exc}", path=str(file)
        ) from exc
    layer = parse_layer(file.name, doc, set(registry.codelists))
    console.emit(
        {"id": layer.id, "fields": list(layer.field_names), "ok": True},
        text=f"{file.name}：图层 {layer.id} 定义正确 / layer {layer.id} is well defined. "
        f"接下来 / next: gis init && gis config write",
    )


for _command in (list_, show, check):
    layers.add_command(_command)
