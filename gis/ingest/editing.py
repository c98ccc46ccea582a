"""One feature edited by one person: a delivery of one row, through the same checks and the same
ledger as a file of a million, so that it has its history and can be undone.

    done = replace(store, registry, target, draft, by)
    done.delivery, done.version

Nothing of a refused edit is kept: whoever sent it is there and is told why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import replace as altered
from pathlib import Path
from typing import Any, Literal

import numpy as np
from shapely.geometry.base import BaseGeometry

from gis.coords import STORAGE, Frame, normalise
from gis.errors import Conflict, LayerError
from gis.ingest.pipeline import city_area
from gis.ingest.placement import Placement, refuse_worse
from gis.layers import Batch, Checked, GoodRows, Layer, Registry, Reject
from gis.layers.checks import check
from gis.sources import Delivery
from gis.store import DeliveryHead, Loading, Store, begin
from gis.store.current import Current, current, current_of, refused_in

Change = Literal["new", "changed", "unchanged", "closed"]
LONGEST_WAIT = "10s"  # for another delivery of the layer: somebody sits and waits
ROW = np.array([1], dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who edits. source: the request, as the ledger names it; digest: SHA-256 of what was sent."""

    person: str
    department: str | None
    source: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A feature as somebody wants it. properties: name -> value as JSON has it, what is left out
    is empty; geometry: in `frame`, east or longitude first."""

    properties: Mapping[str, Any]
    geometry: BaseGeometry | None
    frame: Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which feature is meant, in which versions the sender may have seen it; None: whichever."""

    layer: Layer
    key: int
    versions: frozenset[int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """What came of an edit. version: the feature's, of one that was ended its last; warnings:
    how many of which code, as a delivery has them."""

    key: int
    version: int
    delivery: int
    change: Change
    as_of: str
    warnings: Mapping[str, int]


class Rejected(LayerError):
    """The layer's checks refuse the feature; `reasons`: code, zh, en and field of each."""

    http_status = 422
    reasons: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, layer: Layer, reasons: tuple[Mapping[str, Any], ...]) -> Rejected:
        """The refusal, in the words of its first reason."""
        error = cls(
            zh=f"图层 {layer.id} 的检查未通过，没有任何改动："
            + "；".join(r["zh"] for r in reasons),
            en=f"the checks of layer {layer.id} refuse it, and nothing was changed: "
            + "; ".join(r["en"] for r in reasons),
            layer=layer.id,
        )
        error.reasons = reasons
        return error


class Outdated(Conflict):
    """The feature is no longer in the version the sender has seen."""

    http_status = 412


class NoFeature(LayerError):
    """There is no such feature now."""

    http_status = 404


def create(
    store: Store, registry: Registry, layer: Layer, draft: Draft, by: Sender
) -> Edited:  # fmt: skip
    """A new feature. Raises Rejected, Conflict where one of that business key is there, CoordError
    where its frame is not good enough for the layer."""
    checked, accuracy = _checked(store, registry, layer, draft)
    named = _key_of(layer, checked.good)

    def unknown(loading: Loading) -> None:
        there = current_of(loading, named=named)
        if there is not None:
            shown = "、".join(map(str, named.values()))
            raise Conflict(
                zh=f"图层 {layer.id} 已有 {shown}（要素 {there.key}）。要修改它，请用 PUT 或 PATCH",
                en=f"layer {layer.id} has {shown} already (feature {there.key}). To change it, "
                f"use PUT or PATCH",
                layer=layer.id,
                key=there.key,
            )

    return _deliver(store, layer, checked, _head(layer, by, draft.frame, accuracy), unknown, "new")


def replace(
    store: Store, registry: Registry, target: Target, draft: Draft, by: Sender
) -> Edited:  # fmt: skip
    """The feature as the draft has it, whole. Raises as `create`, and Outdated, NoFeature."""
    return _rewrite(store, registry, target, _seen(store, target), draft, by)


def amend(
    store: Store, registry: Registry, target: Target, by: Sender,
    patched: Callable[[Current], Draft], keeps_place: bool,
) -> Edited:  # fmt: skip
    """The feature with some of it changed: `patched` makes the draft of what is there now.
    keeps_place: its geometry is the one that is there, with the accuracy it has. Raises as
    `replace`."""
    was = _seen(store, target)
    return _rewrite(store, registry, target, was, patched(was), by, keeps_place=keeps_place)


