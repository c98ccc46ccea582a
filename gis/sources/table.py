"""CSV and XLSX: values under a header line, with columns that say where each row lies."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gis.coords import Frame
from gis.errors import SourceError
from gis.layers.batch import RawBatch, Reject
from gis.layers.model import Layer
from gis.sources.columns import by_name, texts
from gis.sources.delivery import Delivery, file_digest
from gis.sources.garbled import find_mend, no_mend
from gis.sources.placing import Wrong, lines, place_points, shapes_from_wkt, without
from gis.sources.sandbox import Sandbox
from gis.sources.separated import chunks, header, parsed, readlines
from gis.sources.texts import decode, find_encoding
from gis.sources.vector import batches, one_of, to_batch
from gis.sources.wellknown import LOOKED_AT, Texts, shape_column, stated_frame

PROBE = 1 << 22  # bytes from which the encoding is found
# What departments call their coordinate columns, lower case, without blanks and brackets.
EAST = ("东坐标", "东", "横坐标", "e", "east", "easting")
NORTH = ("北坐标", "北", "纵坐标", "n", "north", "northing")
LON = ("经度", "lon", "lng", "longitude", "经度坐标")
LAT = ("纬度", "lat", "latitude", "纬度坐标")
X = ("x", "x坐标", "坐标x", "x_coord", "point_x", "x_local")
Y = ("y", "y坐标", "坐标y", "y_coord", "point_y", "y_local")
HEIGHT = ("高程", "z", "h", "height", "elevation", "高程坐标")
WKT = ("wkt", "geometry", "geom", "the_geom")
ENDS = (("起点", "终点"), ("起", "止"), ("start_", "end_"), ("from_", "to_"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Names of the columns of one point. `sure`: the names say which one is east."""

    x: str
    y: str
    z: str | None
    sure: bool
    degrees: bool

    @property
    def names(self) -> frozenset[str]:
        return frozenset({self.x, self.y})


def is_table(head: bytes) -> bool:
    """Whether the first line looks like a header: two names or more between separators."""
    text = head.decode("gb18030", "replace").lstrip("\ufeff")
    first = text.splitlines()[0] if text.strip() else ""
    if first.lstrip()[:1] in ("{", "[", "<"):
        return False
    names = next(csv.reader([first], delimiter=separator_of(first)), [])
    return len(names) >= 2 and all(name.strip() for name in names[:2])


def open_table(
    path: Path, *, layer: Layer, encoding: str = "auto", words: frozenset[str] = frozenset()
) -> Delivery:
    """Raises SourceError where no column says where the rows lie."""
    with path.open("rb") as file:
        probe = file.read(PROBE)
    # a probe cut inside a character must not count against an encoding
    found = find_encoding(probe[: probe.rfind(b"\n") + 1] or probe, path.name, encoding)
    with _text(path, found) as text:
        first = next(readlines(text, path.name), "")
    separator = separator_of(first)
    came = _unique(next(csv.reader([first], delimiter=separator), []), path.name)
    sample = decode(probe[: 1 << 16], found).replace(separator, "\n").splitlines()
    mend = find_mend([*came, *sample], words)
    names = [mend(name) for name in came]
    with _text(path, found) as text:
        rows = parsed(readlines(text, path.name), separator, path.name)
        first_rows = [row for row in islice(rows, 1, LOOKED_AT) if len(row) == len(names)]
    seen = by_name(names, first_rows)
    places, wkt = _places(names, layer, path.name, seen)
    declared, evidence = stated_frame(seen[wkt], wkt, path.name) if wkt else (None, ())

    def read(frame: Frame | None) -> Iterator[RawBatch]:
        with _text(path, found) as text:
            header(text, separator, path.name)
            number = 1
            for columns, rows in chunks(text, separator, len(names), path.name):
                if mend != no_mend:
                    columns = columns and [list(map(mend, column)) for column in columns]
                    rows = [list(map(mend, row)) for row in rows]
                if columns is None:
                    yield _batch(rows, number, names, places, wkt, frame, path.name)
                    number += len(rows)
                else:
                    last = number + len(columns[0])
                    listed = np.arange(number, last, dtype=np.int64)
                    yield _whole(columns, listed, names, places, wkt, frame, path.name)
                    number = last

    return Delivery(
        path=path,
        format="CSV",
        digest=file_digest(path),
        encoding=mend.text or ("utf-8" if found == "utf-8-sig" else found),
        declared=declared,
        evidence=evidence,
        read=read,
        delimiter=separator,
    )


