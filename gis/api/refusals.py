"""What only a request can do wrong: refused here, worded like every other error of ours."""

from __future__ import annotations

from collections.abc import Iterable

from gis.errors import OneMapError


class Refused(OneMapError):
    """A request that can't be answered as it is."""

    exit_code = 3
    http_status = 400


class NotThere(Refused):
    """The address names nothing."""

    http_status = 404


class TooLarge(Refused):
    """More than this server takes in one request."""

    http_status = 413


class NotKnown(Refused):
    """Who asks did not say who they are, or what they showed is not good (any more)."""

    http_status = 401


class Forbidden(Refused):
    """Known, and not allowed. Of what a caller may not even see, the answer is NotThere."""

    http_status = 403


class TooMany(Refused):
    """More requests than one may make; the fact `retry_after_s` says when to come again."""

    http_status = 429


class NotOffered(Refused):
    """The standard has it, this server does not (yet)."""

    http_status = 501


def no_feature(layer: str, key: str) -> NotThere:
    """There is no such feature (at that time)."""
    return NotThere(
        zh=f"图层 {layer} 没有要素 {key}（或该时间没有）。用 /collections/{layer}/items 查看",
        en=f"layer {layer} has no feature {key} (or not at that time). "
        f"See /collections/{layer}/items",
        layer=layer,
        key=key,
    )


def no_process(name: str, known: Iterable[str]) -> NotThere:
    """There is no process of that name."""
    return NotThere(
        zh=f"没有处理服务 {name[:80]}。可用：{'、'.join(known)}（见 /processes）",
        en=f"there is no process {name[:80]!r}. There are: {', '.join(known)} (see /processes)",
        process=name[:80],
        type="http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/no-such-process",
    )


def no_grid(name: str, known: Iterable[str]) -> NotThere:
    """Tiles are there in some tile matrix sets and one format."""
    return NotThere(
        zh=f"没有这样的瓦片（{name[:40]}）：网格有 {'、'.join(known)}，格式为 f=mvt",
        en=f"there are no such tiles ({name[:40]}): the grids are {', '.join(known)}, as f=mvt",
        grid=name[:40],
    )


def no_tilejson(name: str) -> NotThere:
    """TileJSON knows Web Mercator alone."""
    return NotThere(
        zh=f"TileJSON 只能描述 Web 墨卡托瓦片；{name} 请用 f=json 的瓦片集说明",
        en=f"TileJSON describes Web Mercator tiles only; of {name} ask the tileset, f=json",
        grid=name,
    )


def no_number(text: str) -> NotThere:
    """A part of a tile's address is not a number."""
    return NotThere(
        zh=f"瓦片地址中的“{text[:40]}”不是数字",
        en=f"{text[:40]!r} in a tile's address is no number",
    )


def bad_value(name: str, value: str, zh: str, en: str) -> Refused:
    """A parameter whose value can't be; `zh`, `en` say what would do."""
    shown = value[:200]
    return Refused(
        zh=f"参数 {name} 的值“{shown}”无效：{zh}",
        en=f"parameter {name} can't be {shown!r}: {en}",
        parameter=name,
        value=shown,
    )


def unknown_parameter(name: str, parameters: Iterable[str], fields: Iterable[str] = ()) -> Refused:
    """A parameter nobody reads: a typing error would otherwise give unfiltered data."""
    known, columns = ", ".join(sorted(parameters)), ", ".join(fields)
    return Refused(
        zh=f"不认识参数 {name[:80]}。参数：{known}" + (f"；字段：{columns}" if columns else ""),
        en=f"unknown parameter {name[:80]!r}. Parameters: {known}"
        + (f"; fields: {columns}" if columns else ""),
        parameter=name[:80],
    )