def remove(store: Store, target: Target, by: Sender) -> Edited:
    """The feature ends now; its past stays. Raises Outdated, NoFeature."""
    layer, was = target.layer, _seen(store, target)
    checked = Checked(good=_rows(layer, was), rejects=())
    return _deliver(
        store, layer, checked, _head(layer, by, STORAGE, was.accuracy_m, mode="delete"),
        lambda loading: _still(loading, target, was), "closed", was,
    )  # fmt: skip


# --- steps -----------------------------------------------------------------------------------


def _rewrite(
    store: Store, registry: Registry, target: Target, was: Current, draft: Draft, by: Sender,
    *, keeps_place: bool = False,
) -> Edited:  # fmt: skip
    layer = target.layer
    checked, accuracy = _checked(store, registry, layer, draft, was.extra)
    if keeps_place:  # it is where it was, and no surer of it
        accuracy = was.accuracy_m
        checked = altered(checked, good=altered(checked.good, accuracy_m=accuracy))
    _refuse_other_key(layer, was, _key_of(layer, checked.good))
    head = _head(layer, by, draft.frame, accuracy)
    return _deliver(
        store, layer, checked, head, lambda loading: _still(loading, target, was), "changed", was
    )


def _seen(store: Store, target: Target) -> Current:
    was = current(store, target.layer, target.key)
    if was is None:
        raise _gone(target)
    if target.versions is not None and was.version not in target.versions:
        raise _outdated(target, was.version)
    return was


def _still(loading: Loading, target: Target, was: Current) -> None:
    """Now that nobody else changes the layer: is it still what the edit was made from?"""
    now = current_of(loading, key=target.key)
    if now is None:
        raise _gone(target)
    if now.version != was.version:
        raise _outdated(target, now.version)


def _checked(
    store: Store, registry: Registry, layer: Layer, draft: Draft,
    extra: Mapping[str, Any] | None = None,
) -> tuple[Checked, float]:  # fmt: skip
    """The draft normalised and checked as any row is, and its accuracy in metres."""
    _refuse_unknown(layer, draft.properties)
    moved = normalise(_one(draft.geometry), draft.frame)
    placement = Placement(frame=draft.frame, how="declared", evidence=())
    refuse_worse(_request(), placement, layer, moved.accuracy_m)
    if moved.failed[0]:
        raise Rejected.of(layer, (_reason(_impossible(draft.frame)),))
    batch = Batch(
        columns={name: _one(draft.properties.get(name)) for name in layer.field_names},
        geometry=moved.geometry,
        rows=ROW,
        accuracy_m=moved.accuracy_m,
    )
    checked = check(batch, layer, registry, inside=city_area(store, registry, layer))
    if checked.rejects:
        raise Rejected.of(layer, tuple(map(_reason, checked.rejects)))
    good = altered(checked.good, extra=_one(None if extra is None else dict(extra)))
    return altered(checked, good=good), moved.accuracy_m


def _deliver(
    store: Store, layer: Layer, checked: Checked, head: DeliveryHead,
    allowed: Callable[[Loading], None], change: Change, was: Current | None = None,
) -> Edited:  # fmt: skip
    with begin(store, head, longest_wait=LONGEST_WAIT) as loading:
        allowed(loading)
        loading.add(checked.good)
        loading.remark(checked.remarks)
        counts = loading.apply()
        if counts.quarantined:  # by checks that look at the layer as a whole
            raise Rejected.of(layer, tuple(map(_plain, refused_in(loading))))
        named = _key_of(layer, checked.good)
        now = current_of(loading, named=named) if change != "closed" else was
        assert now is not None  # just stored, or just ended
    return Edited(
        key=now.key,
        version=now.version,
        delivery=counts.delivery,
        change="unchanged" if counts.unchanged else change,
        as_of=counts.as_of.isoformat(),
        warnings=dict(sorted(counts.warnings.items())),
    )


