"""Filters nobody wrote: each is answered, or refused as the filter's fault; never anything else."""

from __future__ import annotations

import contextlib
import json
import random
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.errors import LayerError
from gis.layers.model import Layer
from gis.store import LayerQuery, Store, count
from gis.store.filters_json import parse_json
from gis.store.filters_text import TOKEN, parse_text

NUMBERS = ["1", "-2.5", "0", "1e308", "99999999999999999999", "id", "1e400", "height_m", "rings"]
TEXTS = ["'a'", "''", "'%_\\\\'", "'中'", "'2023-01-01'", "kind", "tree_id"]
SHAPES = [
    "geometry", "POINT(114 33)", "BBOX(113,32,115,34)", "LINESTRING(114 33,114.1 33)",
    "POLYGON((114 32.9,114.1 32.9,114 33,114 32.9))", "GEOMETRYCOLLECTION(POINT(1 1))",
    "POINT(1e300 1)", "LINESTRING(1 1,1 1)", "POINT(nan 1)", "POINT EMPTY",
]  # fmt: skip
TIMES = [
    "DATE('2023-01-01')", "TIMESTAMP('2023-01-01T00:00:00Z')", "INTERVAL('..','2023-01-01')",
    "INTERVAL(valid_from,valid_to)", "planted_on", "seen_at", "valid_to", "DATE('0001-01-01')",
    "TIMESTAMP('9998-01-01T00:00:00Z')", "'2023-01-01'",
]  # fmt: skip
TEMPORAL = ["t_after", "t_contains", "t_disjoint", "t_equals", "t_meets", "t_overlaps", "t_starts"]
SPATIAL = ["s_intersects", "s_disjoint", "s_contains", "s_touches", "s_crosses", "s_equals"]
WORDS = [
    *("AND", "OR", "NOT", "LIKE", "BETWEEN", "IN", "IS", "NULL", "(", ")", ",", "'", '"', "=", "<"),
    *("casei(", "POINT(1 1)", "POLYGON((", "DATE('2020-01-01')", "INTERVAL(", "height_m", "1", "-"),
    *("'text'", "/*", "--", ";", "$1", "%s", "{}", "\x00", "高", "\U0001f333"),
]


class Writer:
    """Writes filters that are right in form and often wrong in sense."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def number(self, deep: int) -> str:
        if deep <= 0 or self.random.random() < 0.5:
            return self.random.choice(NUMBERS)
        sign = self.random.choice(["+", "-", "*", "/", "%", "div", "^"])
        return f"({self.number(deep - 1)} {sign} {self.number(deep - 1)})"

    def text(self, deep: int) -> str:
        if deep <= 0 or self.random.random() < 0.6:
            return self.random.choice(TEXTS)
        return f"{self.random.choice(['casei', 'accenti'])}({self.text(deep - 1)})"

    def time(self, deep: int) -> str:
        return self.random.choice(TIMES)

    def anything(self, deep: int) -> str:
        kinds = (self.number, self.text, self.time, self.truth)
        return self.random.choice(kinds)(deep)

    def truth(self, deep: int) -> str:
        if deep <= 0:
            return self.random.choice(["TRUE", "FALSE", "protected"])
        some = self.random.choice([self.number, self.text, self.time])
        other: Any = some if self.random.random() < 0.85 else self.anything
        a, b, c = some(deep - 1), other(deep - 1), other(deep - 1)
        shapes, times = self.random.choices(SHAPES, k=2), self.random.choices(TIMES, k=2)
        return self.random.choice(
            [
                f"({self.truth(deep - 1)} {self.random.choice(['AND', 'OR'])} "
                f"{self.truth(deep - 1)})",
                f"NOT ({self.truth(deep - 1)})",
                f"{a} {self.random.choice(['=', '<>', '<', '>='])} {b}",
                f"{a} BETWEEN {b} AND {c}",
                f"{a} IN ({b}, {c})",
                f"{self.text(deep - 1)} LIKE {self.text(deep - 1)}",
                f"{self.anything(deep - 1)} IS NULL",
                f"{self.random.choice(SPATIAL)}({', '.join(shapes)})",
                f"{self.random.choice(TEMPORAL)}({', '.join(times)})",
            ]
        )


def test_whatever_is_written_is_answered_or_refused(
    store: Store, trees: Layer, deliver: Any
) -> None:
    deliver([
        {"tree_id": f"t{i}", "kind": "oak", "height_m": i - 2.0, "rings": i, "protected": i > 2,
         "planted_on": "2023-01-01", "seen_at": "2023-01-01T00:00:00Z", "at": (114, 33 + i / 100)}
        for i in range(5)
    ])  # fmt: skip
    writer, answered, blamed = Writer(20), 0, set()
    for _ in range(600):
        text = writer.truth(3)
        try:
            found = count(store, LayerQuery(layer=trees, filter=parse_text(text)))
        except LayerError as refusal:
            blamed.add(refusal.facts.get("parameter"))
        else:
            assert 0 <= found <= 5
            answered += 1
    assert answered > 200
    assert blamed == {"filter"}


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=25))
def test_any_words_parse_or_are_refused(words: list[str]) -> None:
    _parses_or_refuses(" ".join(words))


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=60))
def test_any_text_parses_or_is_refused(text: str) -> None:
    _parses_or_refuses(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["op", "args", "property", "date", "interval", "bbox", "type",
                         "coordinates", "geometries", "timestamp"]), inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(JSON)
def test_any_json_parses_or_is_refused(value: Any) -> None:
    with contextlib.suppress(LayerError):
        parse_json(json.dumps(value))


def _parses_or_refuses(text: str) -> None:
    refusal = None
    try:
        parse_text(text)
    except LayerError as exc:
        refusal = exc
    assert refusal is None or 1 <= int(str(refusal.facts["at"])) <= len(text) + 1


@pytest.mark.parametrize("length", [20_000, 90_000])
@pytest.mark.parametrize("part", ["'", "(", "a", "1", " ", "''", "POINT(", "-", ".", "NOT "])
def test_no_text_takes_long(part: str, length: int) -> None:
    started = time.process_time()
    _parses_or_refuses(part * (length // len(part)))
    assert time.process_time() - started < 3  # seconds; it takes some hundredths


def test_the_tokeniser_knows_every_kind_of_token() -> None:
    text = "height_m >= 1.5e3 AND \"na me\" <> 'it''s' -- ?"
    kinds = {found.lastgroup for found in TOKEN.finditer(text)}
    assert kinds == {"space", "number", "text", "quoted", "name", "sign"}
