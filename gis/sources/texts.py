"""Which encoding a text is in: found from its bytes, never assumed.

Undecodable bytes become surrogates (PEP 383), so that the rows that hold them can be told and
refused one by one while the rest of the file goes in.
"""

from __future__ import annotations

import codecs
import contextlib
import re
import unicodedata

from gis.errors import SourceError

# UTF-8 first: GBK text is practically never valid UTF-8, while UTF-8 often passes as GB 18030.
CANDIDATES = ("utf-8", "gb18030")
MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
# A statement that its bytes can refute; of one byte a character every text is valid.
REFUTABLE = ("big5", "big5hkscs", "euc_kr", "cp949", "shift_jis", "cp932", "euc_jp")
# Written by programs without being asked, whatever the text is: no statement.
WESTERN = ("iso8859_1", "cp1252", "ascii")
_PAIR = re.compile(rb"[\x81-\xfe][\x30-\xfe]")
WORST = 0.02  # more of a text than this undecodable: not a text in that encoding


def find_encoding(data: bytes, source: str, wanted: str = "auto", stated: str | None = None) -> str:
    """The encoding of `data`: `wanted` unless "auto"; a byte-order mark; UTF-8; what a file beside
    it has `stated`, where the bytes could have refuted it and do not; GB 18030, where the text
    looks like Chinese.

    Raises SourceError where `wanted` is not an encoding or none fits.
    """
    if wanted != "auto":
        try:
            b"".decode(wanted)
        except LookupError as exc:
            raise SourceError(
                zh=f"没有 {wanted} 这种编码；常用：utf-8、gbk、gb18030",
                en=f"there is no encoding {wanted}; usual ones: utf-8, gbk, gb18030",
                encoding=wanted,
            ) from exc
        return "gb18030" if wanted.lower() in ("gbk", "gb2312", "cp936", "936") else wanted
    for mark, encoding in MARKS.items():
        # FF FE also begins a broken GBK text; UTF-16 has an even length and many zero bytes
        if data.startswith(mark) and (encoding == "utf-8-sig" or b"\x00" in data[:64]):
            return encoding
    lost = {name: _lost(data, name) for name in CANDIDATES}
    best = min(CANDIDATES, key=lambda name: lost[name])
    codec = _codec(stated)
    if lost["utf-8"] and codec is not None and _stands(data, codec):
        return codec
    foreign = best == "gb18030" and _unlike_chinese(data)
    if foreign and codec in WESTERN and not _lost(data, codec):
        return codec
    if foreign or lost[best] > WORST * max(len(data), 50):
        raise SourceError(
            zh=f"{source} 的编码既不是 UTF-8 也不是 GB18030。请用 --encoding 指定",
            en=f"{source} is neither UTF-8 nor GB 18030. Pass its --encoding",
            source=source,
        )
    return best


def _stands(data: bytes, codec: str) -> bool:
    """Whether a statement holds against the bytes: of several bytes a character they may
    contradict it; of one, Chinese would come out as signs among letters."""
    if codec in REFUTABLE:
        return not _lost(data, codec)
    return codec not in (*CANDIDATES, *WESTERN, "gbk", "gb2312") and _all_letters(data, codec)


def _all_letters(data: bytes, codec: str) -> bool:
    try:
        text = data.decode(codec)
    except (UnicodeError, LookupError):
        return False
    return all(c.isascii() or c.isalpha() or unicodedata.combining(c) > 0 for c in text)


def _unlike_chinese(data: bytes) -> bool:
    """Whether most characters of two bytes end in one of ASCII, as accented letters do that have
    swallowed the next. Common Chinese characters never do, rare ones one time in three."""
    pairs = _PAIR.findall(data)
    ascii_ends = sum(1 for pair in pairs if pair[1] < 0x80)
    return bool(ascii_ends > len(pairs) / 2)


def _codec(name: str | None) -> str | None:
    """Python's own name of an encoding, however it is spelt (Big-5, koi8r, 874); None where it has
    none."""
    plain = (name or "").strip()
    other = re.sub(r"^koi8-?(?=[ru]$)", "koi8-", plain.replace("-", ""), flags=re.I)
    for spelt in (plain, other, f"cp{plain}") if plain else ():
        with contextlib.suppress(LookupError):
            return codecs.lookup(spelt).name.replace("-", "_")
    return None


def _lost(data: bytes, encoding: str) -> int:
    with contextlib.suppress(UnicodeDecodeError):
        data.decode(encoding)
        return 0
    text = data.decode(encoding, "surrogateescape")
    return sum("\udc80" <= c <= "\udcff" for c in text) if not text.isascii() else 0


def decode(data: bytes, encoding: str) -> str:
    """`data` as text; bytes that are no character become surrogates."""
    if encoding == "utf-16":
        return data.decode(encoding, "replace")
    return data.decode(encoding, "surrogateescape")


def is_whole(text: str) -> bool:
    """Whether every byte of the text was a character."""
    return not any("\ud800" <= c <= "\udfff" for c in text)
