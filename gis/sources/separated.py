"""Rows of a text with separators, some thousand at a time, as columns where nothing stands in the
way: a line without quotes and of the right number of values needs no parser."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import chain, islice
from operator import methodcaller

from gis.errors import SourceError
from gis.sources.columns import BATCH
from gis.sources.garbled import LOST, no_mend

BLOCK = 1 << 21  # characters read at a time
MAX_LINE = 16 << 20  # characters; the outline of a province as WKT has a few million
csv.field_size_limit(MAX_LINE)
Columns = list[list[str]]
Rows = list[list[str]]


def chunks(
    text: io.TextIOWrapper, separator: str, width: int, source: str
) -> Iterator[tuple[Columns | None, Rows]]:
    """What follows a header of `width` names: the columns of some rows, or the rows themselves
    (and None) where they may not be all alike; a blank line is a row without values.

    Raises SourceError for a line that no table would have, and where quotes are not closed."""
    blocks = _blocks(text, source)
    for block in blocks:
        if '"' in block:  # a value may go on in the next block
            lines = chain(_lines(block), chain.from_iterable(map(_lines, blocks)))
            rows = parsed(lines, separator, source)
            while chunk := list(islice(rows, BATCH)):
                yield None, chunk
            return
        columns = split(block, separator, width)
        if columns is None:
            listed = list(parsed(_lines(block), separator, source))
            yield from ((None, listed[at : at + BATCH]) for at in range(0, len(listed), BATCH))
        else:
            for at in range(0, len(columns[0]), BATCH):
                yield [column[at : at + BATCH] for column in columns], []


def header(text: io.TextIOWrapper, separator: str, source: str) -> list[str]:
    """The first row; what follows is not read yet."""
    return next(parsed(readlines(text, source), separator, source), [])


def split(block: str, separator: str, width: int) -> Columns | None:
    """The columns of whole lines without quotes; None where a line has not `width` values."""
    block = block.replace("\r\n", "\n")
    if width < 2 or "\r" in block or LOST in block:
        return None
    lines = block.removesuffix("\n").split("\n")
    if set(map(methodcaller("count", separator), lines)) != {width - 1}:
        return None
    values = separator.join(lines).split(separator)
    return [values[i::width] for i in range(width)]


def _blocks(text: io.TextIOWrapper, source: str) -> Iterator[str]:
    """The text in pieces of whole lines."""
    rest = ""
    while piece := text.read(BLOCK):
        rest += piece
        # a carriage return at the very end may be half of a line's end
        end = rest.rfind("\n") + 1 or rest.rfind("\r", 0, -1) + 1
        if (end or len(rest)) > MAX_LINE:
            raise _too_long(source)
        if end:
            yield rest[:end]
            rest = rest[end:]
    if rest:
        yield rest


def _lines(block: str) -> Iterator[str]:
    return io.StringIO(block if LOST not in block else no_mend(block), newline="")


def readlines(text: io.TextIOWrapper, source: str) -> Iterator[str]:
    """Line by line. Raises SourceError for one that no table would have, before it is read."""
    while line := text.readline(MAX_LINE):
        if len(line) == MAX_LINE:
            raise _too_long(source)
        yield line if LOST not in line else no_mend(line)


def parsed(lines: Iterator[str], separator: str, source: str) -> Iterator[list[str]]:
    """The rows of some lines. Raises SourceError where their quotes are wrong."""
    try:
        yield from csv.reader(lines, delimiter=separator)
    except csv.Error as exc:
        raise SourceError(
            zh=f"{source} 不是完好的 CSV：{exc}。请检查引号后重新导出",
            en=f"{source} is no whole CSV: {exc}. Check its quotes and export it again",
            source=source,
        ) from exc


def _too_long(source: str) -> SourceError:
    return SourceError(
        zh=f"{source} 有一行超过 {MAX_LINE >> 20} M 字符，不是表格。请检查引号和换行",
        en=f"{source} has a line of more than {MAX_LINE >> 20} M characters: no table. "
        "Check quotes and line ends",
        source=source,
    )
