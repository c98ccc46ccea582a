"""`/coords` and the process `locate` over HTTP: what comes back, what is refused and how."""

from __future__ import annotations

import re
from typing import Any

import anyio
import httpx
import numpy as np
import pytest
from small_city import FIRST, building
from starlette.requests import Request

from gis.api.bodies import read_body
from gis.api.coordspage import MOST_BYTES, MOST_ROWS
from gis.api.refusals import TooLarge
from gis.coords import find_transformation

CONVERT = "/coords/convert.json"
LOCATE = "/processes/locate/execution"
HOUSE = building(8)["at"].centroid


def convert(client: httpx.Client, text: str | bytes, **params: str) -> httpx.Response:
    content = text.encode() if isinstance(text, str) else text
    return client.post(CONVERT, content=content, params=params)


def locate(client: httpx.Client, **inputs: Any) -> httpx.Response:
    return client.post(LOCATE, json={"inputs": inputs})


def test_frames_to_choose_from(client: httpx.Client) -> None:
    frames = client.get("/coords/frames.json").json()["frames"]
    by_name = {frame["name"]: frame for frame in frames}
    assert [frame["name"] for frame in frames][:3] == ["EPSG:4490", "EPSG:4547", "EPSG:4526"]
    assert {"gcj02", "bd09", "bd09mc", "EPSG:4326", "EPSG:3857"} <= set(by_name)
    assert by_name["gcj02"]["accuracy_m"] == 5.0
    assert by_name["EPSG:4610"]["accuracy_m"] is None
    for frame in frames:
        assert re.search(r"[\u4e00-\u9fff]", frame["title"]["zh"]), frame
        assert not re.search(r"[\u4e00-\u9fff]", frame["title"]["en"]), frame


def test_rows_moved_and_rows_that_fail(client: httpx.Client) -> None:
    text = "点号,X,Y\nA,3650530.1724,38502056.4345\nB,abc,1\nC,502056,3650530\n"
    answer = convert(client, text.encode("gb18030"), **{"from": "EPSG:4526", "order": "north"})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    done = found["converted"]
    assert found["columns"] == ["点号", "X", "Y"]
    assert found["rows"][0] == ["A", "3650530.1724", "38502056.4345"]
    assert done["xy"][0] == pytest.approx([114.022, 32.98], abs=1e-9)
    assert done["lonlat"][0] == pytest.approx([114.022, 32.98], abs=1e-8)
    assert done["from_xy"][0] == [38502056.4345, 3650530.1724]
    assert (done["turned"], done["accuracy_m"], found["failed"]) == (True, 0.0, 2)
    assert done["xy"][1] == done["xy"][2] == [None, None]
    assert set(found["faults"]) == {"1", "2"}
    assert "abc" in found["faults"]["1"]["zh"]
    assert done["from"]["name"] == "EPSG:4526"
    assert found["to"]["name"] == "EPSG:4490"


def test_accuracy_and_steps_are_those_of_the_way(client: httpx.Client) -> None:
    done = convert(client, "114.022, 32.98", **{"from": "EPSG:4490", "to": "bd09"}).json()
    way = find_transformation("EPSG:4490", "bd09")
    assert done["converted"]["accuracy_m"] == way.accuracy_m
    assert done["converted"]["steps"] == list(way.steps)
    there = way.apply(np.array([[114.022, 32.98]]))[0]
    assert done["converted"]["xy"][0] == pytest.approx(there.tolist(), abs=1e-9)


def test_few_points_are_not_guessed(client: httpx.Client) -> None:
    found = convert(client, "114.022, 32.98\n114.03, 32.99", **{"from": "detect"}).json()
    assert found["converted"] is None
    assert found["diagnosis"]["decision"] is None
    assert len(found["diagnosis"]["candidates"]) >= 3
    assert found["diagnosis"]["needs"]
    assert found["rows"] == [["114.022, 32.98"], ["114.03, 32.99"]]


