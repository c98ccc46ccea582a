"""CQL2, words and page marks over HTTP: every way in gives the same rows, in any system."""

from __future__ import annotations

import base64
import json
import math
from datetime import datetime
from typing import Any

import httpx
import mapbox_vector_tile
import pytest
import shapely
from shapely.affinity import scale
from small_city import CHINA, browse, building, deliver, fill

from gis.layers import Registry
from gis.settings import Settings
from gis.store import Store

ITEMS = "/collections/buildings/items"
CRS = "http://www.opengis.net/def/crs/"
TREE = {
    "op": "and",
    "args": [
        {"op": "in", "args": [{"property": "use"}, ["industrial"]]},
        {"op": "between", "args": [{"property": "storeys"}, 3, 9]},
    ],
}
TEXT = "use IN ('industrial') AND storeys BETWEEN 3 AND 9"


def get(client: httpx.Client, **params: Any) -> Any:
    answer = client.get(ITEMS, params={"limit": 1000} | params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(page: Any) -> list[int]:
    return [feature["id"] for feature in page["features"]]


def test_text_json_and_post_give_the_same(client: httpx.Client) -> None:
    by_text = get(client, filter=TEXT)
    assert by_text["numberMatched"] == 8
    assert all(
        f["properties"]["use"] == "industrial" and 3 <= f["properties"]["storeys"] <= 9
        for f in by_text["features"]
    )
    by_json = get(client, filter=json.dumps(TREE), **{"filter-lang": "cql2-json"})
    by_post = client.post(ITEMS, params={"limit": 1000}, json=TREE)
    assert by_post.status_code == 200, by_post.text
    assert ids(by_text) == ids(by_json) == ids(by_post.json())


def test_a_post_pages_on_by_get(client: httpx.Client) -> None:
    page = client.post(ITEMS, params={"limit": 5}, json=TREE).json()
    follow = next(link["href"] for link in page["links"] if link["rel"] == "next")
    rest = client.get(follow).json()
    assert ids(page) + ids(rest) == ids(get(client, filter=TEXT))


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"\xff\xfe", 400), (b"[" * 200_000, 400), (b"", 400)]
)
def test_a_body_that_is_no_filter(client: httpx.Client, body: bytes, status: int) -> None:
    answer = client.post(ITEMS, content=body)
    assert answer.status_code == status
    assert answer.json()["en"]


def test_a_wrong_filter_says_where_and_what_is_known(client: httpx.Client) -> None:
    answer = client.get(ITEMS, params={"filter": "storeys > 3 AND heigth_m > 3"})
    assert answer.status_code == 400
    assert "17" in answer.json()["en"]
    assert "height_m" in answer.json()["en"]


@pytest.mark.parametrize("code", ["EPSG/0/4490", "EPSG/0/4547", "EPSG/0/4526", "EPSG/0/3857"])
def test_filter_crs_is_the_system_of_the_geometries(client: httpx.Client, code: str) -> None:
    """A triangle, its corners taken from the server's own answer in that system."""
    corners = [ids(get(client, building_id=f"B000{n}"))[0] for n in ("00", "05", "50")]
    plain, there = (
        [
            client.get(f"{ITEMS}/{key}", params={"crs": crs}).json()["geometry"]["coordinates"][0][
                2
            ]
            for key in corners
        ]
        for crs in (CRS + "OGC/1.3/CRS84", CRS + code)
    )
    found = [
        ids(get(client, filter=f"S_WITHIN(geometry, {wkt(points)})", **{"filter-crs": crs}))
        for points, crs in ((plain, CRS + "OGC/1.3/CRS84"), (there, CRS + code))
    ]
    assert found[0] == found[1] != []


def wkt(points: list[list[float]]) -> str:
    """The triangle, a little smaller: a side along walls would turn on millimetres."""
    return shapely.to_wkt(scale(shapely.Polygon(points), 0.9, 0.9), rounding_precision=-1)


