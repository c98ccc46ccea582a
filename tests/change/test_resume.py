"""A search that was killed goes on where it stopped, and finds the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import shapely
from city import request, run, suspects
from hypothesis import given, settings
from hypothesis import strategies as st
from painted import pair_in, town
from scene import planted, write

from gis.change import detect
from gis.change.engines import Candidates, DsmEngine, NetEngine
from gis.change.pair import Box, Pair, pair_of
from gis.change.progress import Done, FileJournal
from gis.change.rasters import describe
from gis.errors import Conflict
from gis.layers import Registry
from gis.store import Store

KILLED = """
import sys, time
from pathlib import Path
from gis.change.engines import DsmEngine
from gis.change.pair import pair_of
from gis.change.progress import FileJournal
from gis.change.rasters import describe
folder = Path(sys.argv[1])
class Slow(FileJournal):
    def keep(self, window, done):
        super().keep(window, done)
        print("kept", flush=True)
        time.sleep(0.2)
files = [describe(p, "dsm") for p in sorted(folder.glob("dsm_*.tif"))]
journal = Slow.of(folder / "kept", {"test": 1})
DsmEngine(window_px=256, journal=journal).candidates(pair_of(None, None, *files))
"""


def places(found: Candidates) -> list[tuple[bytes, str, float]]:
    return [(shapely.to_wkb(c.mask), c.kind, c.score) for c in found.items]


def models(folder: Path) -> Pair:
    files = write(planted(800), folder, sigma=0.3)
    return pair_of(
        None, None, describe(files["dsm_before"], "dsm"), describe(files["dsm_after"], "dsm")
    )


def test_a_killed_process_is_gone_on_with(tmp_path: Path) -> None:
    pair = models(tmp_path)
    whole = DsmEngine(window_px=256).candidates(pair)
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    with child.stdout as said:
        for _ in range(5):
            assert said.readline() == "kept\n"
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    journal = FileJournal.of(tmp_path / "kept", {"test": 1})
    done = len(journal)
    assert 5 <= done < 16
    rest = DsmEngine(window_px=256, journal=journal).candidates(pair)
    assert len(journal) == 16
    assert places(rest) == places(whole)
    assert (rest.searched_m2, rest.rejected) == (whole.searched_m2, whole.rejected)
    began = time.process_time()
    again = DsmEngine(window_px=256, journal=journal).candidates(pair)
    assert places(again) == places(whole)
    assert time.process_time() - began < 20


def test_the_net_goes_on_as_well(tmp_path: Path) -> None:
    pair = pair_in(tmp_path, town(4711)[0])
    whole = NetEngine().candidates(pair)
    journal = FileJournal.of(tmp_path / "kept", {})
    NetEngine(journal=journal).candidates(pair, Box(0, 0, 448, 576))
    assert len(journal) == 2
    rest = NetEngine(journal=FileJournal.of(tmp_path / "kept", {})).candidates(pair)
    assert places(rest) == places(whole)
    assert rest.model["domain"] == whole.model["domain"]


SHAPES = st.builds(
    lambda x, y, w, h: shapely.box(x, y, x + w, y + h),
    *[st.integers(0, 5000)] * 2, *[st.integers(1, 300)] * 2,
)  # fmt: skip
DONE = st.builds(
    Done,
    places=st.lists(
        st.tuples(st.booleans(), SHAPES, st.lists(st.floats(0, 1), max_size=2).map(tuple)),
        max_size=3,
    ).map(tuple),
    figures=st.lists(st.floats(-1, 1e6), max_size=5).map(tuple),
)


@settings(max_examples=30, deadline=None)
@given(done=st.lists(DONE, min_size=1, max_size=4), cut=st.integers(0, 400))
def test_what_a_kill_cut_short_is_done_again(
    done: list[Done], cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever is missing at the end, what was whole is there, and can be added to."""
    folder = tmp_path_factory.mktemp("kept")
    journal = FileJournal.of(folder, {})
    boxes = [Box(0, 10 * i, 10, 10 * i + 10) for i in range(len(done))]
    for box, one in zip(boxes, done, strict=True):
        journal.keep(box, one)
    raw = journal.path.read_bytes()
    journal.path.write_bytes(raw[: len(raw) - cut])
    again = FileJournal.of(folder, {})
    for box, one in zip(boxes, done, strict=True):
        assert again.known(box) in (one, None)
    if cut == 0:
        assert len(again) == len(done)
    again.keep(Box(9, 9, 10, 10), done[0])
    assert FileJournal.of(folder, {}).known(Box(9, 9, 10, 10)) == done[0]


def test_another_search_is_not_helped(tmp_path: Path) -> None:
    journal = FileJournal.of(tmp_path, {"engine": "dsm"})
    journal.keep(Box(0, 0, 1, 1), Done(places=(), figures=(1.0,)))
    assert FileJournal.of(tmp_path, {"engine": "net"}).known(Box(0, 0, 1, 1)) is None
    assert FileJournal.of(tmp_path, {"engine": "dsm"}).known(Box(0, 0, 1, 1)) is not None


def test_a_run_that_was_not_stored_is_gone_on_with(
    store: Store, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search is kept until its run is in the store, and then no more."""
    files = write(suspects(), tmp_path, sigma=0.2)
    kept = tmp_path / "kept"
    asked = replace(request(registry, files), resume=kept)

    def fails(*_: object, **__: object) -> None:
        raise Conflict(zh="库忙", en="no")

    with monkeypatch.context() as broken:
        broken.setattr("gis.change.pipeline.store_run", fails)
        with pytest.raises(Conflict):
            detect(store, registry, asked)
    assert len(list(kept.iterdir())) == 1
    report = detect(store, registry, asked)
    assert list(kept.iterdir()) == []
    assert report.candidates == run(store, registry, files).candidates > 0
