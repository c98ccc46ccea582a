"""Fixtures of the store's tests: one small layer, and a way to deliver to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from store_trials import make_head, make_layer, make_rows

from gis.layers.model import Layer
from gis.store import Counts, Store, begin
from gis.store.tables import ensure_layer


@pytest.fixture
def trees(store: Store) -> Layer:
    """A point layer of our own, with its table."""
    layer = make_layer()
    with store.connection() as conn:
        ensure_layer(conn, layer)
    return layer


Deliver = Callable[..., Counts]


@pytest.fixture
def deliver(store: Store, trees: Layer) -> Deliver:
    """Deliver dicts of trees: `deliver([{...}], as_of=day(1), mode="full")`."""

    def run(rows: Sequence[Mapping[str, Any]], layer: Layer = trees, **head: Any) -> Counts:
        with begin(store, make_head(layer, **head)) as loading:
            loading.add(make_rows(layer, rows))
            return loading.apply()

    return run