def _head(
    layer: Layer, by: Sender, frame: Frame, accuracy_m: float,
    mode: Literal["upsert", "delete"] = "upsert",
) -> DeliveryHead:  # fmt: skip
    return DeliveryHead(
        layer=layer,
        source=by.source,
        digest=by.digest,
        mode=mode,
        department=by.department,
        person=by.person,
        frame={"name": frame.name, "how": "declared", "accuracy_m": accuracy_m},
    )


def _rows(layer: Layer, was: Current) -> GoodRows:
    return GoodRows(
        layer=layer,
        columns={name: _one(was.columns[name]) for name in layer.field_names},
        extra=_one(was.extra),
        geometry=_one(was.geometry),
        rows=ROW,
        accuracy_m=was.accuracy_m,
    )


def _one(value: Any) -> np.ndarray[Any, np.dtype[np.object_]]:
    column = np.empty(1, dtype=object)
    column[0] = value
    return column


def _key_of(layer: Layer, good: GoodRows) -> dict[str, Any]:
    return {name: good.columns[name][0] for name in layer.key}


# --- refusals --------------------------------------------------------------------------------


def _refuse_unknown(layer: Layer, properties: Mapping[str, Any]) -> None:
    """A name that is no field would be kept where nobody looks for it; a value of several parts
    is none that a field can hold."""
    names, reasons = ", ".join(layer.field_names), []
    for name, value in properties.items():
        if name not in layer.field_names:
            reasons.append(
                {
                    "code": "unknown_field",
                    "zh": f"没有字段 {name[:80]}；现有：{names}",
                    "en": f"there is no field {name[:80]!r}; there are: {names}",
                    "field": name[:80],
                }
            )
        elif isinstance(value, list | dict) or (isinstance(value, str) and "\x00" in value):
            reasons.append(
                {
                    "code": "bad_value",
                    "zh": f"{layer.field(name).title.zh} 应为单个值，且不含空字符",
                    "en": f"{layer.field(name).title.en} is one value, without a NUL character",
                    "field": name,
                }
            )
    if reasons:
        raise Rejected.of(layer, tuple(reasons))


def _refuse_other_key(layer: Layer, was: Current, named: Mapping[str, Any]) -> None:
    """A feature is the same for ever by its business key: another key is another feature."""
    for name, value in named.items():
        if value != was.columns[name]:
            reason = {
                "code": "key_changed",
                "zh": f"{layer.field(name).title.zh} 是主键，不能由 {was.columns[name]} 改为 "
                f"{value}。编号有误时，请删除本要素再新建",
                "en": f"{layer.field(name).title.en} identifies the feature and can't become "
                f"{value} from {was.columns[name]}. If the number was wrong, delete this feature "
                f"and create another",
                "field": name,
            }
            raise Rejected.of(layer, (reason,))


def _impossible(frame: Frame) -> Reject:
    return Reject(
        row=1,
        code="outside_city",
        zh=f"坐标不可能在 {frame} 中。请核对 Content-Crs 与坐标顺序",
        en=f"the coordinates can't be in {frame}. Check Content-Crs and their order",
    )


def _reason(reject: Reject) -> dict[str, Any]:
    return {"code": reject.code, "zh": reject.zh, "en": reject.en, "field": reject.field}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("code", "zh", "en", "field")}


def _request() -> Delivery:
    """A request, where a refusal names the file."""
    return Delivery(
        path=Path("请求 request"), format="GeoJSON", digest="", encoding=None, declared=None,
        evidence=(), read=lambda frame: iter(()),
    )  # fmt: skip


def _gone(target: Target) -> NoFeature:
    layer, key = target.layer.id, target.key
    return NoFeature(
        zh=f"图层 {layer} 现在没有要素 {key}。用 /collections/{layer}/items 查看",
        en=f"layer {layer} has no feature {key} now. See /collections/{layer}/items",
        layer=layer,
        key=key,
    )


def _outdated(target: Target, now: int) -> Outdated:
    layer, key = target.layer.id, target.key
    return Outdated(
        zh=f"图层 {layer} 的要素 {key} 已被他人改动（现为版本 {now}），没有任何改动。"
        f"请重新读取后再改",
        en=f"feature {key} of layer {layer} was changed by somebody else (its version is {now}); "
        f"nothing was changed. Read it again, then edit",
        layer=layer,
        key=key,
        version=now,
    )
