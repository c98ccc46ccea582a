"""`/coords`: coordinates pasted or dropped, moved between any two frames, with their accuracy."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from gis.analysis import Converted, FrameChoice, Order, convert, convert_read, frame_choices
from gis.analysis.frames import title_of
from gis.api.answers import json_answer
from gis.api.bodies import read_body
from gis.api.parameters import single
from gis.api.refusals import TooLarge, bad_value
from gis.api.service import Service, service_of
from gis.api.webfiles import send_page
from gis.coords import Area, Diagnosis, Frame, diagnose, find_transformation, norm_frame
from gis.ingest.reference import known_lines
from gis.layers import Label
from gis.sources import load_local_frames
from gis.sources.pairs import PairTable, read_pairs

PAGE = "coords.html"
MOST_BYTES, MOST_ROWS = 10_000_000, 100_000
ASK = "detect"  # instead of a frame: ask the data
PARAMETERS = ("from", "to", "order", "angles", "x", "y")
ANGLES = ("auto", "packed")
PASTED = "输入 input"
DEGREE_DIGITS, METRE_DIGITS = 9, 4


def get_page(request: Request) -> Response:
    """`GET /coords`."""
    return send_page(request, PAGE)


def get_frames(request: Request) -> Response:
    """`GET /coords/frames.json`: the frames to choose from, the most usual first."""
    single(request.query_params, ())
    service = service_of(request)
    choices = frame_choices(service.registry.city, _local(service))
    return json_answer(request, {"frames": [_choice(choice) for choice in choices]})


async def post_convert(request: Request) -> Response:
    """`POST /coords/convert.json?from=&to=`: the body is the text or the CSV file as it is."""
    body = await read_body(request, MOST_BYTES)
    return await run_in_threadpool(_convert, request, body)


def _convert(request: Request, body: bytes) -> Response:
    given = single(request.query_params, PARAMETERS)
    service = service_of(request)
    local = _local(service)
    target = norm_frame(given.get("to") or "EPSG:4490", local)
    order, angles = given.get("order", "auto"), given.get("angles", "auto")
    for name, value, known in (("order", order, get_args(Order)), ("angles", angles, ANGLES)):
        if value not in known:
            choice = ", ".join(known)
            raise bad_value(name, value, f"可用：{choice}", f"one of {choice}")
    table = read_pairs(
        body, PASTED, x_name=given.get("x"), y_name=given.get("y"), packed=angles == "packed"
    )
    if len(table) > MOST_ROWS:
        raise TooLarge(
            zh=f"有 {len(table):,} 行，一次最多 {MOST_ROWS:,} 行。更多请用 gis coords convert 文件",
            en=f"{len(table):,} rows are more than {MOST_ROWS:,}. Use gis coords convert FILE",
            rows=len(table),
        )
    source = given.get("from") or ASK
    if source == ASK:
        found = _diagnosed(service, table, local)
        chosen = found.decision
        done = None if chosen is None else convert_read(table, chosen, target)
        return json_answer(request, _document(table, done, target, found), cache="no-store")
    way = find_transformation(norm_frame(source, local), target)
    done = convert(table, way, order)  # type: ignore[arg-type]  # one of Order, checked above
    return json_answer(request, _document(table, done, target, None), cache="no-store")


def _local(service: Service) -> dict[str, Any]:
    return dict(load_local_frames(service.settings.config / "frames"))


def _diagnosed(service: Service, table: PairTable, local: dict[str, Any]) -> Diagnosis:
    """Which frame the city's own lines say it is."""
    known = known_lines(service.store, service.registry)
    city = service.registry.city
    return diagnose(
        table.pairs,
        area=Area(*city.bbox),
        reference=None if known is None else known.reference,
        metric_epsg=norm_frame(city.metric_frame).epsg or 4547,
        local=local,
    )


def _document(
    table: PairTable, done: Converted | None, target: Frame, found: Diagnosis | None
) -> dict[str, Any]:
    """The answer; `converted` is null where nobody can say in which frame the numbers are."""
    converted = None
    if done is not None:
        converted = {
            "from": _frame(done.source),
            "accuracy_m": done.accuracy_m,
            "steps": list(done.steps),
            "turned": done.turned,
            "beyond_control": done.beyond,
            "from_xy": _rounded(done.pairs, done.source),
            "xy": _rounded(done.moved, done.target),
            "lonlat": np.round(done.places, 8).tolist(),
        }
    faults = table.faults if done is None else done.faults
    return {
        "to": _frame(target),
        "columns": list(table.columns),
        "rows": table.rows,
        "lines": table.lines.tolist(),
        "names": list(table.names),
        "failed": len(faults),
        "faults": {str(row): _both(label) for row, label in sorted(faults.items())},
        "converted": converted,
        "diagnosis": None if found is None else found.to_json(),
    }


def _rounded(pairs: NDArray[np.float64], frame: Frame) -> list[list[float]]:
    """NaN becomes null on the way out."""
    digits = DEGREE_DIGITS if frame.unit == "degree" else METRE_DIGITS
    rounded: list[list[float]] = np.round(pairs, digits).tolist()
    return rounded


def _frame(frame: Frame) -> dict[str, Any]:
    return {"name": frame.name, "title": _both(title_of(frame)), "unit": frame.unit}


def _choice(choice: FrameChoice) -> dict[str, Any]:
    return _frame(choice.frame) | {"group": choice.group, "accuracy_m": choice.accuracy_m}


def _both(label: Label) -> dict[str, str]:
    return {"zh": label.zh, "en": label.en}
