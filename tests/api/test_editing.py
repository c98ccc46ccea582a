"""Editing over HTTP: each edit is a delivery, checked, locked by ETag, in the history, undoable."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from callers import client_from, see_keys
from small_city import fill

from gis.api.app import create_app
from gis.layers import Registry
from gis.settings import Settings
from gis.store import Store, list_deliveries, undo
from gis.store.access import add_key

ITEMS = "/collections/planning_permits/items"
GEOJSON = {"Content-Type": "application/geo+json"}
FAR = "203.0.113.7"
ROLES = {
    "roles": {
        "planner": {"read": ["public", "internal"], "write": ["planning_permits"]},
        "reader": {"read": ["public", "internal"]},
    }
}
SQUARE = [[114.01, 32.98], [114.012, 32.98], [114.012, 32.982], [114.01, 32.982], [114.01, 32.98]]


@pytest.fixture
def filled(server: Any, registry: Registry) -> Iterator[Store]:
    with server.copy() as url, Store.open(url, max_size=4, timezone="Asia/Shanghai") as store:
        fill(store, registry)
        yield store


@pytest.fixture
def app(filled: Store, registry: Registry, tmp_path: Path) -> Iterator[Any]:
    """As it is served: over a pool that reads by default."""
    (tmp_path / "access.yml").write_text(yaml.safe_dump(ROLES), "utf-8")
    with Store.open(filled.url, max_size=4, timezone="Asia/Shanghai", read_only=True) as serving:
        yield create_app(serving, registry, Settings(web=Path("none"), config=tmp_path))


@pytest.fixture
def planner(app: Any, filled: Store) -> httpx.Client:
    return client_from(app, FAR, x_api_key=add_key(filled, "规划科", ["planner"], "test"))


def permit(**properties: Any) -> dict[str, Any]:
    known = {
        "permit_no": "建字第2024-007号", "project": "新楼", "kind": "construction",
        "issued_on": "2024-05-01",
    }  # fmt: skip
    return {
        "type": "Feature",
        "properties": known | properties,
        "geometry": {"type": "Polygon", "coordinates": [SQUARE]},
    }


def created(client: httpx.Client, **properties: Any) -> tuple[str, str]:
    """Address and ETag of a new permit."""
    answer = client.post(ITEMS, json=permit(**properties), headers=GEOJSON)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"], answer.headers["ETag"]


def test_a_feature_goes_its_way_over_http(planner: httpx.Client, filled: Store) -> None:
    """Created, replaced, patched, ended; the ledger and the history tell of each step."""
    where, _ = created(planner)
    got = planner.get(where)
    assert got.json()["properties"]["project"] == "新楼"
    assert got.headers["ETag"].startswith('"'), "only a strong tag may be promised with If-Match"

    changed = got.json()
    changed["properties"]["project"] = "新楼二期"
    put = planner.put(where, json=changed, headers={**GEOJSON, "If-Match": got.headers["ETag"]})
    assert put.status_code == 200, put.text
    assert put.json()["change"] == "changed"
    assert put.json()["id"] == got.json()["id"], "the same business key is the same feature"

    patch = planner.patch(
        where, json={"properties": {"height_max_m": 24, "holder": None}},
        headers={"If-Match": put.headers["ETag"], "Content-Type": "application/merge-patch+json"},
    )  # fmt: skip
    assert patch.status_code == 200, patch.text
    now = planner.get(where)
    assert now.json()["properties"]["height_max_m"] == 24
    assert now.json()["properties"]["project"] == "新楼二期"
    assert now.json()["geometry"] == got.json()["geometry"]

    ended = planner.delete(where, headers={"If-Match": now.headers["ETag"]})
    assert ended.status_code == 200, ended.text
    assert planner.get(where).status_code == 404
    versions = planner.get(f"{where}/history").json()["versions"]
    assert [v["properties"]["project"] for v in versions] == ["新楼二期", "新楼二期", "新楼"]
    lines = list_deliveries(filled, "planning_permits")[:4]
    assert [line["mode"] for line in lines] == ["delete", "upsert", "upsert", "upsert"]
    assert {line["person"] for line in lines} == {"key:规划科"}
    assert {line["department"] for line in lines} == {"规划科"}


def test_an_edit_is_undone_as_any_delivery(planner: httpx.Client, filled: Store) -> None:
    where, tag = created(planner)
    patched = planner.patch(where, json={"properties": {"project": "别名"}},
                            headers={"If-Match": tag})  # fmt: skip
    undo(filled, patched.json()["delivery"])
    got = planner.get(where)
    assert got.json()["properties"]["project"] == "新楼"
    stale = planner.delete(where, headers={"If-Match": patched.headers["ETag"]})
    assert stale.status_code == 412, "what was undone is no longer there to be deleted"
    assert planner.delete(where, headers={"If-Match": got.headers["ETag"]}).status_code == 200


def test_what_is_not_promised_is_refused(planner: httpx.Client) -> None:
    where, tag = created(planner)
    for method in ("PUT", "PATCH", "DELETE"):

        def ask(value: str | None, method: str = method) -> httpx.Response:
            headers = GEOJSON if value is None else {**GEOJSON, "If-Match": value}
            return planner.request(method, where, json=permit(project="X"), headers=headers)

        assert ask(None).status_code == 428
        weak = planner.get(where, params={"f": "html"}).headers["ETag"]
        for stale in ('"1.abc"', f"W/{tag}", "nonsense", '"x"', weak):
            assert ask(stale).status_code == 412, (method, stale)
    assert planner.get(where).json()["properties"]["project"] == "新楼"
    star = planner.put(where, json=permit(project="Y"), headers={**GEOJSON, "If-Match": "*"})
    assert star.status_code == 200
    listed = f'"1.x", {star.headers["ETag"]}'
    assert planner.delete(where, headers={"If-Match": listed}).status_code == 200


def test_of_two_edits_at_once_one_wins(planner: httpx.Client, filled: Store) -> None:
    where, tag = created(planner)
    found: list[int] = []
    start = threading.Barrier(4)

    def edit(name: str) -> None:
        start.wait()
        answer = planner.patch(where, json={"properties": {"project": name}},
                               headers={"If-Match": tag})  # fmt: skip
        found.append(answer.status_code)

    threads = [threading.Thread(target=edit, args=(f"第{i}人",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200, 412, 412, 412]
    versions = planner.get(f"{where}/history").json()["versions"]
    assert len(versions) == 2


@pytest.mark.parametrize(
    ("properties", "code", "field"),
    [
        ({"project": None}, "missing_value", "project"),
        ({"permit_no": None}, "missing_value", "permit_no"),
        ({"kind": "castle"}, "unknown_code", "kind"),
        ({"height_max_m": 4000}, "out_of_range", "height_max_m"),
        ({"issued_on": "soon"}, "bad_value", "issued_on"),
        ({"projct": "x"}, "unknown_field", "projct"),
        ({"project": ["x"]}, "bad_value", "project"),
        ({"project": "a\x00b"}, "bad_value", "project"),
    ],
)  # fmt: skip
def test_checks_say_why(
    planner: httpx.Client, filled: Store, properties: dict[str, Any], code: str, field: str
) -> None:
    before = len(list_deliveries(filled))
    answer = planner.post(ITEMS, json=permit(**properties), headers=GEOJSON)
    assert answer.status_code == 422, answer.text
    [reason] = answer.json()["reasons"]
    assert (reason["code"], reason["field"]) == (code, field)
    assert reason["zh"]
    assert reason["en"]
    assert len(list_deliveries(filled)) == before, "of a refused edit nothing is kept"


@pytest.mark.parametrize(
    ("geometry", "status"),
    [
        (None, 422),
        ({"type": "Point", "coordinates": [114.01, 32.98]}, 422),
        ({"type": "Polygon", "coordinates": [[[y, x] for x, y in SQUARE]]}, 422),  # swapped
        ({"type": "Polygon", "coordinates": [[[x + 20, y] for x, y in SQUARE]]}, 422),
        ({"type": "Polygon", "coordinates": [[SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3],
                                              SQUARE[0]]]}, 422),  # a bow
        ({"type": "Polygon", "coordinates": [[[1, 2]]]}, 400),
        ({"type": "Blob"}, 400),
        ("POINT(1 2)", 400),
        ([1, 2], 400),
    ],
)  # fmt: skip
def test_places_that_can_not_be(planner: httpx.Client, geometry: Any, status: int) -> None:
    answer = planner.post(ITEMS, json=permit() | {"geometry": geometry}, headers=GEOJSON)
    assert answer.status_code == status, answer.text
    assert planner.get(ITEMS).json()["numberMatched"] == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"type": "FeatureCollection"}', b"1",
                                  b'{"type": "Feature", "properties": 3}', b"[" * 5000,
                                  b"\xff\xfe"])  # fmt: skip
def test_bodies_that_are_no_feature(planner: httpx.Client, body: bytes) -> None:
    where, tag = created(planner)
    assert planner.post(ITEMS, content=body, headers=GEOJSON).status_code in (400, 422)
    for method in ("PUT", "PATCH"):
        answer = planner.request(method, where, content=body, headers={**GEOJSON, "If-Match": tag})
        assert answer.status_code in (400, 422) or method == "PATCH", answer.text
        assert answer.status_code < 500


def test_a_place_in_the_plane_of_the_city(planner: httpx.Client) -> None:
    """Content-Crs with north first, as the register of EPSG has it, comes back as degrees."""
    where, _ = created(planner)
    plane = {"crs": "http://www.opengis.net/def/crs/EPSG/0/4547"}
    there = planner.get(where, params=plane)
    assert there.json()["geometry"]["coordinates"][0][0][0] > 3_000_000  # north first
    moved = there.json()
    ring = moved["geometry"]["coordinates"][0]
    moved["geometry"]["coordinates"][0] = [[n + 10, e] for n, e in ring]
    put = planner.put(
        where, json=moved,
        headers={**GEOJSON, "Content-Crs": f"<{plane['crs']}>", "If-Match": there.headers["ETag"]},
    )  # fmt: skip
    assert put.status_code == 200, put.text
    [[north, east], *_] = planner.get(where, params=plane).json()["geometry"]["coordinates"][0]
    assert north == pytest.approx(ring[0][0] + 10, abs=0.01)
    assert east == pytest.approx(ring[0][1], abs=0.01)
    other = planner.put(where, json=moved, headers={**GEOJSON, "Content-Crs": "<urn:x>",
                                                    "If-Match": put.headers["ETag"]})  # fmt: skip
    assert other.status_code == 400


def test_the_key_is_the_feature(planner: httpx.Client) -> None:
    where, tag = created(planner)
    again = planner.post(ITEMS, json=permit(project="另一个"), headers=GEOJSON)
    assert again.status_code == 409
    renamed = planner.patch(where, json={"properties": {"permit_no": "建字第9号"}},
                            headers={"If-Match": tag})  # fmt: skip
    assert renamed.status_code == 422
    assert renamed.json()["reasons"][0]["code"] == "key_changed"
    planner.delete(where, headers={"If-Match": tag})
    back, _ = created(planner)
    assert back == where, "a number given once is the same feature for ever"
    wrong = planner.put(where, json=permit() | {"id": 99}, headers={**GEOJSON, "If-Match": "*"})
    assert wrong.status_code == 400


def test_the_same_again_is_no_version(planner: httpx.Client) -> None:
    where, tag = created(planner)
    put = planner.put(where, json=permit(), headers={**GEOJSON, "If-Match": tag})
    assert put.json()["change"] == "unchanged"
    assert put.headers["ETag"] == tag


def test_who_may(app: Any, planner: httpx.Client, filled: Store) -> None:
    where, tag = created(planner)
    reader = client_from(app, FAR, x_api_key=add_key(filled, "读者", ["reader"], "test"))
    see_keys(app)
    sent = {"json": permit(), "headers": {**GEOJSON, "If-Match": tag}}
    for client, status in ((client_from(app), 401), (client_from(app, FAR), 401), (reader, 403)):
        assert client.post(ITEMS, **sent).status_code == status
        for method in ("PUT", "PATCH", "DELETE"):
            assert client.request(method, where, **sent).status_code == status
        assert client.options(where).headers["Allow"] == "GET, HEAD, OPTIONS"
    assert planner.options(where).headers["Allow"] == "GET, HEAD, OPTIONS, PUT, PATCH, DELETE"
    assert planner.options(where).headers["Accept-Patch"] == "application/merge-patch+json"
    assert "POST" in planner.options(ITEMS).headers["Allow"]
    assert planner.get(where).status_code == 200


def test_layers_that_are_not_edited_here(planner: httpx.Client, app: Any) -> None:
    headers = {**GEOJSON, "If-Match": "*"}
    for method in ("PUT", "PATCH", "DELETE"):
        answer = planner.request(method, "/collections/buildings/items/1", json=permit(),
                                 headers=headers)  # fmt: skip
        assert answer.status_code == 405, answer.text
    assert planner.post("/collections/buildings/items", json=permit(),
                        headers=headers).status_code == 405  # fmt: skip
    for hidden in ("property_units", "nothing"):  # sensitive, and none
        for method in ("PUT", "PATCH", "DELETE", "OPTIONS"):
            where = f"/collections/{hidden}/items/1"
            assert planner.request(method, where, headers=headers).status_code == 404
    for key in ("999999", "x", "0x1", "9" * 30):
        assert planner.delete(f"{ITEMS}/{key}", headers=headers).status_code == 404
    wrong = planner.patch(f"{ITEMS}/1", content=b"<a/>",
                          headers={"If-Match": "*", "Content-Type": "text/xml"})  # fmt: skip
    assert wrong.status_code == 415


def test_a_filter_is_still_posted(planner: httpx.Client) -> None:
    asked = {"op": "=", "args": [{"property": "kind"}, "building"]}
    found = planner.post(ITEMS, json=asked)
    assert found.status_code == 200
    assert found.json()["numberReturned"] == 1


def test_a_packed_answer_has_a_tag_of_its_own(planner: httpx.Client) -> None:
    where, _ = created(planner, project="楼" * 500)
    plain = planner.get(where, headers={"Accept-Encoding": "identity"})
    packed = planner.get(where, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert plain.headers["ETag"] != packed.headers["ETag"]
    for tag in (plain.headers["ETag"], packed.headers["ETag"]):
        assert planner.get(where, headers={"If-None-Match": tag}).status_code == 304
    patched = planner.patch(where, json={"properties": {"project": "短"}},
                            headers={"If-Match": packed.headers["ETag"]})  # fmt: skip
    assert patched.status_code == 200
    assert planner.get(where, headers={"If-None-Match": plain.headers["ETag"]}).status_code == 200


def test_edits_are_on_the_audit_trail(app: Any, planner: httpx.Client, filled: Store) -> None:
    from gis.store.audit import list_entries

    where, _ = created(planner)
    app.app.state.access.trail.flush()
    [entry] = [e for e in list_entries(filled) if e["action"] == "edit"]
    assert (entry["who"], entry["target"]) == (
        "key:规划科", f"planning_permits/{where.rsplit('/', 1)[1]}"
    )  # fmt: skip


def test_it_is_declared(planner: httpx.Client, app: Any, filled: Store) -> None:
    """In the list of conformance, and in OpenAPI for the layers that are edited, no others."""
    declared = planner.get("/conformance").json()["conformsTo"]
    for name in ("create-replace-delete", "update", "optimistic-locking-etags"):
        assert f"http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/{name}" in declared
    paths = planner.get("/openapi", params={"f": "json"}).json()["paths"]
    one = paths["/collections/planning_permits/items/{featureId}"]
    assert {"get", "put", "patch", "delete"} <= set(one)
    assert any(p.get("name") == "If-Match" and p["required"] for p in one["put"]["parameters"])
    schema = one["put"]["requestBody"]["content"]["application/geo+json"]["schema"]
    fields = schema["properties"]["properties"]
    assert "permit_no" in fields["required"]
    assert "construction" in fields["properties"]["kind"]["enum"]
    create = paths["/collections/planning_permits/items"]["post"]
    assert "application/geo+json" in create["requestBody"]["content"]
    assert "201" in create["responses"]
    assert "put" not in paths["/collections/buildings/items/{featureId}"]
    assert set(paths["/collections/alerts/items/{featureId}"]) >= {"get", "patch"}
    assert "put" not in paths["/collections/alerts/items/{featureId}"]
