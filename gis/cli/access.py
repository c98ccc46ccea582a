"""`gis access`: keys, roles, the area taken, and the audit trail."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from gis.cli.console import Console, command, rows_table
from gis.errors import StoreError

if TYPE_CHECKING:
    from gis.store import Store

KEYS = ("name", "roles", "added_by", "added_at", "expires_at", "revoked_at", "revoked_by")
ENTRIES = ("id", "at", "who", "address", "action", "target", "detail")
PERSON = click.option("--person", help="经办人，缺省为登录名 / who does it; the login if absent")


@click.group("access")
def access() -> None:
    """谁可以看什么、改什么 / who may see and change what."""


@click.group("keys")
def keys() -> None:
    """接口密钥 / keys to the API."""


@click.group("audit")
def audit() -> None:
    """审计记录 / the audit trail."""


@click.group("area")
def area() -> None:
    """大比例尺数据的累计取用面积 / the area taken of large-scale layers."""


@command("add")
@click.argument("name")
@click.option(
    "--role", "roles", multiple=True, required=True, help="角色，可多次 / role, repeatable"
)
@click.option("--days", type=click.IntRange(1, 3650), help="有效天数 / good for so many days")
@PERSON
def add(
    console: Console, name: str, roles: tuple[str, ...], days: int | None, person: str | None
) -> None:
    """新建密钥；只显示这一次 / a new key, shown this once only.

    \b
    示例 / example:  gis access keys add 市规划院 --role reader --days 365
    """
    from gis.api.policy import load_policy
    from gis.layers import load_registry
    from gis.store import open_store
    from gis.store.access import add_key

    settings = console.settings
    policy = load_policy(settings.config, load_registry(settings.config, settings.data))
    for role in roles:
        policy.role(role)
    until = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with open_store(settings) as store:
        secret = add_key(store, name, roles, _person(person), until)
        _note(store, policy.digest, person, "key added", name, roles=list(roles))
    console.emit(
        {"name": name, "roles": roles, "expires_at": until, "key": secret},
        text=f"{secret}\n只显示这一次，库中只存摘要 / shown this once; only its digest is kept.\n"
        f"  X-API-Key: {secret}",
    )


@command("list")
def list_(console: Console) -> None:
    """列出密钥（不含密钥本身）/ list keys, not what they are.

    \b
    示例 / example:  gis access keys list
    """
    from gis.store import open_store
    from gis.store.access import list_keys

    with open_store(console.settings) as store:
        found = [asdict(key) for key in list_keys(store)]
    for line in found:
        del line["digest"]
    console.emit(found, table=rows_table(found, KEYS))


@command("revoke")
@click.argument("name")
@PERSON
def revoke(console: Console, name: str, person: str | None) -> None:
    """撤销密钥，数秒内生效 / a key opens nothing any more, within seconds.

    \b
    示例 / example:  gis access keys revoke 市规划院
    """
    from gis.api.policy import load_policy
    from gis.layers import load_registry
    from gis.store import open_store
    from gis.store.access import revoke_key

    settings = console.settings
    policy = load_policy(settings.config, load_registry(settings.config, settings.data))
    with open_store(settings) as store:
        revoke_key(store, name, _person(person))
        _note(store, policy.digest, person, "key revoked", name)
    console.emit({"name": name, "revoked": True}, text=f"已撤销 {name} / {name} is revoked")


@command("roles")
def roles(console: Console) -> None:
    """各角色可见与可改的图层 / the layers each role sees and may change.

    \b
    示例 / example:  gis access roles
    """
    from gis.api.policy import EVERY, load_policy
    from gis.layers import load_registry

    settings = console.settings
    registry = load_registry(settings.config, settings.data)
    found: list[dict[str, Any]] = []
    for name, role in load_policy(settings.config, registry).roles.items():
        seen = [layer.id for layer in registry.layers.values() if role.reads(layer)]
        writes = seen if EVERY in role.writes else sorted(role.writes)
        found.append({"role": name, "reads": seen, "writes": writes, "officer": role.officer})
    shown = [
        line | {"reads": ", ".join(line["reads"]), "writes": ", ".join(line["writes"])}
        for line in found
    ]
    console.emit(found, table=rows_table(shown, ("role", "reads", "writes", "officer")))


@command("show")
@click.option("--who", help="只看一个身份 / of one caller, as key:NAME")
@click.option("--action", help="只看一类 / of one kind, as download")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
def show(console: Console, who: str | None, action: str | None, limit: int) -> None:
    """最近的审计记录 / the newest entries.

    \b
    示例 / example:  gis access audit show --who key:市规划院
    """
    from gis.store import open_store
    from gis.store.audit import list_entries

    with open_store(console.settings) as store:
        found = list_entries(store, who, action, limit)
    console.emit(found, table=rows_table(found, ENTRIES))


@command("verify")
@click.option(
    "--expect", help="以前记下的链头，须仍在链中 / a head noted before: is it in the chain"
)
def verify(console: Console, expect: str | None) -> None:
    """核验审计链；不完整时退出码 4 / is the chain whole; exit 4 if not.

    \b
    示例 / example:  gis access audit verify
    """
    from gis.store import open_store
    from gis.store.audit import verify as verify_chain

    with open_store(console.settings) as store:
        found = verify_chain(store, expect)
    if not found.whole:
        raise StoreError(
            zh=f"审计链在第 {found.broken} 条断开：该条或其前一条被改动、插入或删除。请与备份比对",
            en=f"the audit chain breaks at entry {found.broken}: it, or the one before, was "
            f"changed, put in or taken out. Compare with the backup",
            entry=found.broken,
        )
    if found.holds is False:
        raise StoreError(
            zh=f"链中没有 {expect}：审计记录被截短或重写。请与备份比对",
            en=f"{expect} is not in the chain: it was cut short or written anew. Compare with the "
            f"backup",
            expect=expect,
        )
    console.emit(
        asdict(found),
        text=f"完整 / whole: {found.entries} 条 entries\n链头 head: {found.head}",
    )


@command("list")
def area_list(console: Console) -> None:
    """各身份已取用的面积 / what each caller has taken.

    \b
    示例 / example:  gis access area list
    """
    from gis.store import open_store
    from gis.store.access import list_area

    with open_store(console.settings) as store:
        found = [asdict(line) for line in list_area(store)]
    console.emit(found, table=rows_table(found, ("caller", "layer", "km2", "since", "until")))


@command("forget")
@click.argument("caller")
@PERSON
def area_forget(console: Console, caller: str, person: str | None) -> None:
    """某身份重新计算面积（记入审计）/ a caller begins again; on record.

    \b
    示例 / example:  gis access area forget key:市规划院
    """
    from gis.api.policy import load_policy
    from gis.layers import load_registry
    from gis.store import open_store
    from gis.store.access import forget_area

    settings = console.settings
    policy = load_policy(settings.config, load_registry(settings.config, settings.data))
    with open_store(settings) as store:
        cells = forget_area(store, caller)
        _note(store, policy.digest, person, "area forgotten", caller, cells=cells)
    console.emit({"caller": caller, "cells": cells}, text=f"{caller}: {cells}")


def _note(
    store: Store, algorithm: str, person: str | None, action: str, target: str, **detail: object
) -> None:
    from gis.store.audit import Entry, append

    who = f"cli:{_person(person)}"
    append(store, [Entry(who=who, action=action, target=target, detail=detail)], algorithm)


def _person(given: str | None) -> str:
    if given:
        return given
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in a container
        return "cli"


for each in (add, list_, revoke):
    keys.add_command(each)
for each in (show, verify):
    audit.add_command(each)
for each in (area_list, area_forget):
    area.add_command(each)
for each in (keys, roles, audit, area):
    access.add_command(each)
