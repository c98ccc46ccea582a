"""OWSLib walks the API: features with filters and pages, records, processes."""

from __future__ import annotations

import warnings

import psycopg
import pytest
from served import Served

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # owslib 0.36 imports what Python 3.12 has renamed
    from owslib.ogcapi.features import Features
    from owslib.ogcapi.processes import Processes
    from owslib.ogcapi.records import Records

pytestmark = pytest.mark.xdist_group("served")


def scalar(served: Served, statement: str) -> object:
    with psycopg.connect(served.database_url) as conn:
        found = conn.execute(statement.encode()).fetchone()
    assert found is not None
    return found[0]


def test_features(served_demo: Served) -> None:
    api = Features(f"{served_demo.url}/")
    assert "buildings" in api.feature_collections()
    assert api.conformance()["conformsTo"]
    assert api.api()["openapi"].startswith("3.0")
    every = scalar(served_demo, "SELECT count(*) FROM gis.buildings WHERE upper_inf(valid)")
    page = api.collection_items("buildings", limit=5)
    assert (page["numberMatched"], page["numberReturned"]) == (every, 5)
    high = api.collection_items("buildings", limit=5, filter="height_m > 30")
    assert high["numberMatched"] == scalar(
        served_demo, "SELECT count(*) FROM gis.buildings WHERE upper_inf(valid) AND height_m > 30"
    )
    first = page["features"][0]
    found = api.collection_item("buildings", str(first["id"]))
    assert found["properties"] == first["properties"]
    names = set(api.collection_queryables("buildings")["properties"])
    assert set(first["properties"]) <= names
    x, y = first["geometry"]["coordinates"][0][0][:2]
    near = api.collection_items("buildings", bbox=[x, y, x + 1e-6, y + 1e-6])
    assert first["id"] in [f["id"] for f in near["features"]]
    then = api.collection_items("buildings", datetime_="1900-01-01")
    assert then["numberMatched"] == 0


def test_records(served_demo: Served) -> None:
    api = Records(f"{served_demo.url}/")
    assert api.records() == ["catalogue"]
    found = api.collection_items("catalogue", q="Buildings", type="dataset")
    assert "layer:buildings" in [r["id"] for r in found["features"]]
    record = api.collection_item("catalogue", "layer:buildings")
    assert record["properties"]["type"] == "dataset"


def test_processes(served_demo: Served) -> None:
    api = Processes(f"{served_demo.url}/")
    assert "locate" in [p["id"] for p in api.processes()]
    assert "x" in api.process("locate")["inputs"]
    told = api.execute("locate", {"x": 114.0222, "y": 32.98})
    assert told["locate"]["lon"] == pytest.approx(114.0222)  # it asks for a document
