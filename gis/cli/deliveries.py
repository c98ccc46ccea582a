"""`gis deliveries`: the ledger, and undoing the newest delivery of a layer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from gis.cli.console import Console, command, rows_table
from gis.errors import LayerError, SourceError

if TYPE_CHECKING:
    from gis.store import Interval

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


@command("diff")
@click.argument("layer")
@click.option("--from", "since", required=True, help="起始日期 / from this date or time on")
@click.option("--to", "until", help="截止日期，缺省为现在 / until this date or time; default now")
@click.option("--where", multiple=True, help="字段=值，可重复 / field=value, may be repeated")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="写成 GeoJSON 文件 / write the differences as a GeoJSON file",
)
def diff(
    console: Console, layer: str, since: str, until: str | None, where: tuple[str, ...],
    out: Path | None,
) -> None:  # fmt: skip
    """两个日期之间新增、变化、消失的要素 / features new, changed and closed between two dates.

    \b
    示例 / example:
      gis deliveries diff buildings --from 2023-06-01 --to 2024-06-01 --out changes.geojson
    """
    from gis.layers import load_registry
    from gis.store import LayerQuery, open_store
    from gis.store.diff import count_diff, write_diff

    settings = console.settings
    found = load_registry(settings.config, settings.data).get(layer)
    when = _between(since, until, settings.timezone)
    q = LayerQuery(layer=found, when=when, where=dict(_pair(text) for text in where))
    with open_store(settings) as store:
        if out is None:
            counts = count_diff(store, q)
        else:
            with writing(out) as file:
                counts = write_diff(store, q, file)
    result = {"layer": layer, "since": when.start, "until": when.end, **asdict(counts)}
    console.emit(result | {"file": None if out is None else str(out)})


@command("report")
@click.argument("number", type=int)
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    help="写成可打印的网页文件 / write it as a page to print",
)
def report(console: Console, number: int, html: Path | None) -> None:
    """一次交付的质量报告：行数、坐标系、原因与示例 / the quality report of a delivery.

    \b
    示例 / example:  gis deliveries report 3 --html report.html
    """
    from gis.layers import load_registry
    from gis.sources import load_local_frames
    from gis.store import open_store
    from gis.store.quality import quality_of

    settings = console.settings
    registry = load_registry(settings.config, settings.data)
    with open_store(settings) as store:
        found = quality_of(store, number, load_local_frames(settings.config / "frames"))
        if html is not None:
            from gis.api.reports import report_page

            with writing(html) as file:
                file.write(report_page(store, registry, found))
    shown = [
        {"code": r.code, "severity": severity, "rows": r.rows, "fields": ", ".join(r.fields)}
        for severity, told in (("reject", found.reasons), ("warn", found.warnings))
        for r in told
    ]
    console.emit(found.to_json(), table=rows_table(shown, ("code", "severity", "rows", "fields")))


@command("overdue")
def overdue(console: Console) -> None:
    """按图层的 update_days，列出逾期的图层 / layers that are due for a delivery.

    \b
    天数写在 config/layers/<图层>.yml / the days stand there, such as   update_days: 365
    示例 / example:  gis deliveries overdue
    """
    from gis.layers import load_registry
    from gis.store import open_store
    from gis.store.records import layer_records

    settings = console.settings
    registry = load_registry(settings.config, settings.data)
    with open_store(settings) as store:
        records = layer_records(store, registry)
    now = datetime.now(UTC)
    found = [
        {
            "layer": of.layer.id,
            "owner": of.layer.owner.zh,
            "updated": of.updated,
            "update_days": of.layer.update_days,
            "overdue_days": of.overdue_days(now),
        }
        for of in records
        if of.overdue_days(now) is not None
        or (of.layer.update_days is not None and of.updated is None)
    ]
    console.emit(
        found, table=rows_table(found, ("layer", "owner", "updated", "update_days", "overdue_days"))
    )


def _between(since: str, until: str | None, timezone: str) -> Interval:
    from gis.store import Interval, parse_datetime

    now = datetime.now(UTC).isoformat()
    found = parse_datetime(f"{since}/{until or now}", timezone)
    assert isinstance(found, Interval)  # two parts are one
    return found


def _pair(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    if not equals:
        raise LayerError(
            zh=f"--where {text} 应写成 字段=值",
            en=f"--where {text} should be field=value",
            value=text,
        )
    return name, value or None


@contextmanager
def writing(out: Path) -> Iterator[TextIO]:
    """A text file that is there whole or not at all. Raises SourceError where it can't be
    written."""
    part = out.with_name(out.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as file:
            yield file
        part.replace(out)
    except OSError as exc:
        raise SourceError(
            zh=f"不能写入 {out}：{exc.strerror}",
            en=f"can't write {out}: {exc.strerror}",
            file=str(out),
        ) from exc
    finally:
        part.unlink(missing_ok=True)


def _dated(line: dict[str, Any]) -> dict[str, Any]:
    undone = line["undone_at"]
    return line | {
        "as_of": f"{line['as_of']:%Y-%m-%d}",
        "undone": f"{undone:%Y-%m-%d}" if undone else None,
    }


for each in (list_, show, undo, diff, report, overdue):
    deliveries.add_command(each)
