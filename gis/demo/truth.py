"""The answers kept beside the files, so that results can be scored."""

from __future__ import annotations

import json
from pathlib import Path

import shapely

from gis.demo.changes import Changes
from gis.demo.city import City
from gis.demo.deliveries import Outbox, to_degrees


def write_changes(city: City, path: Path) -> None:
    """changes.geojson (EPSG:4490, longitude first): what changed between the two photographs.

    Properties: change_id, kind, building_id (None for what no register knows), storeys, height_m
    (above ground, afterwards), delta_h_m, area_m2, permitted, reasons (alert_reason codes),
    illegal."""
    made = city.changes.made
    shapes = shapely.to_geojson(to_degrees(made.geometry))
    features = [
        {
            "type": "Feature",
            "id": i + 1,
            "geometry": json.loads(text),
            "properties": _properties(city, city.changes, i),
        }
        for i, text in enumerate(shapes)
    ]
    collection = {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4490"}},
        "features": features,
    }
    path.write_text(json.dumps(collection, ensure_ascii=False) + "\n", encoding="utf-8")


def _properties(city: City, changes: Changes, i: int) -> dict[str, object]:
    made = changes.made
    building = int(made["building"][i])
    return {
        "change_id": f"C{i + 1:03d}",
        "kind": made["kind"][i],
        "building_id": city.standing["building_id"][building] if building >= 0 else None,
        "storeys": int(made["storeys"][i]),
        "height_m": round(float(made["height_m"][i]), 2),
        "delta_h_m": round(float(made["delta_h_m"][i]), 2),
        "area_m2": round(float(made.geometry[i].area), 1),
        "permitted": bool(made["permitted"][i]),
        "reasons": list(made["reasons"][i]),
        "illegal": bool(made["illegal"][i]),
    }


def write_rows(box: Outbox, path: Path) -> None:
    """rows.json: for each delivery its layer, its rows, and which are broken and why. `row`
    counts data rows from 1; in 报备 TXT files it is the line of the parcel's head."""
    record = {
        name: {
            "layer": layer,
            "rows_in": rows,
            "broken": [{"row": b.row, "code": b.code} for b in broken],
        }
        for name, (layer, rows, broken) in box.rows.items()
    }
    path.write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