def open_spreadsheet(path: Path, member: str | None, *, layer: Layer) -> Delivery:
    """An XLSX; `member` names the sheet where it has several that hold something. A formula is
    never run: the value its program stored is taken.

    Raises SourceError where the sheet can't be read or no column says where the rows lie."""
    source = str(path.absolute())
    sandbox = Sandbox(path.name, [path])
    sheets = [str(row[0]) for row in sandbox.ask("layers", source=source)["layers"]]
    full = [s for s in sheets if sandbox.ask("info", source=source, layer=s)["features"]]
    sheet = one_of(sheets if member else full, member, path.name)
    info = sandbox.ask("info", source=source, layer=sheet)
    names = _unique(info["fields"], path.name)
    first = sandbox.send("read", source=source, layer=sheet, start=0, size=LOOKED_AT)
    sample = dict(zip(names, sandbox.rows(first).columns, strict=True))
    places, wkt = _places(names, layer, path.name, sample)
    declared, evidence = stated_frame(sample[wkt], wkt, path.name) if wkt else (None, ())

    def read(frame: Frame | None) -> Iterator[RawBatch]:
        done = 0
        for rows in batches(sandbox, source, sheet, None, info["features"]):
            numbers = np.arange(done + 1, done + 1 + len(rows.fids))
            done += len(rows.fids)
            raw = to_batch(rows, numbers, None, no_mend)
            columns = dict(raw.columns)
            shapes, wrong, placing = _shapes(columns, places, wkt, frame, path.name)
            batch = RawBatch(columns=columns, geometry=shapes, rows=numbers, placing=placing)
            yield without(batch, wrong)

    return Delivery(
        path=path,
        format="XLSX",
        digest=file_digest(path),
        encoding=None,
        declared=declared,
        evidence=evidence,
        read=read,
    )


def _text(path: Path, encoding: str) -> io.TextIOWrapper:
    errors = "replace" if encoding == "utf-16" else "surrogateescape"
    return path.open(encoding=encoding, errors=errors, newline="")


def separator_of(first: str) -> str:
    """What stands between the columns of a header line."""
    return max(",;\t", key=first.count)


def _unique(names: Sequence[str], source: str) -> list[str]:
    cleaned = [name.strip().lstrip("\ufeff") for name in names]
    twice = sorted(name for name, times in Counter(cleaned).items() if name and times > 1)
    if twice:
        raise SourceError(
            zh=f"{source} 有同名列：{', '.join(twice)}。请改名后再送",
            en=f"{source} has columns of the same name: {', '.join(twice)}. Rename them",
            source=source,
            columns=", ".join(twice),
        )
    return [name or f"列{i}" for i, name in enumerate(cleaned, start=1)]


def _plain(name: str) -> str:
    text = name.lower().replace(" ", "")
    for cut in "(（[":
        text = text.split(cut)[0] or text
    return text


def _find(names: Sequence[str], wanted: Sequence[str], prefix: str = "") -> str | None:
    plain = {_plain(name): name for name in names}
    return next((plain[prefix + want] for want in wanted if prefix + want in plain), None)


def place_of(names: Sequence[str], prefix: str = "") -> Place | None:
    """The columns that say where a row lies, by what departments call them; None where none do."""
    choices = ((LON, LAT, True, True), (EAST, NORTH, True, False), (X, Y, False, False))
    for first, second, sure, degrees in choices:
        x, y = _find(names, first, prefix), _find(names, second, prefix)
        if x and y:
            z = _find(names, HEIGHT, prefix)
            return Place(x=x, y=y, z=z, sure=sure, degrees=degrees)
    return None


