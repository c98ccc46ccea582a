"""Real cadastres and base maps: Swiss EWKT in JSON, French EDIGEO, a Dutch village of GML."""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from real_sets import (
    LAYER,
    box_of,
    in_postgis,
    independent,
    layered,
    load,
    near,
    on_earth,
    values,
)

from gis.errors import SourceError, UnknownFrame
from gis.layers import Registry
from gis.store import LayerQuery, Store, rows

# --- Swiss ----------------------------------------------------------------------------------


def records(path: Path) -> list[dict[str, Any]]:
    found = json.loads(path.read_text("utf-8"))
    assert isinstance(found, list)
    return found


def test_addresses_in_ewkt(store: Store, registry: Registry, shared_data: Path) -> None:
    path = shared_data / "e_cadastre" / "ch_real_estates" / "dev.addresses.json"
    more = layered(store, registry, "Point", "[street_name, street_number, zip_code]",
                   "street_name", "street_number", "zip_code:integer")  # fmt: skip
    loaded, theirs = load(store, more, path), records(path)
    assert (loaded.report.rows_in, loaded.report.quarantined) == (len(theirs), 0) == (3_710, 0)
    assert (loaded.report.format, loaded.report.frame.name) == ("JSON", "EPSG:2056")
    for name in ("street_name", "street_number", "zip_code"):
        assert loaded.texts(name) == Counter(row[name] for row in theirs), name
    assert sum(not row["street_name"].isascii() for row in theirs) == 445
    assert near(loaded.bounds, box_of(store, [row["geom"] for row in theirs]))


@pytest.mark.parametrize(
    ("what", "geometry", "key"),
    [("real_estates", "limit", "egrid"), ("municipalities", "geom", "fosnr")],
)
def test_areas_in_ewkt(
    what: str, geometry: str, key: str, store: Store, registry: Registry, shared_data: Path
) -> None:
    """No blank after the type; the parcel is as large as its register says."""
    path = shared_data / "e_cadastre" / "ch_real_estates" / f"dev.{what}.json"
    more = layered(store, registry, "MultiPolygon", key, key, "land_registry_area:number", "name")
    loaded, [theirs] = load(store, more, path), records(path)
    assert (loaded.report.rows_in, loaded.report.quarantined) == (1, 0)
    assert loaded.found.columns[key] == [str(theirs[key])]
    assert loaded.found.columns["name"] == [theirs.get("name")]
    text = theirs[geometry]
    assert re.match(r"SRID=2056;MULTIPOLYGON\(", text)
    assert near(loaded.bounds, box_of(store, [text]))
    ground = on_earth(store, loaded.found.geometry, "ST_Area")
    assert ground == pytest.approx(in_postgis(store, "sum(ST_Area(g))", [text]), rel=1e-3)
    if "land_registry_area" in theirs:
        assert loaded.found.columns["land_registry_area"] == [theirs["land_registry_area"]]
        assert ground == pytest.approx(theirs["land_registry_area"], rel=2e-3)


def test_a_list_of_codes_lies_nowhere(store: Store, registry: Registry, shared_data: Path) -> None:
    path = shared_data / "e_cadastre" / "ch_real_estates" / "ch.real_estate_type.json"
    more = layered(store, registry, "Point", "code", "code")
    with pytest.raises(SourceError, match="no coordinate columns"):
        load(store, more, path)


# --- French ---------------------------------------------------------------------------------


def test_french_buildings(store: Store, registry: Registry, shared_data: Path) -> None:
    """252 buildings on seven of eight sheets, where ogr2ogr puts them."""
    sheets = sorted((shared_data / "e_cadastre" / "fr_edigeo_25354").glob("*.tar.bz2"))
    more = layered(store, registry, "MultiPolygon", "rid", "rid:text:OBJECT_RID", "dur")
    parts = [f"{sheet}|BATIMENT_id" for sheet in sheets[1:]]
    reports = [load(store, more, part, mode="upsert").report for part in parts]
    with pytest.raises(SourceError, match="PARCELLE_id"):
        load(store, more, f"{sheets[0]}|BATIMENT_id")
    assert [r.rows_in for r in reports] == [134, 33, 24, 1, 4, 40, 16]
    assert sum(r.quarantined for r in reports) == 0
    found = rows(store, LayerQuery(layer=more.get(LAYER)))
    assert len(found.geometry) == 252
    assert Counter(found.columns["dur"]).keys() == {"01", "02"}


# --- Dutch ----------------------------------------------------------------------------------

ARCHIVE = Path("e_cadastre") / "nl_bgt_otterlo" / "otterlo.zip"


