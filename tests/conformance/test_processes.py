"""OGC API Processes Part 1 (18-062r2): descriptions, executions, jobs."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from asking import REL, links, ok

pytestmark = pytest.mark.xdist_group("conformance")
EXCEPTIONS = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0"
LOCATE = {"inputs": {"x": 114.0222, "y": 32.98}}


@pytest.fixture(scope="module")
def described(client: httpx.Client) -> list[Any]:
    return [ok(client, f"/processes/{p['id']}") for p in ok(client, "/processes")["processes"]]


def test_the_list(client: httpx.Client) -> None:
    """processes-1 /req/core/landingpage-op, /req/core/landingpage-success,
    /req/core/process-list, /req/core/process-list-success, /req/core/pl-links,
    /req/core/pl-limit-definition, /req/core/pl-limit-response"""
    [link] = links(ok(client, "/"), f"{REL}processes")
    page = ok(client, link["href"])
    assert links(page, "self")
    assert links(page, "alternate")
    for one in page["processes"]:
        assert {"id", "version", "jobControlOptions", "outputTransmission"} <= set(one)
    assert len(ok(client, "/processes", limit=1)["processes"]) == 1
    assert client.get("/processes", params={"limit": 0}).status_code == 400


def test_descriptions(client: httpx.Client, described: list[Any]) -> None:
    """processes-1 /req/core/process, /req/core/process-success,
    /req/ogc-process-description/json-encoding, /req/ogc-process-description/inputs-def,
    /req/ogc-process-description/input-def, /req/ogc-process-description/input-mixed-type,
    /req/ogc-process-description/outputs-def, /req/ogc-process-description/output-def,
    /req/json/definition"""
    for one in described:
        assert one["inputs"]
        assert one["outputs"]
        for entry in (*one["inputs"].values(), *one["outputs"].values()):
            assert {"title", "schema"} <= set(entry)
        for entry in one["inputs"].values():
            assert entry["minOccurs"] in (0, 1)
        assert links(one, f"{REL}execute")


def test_nothing_by_that_name(client: httpx.Client) -> None:
    """processes-1 /req/core/process-exception-no-such-process"""
    for answer in (
        client.get("/processes/nothing"),
        client.post("/processes/nothing/execution", json={"inputs": {}}),
    ):
        assert answer.status_code == 404
        assert answer.json()["type"] == f"{EXCEPTIONS}/no-such-process"


def test_executions(client: httpx.Client) -> None:
    """processes-1 /req/core/process-execute-op, /req/core/process-execute-request,
    /req/core/process-execute-default-execution-mode, /req/core/process-execute-default-outputs,
    /req/core/process-execute-sync-raw-value-one, /req/core/process-execute-sync-document"""
    raw = client.post("/processes/locate/execution", json=LOCATE)
    assert raw.status_code == 200
    assert raw.headers["content-type"] == "application/json"
    assert raw.json()["lon"] == pytest.approx(114.0222)
    document = client.post("/processes/locate/execution", json=LOCATE | {"response": "document"})
    assert document.json() == {"locate": raw.json()}


@pytest.mark.parametrize(
    "body", [{"inputs": {"x": {"a": 1}, "y": 1}}, {"inputs": {}}, {"inputs": []}, [],
             {"inputs": {"x": 1, "y": 2, "z": 3}}],
)  # fmt: skip
def test_inputs_are_looked_at(client: httpx.Client, body: Any) -> None:
    """processes-1 /req/core/process-execute-input-validation,
    /req/core/process-execute-input-inline-object"""
    answer = client.post("/processes/locate/execution", json=body)
    assert answer.status_code == 400
    assert answer.json()["description"]


def job(client: httpx.Client, body: Any) -> httpx.Response:
    headers = {"Prefer": "respond-async"}
    return client.post("/processes/locate/execution", json=body, headers=headers)


def ended(client: httpx.Client, where: str) -> Any:
    for _ in range(200):
        found = ok(client, where)
        if found["status"] not in ("accepted", "running"):
            return found
        time.sleep(0.1)
    raise AssertionError(found)


def test_a_job(client: httpx.Client) -> None:
    """processes-1 /req/core/process-execute-auto-execution-mode,
    /req/core/process-execute-success-async, /req/core/job-op, /req/core/job-success,
    /req/core/job-results, /req/core/job-results-async-raw-value-one"""
    started = job(client, LOCATE)
    assert started.status_code == 201
    assert started.headers["preference-applied"] == "respond-async"
    where = started.headers["location"]
    assert {"jobID", "status", "type"} <= set(started.json())
    found = ended(client, where)
    assert (found["status"], found["type"], found["processID"]) == (
        "successful",
        "process",
        "locate",
    )
    [link] = links(found, f"{REL}results")
    at_once = client.post("/processes/locate/execution", json=LOCATE)
    assert ok(client, link["href"]) == at_once.json()


def test_a_job_that_fails(client: httpx.Client) -> None:
    """processes-1 /req/core/job-results-failed"""
    where = job(client, {"inputs": {"x": 114.0, "y": "no number"}}).headers["location"]
    found = ended(client, where)
    assert (found["status"], bool(found["message"])) == ("failed", True)
    assert client.get(f"{where}/results").status_code == 400


@pytest.mark.parametrize("end", ["", "/results"])
def test_no_such_job(client: httpx.Client, end: str) -> None:
    """processes-1 /req/core/job-exception-no-such-job,
    /req/core/job-results-exception-no-such-job"""
    answer = client.get(f"/jobs/00000000-0000-0000-0000-000000000000{end}")
    assert answer.status_code == 404
    assert answer.json()["type"] == f"{EXCEPTIONS}/no-such-job"


def test_dismissing(client: httpx.Client) -> None:
    """processes-1 /req/dismiss/job-dismiss-op, /req/dismiss/job-dismiss-success"""
    where = job(client, LOCATE).headers["location"]
    answer = client.delete(where)
    assert answer.status_code == 200
    assert answer.json()["status"] == "dismissed"
    assert client.get(f"{where}/results").status_code == 404


def test_results_before_their_time(client: httpx.Client) -> None:
    """processes-1 /req/core/job-results-exception-results-not-ready"""
    where = job(client, LOCATE).headers["location"]
    client.delete(where)
    answer = client.get(f"{where}/results")
    assert answer.json()["type"] == f"{EXCEPTIONS}/result-not-ready"
