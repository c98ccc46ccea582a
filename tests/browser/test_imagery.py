"""Images under the map: a day is picked, a second one compared by a bar, and those of an alert."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from watched import Watched

pytestmark = pytest.mark.xdist_group("served")


def test_a_day_is_shown_and_compared(opened: Callable[..., Watched]) -> None:
    watched = opened(700, 440)
    page = watched.page
    watched.open("/map#l=roads")
    page.wait_for_selector("#imagery-under")
    with page.expect_response(lambda r: "map/tiles" in r.url and "2024-06-10" in r.url) as first:
        page.select_option("#imagery-under", label="2024-06-10")
    assert first.value.status in (200, 204)
    order = "onemap.flat.map.getLayersOrder()"
    # under the vectors, over the tint
    assert page.evaluate(f"{order}.indexOf('photo')") < page.evaluate(
        f"{order}.findIndex(id => id.startsWith('roads/'))"
    )
    with page.expect_response(lambda r: "map/tiles" in r.url and "2023-04-15" in r.url) as second:
        page.select_option("#imagery-over", label="2023-04-15")
    assert second.value.status in (200, 204)
    page.fill("#imagery-bar", "20")
    at = "getComputedStyle(document.querySelector('#imagery-curtain')).getPropertyValue('--at')"
    assert page.evaluate(at) == "20%"
    page.select_option("#imagery-under", value="-1")
    assert page.evaluate(f"{order}.indexOf('photo')") == -1
    assert page.is_hidden("#imagery-curtain")


def test_the_images_of_an_alert(opened: Callable[..., Watched]) -> None:
    watched = opened(1000, 640)
    page = watched.page
    watched.open("/map#p=alerts&l=alerts")
    page.click("[data-alert]")
    page.click("#imagery-alert")
    page.wait_for_selector("#imagery-bar")
    chosen = "id => document.getElementById(id).selectedOptions[0].textContent"
    assert page.evaluate(chosen, "imagery-under") == "2024-06-10"
    assert page.evaluate(chosen, "imagery-over") == "2023-04-15"
