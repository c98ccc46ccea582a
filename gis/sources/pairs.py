"""Pairs of coordinates as people send them: a table with a header, or one place a line.

A line may hold a name, then two numbers or angles; each may say what it is (X=…, 东经…, 32°N).
What a line does not say stays open: nothing here decides which of two bare numbers is east.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gis.coords import degrees_from_packed, parse_angle
from gis.errors import CoordError, SourceError
from gis.layers import Label
from gis.sources.table import place_of, separator_of
from gis.sources.texts import decode, find_encoding

Floats = NDArray[np.float64]
LINE = "text"  # the one column of a text without a header
# what a number may be called where it stands in a line; h is read and left alone
LABELS = {
    **dict.fromkeys(("x", "x坐标"), "x"),
    **dict.fromkeys(("y", "y坐标"), "y"),
    **dict.fromkeys(
        ("e", "east", "东", "东坐标", "横坐标", "经度", "东经", "lon", "lng", "longitude", "l"), "e"
    ),
    **dict.fromkeys(
        ("n", "north", "北", "北坐标", "纵坐标", "纬度", "北纬", "lat", "latitude", "b"), "n"
    ),
    **dict.fromkeys(("h", "z", "高程", "高"), "h"),
}
_LABEL = re.compile(r"(?P<label>[A-Za-z\u4e00-\u9fff]+)=(?P<value>.+)")
_EQUALS = re.compile(r"(?<=[A-Za-z\u4e00-\u9fff])\s*[=:：]\s*")
_BETWEEN = re.compile(r"[,，;；\t|]")
_ANGLE = re.compile(
    r"(?:[NSEW]|[东西]经|[南北]纬)?\s*[-+]?\d+(?:\.\d+)?\s*[°º度]\s*"
    r"(?:\d+(?:\.\d+)?\s*[′'’分]\s*)?(?:\d+(?:\.\d+)?\s*(?:[″\"”秒]|''))?\s*[NSEW]?"
)
_EASTERN, _NORTHERN = re.compile(r"[EW]|[东西]经"), re.compile(r"[NS]|[南北]纬")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?[NSEW]?")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTable:
    """n rows. `columns` and `rows`: the texts as they came; `lines`: their line numbers.

    pairs: shape (n, 2), NaN in a row that has a fault; `stated`: rows that say which of their two
    numbers is east: there it stands first. names: what the two are called. faults: row -> why it
    can't be read; `ragged`: those of them with too many values or too few."""

    source: str
    columns: tuple[str, ...]
    rows: list[list[str]]
    lines: NDArray[np.int64]
    pairs: Floats
    stated: NDArray[np.bool_]
    names: tuple[str, str]
    faults: Mapping[int, Label]
    ragged: frozenset[int]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class _Value:
    """A number with what its line says it is; `plain`: written as one number, not an angle."""

    number: float
    mark: str | None
    plain: bool


@dataclass(frozen=True, slots=True)
class _Read:
    values: tuple[_Value, _Value]
    stated: bool


def read_pairs(
    data: bytes,
    source: str,
    *,
    x_name: str | None = None,
    y_name: str | None = None,
    packed: bool = False,
) -> PairTable:
    """The pairs of a text in UTF-8 or GBK. `x_name`, `y_name`: the columns to take, east first;
    `packed`: bare numbers are angles as DDD.MMSS.

    Raises SourceError where there is no row, or nothing in it can be read."""
    text = decode(data, find_encoding(data, source)).lstrip("\ufeff")
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = separator_of(first)
    try:
        names = [name.strip() for name in next(csv.reader([first], delimiter=separator), [])]
        if x_name and y_name:
            wanted = _named(names, x_name, y_name, source)
            return _table(text, separator, names, wanted, True, source, packed)
        place = place_of(names)
        if place is not None:
            wanted = (names.index(place.x), names.index(place.y))
            return _table(text, separator, names, wanted, place.sure, source, packed)
    except csv.Error as exc:
        raise SourceError(
            zh=f"{source} 不是可读的表格：{exc}", en=f"{source} is no readable table: {exc}"
        ) from exc
    return _free(text, source, packed)