def test_filters_go_with_everything_else(client: httpx.Client) -> None:
    now = get(client, filter="height_m > 90", properties="height_m", skipGeometry="true")
    assert [f["properties"] for f in now["features"]] == [{"height_m": 99.5}] + [
        {"height_m": h} for h in [f["properties"]["height_m"] for f in now["features"]][1:]
    ]
    then = get(client, filter="height_m > 98", datetime="2023-06-01")
    assert then["features"] == []
    assert get(client, filter="height_m > 98", resulttype="hits")["numberMatched"] == 1
    versions = get(
        client, datetime="2023-01-01/..", filter="valid_to IS NOT NULL AND building_id = 'B00008'"
    )
    assert [f["properties"]["height_m"] for f in versions["features"]] == [27.4]


def test_a_page_for_people_may_be_filtered(client: httpx.Client) -> None:
    answer = client.get(ITEMS, params={"f": "html", "filter": TEXT, "limit": 3})
    assert answer.status_code == 200
    assert "after=" in answer.text
    assert "f=gpkg" in answer.text
    empty = client.get(ITEMS, params={"f": "html", "filter": "", "q": "", "use": "office"})
    assert empty.status_code == 200
    wrong = client.get(ITEMS, params={"f": "html", "filter": "<script>"})
    assert wrong.status_code == 400
    assert "<script" not in wrong.text


def test_the_form_keeps_what_was_asked(client: httpx.Client) -> None:
    asked = {"f": "html", "filter": "name = '\"><script>'", "datetime": "2023-07-01"}
    text = client.get(ITEMS, params=asked).text
    assert "<script" not in text
    assert '<input type="hidden" name="datetime" value="2023-07-01">' in text
    assert text.count('name="filter"') == 1


def test_a_tile_may_be_filtered(client: httpx.Client) -> None:
    z, n = 15, 2**15
    row = int((1 - math.asinh(math.tan(math.radians(32.9801))) / math.pi) / 2 * n)
    path = f"/collections/buildings/tiles/WebMercatorQuad/{z}/{row}/{int(294.0041 / 360 * n)}?f=mvt"
    whole, part = (
        mapbox_vector_tile.decode(client.get(path + more).content)["buildings"]["features"]
        for more in ("", "&filter=use%3D'industrial'")
    )
    assert len(whole) > len(part) > 0
    assert {f["properties"]["use"] for f in part if "use" in f["properties"]} <= {"industrial"}


# --- words -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("q", "expected"),
    [("第9号楼", 1), ("b00012", 1), ("号楼", 20), ("industrial", 31), ("第9号楼, b00012 ", 2),
     ("%", 0), ("_", 0), ("nobody", 0)],
)  # fmt: skip
def test_words(client: httpx.Client, q: str, expected: int) -> None:
    assert get(client, q=q)["numberMatched"] == expected


def test_words_mean_codes_by_their_titles(client: httpx.Client, registry: Registry) -> None:
    layer = registry.get("buildings")
    codes = registry.codelist(layer.field("use"))
    assert codes is not None
    title = codes.codes["industrial"].title
    for text in (title.zh, title.en.upper()):
        found = get(client, q=text)["features"]
        assert {f["properties"]["use"] for f in found} == {"industrial"}


@pytest.mark.parametrize("q", ["", " , ", ",".join("abcdefghi"), "x" * 101])
def test_words_are_bounded(client: httpx.Client, q: str) -> None:
    assert client.get(ITEMS, params={"q": q}).status_code == 400


# --- page marks ----------------------------------------------------------------------------

ORDERS = ["", "storeys", "-storeys", "name,-height_m", "-name,use", "-key", "built_year,-key"]


def walk(client: httpx.Client, url: str | None) -> list[int]:
    seen: list[int] = []
    for _ in range(50):
        if url is None:
            return seen
        page = client.get(url).json()
        seen += ids(page)
        url = next((k["href"] for k in page["links"] if k["rel"] == "next"), None)
    raise AssertionError("it never ends")


