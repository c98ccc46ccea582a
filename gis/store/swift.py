"""Pages and single features over `Lines`: as `query.items` and `query.item`, from the same builder,
with the statement composed once for all requests that ask alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from gis.store.filters_sql import answerable
from gis.store.lines import Cells, Lines
from gis.store.query import (
    ItemsPage,
    LayerQuery,
    bounded,
    counting,
    items_page,
    items_statement,
    seen,
    worth_counting,
)


@dataclass(frozen=True, slots=True)
class Swift:
    """A query with its statement; of a single feature, its key comes with each request."""

    query: LayerQuery
    text: str
    params: dict[str, Any]

    @classmethod
    def page(cls, q: LayerQuery) -> Swift:
        """Of a page. Raises as `items_statement`."""
        statement, params = items_statement(q, counted=True)
        return cls(q, *_fixed(statement.as_string(), params))

    @classmethod
    def one(cls, q: LayerQuery) -> Swift:
        """Of one feature."""
        q = replace(q, keys=(0,), limit=1)
        statement, params = items_statement(q, newest_first=True)
        return cls(q, *_fixed(statement.as_string(), params))


async def page(lines: Lines, swift: Swift) -> ItemsPage:
    """As `query.items`. Raises LineBroken besides."""
    q = swift.query
    with answerable(q.filter):
        found = [_texts(row) for row in await lines.ask(swift.text, swift.params)]
        matched = seen(q, found)
        if matched is None and worth_counting(q, found):
            statement, params = counting(q)
            [row] = await lines.ask(statement.as_string(), params) or [(None,)]
            matched = bounded(q, None if row[0] is None else int(row[0]))
    return items_page(q, found, matched)


async def one(lines: Lines, swift: Swift, key: int) -> str | None:
    """As `query.item`. Raises LineBroken besides."""
    found = await lines.ask(swift.text, {**swift.params, "keys": [key]})
    return str(found[0][0], "utf-8") if found and found[0][0] is not None else None


def _fixed(text: str, params: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """With the size of the page in the text: where nothing else is open, the server plans once."""
    rest = dict(params)
    for name in ("limit", "offset"):
        value = rest.pop(name)
        text = text.replace(f"%({name})s", "NULL" if value is None else str(int(value)))
    return text, rest


def _texts(row: Cells) -> tuple[str | None, ...]:
    return tuple([None if value is None else str(value, "utf-8") for value in row])
