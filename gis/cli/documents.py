"""`gis documents`: photos, drawings and permits on features and places."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gis.cli.console import Console, command, rows_table
from gis.errors import LayerError

if TYPE_CHECKING:
    from gis.layers import Registry
    from gis.store import Store
    from gis.store.documents import Place

COLUMNS = ("id", "name", "title", "media_type", "bytes", "layer", "key", "place_code", "person")


@click.group("documents")
def documents() -> None:
    """空间编码：挂在要素与位置上的文档 / documents on features and places."""


@command("add")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--layer", help="要素所在图层 / layer of the feature")
@click.option("--key", help="要素编号 / the feature's number, as departments write it")
@click.option("--place-code", help="北斗网格码 / a BeiDou grid code")
@click.option("--geometry", help="WKT，经度在前，度 / WKT, longitude first, degrees")
@click.option("--title", help="标题 / title")
@click.option("--person", help="经办人 / person who adds it")
def add(
    console: Console, file: Path, layer: str | None, key: str | None, place_code: str | None,
    geometry: str | None, title: str | None, person: str | None,
) -> None:  # fmt: skip
    """保存一份文件并挂到要素、网格码或图形上 / keep a file and link it to a feature or a place.

    \b
    示例 / example:
      gis documents add 井盖.jpg --layer components --key 4117020121000001
      gis documents add 批复.pdf --place-code N49IB15E74335340
    """
    from gis.layers import load_registry
    from gis.store import open_store
    from gis.store.documents import add_document

    settings = console.settings
    registry = load_registry(settings.config, settings.data)
    with open_store(settings) as store:
        place = _place(store, registry, layer, key, place_code, geometry)
        kept = add_document(
            store, settings.home / "documents", file, place, title=title, person=person
        )
    console.emit(asdict(kept))


@command("list")
@click.option("--layer", help="只看一个图层 / of one layer only")
@click.option("--key", help="只看一个要素（同时给 --layer）/ of one feature, with --layer")
def list_(console: Console, layer: str | None, key: str | None) -> None:
    """列出文档，最新在前 / list documents, newest first.

    \b
    示例 / example:  gis documents list --layer components
    """
    from gis.layers import load_registry
    from gis.store import open_store
    from gis.store.documents import documents_of, feature_place, list_documents

    settings = console.settings
    registry = load_registry(settings.config, settings.data)
    with open_store(settings) as store:
        if key is not None:
            if layer is None:
                raise _which()
            of = registry.get(layer)
            found = documents_of(store, of, feature_place(store, of, key).key or 0)
        else:
            found = list_documents(store, None if layer is None else registry.get(layer).id)
    shown = [asdict(document) for document in found]
    console.emit(shown, table=rows_table(shown, COLUMNS))


@command("remove")
@click.argument("number", type=int)
@click.option("--person", required=True, help="经办人 / person who takes it back")
def remove(console: Console, number: int, person: str) -> None:
    """撤回一条挂接（文件与记录保留）/ take a link back; file and record stay.

    \b
    示例 / example:  gis documents remove 7 --person 李工
    """
    from gis.store import open_store
    from gis.store.documents import withdraw_document

    with open_store(console.settings) as store:
        withdraw_document(store, number, person)
    console.emit(
        {"id": number, "withdrawn_by": person},
        text=f"已撤回文档 {number} / document {number} was withdrawn",
    )


def _place(
    store: Store, registry: Registry, layer: str | None, key: str | None,
    place_code: str | None, geometry: str | None,
) -> Place:  # fmt: skip
    """The one place that was named."""
    from gis.store.documents import cell_place, feature_place, shape_place

    named = [layer is not None or key is not None, place_code is not None, geometry is not None]
    if sum(named) != 1 or (layer is None) != (key is None):
        raise _which()
    if layer is not None and key is not None:
        return feature_place(store, registry.get(layer), key)
    return cell_place(place_code) if place_code is not None else shape_place(geometry or "")


def _which() -> LayerError:
    return LayerError(
        zh="请只给一种位置：--layer 与 --key，或 --place-code，或 --geometry",
        en="give one place: --layer with --key, or --place-code, or --geometry",
        parameter="--layer",
    )


for each in (add, list_, remove):
    documents.add_command(each)
