"""What somebody probably meant: the codes and names nearest to a text that is none of them."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from gis.layers.batch import Remark
from gis.layers.mapping import map_columns, unmapped
from gis.layers.model import Code, CodeList, Layer

FEW = 2
SHORTEST = 2  # letters: one says nothing
CUTOFF = 0.5  # of a Chinese word of two characters one may be wrong
LATIN_CUTOFF = 0.6


def near_codes(text: str, codelist: CodeList) -> list[Code]:
    """At most two entries of the list that `text` may stand for, nearest first; none where none
    is near.

    Names that hold the text or stand in it come first (污水管 holds 污水), the longest first;
    then those spelled alike."""
    wanted = text.strip().casefold()
    if len(wanted) < SHORTEST:
        return []
    words = {
        word.casefold(): code
        for code in codelist.codes.values()
        for word in (code.code, code.title.zh, code.title.en, *code.aliases)
    }
    held = [w for w in words if len(w) > 1 and not w.isdigit() and w in wanted]
    holds = [w for w in words if len(wanted) > 1 and not wanted.isdigit() and wanted in w]
    cutoff = LATIN_CUTOFF if wanted.isascii() else CUTOFF
    ranked = [
        *sorted(held, key=len, reverse=True),
        *sorted(holds, key=len),
        *difflib.get_close_matches(wanted, words, n=FEW, cutoff=cutoff),
    ]
    found = {words[word].code: words[word] for word in ranked}
    return list(found.values())[:FEW]


def near_name(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that is spelled most like `name`; None where none is."""
    folded = {other.casefold().replace("_", ""): other for other in names}
    wanted = name.casefold().replace("_", "")
    found = difflib.get_close_matches(wanted, folded, n=1, cutoff=0.6)
    if found:
        return folded[found[0]]
    parts = [other for other in folded if len(other) > 1 and (other in wanted or wanted in other)]
    return folded[max(parts, key=len)] if parts and len(wanted) > 1 else None


def column_remarks(layer: Layer, names: Iterable[str], placing: Collection[str]) -> list[Remark]:
    """Columns no field has taken that look like a field the delivery does not fill. They are kept
    in `extra` whatever they are; a remark says what they may be. `placing`: columns that only say
    where a row lies."""
    there = list(names)
    mapping = map_columns(layer, there)
    free = {
        word: field
        for field in layer.fields
        if field.name not in mapping
        for word in (field.name, *field.aliases)
    }
    remarks = []
    for name in unmapped(mapping, there):
        near = None if name in placing else near_name(name, free)
        if near is None:
            continue
        field = free[near]
        remarks.append(
            Remark(
                row=0,
                code="unmapped_column",
                zh=f"列“{name}”没有对应的字段，已原样存入 extra。"
                f"是否为 {field.title.zh}（{near}）？"
                f"是则改列名，或加入字段 {field.name} 的 aliases，再重交",
                en=f'column "{name}" is of no field and was kept in extra. Is it {field.title.en} '
                f"({near})? Then rename it, or add it to the aliases of {field.name}, and send it "
                f"again",
                field=field.name,
            )
        )
    return remarks
