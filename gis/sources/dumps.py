"""SQL dumps of a table: the rows of INSERT and COPY are read, nothing is ever executed.

A dump may leave out its column names (`INSERT INTO t VALUES (…)`). They come from its CREATE TABLE
where it has one; else the columns are 列1, 列2 …, and the layer's aliases say what they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from gis.coords import Frame
from gis.errors import SourceError
from gis.layers.batch import RawBatch, Reject
from gis.layers.model import Layer
from gis.sources.columns import BATCH, objects
from gis.sources.delivery import Delivery, file_digest
from gis.sources.placing import without
from gis.sources.records import batch_of, nowhere
from gis.sources.table import place_of
from gis.sources.texts import decode, find_encoding
from gis.sources.vector import one_of
from gis.sources.wellknown import LOOKED_AT, shape_column, stated_frame

PROBE = 1 << 22  # bytes from which the encoding is found
MAX_STATEMENT = 16 << 20  # characters
_NAME = r'(?:"[^"]+"|\w+)(?:\s*\.\s*(?:"[^"]+"|\w+))?'
_BEGINS = re.compile(
    rf"\s*(INSERT\s+INTO|COPY|CREATE\s+TABLE)\s+(?:ONLY\s+|IF\s+NOT\s+EXISTS\s+)?({_NAME})\s*", re.I
)
_COLUMNS = re.compile(r"\(([^()]*)\)\s*")
_DOLLAR = re.compile(r"\$\w*\$")
_VALUE = re.compile(
    r"""\s*(?:(?P<null>NULL)\b
    |(?P<escaped>E)?'(?P<text>[^']*(?:''[^']*)*)'
    |(?P<plain>[-+]?\.?\d[\w.+-]*|TRUE\b|FALSE\b)
    |(?:\w+\.)?ST_Geom(?:etry)?From(?:Text|EWKT)\s*\(\s*'(?P<wkt>[^']*)'\s*(?:,\s*(?P<srid>\d+)\s*)?\))
    (?:::[\w."]+(?:\s(?:with|without)\stime\szone|\svarying)?(?:\([\d,\s]*\))?(?:\[\])?)?
    \s*(?P<end>[,)])""",
    re.I | re.X,
)
_ESCAPE = re.compile(r"\\(.)", re.S)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}
_CONSTRAINTS = ("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "EXCLUDE", "LIKE")
Values = list[str | None]


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of a table; `values` is None where a value is none but an expression."""

    table: str
    names: tuple[str, ...]
    values: Values | None
    raw: str


def is_dump(head: bytes) -> bool:
    """Whether a text is a dump: one that says so, or begins with a statement of one."""
    text = head.decode("utf-8", "replace")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("--")]
    begins = any(_BEGINS.match(line) for line in lines[:40])
    return begins or (text.startswith("--") and "database dump" in text)


def open_dump(
    path: Path, member: str | None, *, layer: Layer, encoding: str = "auto", called: str
) -> Delivery:
    """`member` names the table where there are several (`reach` or `tww_od.reach`), and
    `TABLE|COLUMN` the geometry where the table has several.

    Raises SourceError for a dump without rows, a table that is not there or lies nowhere."""
    with path.open("rb") as file:
        probe = file.read(PROBE)
    found = find_encoding(probe[: probe.rfind(b"\n") + 1] or probe, called, encoding)
    wanted, _, column = (member or "").partition("|")
    table = _table(path, found, wanted or None, called)
    named = next(_rows(path, found, table, called))
    sample = _columns(named.names, list(islice(_rows(path, found, table, called), LOOKED_AT)))
    shapes = shape_column(sample, layer, column or None, called)
    place = None if shapes else place_of(named.names)
    if shapes is None and (place is None or not layer.geometry.startswith("Point")):
        raise nowhere(f"{called}|{table}", list(named.names), layer)
    declared, evidence = (None, ()) if not shapes else stated_frame(sample[shapes], shapes, called)

    def read(frame: Frame | None) -> Iterator[RawBatch]:
        rows, first = _rows(path, found, table, called), 1
        while chunk := list(islice(rows, BATCH)):
            fitting = [_fits(row, named.names) for row in chunk]
            columns = _columns(named.names, chunk)
            batch = batch_of(columns, 1, shapes, place, declared, frame, called)
            numbers = np.flatnonzero(fitting) + first
            rejects = tuple(
                _refused(row, first + i, named.names)
                for i, row in enumerate(chunk)
                if not fitting[i]
            )
            yield without(_renumbered(batch, numbers), {}, rejects)
            first += len(chunk)

    return Delivery(
        path=path,
        format="SQL",
        digest=file_digest(path),
        encoding=found,
        declared=declared,
        evidence=evidence,
        read=read,
    )


def _columns(names: tuple[str, ...], rows: list[_Row]) -> dict[str, NDArray[np.object_]]:
    """The rows that have a value for each name, as columns; an empty text is None."""
    good = [row.values for row in rows if row.values is not None and len(row.values) == len(names)]
    turned = zip(*good, strict=True) if good else ([] for _ in names)
    return {n: objects(v or None for v in vs) for n, vs in zip(names, turned, strict=True)}


def _fits(row: _Row, names: tuple[str, ...]) -> bool:
    return row.values is not None and len(row.values) == len(names)


def _renumbered(batch: RawBatch, numbers: NDArray[np.int64]) -> RawBatch:
    """The batch, whose rows were counted from 1, under their numbers in the table."""
    rejects = tuple(
        Reject(row=int(numbers[r.row - 1]), code=r.code, zh=r.zh, en=r.en, raw=r.raw,
               field=r.field, wkt=r.wkt)
        for r in batch.rejects
    )  # fmt: skip
    return RawBatch(
        columns=batch.columns,
        geometry=batch.geometry,
        rows=numbers[batch.rows - 1],
        rejects=rejects,
        placing=batch.placing,
    )


def _refused(row: _Row, number: int, names: tuple[str, ...]) -> Reject:
    if row.values is None:
        zh = "有的值不是常量；SQL 不会被执行"
        en = "a value is an expression; no SQL is executed here"
    else:
        zh = f"有 {len(row.values)} 个值，应为 {len(names)} 个"
        en = f"{len(row.values)} values where {len(names)} are expected"
    return Reject(
        row=number,
        code="bad_value",
        zh=f"{zh}。请重新导出",
        en=f"{en}. Export it again",
        raw={"line": row.raw[:2000]},
    )


# --- the text of a dump -----------------------------------------------------------------------


def _table(path: Path, encoding: str, wanted: str | None, called: str) -> str:
    """The full name of the table to read."""
    found = list(_spans(path, encoding, called))
    full = [t for t in found if wanted in (t, t.rpartition(".")[2])] if wanted else []
    return full[0] if len(full) == 1 else one_of(found, wanted, called)


def _rows(path: Path, encoding: str, wanted: str, called: str) -> Iterator[_Row]:
    span = _spans(path, encoding, called)[wanted]
    known = {wanted: span.names}
    for found in _statements(path, encoding, called, known, span.start, span.end):
        if found.table != wanted:
            continue
        rows = [_copied(found.text)] if found.copied else _inserted(found.text)
        for values in rows:
            width = len(values or ())
            names = found.names or tuple(f"列{i + 1}" for i in range(width))
            yield _Row(wanted, names, values, found.text)


@dataclass(frozen=True, slots=True)
class _Span:
    """The bytes between which all rows of a table stand; its columns by CREATE TABLE."""

    names: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Statement:
    """What follows VALUES, or one line of COPY; the columns where they are stated."""

    table: str
    names: tuple[str, ...]
    text: str
    copied: bool
    start: int
    end: int


def _spans(path: Path, encoding: str, called: str) -> dict[str, _Span]:
    """Where the rows of each table stand. A folder's proposal opens a dump once a table."""
    state = path.stat()
    return _spans_of(path, encoding, called, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)
def _spans_of(path: Path, encoding: str, called: str, changed: int, size: int) -> dict[str, _Span]:
    known: dict[str, tuple[str, ...]] = {}
    ends: dict[str, tuple[int, int]] = {}
    for found in _statements(path, encoding, called, known):
        first, _ = ends.get(found.table, (found.start, 0))
        ends[found.table] = first, found.end
    return {table: _Span(known.get(table, ()), *both) for table, both in ends.items()}


class _Lines:
    """The lines of a file between two bytes; `start` is where the last one began."""

    def __init__(self, file: BinaryIO, encoding: str, start: int, stop: int | None, called: str):
        self._file, self._encoding, self._stop, self._called = file, encoding, stop, called
        self.start = self.end = start
        file.seek(start)

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self._stop is not None and self.end >= self._stop:
            raise StopIteration
        line = self._file.readline(MAX_STATEMENT)
        if not line:
            raise StopIteration
        if len(line) >= MAX_STATEMENT:
            raise _too_long(self._called)
        self.start, self.end = self.end, self.end + len(line)
        return decode(line, self._encoding)


def _statements(
    path: Path, encoding: str, called: str, known: dict[str, tuple[str, ...]],
    start: int = 0, stop: int | None = None,
) -> Iterator[_Statement]:  # fmt: skip
    """The rows of a dump from byte `start` to byte `stop`; `known` takes up the columns of the
    tables that it creates."""
    with path.open("rb") as file:
        lines = _Lines(file, encoding, start, stop, called)
        for line in lines:
            begins, at = _BEGINS.match(line), lines.start
            if begins is None:
                _skip_body(line, lines)
                continue
            verb, table = begins[1].split()[0].upper(), _bare(begins[2])
            if verb == "COPY":
                names = _names(line[begins.end() :]) or known.get(table, ())
                for row in _until_dot(lines):
                    yield _Statement(table, names, row, True, at, lines.end)
                continue
            rest = _whole(line, lines, called)[begins.end() :]
            if verb == "CREATE":
                known[table] = _created(rest)
                continue
            names = _names(rest) or known.get(table, ())
            if values := re.search(r"\bVALUES\s*", rest, re.I):
                text = rest[values.end() :]
                yield _Statement(table, names, text, False, at, lines.end)


def _too_long(called: str) -> SourceError:
    return SourceError(
        zh=f"{called} 有一条语句超过 {MAX_STATEMENT >> 20} M 字符。请检查引号，或拆分后再送",
        en=f"{called} has a statement of more than {MAX_STATEMENT >> 20} M characters. Check its "
        "quotes, or split it",
        source=called,
    )


def _skip_body(line: str, lines: Iterator[str]) -> None:
    """The body of a function ($$ … $$) may hold lines that look like statements."""
    marks = _DOLLAR.findall(line)
    if len(marks) % 2:
        for other in lines:
            if marks[-1] in other:
                return


def _whole(line: str, lines: Iterator[str], called: str) -> str:
    """A statement that begins with `line`: to the semicolon that ends a line outside quotes."""
    parts, size, quotes = [line], len(line), line.count("'")
    while quotes % 2 or not parts[-1].rstrip().endswith(";"):
        more = next(lines, None)
        if more is None:
            break
        parts.append(more)
        size, quotes = size + len(more), quotes + more.count("'")
        if size > MAX_STATEMENT:
            raise _too_long(called)
    return "".join(parts)


def _until_dot(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if line.rstrip("\r\n") == "\\.":
            return
        yield line.rstrip("\r\n")


def _bare(name: str) -> str:
    return re.sub(r"\s", "", name.replace('"', ""))


def _names(text: str) -> tuple[str, ...]:
    found = _COLUMNS.match(text)
    return tuple(_bare(n) for n in found[1].split(",")) if found else ()


def _created(text: str) -> tuple[str, ...]:
    """The column names of a CREATE TABLE, from its first bracket on."""
    names, depth, start = [], 0, 0
    for at, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if sign == "(" and depth == 1:
            start = at + 1
        elif (sign == "," and depth == 1) or (sign == ")" and depth == 0):
            words = text[start:at].split()
            if words and words[0].upper() not in _CONSTRAINTS:
                names.append(_bare(words[0]))
            start = at + 1
            if sign == ")":
                break
    return tuple(names)


def _inserted(text: str) -> Iterator[Values | None]:
    """The rows after VALUES; None, and no further one, where a value is an expression."""
    at = 0
    while at < len(text) and (begins := re.compile(r"\s*,?\s*\(").match(text, at)):
        at, values = begins.end(), []
        while True:
            found = _VALUE.match(text, at)
            if found is None:
                yield None
                return
            values.append(_literal(found))
            at = found.end()
            if found["end"] == ")":
                break
        yield values


def _literal(found: re.Match[str]) -> str | None:
    if found["null"]:
        return None
    if found["wkt"] is not None:
        return f"SRID={found['srid']};{found['wkt']}" if found["srid"] else found["wkt"]
    if found["plain"]:
        return found["plain"].lower() if found["plain"][0] in "TtFf" else found["plain"]
    text = found["text"].replace("''", "'")
    return _unescaped(text) if found["escaped"] else text


def _copied(line: str) -> Values:
    return [None if v == "\\N" else _unescaped(v) for v in line.split("\t")]


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda m: _ESCAPES.get(m[1], m[1]), text)
