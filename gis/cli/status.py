"""`gis status`: database, layers, counts, disk, last deliveries, alarms."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from gis.cli.console import Console, command

LAST = 5


@command("status")
def status(console: Console) -> None:
    """数据库、图层、数量、磁盘、最近交付 / database, layers, counts, disk, last deliveries.

    \b
    示例 / example:  gis status --json
    """
    from gis.layers import load_registry
    from gis.store import list_deliveries, open_store
    from gis.store import status as store_status

    settings = console.settings
    registry = load_registry(settings.config, settings.data)
    with open_store(settings) as store:
        found = store_status(store, registry)
        last = list_deliveries(store)[:LAST]
    console.emit(found, table=_table(found, last))


def _table(found: dict[str, Any], last: list[dict[str, Any]]) -> Table:
    database = found["database"]
    alerts = ", ".join(f"{state} {n}" for state, n in found["alerts"].items()) or "0"
    table = Table(
        *("图层 layer", "要素 features", "版本 versions", "交付 deliveries", "隔离 quarantined"),
        title=f"PostGIS {database['postgis']} · {database['migration']:03} · "
        f"{found['disk_mb']} MB\n{database['url']}",
        caption="\n".join(
            [f"线索 alerts: {alerts}", *(f"#{d['id']} {d['layer']} {d['as_of']:%F}" for d in last)]
        ),
    )
    for line in found["layers"]:
        table.add_row(*(str(line[name]) for name in line))
    return table