@pytest.mark.parametrize(
    ("text", "params", "status", "says"),
    [
        ("", {"from": "EPSG:4490"}, 400, "no rows"),
        ("hello", {"from": "EPSG:4490"}, 400, "not two coordinates"),
        ("1,2", {"from": "nowhere"}, 400, "unknown frame"),
        ("1,2", {"from": "EPSG:4490", "to": "local:none"}, 400, "no local frame none"),
        ("114,33", {"from": "EPSG:4610"}, 400, "gis coords fit"),
        ("1,2", {"from": "EPSG:4490", "order": "up"}, 400, "order"),
        ("1,2", {"from": "EPSG:4490", "angles": "round"}, 400, "angles"),
        ("1,2", {"form": "EPSG:4490"}, 400, "form"),
        ("a,b\n1,2", {"from": "EPSG:4490", "x": "a", "y": "c"}, 400, "'c'"),
        ("\x00\x01\x02" * 50, {"from": "EPSG:4490"}, 400, "coordinates"),
    ],
)
def test_what_is_refused_says_why(
    client: httpx.Client, text: str, params: dict[str, str], status: int, says: str
) -> None:
    answer = convert(client, text, **params)
    assert answer.status_code == status, answer.text
    assert says in answer.json()["en"]
    assert re.search(r"[\u4e00-\u9fff]", answer.json()["zh"])


def test_too_many_rows_and_too_many_bytes(client: httpx.Client) -> None:
    rows = convert(client, "1,2\n" * (MOST_ROWS + 1), **{"from": "EPSG:4490"})
    assert rows.status_code == 413
    assert "gis coords convert" in rows.json()["en"]
    whole = convert(client, b"1" * (MOST_BYTES + 1), **{"from": "EPSG:4490"})
    assert whole.status_code == 413


@pytest.mark.parametrize("stated", [True, False])
def test_no_more_is_read_than_allowed(stated: bool) -> None:
    parts = iter([b"x" * 60, b"x" * 60, b"x" * 60])
    taken = []

    async def receive() -> dict[str, Any]:
        taken.append(next(parts))
        return {"type": "http.request", "body": taken[-1], "more_body": True}

    headers = [(b"content-length", b"180")] if stated else []
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    with pytest.raises(TooLarge):
        anyio.run(read_body, request, 100)
    assert len(taken) == (0 if stated else 2)


def test_reading_by_get_is_not_there(client: httpx.Client) -> None:
    assert client.get(CONVERT).status_code == 405
    assert client.get(LOCATE).status_code == 405


def test_the_page_says_when_it_is_not_built(client: httpx.Client) -> None:
    answer = client.get("/coords")
    assert answer.status_code == 200
    assert "make web" in answer.text


# --- locate ----------------------------------------------------------------------------------


