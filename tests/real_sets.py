"""What the tests of real sets of files share: a layer of YAML alone, and readings of the same
files that are not ours: ogr2ogr (GDAL of the system, another version) and PostGIS."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from postgis import PROJECT

from gis.ingest import IngestRequest, LoadReport, ingest
from gis.layers import Registry, load_registry
from gis.store import LayerQuery, Store, rows
from gis.store.pool import prepare
from gis.store.query import FeatureRows

LAYER = "real_set"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of one delivery, and what is stored now."""

    report: LoadReport
    found: FeatureRows

    def texts(self, name: str) -> Counter[str | None]:
        return Counter(self.found.columns[name])

    @property
    def bounds(self) -> list[float]:
        return [float(v) for v in shapely.total_bounds(self.found.geometry)]


def layered(store: Store, registry: Registry, geometry: str, key: str, *fields: str) -> Registry:
    """The registry with one more layer, made by its YAML. A field: name[:type[:alias]][ rest]."""
    lines = []
    for field in fields:
        head, _, rest = field.partition(" ")
        name, kind, alias = [*head.split(":"), "", ""][:3]
        aliases = f", aliases: [{alias}]" if alias else ""
        more = f", {rest}" if rest else ""
        needed = ", required: true" if name == key else ""
        lines.append(f"  - {{name: {name}, type: {kind or 'text'}{aliases}{needed}{more}}}")
    text = "\n".join(
        [
            f"id: {LAYER}",
            "title: {zh: 真实数据, en: Real set}",
            "theme: base",
            f"geometry: {geometry}",
            f"key: {key}",
            "accuracy_m: 500",
            "classification: public",
            "fields:",
            *lines,
            "checks: [valid_geometry]",
        ]
    )
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config"
        shutil.copytree(PROJECT / "config", config)
        (config / "layers" / f"{LAYER}.yml").write_text(text, "utf-8")
        more_layers = load_registry(config, PROJECT / "data")
    prepare(store.url, more_layers)
    return more_layers


def load(
    store: Store, registry: Registry, path: Path | str, crs: str = "auto", mode: str = "full",
    encoding: str = "auto",
) -> Loaded:  # fmt: skip
    request = IngestRequest(path=Path(path), layer=LAYER, crs=crs, mode=mode, encoding=encoding)  # type: ignore[arg-type]
    report = ingest(store, registry, request, {})
    return Loaded(report, rows(store, LayerQuery(layer=registry.get(LAYER))))


def independent(
    source: Path | str, layer: str | None = None, *options: str, target: str = "EPSG:4490"
) -> list[Any]:
    """The features as ogr2ogr gives them, in degrees."""
    if shutil.which("ogr2ogr") is None:
        pytest.fail("ogr2ogr is missing: run scripts/setup.sh test")
    words = ["ogr2ogr", "-f", "GeoJSON", "-lco", "RFC7946=NO", "-lco", "COORDINATE_PRECISION=12",
             "-t_srs", target, *options, "/vsistdout/", str(source),
             *([layer] if layer else [])]  # fmt: skip
    out = subprocess.run(words, capture_output=True, check=True).stdout
    features: list[Any] = json.loads(out)["features"]
    return features


def agree(loaded: Loaded, features: list[Any], metres: float = 2.0) -> None:
    """Counts, box and areas as ogr2ogr has them, for a delivery of which nothing was refused."""
    assert loaded.report.quarantined == 0, loaded.report.reasons
    assert loaded.report.rows_in == len(features) == len(loaded.found.geometry)
    shapes = [shapely.geometry.shape(f["geometry"]) for f in features]
    theirs = shapely.total_bounds(shapes)
    assert np.abs(np.array(loaded.bounds) - theirs).max() < metres / 100_000
    mine, other = shapely.area(loaded.found.geometry).sum(), shapely.area(shapes).sum()
    assert mine == pytest.approx(other, rel=1e-6)


def values(features: list[Any], name: str) -> Counter[Any]:
    """A column of ogr2ogr's features; an empty text is none."""
    return Counter(f["properties"][name] or None for f in features)


# --- PostGIS, which knows nothing of our readers and transformations -------------------------

AGGREGATE = "SELECT {} FROM (SELECT t::geometry AS g FROM unnest(%s::text[]) t) s"
IN_DEGREES = "ST_Transform(ST_CurveToLine(ST_Force2D(g)), 4326)"


def in_postgis(store: Store, expression: str, texts: Iterable[str]) -> Any:
    """The value of an aggregate over the geometries g that `texts` hold as EWKT or EWKB."""
    with store.connection() as conn:
        [[value]] = conn.execute(AGGREGATE.format(expression).encode(), [list(texts)]).fetchall()
    return value


def on_earth(store: Store, shapes: Iterable[Any], function: str) -> float:
    """The sum of ST_Area or ST_Length of stored shapes on the ellipsoid, metres."""
    texts = [f"SRID=4326;{shapely.to_wkt(g, rounding_precision=-1)}" for g in shapes]
    return float(in_postgis(store, f"sum({function}(g::geography))", texts))


def box_of(store: Store, texts: Iterable[str]) -> list[float]:
    """West, south, east, north in WGS 84 of geometries with their SRID."""
    extent = f"ST_Extent({IN_DEGREES})"
    corners = f"array[ST_XMin({extent}), ST_YMin({extent}), ST_XMax({extent}), ST_YMax({extent})]"
    return [float(v) for v in in_postgis(store, corners, texts)]


def near(mine: list[float], theirs: list[float], metres: float = 2.0) -> bool:
    return bool(np.abs(np.array(mine) - theirs).max() < metres / 100_000)
