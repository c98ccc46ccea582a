"""Processes over HTTP: what they answer, jobs that outlive their server, what is refused."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import geopandas
import httpx
import jsonschema
import psycopg
import pytest
import shapely
from planned_city import EAST, NORTH, box, fill_plans
from postgis import PROJECT
from served import free_port, wait_ready
from small_city import XSS, browse, building

from gis.api.app import create_app
from gis.api.gate import Access
from gis.api.processes.jobs import Runner
from gis.layers import Registry
from gis.settings import Settings
from gis.store import Store
from gis.store.access import add_key, list_area
from gis.store.jobs import MOST_WAITING, add_job, claim, dismiss_job, show_job

CHECK, STATISTICS, CONFLICTS = (
    f"/processes/{name}/execution" for name in ("site-check", "plan-statistics", "plan-conflicts")
)
SITE = shapely.geometry.mapping(box(50, 50, 450, 250))
ASYNC = {"Prefer": "respond-async"}
EXCEPTIONS = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0"


@pytest.fixture(scope="module")
def city(server: Any, registry: Registry) -> Iterator[Store]:
    with server.copy() as url, Store.open(url, max_size=4, timezone="Asia/Shanghai") as store:
        fill_plans(store, registry)
        yield store


@pytest.fixture(scope="module")
def app(city: Store, registry: Registry, settings: Settings) -> Any:
    return create_app(city, registry, settings)


@pytest.fixture(scope="module")
def client(app: Any) -> httpx.Client:
    return browse(app)


@pytest.fixture
def runner(app: Any) -> Runner:
    return runner_of(app)


def runner_of(app: Any) -> Runner:
    """The jobs' runner, whose thread only a server starts."""
    found: Runner = inner(app).state.jobs
    return found


def access_of(app: Any) -> Access:
    found: Access = inner(app).state.access
    return found


def inner(app: Any) -> Any:
    """The app behind what watches it."""
    while not hasattr(app, "state"):
        app = app.app
    return app


def asked(client: httpx.Client, path: str, inputs: Any, **given: Any) -> Any:
    answer = client.post(path, json={"inputs": inputs}, **given)
    assert answer.status_code == 200, answer.text
    return answer.json()


