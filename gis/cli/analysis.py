"""`gis site-check`, `gis plan-statistics`, `gis plan-conflicts`: what the processes answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from gis.cli.console import Console, command
from gis.errors import LayerError, SourceError

if TYPE_CHECKING:
    from gis.analysis.site import Site
    from gis.layers import Registry
    from gis.store import Instant, Store

FRAME = "坐标系 / frame: EPSG:n, gcj02, bd09, local:NAME; of WKT auto is EPSG:4490"
RULE = "只用这条规则（可重复）/ only this rule (repeat)"
AS_OF = "时刻，缺省为现在 / moment, now if absent"
WEIGHTS = {"forbids": "禁止 forbids", "limits": "限制 limits", "notice": "告知 notice"}


@command("site-check")
@click.argument("site")
@click.option("--frame", default="auto", show_default=True, help=FRAME)
@click.option("--as-of", help=AS_OF)
@click.option("--reach", "reach_m", type=click.FloatRange(0, 100), default=10.0, show_default=True,
              help="管线等的查询距离，米 / metres around for pipes and the like")  # fmt: skip
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path),
              help="另存打印页 / write the page to print")  # fmt: skip
def site_check(
    console: Console,
    site: str,
    frame: str,
    as_of: str | None,
    reach_m: float,
    html: Path | None,
) -> None:
    """地块一次性告知：地块（文件或 WKT）的全部条件 / every condition that bears on a site.

    \b
    示例 / example:  gis site-check 地块.zip --html 告知单.html
                     gis site-check "POLYGON((114.02 32.98,114.03 32.98,114.03 32.99,114.02 32.98))"
    """
    from gis.analysis.site_check import site_check as answer
    from gis.api.processes.sitepage import site_page
    from gis.layers import load_registry
    from gis.store import open_store

    registry = load_registry(console.settings.config, console.settings.data)
    when = _moment(as_of, console.settings.timezone)
    with open_store(console.settings, read_only=True) as store:
        asked = _site(console, store, registry, site, frame)
        with console.progress("查询", "asking the layers") as advance:
            found = answer(store, registry, asked, when, reach_m, lambda share: advance(1))
    document = found.to_json()
    if html is not None:
        _write(html, site_page(registry, document))
    table = Table("№", "性质 weight", "条件 condition")
    for condition in document["conditions"]:
        text = condition["text"]
        words = f"{text['zh']}\n{text['en']}"
        table.add_row(str(condition["number"]), WEIGHTS[condition["weight"]], words)
    console.emit(document, table=table)


@command("plan-statistics")
@click.option("--plan", type=click.Choice(["land_use_plan", "control_plan_blocks"]),
              default="land_use_plan", show_default=True, help="规划图层 / the plan")  # fmt: skip
@click.option("--level", type=click.IntRange(1, 3), default=2, show_default=True,
              help="用地分类级别 / level of the classification")  # fmt: skip
@click.option("--as-of", help=AS_OF)
@click.option("--since", help="与该日期比较 / compare with this date")
@click.option("--csv", "table_file", type=click.Path(dir_okay=False, path_type=Path),
              help="另存 CSV / write a table")  # fmt: skip
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path),
              help="另存打印页 / write the page to print")  # fmt: skip
def plan_statistics(
    console: Console,
    plan: str,
    level: int,
    as_of: str | None,
    since: str | None,
    table_file: Path | None,
    html: Path | None,
) -> None:
    """规划统计：按分类、按县区的面积，与现状对照 / areas by class and district, plan v. reality.

    \b
    示例 / example:  gis plan-statistics --level 1 --since 2023-06-01 --csv 统计.csv
    """
    from gis.analysis.statistics import plan_statistics as answer
    from gis.api.processes.formats import csv_table
    from gis.api.processes.statisticspage import statistics_page
    from gis.layers import load_registry
    from gis.store import open_store

    registry = load_registry(console.settings.config, console.settings.data)
    timezone = console.settings.timezone
    when, then = _moment(as_of, timezone), _moment(since, timezone)
    with open_store(console.settings, read_only=True) as store:
        found = answer(store, registry, plan=plan, level=level, when=when, since=then)
    document = found.to_json() | {"table": list(found.table())}
    if table_file is not None:
        _write(table_file, csv_table(registry, document))
    if html is not None:
        _write(html, statistics_page(registry, document))
    table = Table("代码 code", "类别 class", "公顷 ha", "占比 share", "变化 change")
    for row in document["by_class"]:
        change = f"{row['change_m2'] / 10_000:,.2f}" if "change_m2" in row else ""
        table.add_row(
            row["code"], f"{row['title']['zh']} {row['title']['en']}",
            f"{row['area_m2'] / 10_000:,.2f}", f"{row['share']:.2%}", change,
        )  # fmt: skip
    console.emit(document, table=table)


@command("plan-conflicts")
@click.option("--rule", "rules", multiple=True, help=RULE)
@click.option("--as-of", help=AS_OF)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path),
              help="另存 GeoJSON / write GeoJSON")  # fmt: skip
def plan_conflicts(
    console: Console, rules: tuple[str, ...], as_of: str | None, out: Path | None
) -> None:
    """多规合一冲突：规划之间的矛盾 / where plans contradict each other (config/conflicts.yml).

    \b
    示例 / example:  gis plan-conflicts --rule use_differs --out 冲突.geojson
    """
    import json

    from gis.analysis.conflictrules import FILE, load_conflict_rules
    from gis.analysis.conflicts import plan_conflicts as answer
    from gis.layers import load_registry
    from gis.store import open_store

    registry = load_registry(console.settings.config, console.settings.data)
    known = load_conflict_rules(console.settings.config / FILE, registry)
    codes = [rule.code for rule in known.rules]
    for rule in rules:
        if rule not in codes:
            raise LayerError(
                zh=f"没有规则 {rule}；现有：{'、'.join(codes)}",
                en=f"there is no rule {rule}; there are: {', '.join(codes)}",
                rule=rule,
            )
    with open_store(console.settings, read_only=True) as store:
        when = _moment(as_of, console.settings.timezone)
        document = answer(store, registry, known, when, list(rules) or None).to_json()
    if out is not None:
        _write(out, json.dumps(document, ensure_ascii=False, default=str))
    table = Table("规则 rule", "说明 title", "冲突 conflicts", "公顷 ha")
    titles = {rule.code: rule.title for rule in known.rules}
    for row in document["rules"]:
        title = titles[row["rule"]]
        table.add_row(
            row["rule"], f"{title.zh} {title.en}", str(row["conflicts"]),
            f"{row['area_m2'] / 10_000:,.2f}",
        )  # fmt: skip
    for row in document["skipped"]:
        table.add_row(row["rule"], f"{row['zh']} {row['en']}", "—", "—")
    console.emit(document, table=table)


def _site(console: Console, store: Store, registry: Registry, text: str, frame: str) -> Site:
    """The site that was named: a file where there is one, else WKT or GeoJSON."""
    from gis.analysis.site import STORED, shapes_of, site_of
    from gis.api.processes.uploads import site_of_path
    from gis.sources import load_local_frames

    local = load_local_frames(console.settings.config / "frames")
    if text.lstrip().startswith("{") or "((" in text:
        crs = STORED if frame == "auto" else frame
        return site_of(shapes_of(text), crs, registry.city, local)
    return site_of_path(store, registry, local, Path(text), frame)


def _moment(text: str | None, timezone: str) -> Instant | None:
    from gis.store import Instant, parse_datetime

    if text is None:
        return None
    when = parse_datetime(text, timezone)
    if not isinstance(when, Instant):
        raise LayerError(zh=f"{text} 应为一个时刻", en=f"{text} should be one moment", value=text)
    return when


def _write(path: Path, text: Any) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as exc:
        raise SourceError(
            zh=f"无法写入 {path}：{exc.strerror}",
            en=f"can't write {path}: {exc.strerror}",
            path=str(path),
        ) from exc
