"""Codes that carry their meaning in their digits: real-estate units, city components, and what a
layer says of its own codes.

Sources: GB/T 37346-2019 不动产单元设定与代码编制规则 (28 characters: 6 county, 3 and 3 cadastral
district, 2 kind of parcel, 5 sequence, 1 kind and 8 number of what stands on it); GB/T 30428.2
(16 digits: 6 county, 2 + 2 class, 6 sequence).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.layers.checklist import parameter
from gis.layers.model import Check
from gis.layers.registry import Registry
from gis.layers.shapes import Columns, RowCheck
from gis.layers.verdicts import Verdicts

UNIT_CODE = re.compile(
    r"^(?P<county>\d{6})(?P<district>\d{6})(?P<kind>[A-Z]{2})(?P<number>\d{5})"
    r"(?P<fixture>[A-Z])(?P<unit>\d{8})$"
)
# what `unit_code_fault` finds nothing wrong with, at a third of the price
FAULTLESS = re.compile(
    r"^\d{12}(?:[GJZ][BSXCDEFHGLNWY]|JA)(?!00000)\d{5}(?:[FLQ]\d{8}|W0{8})$", re.ASCII
).match
OWNERSHIP = "GJZ"  # state, collective, not determined
# second letter; W and Y: in dispute, other
PARCEL_KINDS = "ABSXCDEFHGLNWY"
FIXTURES = "FLQW"  # building, trees, other, nothing
ONLY_COLLECTIVE = "A"  # the right itself is collective ownership


def unit_code_fault(code: str) -> tuple[str, str] | None:
    """What is wrong with a 28-character unit code, Chinese and English; None if nothing is.

    >>> unit_code_fault("411702001008JC00009W00000000") is None
    True
    """
    found = UNIT_CODE.match(code)
    if found is None:
        return (
            f"应为 28 位：6 位县级区划、6 位地籍区与子区、2 位宗地特征码、5 位顺序号、1 位定着物"
            f"特征码、8 位单元号，这里是 {len(code)} 位",
            f"it should have 28 characters: 6 county, 6 cadastral district, 2 kind of parcel, "
            f"5 number, 1 kind and 8 number of the fixture; it has {len(code)}",
        )
    ownership, kind = found["kind"][0], found["kind"][1]
    if ownership not in OWNERSHIP:
        return (f"第 13 位 {ownership} 应为 {'、'.join(OWNERSHIP)} 之一",
                f"character 13, {ownership}, should be one of {', '.join(OWNERSHIP)}")  # fmt: skip
    if kind not in PARCEL_KINDS:
        return (f"第 14 位宗地特征码 {kind} 应为 {'、'.join(PARCEL_KINDS)} 之一",
                f"character 14, {kind}, should be one of {', '.join(PARCEL_KINDS)}")  # fmt: skip
    if kind in ONLY_COLLECTIVE and ownership != "J":
        return (f"宗地特征码 {kind}（集体土地所有权）只能与 J 组合，这里是 {ownership}{kind}",
                f"{kind} (collective ownership) only goes with J, not {ownership}")  # fmt: skip
    if int(found["number"]) == 0:
        return "宗地顺序号不能为 00000", "the number of the parcel can't be 00000"
    if found["fixture"] not in FIXTURES:
        return (f"第 20 位定着物特征码 {found['fixture']} 应为 {'、'.join(FIXTURES)} 之一",
                f"character 20, {found['fixture']}, should be one of "
                f"{', '.join(FIXTURES)}")  # fmt: skip
    if found["fixture"] == "W" and int(found["unit"]) != 0:
        return ("无定着物（W）时后 8 位应为 00000000",
                "where nothing stands on it (W) the last 8 digits are 00000000")  # fmt: skip
    return None


def _unit_code(
    wanted: Check, shapes: NDArray[np.object_], columns: Columns, registry: Registry,
    verdicts: Verdicts,
) -> None:  # fmt: skip
    name = str(parameter(wanted, "field"))
    codes = columns[name].tolist()
    faulty = [i for i, code in enumerate(codes) if code is not None and not FAULTLESS(code)]
    for i in faulty:
        fault = unit_code_fault(codes[i])
        if fault is not None:
            zh, en = fault
            verdicts.refuse(
                i,
                "unit_code",
                f"不动产单元代码 {codes[i]}：{zh}（GB/T 37346）。请改正",
                f"unit code {codes[i]}: {en} (GB/T 37346). Correct it",
                name,
            )


def _code_parts(
    wanted: Check, shapes: NDArray[np.object_], columns: Columns, registry: Registry,
    verdicts: Verdicts,
) -> None:  # fmt: skip
    name = str(parameter(wanted, "field"))
    given = parameter(wanted, "parts")
    parts: Sequence[Mapping[str, Any]] = given if isinstance(given, list | tuple) else ()
    codes = columns[name].tolist()
    for part in parts:
        start, stop, of = int(part["from"]) - 1, int(part["to"]), part.get("codelist")
        if of is not None:
            known = registry.codelists[str(of)].codes
            faulty = [
                i for i, code in enumerate(codes)
                if code is not None and code[start:stop] not in known
            ]  # fmt: skip
            for i in faulty:
                _refuse_piece(verdicts, i, name, codes[i], part, codes[i][start:stop], None)
            continue
        others = columns[str(part["field"])].tolist()
        faulty = [
            i for i, (code, other) in enumerate(zip(codes, others, strict=True))
            if code is not None and other is not None and code[start:stop] != other
        ]  # fmt: skip
        for i in faulty:
            _refuse_piece(verdicts, i, name, codes[i], part, codes[i][start:stop], str(others[i]))


def _refuse_piece(
    verdicts: Verdicts, i: int, name: str, code: object, part: Mapping[str, Any], piece: str,
    other: str | None,
) -> None:  # fmt: skip
    where = f"{part['from']}–{part['to']}"
    if other is None:
        zh, en = f"不在代码表 {part['codelist']} 中", f"is not in code list {part['codelist']}"
    else:
        zh = f"与字段 {part['field']} 的 {other} 不一致"
        en = f"is not the {other} that field {part['field']} says"
    verdicts.refuse(
        i,
        "code_parts",
        f"编码 {code} 的第 {where} 位“{piece}”{zh}。请核对",
        f'characters {where} of {code}, "{piece}": this {en}. Check it',
        name,
    )


STANDARD_CHECKS: Mapping[str, RowCheck] = {"unit_code": _unit_code, "code_parts": _code_parts}