def strict(schema: Any) -> Any:
    """An OpenAPI 3.0 schema as JSON Schema: `nullable` is a type there."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: strict(part) for name, part in schema.items() if name != "nullable"}
    return {"anyOf": [inner, {"type": "null"}]} if schema.get("nullable") is True else inner


# --- descriptions --------------------------------------------------------------------------


def test_descriptions(client: httpx.Client) -> None:
    listed = [p["id"] for p in client.get("/processes").json()["processes"]]
    assert listed == ["locate", "site-check", "plan-statistics", "plan-conflicts"]
    for name in listed:
        zh, en = (client.get(f"/processes/{name}", params={"lang": w}).json() for w in ("zh", "en"))
        assert zh["title"] != en["title"]
        assert {"sync-execute", "async-execute", "dismiss"} <= set(en["jobControlOptions"])
        for word in ("inputs", "outputs"):
            for found in en[word].values():
                jsonschema.Draft7Validator.check_schema(found["schema"])
                assert found["title"]


@pytest.mark.parametrize(
    ("path", "inputs"),
    [
        (CHECK, {"site": SITE, "reach_m": 30}),
        (CHECK, {"site": shapely.to_wkt(box(450, 600, 550, 700)), "datetime": "2023-07-01"}),
        (STATISTICS, {"plan": "control_plan_blocks", "level": 1}),
        (STATISTICS, {"datetime": "2023-07-01/.."}),
        (CONFLICTS, {}),
        (CONFLICTS, {"site": SITE, "rules": ["use_differs"], "datetime": "2020-01-01"}),
    ],
)
def test_answers_are_as_their_schemas_say(client: httpx.Client, path: str, inputs: Any) -> None:
    name = path.split("/")[2]
    schema = client.get(f"/processes/{name}").json()["outputs"][name]["schema"]
    jsonschema.validate(asked(client, path, inputs), strict(schema))


def test_site_check(client: httpx.Client) -> None:
    answer = client.post(CHECK, json={"inputs": {"site": {"value": SITE}, "reach_m": 30}})
    assert answer.headers["content-type"] == "application/json"
    check = answer.json()
    assert [c["number"] for c in check["conditions"]] == list(
        range(1, len(check["conditions"]) + 1)
    )
    assert check["conditions"][0]["weight"] == "forbids"
    for condition in check["conditions"]:  # the evidence is there to be read
        version = client.get(condition["evidence"]["href"]).json()
        assert version["id"] == condition["evidence"]["id"]


# --- formats -------------------------------------------------------------------------------


def test_the_page_to_print(client: httpx.Client) -> None:
    house = shapely.geometry.mapping(building(3)["at"])
    answer = client.post(CHECK, params={"f": "html"}, json={"inputs": {"site": house}})
    assert answer.headers["content-type"].startswith("text/html")
    page = answer.text
    assert "地块一次性告知" in page
    assert "Site check" in page
    assert XSS not in page
    assert "<script" not in page
    assert not re.search(r"""(?:src|@import|url\()\s*=?\s*["']?http""", page)
    check = asked(client, CHECK, {"site": house})
    for condition in check["conditions"]:
        assert f'<td class="n">{condition["number"]}</td>' in page
    linked = client.get(
        "/processes/site-check/notice.html",
        params={"site": shapely.to_wkt(box(50, 50, 450, 250)), "reach_m": "30"},
    )
    assert linked.status_code == 200
    assert "永久基本农田" in linked.text
    assert "有禁止建设的条件" in linked.text


def test_statistics_as_a_table_and_a_page(client: httpx.Client) -> None:
    body = {"inputs": {"plan": "land_use_plan"}}
    table = client.post(STATISTICS, params={"f": "csv"}, json=body)
    assert table.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))
    whole = asked(client, STATISTICS, body["inputs"])["total_m2"]
    assert sum(round(float(row["area_m2"]) * 100) for row in rows) == round(whole * 100)
    page = client.post(STATISTICS, params={"f": "html"}, json=body).text
    assert "城镇住宅用地" in page
    refused = client.post(CONFLICTS, params={"f": "csv"}, json={"inputs": {}})
    assert refused.status_code == 400


# --- files ---------------------------------------------------------------------------------


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def test_a_site_as_a_zipped_shapefile(client: httpx.Client, tmp_path: Path) -> None:
    plane = shapely.affinity.translate(shapely.box(50, 50, 450, 250), EAST, NORTH)
    folder = tmp_path / "shp"
    folder.mkdir()
    geopandas.GeoDataFrame(geometry=[plane], crs="EPSG:4547").to_file(folder / "地块.shp")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    given = {"file": encoded(packed.getvalue()), "filename": "地块.zip"}
    by_file, by_shape = asked(client, CHECK, given), asked(client, CHECK, {"site": SITE})
    assert by_file["site"]["frame"] == "EPSG:4547"
    assert by_file["summary"] == by_shape["summary"]
    assert by_file["site"]["area_m2"] == pytest.approx(80_000, abs=0.1)


def test_a_site_as_geojson_with_its_frame(client: httpx.Client) -> None:
    plane = shapely.affinity.translate(shapely.box(50, 50, 450, 250), EAST, NORTH)
    document = {"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(plane)}
    ]}  # fmt: skip
    given = {"file": encoded(json.dumps(document).encode()), "filename": "a.geojson"}
    found = asked(client, CHECK, given | {"frame": "EPSG:4547"})
    assert found["summary"] == asked(client, CHECK, {"site": SITE})["summary"]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "a.geojson"),
        (b"nothing that is known", "a.bin"),
        (b'{"type":"FeatureCollection","features":[]}', "a.geojson"),
        (b'{"type":"FeatureCollection","features":[', "../../a.geojson"),
        (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "y">]><kml></kml>', "a.kml"),
        (b"PK\x03\x04 broken", "a.zip"),
        (b"\x00" * 5_000_001, "a.shp"),
    ],
)  # fmt: skip
def test_files_that_are_refused(client: httpx.Client, content: bytes, name: str) -> None:
    answer = client.post(CHECK, json={"inputs": {"file": encoded(content), "filename": name}})
    assert answer.status_code == 400, answer.text
    assert answer.json()["zh"]
    assert "/tmp" not in answer.text


