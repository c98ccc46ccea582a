"""`gis deliveries`: the ledger, and undoing the newest delivery of a layer."""

from __future__ import annotations

from typing import Any

import click

from gis.cli.console import Console, command, rows_table

COLUMNS = ("id", "layer", "as_of", "mode", "new", "changed", "unchanged", "closed", "quarantined")


@click.group("deliveries")
def deliveries() -> None:
    """交付台账 / the ledger of deliveries."""


@command("list")
@click.option("--layer", help="只看一个图层 / of one layer only")
def list_(console: Console, layer: str | None) -> None:
    """列出交付，最新在前 / list deliveries, newest first.

    \b
    示例 / example:  gis deliveries list --layer buildings
    """
    from gis.layers import load_registry
    from gis.store import list_deliveries, open_store

    settings = console.settings
    if layer is not None:
        load_registry(settings.config, settings.data).get(layer)
    with open_store(settings) as store:
        found = list_deliveries(store, layer)
    shown = [_dated(line) for line in found]
    console.emit(found, table=rows_table(shown, (*COLUMNS, "undone")))


@command("show")
@click.argument("number", type=int)
def show(console: Console, number: int) -> None:
    """一次交付的全部记录 / all that is on record of one delivery.

    \b
    示例 / example:  gis deliveries show 3
    """
    from gis.store import open_store, quarantine_summary, show_delivery

    with open_store(console.settings) as store:
        found = show_delivery(store, number) | {"refused": quarantine_summary(store, number)}
    console.emit(found)


@command("undo")
@click.argument("number", type=int)
def undo(console: Console, number: int) -> None:
    """恢复到该次交付之前的状态（台账保留）/ restore the state before it; the ledger keeps it.

    \b
    示例 / example:  gis deliveries undo 7
    """
    from gis.store import open_store
    from gis.store import undo as undo_delivery

    with open_store(console.settings) as store:
        line = undo_delivery(store, number)
    console.emit(
        line,
        text=f"已撤销第 {number} 次交付（图层 {line['layer']}）\n"
        f"delivery {number} of layer {line['layer']} has been undone",
    )


def _dated(line: dict[str, Any]) -> dict[str, Any]:
    undone = line["undone_at"]
    return line | {
        "as_of": f"{line['as_of']:%Y-%m-%d}",
        "undone": f"{undone:%Y-%m-%d}" if undone else None,
    }


for each in (list_, show, undo):
    deliveries.add_command(each)
