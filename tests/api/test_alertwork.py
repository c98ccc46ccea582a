"""The officer's work over HTTP: steps, people, days, photos, figures, and who is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx
import orjson
import pytest
import yaml
from callers import client_from, see_keys
from small_city import fill

from gis.api.app import create_app
from gis.api.events import Hub, Watcher, follow
from gis.layers import Registry
from gis.settings import Settings
from gis.store import Store, assign_alerts, undo, update_alert
from gis.store.access import add_key
from gis.store.alert_feed import newest_step

FAR = "203.0.113.7"
ROLES = {
    "roles": {
        "officer": {"read": ["public", "internal"], "officer": True},
        "reader": {"read": ["public", "internal"]},
        "stranger": {"read": ["public"], "officer": True},
    }
}
WAY = ("to_check", "field_check", "confirmed", "rectify", "rectifying", "review", "closed")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
SOON = (date.today() + timedelta(days=3)).isoformat()


@pytest.fixture
def filled(server: Any, registry: Registry) -> Iterator[Store]:
    with server.copy() as url, Store.open(url, max_size=4, timezone="Asia/Shanghai") as store:
        fill(store, registry)
        yield store


@pytest.fixture
def app(filled: Store, registry: Registry, tmp_path: Path) -> Iterator[Any]:
    (tmp_path / "access.yml").write_text(yaml.safe_dump(ROLES), "utf-8")
    with Store.open(filled.url, max_size=4, timezone="Asia/Shanghai", read_only=True) as serving:
        settings = Settings(web=Path("none"), config=tmp_path, home=tmp_path)
        yield create_app(serving, registry, settings)


@pytest.fixture
def clients(app: Any, filled: Store) -> dict[str, httpx.Client]:
    made = {
        role: client_from(app, FAR, x_api_key=add_key(filled, role, [role], "test"))
        for role in ROLES["roles"]
    }
    see_keys(app)
    return made


@pytest.fixture
def key(clients: dict[str, httpx.Client]) -> int:
    return int(clients["officer"].get("/map/alerts.json").json()["alerts"][0]["key"])


def case(client: httpx.Client, key: int) -> Any:
    return client.get(f"/map/alerts/{key}.json").json()


def step(client: httpx.Client, key: int, tag: str | None = None, **given: Any) -> httpx.Response:
    tag = case(client, key)["etag"] if tag is None else tag
    return client.patch(
        f"/collections/alerts/items/{key}", json={"properties": given}, headers={"If-Match": tag}
    )


def test_from_suspected_to_closed(clients: dict[str, httpx.Client], key: int) -> None:
    officer = clients["officer"]
    for state in WAY:
        answer = step(officer, key, state=state, note=f"办理：{state}")
        assert answer.status_code == 200, answer.text
        assert answer.json()["properties"]["state"] == state
    found = case(officer, key)
    assert [s["to_state"] for s in found["trail"]] == ["suspected", *WAY]
    assert {s["who"] for s in found["trail"][1:]} == {"key:officer"}
    assert found["next_states"] == []
    refused = step(officer, key, state="to_check", note="再来")
    assert refused.status_code == 400
    assert "销" in refused.json()["zh"] or "结案" in refused.json()["zh"]
    total = officer.get("/map/alerts/stats.json").json()["total"]
    assert (total["found"], total["confirmed"], total["closed"], total["open"]) == (1, 1, 1, 0)


def test_a_day_and_somebody_to_do_it(clients: dict[str, httpx.Client], key: int) -> None:
    officer = clients["officer"]
    done = step(officer, key, state="to_check", note="派单", assignee="王工", due_on=SOON)
    assert done.status_code == 200, done.text
    found = case(officer, key)
    assert (found["assignee"], found["due_on"]) == ("王工", SOON)
    [row] = officer.get("/map/alerts.json", params={"assignee": "王工"}).json()["alerts"]
    assert row["due_on"] == SOON
    assert officer.get("/map/alerts.json", params={"overdue": "true"}).json()["total"] == 0
    later = (date.today() + timedelta(days=9)).isoformat()
    assert step(officer, key, due_on=later).json()["due_on"] == later
    step(officer, key, state="field_check", note="出车")
    assert case(officer, key)["due_on"] is None, "a new state, a new day"
    events = [s["event"] for s in case(officer, key)["trail"]]
    assert events == ["raised", "state", "assigned", "due", "state"]


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, 400),
        ({"state": "closed", "note": "x"}, 400),
        ({"state": "to_check"}, 400),
        ({"state": "to_check", "note": " "}, 400),
        ({"state": "nonsense", "note": "x"}, 400),
        ({"score": 1.0}, 422),
        ({"reasons": "farmland"}, 422),
        ({"state": ["to_check"], "note": "x"}, 422),
        ({"state": "to_check", "note": "x\x00"}, 422),
        ({"due_on": "soon"}, 422),
        ({"due_on": "2020-01-01"}, 400),
        ({"assignee": ""}, 400),
    ],
)  # fmt: skip
def test_steps_that_are_none(
    clients: dict[str, httpx.Client], key: int, given: dict[str, Any], status: int
) -> None:
    officer = clients["officer"]
    answer = step(officer, key, **given)
    assert answer.status_code == status, answer.text
    assert answer.json()["zh"]
    assert len(case(officer, key)["trail"]) == 1


def test_two_officers_at_once(clients: dict[str, httpx.Client], key: int) -> None:
    officer = clients["officer"]
    tag = case(officer, key)["etag"]
    assert step(officer, key, tag, state="to_check", note="一").status_code == 200
    for late in ({"state": "to_check", "note": "二"}, {"assignee": "赵工"}):
        assert step(officer, key, tag, **late).status_code == 412
    bare = officer.patch(f"/collections/alerts/items/{key}", json={"properties": {}})
    assert bare.status_code == 428
    got = officer.get(f"/collections/alerts/items/{key}")
    assert step(officer, key, got.headers["ETag"], state="field_check", note="三").is_success
    moved = officer.patch(
        f"/collections/alerts/items/{key}", headers={"If-Match": "*"},
        json={"geometry": {"type": "Point", "coordinates": [0, 0]}},
    )  # fmt: skip
    assert moved.status_code == 422


def test_who_may_work_on_alerts(clients: dict[str, httpx.Client], app: Any, key: int) -> None:
    given = {"state": "to_check", "note": "x"}
    where = f"/collections/alerts/items/{key}"
    assert not case(clients["reader"], key)["may_work"]
    assert step(clients["reader"], key, '"1.x"', **given).status_code == 403
    for hidden in (clients["stranger"], client_from(app, FAR)):
        assert step(hidden, key, '"1.x"', **given).status_code == 404
        assert hidden.post(f"{where}/documents?name=a.png", content=PNG).status_code == 404
        assert hidden.get("/map/alerts/stats.json").status_code == 404
    assert clients["reader"].post(f"{where}/documents?name=a.png", content=PNG).status_code == 403
    for method in ("PUT", "DELETE"):
        answer = clients["officer"].request(method, where, headers={"If-Match": "*"})
        assert answer.status_code == 405, "what was found is never written over"
    assert step(clients["officer"], 999999, "*", **given).status_code == 404
    allow = [clients[role].options(where).headers["Allow"] for role in ("officer", "reader")]
    assert allow == ["GET, HEAD, OPTIONS, PATCH", "GET, HEAD, OPTIONS"]


def test_a_photo_is_a_step(clients: dict[str, httpx.Client], key: int) -> None:
    officer = clients["officer"]
    where = f"/collections/alerts/items/{key}/documents"
    sent = officer.post(where, params={"name": "现场.png", "title": "东侧"}, content=PNG)
    assert sent.status_code == 201, sent.text
    assert officer.get(sent.headers["Location"]).content == PNG, "byte for byte as it came"
    again = officer.post(where, params={"name": "现场.png"}, content=PNG)
    assert again.json()["id"] == sent.json()["id"]
    photos = [s for s in case(officer, key)["trail"] if s["event"] == "photo"]
    assert [(s["document"], s["note"], s["who"]) for s in photos] == [
        (sent.json()["id"], "东侧", "key:officer")
    ]
    assert officer.get(f"/collections/alerts/items/{key}").json()["documents"]["count"] == 1
    for name, body, status in (
        ("a.svg", b"<svg/>", 400), ("a.png", b"<html>", 400), ("a.jpg", PNG, 400),
        ("noname", PNG, 400), ("../../x.png", b"", 400), ("", PNG, 400),
        ("big.png", PNG + bytes(25_000_001), 413),
    ):  # fmt: skip
        refused = officer.post(where, params={"name": name}, content=body)
        assert refused.status_code == status, (name, refused.text)
    assert officer.post(where.replace(str(key), "999999"), params={"name": "a.png"},
                        content=PNG).status_code == 404  # fmt: skip


# --- /live ---------------------------------------------------------------------------------------


async def events(
    store: Store, work: Any, count: int, after: int | None = None, *, seen: bool = True
) -> list[Any]:
    """The first events of one who watches while `work` goes on."""
    hub, watcher = Hub(store), Watcher(asyncio.get_running_loop())
    await anyio.to_thread.run_sync(hub.join, watcher)
    stream = follow(hub, store, watcher, after, seen=seen)
    assert (await anext(stream)).startswith(b"retry:")
    found = []
    with anyio.move_on_after(3):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, work)
            while len(found) < count:
                text = await anext(stream)
                lines = dict(line.split(b": ", 1) for line in text.strip().split(b"\n"))
                assert lines[b"event"] == b"alert"
                found.append(orjson.loads(lines[b"data"]))
                assert int(lines[b"id"]) == found[-1]["id"]
    await stream.aclose()
    assert not hub._watchers
    return found


def test_whoever_watches_is_told(filled: Store, key: int) -> None:
    """Of steps that other processes take, in their order; and of what was missed meanwhile."""

    def work() -> None:
        update_alert(filled, key, "to_check", "派单", by="李工")
        assign_alerts(filled, [key], "王工", by="李工")

    before = newest_step(filled)
    told = anyio.run(events, filled, work, 2)
    assert [(e["event"], e["to_state"], e["assignee"]) for e in told] == [
        ("state", "to_check", None), ("assigned", "to_check", "王工"),
    ]  # fmt: skip
    assert {e["key"] for e in told} == {key}
    assert 113 < told[0]["lon"] < 115
    missed = anyio.run(events, filled, lambda: None, 2, before)
    assert missed == told


def test_what_is_taken_back_or_hidden_is_not_told(filled: Store, key: int) -> None:
    def work() -> None:
        update_alert(filled, key, "to_check", "派单", by="李工")

    async def hidden() -> list[Any]:
        return await events(filled, work, 1, 0, seen=False)

    assert anyio.run(hidden) == []
    undone = update_alert(filled, key, "field_check", "出车", by="李工")["trail"][-1]["delivery"]
    undo(filled, undone)
    assert update_alert(filled, key, "field_check", "再出车", by="李工")["next_states"]
