"""Texts that were decoded wrongly before they reached us (乱码), told by the words they should be.

A department opens a UTF-8 table as GBK and saves it: 管线 has become 绠＄嚎, in good UTF-8. Known
column names and place words are the dictionary; a reading that turns unknown names into known
ones is the right one, and it is applied to every text of the delivery.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gis.layers.model import Layer

# (what the bytes were taken for, what they are)
MISTAKES = (
    ("gb18030", "utf-8"),
    ("latin-1", "gb18030"),
    ("latin-1", "utf-8"),
    ("cp1252", "gb18030"),
    ("cp1252", "utf-8"),
    ("big5", "gb18030"),
)
# Characters that names of places and columns are made of; rare ones are what mistakes make.
USUAL = frozenset(
    "省市县区镇乡村街道路号名称编码类型面积用地规划管线点起终高程坐标经纬度材质径埋深权属单位日期"
    "驻马店驿城平舆上蔡西新泌阳确山汝南遂正河南北东中大小学院公司局所站园桥水电气热信给排污雨"
    "建筑物层数用途状态主部门备注年月日期长度宽面地块宗不动产籍图幅分局管理人民政府国有集体"
)
LOST = "锟斤拷"  # U+FFFD in UTF-8, read as GBK: what it stood for is gone


@dataclass(frozen=True, slots=True)
class Mend:
    """How every text of a delivery is put right. `text`: for the report, None = nothing is."""

    taken_for: str | None = None
    really: str | None = None

    @property
    def text(self) -> str | None:
        return f"{self.really} ← {self.taken_for}" if self.really else None

    def __call__(self, text: str) -> str:
        """`text` put right; one that is lost for good keeps a mark that refuses its row."""
        if self.taken_for and self.really and not text.isascii():
            text = _again(text, self.taken_for, self.really) or text
        if text.isascii() or LOST not in text:
            return text
        return text.replace(LOST, "\ufffd\ufffd")


no_mend = Mend()


def words_of(layer: Layer) -> frozenset[str]:
    """The names a layer's columns may bear."""
    names = (n for f in layer.fields for n in (f.name, f.title.zh, *f.aliases))
    return frozenset(name for name in names if not name.isascii())


def find_mend(texts: Iterable[str], words: frozenset[str]) -> Mend:
    """How `texts` (column names first, then some values) are put right: by the reading that
    makes them known words or usual characters, where they are not already."""
    foreign = [t for t in texts if not t.isascii()][:2000]
    if not foreign:
        return no_mend
    best, most = no_mend, _sense(foreign, words)
    for taken_for, really in MISTAKES:
        pairs = [(t, _again(t, taken_for, really)) for t in foreign]
        if sum(new is not None for _, new in pairs) < 0.8 * len(pairs):
            continue
        score = _sense([new or old for old, new in pairs], words)
        if score > 2 * most + 1:
            best, most = Mend(taken_for, really), score
    return best


def _again(text: str, taken_for: str, really: str) -> str | None:
    """`text` decoded as it should have been; None where its bytes are no text in `really`."""
    try:
        return text.encode(taken_for).decode(really)
    except UnicodeError:
        return None


def _sense(texts: Iterable[str], words: frozenset[str]) -> float:
    """Known words count most, then the share of usual characters."""
    listed = list(texts)
    known = sum(t.strip() in words for t in listed)
    characters = [c for t in listed for c in t if not c.isascii()]
    usual = sum(c in USUAL for c in characters)
    return 3.0 * known + 10.0 * usual / max(len(characters), 1)
