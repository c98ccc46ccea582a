"""What a running service is made of, and how a request finds it."""

from __future__ import annotations

from collections.abc import Container
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from gis.layers import Registry
from gis.settings import Settings
from gis.store import Store

if TYPE_CHECKING:
    from starlette.requests import Request

    from gis.api.parameters import ItemsAsked

PLACE_CLASS = "internal"  # of what belongs to a place and to no layer
STATEMENT_TIMEOUT_S = 20.0
CONNECTIONS = 8  # of each worker's pool
THREADS = 2 * CONNECTIONS  # some wait for a connection while others write their answer


@dataclass(frozen=True, slots=True)
class Service:
    """One app's store, layers and settings, or as much of it as one caller may see. `config`: what
    pygeoapi is given; `place_documents`: whether documents that hang on a place are there."""

    store: Store
    registry: Registry
    settings: Settings
    config: dict[str, Any]
    place_documents: bool = True

    @property
    def timezone(self) -> str:
        """The zone of dates without one."""
        return self.settings.timezone


def narrowed(service: Service, layers: Container[str]) -> Service:
    """The service with those layers alone. A document on a place is as internal as the internal
    layers: it is there with all of them."""
    registry = service.registry
    kept = {id_: layer for id_, layer in registry.layers.items() if id_ in layers}
    resources = {
        name: resource
        for name, resource in service.config["resources"].items()
        if name in kept or name not in registry.layers
    }
    inner = [x.id for x in registry.layers.values() if x.classification == PLACE_CLASS]
    return replace(
        service,
        registry=replace(registry, layers=kept),
        config=service.config | {"resources": resources},
        place_documents=bool(inner) and all(id_ in layers for id_ in inner),
    )


# pygeoapi makes its providers from configuration alone; what they serve comes by these.
SERVING: ContextVar[Service] = ContextVar("SERVING")
ASKED: ContextVar[ItemsAsked] = ContextVar("ASKED")


def service_of(request: Request) -> Service:
    """The service as the one who asks may see it: its registry holds their layers alone."""
    return cast(Service, request.scope["state"]["view"].service)