# --- what is refused -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "inputs"),
    [
        (CHECK, {}),
        (CHECK, {"site": None}),
        (CHECK, {"site": "POINT(1 1)"}),
        (CHECK, {"site": SITE, "file": "AA=="}),
        (CHECK, {"file": "no base64!"}),
        (CHECK, {"file": 7}),
        (CHECK, {"site": SITE, "reach_m": 101}),
        (CHECK, {"site": SITE, "reach_m": "far"}),
        (CHECK, {"site": SITE, "reach_m": True}),
        (CHECK, {"site": SITE, "frame": "EPSG:99999"}),
        (CHECK, {"site": SITE, "frame": ["EPSG:4490"]}),
        (CHECK, {"site": SITE, "datetime": "2023-01-01/2024-01-01"}),
        (CHECK, {"site": SITE, "datetime": "yesterday"}),
        (CHECK, {"site": SITE, "datetime": 2023}),
        (CHECK, {"site": SITE, "nothing": 1}),
        (CHECK, {"site": {"value": SITE, "href": "http://elsewhere.example"}}),
        (CHECK, {"site": {"href": "http://elsewhere.example/site.json"}}),
        (CHECK, {"site": "POLYGON((114 33,114.001 33.001,114.001 33,114 33.001,114 33))"}),
        (STATISTICS, {"plan": "roads"}),
        (STATISTICS, {"plan": "nothing"}),
        (STATISTICS, {"plan": ["land_use_plan"]}),
        (STATISTICS, {"level": 4}),
        (STATISTICS, {"level": "2"}),
        (STATISTICS, {"level": True}),
        (STATISTICS, {"datetime": "../2024-01-01"}),
        (CONFLICTS, {"rules": "use_differs"}),
        (CONFLICTS, {"rules": ["nothing"]}),
        (CONFLICTS, {"rules": [[]]}),
        (CONFLICTS, {"site": 7}),
    ],
)  # fmt: skip
def test_inputs_that_are_refused(client: httpx.Client, path: str, inputs: Any) -> None:
    answer = client.post(path, json={"inputs": inputs})
    assert answer.status_code == 400, answer.text
    told = answer.json()
    assert told["code"] in ("InvalidParameterValue", "NoApplicableCode")
    assert told["zh"] != told["en"]


