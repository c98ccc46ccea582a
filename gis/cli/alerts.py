"""`gis alerts`: the work list, one alert's case file, and the next step of it."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from gis.cli.console import Console, command
from gis.errors import ChangeError, ConfigError

if TYPE_CHECKING:
    from gis.layers import Registry
    from gis.store import Store


DAY = click.DateTime(["%Y-%m-%d"])


@click.group("alerts")
def alerts() -> None:
    """疑似违建线索 / suspected illegal construction: clues, to be checked in the field."""


@command("list")
@click.option("--state", "states", multiple=True, help="状态，可重复 / state, may be repeated")
@click.option("--reason", help="理由代码，如 no_permit / code of a reason")
@click.option("--county", help="区划代码，如 411702 / division code of the county")
@click.option("--assignee", help="受派人 / whose they are")
@click.option("--overdue", is_flag=True, help="只列逾期 / only those past their day")
@click.option("--limit", type=click.IntRange(min=1), help="最多几条 / at most so many")
def list_(
    console: Console, states: tuple[str, ...], reason: str | None, county: str | None,
    assignee: str | None, overdue: bool, limit: int | None,
) -> None:  # fmt: skip
    """列出线索，最可信在前 / list alerts, most certain first.

    \b
    示例 / example:  gis alerts list --state suspected --reason farmland
    """
    from gis.layers import load_registry
    from gis.store import list_alerts, open_store

    settings = console.settings
    registry = load_registry(settings.config, settings.data)
    codelists = registry.codelists
    for given, name in ((states, "alert_state"), ((reason,) if reason else (), "alert_reason")):
        _check_codes(given, list(codelists[name].codes), name)
    with open_store(settings) as store:
        found = list_alerts(
            store, states=states, reason=reason, county=county, assignee=assignee,
            due_days=_due_days(console, registry), overdue=overdue, limit=limit,
        )  # fmt: skip
    console.emit(found, table=_work_list(found))


@command("show")
@click.argument("alert")
@click.option(
    "--chips", type=click.Path(path_type=Path, file_okay=False),
    help="把截图写到该目录 / write its pictures into this folder",
)  # fmt: skip
@click.option(
    "--html", "page", type=click.Path(path_type=Path, dir_okay=False),
    help="写成可打印的案卷网页 / write the case file as a page to print",
)  # fmt: skip
def show(console: Console, alert: str, chips: Path | None, page: Path | None) -> None:
    """一条线索的全部证据与经过 / all evidence of an alert, and what has been done about it.

    ALERT 是编号或要素号 / is its number (ZMD-2024-000001) or its feature id.

    \b
    示例 / example:  gis alerts show ZMD-2024-000001 --chips pictures
    """
    from gis.store import chip, open_store, show_alert

    with open_store(console.settings) as store:
        found = show_alert(store, alert)
        written = []
        if chips is not None:
            chips.mkdir(parents=True, exist_ok=True)
            for name in found["chips"]:
                path = chips / f"{found['alert_id']}_{name}.png"
                path.write_bytes(chip(store, found["key"], name) or b"")
                written.append(str(path))
        if page is not None:
            _write_page(console, store, found["key"], page)
            found["page"] = str(page)
    if chips is not None:
        found["chip_files"] = written
    console.emit(found, text=_case(found))


@command("export")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--state", "states", multiple=True, help="状态，可重复 / state, may be repeated")
@click.option("--county", help="区划代码，如 411702 / division code of the county")
def export(console: Console, out: Path, states: tuple[str, ...], county: str | None) -> None:
    """外业核查数据包 / alerts for the field tablet: OUT is a GeoPackage (.gpkg) or shapefiles
    (.zip), in EPSG:4490 and in the city's metric frame.

    \b
    示例 / example:  gis alerts export field.gpkg --state to_check --county 411702
    """
    from gis.change.fieldpackage import write_field_package
    from gis.layers import load_registry
    from gis.store import open_store

    settings = console.settings
    registry = load_registry(settings.config, settings.data)
    _check_codes(states, list(registry.codelists["alert_state"].codes), "alert_state")
    _check_folder(out)
    with open_store(settings) as store:
        count = write_field_package(store, registry, out, states=states, county=county)
    console.emit(
        {"file": str(out), "alerts": count},
        text=f"{out}：线索 {count} 条 / {count} alerts",
    )


@command("update")
@click.argument("alert")
@click.option("--state", required=True, help="新状态 / the new state")
@click.option("--note", required=True, help="核查说明 / what was found or ordered")
@click.option("--by", help="经办人，默认当前用户 / who did it, default: this user")
@click.option("--assignee", help="下一步由谁办 / who is to do what comes next")
@click.option("--due", type=DAY, help="下一步的期限，默认按规则 / its day, default: by the rules")
def update(
    console: Console, alert: str, state: str, note: str, by: str | None,
    assignee: str | None, due: datetime | None,
) -> None:  # fmt: skip
    """把线索推进一步，留下说明和经办人 / take an alert one step on, with a note.

    \b
    示例 / example:  gis alerts update ZMD-2024-000001 --state to_check --note 派单至东风街道
    """
    from gis.store import Step, open_store, take_step

    step = Step(
        by=by or getpass.getuser(), note=note, state=state, assignee=assignee, due_on=_day(due)
    )
    with open_store(console.settings) as store:
        found = take_step(store, alert, step)
    console.emit(found, text=_case(found))


@command("assign")
@click.argument("assignee")
@click.argument("given", metavar="[ALERT]...", nargs=-1)
@click.option("--county", help="该县区的全部线索 / all alerts of this county")
@click.option("--state", "states", multiple=True, help="其中该状态的 / those in this state")
@click.option("--note", help="说明 / a note")
@click.option("--by", help="经办人，默认当前用户 / who gives it, default: this user")
@click.option("--due", type=DAY, help="期限 / the day by which they are to do it")
def assign(
    console: Console, assignee: str, given: tuple[str, ...], county: str | None,
    states: tuple[str, ...], note: str | None, by: str | None, due: datetime | None,
) -> None:  # fmt: skip
    """把线索分派给某人 / give alerts to somebody: those named, or all of a county or state.

    \b
    示例 / example:  gis alerts assign 王工 --county 411702 --state to_check
    """
    from gis.layers import load_registry
    from gis.store import assign_alerts, list_alerts, open_store

    if bool(given) == bool(county or states):
        raise ChangeError(
            zh="请给出线索编号，或用 --county、--state 选取，二者取一",
            en="name alerts, or choose them by --county and --state, one of the two",
        )
    settings = console.settings
    codelists = load_registry(settings.config, settings.data).codelists
    _check_codes(states, list(codelists["alert_state"].codes), "alert_state")
    who = by or getpass.getuser()
    with open_store(settings) as store:
        chosen = given or [a["key"] for a in list_alerts(store, states=states, county=county)]
        done = assign_alerts(store, list(chosen), assignee, by=who, note=note, due_on=_day(due))
    console.emit(
        {"assignee": assignee, "assigned": done},
        text=f"分派给 {assignee}：{len(done)} 条 / {len(done)} alerts assigned\n" + "\n".join(done),
    )


@command("stats")
def stats(console: Console) -> None:
    """统计：发现、核查、认定、排除、销号、用时 / how many were found, checked, confirmed, closed,
    and how long it took: in all, by county, reason and month.

    \b
    示例 / example:  gis alerts stats --json
    """
    from gis.layers import load_registry
    from gis.store import alert_stats, open_store

    registry = load_registry(console.settings.config, console.settings.data)
    with open_store(console.settings) as store:
        found = alert_stats(store, due_days=_due_days(console, registry))
    console.emit(found, table=_stats_table(found))


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


def _due_days(console: Console, registry: Registry) -> Mapping[str, int]:
    from gis.change import load_rules

    reasons = list(registry.codelists["alert_reason"].codes)
    return load_rules(console.settings.config / "rules.yml", reasons=reasons).due_days


def _stats_table(found: dict[str, Any]) -> Table:
    table = Table()
    for name in ("", "发现 found", "核查 checked", "认定 confirmed", "排除 dismissed",
                 "销号 closed", "在办 open", "逾期 overdue", "用时(天) days"):  # fmt: skip
        table.add_column(name, justify="right" if name else "left", no_wrap=not name)
    rows = [("合计 total", found["total"])]
    for group in ("by_county", "by_reason", "by_month"):
        rows += list(found[group].items())
    for name, row in rows:
        figures = [row[key] for key in ("found", "checked", "confirmed", "dismissed", "closed",
                                        "open", "overdue", "days_to_close")]  # fmt: skip
        table.add_row(name, *("" if figure is None else f"{figure:g}" for figure in figures))
    return table


def _write_page(console: Console, store: Store, key: int, page: Path) -> None:
    from gis.api.casefile import case_page
    from gis.layers import load_registry

    _check_folder(page)
    registry = load_registry(console.settings.config, console.settings.data)
    page.write_text(case_page(store, registry, key), encoding="utf-8")


def _check_folder(out: Path) -> None:
    if not out.parent.is_dir():
        raise ConfigError(
            zh=f"目录 {out.parent} 不存在。请先建立",
            en=f"the folder {out.parent} does not exist. Make it first",
            path=str(out),
        )


def _check_codes(given: tuple[str, ...], known: list[str], name: str) -> None:
    if unknown := [code for code in given if code not in known]:
        raise ChangeError(
            zh=f"没有代码 {'、'.join(unknown)}（{name}）；可用：{'、'.join(known)}",
            en=f"there is no code {', '.join(unknown)} ({name}); there are: {', '.join(known)}",
            codes=unknown,
        )


def _work_list(found: list[dict[str, Any]]) -> Table:
    table = Table()
    for name in ("线索 alert", "状态 state"):
        table.add_column(name, no_wrap=True)  # what the next command is typed from
    table.add_column("理由 reasons")
    for name in ("分 score", "m²", "Δh m", "受派人 assignee", "期限 due"):
        table.add_column(name)
    for row in found:
        figures = (
            row["score"], row["area_m2"], row["delta_h_m"], row["assignee"], row["due_on"],
        )  # fmt: skip
        table.add_row(
            row["alert_id"], row["state"], " ".join(row["reasons"]),
            *("" if figure is None else str(figure) for figure in figures),
        )  # fmt: skip
    return table


def _case(found: dict[str, Any]) -> str:
    """The case file as text: fields, reasons with figures, steps."""
    lines = [f"{found['alert_id']}  ({found['key']})"]
    lines += [f"  {name}: {value}" for name, value in found["properties"].items() if value]
    lines.append("理由 reasons")
    for reason in found["reasons"]:
        figures = ", ".join(f"{name} {value:g}" for name, value in reason["figures"].items())
        lines.append(f"  {reason['title']['zh']} {reason['title']['en']}: {figures}")
    lines.append("依据 consulted")
    lines += [
        f"  {row['layer']} {row['key']} v{row['version_id']} (#{row['delivery']})"
        for row in found["consulted"]
    ]
    lines.append("经过 trail")
    for step in found["trail"]:
        change = f"{step['from_state'] or ''} → {step['to_state']}"
        if step["event"] == "assigned":
            change = f"→ {step['assignee']}"
        if step["due_on"]:
            change += f" ≤ {step['due_on']}"
        if step["document"]:
            change = f"文档 document {step['document']}"
        undone = " (已撤销 undone)" if step["undone_at"] else ""
        lines.append(
            f"  {step['at']:%Y-%m-%d %H:%M} {step['event']} {change} {step['who']}"
            f" {step['note'] or ''}{undone}".rstrip()
        )
    lines.append(f"下一步 next: {', '.join(found['next_states']) or '-'}")
    lines += [f"案卷 page: {found['page']}"] if "page" in found else []
    lines += [f"截图 picture: {path}" for path in found.get("chip_files", [])]
    return "\n".join(lines)


for each in (list_, show, export, update, assign, stats):
    alerts.add_command(each)
