"""`gis imagery`: images registered by date, and kept to be shown on the map."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gis.cli.console import Console, command, rows_table

if TYPE_CHECKING:
    from gis.store.imagery import Image

COLUMNS = ("id", "kind", "taken_on", "gsd_m", "bands", "dtype", "sensor", "frame", "kept", "mb")


@click.group("imagery")
def imagery() -> None:
    """影像库：按日期登记、保存、出图 / images by date: registered, kept, shown."""


@command("add")
@click.argument("paths", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--date", "taken_on", type=click.DateTime(["%Y-%m-%d"]),
              help="拍摄日期 / day it was taken; default: from its tag or its name")  # fmt: skip
@click.option("--crs", default="auto", show_default=True, help="坐标系 / frame, as of gis ingest")
@click.option("--sensor", help="传感器 / sensor: 无人机、高分七号…")
@click.option("--accuracy", type=click.FloatRange(min=0), metavar="M",
              help="平面中误差，米 / accuracy in the plane, metres")  # fmt: skip
@click.option("--department", help="送交部门 / department that delivers")
@click.option("--person", help="经办人 / person who delivers")
def add(
    console: Console, paths: tuple[Path, ...], taken_on: datetime | None, crs: str,
    sensor: str | None, accuracy: float | None, department: str | None, person: str | None,
) -> None:  # fmt: skip
    """登记影像并转存为云优化 GeoTIFF / register images and keep each as a cloud optimised GeoTIFF.

    \b
    GeoTIFF、IMG、ASC；须有地理参考与日期 / they need a georeference and a date.
    示例 / example:
      gis imagery add 正射_20250310.tif --sensor 无人机 --accuracy 0.15
      gis imagery add dem.asc --crs EPSG:4547 --date 2025-03-10
    """
    from gis.ingest.imagery import ImageRequest, add_image
    from gis.layers import load_registry
    from gis.sources import load_local_frames
    from gis.sources.cogs import FOLDER
    from gis.store import open_store

    settings = console.settings
    registry = load_registry(settings.config, settings.data)
    local = load_local_frames(settings.config / "frames")
    done: list[dict[str, Any]] = []
    with (
        open_store(settings) as store,
        console.progress("登记影像", "registering images", total=len(paths)) as advance,
    ):
        for path in paths:
            request = ImageRequest(
                path=path, crs=crs, taken_on=None if taken_on is None else taken_on.date(),
                sensor=sensor, accuracy_m=accuracy, department=department, person=person,
            )  # fmt: skip
            report, kept = add_image(store, registry, request, settings.home / FOLDER, local)
            size = None if kept is None else round(kept.bytes / 1e6, 1)
            done.append({**report.to_json(), "kept_mb": size})
            advance(1)
    columns = ("source", "delivery", "new", "changed", "unchanged", "quarantined", "kept_mb")
    console.emit({"images": done}, table=rows_table(done, columns))


@command("list")
def list_(console: Console) -> None:
    """列出影像，最新在前 / list images, newest first.

    \b
    示例 / example:  gis imagery list
    """
    shown = [_told(console, image) for image in _images(console)]
    console.emit(shown, table=rows_table(shown, COLUMNS))


@command("show")
@click.argument("image")
def show(console: Console, image: str) -> None:
    """一幅影像的全部信息 / all that is known of one image.

    \b
    示例 / example:  gis imagery show ortho_20240610
    """
    from gis.errors import LayerError

    found = [one for one in _images(console) if one.id == image]
    if not found:
        raise LayerError(
            zh=f"没有影像 {image}。用 gis imagery list 查看",
            en=f"there is no image {image}. See gis imagery list",
            image=image,
        )
    told = {**_told(console, found[0]), "digest": found[0].digest, "outline": found[0].outline.wkt}
    table = rows_table([{"": name, " ": str(value)} for name, value in told.items()], ("", " "))
    console.emit(told, table=table)


def _images(console: Console) -> tuple[Image, ...]:
    from gis.layers import load_registry
    from gis.store import open_store
    from gis.store.imagery import images

    settings = console.settings
    registry = load_registry(settings.config, settings.data)
    with open_store(settings) as store:
        return images(store, registry.get("imagery"))


def _told(console: Console, image: Image) -> dict[str, Any]:
    from gis.sources.cogs import FOLDER, kept_image

    kept = kept_image(console.settings.home / FOLDER, image.digest)
    return {
        "id": image.id,
        "kind": image.kind,
        "taken_on": None if image.taken_on is None else image.taken_on.isoformat(),
        "gsd_m": image.gsd_m,
        "bands": image.bands,
        "dtype": image.dtype,
        "nodata": image.nodata,
        "sensor": image.sensor,
        "accuracy_m": image.stated_m,
        "frame": image.frame,
        "file": image.name,
        "kept": kept is not None,
        "mb": None if kept is None else round(kept.bytes / 1e6, 1),
    }


for each in (add, list_, show):
    imagery.add_command(each)