def test_an_unknown_process(client: httpx.Client) -> None:
    for headers in ({}, ASYNC):
        answer = client.post("/processes/nothing/execution", json={}, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (404, f"{EXCEPTIONS}/no-such-process")


# --- jobs ----------------------------------------------------------------------------------


def test_a_job_from_start_to_end(client: httpx.Client, runner: Runner) -> None:
    inputs = {"site": SITE, "datetime": "2023-07-01"}
    started = client.post(CHECK, json={"inputs": inputs}, headers=ASYNC)
    assert started.status_code == 201
    assert started.headers["preference-applied"] == "respond-async"
    job = started.json()
    where = f"/jobs/{job['jobID']}"
    assert started.headers["location"].endswith(where)
    assert (job["status"], job["processID"], job["type"]) == ("accepted", "site-check", "process")
    early = client.get(f"{where}/results")
    assert (early.status_code, early.json()["type"]) == (404, f"{EXCEPTIONS}/result-not-ready")
    assert runner.step()
    done = client.get(where).json()
    assert (done["status"], done["progress"]) == ("successful", 100)
    assert done["created"] <= done["started"] <= done["finished"]
    [link] = [k for k in done["links"] if k["rel"].endswith("/results")]
    assert client.get(link["href"]).json() == asked(client, CHECK, inputs)
    assert "地块一次性告知" in client.get(f"{where}/results", params={"f": "html"}).text
    assert job["jobID"] in [j["jobID"] for j in client.get("/jobs").json()["jobs"]]
    gone = client.delete(where)
    assert (gone.status_code, gone.json()["status"]) == (200, "dismissed")
    assert client.get(f"{where}/results").status_code == 404


def test_a_job_that_fails_says_why(client: httpx.Client, runner: Runner) -> None:
    job = client.post(CHECK, json={"inputs": {"site": "POINT(1 1)"}}, headers=ASYNC).json()
    assert runner.step()
    status = client.get(f"/jobs/{job['jobID']}").json()
    assert status["status"] == "failed"
    assert "not a site" in status["message"]
    results = client.get(f"/jobs/{job['jobID']}/results")
    assert (results.status_code, results.json()["code"]) == (400, "InvalidParameterValue")


def test_a_job_dismissed_before_it_ran_never_runs(client: httpx.Client, runner: Runner) -> None:
    job = client.post(STATISTICS, json={"inputs": {}}, headers=ASYNC).json()
    client.delete(f"/jobs/{job['jobID']}")
    assert not runner.step()
    assert client.get(f"/jobs/{job['jobID']}").json()["status"] == "dismissed"


def test_a_job_dismissed_while_it_runs_stops(city: Store) -> None:
    id_ = add_job(city, "site-check", {}, "local", [])
    with claim(city) as running:
        assert running is not None
        assert running.wanted(0.5)
        job = show_job(city, id_)
        assert job is not None
        assert (job.state, job.progress) == ("running", 50)
        dismiss_job(city, id_)
        assert not running.wanted(0.6)
        running.end(result=b"{}")
    job = show_job(city, id_)
    assert job is not None
    assert job.state == "dismissed"


def test_no_job_and_no_list_of_others(client: httpx.Client) -> None:
    for id_ in ("nothing", "00000000-0000-0000-0000-000000000000", "%00", "1" * 300):
        answer = client.get(f"/jobs/{id_}")
        assert (answer.status_code, answer.json()["type"]) == (404, f"{EXCEPTIONS}/no-such-job")
    for query in ("limit=0", "limit=x", "offset=-1", "status=done", "nothing=1"):
        assert client.get(f"/jobs?{query}").status_code == 400, query


def test_two_runners_share_the_work(city: Store) -> None:
    ids = {add_job(city, "site-check", {"n": n}, "local", []) for n in range(2)}
    with claim(city) as one, claim(city) as other, claim(city) as third:
        assert one is not None
        assert other is not None
        assert {one.id, other.id} == ids
        assert third is None
        one.end(result=b"1")
        other.end(error={"code": "c", "status": 400, "zh": "z", "en": "e"})
    states = {job.state for id_ in ids if (job := show_job(city, id_))}
    assert states == {"successful", "failed"}


def test_many_runners_run_each_job_once(city: Store) -> None:
    ids = [add_job(city, "site-check", {"n": n}, "local", []) for n in range(12)]
    ran: list[Any] = []

    def work(_: int) -> None:
        while True:
            with claim(city) as running:
                if running is None:
                    return
                ran.append(running.id)
                running.end(result=b"{}")

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    assert sorted(map(str, ran)) == sorted(map(str, ids))


def test_a_job_that_brings_servers_down_is_given_up(city: Store) -> None:
    id_ = add_job(city, "site-check", {}, "local", [])
    for attempt in (1, 2):
        with claim(city) as running:
            assert running is not None  # … and the block ends without an end of the job
        job = show_job(city, id_)
        assert job is not None
        assert (job.state, job.attempts) == ("running", attempt)
    with claim(city) as running:
        assert running is None
    job = show_job(city, id_)
    assert job is not None
    assert job.state == "failed"


def test_not_without_end(store: Store, registry: Registry, settings: Settings) -> None:
    for _ in range(MOST_WAITING):
        add_job(store, "site-check", {}, "somebody", [])
    full = browse(create_app(store, registry, settings))
    answer = full.post(STATISTICS, json={"inputs": {}}, headers=ASYNC)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


def test_jobs_are_their_callers_own(store: Store, registry: Registry, settings: Settings) -> None:
    fill_plans(store, registry)
    keys = [
        {"X-API-Key": add_key(store, name, [role], "test")}
        for name, role in (("甲", "reader"), ("乙", "reader"))
    ]
    app = create_app(store, registry, settings)
    client = browse(app)
    mine = client.post(CHECK, json={"inputs": {"site": SITE}}, headers=ASYNC | keys[0])
    assert mine.status_code == 201, mine.text
    where = f"/jobs/{mine.json()['jobID']}"
    assert runner_of(app).step()
    assert client.get(where, headers=keys[0]).json()["status"] == "successful"
    for other in (keys[1], {}):
        assert client.get(where, headers=other).status_code == 404
        assert client.get(f"{where}/results", headers=other).status_code == 404
        assert client.delete(where, headers=other).status_code == 404
        assert client.get("/jobs", headers=other).json()["jobs"] == []
    # what a caller may not see is neither consulted nor named
    seen = client.post(CHECK, json={"inputs": {"site": SITE}}).json()
    hidden = [layer.id for layer in registry.layers.values() if layer.classification != "public"]
    assert not {row["layer"] for row in seen["consulted"]} & set(hidden)
    named = client.post(CHECK, json={"inputs": {"site": SITE}}, headers=keys[0]).json()
    results = client.get(f"{where}/results", headers=keys[0]).json()
    assert results["consulted"] == named["consulted"]
    assert "parcels" in {row["layer"] for row in named["consulted"]}


def test_shapes_of_large_scale_layers_count_as_taken(
    store: Store, registry: Registry, settings: Settings
) -> None:
    fill_plans(store, registry)
    one, other = ({"X-API-Key": add_key(store, name, ["reader"], "test")} for name in "甲乙")
    app = create_app(store, registry, settings)
    client = browse(app)

    def counted(name: str) -> set[str]:
        access_of(app).meter.flush()
        return {area.layer for area in list_area(store) if area.caller == f"key:{name}"}

    body = {"inputs": {"site": SITE}}
    assert client.post(CHECK, json=body, headers=one).status_code == 200
    assert {"parcels", "pipe_segments"} <= counted("甲")
    assert "land_use_plan" not in counted("甲")  # public
    job = client.post(CHECK, json=body, headers=other | ASYNC).json()
    assert runner_of(app).step()
    assert counted("乙") == set()  # nobody has got it yet
    assert client.get(f"/jobs/{job['jobID']}/results", headers=other).status_code == 200
    assert counted("乙") == counted("甲")


def test_a_killed_server_loses_no_job(server: Any, registry: Registry, tmp_path: Path) -> None:
    """kill -9 while the job runs: the next server finds it, and runs it to its end."""
    with server.copy() as url:
        with Store.open(url, max_size=2, timezone="Asia/Shanghai") as store:
            fill_plans(store, registry)
        with psycopg.connect(url) as block:
            block.execute("LOCK TABLE gis.red_lines IN ACCESS EXCLUSIVE MODE")
            first = Serving(url, tmp_path / "first.log")
            with first as base:
                job = httpx.post(base + CHECK, json={"inputs": {"site": SITE}}, headers=ASYNC)
                assert job.status_code == 201, job.text
                where = f"/jobs/{job.json()['jobID']}"
                assert waited(base + where, "running")["progress"] == 0
                first.kill()
            block.rollback()
        with (
            Serving(url, tmp_path / "second.log") as base,
            Serving(url, tmp_path / "third.log") as other,
        ):
            done = waited(base + where, "successful")
            assert httpx.get(other + where).json()["status"] == "successful"
            results = httpx.get(f"{other}{where}/results").json()
            assert results["summary"]["forbidden"]
            assert done["progress"] == 100
        with Store.open(url, max_size=1) as store, store.reading() as conn:
            assert conn.execute("SELECT attempts FROM onemap.job").fetchall() == [(2,)]


class Serving:
    """`gis serve` on a port of its own."""

    def __init__(self, url: str, log: Path) -> None:
        self._url, self._log = url, log

    def __enter__(self) -> str:
        port = free_port()
        env = {
            "PATH": "/usr/bin:/bin", "GIS_DATABASE_URL": self._url, "GIS_PORT": str(port),
            "GIS_CONFIG": str(PROJECT / "config"), "GIS_DATA": str(PROJECT / "data"),
            "GIS_HOME": str(self._log.parent),
        }  # fmt: skip
        words = [str(Path(sys.executable).with_name("gis")), "serve"]
        with self._log.open("wb") as out:
            self._process = subprocess.Popen(words, env=env, cwd=PROJECT, stdout=out, stderr=out)
        base = f"http://127.0.0.1:{port}"
        wait_ready(base, self._process, self._log)
        return base

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(20)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)


def waited(address: str, status: str) -> dict[str, Any]:
    """The job once it has that status."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found: dict[str, Any] = httpx.get(address).json()
        if found["status"] == status:
            return found
        time.sleep(0.1)
    pytest.fail(f"{address} did not become {status}: {found}")
