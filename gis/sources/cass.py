"""CASS `.dat`: survey points as `name,code,Y(east),X(north),H`, without header.

East stands first here, against the X, Y of other Chinese files; where the frame is known the
numbers are asked all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gis.coords import Frame
from gis.errors import SourceError
from gis.layers.batch import RawBatch, Reject
from gis.layers.model import Layer
from gis.sources.columns import BATCH, by_name
from gis.sources.delivery import Delivery, file_digest
from gis.sources.placing import number, place_points, without
from gis.sources.texts import decode, find_encoding

COLUMNS = ("点号", "编码", "东坐标", "北坐标", "高程")


def is_cass(head: bytes, suffix: str) -> bool:
    """Five values a line, the last three numbers in most; `.txt` and `.dat` are both seen."""
    if suffix not in (".dat", ".txt"):
        return False
    lines = head.decode("gb18030", "replace").splitlines()[:5]
    rows = [line.split(",") for line in lines if line.strip()]
    if len(lines) == 5 and len(rows) > 1:
        rows = rows[:-1]  # the last one may be cut
    places = [all(number(v) is not None for v in row[2:]) for row in rows]
    # one wrong number makes no other format; a header would stand first
    return (
        bool(rows)
        and all(len(row) == 5 for row in rows)
        and places[0]
        and sum(places) > len(places) / 2
    )


def open_cass(path: Path, *, layer: Layer, encoding: str = "auto") -> Delivery:
    """Raises SourceError for an unknown encoding."""
    if not layer.geometry.startswith("Point"):
        raise SourceError(
            zh=f"{path.name} 是 CASS 点文件，图层 {layer.id} 却是 {layer.geometry}",
            en=f"{path.name} holds CASS points, but layer {layer.id} is of {layer.geometry}",
            source=path.name,
            layer=layer.id,
        )
    data = path.read_bytes()
    found = find_encoding(data, path.name, encoding)

    def read(frame: Frame | None) -> Iterator[RawBatch]:
        lines = decode(data, found).splitlines()
        for start in range(0, len(lines), BATCH):
            yield _batch(lines[start : start + BATCH], start + 1, frame, path.name)

    return Delivery(
        path=path,
        format="CASS .dat",
        digest=file_digest(path),
        encoding=found,
        declared=None,
        evidence=(),
        read=read,
    )


def _batch(lines: list[str], first: int, frame: Frame | None, source: str) -> RawBatch:
    good, numbers, rejects = [], [], []
    for line_number, line in enumerate(lines, start=first):
        values = [v.strip() for v in line.split(",")]
        if not line.strip():
            continue
        if len(values) != 5:
            rejects.append(
                Reject(
                    row=line_number,
                    code="bad_value",
                    zh=f"应为五列“点号,编码,东,北,高程”，这里有 {len(values)} 列",
                    en=f"five values (name, code, east, north, height) expected, not {len(values)}",
                    raw={"line": line},
                )
            )
            continue
        good.append(values)
        numbers.append(line_number)
    columns = by_name(COLUMNS, good)
    points, wrong = place_points(columns, "东坐标", "北坐标", "高程", frame, source, sure=True)
    rows = np.array(numbers, dtype=np.int64)
    batch = RawBatch(
        columns=columns, geometry=points, rows=rows, placing=frozenset({"东坐标", "北坐标"})
    )
    return without(batch, wrong, tuple(rejects))
