"""Finding features by name and number, and the box around them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from store_trials import day, make_head, make_layer, make_rows

from gis.layers.model import Field, Label, Layer
from gis.store import Instant, LayerQuery, Store, begin
from gis.store.query import extent
from gis.store.search import search
from gis.store.tables import ensure_layer

NAME = Field(name="name", title=Label(zh="名称", en="Name"), type="text")


@pytest.fixture
def oaks(store: Store) -> Layer:
    """Trees with names, delivered twice: T3 is felled, T1 renamed."""
    plain = make_layer()
    layer = replace(plain, id="oaks", fields=(*plain.fields, NAME))
    with store.connection() as conn:
        ensure_layer(conn, layer)
    first = [
        {"tree_id": "T1", "name": "老槐树", "at": (114.0, 33.0)},
        {"tree_id": "T2", "name": "槐树", "at": (114.1, 33.1)},
        {"tree_id": "T3", "name": "槐树林", "at": (114.5, 33.5)},
        {"tree_id": "t100%", "name": None, "at": (114.2, 33.2)},
    ]
    second = [first[0] | {"name": "大槐树"}, first[1], first[3]]
    for number, rows in ((1, first), (2, second)):
        with begin(store, make_head(layer, as_of=day(number))) as loading:
            loading.add(make_rows(layer, rows))
            loading.apply()
    return layer


def titles(store: Store, layer: Layer, text: str, limit: int = 10) -> list[tuple[str, int]]:
    return [(found.title, found.rank) for found in search(store, layer, text, limit)]


def test_the_same_before_what_begins_before_what_holds(store: Store, oaks: Layer) -> None:
    assert titles(store, oaks, "槐树") == [("槐树", 0), ("大槐树", 2)]
    assert titles(store, oaks, "大槐") == [("大槐树", 1)]
    assert titles(store, oaks, "槐树", limit=1) == [("槐树", 0)]


def test_only_what_is_current_is_found(store: Store, oaks: Layer) -> None:
    assert titles(store, oaks, "T3") == []
    assert titles(store, oaks, "老槐树") == []


def test_numbers_are_found_in_capitals_too(store: Store, oaks: Layer) -> None:
    [found] = search(store, oaks, "t2")
    assert (found.title, found.number, found.rank) == ("槐树", "T2", 0)
    assert (found.lon, found.lat) == (114.1, 33.1)
    assert (found.west, found.north) == (114.1, 33.1)


def test_signs_of_patterns_are_letters(store: Store, oaks: Layer) -> None:
    assert titles(store, oaks, "0%") == [("t100%", 2)]
    assert titles(store, oaks, "%%") == []
    assert titles(store, oaks, "T_") == []
    assert titles(store, oaks, "\\") == []
    assert titles(store, oaks, "T\x00") == []


def test_a_layer_without_names_or_text_keys_finds_nothing(store: Store, oaks: Layer) -> None:
    bare = replace(oaks, key=("rings",), fields=tuple(f for f in oaks.fields if f.type != "text"))
    assert search(store, bare, "槐树") == []


def test_the_extent_is_of_what_matches(store: Store, oaks: Layer) -> None:
    assert extent(store, LayerQuery(layer=oaks)) == (114.0, 33.0, 114.2, 33.2)
    then = LayerQuery(layer=oaks, when=Instant(day(1)))
    assert extent(store, then) == (114.0, 33.0, 114.5, 33.5)
    assert extent(store, LayerQuery(layer=oaks, where={"name": "无"})) is None
