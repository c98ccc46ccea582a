"""What was refused goes back in the form it came in, and is taken in again once it is mended."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from gis.coords import LocalFrame
from gis.layers import Layer, RawBatch
from gis.layers.mapping import map_columns
from gis.layers.refused import Form, without_reasons
from gis.sources import Delivery
from gis.sources.refused_files import choose, write_refused
from gis.store import Store
from gis.store.refused import WHOLE, refused_rows

ROWS_TRIED = 50
NEAR = 1e-9


def export_refused(
    store: Store, delivery: int, out: Path, local_frames: Mapping[str, LocalFrame] | None = None
) -> dict[str, Any]:
    """Write a delivery's refused rows to `out`, reasons beside each row: in the format of its
    suffix, or, where it has none or is a folder, in the one they came in.

    Returns `{"delivery", "file", "rows", "frame", "format", "came_as", "instead", "resend"}`:
    coordinates are in `frame`, as they came; `instead` says why another format was taken.
    Raises SourceError for a suffix that is not written or a file that can't be, StoreError where
    there is no such delivery."""
    refused = refused_rows(store, delivery, local_frames)
    choice = choose(refused, out)
    written, instead = write_refused(refused, choice)
    crs = "" if written.states_frame(refused.frame) else f" --crs {refused.frame}"
    return {
        "delivery": delivery,
        "file": str(written.path),
        "rows": len(refused.rows),
        "frame": refused.frame,
        "format": written.format,
        "encoding": written.encoding,
        "came_as": refused.form.format,
        "instead": None if instead is None else {"zh": instead.zh, "en": instead.en},
        "resend": f"gis ingest {written.path} --layer {refused.layer} --mode upsert{crs}",
    }


def returned(raw: RawBatch, delivery: Delivery) -> RawBatch:
    """A batch without the columns that say why its rows were refused."""
    return without_reasons(raw, quoted=delivery.format.startswith("CSV"))


def form_of(delivery: Delivery, path: Path, raw: RawBatch, layer: Layer) -> Form:
    """The form of a delivery, by its first batch. `path`: as the sender gave it, FILE|PART."""
    part = str(path).partition("|")[2].rpartition("|")[2]
    return Form(
        format=delivery.format,
        encoding=delivery.encoding,
        delimiter=delivery.delimiter,
        part=part or None,
        columns=tuple((name, _type(column)) for name, column in raw.columns.items()),
        fields=map_columns(layer, raw.columns),
        placing=tuple(sorted(raw.placing)),
        places=_places(raw),
    )


def _type(column: np.ndarray[Any, Any]) -> str:
    first = next((value for value in column if value is not None), None)
    if not hasattr(first, "year"):
        return "plain"
    return "datetime" if hasattr(first, "hour") else "date"


def _places(raw: RawBatch) -> tuple[tuple[str, int, int], ...]:
    """Which columns hold which coordinate, told by their values; none where one is not found."""
    if len(raw.placing) < 2:
        return tuple((name, WHOLE, 0) for name in raw.placing)
    there = [i for i in range(min(len(raw), ROWS_TRIED)) if raw.geometry[i] is not None]
    points = [shapely.get_coordinates(raw.geometry[i], include_z=True) for i in there]
    if not there or any(len(at) != len(points[0]) or len(at) > 2 for at in points):
        return ()
    values = np.stack(points)
    numbers = {name: _numbers(column, there) for name, column in raw.columns.items()}
    found: list[tuple[str, int, int]] = []
    for vertex in range(values.shape[1]):
        for axis in range(3):
            taken = {name for name, _, _ in found}
            among = [n for n in numbers if n not in taken and (axis == 2 or n in raw.placing)]
            name = next((n for n in among if _same(numbers[n], values[:, vertex, axis])), None)
            if name is not None:
                found.append((name, vertex, axis))
            elif axis < 2:
                return ()
    return tuple(found)


def _numbers(column: np.ndarray[Any, Any], there: list[int]) -> np.ndarray[Any, Any] | None:
    try:
        return np.array([np.nan if column[i] is None else float(column[i]) for i in there])
    except (TypeError, ValueError):
        return None


def _same(numbers: np.ndarray[Any, Any] | None, wanted: np.ndarray[Any, Any]) -> bool:
    """Equal in every row where the shape has that coordinate; a height may be missing."""
    known = np.isfinite(wanted)
    if numbers is None or not known.any():
        return False
    return bool(np.allclose(numbers[known], wanted[known], rtol=0, atol=NEAR))
