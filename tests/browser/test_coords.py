"""The coordinate page in a real browser: paste, drop, ask the data, see why not, take it away."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import shapely
from playwright.sync_api import Locator
from served import Served
from watched import Watched

from gis.coords import find_transformation

pytestmark = pytest.mark.xdist_group("served")

HAN = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture
def coords(opened: Callable[..., Watched]) -> Callable[..., Watched]:
    """Open the coordinate page."""

    def make(address: str = "/coords", width: int = 1100, height: int = 720) -> Watched:
        watched = opened(width, height)
        watched.hook = "window.coords"
        watched.open(address)
        return watched

    return make


def lines(watched: Watched) -> Locator:
    return watched.page.locator("tr[data-row]")


def paste(watched: Watched, text: str, **choices: str) -> None:
    for name, value in choices.items():
        watched.page.select_option(f"#{name}", value)
    watched.page.fill("#text", text)
    watched.page.press("#text", "Control+Enter")
    watched.page.locator('#results[data-state="done"]').wait_for()
    watched.idle()


def drop(watched: Watched, name: str, content: bytes) -> None:
    watched.page.evaluate(
        """([name, bytes]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], name, {type: "text/csv"}));
            document.body.dispatchEvent(
                new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
        }""",
        [name, list(content)],
    )


def road_corners(served: Served, count: int) -> Any:
    """Corners of the served city's roads, degrees: what the data themselves can tell."""
    found = httpx.get(
        f"{served.url}/collections/roads/items", params={"f": "json", "limit": 500}, timeout=60
    ).json()["features"]
    shapes = [shapely.geometry.shape(feature["geometry"]) for feature in found]
    corners = shapely.get_coordinates(shapes)[:, :2]
    return corners[np.linspace(0, len(corners) - 1, count).astype(int)]


def test_pasted_rows_come_back_with_accuracy_and_steps(coords: Callable[..., Watched]) -> None:
    watched = coords()
    assert "不外传" in watched.text("#results")
    text = "点号,经度,纬度\nP1,114.022,32.98\nP2,114°01′20″,32°58′50″\nP3,abc,32.98\n"
    paste(watched, text, **{"from": "gcj02", "to": "EPSG:4547"})
    assert "± 5 m" in watched.text("#accuracy")
    way = find_transformation("gcj02", "EPSG:4547")
    assert watched.page.locator(".steps li").count() == len(way.steps)
    east, north = way.apply(np.array([[114.022, 32.98]]))[0]
    cells = lines(watched).first.locator("td").all_inner_texts()
    assert cells[:4] == ["2", "P1", "114.022", "32.98"]
    assert [float(cells[4]), float(cells[5])] == pytest.approx([east, north], abs=6e-5)
    assert "abc" in lines(watched).nth(2).locator(".fault").inner_text()

    # the map stands at the places themselves
    watched.page.locator(".points-map canvas").wait_for(state="visible")  # it loads when needed
    link = lines(watched).first.locator("a").get_attribute("href") or ""
    lon, lat = find_transformation("gcj02", "EPSG:4490").apply(np.array([[114.022, 32.98]]))[0]
    assert f"/{lat:.6f}/{lon:.6f}/" in link
    watched.page.check("#only-failed")
    assert lines(watched).count() == 1


def test_the_csv_opens_in_excel_and_holds_everything(coords: Callable[..., Watched]) -> None:
    watched = coords("/coords#from=EPSG:4526&to=EPSG:4490")
    paste(watched, '点号,X,Y,备注\n"A,1",3650530.1724,38502056.4345,"他说""好"""\nA2,,,\n')
    with watched.page.expect_download() as downloading:
        watched.page.click("#download")
    assert downloading.value.suggested_filename == "EPSG-4526_EPSG-4490.csv"
    content = Path(downloading.value.path()).read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert (rows[0]["点号"], rows[0]["备注"]) == ("A,1", '他说"好"')
    assert (rows[0]["x_converted"], rows[0]["y_converted"]) == ("114.022000000", "32.980000000")
    assert (rows[0]["frame"], rows[0]["accuracy_m"], rows[0]["reason"]) == ("EPSG:4490", "0", "")
    assert rows[1]["x_converted"] == ""
    assert rows[1]["reason"]

    watched.page.click("#digits-dms")
    assert "114°01′19.2000″E" in lines(watched).first.inner_text()


