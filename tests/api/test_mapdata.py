"""What the map page is given, and what the search box understands."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from small_city import browse

from gis.api.app import create_app
from gis.coords import place_code
from gis.layers import Registry
from gis.settings import Settings
from gis.store import Store


def search(client: httpx.Client, q: str) -> Any:
    answer = client.get("/map/search.json", params={"q": q})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_config_describes_every_layer(client: httpx.Client, registry: Registry) -> None:
    answer = client.get("/map/config.json")
    assert answer.headers["cache-control"] == "no-cache"
    document = answer.json()
    assert set(document) == {"version", "city", "themes", "layers", "deliveries", "alerts"}
    assert document["city"]["home"] == {"lon": 114.022, "lat": 32.98, "zoom": 13}
    layers = {layer["id"]: layer for layer in document["layers"]}
    assert set(layers) == set(registry.layers)
    themes = {theme["id"] for theme in document["themes"]}
    assert {layer["theme"] for layer in layers.values()} <= themes
    houses = layers["buildings"]
    assert (houses["features"], houses["solid"], houses["latest"]) == (60, "extrude", False)
    assert houses["extent"] == pytest.approx([114.0, 32.98, 114.0092, 32.98615])
    assert layers["pipe_points"]["extent"] is None
    assert layers["iot_things"]["latest"] is True
    use = next(f for f in houses["fields"] if f["name"] == "use")
    assert set(use["codes"]["industrial"]) == {"zh", "en", "color"}
    assert [d["layer"] for d in document["deliveries"]].count("buildings") == 2
    assert {"suspected", "closed"} <= {s["code"] for s in document["alerts"]["states"]}


def test_counts_follow_the_date(client: httpx.Client) -> None:
    def houses(**params: str) -> int:
        return int(client.get("/map/counts.json", params=params).json()["layers"]["buildings"])

    assert (houses(), houses(datetime="2023-07-01"), houses(datetime="2020-01-01")) == (60, 60, 0)
    interval = client.get("/map/counts.json", params={"datetime": "2020-01-01/.."})
    assert interval.status_code == 400


def test_names_and_numbers_are_found_best_first(client: httpx.Client) -> None:
    found = search(client, "人民路")["results"]
    assert [(r["title"], r["layer"]) for r in found] == [
        ("人民路", "roads"),
        ("人民路南巷", "roads"),
        ("人民路小区", "planning_permits"),
    ]
    assert found[0]["subtitle"]["zh"] == "道路 L0"
    [house] = search(client, "b00042")["results"]
    assert (house["layer"], house["title"]) == ("buildings", "第42号楼")
    west, south, east, north = house["bbox"]
    assert west < house["lon"] < east
    assert south < house["lat"] < north
    item = client.get(f"/collections/buildings/items/{house['id']}").json()
    assert item["properties"]["building_id"] == "B00042"
    assert search(client, "建字第2023")["results"][0]["layer"] == "planning_permits"


@pytest.mark.parametrize("q", ["", " ", "x", "%", "_", "\\", "' OR 1=1 --", "没有的地方"])
def test_what_matches_nothing_finds_nothing(client: httpx.Client, q: str) -> None:
    assert search(client, q) == {"query": q, "read_as": None, "results": []}


def test_a_null_letter_is_refused(client: httpx.Client) -> None:
    assert client.get("/map/search.json", params={"q": "\x00"}).status_code == 400


@pytest.mark.parametrize(
    ("q", "lon", "lat", "frame"),
    [
        ("114.02, 32.98", 114.02, 32.98, "EPSG:4490"),
        ("32.98 114.02", 114.02, 32.98, "EPSG:4490"),
        ("32.98N 114.02E", 114.02, 32.98, "EPSG:4490"),
        ("东经114度1分12秒，北纬32度58分48秒", 114.02, 32.98, "EPSG:4490"),
        ("114°1′12″E 32°58′48″N", 114.02, 32.98, "EPSG:4490"),
        ("114 1 12E, 32 58 48N", 114.02, 32.98, "EPSG:4490"),
        ("38502117, 3654210", 114.022656, 33.01318, "EPSG:4526"),
        ("3654210 38502117", 114.022656, 33.01318, "EPSG:4526"),
        ("502117 3654210", 114.022656, 33.01318, "EPSG:4547"),
        ("3654210，502117", 114.022656, 33.01318, "EPSG:4547"),
        ("12692648 3890500", 114.019997, 32.9638, "EPSG:3857"),
        ("114.02 32.98 gcj02", 114.01414, 32.981856, "gcj02"),
        ("114.02 32.98 火星坐标", 114.01414, 32.981856, "gcj02"),
        ("39502117 3654210 EPSG:4527", 117.022656, 33.01318, "EPSG:4527"),
    ],
)
def test_coordinates_in_any_frame(
    client: httpx.Client, q: str, lon: float, lat: float, frame: str
) -> None:
    found = search(client, q)
    [place] = found["results"]
    assert (place["lon"], place["lat"]) == pytest.approx((lon, lat), abs=1e-4)
    assert frame in found["read_as"]["zh"]
    assert place["layer"] is None


def test_a_grid_code_is_its_cell(client: httpx.Client) -> None:
    code = place_code(114.003, 32.983, 6)
    found = search(client, code.lower())
    [place] = found["results"]
    west, south, east, north = place["bbox"]
    assert west <= 114.003 <= east
    assert south <= 32.983 <= north
    assert "北斗" in found["read_as"]["zh"]


def test_alerts_are_listed_shown_and_pictured(client: httpx.Client) -> None:
    page = client.get("/map/alerts.json").json()
    [alert] = page["alerts"]
    assert (page["total"], alert["state"], alert["reasons"]) == (1, "suspected", ["no_permit"])
    for query, total in (
        ("state=suspected", 1), ("state=closed,suspected", 1), ("state=closed", 0),
        ("reason=no_permit", 1), ("reason=red_line", 0), ("county=411702", 1), ("county=1", 0),
    ):  # fmt: skip
        assert client.get(f"/map/alerts.json?{query}").json()["total"] == total, query
    case = client.get(f"/map/alerts/{alert['key']}.json").json()
    assert case["alert_id"] == alert["alert_id"]
    assert case["next_states"] == ["to_check"]
    assert case["geometry"]["type"] == "MultiPolygon"
    assert sorted(case["chips"]) == ["after", "dsm/difference"]
    assert client.get(f"/map/alerts/{alert['alert_id']}.json").json() == case
    for name in case["chips"]:
        picture = client.get(f"/map/alerts/{alert['key']}/{name}.png")
        assert picture.headers["content-type"] == "image/png"
        assert picture.content.startswith(b"\x89PNG")
    assert client.get(f"/map/alerts/{alert['key']}/before.png").status_code == 404
    item = client.get(f"/collections/alerts/items/{alert['key']}").json()
    assert item["properties"]["alert_id"] == alert["alert_id"]
    found = search(client, alert["alert_id"].lower())["results"]
    assert [(r["layer"], r["id"]) for r in found] == [("alerts", alert["key"])]


def test_no_readings_yet(client: httpx.Client) -> None:
    found = client.get("/map/readings.json", params={"datastream": "T1-level", "hours": 24})
    assert found.json() == {"datastream": "T1-level", "readings": []}


def test_without_the_built_page_it_says_how(city: Store, registry: Registry, tmp_path: Any) -> None:
    client = browse(create_app(city, registry, Settings(web=tmp_path / "none")))
    answer = client.get("/map")
    assert answer.status_code == 200
    assert "make web" in answer.text


def test_the_page_and_its_files(city: Store, registry: Registry, tmp_path: Any) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>map</title>")
    (tmp_path / "assets" / "index-Ab3dEf9h.js").write_text("console.log(1);" * 100)
    (tmp_path.parent / "secret.txt").write_text("secret")
    client = browse(create_app(city, registry, Settings(web=tmp_path)))
    for path in ("/map", "/map/"):
        page = client.get(path)
        assert "<title>map</title>" in page.text
        assert page.headers["cache-control"] == "no-cache"
        assert "default-src 'self'" in page.headers["content-security-policy"]
    script = client.get("/map/assets/index-Ab3dEf9h.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "immutable" in script.headers["cache-control"]
    assert script.headers["content-encoding"] == "gzip"
    again = client.get(
        "/map/assets/index-Ab3dEf9h.js", headers={"If-None-Match": script.headers["etag"]}
    )
    assert again.status_code == 304
    for path in ("/map/%2e%2e/secret.txt", "/map/..%2fsecret.txt", "/map/assets", "/map/no.js"):
        assert client.get(path).status_code == 404, path


def test_alive_ready_and_counted(client: httpx.Client) -> None:
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/readyz").text == "ready\n"
    client.get("/collections/buildings/items")
    client.get("/nothing")
    text = client.get("/metrics").text
    assert 'gis_http_requests_total{route="get_items",status="200"}' in text
    assert 'status="404"' in text
    assert "gis_http_seconds_bucket" in text