def _named(names: Sequence[str], x_name: str, y_name: str, source: str) -> tuple[int, int]:
    for name in (x_name, y_name):
        if name not in names:
            raise SourceError(
                zh=f"{source} 没有列“{name}”（有：{'、'.join(names)}）",
                en=f"{source} has no column {name!r} (it has: {', '.join(names)})",
                source=source,
                column=name,
            )
    return names.index(x_name), names.index(y_name)


def _table(
    text: str, separator: str, names: list[str], wanted: tuple[int, int], sure: bool,
    source: str, packed: bool,
) -> PairTable:  # fmt: skip
    """Rows under a header line."""
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    next(line for line in reader if any(value.strip() for value in line))
    rows: list[list[str]] = []
    lines: list[int] = []
    read: list[_Read | None] = []
    faults: dict[int, Label] = {}
    ragged = set()
    for values in reader:
        if not any(value.strip() for value in values):
            continue
        i = len(rows)
        lines.append(reader.line_num)
        try:
            if len(values) != len(names):
                ragged.add(i)
                raise _ragged(len(values), len(names))
            pair = (_value(values[wanted[0]]), _value(values[wanted[1]]))
            read.append(_Read(pair, sure))
        except CoordError as error:
            faults[i] = Label(zh=error.zh, en=error.en)
            read.append(None)
        rows.append([*values[: len(names)], *[""] * (len(names) - len(values))])
    if not rows:
        raise _no_rows(source)
    return _made(
        rows, lines, read, faults, packed,
        source=source, columns=names, names=(names[wanted[0]], names[wanted[1]]), ragged=ragged,
    )  # fmt: skip