@pytest.mark.parametrize("sortby", ORDERS)
@pytest.mark.parametrize("limit", [7, 20])
def test_marks_walk_through_every_order(client: httpx.Client, sortby: str, limit: int) -> None:
    query = f"sortby={sortby}&" if sortby else ""
    assert walk(client, f"{ITEMS}?{query}limit={limit}") == ids(
        client.get(f"{ITEMS}?{query}limit=1000").json()
    )


def test_marks_walk_through_versions(client: httpx.Client) -> None:
    for sortby in ("", "&sortby=-storeys"):
        whole = f"{ITEMS}?datetime=2023-01-01/..{sortby}"
        seen = walk(client, f"{whole}&limit=4")
        assert seen == ids(client.get(f"{whole}&limit=1000").json())
        assert len(seen) == 62  # 60 houses, one of them twice, and one new


def test_a_page_behind_a_mark_counts_all(client: httpx.Client) -> None:
    page = get(client, limit=20)
    follow = next(k["href"] for k in page["links"] if k["rel"] == "next")
    assert "offset" not in follow
    behind = client.get(follow).json()
    assert (behind["numberMatched"], behind["numberReturned"]) == (60, 20)


def test_marks_stay_right_while_data_change(
    store: Store, registry: Registry, settings: Settings
) -> None:
    from gis.api.app import create_app

    fill(store, registry)
    client = browse(create_app(store, registry, settings))
    page = client.get(ITEMS, params={"limit": 20, "sortby": "building_id"}).json()
    numbers = [f["properties"]["building_id"] for f in page["features"]]
    # the first ten go: an offset of 20 would now skip ten houses
    left = [building(i) for i in range(10, 61)]
    deliver(store, registry.get("buildings"), left, datetime(2024, 7, 1, tzinfo=CHINA))
    url = next(k["href"] for k in page["links"] if k["rel"] == "next")
    while url is not None:
        page = client.get(url).json()
        numbers += [f["properties"]["building_id"] for f in page["features"]]
        url = next((k["href"] for k in page["links"] if k["rel"] == "next"), None)
    assert numbers == [f"B{i:05}" for i in range(61) if i != 7]


@pytest.mark.parametrize(
    "mark", [[], [{}], [None], ["x"], [1, 2, 3], [1.5e300], [9**30], [[1]], {"a": 1}, "x", None]
)
def test_a_mark_nobody_gave(client: httpx.Client, mark: Any) -> None:
    text = base64.urlsafe_b64encode(json.dumps(mark).encode()).decode().rstrip("=")
    assert client.get(ITEMS, params={"after": text}).status_code == 400


@pytest.mark.parametrize("sortby", ORDERS)
@pytest.mark.parametrize("when", ["2024-07-01", "2023-01-01/.."])
def test_an_offset_is_a_slice_of_the_whole(client: httpx.Client, sortby: str, when: str) -> None:
    asked = {"datetime": when} | ({"sortby": sortby} if sortby else {})
    whole = get(client, **asked)["features"]
    assert get(client, **asked, limit=7, offset=11)["features"] == whole[11:18]
    assert get(client, **asked, limit=7, offset=len(whole) - 1)["features"] == whole[-1:]


def test_an_offset_on_sites_with_readings(client: httpx.Client) -> None:
    path = "/collections/iot_things/items"
    assert client.get(path, params={"offset": 1}).json()["features"] == []


def test_many_matches_of_a_filter_are_not_counted(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gis.store.query.FILTERED_BOUND", 20)
    page = get(client, filter="height_m > 0", limit=50)
    assert "numberMatched" not in page
    follow = next(k["href"] for k in page["links"] if k["rel"] == "next")
    rest = client.get(follow).json()
    assert len(page["features"]) + len(rest["features"]) == 60
    assert get(client, filter="height_m > 0", resulttype="hits")["numberMatched"] == 60
