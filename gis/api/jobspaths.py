"""How the OpenAPI document names jobs, and the executions that become one."""

from __future__ import annotations

from typing import Any

JSON, PAGE = "application/json", "text/html"
CLASSES = tuple(
    f"http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/{name}" for name in ("dismiss",)
)
JOB = {
    "name": "job",
    "in": "path",
    "required": True,
    "description": "Number of the job (jobID). 任务编号",
    "schema": {"type": "string", "format": "uuid"},
}
PREFER = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "respond-async: as a job. respond-async 表示作为任务执行",
    "schema": {"type": "string", "enum": ["respond-async"]},
}
FORMAT = {
    "name": "f",
    "in": "query",
    "required": False,
    "description": "html: site-check, plan-statistics; csv: plan-statistics. 输出格式",
    "schema": {"type": "string", "enum": ["json", "html", "csv"], "default": "json"},
}
STATUS = {
    "type": "object",
    "required": ["jobID", "status", "type"],
    "properties": {
        "processID": {"type": "string"},
        "type": {"type": "string", "enum": ["process"]},
        "jobID": {"type": "string"},
        "status": {
            "type": "string",
            "enum": ["accepted", "running", "successful", "failed", "dismissed"],
        },
        "message": {"type": "string"},
        "progress": {"type": "integer", "minimum": 0, "maximum": 100},
        **{
            name: {"type": "string", "format": "date-time"}
            for name in ("created", "started", "finished", "updated")
        },
        "links": {"type": "array", "items": {"type": "object"}},
    },
}


def execution(operation: dict[str, Any]) -> None:
    """An execution as it is here: at once or as a job, in more than one format."""
    operation["parameters"] = [PREFER, FORMAT]
    operation["responses"]["201"] = _answer("The job 任务", JSON, STATUS) | {
        "headers": {"Location": {"schema": {"type": "string", "format": "uri"}}}
    }


def job_paths() -> dict[str, Any]:
    """Path -> operations."""
    jobs = {
        "type": "object",
        "required": ["jobs", "links"],
        "properties": {
            "jobs": {"type": "array", "items": STATUS},
            "links": {"type": "array", "items": {"type": "object"}},
        },
    }
    return {
        "/jobs": {
            "get": _operation("getJobs", "Jobs 任务列表", _answer("Jobs", JSON, jobs), _listed())
        },
        "/jobs/{job}": {
            "get": _operation("getJob", "A job 任务状态", _answer("Job", JSON, STATUS), [JOB]),
            "delete": _operation(
                "dismissJob", "Dismiss a job 撤销任务", _answer("Job", JSON, STATUS), [JOB]
            ),
        },
        "/jobs/{job}/results": {
            "get": _operation(
                "getJobResults",
                "What a job has answered 任务结果",
                _answer("The document", JSON, {"type": "object"}),
                [JOB, FORMAT],
            )
        },
        "/processes/site-check/notice.html": {
            "get": _operation(
                "getSiteNotice",
                "The site check as a page to print 地块一次性告知（打印页）",
                _answer("The page", PAGE, {"type": "string"}),
                _notice(),
            )
        },
    }


def _listed() -> list[dict[str, Any]]:
    states = "accepted, running, successful, failed, dismissed"
    return [
        _query("limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}),
        _query("offset", {"type": "integer", "minimum": 0, "default": 0}),
        _query("processID", {"type": "string"}),
        _query("status", {"type": "string", "description": f"With commas: {states}"}),
    ]


def _notice() -> list[dict[str, Any]]:
    site = _query("site", {"type": "string", "description": "Polygon as WKT. WKT 面"})
    return [
        site | {"required": True},
        _query("frame", {"type": "string", "default": "EPSG:4490"}),
        _query("datetime", {"type": "string"}),
        _query("reach_m", {"type": "number", "minimum": 0, "maximum": 100, "default": 10}),
    ]


def _query(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _operation(
    id_: str, title: str, answer: dict[str, Any], parameters: list[dict[str, Any]]
) -> dict[str, Any]:
    refusal = {JSON: {"schema": {"$ref": "#/components/schemas/exception"}}}
    return {
        "summary": title,
        "operationId": id_,
        "tags": ["server"],
        "parameters": parameters,
        "responses": {
            "200": answer,
            "400": {"description": "InvalidParameter", "content": refusal},
            "404": {"description": "NotFound", "content": refusal},
        },
    }


def _answer(words: str, media: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": words, "content": {media: {"schema": schema}}}