def _free(text: str, source: str, packed: bool) -> PairTable:
    """One place a line, without a header."""
    numbered = [(i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not numbered:
        raise _no_rows(source)
    tokens = [_tokens(line) for _, line in numbered]
    if _counted(tokens):
        tokens = [values[1:] for values in tokens]
    read: list[_Read | None] = []
    faults: dict[int, Label] = {}
    for i, values in enumerate(tokens):
        try:
            read.append(_pair(values))
        except CoordError as error:
            faults[i] = Label(zh=error.zh, en=error.en)
            read.append(None)
    if len(faults) == len(numbered):
        raise SourceError(
            zh=f"{source} 中没有读出一对坐标：{faults[0].zh}",
            en=f"no pair of coordinates could be read in {source}: {faults[0].en}",
            source=source,
        )
    return _made(
        [[line.strip()] for _, line in numbered], [i for i, _ in numbered], read, faults, packed,
        source=source, columns=[LINE], names=("1", "2"), ragged=set(),
    )  # fmt: skip


def _made(
    rows: list[list[str]], lines: list[int], read: list[_Read | None], faults: dict[int, Label],
    packed: bool, *, source: str, columns: list[str], names: tuple[str, str], ragged: set[int],
) -> PairTable:  # fmt: skip
    nan = _Value(float("nan"), None, False)
    values = [(nan, nan) if one is None else one.values for one in read]
    pairs = np.array([[a.number, b.number] for a, b in values], dtype=np.float64).reshape(-1, 2)
    if packed:
        plain = np.array([[a.plain, b.plain] for a, b in values]).reshape(-1, 2)
        pairs[plain] = degrees_from_packed(pairs[plain])
        for row in np.flatnonzero(np.isnan(pairs).any(axis=1)).tolist():
            faults.setdefault(row, _NOT_PACKED)
        pairs[list(faults)] = np.nan
    return PairTable(
        source=source,
        columns=tuple(columns),
        rows=rows,
        lines=np.array(lines, dtype=np.int64),
        pairs=pairs,
        stated=np.array([one is not None and one.stated for one in read], dtype=np.bool_),
        names=names,
        faults=faults,
        ragged=frozenset(ragged),
    )


_NOT_PACKED = Label(
    zh="不是“度.分秒”（DDD.MMSS）：分或秒达到 60",
    en="no packed angle (DDD.MMSS): its minutes or seconds reach 60",
)


def _value(text: str) -> _Value:
    """Raises CoordError for what is no coordinate."""
    text = text.strip()
    if not text:
        raise CoordError(zh="坐标为空", en="the coordinate is empty")
    number = parse_angle(text)
    return _Value(number, _mark(text), _is_plain(text))


def _is_plain(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _mark(text: str) -> str | None:
    if _EASTERN.search(text):
        return "e"
    return "n" if _NORTHERN.search(text) else None


def _tokens(line: str) -> list[_Value]:
    """The numbers of a line, in their order."""
    line = _EQUALS.sub("=", line.strip())
    if _BETWEEN.search(line):
        return list(_values(_BETWEEN.split(line)))
    angles = _ANGLE.findall(line)
    if len(angles) >= 2:
        return list(_values(angles))
    parts = line.split()
    numbers = [part for part in parts if _NUMBER.fullmatch(part)]
    if len(numbers) == 6:  # 114 01 19.2 32 58 48
        triples = list(_values([" ".join(numbers[:3]), " ".join(numbers[3:])]))
        if len(triples) == 2:
            return triples
    return list(_values(parts))


def _values(parts: Sequence[str]) -> Iterator[_Value]:
    for part in parts:
        part = part.strip()
        labelled = _LABEL.fullmatch(part)
        mark = LABELS.get(labelled["label"].lower()) if labelled else None
        try:
            value = _value(labelled["value"] if labelled and mark else part)
        except CoordError:
            continue  # a name, or a broken number: then the line has one too few
        yield _Value(value.number, mark or value.mark, value.plain)


def _pair(values: Sequence[_Value]) -> _Read:
    """The two coordinates among a line's numbers. Raises CoordError where they can't be told."""
    for first, second, stated in (("e", "n", True), ("x", "y", False)):
        a = [v for v in values if v.mark == first]
        b = [v for v in values if v.mark == second]
        if len(a) == len(b) == 1:
            return _Read((a[0], b[0]), stated)
    bare = [v for v in values if v.mark is None]
    if len(bare) == 2:
        return _Read((bare[0], bare[1]), False)
    count = len(bare) or len(values)
    if count > 2:
        raise CoordError(
            zh=f"有 {count} 个数，看不出哪两个是坐标。请在第一行写列名，如：点号,X,Y,高程",
            en=f"{count} numbers: which two are the coordinates can't be told. Put column names on "
            "the first line, like: name,X,Y,H",
            values=count,
        )
    raise CoordError(
        zh="没有两个坐标。可写 114.022, 32.98、X=3654210.4, Y=38502117.9 或 114°01′19.2″ 32°58′48″",
        en="there are not two coordinates. Write 114.022, 32.98 or X=3654210.4, Y=38502117.9 or "
        "114°01′19.2″ 32°58′48″",
        values=count,
    )


def _counted(tokens: Sequence[Sequence[_Value]]) -> bool:
    """Whether each of several lines begins with its own number: 1, 2, 3 … are no coordinates."""
    threes = [values for values in tokens if len(values) == 3]
    if len(threes) < 2 or len(threes) < len(tokens):
        return False
    firsts = [values[0] for values in threes]
    if any(v.mark is not None or not v.plain for v in firsts):
        return False
    start = firsts[0].number
    return start.is_integer() and all(v.number == start + i for i, v in enumerate(firsts))


def _ragged(found: int, wanted: int) -> CoordError:
    return CoordError(
        zh=f"这一行有 {found} 列，表头有 {wanted} 列。请检查引号和逗号",
        en=f"this row has {found} values, the header {wanted}. Check quotes and commas",
        values=found,
    )


def _no_rows(source: str) -> SourceError:
    return SourceError(zh=f"{source} 没有数据行", en=f"{source} holds no rows", source=source)
