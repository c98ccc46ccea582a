"""`gis detect`: two dates of imagery → suspected illegal construction."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click
from rich.table import Table

from gis.cli.console import Console, command
from gis.errors import ChangeError, ConfigError, SourceError

if TYPE_CHECKING:
    from gis.change import DetectReport, Score
    from gis.change.calibration import Report

FILE = click.Path(path_type=Path)
DAY = click.DateTime(["%Y-%m-%d"])


@command("detect", cls=click.Group, invoke_without_command=True)
@click.option("--before", type=FILE, help="前期正射影像 / earlier photo (GeoTIFF)")
@click.option("--after", type=FILE, help="后期正射影像 / later photo")
@click.option("--dsm-before", type=FILE, help="前期高程模型 / earlier surface model (GeoTIFF)")
@click.option("--dsm-after", type=FILE, help="后期高程模型 / later surface model")
@click.option("--before-date", type=DAY, help="文件未写明时的前期日期 / date of the earlier files")
@click.option("--after-date", type=DAY, help="文件未写明时的后期日期 / date of the later files")
@click.option(
    "--law-on", type=DAY,
    help="按该日有效的许可与红线判定，默认影像日期 / judge by what was in force on that day; "
    "default: the later image's",
)  # fmt: skip
@click.option("--area", help="图层、西,南,东,北（度）或文件 / a layer, a box in degrees, or a file")
@click.option(
    "--engine",
    type=click.Choice(["auto", "dsm", "net", "screen"]),
    default="auto",
    show_default=True,
    help="检测引擎 / which engine",
)
@click.option("--out", type=FILE, help="全部候选写成 GeoJSON / write every candidate as GeoJSON")
def detect(
    console: Console, out: Path | None, before_date: datetime | None, after_date: datetime | None,
    law_on: datetime | None, **files: Any,
) -> None:  # fmt: skip
    """比对两期影像，按影像日期有效的许可与红线判定，登记疑似线索 / compare two dates, judge by the
    permits and red lines of the later date, store the suspicions.

    \b
    示例 / example:  gis detect --before ortho_2023.tif --after ortho_2024.tif \\
                         --dsm-before dsm_2023.tif --dsm-after dsm_2024.tif --out changes.geojson
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    from gis.change import DetectRequest, load_rules
    from gis.change import detect as run_detection
    from gis.layers import load_registry
    from gis.store import open_store

    settings = console.settings
    registry = load_registry(settings.config, settings.data)
    reasons = list(registry.codelists["alert_reason"].codes)
    request = DetectRequest(
        rules=load_rules(settings.config / "rules.yml", reasons=reasons),
        before_date=before_date.date() if before_date else None,
        after_date=after_date.date() if after_date else None,
        law_on=law_on.date() if law_on else None,
        resume=settings.home / "detect",
        **files,
    )
    if out is not None:
        _check_folder(out)
    with open_store(settings) as store, console.progress("变化检测", "detecting change"):
        report = run_detection(store, registry, request)
    if out is not None:
        text = json.dumps(report.to_geojson(), ensure_ascii=False)
        out.write_text(text + "\n", encoding="utf-8")
    _say(console, report)
    console.emit(report.to_json(), text=_summary(report))


@command("score")
@click.argument("truth", type=FILE)
def score(console: Console, truth: Path) -> None:
    """对照真值给现有线索打分 / score the current alerts against TRUTH, a GeoJSON of true changes
    (change_id, kind, reasons, illegal): shares with their 95 % intervals.

    \b
    示例 / example:  gis detect score demo/full/truth/changes.geojson
    """
    from gis.change import score_alerts
    from gis.layers import load_registry
    from gis.store import open_store

    settings = console.settings
    registry = load_registry(settings.config, settings.data)
    with open_store(settings) as store:
        found = score_alerts(store, registry, truth)
    console.emit(found.to_json(), table=_score_table(found))
    if found.missed:
        missed = ", ".join(found.missed)
        console.say(f"未发现：{missed}", f"not found: {missed}")


