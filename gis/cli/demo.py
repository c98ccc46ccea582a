"""`gis demo`: the whole main job on the generated city, through the same doors as real files."""

from __future__ import annotations

import resource
import time
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from gis.cli.console import Console, command

if TYPE_CHECKING:
    from gis.demo import Manifest
    from gis.demo.site import Size
    from gis.ingest import LoadReport
    from gis.layers import Registry
    from gis.store import Store

COLUMNS = (
    *("图层\nlayer", "交付\nfiles", "收到\nrows in", "入库\naccepted", "隔离\nrefused"),
    *("精度\nm", "用时\ns"),
)
SUMMED = ("rows_in", "accepted", "new", "changed", "unchanged", "closed", "kept", "quarantined",
          "seconds")  # fmt: skip


@command("demo")
@click.option("--no-serve", is_flag=True, help="做完即退出 / do all but serve")
@click.option("--seed", default=1, show_default=True, help="生成城市的种子 / the city's seed")
@click.option(
    "--size",
    type=click.Choice(["full", "small"]),
    default="full",
    show_default=True,
    help="城市大小 / how large a city (small: for tests)",
)
def demo(console: Console, no_serve: bool, seed: int, size: Size) -> None:
    """用生成的城市走一遍全流程 / the whole main job on a generated city: generate, normalise,
    store, detect change, build tiles, serve.

    \b
    示例 / example:  gis demo --no-serve --json
    """
    started = time.monotonic()
    result, table = _main_job(console, seed, size)
    seconds = round(time.monotonic() - started, 1)
    summary = {"seconds": seconds, **result, "peak_mb": _peak_mb()}
    if console.json:
        console.emit(summary)
    else:
        console.emit(summary, table=table)
        _say_score(console, summary)
    if not no_serve:
        from gis.cli.serve import run_server

        run_server(console)


def _main_job(console: Console, seed: int, size: Size) -> tuple[dict[str, Any], Table]:
    from gis.demo import write_city
    from gis.layers import load_registry
    from gis.store import init_store

    settings = console.settings
    registry = load_registry(settings.config, settings.data)
    console.say("1/6 启动数据库", "starting the database")
    with init_store(settings, registry) as store:
        console.say("2/6 生成城市数据", "generating the city's files")
        manifest = write_city(settings.home.absolute() / "demo" / size, seed=seed, size=size)
        console.say("3/6 归一、检查、入库", "normalising, checking, storing")
        _fit_frames(console, manifest)
        reports = _ingest_all(console, store, registry, manifest)
        readings = _replay_all(store, manifest)
        console.say("4/6 变化检测", "detecting change")
        alerts = _detect(console, store, registry, manifest)
        console.say("5/6 三维瓦片", "building 3D Tiles")
        tiles = _build_tiles(console, store, registry)
        console.say("6/6 服务配置", "writing the service's configuration")
        _write_config(console, registry)
    layers = _by_layer(reports)
    return {"layers": layers, "readings": readings, "tiles": tiles, **alerts}, _table(layers)


def _table(layers: list[dict[str, Any]]) -> Table:
    table = Table(title="一张图演示数据 / the demo city")
    for name in COLUMNS:
        table.add_column(
            name, no_wrap=name == COLUMNS[0], justify="left" if name == COLUMNS[0] else "right"
        )
    for row in layers:
        figures = [
            f"{row[name]:,}" for name in ("deliveries", "rows_in", "accepted", "quarantined")
        ]
        table.add_row(row["layer"], *figures, f"{row['accuracy_m']:.2f}", f"{row['seconds']:.1f}")
    return table


def _fit_frames(console: Console, manifest: Manifest) -> None:
    from gis.cli.coords import fit_points, write_frame

    settings = console.settings
    for name, points in manifest.control_points.items():
        frame = fit_points(points, name, None, 0.05, False, settings.timezone)
        write_frame(frame, settings.config / "frames" / f"{name}.yml")