def _places(
    names: Sequence[str], layer: Layer, source: str, sample: Mapping[str, Texts]
) -> tuple[tuple[Place, ...], str | None]:
    """One place for points, two for lines given by their ends; or the column of WKT, by its name
    or, failing all names, by its values."""
    wkt = _find(names, WKT)
    if wkt:
        return (), wkt
    if layer.geometry.startswith("LineString"):
        for start, end in ENDS:
            both = place_of(names, start), place_of(names, end)
            if both[0] and both[1]:
                return (both[0], both[1]), None
    elif layer.geometry.startswith("Point"):
        place = place_of(names)
        if place:
            return (place,), None
    if found := shape_column(sample, layer, None, source):
        return (), found
    raise SourceError(
        zh=f"{source} 没有坐标列。点要有“经度,纬度”或“东坐标,北坐标”；线要有“起点东坐标,起点北坐标,"
        f"终点东坐标,终点北坐标”；或用 WKT 列。现有列：{', '.join(names)}",
        en=f"{source} has no coordinate columns. Points: 经度,纬度 (lon,lat) or 东坐标,北坐标 "
        f"(east,north); lines: the same after 起点 and 终点; or a column WKT. It has: "
        f"{', '.join(names)}",
        source=source,
        layer=layer.id,
    )


def _batch(
    chunk: list[list[str]], first: int, names: list[str], places: tuple[Place, ...],
    wkt: str | None, frame: Frame | None, source: str,
) -> RawBatch:  # fmt: skip
    good, numbers, ragged = [], [], []
    for number, row in enumerate(chunk, start=first):
        if len(row) == len(names):
            good.append(row)
            numbers.append(number)
        elif row:
            ragged.append(_ragged(number, row, names))
    rows = np.array(numbers, dtype=np.int64)
    listed = list(map(list, zip(*good, strict=True))) or [[] for _ in names]
    return _whole(listed, rows, names, places, wkt, frame, source, tuple(ragged))


def _whole(
    listed: Sequence[list[str]], rows: NDArray[np.int64], names: list[str],
    places: tuple[Place, ...], wkt: str | None, frame: Frame | None, source: str,
    ragged: tuple[Reject, ...] = (),
) -> RawBatch:  # fmt: skip
    columns = {name: texts(column) for name, column in zip(names, listed, strict=True)}
    shapes, wrong, placing = _shapes(columns, places, wkt, frame, source)
    batch = RawBatch(columns=columns, geometry=shapes, rows=rows, placing=placing)
    return without(batch, wrong, ragged)


def _shapes(
    columns: dict[str, NDArray[np.object_]], places: tuple[Place, ...], wkt: str | None,
    frame: Frame | None, source: str,
) -> tuple[NDArray[np.object_], Wrong, frozenset[str]]:  # fmt: skip
    if wkt:
        shapes, wrong = shapes_from_wkt(columns, wkt, frame)
        return shapes, wrong, frozenset({wkt})
    ends = []
    wrong = {}
    for p in places:
        points, bad = place_points(
            columns, p.x, p.y, p.z, frame, source, sure=p.sure, angles=p.degrees
        )
        ends.append(points)
        wrong |= bad
    placing = frozenset().union(*(p.names for p in places))
    if len(places) == 2:
        placing |= {p.z for p in places if p.z}
        return lines(ends[0], ends[1]), wrong, placing
    return ends[0], wrong, placing


def _ragged(number: int, row: list[str], names: list[str]) -> Reject:
    return Reject(
        row=number,
        code="bad_value",
        zh=f"这一行有 {len(row)} 列，表头有 {len(names)} 列。请检查引号和逗号",
        en=f"this row has {len(row)} values, the header {len(names)}. Check quotes and commas",
        raw=dict(zip(names, row, strict=False)),
    )
