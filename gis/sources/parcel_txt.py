"""报备坐标 TXT: parcels as the land departments report them.

No published standard; what is seen in the wild is read. `[属性描述]` holds keys, `[地块坐标]` per
parcel a head line that ends in `@` and its points `name,ring,X(north),Y(east)[,…]`. The X of a
Chinese survey sheet is north. Y carries the zone's number in front or not; the numbers decide,
the header is compared with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import shapely

from gis.coords import Frame, from_epsg
from gis.errors import FrameMismatch, SourceError
from gis.layers.batch import RawBatch, Reject
from gis.sources.columns import BATCH, objects
from gis.sources.delivery import Delivery, file_digest
from gis.sources.texts import decode, find_encoding

# column names by position in the head line; newer versions have more, kept as 列N
HEAD_COLUMNS = ("界址点数", "面积", "地块编号", "地块名称", "面", "图幅号", "用途", "地类编码")
MARK = re.compile(r"[\[【]\s*(属性描述|地块坐标)\s*[\]】]")
# first 3-degree zone with prefix, without; first 6-degree zone with prefix, without (EPSG)
CODES = {
    "2000": (4513, 4534, 4491, 4502),
    "80": (2349, 2370, 2327, 2338),
    "54": (2401, 2422, 21413, 21453),
}


@dataclass(slots=True)
class Parcel:
    """One head line and its points."""

    line: int
    values: list[str]
    rings: dict[str, list[tuple[float, float]]] = field(default_factory=dict)  # east, north
    wrong: str | None = None

    def geometry(self) -> shapely.Polygon | None:
        """Ring 1 is the outline, the others are holes. None where there is no point."""
        if not self.rings:
            return None
        rings = [_closed(ring) for ring in self.rings.values()]
        if any(len(ring) < 4 for ring in rings):
            self.wrong = "一个环少于三个点 / a ring of fewer than three points"
            return None
        return shapely.Polygon(rings[0], rings[1:])


def _closed(ring: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return ring if ring[0] == ring[-1] else [*ring, ring[0]]


def is_parcel_txt(head: bytes) -> bool:
    """Whether the file begins as one."""
    return any(MARK.search(head.decode(name, "ignore")) for name in ("utf-8", "gb18030"))


def open_parcel_txt(path: Path, *, encoding: str = "auto") -> Delivery:
    """Raises SourceError where the file has no parcels, FrameMismatch where the header's zone
    contradicts the numbers."""
    data = path.read_bytes()
    found = find_encoding(data, path.name, encoding)
    header, parcels = _parse(decode(data, found).splitlines(), path.name)
    declared, evidence = _frame(header, parcels, path.name)

    def read(frame: Frame | None) -> Iterator[RawBatch]:
        for start in range(0, len(parcels), BATCH):
            yield _batch(parcels[start : start + BATCH])

    return Delivery(
        path=path,
        format="报备坐标 TXT",
        digest=file_digest(path),
        encoding=found,
        declared=declared,
        evidence=evidence,
        read=read,
    )


def _parse(lines: list[str], source: str) -> tuple[dict[str, str], list[Parcel]]:
    header: dict[str, str] = {}
    parcels: list[Parcel] = []
    section = ""
    for number, text in enumerate(lines, start=1):
        line = text.strip()
        mark = MARK.search(line)
        if mark:
            section = mark[1]
        elif section == "属性描述" and "=" in line:
            key, _, value = line.partition("=")
            header[key.strip()] = value.strip()
        elif section == "地块坐标" and line:
            _parcel_line(line, number, parcels, source)
    if not parcels:
        raise SourceError(
            zh=f"{source} 的 [地块坐标] 里没有地块", en=f"{source} holds no parcel", source=source
        )
    return header, parcels


def _parcel_line(line: str, number: int, parcels: list[Parcel], source: str) -> None:
    if line.endswith("@"):
        parcels.append(Parcel(number, [v.strip() for v in line[:-1].rstrip(",").split(",")]))
        return
    if not parcels:
        raise SourceError(
            zh=f"{source} 第 {number} 行：界址点前没有以 @ 结尾的地块行",
            en=f"{source} line {number}: a point before any parcel line (one that ends in @)",
            source=source,
            row=number,
        )
    parts = [v.strip() for v in line.split(",")]
    try:
        north, east = float(parts[2]), float(parts[3])
        parcels[-1].rings.setdefault(parts[1] or "1", []).append((east, north))
    except (IndexError, ValueError):
        parcels[-1].wrong = f"第 {number} 行不是“点号,圈号,X,Y” / line {number} is not a point"


def _frame(
    header: dict[str, str], parcels: list[Parcel], source: str
) -> tuple[Frame | None, tuple[str, ...]]:
    system = header.get("坐标系", "")
    datum = next((key for key in CODES if key in system), None)
    if datum is None:
        return None, ()
    spacing = header.get("几度分带", "") or header.get("分带", "")
    six = "6" in spacing
    east = [e for p in parcels for ring in p.rings.values() for e, _ in ring]
    # most rows speak for the file: some may have their axes swapped
    prefixes = [int(e // 1e6) for e in east if 13e6 <= e < 46e6]
    evidence = [f"坐标系={system}", f"分带={spacing or '3（缺省）'}"]
    stated = re.sub(r"\D", "", header.get("带号", ""))
    if len(prefixes) > len(east) / 2:
        zone = int(np.median(prefixes))
        evidence.append(f"Y 坐标带号 {zone} / zone prefix {zone} in Y")
        if stated and int(stated) != zone:
            raise FrameMismatch(
                zh=f"{source} 文件头写带号 {stated}，坐标却是 {zone} 带。请核对后改正文件头",
                en=f"the header of {source} says zone {stated}, the numbers {zone}. Correct it",
                source=source,
                declared=stated,
                likely=str(zone),
            )
        return _zone(datum, zone, six=six, prefix=True), tuple(evidence)
    if stated:
        evidence.append(f"带号={stated}")
        return _zone(datum, int(stated), six=six, prefix=False), tuple(evidence)
    return None, ()


def _zone(datum: str, zone: int, *, six: bool, prefix: bool) -> Frame:
    first = CODES[datum][(2 if six else 0) + (0 if prefix else 1)]
    return from_epsg(first + zone - (13 if six else 25))


def _batch(parcels: list[Parcel]) -> RawBatch:
    shapes = [parcel.geometry() for parcel in parcels]
    rejects = [
        Reject(
            row=p.line,
            code="bad_value",
            zh=f"地块坐标有误：{p.wrong}。请改正",
            en=f"the parcel's points are wrong: {p.wrong}. Correct them",
            raw=dict(zip(_names(len(p.values)), p.values, strict=True)),
        )
        for p in parcels
        if p.wrong
    ]
    good = [(p, s) for p, s in zip(parcels, shapes, strict=True) if not p.wrong]
    width = max((len(p.values) for p, _ in good), default=0)
    names = _names(width)
    rows = [[*p.values, *[""] * (width - len(p.values))] for p, _ in good]
    columns = {
        name: objects(row[i] or None for row in rows)
        for i, name in enumerate(names)
        if name != "面"
    }
    return RawBatch(
        columns=columns,
        geometry=objects(shape for _, shape in good),
        rows=np.array([p.line for p, _ in good], dtype=np.int64),
        rejects=tuple(rejects),
        placing=frozenset({"界址点数"}),
    )


def _names(width: int) -> list[str]:
    return [*HEAD_COLUMNS, *(f"列{i + 1}" for i in range(len(HEAD_COLUMNS), width))][:width]
