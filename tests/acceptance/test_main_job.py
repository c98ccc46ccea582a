"""The main job, seen from outside: a real server, real clients, and SQL as the other witness."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import Any

import httpx
import mapbox_vector_tile
import psycopg
import pytest
from served import Served

pytestmark = pytest.mark.xdist_group("served")

LAYERS = {
    "land_use_plan", "control_plan_blocks", "planning_permits", "red_lines", "plan_projects",
    "pipe_points", "pipe_segments", "parcels", "buildings", "property_units", "components",
    "roads", "admin_areas", "place_names", "iot_things", "imagery",
}  # fmt: skip
FIRST = "2023-06-01"  # as-of of the demo's first deliveries


def sql(served: Served, query: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(served.database_url) as conn:
        return conn.execute(query, values).fetchall()


def get(served: Served, path: str, **params: object) -> dict[str, Any]:
    answer = httpx.get(f"{served.url}{path}", params=params, timeout=30)
    assert answer.status_code == 200, answer.text[:500]
    return answer.json()


def centre(served: Served, layer: str, half: float = 0.004) -> tuple[float, float, float, float]:
    """A box around the middle of a layer's current features, degrees."""
    [(lon, lat)] = sql(
        served,
        f"SELECT avg(ST_X(ST_Centroid(geom))), avg(ST_Y(ST_Centroid(geom))) FROM gis.{layer}"  # noqa: S608
        " WHERE upper_inf(valid)",
    )
    return (lon - half, lat - half, lon + half, lat + half)


def keys_in(served: Served, layer: str, box: tuple[float, ...]) -> set[int]:
    rows = sql(
        served,
        f"SELECT key FROM gis.{layer} WHERE upper_inf(valid)"  # noqa: S608
        " AND ST_Intersects(geom, ST_MakeEnvelope(%s, %s, %s, %s, 4490))",
        *box,
    )
    return {key for (key,) in rows}


def test_every_layer_is_filled_and_nothing_disappeared(served_demo: Served) -> None:
    rows = {row["layer"]: row for row in served_demo.summary["layers"]}
    assert set(rows) == LAYERS
    for row in rows.values():
        assert row["rows_in"] == row["accepted"] + row["quarantined"]
        assert row["accepted"] == row["new"] + row["changed"] + row["unchanged"]
        assert row["accepted"] > 0


def test_the_alerts_score_against_the_truth(served_demo: Served) -> None:
    assert served_demo.summary["alerts"] > 0
    assert served_demo.summary["precision"] >= 0.9
    assert served_demo.summary["recall"] >= 0.9


@pytest.mark.parametrize("layer", ["parcels", "buildings", "pipe_segments", "components"])
def test_gdal_counts_what_sql_counts(served_demo: Served, layer: str) -> None:
    if shutil.which("ogrinfo") is None:
        pytest.fail("ogrinfo is missing: run scripts/setup.sh test")
    box = centre(served_demo, layer)
    words = ["ogrinfo", "-ro", "-so", f"OAPIF:{served_demo.url}/", layer, "-spat", *map(str, box)]
    out = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Feature Count: (\d+)", out)
    assert found, out
    wanted = len(keys_in(served_demo, layer, box))
    assert wanted > 10
    assert int(found[1]) == wanted


def test_a_tile_has_the_ids_of_the_items(served_demo: Served) -> None:
    z, (west, south, _, _) = 16, centre(served_demo, "buildings", 0.0)
    import math

    n = 2**z
    col = int((west + 180) / 360 * n)
    row = int((1 - math.asinh(math.tan(math.radians(south))) / math.pi) / 2 * n)
    path = f"/collections/buildings/tiles/WebMercatorQuad/{z}/{row}/{col}"
    answer = httpx.get(f"{served_demo.url}{path}", params={"f": "mvt"}, timeout=30)
    assert answer.status_code == 200
    tile = mapbox_vector_tile.decode(answer.content)["buildings"]
    extent, buffered = tile["extent"], set()
    inside = set()
    for feature in tile["features"]:
        buffered.add(feature["id"])
        ring = feature["geometry"]["coordinates"]
        flat = [p for part in ring for q in part for p in (q if isinstance(q[0], list) else [q])]
        if any(0 < x < extent and 0 < y < extent for x, y in flat):
            inside.add(feature["id"])
    box = (
        col / n * 360 - 180,
        math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * (row + 1) / n)))),
        (col + 1) / n * 360 - 180,
        math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * row / n)))),
    )
    items = get(
        served_demo, "/collections/buildings/items", bbox=",".join(map(str, box)), limit=5000
    )
    ids = {feature["id"] for feature in items["features"]}
    assert len(ids) > 20
    assert inside <= ids <= buffered


def test_datetime_of_the_first_delivery_gives_the_first_state(served_demo: Served) -> None:
    query = (
        "SELECT count(*) FROM gis.buildings WHERE valid @> '2023-06-01 00:00:00+08'::timestamptz"
    )
    [(then,)] = sql(served_demo, query)
    [(now,)] = sql(served_demo, "SELECT count(*) FROM gis.buildings WHERE upper_inf(valid)")
    assert then != now
    path = "/collections/buildings/items"
    assert get(served_demo, path, limit=1, datetime=FIRST)["numberMatched"] == then
    assert get(served_demo, path, limit=1)["numberMatched"] == now
    first = [
        row
        for row in json.loads(served_demo.gis("deliveries", "list", "--json").stdout)
        if row["layer"] == "buildings"
    ]
    assert min(str(row["as_of"])[:10] for row in first) == FIRST


def test_an_item_of_every_layer(served_demo: Served) -> None:
    for layer in sorted(LAYERS | {"alerts"}):
        page = get(served_demo, f"/collections/{layer}/items", limit=3)
        assert page["features"], layer
        one = page["features"][0]
        again = get(served_demo, f"/collections/{layer}/items/{one['id']}")
        assert again["id"] == one["id"]
        assert again["geometry"] == one["geometry"]


def test_iot_sites_show_their_latest_value(served_demo: Served) -> None:
    page = get(served_demo, "/collections/iot_things/items", limit=200)
    with_value = [f for f in page["features"] if f["properties"].get("latest_value") is not None]
    assert len(with_value) > len(page["features"]) / 2
    [(value,)] = sql(
        served_demo,
        "SELECT value FROM onemap.observation WHERE datastream = %s ORDER BY time DESC LIMIT 1",
        with_value[0]["properties"]["datastream"],
    )
    assert with_value[0]["properties"]["latest_value"] == pytest.approx(value)


def test_health(served_demo: Served) -> None:
    assert httpx.get(f"{served_demo.url}/healthz").status_code == 200
    assert httpx.get(f"{served_demo.url}/readyz").status_code == 200


def test_same_delivery_again_changes_nothing(served_demo: Served) -> None:
    manifest = json.loads(
        next((served_demo.home / "state").rglob("manifest.json")).read_text("utf-8")
    )
    roads = next(d for d in manifest["deliveries"] if d["layer"] == "roads")
    path = next((served_demo.home / "state").rglob(roads["path"].rsplit("/", 1)[-1]))
    words = ["ingest", str(path), "--layer", "roads", "--mode", "upsert", "--json"]
    if roads["crs"]:
        words += ["--crs", roads["crs"]]
    report = json.loads(served_demo.gis(*words).stdout)
    assert report["accepted"] == report["unchanged"] > 0
    assert report["new"] == report["changed"] == report["closed"] == 0
