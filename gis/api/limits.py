"""How much one caller may have: requests a second, and area of a large-scale layer.

Both are counted in this process, so that a request costs no statement; area is kept in the store
as well, a moment later, and read from there when a process meets a caller for the first time.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable
from contextvars import ContextVar
from threading import Lock

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.api.policy import AreaRule
from gis.api.refusals import Forbidden
from gis.coords import STORAGE, find_transformation, from_epsg
from gis.layers import Layer
from gis.store import FeatureRows, Store
from gis.store.access import add_area, area_km2, area_of, cells_in, cells_of

MOST_BUCKETS = 50_000
FIRST_CORNER = re.compile(r'"coordinates":\s*\[+([-\d.eE+]+),\s*([-\d.eE+]+)')
DEGREES = (4490, 4326)
HOLDS_S = 30.0  # what other processes have given is seen after so long


class Buckets:
    """One bucket of tokens for each name: `per_s` flow in, up to `burst`; a request takes one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def wait_s(self, name: str, per_s: float, burst: float) -> float:
        """0 where the request may go on; else seconds until one may."""
        now = self._clock()
        with self._lock:
            tokens, since = self._left.pop(name, (burst, now))
            tokens = min(burst, tokens + (now - since) * per_s)
            taken = tokens >= 1
            self._left[name] = (tokens - 1 if taken else tokens, now)
            if len(self._left) > MOST_BUCKETS:
                self._left.popitem(last=False)
        return 0.0 if taken else (1 - tokens) / per_s


class Meter:
    """The area each caller has taken of each layer that is counted."""

    def __init__(self, store: Store, rule: AreaRule) -> None:
        self._store, self._rule = store, rule
        self._taken: dict[tuple[str, str], tuple[float, set[int]]] = {}
        self._pending: set[tuple[str, str, int]] = set()
        self._lock = Lock()

    def covers(self, layer: Layer) -> bool:
        """Whether what is taken of the layer counts."""
        return self._rule.covers(layer)

    def take(self, caller: str, limit_km2: float, layer: Layer, cells: frozenset[int]) -> float:
        """Count the cells; the area taken with them, km². Raises AreaSpent, and counts nothing,
        where that is more than the limit."""
        key = (caller, layer.id)
        with self._lock:
            known = self._known(key)
            more = cells - known
            if not more:
                return area_km2(known)
            km2 = area_km2(known | more)
            if km2 > limit_km2:
                raise AreaSpent.of(layer, area_km2(known), km2, limit_km2)
            known |= more
            self._pending |= {(caller, layer.id, cell) for cell in more}
        return km2

    def flush(self) -> None:
        """Keep what was counted. Raises StoreError, and forgets nothing."""
        with self._lock:
            taken, self._pending = self._pending, set()
        try:
            add_area(self._store, sorted(taken))
        except BaseException:
            with self._lock:
                self._pending |= taken
            raise

    @property
    def waiting(self) -> bool:
        """Whether there is something to keep."""
        return bool(self._pending)

    def warns(self, km2: float) -> bool:
        """Whether the caller is to be told."""
        return km2 >= self._rule.warn_km2

    def _known(self, key: tuple[str, str]) -> set[int]:
        now = time.monotonic()
        at, cells = self._taken.get(key, (0.0, set()))
        if key not in self._taken or now - at > HOLDS_S:
            waiting = {cell for caller, layer, cell in self._pending if (caller, layer) == key}
            cells = set(area_of(self._store, *key)) | waiting
            self._taken[key] = (now, cells)
        return cells


class Taker:
    """Counts what the answer to one request gives of counted layers; `told_km2`: what the caller
    is to be told."""

    __slots__ = ("_caller", "_limit_km2", "_meter", "told_km2")

    def __init__(self, meter: Meter, caller: str, limit_km2: float) -> None:
        self._meter, self._caller, self._limit_km2 = meter, caller, limit_km2
        self.told_km2: float | None = None

    def covers(self, layer: Layer) -> bool:
        """Whether what is given of the layer counts."""
        return self._meter.covers(layer)

    def take(self, layer: Layer, cells: frozenset[int]) -> None:
        """Raises AreaSpent."""
        if not cells or not self.covers(layer):
            return
        km2 = self._meter.take(self._caller, self._limit_km2, layer, cells)
        if self._meter.warns(km2):
            self.told_km2 = max(km2, self.told_km2 or 0.0)

    def check(self, layer: Layer, cells: frozenset[int]) -> None:
        """Raises AreaSpent where the cells alone are too much; counts nothing otherwise."""
        if self.covers(layer) and area_km2(cells) > self._limit_km2:
            self.take(layer, cells)