def _ingest_all(
    console: Console, store: Store, registry: Registry, manifest: Manifest
) -> list[LoadReport]:
    from gis.ingest import IngestRequest, ingest
    from gis.ingest.imagery import keep_reported
    from gis.sources import load_local_frames
    from gis.sources.cogs import FOLDER

    local = load_local_frames(console.settings.config / "frames")
    reports = []
    with console.progress("入库", "storing", total=len(manifest.deliveries)) as advance:
        for delivery in manifest.deliveries:
            request = IngestRequest(
                path=delivery.path,
                layer=delivery.layer,
                crs=delivery.crs or "auto",
                as_of=str(delivery.as_of),
                mode=delivery.mode,
                department=delivery.department,
            )
            report = ingest(store, registry, request, local)
            folder = console.settings.home / FOLDER
            keep_reported(report, delivery.path, registry, folder, local)
            reports.append(report)
            advance(1)
    return reports


def _replay_all(store: Store, manifest: Manifest) -> dict[str, int]:
    from gis.live import replay

    totals = {"rows_in": 0, "stored": 0, "duplicates": 0, "rejected": 0}
    for path in manifest.readings:
        report = replay(store, path)
        for key in totals:
            totals[key] += getattr(report, key)
    return totals


def _detect(
    console: Console, store: Store, registry: Registry, manifest: Manifest
) -> dict[str, Any]:
    from gis.change import DetectRequest, detect, load_rules, score_alerts

    images = manifest.images
    reasons = list(registry.codelists["alert_reason"].codes)
    request = DetectRequest(
        rules=load_rules(console.settings.config / "rules.yml", reasons=reasons),
        before=images["ortho_before"],
        after=images["ortho_after"],
        dsm_before=images["dsm_before"],
        dsm_after=images["dsm_after"],
    )
    report = detect(store, registry, request)
    score = score_alerts(store, registry, manifest.truth / "changes.geojson")
    return {
        "candidates": report.candidates,
        "alerts": report.alerts,
        "precision": round(score.precision, 4),
        "recall": round(score.recall, 4),
    }


def _build_tiles(console: Console, store: Store, registry: Registry) -> dict[str, int]:
    from gis.tiles import build

    out = console.settings.home / "tiles"
    solid = [layer.id for layer in registry.layers.values() if layer.solid]
    return {layer: build(store, registry, layer, out / layer) for layer in solid}


def _write_config(console: Console, registry: Registry) -> None:
    from gis.api.config import write_config

    path = console.settings.config / "pygeoapi.yml"
    path.write_text(write_config(registry, console.settings), encoding="utf-8")


def _by_layer(reports: list[LoadReport]) -> list[dict[str, Any]]:
    """One row a layer: the sums over its deliveries, and the worst accuracy among them."""
    rows: dict[str, dict[str, Any]] = {}
    for report in reports:
        row = rows.setdefault(
            report.layer,
            {"layer": report.layer, "deliveries": 0, "accuracy_m": 0.0, **dict.fromkeys(SUMMED, 0)},
        )
        row["deliveries"] += 1
        row["accuracy_m"] = max(row["accuracy_m"], report.accuracy_m)
        for name in SUMMED:
            row[name] = round(row[name] + getattr(report, name), 3)
    return list(rows.values())


def _peak_mb() -> int:
    """Peak memory of this process and of the largest child it waited for, MB."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(kind).ru_maxrss for kind in kinds) // 1024


def _say_score(console: Console, summary: dict[str, Any]) -> None:
    precision, recall = summary["precision"], summary["recall"]
    console.say(
        f"疑似线索 {summary['alerts']} 条，对照真值：准确率 {precision:.2f}，召回率 {recall:.2f}；"
        f"用时 {summary['seconds']} 秒，峰值内存 {summary['peak_mb']} MB",
        f"{summary['alerts']} alerts; against the truth precision {precision:.2f}, "
        f"recall {recall:.2f}; {summary['seconds']} s, peak memory {summary['peak_mb']} MB",
    )
