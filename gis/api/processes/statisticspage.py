"""The statistics of a plan as one page to print."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from gis.layers import Registry


def statistics_page(registry: Registry, document: Mapping[str, Any]) -> str:
    """The page (HTML) of an answer of `plan-statistics`."""
    layer = registry.layers.get(document["plan"])
    return (
        _environment()
        .get_template("statistics.html")
        .render(
            city=registry.city,
            found=document,
            plan=document["plan"] if layer is None else f"{layer.title.zh} {layer.title.en}",
            titles={row["code"]: row["title"] for row in document["by_class"]},
        )
    )


@lru_cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("gis.api"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["hectares"] = lambda area: f"{area / 10_000:,.2f}"
    return environment
