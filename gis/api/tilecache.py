"""Tiles kept ready to be sent, by what they are and whose state they show."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

from gis.api.answers import Packed, pack

CACHED_BYTES = 64 * 2**20
ENTRY_BYTES = 400  # what a kept tile costs beside its body
Key = Hashable
Version = tuple[int, ...]


class TileCache:
    """The tiles last asked for; bounded by their size."""

    def __init__(self, limit: int = CACHED_BYTES) -> None:
        self._limit, self._size = limit, 0
        self._tiles: OrderedDict[tuple[Key, Version], Packed] = OrderedDict()
        self._newest: dict[Key, Version] = {}
        self._lock = Lock()

    def get(self, key: Key, build: Callable[[], bytes]) -> Packed:
        """What never changes: `build` makes it where it is not kept."""
        found = self._kept(key, ())
        if found is None:
            found = pack(build())
            self._keep(key, (), found)
        return found

    def get_versioned(
        self,
        key: Key,
        version: Callable[[], Version],
        build: Callable[[], tuple[bytes, Version]],
        still_good: Callable[[Version], bool] | None = None,
    ) -> Packed:
        """The tile of that key in the state after `version()`, which is only asked where a tile
        of that key is kept.

        `build` also says whose state it has found: meanwhile it may be another. `still_good`
        (only of the state now) says whether one of an earlier version is the same; then it is
        not built again."""
        with self._lock:
            earlier = self._newest.get(key)
        if earlier is not None:
            wanted = version()
            found = self._kept(key, wanted)
            if found is not None:
                return found
            found = self._kept(key, earlier)
            if found is not None and still_good is not None and still_good(earlier):
                self._keep(key, wanted, found)
                return found
        body, shown = build()
        found = pack(body)
        self._keep(key, shown, found)
        return found

    def _kept(self, key: Key, version: Version) -> Packed | None:
        with self._lock:
            found = self._tiles.get((key, version))
            if found is not None:
                self._tiles.move_to_end((key, version))
            return found

    def _keep(self, key: Key, version: Version, made: Packed) -> None:
        with self._lock:
            if (key, version) not in self._tiles:
                self._tiles[key, version] = made
                self._size += len(made.body) + ENTRY_BYTES
            if version >= self._newest.get(key, version):
                self._newest[key] = version
            while self._size > self._limit and self._tiles:
                (old, which), dropped = self._tiles.popitem(last=False)
                self._size -= len(dropped.body) + ENTRY_BYTES
                if self._newest.get(old) == which:
                    del self._newest[old]
