"""Clients of an app from anywhere, with any key."""

from __future__ import annotations

from typing import Any

import httpx
from small_city import AppTransport


def client_from(app: Any, address: str = "127.0.0.1", **headers: str) -> httpx.Client:
    """A client at that address, which always sends those headers."""
    transport = AppTransport(app)
    transport._app = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=(address, 9))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Client(transport=transport, base_url="http://127.0.0.1:8080", headers=named)


def access_of(app: Any) -> Any:
    """The doors of an app."""
    return app.app.state.access


def see_keys(app: Any) -> None:
    """As if the few seconds were over after which each process reads the keys again."""
    access_of(app)._keys_at = None
