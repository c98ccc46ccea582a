"""What holds whatever is delivered, in whatever order (DESIGN A7, 1 to 5): random sequences of
deliveries and undoings, against a model of dictionaries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from store_trials import FRAME, day, make_head, make_layer, make_rows

from gis.errors import Conflict, UnknownFrame
from gis.layers.batch import Reject
from gis.layers.model import Layer
from gis.store import (
    Counts,
    Instant,
    Interval,
    LayerQuery,
    Store,
    begin,
    count,
    list_deliveries,
    quarantine_rows,
    rows,
    status,
    undo,
)
from gis.store.tables import ensure_layer

Tree = tuple[float, float]  # height, longitude
State = dict[str, Tree]

row_st = st.tuples(
    st.sampled_from("abcdef"),
    st.tuples(st.sampled_from([1.0, 2.0]), st.sampled_from([114.0, 114.1])),
    st.sampled_from([True, True, True, False]),  # whether it passes the checks
)
delivery_st = st.tuples(
    st.sampled_from(["full", "full", "upsert", "delete"]),
    st.lists(row_st, max_size=8),  # a key may come twice
    st.integers(0, 2),  # days since the delivery before
    st.sampled_from([False, False, False, True]),  # a dry run
)
step_st = st.one_of(delivery_st, delivery_st, delivery_st, st.just("undo"), st.just("again"))


@pytest.fixture(scope="module")
def shared_store(server: Any) -> Iterator[Store]:
    """One database for all examples: each takes a layer of its own."""
    with server.copy() as url, Store.open(url, max_size=2) as opened:
        yield opened


@dataclass
class Model:
    """The second implementation: what every delivery in force left, in their order."""

    done: list[tuple[int, int, State]] = field(default_factory=list)  # delivery, day, state
    refused: dict[int, list[tuple[int, str]]] = field(default_factory=dict)

    def at(self, when: int) -> State:
        return next((state for _, n, state in reversed(self.done) if n <= when), {})

    @property
    def now(self) -> State:
        return self.done[-1][2] if self.done else {}


@dataclass(frozen=True)
class Expected:
    after: State
    figures: dict[str, int]
    quarantine: list[tuple[int, str]]


def expect(before: State, mode: str, told: list[tuple[str, Tree, bool]]) -> Expected:
    """What a delivery should come to; its rows are numbered from 1."""
    named: State = {}
    quarantine = []
    for n, (name, tree, good) in enumerate(told, 1):
        if not good:
            quarantine.append((n, "bad_value"))
        elif name in named:
            quarantine.append((n, "duplicate_key"))
        else:
            named[name] = tree
    known = {name for name in named if name in before}
    doubtful = {name for name, _, good in told if not good and name in before and name not in named}
    figures = {"accepted": len(named), "quarantined": len(quarantine), "kept": 0, "closed": 0}
    if mode == "delete":
        gone = {"new": 0, "changed": len(known), "closed": len(known)}
        after = {name: tree for name, tree in before.items() if name not in named}
        return Expected(after, figures | gone, quarantine)
    figures["new"] = len(named) - len(known)
    figures["changed"] = sum(before[name] != named[name] for name in known)
    after = before | named
    if mode == "full":
        after = named | {name: before[name] for name in doubtful}
        figures |= {"kept": len(doubtful), "closed": len(before.keys() - after.keys())}
    return Expected(after, figures, quarantine)


def deliver(
    store: Store, layer: Layer, mode: str, told: list[tuple[str, Tree, bool]], today: int, dry: bool
) -> Counts:
    """In two parts, as large files come."""
    head = make_head(layer, mode=mode, as_of=day(today))
    numbered = list(enumerate(told, 1))
    with begin(store, head, dry_run=dry) as loading:
        for part in (numbered[:3], numbered[3:]):
            good = [
                {"tree_id": name, "height_m": tree[0], "at": (tree[1], 33), "row": n}
                for n, (name, tree, passes) in part
                if passes
            ]
            bad = [(n, name) for n, (name, _, passes) in part if not passes]
            loading.add(make_rows(layer, good))
            loading.reject(
                [Reject(row=n, code="bad_value", zh="坏", en="bad") for n, _ in bad],
                [(name,) for _, name in bad],
            )
        return loading.apply()


def state(store: Store, layer: Layer, when: Instant | None) -> State:
    found = rows(store, LayerQuery(layer=layer, when=when))
    assert len(set(found.key.tolist())) == len(found)  # one version of a feature at a time
    shown = zip(found.columns["height_m"], (g.x for g in found.geometry), strict=True)
    return dict(zip(found.columns["tree_id"], shown, strict=True))


def numbers(store: Store, layer: Layer) -> dict[str, int]:
    """The number of every feature there has been; it has one only."""
    every = rows(store, LayerQuery(layer=layer, when=Interval(None, None)))
    pairs = set(zip(every.columns["tree_id"], every.key.tolist(), strict=True))
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def take(store: Store, layer: Layer, model: Model, step: Any, today: int) -> None:
    """Carry one step out in both, and compare what it says of itself."""
    mode, told, _, dry = step
    ledger = list_deliveries(store, layer.id)
    wanted = expect(model.now, mode, told)
    if mode == "full" and not wanted.figures["accepted"] and model.now:
        event("refused as a whole")
        with pytest.raises(Conflict):
            deliver(store, layer, mode, told, today, dry)
        assert list_deliveries(store, layer.id) == ledger
        return
    counts = deliver(store, layer, mode, told, today, dry)
    assert {name: getattr(counts, name) for name in wanted.figures} == wanted.figures
    assert len(told) == counts.accepted + counts.quarantined
    if dry:
        event("dry run")
        assert list_deliveries(store, layer.id) == ledger
        return
    model.done.append((counts.delivery, today, wanted.after))
    model.refused[counts.delivery] = wanted.quarantine


def compare(store: Store, layer: Layer, model: Model, today: int) -> None:
    """Every date there has been, the number of features, and the quarantine of every delivery."""
    assert state(store, layer, None) == model.now
    assert count(store, LayerQuery(layer=layer)) == len(model.now)
    for when in range(1, today + 1):
        assert state(store, layer, Instant(day(when))) == model.at(when), when
    for delivery, refused in model.refused.items():
        found = [(row["row"], row["code"]) for row in quarantine_rows(store, delivery)]
        assert sorted(found) == refused


EXAMPLE = iter(range(10**9))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(step_st, min_size=1, max_size=6))
def test_the_past_stays_as_it_was(shared_store: Store, steps: list) -> None:
    store, layer = shared_store, make_layer(id=f"wood_{next(EXAMPLE)}")
    with store.connection() as conn:
        ensure_layer(conn, layer)
    model, today, last = Model(), 1, None
    for step in steps:
        before = numbers(store, layer)
        if step == "undo":
            if not model.done:
                continue
            delivery, _, _ = model.done.pop()
            assert undo(store, delivery)["undone_at"] is not None
            event("undone")
        elif step == "again":
            if last is None or last[0] == "delete":
                continue
            take(store, layer, model, last, today)
        else:
            today += step[2]
            take(store, layer, model, step, today)
            last = step
        compare(store, layer, model, today)
        after = numbers(store, layer)
        assert all(after[name] == before[name] for name in before.keys() & after.keys())


@pytest.mark.parametrize("mode", ["full", "upsert"])
def test_the_same_twice_changes_nothing(shared_store: Store, mode: str) -> None:
    layer = make_layer(id=f"twice_{mode}")
    with shared_store.connection() as conn:
        ensure_layer(conn, layer)
    told = [(name, (1.0, 114.0), True) for name in "abca"]
    first = deliver(shared_store, layer, mode, told, 1, False)
    again = deliver(shared_store, layer, mode, told, 2, False)
    assert (first.new, first.quarantined) == (3, 1)
    assert (again.new, again.changed, again.unchanged, again.closed) == (0, 0, 3, 0)
    every = rows(shared_store, LayerQuery(layer=layer, when=Interval(None, None)))
    assert len(every) == 3


@pytest.mark.parametrize("lacking", ["name", "accuracy_m"])
def test_no_coordinate_without_frame_and_accuracy(lacking: str) -> None:
    with pytest.raises(UnknownFrame):
        make_head(make_layer(), frame={**FRAME, lacking: None})


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
