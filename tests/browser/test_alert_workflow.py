"""An officer takes one alert from 疑似 to 销号 on the page, and sees its trail."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from served import Served
from watched import Watched

pytestmark = pytest.mark.xdist_group("served")

WAY = [
    ("to_check", "待核查"),
    ("field_check", "实地核查"),
    ("confirmed", "认定"),
    ("rectify", "责令整改"),
    ("rectifying", "整改"),
    ("review", "复核"),
    ("closed", "销号"),
]
# the smallest picture there is
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8ff"
    "ffff7f0009fb03fd2a86e38a0000000049454e44ae426082"
)


def suspected(served: Served) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(
        served.gis("alerts", "list", "--state", "suspected", "--json").stdout
    )
    return found


def test_from_suspected_to_closed(opened: Callable[..., Watched], served_demo: Served) -> None:
    chosen = suspected(served_demo)[0]
    watched = opened(1200, 760)
    page = watched.page
    watched.open("/map#p=alerts")
    page.click(f'[data-alert="{chosen["key"]}"]')
    page.wait_for_selector(".case .work")
    assert watched.text(".case h3 .state") == "疑似"

    page.click('[data-state="to_check"]')  # without a note: told so, nothing sent
    assert "核查说明" in watched.text(".work [role=alert]")

    soon = (date.today() + timedelta(days=5)).isoformat()
    page.fill("#work-assignee", "王工")
    page.fill("#work-due", soon)
    for state, title in WAY:
        page.fill("#work-note", f"经办：{title}")
        page.click(f'[data-state="{state}"]')
        page.wait_for_function(
            "title => document.querySelector('.case h3 .state')?.textContent === title", arg=title
        )
        if state == "to_check":
            assert "王工" in watched.text(".case .fields")
            assert soon in watched.text(".case .fields")
        if state == "field_check":
            page.set_input_files(
                "#work-photo", {"name": "现场.png", "mimeType": "image/png", "buffer": PNG}
            )
            page.wait_for_selector(".trail img")
            shown = "document.querySelector('.trail img').naturalWidth"
            page.wait_for_function(f"{shown} === 1")

    steps = page.locator(".trail li").all_inner_texts()
    kept = [re.search(r"→ (\S+)", step) for step in steps]
    titles = [found[1] for found in kept if found]
    assert titles == [title for _, title in WAY]
    assert sum("现场照片" in step for step in steps) == 1
    assert sum("交办 王工" in step for step in steps) == 1
    assert all(f"经办：{title}" in "".join(steps) for _, title in WAY)
    assert page.locator(".work [data-state]").count() == 0, "what is closed has no next step"
    done = json.loads(served_demo.gis("alerts", "show", str(chosen["key"]), "--json").stdout)
    assert done["properties"]["state"] == "closed"

    page.click(".case-nav .text-button")
    page.click(".alert-figures summary")
    page.wait_for_selector(".alert-figures dd")
    figures = page.locator(".alert-figures dd").all_inner_texts()
    assert figures[4] == "1", "one is closed"


def test_what_others_do_is_seen_at_once(
    opened: Callable[..., Watched], served_demo: Served
) -> None:
    """A step taken elsewhere shows; where somebody is writing, nothing is wiped, and the step they
    then send is refused because the alert has moved."""
    chosen = suspected(served_demo)[-1]
    key = str(chosen["key"])
    watched = opened(1000, 700)
    page = watched.page
    watched.open(f"/map#s=alerts.{key}&p=alerts")
    page.wait_for_selector(".case .work")
    served_demo.gis(
        "alerts", "update", key, "--state", "to_check", "--note", "他处派单", "--by", "李工"
    )
    page.wait_for_function("document.querySelector('.trail')?.textContent.includes('他处派单')")
    assert watched.text(".case h3 .state") == "待核查"

    page.fill("#work-note", "正在写")
    served_demo.gis(
        "alerts", "update", key, "--state", "field_check", "--note", "抢先", "--by", "李工"
    )
    page.wait_for_selector(".notice")
    assert page.input_value("#work-note") == "正在写"
    page.click('[data-state="field_check"]')
    page.wait_for_selector(".work [role=alert]")
    assert "已被他人办理" in watched.text(".work [role=alert]")
    watched.problems[:] = [p for p in watched.problems if "412" not in p]  # it was refused