def test_a_dropped_gbk_file(coords: Callable[..., Watched]) -> None:
    watched = coords("/coords#from=EPSG:4490&to=bd09")
    drop(watched, "界址点.csv", "点号,纬度,经度\n甲,32.98,114.022\n".encode("gb18030"))
    watched.page.locator("tr[data-row]").wait_for()
    assert "甲" in lines(watched).first.inner_text()
    assert "界址点.csv" in watched.text(".file-line")
    watched.page.click(".file-line button")
    watched.page.locator('#results[data-state="empty"]').wait_for()


def test_the_data_tell_the_frame_or_nobody_guesses(
    coords: Callable[..., Watched], served_demo: Served
) -> None:
    watched = coords()
    assert watched.page.input_value("#from") == "detect"
    places = road_corners(served_demo, 400)
    sent = find_transformation("EPSG:4490", "gcj02").apply(places)
    paste(watched, "\n".join(f"{lon:.8f},{lat:.8f}" for lon, lat in sent))
    assert "gcj02" in watched.text(".decided")
    shown = [
        [float(v) for v in row.locator("td.number").all_inner_texts()[1:]]
        for row in lines(watched).all()[:20]
    ]
    assert np.abs(np.array(shown) - places[:20]).max() < 1e-7

    paste(watched, "114.022, 32.98\n114.03, 32.99")
    watched.page.locator(".undecided").wait_for(state="visible")
    candidates = watched.page.locator(".candidates li")
    assert candidates.count() >= 2
    name = candidates.first.locator("b").inner_text()
    candidates.first.locator("button").click()
    watched.page.locator("#accuracy").wait_for()
    assert watched.page.input_value("#from") == name


def test_another_frame_and_what_is_refused(coords: Callable[..., Watched]) -> None:
    watched = coords()
    page = watched.page
    page.fill("#text", "114.022, 32.98")
    page.select_option("#from", "EPSG:4610")
    page.locator(".failed", has_text="gis coords fit").wait_for()
    page.select_option("#from", "other")
    page.fill("#from-other", "nowhere")
    page.press("#from-other", "Enter")
    page.locator(".failed", has_text="nowhere").wait_for()
    page.fill("#from-other", "EPSG:4326")
    page.press("#from-other", "Enter")
    page.locator("#accuracy", has_text="± 1 m").wait_for()
    watched.problems[:] = [p for p in watched.problems if "400" not in p]


def test_both_languages_and_the_address_that_keeps_them(coords: Callable[..., Watched]) -> None:
    watched = coords("/coords#from=gcj02&to=EPSG:4547")
    paste(watched, "114.022, 32.98\nhello")
    watched.page.click("#lang-en")
    assert watched.page.evaluate("document.documentElement.lang") == "en"
    # the other language's own button apart
    body = watched.text("#app").replace("中", "", 1)
    assert not HAN.search(body), HAN.findall(body)
    link = watched.page.url
    assert "114.022" not in link
    again = coords(link.removeprefix(watched.served.url))
    assert again.page.input_value("#from") == "gcj02"
    assert again.text("h2") == "Input"


def test_an_unreachable_server_is_said_and_can_be_tried_again(
    coords: Callable[..., Watched],
) -> None:
    watched = coords()
    watched.page.route("**/coords/convert.json**", lambda route: route.abort("connectionrefused"))
    watched.page.fill("#text", "114.022, 32.98")
    watched.page.press("#text", "Control+Enter")
    watched.page.locator(".failed", has_text="gis serve").wait_for()
    watched.page.unroute("**/coords/convert.json**")
    watched.page.locator(".failed button").click()
    watched.page.locator('#results[data-state="done"]').wait_for()
    watched.problems[:] = [p for p in watched.problems if "CONNECTION_REFUSED" not in p]


def test_by_keyboard_and_on_a_phone(coords: Callable[..., Watched]) -> None:
    watched = coords("/coords#from=EPSG:4490&to=EPSG:4547", width=390, height=780)
    page = watched.page
    page.focus("#example")
    page.keyboard.press("Enter")
    lines(watched).first.wait_for()
    watched.idle()
    assert lines(watched).count() == 5
    assert lines(watched).locator(".fault").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.focus("#swap")
    page.keyboard.press("Enter")
    assert page.input_value("#from") == "EPSG:4547"
    unnamed = page.evaluate(
        """[...document.querySelectorAll("button, select, input:not([hidden]), textarea, a")]
            .filter(e => e.offsetParent && !e.innerText && !e.labels?.length
                && !e.getAttribute("aria-label")).map(e => e.outerHTML)"""
    )
    assert unnamed == []
