"""What a process answers, as JSON, a page or a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gis.api.answers import GEOJSON, HTML, JSON, answer, json_answer, wants_html
from gis.api.processes.sitepage import site_page
from gis.api.processes.statisticspage import statistics_page
from gis.api.refusals import bad_value
from gis.api.service import service_of
from gis.layers import Registry

CSV = "text/csv; charset=utf-8"
Writer = Callable[[Registry, Any], str]


def csv_table(registry: Registry, document: Any) -> str:
    """A table for a spreadsheet: UTF-8 with its mark, or Excel reads Chinese as noise."""
    out = io.StringIO()
    out.write("\ufeff")
    rows = document["table"]
    if rows:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return out.getvalue()


# process -> format -> media type, who writes it
FORMATS: Mapping[str, Mapping[str, tuple[str, Writer]]] = {
    "site-check": {"html": (HTML, site_page)},
    "plan-statistics": {"html": (HTML, statistics_page), "csv": (CSV, csv_table)},
}
MEDIA = {"plan-conflicts": GEOJSON}


def asked_format(request: Request, process: str) -> str:
    """`f=`, else what the Accept header asks for. Raises Refused for a format there is not."""
    offered = FORMATS.get(process, {})
    named = request.query_params.get("f")
    if named is not None:
        if named == "json" or named in offered:
            return named
        listed = ", ".join(("json", *offered))
        raise bad_value("f", named, f"可用：{listed}", f"there are: {listed}")
    if "csv" in offered and request.headers.get("accept", "").startswith("text/csv"):
        return "csv"
    return "html" if "html" in offered and wants_html(request) else "json"


def written(request: Request, process: str, document: Any, format_: str) -> Response:
    """The document in that format; it may hold what only the one who asked may see."""
    if format_ == "json":
        media = MEDIA.get(process, JSON)
        found = json_answer(request, document, cache="no-store")
        found.headers["content-type"] = media
        return found
    media, write = FORMATS[process][format_]
    text = write(service_of(request).registry, document)
    return answer(request, text.encode(), media, cache="no-store")
