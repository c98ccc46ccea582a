"""Every error One Map raises on purpose.

OneMapError                     exit 1  HTTP 500
├── ConfigError                 exit 2  HTTP 500 (at start)
├── SourceError                 exit 3  HTTP 400  unreadable, unsupported, damaged, hostile file
├── CoordError                  exit 3  HTTP 400
│   ├── UnknownFrame                    nobody said in which frame the coordinates are
│   ├── FrameMismatch                   the coordinates contradict the declared frame
│   ├── OutsideFrame                    a coordinate lies outside the frame's area of use
│   └── NoAccurateTransform             no operation with a known accuracy
├── LayerError                  exit 3  HTTP 400  unknown field, code, malformed definition
│   └── UnknownLayer                    HTTP 404
├── StoreError                  exit 4  HTTP 503
│   ├── Unreachable                     no database answers
│   ├── Busy                            a lock or a time limit
│   └── Conflict                        HTTP 409  the state does not allow it (late delivery …)
├── TileError                   exit 1  HTTP 400
└── ChangeError                 exit 3  HTTP 400

A message says what was wrong, where (file, row, field) and what to do, in Chinese and in
English. The facts are attributes of the exception, so that tests never compare prose.
"""

from __future__ import annotations

from typing import ClassVar


class OneMapError(Exception):
    """Root of the tree. `zh` and `en` are whole sentences; `facts` become attributes."""

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, zh: str, en: str, **facts: object) -> None:
        self.zh, self.en, self.facts = zh, en, facts
        super().__init__(f"{zh}\n{en}")

    def __getattr__(self, name: str) -> object:
        facts = self.__dict__.get("facts", {})
        if name in facts:
            return facts[name]
        raise AttributeError(name)

    def to_json(self) -> dict[str, object]:
        """`{"code", "zh", "en", "facts"}`: what a command prints with --json."""
        facts = {key: _plain(value) for key, value in self.facts.items()}
        return {"code": type(self).__name__, "zh": self.zh, "en": self.en, "facts": facts}


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | bool | None) else str(value)


class ConfigError(OneMapError):
    """A setting or a configuration file is wrong, or something the machine needs is missing."""

    exit_code = 2


class SourceError(OneMapError):
    """A file can't be read as what it claims to be. The whole file is refused."""

    exit_code = 3
    http_status = 400


class CoordError(OneMapError):
    """Coordinates without a trustworthy frame or transformation."""

    exit_code = 3
    http_status = 400


class UnknownFrame(CoordError):
    """Nobody said in which frame the coordinates are, or the name given means nothing."""


class FrameMismatch(CoordError):
    """The coordinates contradict the frame their file declares."""


class OutsideFrame(CoordError):
    """A coordinate lies outside the area where its frame may be used."""


class NoAccurateTransform(CoordError):
    """No operation between two frames whose accuracy is known and good enough."""


class LayerError(OneMapError):
    """A layer definition, field or code is not what it should be."""

    exit_code = 3
    http_status = 400


class UnknownLayer(LayerError):
    """No layer of that name is defined."""

    http_status = 404


class StoreError(OneMapError):
    """The database refused or failed."""

    exit_code = 4
    http_status = 503


class Unreachable(StoreError):
    """No database answers at the address."""


class Busy(StoreError):
    """A lock, or a statement that took longer than allowed."""


class Conflict(StoreError):
    """The request contradicts what is stored."""

    http_status = 409


class TileError(OneMapError):
    """A tile that can't be built or does not exist."""

    http_status = 400


class ChangeError(OneMapError):
    """Rasters that can't be compared, or an unknown alert or engine."""

    exit_code = 3
    http_status = 400
