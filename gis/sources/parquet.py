"""GeoParquet, by row groups, in the walled process (`parquet_process.py`).

The frame is the PROJJSON of the geometry column. Where the key is left out the format says
longitude and latitude (OGC:CRS84); a file that says `null` states none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gis.coords import Frame, frame_from_prj, norm_frame
from gis.errors import SourceError
from gis.layers.batch import RawBatch
from gis.sources.delivery import Delivery, file_digest
from gis.sources.garbled import find_mend
from gis.sources.sandbox import Sandbox
from gis.sources.vector import batches, to_batch


def open_parquet(
    path: Path, *, words: frozenset[str] = frozenset(), called: str | None = None
) -> Delivery:
    """`words`: names that the columns may bear, to tell garbled ones. `called`: the file's name in
    messages.

    Raises SourceError for a file that can't be read or is no GeoParquet, and UnknownFrame for a
    stated frame that means nothing."""
    name, source = called or path.name, str(path.absolute())
    sandbox = Sandbox(name, [path], parquet=True)
    info = sandbox.ask("info", source=source)
    if info["geo"] is None:
        raise SourceError(
            zh=f"{name} 是没有 GeoParquet 说明（geo 元数据）的 Parquet，不知几何在哪一列。"
            "请按 GeoParquet 重新导出",
            en=f"{name} is Parquet without GeoParquet's metadata: nobody says which column is the "
            "geometry. Export it again as GeoParquet",
            source=name,
        )
    if info["encoding"] != "WKB":
        raise SourceError(
            zh=f"{name} 的几何编码是 {info['encoding']}，这里只读 WKB。请改用 WKB 导出",
            en=f"{name} has geometry encoded as {info['encoding']}; WKB is read here. Export it so",
            source=name,
            encoding=info["encoding"],
        )
    declared, evidence = _frame(info["geo"], name)
    mend = find_mend([*info["fields"], *info["sample"]], words)

    def read(frame: Frame | None) -> Iterator[RawBatch]:
        done = 0
        for rows in batches(sandbox, source, None, None, int(info["features"])):
            numbers = np.arange(done + 1, done + 1 + len(rows.fids))
            done += len(rows.fids)
            yield to_batch(rows, numbers, None, mend)

    return Delivery(
        path=path,
        format="GeoParquet",
        digest=file_digest(path),
        encoding=mend.text,
        declared=declared,
        evidence=evidence,
        read=read,
    )


def _frame(column: dict[str, Any], name: str) -> tuple[Frame | None, tuple[str, ...]]:
    if "crs" not in column:
        return norm_frame("EPSG:4326"), (f"{name} (GeoParquet): OGC:CRS84",)
    if column["crs"] is None:
        return None, ()
    stated = column["crs"]
    if stated.get("id", {}).get("authority") == "OGC":  # CRS84: longitude first, as all of these
        return norm_frame("EPSG:4326"), (f"{name} (GeoParquet): OGC:{stated['id'].get('code')}",)
    frame = frame_from_prj(json.dumps(stated))
    return frame, (f"{name} (GeoParquet): {frame}",)
