"""Alerts for the field tablet: a GeoPackage, or shapefiles in a zip, in degrees and in metres."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.coords import STORAGE, Frame, norm_frame, normalise
from gis.errors import ChangeError
from gis.layers import Layer, Registry
from gis.layers.model import FieldType
from gis.sources.writing import Target, write_geopackage, write_shapefile
from gis.store import FeatureRows, LayerQuery, Store, rows

LAYER = "alerts"
STORAGE_EPSG = 4490
# For whoever stands in the field to fill in, and to send back with the number.
TO_FILL = (("核查结果", "checked"), ("核查人", "checked_by"), ("核查日期", "checked_on"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """Rows as the writers of files take them."""

    key: NDArray[np.int64]
    valid_from: list[datetime]
    valid_to: list[datetime | None]
    geometry: NDArray[np.object_]
    columns: dict[str, list[Any]]


def write_field_package(
    store: Store,
    registry: Registry,
    out: Path,
    *,
    states: Sequence[str] = (),
    county: str | None = None,
) -> int:
    """Write the current alerts to `out` and return how many: `.gpkg` with a layer in EPSG:4490
    and one in the city's metric frame, fields under their Chinese titles; `.zip` with a shapefile
    for each, fields under their names, as a shapefile holds ten letters. Codes are written out in
    words. Raises ChangeError for another ending, or where no alert is meant."""
    if out.suffix not in (".gpkg", ".zip"):
        raise ChangeError(
            zh=f"{out.name} 应以 .gpkg 或 .zip 结尾",
            en=f"{out.name} must end in .gpkg or .zip",
            file=out.name,
        )
    layer = registry.get(LAYER)
    found = _chosen(rows(store, LayerQuery(layer=layer)), states, county)
    if not len(found.key):
        raise ChangeError(
            zh="没有符合条件的线索，未写出文件。用 gis alerts list 查看",
            en="no alert is like that, and no file was written. See gis alerts list",
            states=list(states),
            county=county,
        )
    plane = norm_frame(registry.city.metric_frame)
    metric = replace(found, geometry=normalise(found.geometry, STORAGE, target=plane).geometry)
    placed = ((STORAGE_EPSG, found), (_epsg(plane), metric))
    titled = out.suffix == ".gpkg"
    parts = []
    for epsg, batch in placed:
        named, columns = _named(layer, registry, batch, titled=titled)
        mine = replace(layer, id=f"{LAYER}_{epsg}")
        parts.append((Target(layer=mine, columns=columns, epsg=epsg), named))
    out.unlink(missing_ok=True)
    (_geopackage if titled else _shapefiles)(out, parts)
    return len(found.key)


def _chosen(found: FeatureRows, states: Sequence[str], county: str | None) -> _Batch:
    mine = [
        i
        for i, (state, where) in enumerate(
            zip(found.columns["state"], found.columns["county_code"], strict=True)
        )
        if (not states or state in states) and county in (None, where)
    ]
    return _Batch(
        key=found.key[mine],
        valid_from=[found.valid_from[i] for i in mine],
        valid_to=[found.valid_to[i] for i in mine],
        geometry=found.geometry[mine],
        columns={name: [column[i] for i in mine] for name, column in found.columns.items()},
    )


def _named(
    layer: Layer, registry: Registry, batch: _Batch, *, titled: bool
) -> tuple[_Batch, tuple[tuple[str, FieldType], ...]]:
    """Columns as the file names them, codes in words."""
    columns: dict[str, list[Any]] = {}
    kinds: dict[str, FieldType] = {}
    for field in layer.fields:
        name = field.title.zh if titled else field.name
        words = registry.codelist(field)
        if field.name == "reasons":
            words = registry.codelists["alert_reason"]
        columns[name] = [
            value if words is None or value is None else _in_words(value, words.codes)
            for value in batch.columns[field.name]
        ]
        kinds[name] = "text" if words is not None else field.type
    for zh, en in TO_FILL:
        columns[zh if titled else en] = [None] * len(batch.key)
        kinds[zh if titled else en] = "text"
    return replace(batch, columns=columns), tuple(kinds.items())


def _in_words(value: str, codes: Any) -> str:
    return "、".join(codes[c].title.zh if c in codes else c for c in value.split(","))


def _epsg(frame: Frame) -> int:
    return int(frame.name.removeprefix("EPSG:"))


def _geopackage(out: Path, parts: Sequence[tuple[Target, _Batch]]) -> None:
    for target, batch in parts:
        write_geopackage(out, target, [batch])


def _shapefiles(out: Path, parts: Sequence[tuple[Target, _Batch]]) -> None:
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(out, "w") as packed:
        for target, batch in parts:
            one = Path(folder) / f"{target.layer.id}.zip"
            write_shapefile(one, target, [batch])
            with zipfile.ZipFile(one) as unpacked:
                for name in unpacked.namelist():
                    packed.writestr(name, unpacked.read(name), zipfile.ZIP_DEFLATED)
