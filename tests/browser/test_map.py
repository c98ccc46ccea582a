"""The one-map page in a real browser: what people do with it, and what it must never do.

Every test fails on what tests/watched.py notes, too. The page's hook `window.onemap` is documented
in docs/map.md.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import shapely
from playwright.sync_api import Response
from served import Served
from shapely.geometry import shape
from watched import Watched

pytestmark = pytest.mark.xdist_group("served")

FIRST = "2023-06-01"  # as-of of the demo's first deliveries
SECOND = "2024-05-20"
LAYER_BUDGET = 450_000  # bytes of JavaScript for 2D, gzipped, on the main thread


@dataclass(frozen=True)
class Building:
    """A building of the served city: where to click, and what the card must say."""

    id: int
    number: str
    lon: float
    lat: float
    height_m: float


@pytest.fixture(scope="module")
def tallest(served_demo: Served) -> Building:
    """The tallest building: nothing stands before its roof."""
    found = get(served_demo, "/collections/buildings/items", sortby="-height_m", limit=1)
    [feature] = found["features"]
    inside = shapely.point_on_surface(shape(feature["geometry"]))
    facts = feature["properties"]
    return Building(feature["id"], facts["building_id"], inside.x, inside.y, facts["height_m"])


def get(served: Served, path: str, **params: object) -> dict[str, Any]:
    answer = httpx.get(f"{served.url}{path}", params=params, timeout=60)
    assert answer.status_code == 200, answer.text[:500]
    body: dict[str, Any] = answer.json()
    return body


def number(text: str) -> int:
    return int(text.replace(",", ""))


# --- 2D --------------------------------------------------------------------------------------


def test_the_map_opens_with_layers_counts_and_little_javascript(
    opened: Callable[..., Watched], served_demo: Served
) -> None:
    watched = opened(1440, 900)
    scripts: dict[str, int] = {}

    def weigh(response: Response) -> None:
        if response.url.endswith(".js") and "worker" not in response.url:
            scripts[response.url] = len(gzip.compress(response.body()))

    watched.page.on("response", weigh)
    watched.open()
    drawn = "window.onemap.flat.map.queryRenderedFeatures({layers: ['%s']}).length"
    for part in ("buildings/fill", "roads/major", "place_names/label"):
        assert watched.page.evaluate(drawn % part) > 0, part

    counts = get(served_demo, "/map/counts.json")["layers"]
    rows = watched.page.locator(".layer[data-layer]:has(.count)")
    shown = {
        row.get_attribute("data-layer"): number(row.locator(".count").inner_text())
        for row in rows.all()
    }
    assert shown == counts

    stage = watched.page.locator(".stage").bounding_box()
    assert stage is not None
    assert stage["width"] * stage["height"] >= 0.65 * 1440 * 900
    assert not any("solidmap" in url or "/cesium/" in url for url in watched.requests)
    assert 0 < sum(scripts.values()) < LAYER_BUDGET


def test_a_click_on_a_building_opens_its_card_and_history(
    opened: Callable[..., Watched], tallest: Building
) -> None:
    watched = opened()
    watched.open(f"/map#v=18/{tallest.lat}/{tallest.lon}/0/0")
    watched.page.locator(".flat canvas").click()
    card = watched.page.locator(f'.card.open[data-feature="buildings.{tallest.id}"]')
    card.locator("dl").first.wait_for()
    card.locator("summary").click()
    assert tallest.number in card.inner_text()
    card.locator(".action", has_text="历史").click()
    card.locator(".versions li").first.wait_for()
    assert FIRST in card.locator(".versions").inner_text()
    assert f"s=buildings.{tallest.id}" in watched.page.evaluate(
        "new Promise(done => setTimeout(() => done(location.hash), 400))"
    )


def test_alerts_worst_first_with_pictures_grounds_and_keys(
    opened: Callable[..., Watched], served_demo: Served
) -> None:
    watched = opened(1000, 700)
    watched.open()
    page = watched.page
    listed = get(served_demo, "/map/alerts.json")
    assert number(watched.text(".badge")) == listed["total"] > 0

    page.click("#alerts-button")
    lines = page.locator(".alert-line")
    lines.first.wait_for()
    keys = [int(line.get_attribute("data-alert") or 0) for line in lines.all()]
    assert keys == [row["key"] for row in listed["alerts"]]

    lines.first.click()
    case = page.locator(f'.case[data-alert="{keys[0]}"]')
    case.wait_for()
    first = listed["alerts"][0]
    assert first["alert_id"] in case.inner_text()
    assert "实地核查" in case.inner_text()
    page.wait_for_function(
        "[...document.querySelectorAll('.swipe img')].length === 2 &&"
        "[...document.querySelectorAll('.swipe img')].every(i => i.complete && i.naturalWidth)"
    )
    assert case.locator(".ground").count() == len(first["reasons"])
    page.keyboard.press("j")
    page.locator(f'.case[data-alert="{keys[1]}"]').wait_for()
    page.keyboard.press("k")
    case.wait_for()
    assert "违法" not in page.locator("body").inner_text()

    # On the map the alert is where the list says: a click there opens the same case.
    page.click("#side-close")
    watched.idle()
    x, y = page.evaluate(
        f"(() => {{ const m = window.onemap.flat.map; const p = m.project([{first['lon']},"
        f" {first['lat']}]); const b = m.getCanvas().getBoundingClientRect();"
        " return [p.x + b.x, p.y + b.y]; })()"
    )
    page.mouse.click(x, y)
    page.locator(f'.card.open[data-feature="alerts.{keys[0]}"]').wait_for()


def test_one_date_rules_tiles_counts_and_lists(
    opened: Callable[..., Watched], served_demo: Served
) -> None:
    watched = opened()
    watched.open()
    page = watched.page
    then = get(served_demo, "/map/counts.json", datetime=FIRST)["layers"]
    now = get(served_demo, "/map/counts.json")["layers"]
    assert then["buildings"] != now["buildings"]

    page.fill("#date", FIRST)
    page.press("#date", "Enter")
    page.locator(".banner", has_text=FIRST).wait_for()
    count = page.locator('.layer[data-layer="buildings"] .count')
    count.get_by_text(f"{then['buildings']:,}", exact=True).wait_for()
    watched.idle()
    tiles = [url for url in watched.requests if "/buildings/tiles/" in url]
    assert any(f"datetime={FIRST}" in url for url in tiles)
    assert number(watched.text(".badge")) == then["alerts"] == 0

    second = page.locator(f'.tick[data-date="{SECOND}"]')  # other tests may have delivered today
    second.press("Enter")
    assert watched.state("date") == SECOND
    page.click("#today")
    page.locator(".banner").wait_for(state="hidden")
    count.get_by_text(f"{now['buildings']:,}", exact=True).wait_for()


def test_a_date_that_is_none_changes_nothing(opened: Callable[..., Watched]) -> None:
    watched = opened()
    watched.open()
    for text in ("2023-02-30", "yesterday", ""):
        watched.page.fill("#date", text)
        watched.page.press("#date", "Enter")
        watched.page.keyboard.press("Tab")
        assert watched.state("date") is None
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", watched.page.input_value("#date"))


def test_both_languages_and_the_link_that_keeps_them(opened: Callable[..., Watched]) -> None:
    watched = opened()
    watched.open("/map#s=roads.1&l=roads,parcels")
    page = watched.page
    assert "图层" in watched.text(".layers h2")
    page.locator(".card.open dl").first.wait_for()
    page.click("#lang-en")
    assert watched.text(".layers h2") == "Layers"
    assert page.evaluate("document.documentElement.lang") == "en"
    left = page.locator(".layers").inner_text()
    assert not re.search(r"[\u4e00-\u9fff]", left), left

    link = page.evaluate("new Promise(done => setTimeout(() => done(location.href), 400))")
    again = opened()
    again.open(link.removeprefix(watched.served.url))
    assert again.text(".layers h2") == "Layers"
    assert again.page.evaluate("[...window.onemap.state().layers].sort()") == ["parcels", "roads"]
    assert again.state("selected") == {"layer": "roads", "id": 1}


def test_search_reads_names_and_coordinates(
    opened: Callable[..., Watched], served_demo: Served
) -> None:
    watched = opened()
    watched.open()
    page = watched.page
    [place] = get(served_demo, "/collections/place_names/items", sortby="rank", limit=1)["features"]
    name = place["properties"]["name"]
    page.fill("#search", name)
    page.locator(".search-results li", has_text=name).first.wait_for()
    expected = get(served_demo, "/map/search.json", q=name)["results"][0]
    page.press("#search", "Enter")
    page.wait_for_function("!window.onemap.flat.map.isMoving()")
    watched.idle()
    bounds = page.evaluate("window.onemap.flat.map.getBounds().toArray()")
    assert bounds[0][0] <= expected["lon"] <= bounds[1][0]
    assert bounds[0][1] <= expected["lat"] <= bounds[1][1]

    page.fill("#search", "38502117, 3654210")
    page.locator(".read-as").wait_for()
    page.locator(".search-results li").first.click()
    watched.idle()
    assert abs(watched.state("view").get("lon") - 114.02) < 0.05


def test_layers_switch_on_and_fade(opened: Callable[..., Watched]) -> None:
    watched = opened()
    watched.open("/map#v=15/32.98/114.022/0/0")
    page = watched.page
    page.check("#show-land_use_plan")
    page.click("#legend-land_use_plan")
    assert page.locator('.layer[data-layer="land_use_plan"] .legend li').count() > 5
    page.locator('.layer[data-layer="land_use_plan"] input[type="range"]').fill("40")
    watched.idle()
    opacity = "window.onemap.flat.map.getPaintProperty('land_use_plan/fill', 'fill-opacity')"
    assert page.evaluate(opacity) == pytest.approx(0.72 * 0.4)
    page.uncheck("#show-buildings")
    hidden = "window.onemap.flat.map.getLayoutProperty('buildings/fill', 'visibility')"
    assert page.evaluate(hidden) == "none"


def test_an_unreachable_server_is_said_and_can_be_tried_again(
    opened: Callable[..., Watched],
) -> None:
    watched = opened()
    watched.page.route("**/map/config.json", lambda route: route.abort("connectionrefused"))
    watched.page.goto(f"{watched.served.url}/map")
    watched.page.locator(".failed", has_text="gis serve").wait_for()
    watched.page.unroute("**/map/config.json")
    watched.page.locator(".failed button").click()
    watched.page.wait_for_function("window.onemap")
    watched.problems[:] = [p for p in watched.problems if "CONNECTION_REFUSED" not in p]


def test_a_phone_gets_sheets(opened: Callable[..., Watched], tallest: Building) -> None:
    watched = opened(390, 780)
    watched.open(f"/map#v=18/{tallest.lat}/{tallest.lon}/0/0&s=buildings.{tallest.id}")
    sheet = watched.page.locator(".side").bounding_box()
    assert sheet is not None
    assert sheet["width"] == 390
    assert sheet["y"] > 200
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= 390


# --- 3D --------------------------------------------------------------------------------------


def test_3d_shows_buildings_picks_one_and_goes_below_ground(
    opened: Callable[..., Watched], tallest: Building
) -> None:
    watched = opened(560, 420)
    page = watched.page
    watched.open(f"/map#v=16.5/{tallest.lat}/{tallest.lon}/0/50&l=buildings&m=3d")
    assert any("/3dtiles/buildings/" in url and ".glb" in url for url in watched.requests)

    # Turning to 3D and reading the view back leads to the same place.
    view = watched.state("view")
    assert (view["lon"], view["lat"]) == pytest.approx((tallest.lon, tallest.lat), abs=2e-5)
    assert (view["zoom"], view["pitch"]) == pytest.approx((16.5, 50), abs=0.02)

    # The roof is where its height over the ground says: the building stands on it, not over it.
    x, y = page.evaluate(
        f"window.onemap.solid.solid.screen({tallest.lon}, {tallest.lat}, {tallest.height_m})"
    )
    stage = page.locator("#solid canvas").bounding_box()
    assert stage is not None
    page.mouse.click(stage["x"] + x, stage["y"] + y)
    card = page.locator(f'.card.open[data-feature="buildings.{tallest.id}"]')
    card.locator("dl").first.wait_for()
    card.locator("summary").click()
    assert tallest.number in card.inner_text()
    page.click("#side-close")

    page.click("#underground")
    assert watched.state("ground") < 100
    [pipe] = get(watched.served, "/collections/pipe_points/items", limit=1)["features"]
    lon, lat, *_ = pipe["geometry"]["coordinates"]
    page.evaluate(f"window.onemap.solid.flyTo({lon}, {lat}, 18)")
    watched.idle()
    for layer in ("pipe_segments", "pipe_points"):
        assert any(f"/3dtiles/{layer}/" in url and ".glb" in url for url in watched.requests), layer

    page.fill("#date", FIRST)
    page.press("#date", "Enter")
    watched.idle()
    assert any(
        f"/3dtiles/buildings/tileset.json?datetime={FIRST}" in url for url in watched.requests
    )
    page.click("#mode-2d")
    watched.idle()
    page.locator("#flat canvas").wait_for(state="visible")
