"""`gis status`: database, layers, counts, disk, last deliveries, alarms."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table

from gis.cli.console import Console, command

if TYPE_CHECKING:
    from gis.api.policy import Policy
    from gis.store import Store

LAST = 5


@command("status")
def status(console: Console) -> None:
    """数据库、图层、数量、磁盘、最近交付 / database, layers, counts, disk, last deliveries.

    \b
    示例 / example:  gis status --json
    """
    from gis.api.policy import load_policy
    from gis.layers import load_registry
    from gis.store import list_deliveries, open_store
    from gis.store import status as store_status

    settings = console.settings
    registry = load_registry(settings.config, settings.data)
    with open_store(settings) as store:
        found = store_status(store, registry)
        last = list_deliveries(store)[:LAST]
        found["access"] = _access(store, load_policy(settings.config, registry))
    console.emit(found, table=_table(found, last))


def _access(store: Store, policy: Policy) -> dict[str, Any]:
    """Whether callers are told apart, and whether the audit trail is whole."""
    from gis.store.access import list_keys
    from gis.store.audit import verify

    now = datetime.now(UTC)
    keys = sum(key.opens(now) for key in list_keys(store))
    return {
        "anonymous": "public" if keys or policy.issuer else "everything on this machine",
        "keys": keys,
        "issuer": policy.issuer.issuer if policy.issuer else None,
        "audit": asdict(verify(store)),
    }


def _table(found: dict[str, Any], last: list[dict[str, Any]]) -> Table:
    database = found["database"]
    chain = found["access"]["audit"]
    whole = "完整 whole" if chain["broken"] is None else f"在第 {chain['broken']} 条断开 BROKEN"
    alerts = ", ".join(f"{state} {n}" for state, n in found["alerts"].items()) or "0"
    table = Table(
        *("图层 layer", "要素 features", "版本 versions", "交付 deliveries", "隔离 quarantined"),
        title=f"PostGIS {database['postgis']} · {database['migration']:03} · "
        f"{found['disk_mb']} MB\n{database['url']}",
        caption="\n".join(
            [
                f"线索 alerts: {alerts}",
                f"审计 audit: {chain['entries']}, {whole}",
                *(f"#{d['id']} {d['layer']} {d['as_of']:%F}" for d in last),
            ]
        ),
    )
    for line in found["layers"]:
        table.add_row(*(str(line[name]) for name in line))
    return table
