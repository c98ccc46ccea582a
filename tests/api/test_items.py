"""Items and one item: what comes, in which order, how much, as of when."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from gis.store import Store

ITEMS = "/collections/buildings/items"


def get(client: httpx.Client, path: str = ITEMS, **params: Any) -> Any:
    answer = client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(page: Any) -> list[int]:
    return [feature["id"] for feature in page["features"]]


def test_a_page_is_geojson_with_links_and_counts(client: httpx.Client) -> None:
    answer = client.get(ITEMS, params={"limit": 5})
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.headers["content-crs"] == "<http://www.opengis.net/def/crs/OGC/1.3/CRS84>"
    page = answer.json()
    assert page["type"] == "FeatureCollection"
    assert (page["numberReturned"], page["numberMatched"]) == (5, 60)
    assert {link["rel"] for link in page["links"]} >= {"self", "next", "collection", "alternate"}
    assert all(link["href"].startswith("http://testserver/") for link in page["links"])
    first = page["features"][0]
    assert first["type"] == "Feature"
    assert set(first["properties"]) >= {"building_id", "height_m", "valid_from", "valid_to"}


@pytest.mark.parametrize("limit", [7, 60, 61])
def test_paging_misses_and_repeats_nothing(client: httpx.Client, limit: int) -> None:
    url: str | None = f"{ITEMS}?limit={limit}&sortby=-storeys"
    seen: list[int] = []
    pages = 0
    while url is not None and pages < 20:
        page = client.get(url).json()
        seen += ids(page)
        pages += 1
        url = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert len(seen) == len(set(seen)) == 60
    assert pages == -(-60 // limit)


def test_prev_leads_back(client: httpx.Client) -> None:
    page = get(client, limit=10, offset=20)
    prev = next(link["href"] for link in page["links"] if link["rel"] == "prev")
    assert ids(client.get(prev).json()) == ids(get(client, limit=10, offset=10))


def test_hits_counts_and_gives_nothing(client: httpx.Client) -> None:
    page = get(client, resulttype="hits", use="industrial")
    assert page["features"] == []
    assert page["numberMatched"] == 31  # the even ones of 0..60


def test_properties_sort_filter_and_no_geometry(client: httpx.Client) -> None:
    page = get(client, properties="height_m,use", sortby="-height_m", skipGeometry="true", limit=3)
    heights = [f["properties"]["height_m"] for f in page["features"]]
    assert heights == sorted(heights, reverse=True)
    assert heights[0] == 99.5
    assert all(f["geometry"] is None for f in page["features"])
    assert all(set(f["properties"]) == {"height_m", "use"} for f in page["features"])
    only = get(client, building_id="B00008")
    assert [f["properties"]["building_id"] for f in only["features"]] == ["B00008"]
    assert get(client, name="")["numberMatched"] == 39  # an empty value: the field is empty


def test_time_is_valid_time(client: httpx.Client) -> None:
    def houses(**given: str) -> dict[str, float]:
        found = get(client, limit=1000, **given)["features"]
        return {f["properties"]["building_id"]: f["properties"]["height_m"] for f in found}

    now, then = houses(), houses(datetime="2023-06-01")
    assert "B00007" in then
    assert "B00007" not in now
    assert (then["B00008"], now["B00008"]) == (27.4, 99.5)
    assert "B00060" in now
    assert "B00060" not in then
    assert houses(datetime="2024-05-31T23:59:59+08:00") == then
    assert houses(datetime="2024-06-01T00:00:00+08:00") == now
    assert houses(datetime="2023-05-31") == {}
    versions = get(client, limit=1000, datetime="2023-01-01/..", building_id="B00008")
    assert [f["properties"]["height_m"] for f in versions["features"]] == [27.4, 99.5]
    assert get(client, datetime="../2023-01-01")["numberMatched"] == 0


def test_a_grid_code_is_a_box(client: httpx.Client) -> None:
    from gis.coords import Cell

    cell = Cell.of(114.00105, 32.98105, 6)
    west, south, east, north = cell.bounds
    by_box = get(client, bbox=f"{west},{south},{east},{north}")
    by_code = get(client, gridcode=cell.code)
    assert ids(by_code) == ids(by_box) != []
    both = get(client, gridcode=cell.code, bbox="113,32,113.1,32.1")
    assert both["features"] == []


def test_an_item_then_and_now_and_its_history(client: httpx.Client, city: Store) -> None:
    [key] = ids(get(client, building_id="B00008"))
    now = get(client, f"{ITEMS}/{key}")
    then = get(client, f"{ITEMS}/{key}", datetime="2023-07-01")
    assert now["id"] == then["id"] == key
    assert (now["properties"]["height_m"], then["properties"]["height_m"]) == (99.5, 27.4)
    versions = get(client, f"{ITEMS}/{key}/history")["versions"]
    assert [v["properties"]["height_m"] for v in versions] == [99.5, 27.4]
    assert versions[0]["valid_to"] is None
    [gone] = ids(get(client, building_id="B00007", datetime="2023-07-01"))
    assert client.get(f"{ITEMS}/{gone}").status_code == 404


def test_heights_come_as_third_coordinate(client: httpx.Client) -> None:
    page = get(client, "/collections/pipe_segments/items")
    assert page["features"][0]["geometry"]["coordinates"] == [
        [114.0, 32.98, 80.5],
        [114.001, 32.98, 80.25],
    ]


def test_sites_carry_their_latest_value(client: httpx.Client) -> None:
    page = get(client, "/collections/iot_things/items")
    assert page["features"][0]["properties"]["latest_value"] is None


def test_csv_and_json_ld_are_there(client: httpx.Client) -> None:
    answer = client.get(ITEMS, params={"f": "csv", "limit": 1000})
    assert answer.headers["content-type"].startswith("text/csv")
    assert len(answer.text.splitlines()) == 61
    linked = client.get(ITEMS, params={"f": "jsonld", "limit": 2})
    assert linked.status_code == 200
    assert "@context" in json.loads(linked.text)


GRID = [
    {},
    {"limit": "3"},
    {"limit": "3", "offset": "58"},
    {"limit": "100000"},
    {"offset": "1000"},
    {"bbox": "114.0,32.98,114.0035,32.9825"},
    {"bbox": "114.0,32.98,0,114.0035,32.9825,100"},
    {"bbox": "32.98,114.0,32.9825,114.0035",
     "bbox-crs": "http://www.opengis.net/def/crs/EPSG/0/4490"},
    {"bbox": "3650400,500000,3650700,500350",
     "bbox-crs": "http://www.opengis.net/def/crs/EPSG/0/4547"},
    {"crs": "http://www.opengis.net/def/crs/EPSG/0/4490"},
    {"crs": "http://www.opengis.net/def/crs/EPSG/0/4547", "limit": "4"},
    {"crs": "http://www.opengis.net/def/crs/EPSG/0/3857", "limit": "4"},
    {"crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84", "limit": "4"},
    {"datetime": "2023-06-01"},
    {"datetime": "2023-06-01T00:00:00Z"},
    {"datetime": "../2023-12-31"},
    {"datetime": "2023-01-01/.."},
    {"properties": "height_m,use"},
    {"sortby": "-height_m,building_id"},
    {"sortby": "+storeys"},
    {"skipGeometry": "true"},
    {"resulttype": "hits"},
    {"resulttype": "hits", "use": "industrial"},
    {"use": "industrial", "storeys": "3"},
    {"gridcode": "N50I0140"},
    {"lang": "en"},
    # and what is wrong
    {"limit": "0"},
    {"limit": "many"},
    {"offset": "-1"},
    {"bbox": "1,2,3"},
    {"bbox": "114.1,33,114,32"},
    {"crs": "http://www.opengis.net/def/crs/EPSG/0/2154"},
    {"bbox": "114,32,115,33", "bbox-crs": "nonsense"},
    {"datetime": "yesterday"},
    {"properties": "nothing"},
    {"sortby": "nothing"},
    {"storeys": "tall"},
    {"heigth_m": "3"},
    {"gridcode": "XYZ"},
    {"filter": "height_m > 3 AND use = 'industrial'", "limit": "4"},
    {"filter": "height_m > 3 AND", "limit": "4"},
    {"filter": "S_INTERSECTS(geometry, POINT(32.98005 114.0001))",
     "filter-crs": "http://www.opengis.net/def/crs/EPSG/0/4490"},
    {"filter": '{"op": ">", "args": [{"property": "storeys"}, 25]}', "filter-lang": "cql2-json"},
    {"filter": "casei(name) LIKE casei('%楼%') OR (storeys = 3 or NOT storeys < 29)"},
    {"q": "号楼"},
    {"q": "工业,B00001"},
    {"after": "WzEwXQ", "limit": "3"},
    {"resulttype": "some"},
]  # fmt: skip


@pytest.mark.parametrize("params", GRID, ids=lambda p: "&".join(f"{k}={v}" for k, v in p.items()))
def test_both_ways_give_the_same(
    client: httpx.Client, slow_client: httpx.Client, params: dict[str, str]
) -> None:
    ours, theirs = (c.get(ITEMS, params={"f": "json", **params}) for c in (client, slow_client))
    assert ours.status_code == theirs.status_code, (ours.text, theirs.text)
    if ours.status_code != 200:
        assert set(ours.json()) == set(theirs.json()) >= {"code", "description", "zh", "en"}
        return
    a, b = ours.json(), theirs.json()
    for page in (a, b):
        page.pop("links")
        page.pop("timeStamp")
    # pygeoapi writes < and > of every text as entities, also in JSON
    assert json.dumps(a).replace("<", "&lt;").replace(">", "&gt;") == json.dumps(a | b)
    assert set(a) == set(b)


@pytest.mark.parametrize(
    "params",
    [{}, {"crs": "http://www.opengis.net/def/crs/EPSG/0/4547"}, {"datetime": "2023-06-02"}],
)
def test_both_ways_give_the_same_item(
    client: httpx.Client, slow_client: httpx.Client, params: dict[str, str]
) -> None:
    a, b = (c.get(f"{ITEMS}/9", params={"f": "json", **params}) for c in (client, slow_client))
    assert a.status_code == b.status_code == 200
    first, second = a.json(), b.json()
    del first["links"], second["links"]
    assert first == second


def test_versions_of_one_feature_can_have_numbers_of_their_own(client: httpx.Client) -> None:
    every = {"datetime": "../..", "limit": "1000"}
    plain = get(client, **every)["features"]
    assert len({f["id"] for f in plain}) < len(plain)
    own = get(client, **every, **{"feature-id": "version"})["features"]
    assert [f["properties"] for f in own] == [f["properties"] for f in plain]
    assert len({f["id"] for f in own}) == len(own)
    page = get(client, **every | {"limit": "7"}, **{"feature-id": "version"})
    seen = list(page["features"])
    while following := [link["href"] for link in page["links"] if link["rel"] == "next"]:
        page = client.get(following[0]).json()
        seen += page["features"]
    assert seen == own
