"""What is read thinned: the same pixels, and never all of them at once."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from painted import GSD, pair_in

from gis.change.held import give_back
from gis.change.pair import PIECE_PX, Box, Pair, sheets

ROWS, COLS, STEP = 4096, 1536, 8


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    down, across = np.mgrid[:ROWS, :COLS]
    waves = 127 + 60 * np.sin(down / 32) + 60 * np.sin(across / 32)
    photo = np.repeat(waves.astype("u1")[None], 3, axis=0)
    return pair_in(tmp_path_factory.mktemp("waves"), [photo, photo])


def test_thinned_holds_a_piece_at_a_time(pair: Pair) -> None:
    box = Box(0, 0, ROWS // STEP, COLS // STEP)
    with sheets(pair) as read:
        assert read.before is not None
        thin = read.before.thinned(STEP)
        tracemalloc.start()
        values = thin.read(box)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert np.array_equal(values, read.before.read(pair.grid.box)[:, ::STEP, ::STEP])
    piece = 3 * PIECE_PX**2 * 4
    assert peak < 2.5 * piece + values.nbytes < 3 * ROWS * COLS * 4


@pytest.mark.parametrize("step", [3, STEP])
def test_a_moved_photo_is_thinned_to_the_same_places(pair: Pair, step: int) -> None:
    moved = replace(pair, photo_moved=(3.3 * GSD, -2.4 * GSD))
    box = Box(2, 3, ROWS // step - 4, COLS // step - 5)
    with sheets(moved) as read:
        assert read.after is not None
        whole = read.after.read(box.times(step))[:, ::step, ::step]
        thin = read.after.thinned(step).read(box)
    assert thin.shape == whole.shape
    # half a pixel each way, of waves that rise by two grey levels a pixel at most
    assert np.nanmax(np.abs(thin - whole)) <= 3.0
    assert np.isfinite(thin).all()


def test_freed_memory_may_be_given_back_at_any_time() -> None:
    kept = np.arange(1000)
    give_back()
    give_back()
    assert kept.sum() == 499_500
