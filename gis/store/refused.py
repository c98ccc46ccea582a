"""Refused rows as a file to mend and send again."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from gis.coords import find_transformation, norm_frame
from gis.errors import CoordError, SourceError
from gis.store.ledger import quarantine_rows, show_delivery
from gis.store.pool import Store

# Columns that say why; a reader of deliveries may drop what begins like this.
MARK = "_refused_"
_RUNS = ("=", "+", "-", "@", "\t", "\r")


def export_refused(store: Store, delivery: int, out: Path) -> dict[str, Any]:
    """Write a delivery's refused rows to `out` (.csv or .geojson), reasons beside each row.

    Returns `{"delivery", "file", "rows", "frame"}`; coordinates are in `frame`, as they came.
    Raises SourceError for another suffix or a file that can't be written, StoreError where
    there is no such delivery.
    """
    head = show_delivery(store, delivery)
    frame = str(head["frame"]["name"])
    refused = quarantine_rows(store, delivery)
    write = {".csv": _write_csv, ".geojson": _write_geojson, ".json": _write_geojson}
    if out.suffix.lower() not in write:
        raise SourceError(
            zh=f"不能写 {out.name}：扩展名应为 .csv 或 .geojson",
            en=f"can't write {out.name}: its suffix must be .csv or .geojson",
            file=str(out),
        )
    rows = [row | {"shape": _shape(row, frame)} for row in refused]
    # A table carries its own coordinate columns; a WKT column beside them would win over them.
    table = str(head["source"]).lower().endswith((".csv", ".tsv", ".xlsx"))
    own = table and all(row["frame"] == frame for row in refused)
    try:
        write[out.suffix.lower()](rows, out, frame, own)
    except OSError as exc:
        raise SourceError(
            zh=f"不能写入 {out}：{exc.strerror}",
            en=f"can't write {out}: {exc.strerror}",
            file=str(out),
        ) from exc
    return {"delivery": delivery, "file": str(out), "rows": len(rows), "frame": frame}


def safe_cell(value: object) -> str:
    """The value as a spreadsheet shows it and never runs it: a text that begins like a formula
    gets an apostrophe, a number stays a number."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if text.startswith(_RUNS) and not _is_number(text):
        return "'" + text
    return text


def _write_csv(rows: list[dict[str, Any]], out: Path, frame: str, own: bool) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row["raw"]))
    wkt = [] if own else ["WKT"]
    with out.open("w", encoding="utf-8-sig", newline="") as file:  # with BOM: Excel asks for it
        writer = csv.writer(file)
        reasons = [MARK + word for word in ("row", "code", "field", "zh", "en")]
        writer.writerow([safe_cell(name) for name in (*names, *wkt, *reasons)])
        for row in rows:
            cells = [row["raw"].get(name) for name in names]
            if not own:
                cells.append(row["shape"].wkt if row["shape"] is not None else row["wkt"])
            cells += _reasons(row).values()
            writer.writerow([safe_cell(cell) for cell in cells])


def _write_geojson(rows: list[dict[str, Any]], out: Path, frame: str, own: bool) -> None:
    document: dict[str, Any] = {"type": "FeatureCollection"}
    if frame.startswith("EPSG:"):  # GDAL reads this; without it GeoJSON means WGS 84
        urn = f"urn:ogc:def:crs:EPSG::{frame.removeprefix('EPSG:')}"
        document["crs"] = {"type": "name", "properties": {"name": urn}}
    document["features"] = [
        {
            "type": "Feature",
            "geometry": _mapping(row["shape"]),
            "properties": {**row["raw"], **_marked(_reasons(row).items())},
        }
        for row in rows
    ]
    out.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")


def _reasons(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("row", "code", "field", "zh", "en")}


def _marked(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {MARK + name: value for name, value in pairs}


def _mapping(shape: BaseGeometry | None) -> dict[str, Any] | None:
    return None if shape is None or shape.is_empty else dict(shapely.geometry.mapping(shape))


def _shape(row: Mapping[str, Any], frame: str) -> BaseGeometry | None:
    """The row's geometry in the delivery's frame; None where it has none that can be read."""
    shape = shapely.from_wkt(row["wkt"], on_invalid="ignore") if row["wkt"] else None
    if shape is None or row["frame"] == frame:
        return shape
    try:
        back = find_transformation(norm_frame(row["frame"]), norm_frame(frame))
    except CoordError:  # a local frame, whose parameters the store has not
        return None
    moved: BaseGeometry = shapely.transform(shape, back.apply)
    return moved


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
