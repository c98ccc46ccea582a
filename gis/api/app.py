"""The ASGI app: thin routes first, then pygeoapi's, the page's own, and health."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gis.api import (
    alertwork,
    casefile,
    coordspage,
    documents,
    editing,
    events,
    features,
    health,
    history,
    imagery,
    mapdata,
    maptiles,
    ogc,
    pages,
    records,
    reports,
    session,
    stac,
    tilemeta,
    tilesets,
    webfiles,
)
from gis.api.answers import wants_html
from gis.api.config import read_config, write_config
from gis.api.express import LINES, Express
from gis.api.failures import on_any_error, on_http_error, on_our_error
from gis.api.gate import Access, Gate
from gis.api.offering import PLAIN, offers
from gis.api.processes import jobs, sitepage
from gis.api.processes.execution import execute
from gis.api.service import CONNECTIONS, STATEMENT_TIMEOUT_S, THREADS, Service
from gis.api.shelf import Shelf
from gis.api.styles import routes as styles
from gis.api.tilecache import TileCache
from gis.api.tileversions import Newest
from gis.errors import OneMapError, StoreError
from gis.layers import Registry, load_registry
from gis.settings import Settings
from gis.store import Store, open_store
from gis.store.lines import Lines
from gis.store.vectortiles import versions_at

Endpoint = Callable[[Request], Response]


def create_app(
    store: Store, registry: Registry, settings: Settings, *, hot: bool = True
) -> ASGIApp:
    """The app over an open store. `hot=False`: everything the standard knows by pygeoapi's own
    way, to compare."""
    service = Service(store, registry, settings, read_config(write_config(registry, settings)))
    access = Access(service)
    app = Starlette(
        routes=_routes(hot),
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=["*"],
                allow_methods=["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"],
                allow_headers=["*"],
                expose_headers=[
                    *("Content-Crs", "ETag", "Link", "Location"),
                    *("Retry-After", "X-Area-Taken-Km2"),
                ],
                max_age=86_400,
            ),
            Middleware(Gate, access=access),
            *([Middleware(Express)] if hot else []),
        ],
        exception_handlers={
            OneMapError: on_our_error,
            HTTPException: on_http_error,
            Exception: on_any_error,
        },
        lifespan=_lifespan,
    )
    app.router.redirect_slashes = False
    app.state.access = access
    app.state.jobs = jobs.Runner(service)
    app.state.hub = events.Hub(store)
    app.state.lines = None  # from the start of an event loop to its end
    app.state.tiles = TileCache()
    app.state.newest = Newest(lambda: versions_at(store, registry.layers.values()))
    app.state.facts = mapdata.Facts()
    app.state.shelf = Shelf()
    return health.Watch(app)


def from_env() -> ASGIApp:
    """What each worker of uvicorn calls: the app of this installation."""
    settings = Settings.from_env(os.environ)
    registry = load_registry(settings.config, settings.data)
    return create_app(open_for_serving(settings), registry, settings)


def open_for_serving(settings: Settings) -> Store:
    """The store as the server uses it: read only, bounded statements, every connection warm."""
    store = open_store(settings, timeout_s=STATEMENT_TIMEOUT_S, read_only=True)
    store.pool.resize(CONNECTIONS, CONNECTIONS)
    return store


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    app.state.jobs.start()
    lines = Lines(app.state.access.service.store, LINES)
    with suppress(StoreError):  # without them all goes the ordinary way, and errors are told there
        await lines.open()
        app.state.lines = lines
    yield
    app.state.lines = None
    lines.close()
    await anyio.to_thread.run_sync(app.state.jobs.stop)
    access: Access = app.state.access
    with suppress(StoreError):  # what can't be kept now is lost with the process
        await anyio.to_thread.run_sync(access.trail.flush)
    access.service.store.close()


def _routes(hot: bool) -> list[Route]:
    layer = "/collections/{layer}"
    get_items = _by_format(features.get_items, pages.get_items, ogc.get_items, hot)
    routes = [
        Route(f"{layer}/items", get_items),
        *editing.routes(ogc.by_post(get_items)),
        Route(
            f"{layer}/items/{{key}}",
            _by_format(features.get_item, pages.get_item, ogc.get_item, hot),
        ),
        Route(f"{layer}/items/{{key}}/history", offers(features.get_history, "json", known=PLAIN)),
        Route("/3dtiles/{layer}/tileset.json", tilesets.get_tileset),
        Route("/3dtiles/{layer}/v{version}/{z}/{x}/{y}.json", tilesets.get_node),
        Route("/3dtiles/{layer}/v{version}/{z}/{x}/{y}.glb", tilesets.get_content),
        Route("/map/config.json", mapdata.get_config),
        Route("/map/counts.json", mapdata.get_counts),
        Route("/map/search.json", mapdata.get_search),
        Route("/map/alerts.json", mapdata.get_alerts),
        *alertwork.routes(),
        Route("/map/alerts/{key}.json", mapdata.get_alert),
        Route("/map/alerts/{key}.html", casefile.get_case),
        Route("/map/alerts/{key}/{chip:path}.png", mapdata.get_chip),
        Route("/map/readings.json", mapdata.get_readings),
        Route("/coords", coordspage.get_page),
        Route("/coords/frames.json", coordspage.get_frames),
        Route("/coords/convert.json", coordspage.post_convert, methods=["POST"]),
        Route("/processes/{process}/execution", execute, methods=["POST"]),
        Route("/map", webfiles.get_file),
        Route("/map/{path:path}", webfiles.get_file),
        Route("/healthz", health.healthz),
        Route("/readyz", health.readyz),
        Route("/metrics", health.metrics),
    ]
    return (
        records.routes()
        + imagery.routes()  # before /map/{path}
        + routes
        + history.routes()
        + reports.routes()
        + documents.routes()
        + events.routes()
        + session.routes()
        + jobs.routes()
        + sitepage.routes()
        + maptiles.routes()
        + tilemeta.routes()
        + stac.routes()
        + styles.routes()
        + ogc.routes()
    )


def _by_format(hot: Endpoint, html: Endpoint, other: Endpoint, use_hot: bool) -> Endpoint:
    """Our own JSON and pages; any other format is pygeoapi's."""

    def endpoint(request: Request) -> Response:
        if wants_html(request):
            return html(request)
        named = request.query_params.get("f")
        if use_hot and (named == "json" or (named is None and _takes_json(request))):
            return hot(request)
        return other(request)

    endpoint.__name__ = hot.__name__
    return endpoint


def _takes_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "*/*")
    return "ld+json" not in accepted and "csv" not in accepted