# Of the request being answered; None = nothing is counted.
TAKING: ContextVar[Taker | None] = ContextVar("TAKING", default=None)


def taken_texts(layer: Layer, texts: Iterable[str], srid: int) -> None:
    """Count GeoJSON Features about to be given, by their first corners; `srid`: of their
    coordinates, east or longitude first. Raises AreaSpent."""
    taker = TAKING.get()
    if taker is not None:
        taker.take(layer, _cells_of_texts(texts, srid))


def counting(layer: Layer) -> bool:
    """Whether what the request gets of the layer is counted."""
    taker = TAKING.get()
    return taker is not None and taker.covers(layer)


def taken_shapes(layer: Layer, shapes: NDArray[np.object_], srid: int) -> None:
    """Count shapes about to be given, by their first corners. Raises AreaSpent."""
    taker = TAKING.get()
    if taker is not None:
        taker.take(layer, _cells_of_shapes(shapes, srid))


def taken_box(layer: Layer, box: tuple[float, float, float, float]) -> None:
    """Count a box in degrees (west, south, east, north) about to be given whole: a map sheet.
    Raises AreaSpent."""
    taker = TAKING.get()
    if taker is not None:
        taker.take(layer, cells_in(*box))


def metered_rows(
    layer: Layer, batches: Iterable[FeatureRows], srid: int
) -> Generator[FeatureRows, None, None]:
    """The batches of a file as they pass. Raises AreaSpent."""
    return _metered(layer, batches, lambda batch: _cells_of_shapes(batch.geometry, srid))


def metered_texts(
    layer: Layer, batches: Iterable[list[str]], srid: int
) -> Generator[list[str], None, None]:
    """The batches of a file as they pass. Raises AreaSpent."""
    return _metered(layer, batches, lambda texts: _cells_of_texts(texts, srid))


def _metered[Batch](
    layer: Layer, batches: Iterable[Batch], cells_of_batch: Callable[[Batch], frozenset[int]]
) -> Generator[Batch, None, None]:
    """Counted when the last has passed, for a file that is refused was never given; refused
    before that where the file alone is too much."""
    taker, cells = TAKING.get(), frozenset[int]()
    for batch in batches:
        if taker is not None:
            cells |= cells_of_batch(batch)
            taker.check(layer, cells)
        yield batch
    if taker is not None:
        taker.take(layer, cells)


def _cells_of_texts(texts: Iterable[str], srid: int) -> frozenset[int]:
    found = [match.groups() for text in texts if (match := FIRST_CORNER.search(text))]
    return _cells(np.array(found, dtype=np.float64).reshape(-1, 2), srid)


def _cells_of_shapes(shapes: NDArray[np.object_], srid: int) -> frozenset[int]:
    xy, of = shapely.get_coordinates(shapes, return_index=True)
    return _cells(xy[np.unique(of, return_index=True)[1]], srid)


def _cells(xy: NDArray[np.float64], srid: int) -> frozenset[int]:
    if len(xy) and srid not in DEGREES:
        xy = find_transformation(from_epsg(srid), STORAGE).apply(xy)
    return cells_of(xy)


class AreaSpent(Forbidden):
    """More of a large-scale layer than one caller may have."""

    @classmethod
    def of(cls, layer: Layer, has: float, would: float, limit: float) -> AreaSpent:
        """The refusal, with its figures."""
        return cls(
            zh=f"图层 {layer.id} 属大比例尺非公开数据，累计取用不得超过 {limit:g} 平方公里；"
            f"已取用 {has:.1f}，本次将达 {would:.1f}。请缩小范围；确有需要请向管理员申请"
            f"（gis access area）",
            en=f"layer {layer.id} is large-scale and not public: one caller may take {limit:g} km² "
            f"of it in all; {has:.1f} are taken, this would make {would:.1f}. Ask for less, or "
            f"ask the administrator (gis access area)",
            layer=layer.id,
            taken_km2=round(has, 3),
            limit_km2=limit,
        )