@command("surface")
@click.argument("cloud", type=FILE)
@click.argument("out", type=FILE)
@click.option(
    "--crs", help="点云的坐标系，缺省按文件写明的 / frame of the points; without it the file's own"
)
@click.option(
    "--to",
    help="模型的米制坐标系，缺省同点云 / metric frame of the model; without it the points' own",
)
@click.option("--date", "taken_on", type=DAY, required=True, help="采集日期 / when it was flown")
@click.option("--gsd", type=click.FloatRange(min=0.05), default=0.5, show_default=True,
              help="像元，米 / pixel, metres")  # fmt: skip
@click.option("--datum", help="高程基准，如 1985国家高程基准 / height datum")
def surface(
    console: Console, cloud: Path, out: Path, crs: str | None, to: str | None, taken_on: datetime,
    gsd: float, datum: str | None,
) -> None:  # fmt: skip
    """点云（LAS、LAZ）转高程模型，供 --dsm-before、--dsm-after 使用 / a point cloud (LAS, LAZ) as a
    surface model (GeoTIFF), in metres: the highest point of each pixel.

    \b
    示例 / example:  gis detect surface a.las dsm_20240610.tif --crs EPSG:4547 --date 2024-06-10
    """
    from gis.change.pointclouds import open_cloud, write_surface

    _check_folder(out)
    said = write_surface(
        open_cloud(cloud), out, crs=crs, to=to, gsd_m=gsd, taken_on=taken_on.date(), datum=datum
    )
    console.emit({"file": str(out), **said})


@command("calibrate")
@click.option("--write", is_flag=True, help="检验更好才替换 config/calibration.yml / put it in "
              "force, if it does better held out")  # fmt: skip
def calibrate(console: Console, write: bool) -> None:
    """按核查结论校准置信度 / learn from verdicts what scores are worth: a report on verdicts held
    out, by engine and kind of change, beside what is in force.

    \b
    示例 / example:  gis detect calibrate --write
    """
    from gis.change import load_rules
    from gis.change.calibration import FILE as CALIBRATION
    from gis.change.calibration import AlertVerdict
    from gis.change.calibration import calibrate as calibrated
    from gis.layers import load_registry
    from gis.store import alert_verdicts, open_store

    settings = console.settings
    registry = load_registry(settings.config, settings.data)
    rules = load_rules(
        settings.config / "rules.yml", reasons=list(registry.codelists["alert_reason"].codes)
    )
    with open_store(settings) as store:
        verdicts = [AlertVerdict(**row) for row in alert_verdicts(store)]
    found = calibrated(verdicts, rules.calibration, rules.min_score)
    written = write and found.better
    if written:
        path = settings.config / CALIBRATION
        part = path.with_suffix(".part")
        part.write_text(found.calibration.to_yaml(), encoding="utf-8")
        part.replace(path)
    told = {
        "version": found.calibration.version,
        "in_force": None if rules.calibration is None else rules.calibration.version,
        "better": found.better,
        "written": written,
        "strata": {name: asdict(report) for name, report in found.reports.items()},
    }
    console.emit(told, table=_calibration_table(found.reports))
    if write and not written:
        console.say("保留的结论上没有更好，未替换", "no better on verdicts held out: not written")


def _calibration_table(reports: Mapping[str, Report]) -> Table:
    table = Table()
    for name in ("层 stratum", "结论 verdicts", "认定 confirmed", "Brier 原 raw", "现 in force",
                 "新 new", "起报分 threshold"):  # fmt: skip
        table.add_column(name, justify="left" if name.startswith("层") else "right")
    for name, r in reports.items():
        figures = (r.verdicts, r.confirmed, r.brier_raw, r.brier_now, r.brier_new, r.threshold)
        table.add_row(name, *("" if figure is None else f"{figure:g}" for figure in figures))
    return table


