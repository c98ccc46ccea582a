"""What is known of a delivery before its rows, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from gis.errors import StoreError, UnknownFrame
from gis.layers.model import Layer

Mode = Literal["full", "upsert", "delete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryHead:
    """What is known of a delivery before its rows.

    `as_of` is the valid time of its state (aware); None = now. `or_now`: now, too, where the
    layer has a delivery of that date or a later one by the time this one's turn comes. `frame`
    has at least `name` and `accuracy_m`, else UnknownFrame: no coordinate enters without them.
    `allow_closing`: the sender means it that a full delivery ends more than the layer's
    `max_closed_share`.
    """

    layer: Layer
    source: str
    digest: str
    mode: Mode
    frame: Mapping[str, Any]
    department: str | None = None
    person: str | None = None
    as_of: datetime | None = None
    or_now: bool = False
    allow_closing: bool = False

    def __post_init__(self) -> None:
        if not self.frame.get("name") or self.frame.get("accuracy_m") is None:
            raise UnknownFrame(
                zh=f"{self.source} 没有写明坐标系和精度，不能入库。请用 --crs 指定",
                en=f"{self.source} states no frame and accuracy and can't be stored. Pass --crs",
                source=self.source,
            )
        if self.mode not in get_args(Mode):
            raise StoreError(
                zh=f"没有 {self.mode} 这种更新方式；可用：{', '.join(get_args(Mode))}",
                en=f"there is no mode {self.mode}; there are: {', '.join(get_args(Mode))}",
                mode=self.mode,
            )
        if self.as_of is not None and self.as_of.tzinfo is None:
            raise StoreError(
                zh=f"as_of {self.as_of} 没有时区",
                en=f"as_of {self.as_of} has no time zone",
                as_of=self.as_of,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What came of a delivery. accepted = new + changed + unchanged, always.

    `closed` are features the delivery ended: in `full` those it no longer holds, in `delete`
    those it names (which are its `changed`; a name that is not there is `unchanged`). `kept` are
    features that a full delivery would have ended, had it not held a refused row of theirs.
    `refused`: rows the store itself refused, by reason; `warnings`: what was found about accepted
    ones, by code.
    """

    delivery: int
    as_of: datetime
    new: int
    changed: int
    unchanged: int
    closed: int
    quarantined: int
    accepted: int
    kept: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    warnings: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.accepted != self.new + self.changed + self.unchanged:
            raise StoreError(
                zh=f"第 {self.delivery} 次交付的行数对不上：{self}",
                en=f"the rows of delivery {self.delivery} do not add up: {self}",
                delivery=self.delivery,
            )