def test_processes_describe_themselves(client: httpx.Client) -> None:
    listed = client.get("/processes").json()["processes"]
    assert listed[0]["id"] == "locate"
    for lang, title in (("zh", "定位"), ("en", "Locate")):
        told = client.get("/processes/locate", params={"lang": lang}).json()
        assert title in told["title"]
        assert set(told["inputs"]) == {"x", "y", "frame", "datetime", "reach_m"}
        assert isinstance(told["inputs"]["frame"]["title"], str)
        for link in told["links"]:
            assert link["href"].startswith("http://testserver/processes/locate")
    assert client.get("/processes/nothing").status_code == 404
    page = client.get("/processes/locate", headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert not re.search(r"<script|<link|src=", page.text)


@pytest.mark.parametrize("lang", ["zh", "zh-CN", "en", "en-US", "en-GB", "fr"])
def test_any_language_is_answered(client: httpx.Client, lang: str) -> None:
    title = "Locate" if lang.startswith("en") else "定位"
    for given in ({"params": {"lang": lang}}, {"headers": {"Accept-Language": lang}}):
        answer = client.get("/processes/locate", **given)  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        assert title in answer.json()["title"]


def test_the_standard_names_what_is_there(client: httpx.Client) -> None:
    classes = client.get("/conformance").json()["conformsTo"]
    assert any(uri.endswith("ogcapi-processes-1/1.0/conf/core") for uri in classes)
    assert not any("callback" in uri for uri in classes)
    paths = client.get("/openapi").json()["paths"]
    assert set(paths["/processes/locate/execution"]) == {"post"}
    assert {"get", "delete"} == set(paths["/jobs/{job}"])


def test_one_point_from_two_frames(client: httpx.Client) -> None:
    plain = locate(client, x=HOUSE.x, y=HOUSE.y)
    assert plain.status_code == 200, plain.text
    found = plain.json()
    assert found["building"]["value_m"] == 99.5
    assert found["road"]["title"]
    by_frame = {one["frame"]: one for one in found["coordinates"]}
    shifted = by_frame["gcj02"]
    again = locate(client, x=shifted["x"], y=shifted["y"], frame="gcj02").json()
    assert (again["lon"], again["lat"]) == pytest.approx((HOUSE.x, HOUSE.y), abs=1e-8)
    assert (again["accuracy_m"], again["reach_m"]) == (5.0, 5.0)
    dms = locate(client, x=found["dms"]["lon"], y=found["dms"]["lat"], frame=4490).json()
    assert dms["grid"][7] == found["grid"][7]
    then = locate(client, x=HOUSE.x, y=HOUSE.y, datetime=FIRST.isoformat()).json()
    assert then["building"]["value_m"] == 27.4


def test_document_responses_and_wrapped_values(client: httpx.Client) -> None:
    inputs = {"x": {"value": HOUSE.x}, "y": HOUSE.y}
    asked = {"inputs": inputs, "response": "document", "outputs": {"locate": {}}}
    answer = client.post(LOCATE, json=asked).json()
    assert answer == {"locate": locate(client, x=HOUSE.x, y=HOUSE.y).json()}


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({}, "x is missing"),
        ({"x": 114.0}, "y is missing"),
        ({"x": "abc", "y": 1}, "no coordinate"),
        ({"x": True, "y": 1}, "no coordinate"),
        ({"x": [1], "y": 1}, "no coordinate"),
        ({"x": {"href": "http://elsewhere.example/x"}, "y": 1}, "value"),
        ({"x": 114.0, "y": 33.0, "frame": "nowhere"}, "unknown frame"),
        ({"x": 114.0, "y": 33.0, "frame": "EPSG:4610"}, "gis coords fit"),
        ({"x": 114.0, "y": 33.0, "frame": 1.5}, "frame"),
        ({"x": 3650530, "y": 502056, "frame": "EPSG:4547"}, "swap"),
        ({"x": 114.0, "y": 33.0, "datetime": "2024-02-30"}, "not a time"),
        ({"x": 114.0, "y": 33.0, "datetime": "2023-01-01/.."}, "one moment"),
        ({"x": 114.0, "y": 33.0, "reach_m": 101}, "0–100"),
        ({"x": 114.0, "y": 33.0, "reach_m": -1}, "0–100"),
        ({"x": 114.0, "y": 33.0, "crs": "EPSG:4547"}, "unknown parameter"),
    ],
)
def test_bad_inputs(client: httpx.Client, inputs: dict[str, Any], says: str) -> None:
    answer = locate(client, **inputs)
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == "InvalidParameterValue"
    assert says in answer.json()["en"]
    assert re.search(r"[\u4e00-\u9fff]", answer.json()["zh"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b'{"inputs": 1}', 400),
        (b'{"inputs": {"x": NaN, "y": 1}}', 400),
        (b'{"inputs": {}, "outputs": 5}', 400),
        (b'{"inputs": {"x": 114, "y": 33}, "outputs": {"other": {}}}', 400),
        (b'{"inputs": {}, "response": "both"}', 400),
        (b'{"input": {}}', 400),
        (b'{"subscriber": {"successUri": "http://elsewhere.example"}}', 501),
        (b'{"inputs": "' + b"x" * 1_000_001 + b'"}', 413),
    ],
)
def test_bodies_that_are_no_request(client: httpx.Client, body: bytes, status: int) -> None:
    answer = client.post(LOCATE, content=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["zh"]
    assert client.post("/processes/nothing/execution", content=b"{}").status_code == 404
