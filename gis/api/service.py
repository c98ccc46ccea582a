"""What a running service is made of, and how a request finds it."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from gis.layers import Registry
from gis.settings import Settings
from gis.store import Store

if TYPE_CHECKING:
    from starlette.requests import Request

    from gis.api.parameters import ItemsAsked

STATEMENT_TIMEOUT_S = 20.0
CONNECTIONS = 8  # of each worker's pool
THREADS = 2 * CONNECTIONS  # some wait for a connection while others write their answer


@dataclass(frozen=True, slots=True)
class Service:
    """One app's store, layers and settings. `config`: what pygeoapi is given."""

    store: Store
    registry: Registry
    settings: Settings
    config: dict[str, Any]

    @property
    def timezone(self) -> str:
        """The zone of dates without one."""
        return self.settings.timezone


# pygeoapi makes its providers from configuration alone; what they serve comes by these.
SERVING: ContextVar[Service] = ContextVar("SERVING")
ASKED: ContextVar[ItemsAsked] = ContextVar("ASKED")


def service_of(request: Request) -> Service:
    """The service as the one who asks may see it: its registry holds their layers alone."""
    return cast(Service, request.scope["state"]["view"].service)