@command("watch")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--poll", type=click.FloatRange(min=1), default=60.0, show_default=True,
              help="每隔几秒查看 / look every so many seconds")  # fmt: skip
@click.option("--once", is_flag=True, help="查看一次即退出 / look once and end")
def watch(console: Console, folder: Path, poll: float, once: bool) -> None:
    """新影像登记后自动检测 / detect when a new image is registered in the layer imagery; the files
    lie in FOLDER. One run at a time; a pair that was compared is not compared again.

    \b
    示例 / example:  gis ingest dsm_2025.tif --layer imagery --mode upsert; gis detect watch .
    """
    from gis.change import detect as run_detection
    from gis.change import load_rules
    from gis.change.watching import waiting
    from gis.layers import load_registry
    from gis.store import open_store

    settings = console.settings
    registry = load_registry(settings.config, settings.data)
    rules = load_rules(
        settings.config / "rules.yml", reasons=list(registry.codelists["alert_reason"].codes)
    )
    # A file that fails, or is not the one that was registered, is told of once.
    seen: set[tuple[Path | None, Path | None]] = set()
    reports = []
    with open_store(settings) as store:
        while True:
            for request in waiting(store, registry, rules, folder):
                pair = (request.dsm_before, request.dsm_after)
                if pair in seen:
                    continue
                seen.add(pair)
                try:
                    report = run_detection(
                        store, registry, replace(request, resume=settings.home / "detect")
                    )
                except (ChangeError, SourceError) as error:
                    if once:
                        raise
                    console.say(f"未能检测：{error.zh}", f"not compared: {error.en}")
                    continue
                console.say(*_summary(report).split("\n"))
                reports.append(report.to_json())
            if once:
                break
            time.sleep(poll)
    console.emit({"runs": reports}, text=f"检测 {len(reports)} 次 / {len(reports)} runs")


def _score_table(found: Score) -> Table:
    from gis.change.score import interval

    table = Table()
    for name in ("", "数 count", "共 of", "比例 share", "95 %"):
        table.add_column(name, justify="right" if name else "left")
    for zh, en, part, whole in found.lines():
        bounds = interval(part, whole)
        share = "" if bounds is None else f"{part / whole:.3f}"
        band = "" if bounds is None else f"{bounds[0]:.3f}–{bounds[1]:.3f}"
        table.add_row(f"{zh} {en}", str(part), str(whole), share, band)
    table.add_row("F1", "", "", f"{found.f1:.3f}", "")
    return table


def _check_folder(out: Path) -> None:
    """Before the long work, not after it."""
    if not out.parent.is_dir():
        raise ConfigError(
            zh=f"目录 {out.parent} 不存在。请先建立",
            en=f"the folder {out.parent} does not exist. Make it first",
            path=str(out),
        )


def _say(console: Console, report: DetectReport) -> None:
    for zh, en in report.notes:
        console.say(f"注意：{zh}", f"note: {en}")
    for code, (zh, en) in report.skipped.items():
        console.say(f"规则 {code} 未判定：{zh}", f"rule {code} not judged: {en}")


def _summary(report: DetectReport) -> str:
    new, again = len(report.stored.new), len(report.stored.again)
    return (
        f"{report.before} → {report.after}：检测 {report.km2} 平方公里，"
        f"变化 {report.candidates} 处，疑似线索 {report.alerts} 条"
        f"（新增 {new}，再次发现 {again}），"
        f"已排除未再变化 {report.suppressed} 条；用时 {report.seconds} 秒。"
        f"线索须经实地核查，不是认定。\n"
        f"{report.km2} km2 searched, {report.candidates} changes, {report.alerts} alerts "
        f"({new} new, {again} seen again), {report.suppressed} settled ones suppressed, "
        f"{report.seconds} s. An alert is a clue: it must be checked in the field."
    )


for each in (score, surface, calibrate, watch):
    cast("click.Group", detect).add_command(each)
