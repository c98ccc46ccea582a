"""The difference of two moments: what it says, and that it leads from the one to the other."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_trials import day, make_head, make_layer, make_rows

from gis.errors import LayerError
from gis.layers.model import Layer
from gis.store import Instant, Interval, LayerQuery, Store, begin, items, undo
from gis.store.diff import OURS, count_diff, diff, stream_diff, write_diff
from gis.store.tables import ensure_layer


@pytest.fixture
def grove(trees: Layer, deliver) -> Layer:
    """Day 1: a, b, c, d. Day 3: a gone, b taller, c moved, d as it was, e new."""
    first = [{"tree_id": n, "height_m": 5.0, "at": (114 + i, 33)} for i, n in enumerate("abcd")]
    deliver(first, as_of=day(1))
    later = [dict(tree) for tree in first[1:]] + [{"tree_id": "e", "at": (119, 33)}]
    later[0]["height_m"] = 6.5
    later[1]["at"] = (116.5, 33)
    deliver(later, as_of=day(3))
    return trees


def between(layer: Layer, since: int, until: int, **more: Any) -> LayerQuery:
    return LayerQuery(layer=layer, when=Interval(day(since), day(until)), **more)


def test_what_changed_and_how(store: Store, grove: Layer) -> None:
    found = {
        d.to_json()["properties"]["tree_id"]: d for d in stream_diff(store, between(grove, 1, 3))
    }
    assert {name: d.change for name, d in found.items()} == {
        "a": "closed", "b": "changed", "c": "changed", "e": "new",
    }  # fmt: skip
    assert found["b"].altered == {"height_m": 5.0}
    assert not found["b"].moved
    taller = found["b"].to_json()
    assert taller["properties"]["height_m"] == 6.5
    assert "geometry_before" not in taller
    moved = found["c"].to_json()
    assert moved["geometry"]["coordinates"] == [116.5, 33]
    assert moved["geometry_before"]["coordinates"] == [116, 33]
    assert moved["properties"]["_before"] == {}
    gone = found["a"].to_json()
    assert gone["properties"]["height_m"] == 5.0
    assert datetime.fromisoformat(gone["properties"]["_at"]) == day(3) == found["a"].at
    assert vars_of(count_diff(store, between(grove, 1, 3))) == (1, 2, 1)


def vars_of(counts: Any) -> tuple[int, int, int]:
    return counts.new, counts.changed, counts.closed


def test_backwards_and_none(store: Store, grove: Layer, deliver) -> None:
    assert list(stream_diff(store, between(grove, 1, 2))) == []
    last = deliver([{"tree_id": "z"}], as_of=day(5), mode="upsert")
    assert [d.change for d in stream_diff(store, between(grove, 4, 6))] == ["new"]
    undo(store, last.delivery)
    assert list(stream_diff(store, between(grove, 4, 6))) == []


def test_pages_cover_everything_once(store: Store, grove: Layer) -> None:
    seen: list[int] = []
    after, pages = None, 0
    while pages == 0 or after is not None:
        page = diff(store, between(grove, 1, 3, limit=1), after)
        seen += [d.key for d in page.differences]
        after, pages = page.after, pages + 1
    assert seen == [d.key for d in stream_diff(store, between(grove, 1, 3))]
    assert pages == 4


def test_conditions_hold_for_either_state(store: Store, grove: Layer) -> None:
    """A tree that left the box changed, it did not end."""
    box = (115.9, 32.9, 116.1, 33.1)
    (only,) = diff(store, between(grove, 1, 3, bbox=box)).differences
    assert (only.change, only.moved) == ("changed", True)
    assert count_diff(store, between(grove, 1, 3, where={"tree_id": "e"})).new == 1


def test_as_a_file(store: Store, grove: Layer) -> None:
    out = io.StringIO()
    counts = write_diff(store, between(grove, 1, 3), out)
    document = json.loads(out.getvalue())
    assert len(document["features"]) == sum(vars_of(counts)) == 4
    assert document["type"] == "FeatureCollection"
    assert datetime.fromisoformat(document["since"]) == day(1)


@pytest.mark.parametrize("when", [None, Instant(day(1)), Interval(None, day(2))])
def test_both_moments_are_needed(store: Store, trees: Layer, when: Any) -> None:
    with pytest.raises(LayerError):
        diff(store, LayerQuery(layer=trees, when=when))


# --- the property: A + diff(A, B) = B ---------------------------------------------------------

trees_st = st.dictionaries(
    st.sampled_from("abcde"), st.tuples(st.sampled_from([1.0, 2.0]), st.sampled_from([114, 114.1]))
)
delivery_st = st.tuples(st.sampled_from(["full", "upsert", "delete"]), trees_st, st.booleans())
EXAMPLE = iter(range(10**9))


@pytest.fixture(scope="module")
def shared_store(server: Any) -> Iterator[Store]:
    """One database for all examples: each takes a layer of its own."""
    with server.copy() as url, Store.open(url, max_size=2) as opened:
        yield opened


def state(store: Store, layer: Layer, at: int) -> dict[int, tuple[Any, Any]]:
    page = items(store, LayerQuery(layer=layer, when=Instant(day(at))))
    features = [json.loads(text) for text in page.features]
    return {
        f["id"]: ({n: f["properties"][n] for n in layer.field_names}, f["geometry"]["coordinates"])
        for f in features
    }


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(deliveries=st.lists(delivery_st, min_size=2, max_size=5))
def test_a_difference_leads_from_the_one_state_to_the_other(
    shared_store: Store, deliveries: list
) -> None:
    store, layer = shared_store, make_layer(id=f"grove_{next(EXAMPLE)}")
    with store.connection() as conn:
        ensure_layer(conn, layer)
    for when, (mode, told, taken_back) in enumerate(deliveries, 1):
        if mode == "full" and not told:
            continue  # refused where there is something to lose
        with begin(store, make_head(layer, mode=mode, as_of=day(when))) as loading:
            rows = [{"tree_id": n, "height_m": h, "at": (x, 33)} for n, (h, x) in told.items()]
            loading.add(make_rows(layer, rows))
            counts = loading.apply()
        if taken_back:
            undo(store, counts.delivery)
    last = len(deliveries)
    for since in range(1, last):
        reached = state(store, layer, since)
        found = [d.to_json() for d in stream_diff(store, between(layer, since, last))]
        for feature in found:
            if feature["properties"]["_change"] == "closed":
                del reached[feature["id"]]
                continue
            values = {n: v for n, v in feature["properties"].items() if n not in (*OURS, "extra")}
            new = (values, feature["geometry"]["coordinates"])
            assert reached.get(feature["id"]) != new
            reached[feature["id"]] = new
        assert reached == state(store, layer, last)
        assert sum(vars_of(count_diff(store, between(layer, since, last)))) == len(found)
