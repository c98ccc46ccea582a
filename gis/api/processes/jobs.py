"""Jobs over HTTP, and the thread that runs them in each process of the server.

What a job is lies in the database (`gis.store.jobs`): every process lists the same jobs, runs
whichever nobody runs, and finds again what a killed one has left. pygeoapi's own managers keep
jobs in a file of one process, and lose those that run.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any, cast
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gis.api.access import caller
from gis.api.answers import base_url, json_answer
from gis.api.failures import code_of
from gis.api.offering import offers
from gis.api.ogc import Catalogue
from gis.api.parameters import single
from gis.api.processes.formats import asked_format, written
from gis.api.processes.inputs import PROGRESS, Dismissed
from gis.api.processes.taking import count_taken
from gis.api.refusals import NotThere, Refused, bad_value
from gis.api.service import Service, narrowed, service_of
from gis.errors import OneMapError, StoreError
from gis.store.jobs import (
    STATES,
    Job,
    Running,
    claim,
    dismiss_job,
    job_result,
    list_jobs,
    purge_jobs,
    show_job,
)

LOG = logging.getLogger(__name__)
POLL_S = 1.0  # another process may have been asked
TELL_S = 0.3
PURGE_S = 3_600.0
RESULTS_REL = "http://www.opengis.net/def/rel/ogc/1.0/results"
EXCEPTIONS = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0"
NO_JOB, NOT_READY = f"{EXCEPTIONS}/no-such-job", f"{EXCEPTIONS}/result-not-ready"


def routes() -> list[Route]:
    """The addresses of this module."""
    one = "/jobs/{job}"
    return [
        Route("/jobs", offers(get_jobs, "json")),
        Route(one, offers(get_job, "json")),
        Route(one, delete_job, methods=["DELETE"]),
        Route(f"{one}/results", get_results),
    ]


class Runner:
    """Runs jobs one after the other in a thread of its own: an answer that takes long must not
    take the threads that answer everybody."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._awake, self._stopped = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._purged = time.monotonic()

    def start(self) -> None:
        """Begin to look for jobs."""
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; a job that is under way is left open, for the next process to run."""
        self._stopped.set()
        self._awake.set()
        if self._thread is not None:
            self._thread.join(5)

    def wake(self) -> None:
        """There is a job: do not wait for the next look."""
        self._awake.set()

    def step(self) -> bool:
        """Run one job; False where there is none."""
        with claim(self._service.store) as running:
            if running is None:
                return False
            self._answer(running)
            return True

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                busy = self.step()
                if time.monotonic() - self._purged > PURGE_S:
                    self._purged = time.monotonic()
                    purge_jobs(self._service.store)
            except StoreError:
                busy = False  # a database that does not answer, or only reads: look again later
            except Exception:
                LOG.exception("a job could not be run")
                busy = False
            if not busy:
                self._awake.wait(POLL_S)
                self._awake.clear()

    def _answer(self, running: Running) -> None:
        """Run it, and put down what came of it."""
        token = PROGRESS.set(self._teller(running))
        try:
            catalogue = Catalogue(narrowed(self._service, running.layers))
            result = catalogue.execute(running.process, dict(running.inputs))
            running.end(result=orjson.dumps(result))
        except Dismissed:
            return
        except OneMapError as error:
            running.end(error=_refusal(error))
        except Exception:
            LOG.exception("job %s failed", running.id)
            running.end(error=_refusal(_unforeseen()))
        finally:
            PROGRESS.reset(token)

    def _teller(self, running: Running) -> Any:
        told = 0.0

        def tell(share: float) -> None:
            nonlocal told
            if self._stopped.is_set():
                raise Dismissed  # the record stays open: the next process runs it
            if time.monotonic() - told < TELL_S:
                return
            told = time.monotonic()
            if not running.wanted(share):
                raise Dismissed

        return tell


def runner_of(request: Request) -> Runner:
    """The runner of this process."""
    return cast(Runner, request.app.state.jobs)


def get_jobs(request: Request) -> Response:
    """`GET /jobs`: those of who asks, newest first. Who shows no name has no list, only the
    addresses they were given."""
    asked = single(request.query_params, ("limit", "offset", "processID", "status", "f"))
    who = caller(request)
    found: list[Job] = []
    limit = _whole(asked.get("limit"), "limit", 100, 1, 1_000)
    offset = _whole(asked.get("offset"), "offset", 0, 0, 10**9)
    states = _states(asked.get("status"))
    if who.kind != "anonymous":
        found = list_jobs(
            service_of(request).store,
            None if who.admin else who.name,
            process=asked.get("processID"),
            states=states,
            limit=limit,
            offset=offset,
        )
    seen = [job for job in found if _may_see(request, job)]
    base = base_url(request, service_of(request).settings.public_url)
    document = {
        "jobs": [status_of(request, job) for job in seen],
        "links": [{"rel": "self", "type": "application/json", "href": f"{base}/jobs"}],
    }
    return json_answer(request, document, cache="no-store")


def get_job(request: Request) -> Response:
    """`GET /jobs/{job}`: how far it is."""
    single(request.query_params, ("f",))
    job = known(request, request.path_params["job"])
    return json_answer(request, status_of(request, job), cache="no-store")


def delete_job(request: Request) -> Response:
    """`DELETE /jobs/{job}`: it does not run (on), its result is dropped."""
    job = known(request, request.path_params["job"])
    dismiss_job(service_of(request).store, job.id)
    return json_answer(request, status_of(request, known(request, str(job.id))), cache="no-store")


def get_results(request: Request) -> Response:
    """`GET /jobs/{job}/results`: the document, in the formats of the process."""
    job = known(request, request.path_params["job"])
    if job.state == "failed":
        assert job.error is not None  # the table holds it
        error = Refused(zh=str(job.error["zh"]), en=str(job.error["en"]))
        error.http_status = int(job.error["status"])  # type: ignore[misc]  # of this one alone
        raise error
    result = job_result(service_of(request).store, job.id)
    if result is None:
        raise NotThere(
            zh=f"任务 {job.id} 没有结果（状态 {job.state}）。用 /jobs/{job.id} 查看进度",
            en=f"job {job.id} has no result ({job.state}). See /jobs/{job.id}",
            type=NOT_READY,
        )
    format_ = asked_format(request, job.process)
    document = orjson.loads(result)
    count_taken(service_of(request).registry, document)
    return written(request, job.process, document, format_)


def known(request: Request, id_: str) -> Job:
    """The job, where who asks may know of it. Raises NotThere."""
    try:
        job = show_job(service_of(request).store, UUID(id_))
    except ValueError:
        job = None
    if job is None or not _may_see(request, job):
        raise NotThere(
            zh=f"没有任务 {id_[:80]}。任务列表见 /jobs",
            en=f"there is no job {id_[:80]!r}. See /jobs",
            type=NO_JOB,
        )
    return job


def status_of(request: Request, job: Job) -> dict[str, Any]:
    """A job as OGC API Processes tells it."""
    service = service_of(request)
    base = base_url(request, service.settings.public_url)
    where = f"{base}/jobs/{job.id}"
    links = [{"rel": "self", "type": "application/json", "href": where}]
    if job.state == "successful":
        links.append({"rel": RESULTS_REL, "type": "application/json", "href": f"{where}/results"})
    found: dict[str, Any] = {
        "processID": job.process,
        "type": "process",
        "jobID": str(job.id),
        "status": job.state,
        "progress": job.progress,
        "created": job.created_at,
        "updated": job.updated_at,
        "links": links,
    }
    if job.started_at is not None:
        found["started"] = job.started_at
    if job.finished_at is not None:
        found["finished"] = job.finished_at
    if job.error is not None:
        found["message"] = f"{job.error['zh']} / {job.error['en']}"
    return found


def _may_see(request: Request, job: Job) -> bool:
    """One's own (or by its address, where nobody has a name), and only while one may still see
    what it has seen."""
    who = caller(request)
    mine = who.admin or job.who == who.name
    return mine and set(job.layers) <= set(service_of(request).registry.layers)


def _refusal(error: OneMapError) -> dict[str, Any]:
    return {
        "code": code_of(error), "status": error.http_status, "zh": error.zh, "en": error.en,
    }  # fmt: skip


def _unforeseen() -> OneMapError:
    return OneMapError(
        zh="服务器内部错误，已记录。请把时间告知管理员",
        en="an internal error, on record. Tell the administrator when it happened",
    )


def _states(text: str | None) -> list[str] | None:
    if text is None:
        return None
    states = text.split(",")
    for state in states:
        if state not in STATES:
            listed = ", ".join(STATES)
            raise bad_value("status", state, f"应为 {listed}", f"one of {listed}")
    return states


def _whole(text: str | None, name: str, usual: int, least: int, most: int) -> int:
    if text is None:
        return usual
    if not (text.isascii() and text.isdigit() and least <= int(text[:12]) <= most):
        raise bad_value(name, text, f"应为 {least}–{most} 的整数", f"whole, {least}-{most}")
    return int(text)
