"""The newest reading of a site: as a join, or as one figure where there is no join."""

from __future__ import annotations

from typing import Any

from psycopg.sql import SQL, Composable, Identifier

from gis.layers.model import Layer
from gis.store.queries import query
from gis.store.times import Instant, When

FIGURES = {"latest_value": "value", "latest_time": "time"}


def latest_join(layer: Layer, when: When) -> tuple[Composable, dict[str, Any]]:
    """The join that gives `o.value` and `o.time`, where the layer has latest values."""
    if layer.latest_of is None:
        return SQL(""), {}
    column = Identifier(layer.field(layer.latest_of).name)
    if when is None:
        return query("latest_now", datastream=column), {}
    at = when.at if isinstance(when, Instant) else when.end
    return query("latest_then", datastream=column), {"latest_at": at}


def latest_figure(name: str, layer: Layer, when: When, params: dict[str, Any]) -> Composable | None:
    """`latest_value` or `latest_time` as an expression; None where the layer has none. Adds its
    parameters to `params`."""
    if name not in FIGURES or layer.latest_of is None:
        return None
    latest, more = latest_join(layer, when)
    params |= more
    return query("latest_figure", figure=Identifier(FIGURES[name]), latest=latest)
