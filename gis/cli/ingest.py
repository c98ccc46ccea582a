"""`gis ingest`: one delivery into its layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click
from rich.table import Table

from gis.cli.console import Console, command

if TYPE_CHECKING:
    from gis.ingest import LoadReport, Mode
    from gis.sources import Proposal


@command("ingest")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--layer",
    help="目标图层 / layer id (gis layers list); without it --dry-run proposes one for each part",
)
@click.option(
    "--crs",
    default="auto",
    show_default=True,
    help="坐标系 / frame: auto = declared, else detected; EPSG:n, gcj02, bd09, bd09mc, local:NAME",
)
@click.option("--as-of", help="数据的日期 / date the data is of, e.g. 2024-06-01; default now")
@click.option(
    "--mode",
    type=click.Choice(["full", "upsert", "delete"]),
    default="full",
    show_default=True,
    help="全量、增改或删除 / full: what it lacks is closed; upsert: adds and changes; delete",
)
@click.option("--department", help="送交部门 / department that delivers")
@click.option("--person", help="经办人 / person who delivers")
@click.option("--encoding", default="auto", show_default=True, help="文字编码 / text encoding")
@click.option(
    "--allow-closing",
    is_flag=True,
    help="全量交付可注销超过上限的要素 / let a full delivery end more than the layer's share",
)
@click.option("--dry-run", is_flag=True, help="只检查不入库 / check only, keep nothing")
def ingest(
    console: Console, path: Path, layer: str | None, crs: str, as_of: str | None, mode: str,
    department: str | None, person: str | None, encoding: str, allow_closing: bool,
    dry_run: bool,
) -> None:  # fmt: skip
    """把一次交付检查、归一后入库 / normalise, check and store one delivery.

    \b
    PATH 是文件，容器中的一层写成 文件|层名 / a file; one layer of a container is FILE|NAME.
    目录或压缩包加 --dry-run 给出各部分宜入的图层 / of a folder or archive, --dry-run proposes.
    示例 / example:
      gis ingest 宗地.txt --layer parcels --as-of 2024-06-01 --mode upsert
      gis ingest 管线.csv --layer pipe_segments --crs local:city --json
      gis ingest 交付目录 --dry-run
    """
    from gis.ingest import IngestRequest, ingest
    from gis.ingest.imagery import keep_reported
    from gis.layers import load_registry
    from gis.sources import load_local_frames, propose
    from gis.sources.cogs import FOLDER
    from gis.store import open_store

    settings = console.settings
    registry = load_registry(settings.config, settings.data)
    if layer is None:
        if not dry_run:
            raise click.UsageError("缺少 --layer；加 --dry-run 可得建议 / --layer is missing")
        proposals = propose(path, registry)
        parts = [p.to_json() for p in proposals]
        console.emit({"path": path.name, "parts": parts}, table=_proposed(proposals, path))
        return
    request = IngestRequest(
        path=path, layer=layer, crs=crs, as_of=as_of, mode=cast("Mode", mode),
        department=department, person=person, encoding=encoding, dry_run=dry_run,
        allow_closing=allow_closing,
    )  # fmt: skip
    local = load_local_frames(settings.config / "frames")
    with open_store(settings) as store, console.progress("入库", "storing") as advance:
        report = ingest(
            store, registry, request, local, advance,
            lambda: console.say(
                f"图层 {layer} 正有另一次交付在装载，排队等候",
                f"another delivery of layer {layer} is under way; waiting in the queue",
            ),
        )  # fmt: skip
        keep_reported(report, path, registry, settings.home / FOLDER, local)
    console.emit(report.to_json(), table=_table(report))
    if report.quarantined and not console.json and report.delivery is not None:
        console.say(
            f"{report.quarantined} 行被隔离，查看：gis quarantine list {report.delivery}",
            f"{report.quarantined} rows were refused; see: gis quarantine list {report.delivery}",
        )


def _proposed(proposals: list[Proposal], folder: Path) -> Table:
    columns = ("部分 part", "格式 format", "坐标系 frame", "图形 geometry", "图层 layer")
    table = Table(*columns, "说明 notes", title="建议 / proposal")
    for p in proposals:
        notes = (p.refused or "").split("。")[0] or "; ".join(
            f"{c.layer}: {len(c.fields)} 字段 fields"
            + (f", 缺 lacks {', '.join(c.missing)}" if c.missing else "")
            for c in p.candidates
        )
        kind = f"{p.format or ''} {p.encoding or ''}".strip()
        table.add_row(
            p.path.removeprefix(f"{folder}/"),
            kind,
            p.frame or "?",
            " ".join(p.geometry),
            p.layer or "?",
            notes,
        )
    return table


def _table(report: LoadReport) -> Table:
    title = "试检，未入库 / dry run" if report.delivery is None else f"交付 {report.delivery}"
    table = Table("", "", title=f"{title} · {report.source} → {report.layer}", show_header=False)
    frame = report.frame
    how = {
        "declared": "文件声明 / declared",
        "given": "指定 / given",
        "detected": "比对得出 / detected",
    }.get(frame.how, frame.how)
    lines: list[tuple[str, object]] = [
        ("格式 format", report.format + (f", {report.encoding}" if report.encoding else "")),
        ("坐标系 frame", f"{frame.name}（{how}），精度 / accuracy {frame.accuracy_m:.3f} m"),
        ("日期 as of", report.as_of),
        ("收到 rows in", report.rows_in),
        ("入库 accepted", report.accepted),
        ("  新增 new", report.new),
        ("  变更 changed", report.changed),
        ("  未变 unchanged", report.unchanged),
        ("关闭 closed", report.closed),
        ("保留 kept", report.kept),
        ("隔离 quarantined", report.quarantined),
        *((f"  {code}", count) for code, count in report.reasons.items()),
        ("用时 seconds", report.seconds),
    ]
    for name, value in lines:
        table.add_row(name, str(value))
    return table
