"""What a search has done so far, on disk: a run that was killed goes on where it stopped.

One file a search, a line a window, each written and flushed when its window is done. A line cut
short by the kill is left out and its window searched again. The file's name holds the digest of
all the result depends on, so it never helps another search.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import shapely

from gis.change.pair import Box

Key = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """Of one window. places: rose or came, outline in pixels, figures of it; figures: of the
    window."""

    places: tuple[tuple[bool, shapely.Polygon, tuple[float, ...]], ...]
    figures: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        places = [[up, shapely.to_wkb(shape, hex=True), list(f)] for up, shape, f in self.places]
        return {"places": places, "figures": list(self.figures)}

    @classmethod
    def from_json(cls, doc: Mapping[str, Any]) -> Done:
        return cls(
            places=tuple(
                (bool(up), shapely.from_wkb(shape), tuple(f)) for up, shape, f in doc["places"]
            ),
            figures=tuple(doc["figures"]),
        )


class Journal(Protocol):
    """Where windows that are done are kept."""

    def known(self, window: Box) -> Done | None: ...
    def keep(self, window: Box, done: Done) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Forgetful:
    """Keeps nothing: for searches that take seconds."""

    def known(self, window: Box) -> Done | None:
        return None

    def keep(self, window: Box, done: Done) -> None:
        return None

    def close(self) -> None:
        return None


@dataclass(slots=True)
class FileJournal:
    """Kept in `path`."""

    path: Path
    _done: dict[Key, Done] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, facts: Mapping[str, Any]) -> FileJournal:
        """The journal of the search that `facts` (JSON-able) describe, begun or new."""
        text = json.dumps(facts, sort_keys=True, ensure_ascii=False)
        folder.mkdir(parents=True, exist_ok=True)
        journal = cls(folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.jsonl")
        if journal.path.is_file():
            for line in journal.path.read_text("utf-8").splitlines():
                journal._read(line)
        return journal

    def __len__(self) -> int:
        return len(self._done)

    def known(self, window: Box) -> Done | None:
        return self._done.get(_key(window))

    def keep(self, window: Box, done: Done) -> None:
        self._done[_key(window)] = done
        with self.path.open("a", encoding="utf-8") as file:
            # begins with a line's end: what a kill cut short must not spoil this one
            file.write("\n" + json.dumps([_key(window), done.to_json()]))

    def close(self) -> None:
        """The search is done and stored."""
        self.path.unlink(missing_ok=True)

    def _read(self, line: str) -> None:
        try:
            key, doc = json.loads(line)
            self._done[(key[0], key[1], key[2], key[3])] = Done.from_json(doc)
        except (ValueError, KeyError, TypeError, IndexError, shapely.errors.ShapelyError):
            return


def _key(window: Box) -> Key:
    return window.top, window.left, window.bottom, window.right