@pytest.mark.parametrize(
    ("member", "geometry", "count"),
    [("bgt_wegdeel", "MultiPolygon", 2_444), ("bgt_waterdeel", "MultiPolygon", 1_163),
     ("bgt_ondersteunendwegdeel", "MultiPolygon", 1_512),
     ("bgt_begroeidterreindeel", "MultiPolygon", 1_168),
     ("bgt_onbegroeidterreindeel", "MultiPolygon", 830),
     ("bgt_ondersteunendwaterdeel", "MultiPolygon", 170),
     ("bgt_gebouwinstallatie", "MultiPolygon", 175), ("bgt_overigbouwwerk", "MultiPolygon", 24),
     ("bgt_overbruggingsdeel", "MultiPolygon", 1), ("bgt_scheiding", "MultiLineString", 396),
     ("bgt_kunstwerkdeel", "MultiLineString", 66),
     ("bgt_weginrichtingselement", "MultiLineString", 52),
     ("bgt_vegetatieobject", "Point", 2_308), ("bgt_bak", "Point", 2), ("bgt_bord", "Point", 53),
     ("bgt_kast", "Point", 12), ("bgt_paal", "Point", 410), ("bgt_put", "Point", 1_045),
     ("bgt_sensor", "Point", 2), ("bgt_straatmeubilair", "Point", 16)],
)  # fmt: skip
def test_dutch_village(
    member: str, geometry: str, count: int, store: Store, registry: Registry, shared_data: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    """Curves come as lines; what is of another kind than the layer is refused and told so."""
    path = shared_data / ARCHIVE
    more = layered(
        store, registry, geometry, "gml_id", "gml_id", "lokaalid", "status:text:bgt-status"
    )
    loaded = load(store, more, f"{path}|{member}")
    with zipfile.ZipFile(path) as archive:
        text = archive.read(f"{member}.gml").decode("utf-8")
    # ogr2ogr stops at the second geometry some of these have, the foot of a slope
    single = tmp_path / f"{member}.gml"
    single.write_text(re.sub(r"<imgeo:kruinlijn(\w+)>.*?</imgeo:kruinlijn\1>", "", text), "utf-8")
    # to 4490 it knows no operation but a ballpark one; to 4326 one of a metre
    features = independent(single, None, "-nlt", "CONVERT_TO_LINEAR", target="EPSG:4326")
    assert loaded.report.rows_in == len(features) == count
    kind = geometry.removeprefix("Multi")
    shapes = {f["properties"]["gml_id"]: shapely.geometry.shape(f["geometry"]) for f in features}
    fitting = {i: s for i, s in shapes.items() if s.geom_type.removeprefix("Multi") == kind}
    assert set(loaded.report.reasons) <= {"wrong_geometry_type", "invalid_geometry"}
    assert loaded.report.reasons.get("wrong_geometry_type", 0) == len(shapes) - len(fitting)
    # arcs that touch may cross once they are chords; ours turn at other places than ogr2ogr's
    bad = sum(not shape.is_valid for shape in fitting.values())
    assert loaded.report.reasons.get("invalid_geometry", 0) <= bad
    kept = [f for f in features if f["properties"]["gml_id"] in set(loaded.found.columns["gml_id"])]
    assert loaded.texts("lokaalid") == values(kept, "lokaalID")
    assert loaded.texts("status") == values(kept, "bgt-status")
    there = [fitting[f["properties"]["gml_id"]] for f in kept]
    assert near(loaded.bounds, shapely.total_bounds(there).tolist())
    mine = shapely.area(loaded.found.geometry).sum()
    assert mine == pytest.approx(shapely.area(there).sum(), rel=5e-4)


def test_an_outline_is_no_label(store: Store, registry: Registry, shared_data: Path) -> None:
    """bgt_pand holds an outline and label places, GDAL takes the last; and it names no frame."""
    path = shared_data / ARCHIVE
    more = layered(
        store,
        registry,
        "MultiPolygon",
        "gml_id",
        "gml_id",
        "lokaalid",
        "ended:text:eindRegistratie",
    )
    with pytest.raises(UnknownFrame):
        load(store, more, f"{path}|bgt_pand")
    loaded = load(store, more, f"{path}|bgt_pand", crs="EPSG:28992")
    with zipfile.ZipFile(path) as archive:
        text = archive.read("bgt_pand.gml").decode("utf-8")
    parts = text.split("<cityObjectMember>")[1:]
    assert loaded.report.rows_in == len(parts) == 2_273
    assert set(loaded.report.reasons) <= {"invalid_geometry"}
    assert loaded.report.quarantined < 10
    kept = set(loaded.found.columns["gml_id"])
    named = [(re.findall(r'gml:id="([^"]+)"', part)[0], part) for part in parts]
    numbers = re.compile(r"<imgeo:lokaalID>([^<]+)<")
    assert loaded.texts("lokaalid") == Counter(numbers.findall(p)[0] for i, p in named if i in kept)
    ended = sum("<imgeo:eindRegistratie>" in part for i, part in named if i in kept)
    assert len([v for v in loaded.found.columns["ended"] if v]) == ended > 500
    plane = sum(_plane_area(part) for i, part in named if i in kept)
    assert on_earth(store, loaded.found.geometry, "ST_Area") == pytest.approx(plane, rel=1e-3)


def _plane_area(part: str) -> float:
    """Square metres of the outlines in a piece of GML, holes off."""
    area = 0.0
    for kind, ring in re.findall(
        r"<gml:(exterior|interior)>.*?<gml:posList[^>]*>([^<]+)<", part, re.S
    ):
        x, y = np.array(ring.split(), dtype=float).reshape(-1, 2).T
        size = abs(float(np.dot(x[:-1] - x[0], np.diff(y)) - np.dot(y[:-1] - y[0], np.diff(x)))) / 2
        area += size if kind == "exterior" else -size
    return area
