"""What holds whatever is delivered, in whatever order (DESIGN A7, 1 to 4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_trials import day, make_head, make_layer, make_rows

from gis.store import (
    Instant,
    Interval,
    LayerQuery,
    Store,
    begin,
    count,
    list_deliveries,
    rows,
    status,
    undo,
)
from gis.store.tables import ensure_layer

State = dict[str, tuple[float, float]]

trees_st = st.dictionaries(
    st.sampled_from("abcdef"), st.tuples(st.sampled_from([1.0, 2.0]), st.sampled_from([114, 114.1]))
)
delivery_st = st.tuples(
    st.sampled_from(["full", "upsert", "delete"]),
    trees_st,
    st.integers(0, 2),  # days since the delivery before
    st.booleans(),  # undo it afterwards
)


@pytest.fixture(scope="module")
def shared_store(server: Any) -> Iterator[Store]:
    """One database for all examples: each takes a layer of its own."""
    with server.copy() as url, Store.open(url, max_size=2) as opened:
        yield opened


def expected(before: State, mode: str, trees: State) -> State:
    """The whole of the modes, in three lines: the second implementation."""
    if mode == "delete":
        return {name: tree for name, tree in before.items() if name not in trees}
    return trees if mode == "full" else before | trees


def state(store: Store, layer: Any, when: Instant | None) -> State:
    found = rows(store, LayerQuery(layer=layer, when=when))
    assert len(set(found.key.tolist())) == len(found)  # one version of a feature at a time
    shown = zip(found.columns["height_m"], (g.x for g in found.geometry), strict=True)
    return dict(zip(found.columns["tree_id"], shown, strict=True))


EXAMPLE = iter(range(10**9))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(deliveries=st.lists(delivery_st, min_size=1, max_size=6))
def test_the_past_stays_as_it_was(shared_store: Store, deliveries: list) -> None:
    store, layer = shared_store, make_layer(id=f"wood_{next(EXAMPLE)}")
    with store.connection() as conn:
        ensure_layer(conn, layer)
    seen: dict[int, State] = {0: {}}  # day -> state, as our model says
    today, keys = 1, {}
    for mode, trees, later, taken_back in deliveries:
        before, today = seen[max(seen)], today + later
        if mode == "full" and not trees and before:
            continue  # refused, and tested elsewhere
        with begin(store, make_head(layer, mode=mode, as_of=day(today))) as loading:
            told = [
                {"tree_id": name, "height_m": height, "at": (x, 33)}
                for name, (height, x) in trees.items()
            ]
            loading.add(make_rows(layer, told))
            counts = loading.apply()
        assert counts.accepted == len(trees)
        after = expected(before, mode, trees)
        assert state(store, layer, None) == after
        if taken_back:
            undo(store, counts.delivery)
            assert state(store, layer, None) == before
        else:
            seen[today] = after
        for when in range(today + 1):
            newest = max(d for d in seen if d <= when)
            assert state(store, layer, Instant(day(when)) if when else None) == (
                seen[newest] if when else seen[max(seen)]
            )
        assert count(store, LayerQuery(layer=layer)) == len(seen[max(seen)])
        every = rows(store, LayerQuery(layer=layer, when=Interval(None, None)))
        for name, key in zip(every.columns["tree_id"], every.key.tolist(), strict=True):
            assert taken_back or keys.setdefault(name, key) == key  # a number is for ever


def test_the_ledger_adds_up(shared_store: Store) -> None:
    """After all the above: what the ledger says is what the tables hold."""

    class Known:
        layers = {d["layer"]: make_layer(id=d["layer"]) for d in list_deliveries(shared_store)}

    told = {line["id"]: line for line in status(shared_store, Known())["layers"]}
    assert told.keys() == Known.layers.keys()
    for layer in Known.layers.values():
        in_force = [d for d in list_deliveries(shared_store, layer.id) if d["undone_at"] is None]
        now = rows(shared_store, LayerQuery(layer=layer))
        assert told[layer.id]["features"] == len(now)
        assert told[layer.id]["deliveries"] == len(in_force)
        assert sum(d["new"] - d["closed"] for d in in_force) == len(now)
