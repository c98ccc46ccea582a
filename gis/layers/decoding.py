"""Texts that hold bytes which are no characters of the delivery's encoding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gis.layers.batch import Batch
from gis.layers.verdicts import Verdicts


def refuse_undecodable(batch: Batch, verdicts: Verdicts) -> None:
    """Refuse rows with a broken text, for its column."""
    for name, column in batch.columns.items():
        if _all_whole(column):
            continue
        for i, value in enumerate(column):
            if isinstance(value, str) and not value.isascii() and not is_whole(value):
                verdicts.refuse(
                    i,
                    "not_decodable",
                    f"{name} 含有不属于文件编码的字节：{value!a}。请重新录入",
                    f"{name} holds bytes that are no characters of the file's encoding: "
                    f"{value!a}. Type it in again",
                    name,
                )


def _all_whole(column: NDArray[np.object_]) -> bool:
    """Whether no text of the column is broken, looked at all at once."""
    joined = "".join(value for value in column.tolist() if isinstance(value, str))
    if joined.isascii():
        return True
    try:
        joined.encode()
    except UnicodeEncodeError:  # halves of characters
        return False
    return "\ufffd" not in joined


def is_whole(text: str) -> bool:
    """Whether every byte of the text was a character."""
    return not any("\ud800" <= c <= "\udfff" or c == "\ufffd" for c in text)
