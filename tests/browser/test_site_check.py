"""The site check on the page: draw a site, read what bears on it, open the page to print."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import shapely
from served import Served
from shapely.geometry import shape
from watched import Watched

pytestmark = pytest.mark.xdist_group("served")


@pytest.fixture(scope="module")
def block(served_demo: Served) -> Any:
    """The largest control plan block, as the server has it."""
    found = httpx.get(
        f"{served_demo.url}/collections/control_plan_blocks/items",
        params={"limit": 100, "f": "json"}, timeout=60,
    ).json()  # fmt: skip
    return max(found["features"], key=lambda f: shape(f["geometry"]).area)


def answer_for(served: Served, site: Any) -> Any:
    answer = httpx.post(
        f"{served.url}/processes/site-check/execution", json={"inputs": {"site": site}}, timeout=60
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def screen(watched: Watched, lon: float, lat: float) -> tuple[float, float]:
    at = watched.page.evaluate(
        """([lon, lat]) => {
            const { x, y } = window.onemap.flat.map.project([lon, lat]);
            const box = window.onemap.flat.map.getCanvas().getBoundingClientRect();
            return [box.left + x, box.top + y];
        }""",
        [lon, lat],
    )
    return at[0], at[1]


def test_a_drawn_site_is_told_all_that_bears_on_it(
    opened: Callable[..., Watched], served_demo: Served, block: Any
) -> None:
    watched = opened(1300, 800)
    page = watched.page
    middle = shapely.point_on_surface(shape(block["geometry"]))
    watched.open(f"/map#v=17.00/{middle.y:.6f}/{middle.x:.6f}/0/0&p=site")
    page.click("#site-draw")
    d = 0.0003
    corners = [(-d, -d), (d, -d), (d, d), (-d, d)]
    for dx, dy in corners:
        page.mouse.click(*screen(watched, middle.x + dx, middle.y + dy))
        page.wait_for_timeout(350)  # two clicks at once would be a double click
    assert "4" in watched.text(".site-check .fine")
    page.click("#site-undo")
    page.mouse.click(*screen(watched, middle.x - d, middle.y + d))
    page.keyboard.press("Enter")
    page.wait_for_selector(".site-verdict")
    drawn = {
        "type": "Polygon",
        "coordinates": [[[middle.x + x, middle.y + y] for x, y in (*corners, corners[0])]],
    }
    wanted = answer_for(served_demo, drawn)
    shown = page.locator(".site-condition").count()
    assert shown == pytest.approx(wanted["summary"]["conditions"], abs=2)  # a click is a pixel off
    assert any(
        block["properties"]["block_id"] in text
        for text in page.locator(".site-condition").all_inner_texts()
    )
    assert watched.text(".site-land-use")
    link = page.get_attribute("#site-print", "href")
    assert link
    notice = httpx.get(f"{served_demo.url}{link}", timeout=60)
    assert notice.status_code == 200
    assert "地块一次性告知" in notice.text
    assert block["properties"]["block_id"] in notice.text


def test_a_pasted_outline_a_refusal_and_english(opened: Callable[..., Watched], block: Any) -> None:
    watched = opened(1100, 720)
    page = watched.page
    watched.open("/map#p=site&lang=en")
    page.click(".site-check summary")
    page.fill("#site-text", shapely.to_wkt(shape(block["geometry"]), rounding_precision=9))
    page.click("#site-paste")
    page.wait_for_selector(".site-verdict")
    assert "Control plan block" in watched.text(".site-conditions >> nth=0") + watched.text(
        ".site-check"
    )
    page.click(".site-check summary >> nth=0")
    page.fill("#site-text", "POLYGON((114 33,114.001 33.001,114.001 33,114 33.001,114 33))")
    page.click("#site-paste")
    page.wait_for_selector(".site-check [role=alert]")
    assert "crosses itself" in watched.text(".site-check [role=alert]")
    watched.problems[:] = [p for p in watched.problems if "400" not in p]  # it was refused


def test_from_a_feature_s_card(opened: Callable[..., Watched], block: Any) -> None:
    watched = opened(1100, 720)
    page = watched.page
    watched.open(f"/map#s=control_plan_blocks.{block['id']}")
    page.wait_for_selector(".card.open .actions")
    page.get_by_role("button", name="地块核查").first.click()
    page.wait_for_selector(".site-verdict")
    assert watched.state("panel") == "site"
    area = watched.text(".site-check .facts td")
    assert "m²" in area
