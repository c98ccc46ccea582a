"""Angles as people write them: decimal degrees, degrees-minutes-seconds, packed DDD.MMSS."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from gis.errors import CoordError

Floats = NDArray[np.float64]

_DMS = re.compile(
    r"(?P<sign>[+-])?\s*(?P<d>\d{1,3}(?:\.\d+)?)\s*[°º度:dD\s]\s*"
    r"(?:(?P<m>\d{1,2}(?:\.\d+)?)\s*[′'’分:mM\s]?\s*)?"
    r"(?:(?P<s>\d{1,2}(?:\.\d+)?)\s*[″\"”秒sS]?\s*)?(?:'')?"
)
_HEMISPHERES = {"N": 1, "E": 1, "S": -1, "W": -1, "北纬": 1, "东经": 1, "南纬": -1, "西经": -1}


def parse_angle(text: str) -> float:
    """Degrees from "114.022", "114°01′19.2″", "114 01 19.2E", "东经114度1分19.2秒", or any plain
    number. Raises CoordError for what is none of these, or has 60 minutes or seconds."""
    rest, sign = text.strip().replace("，", ""), 1
    for mark, way in _HEMISPHERES.items():
        # capitals only: a small s is a second
        if rest.startswith(mark) or rest.endswith(mark):
            rest, sign = rest.replace(mark, "").strip(), way
            break
    try:
        return sign * _finite(float(rest))
    except ValueError:
        pass
    found = _DMS.fullmatch(rest)
    if found is None:
        raise _unreadable(text)
    degrees, minutes, seconds = (float(found[part] or 0.0) for part in ("d", "m", "s"))
    if minutes >= 60 or seconds >= 60:
        raise _unreadable(text)
    value = degrees + minutes / 60.0 + seconds / 3600.0
    return sign * (-value if found["sign"] == "-" else value)


def degrees_from_packed(packed: Floats) -> Floats:
    """Decimal degrees from DDD.MMSSsss, as survey sheets write angles (38.0605 = 38 deg 06' 05").

    NaN where minutes or seconds would be 60 or more: such a number is no packed angle."""
    values = np.asarray(packed, np.float64)
    # whole units of 1e-9 of a packed degree: 38.06 is not quite 38.06 in floating point
    units = np.rint(np.abs(values) * 1e9).astype(np.int64)
    degrees, rest = np.divmod(units, 1_000_000_000)
    minutes, rest = np.divmod(rest, 10_000_000)
    seconds = rest / 1e5
    whole = degrees + minutes / 60.0 + seconds / 3600.0
    return np.asarray(np.where((minutes < 60) & (seconds < 60), np.copysign(whole, values), np.nan))


def _finite(value: float) -> float:
    if not np.isfinite(value):
        raise _unreadable(str(value))
    return value


def _unreadable(text: str) -> CoordError:
    return CoordError(
        zh=f"“{text}”不是坐标。可写 114.022、114°01′19.2″ 或 114 01 19.2",
        en=f"'{text}' is no coordinate. Write 114.022, 114°01′19.2″ or 114 01 19.2",
        value=text,
    )
