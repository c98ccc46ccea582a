"""`Store`: a pool of connections to one PostGIS, and the ways to get one."""

from __future__ import annotations

import logging
import select
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Protocol, Self

import psycopg
from psycopg.types import TypeInfo
from psycopg.types.shapely import register_shapely
from psycopg_pool import ConnectionPool

from gis.errors import StoreError
from gis.layers.model import Label, Layer
from gis.settings import Settings
from gis.store.cluster import Cluster
from gis.store.migrate import migrate, only_initialiser, pending
from gis.store.tables import ensure_layer
from gis.store.translate import pg_errors, without_password

# The pool reports each failed attempt as a warning; we report the outcome once, as an error.
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
OPTIONS = (
    "-c application_name=onemap",
    "-c plan_cache_mode=force_custom_plan",  # a plan for any bbox is a bad plan for most
    "-c client_connection_check_interval=2s",  # a client that hangs up cancels its query
)
# A server that is gone without a word (its machine, the network) is noticed in a minute.
ALIVE = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
USE = Label(zh="访问数据库", en="use the database")


class Layers(Protocol):
    """What the store needs of a registry: its layers by id."""

    @property
    def layers(self) -> Mapping[str, Layer]: ...


class Store:
    """One database. Use as a context manager, or `close` it; safe to share between threads."""

    def __init__(
        self,
        pool: ConnectionPool[psycopg.Connection],
        url: str,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        self.pool = pool
        self.url = url
        self.arguments = arguments or {}  # of each connection

    @classmethod
    def open(
        cls,
        url: str,
        *,
        min_size: int = 1,
        max_size: int = 8,
        timezone: str = "UTC",
        timeout_s: float | None = None,
        read_only: bool = False,
    ) -> Store:
        """Connect to `url`. `timezone` is that of times in texts; `timeout_s` bounds every
        statement (a serving pool). Raises Unreachable where nothing answers."""
        options = [f"-c TimeZone={timezone}", *OPTIONS]
        if timeout_s is not None:
            options.append(f"-c statement_timeout={round(timeout_s * 1000)}")
        if read_only:
            options.append("-c default_transaction_read_only=on")
        arguments = {
            "options": " ".join(options), "autocommit": True, "connect_timeout": 10, **ALIVE,
        }  # fmt: skip
        shown = without_password(url)
        with pg_errors(f"连接数据库 {shown}", f"connect to the database {shown}"):
            psycopg.connect(url, **arguments).close()  # type: ignore[arg-type]  # as the pool does
            pool = ConnectionPool(
                url,
                kwargs=arguments,
                min_size=min_size,
                max_size=max_size,
                configure=_configure,
                check=_check,  # a restarted server costs nobody an error
                timeout=15,
                open=True,
            )
            pool.wait(15)
        return cls(pool, url, arguments)

    def close(self) -> None:
        """Close every connection."""
        self.pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def connection(self, zh: str = USE.zh, en: str = USE.en) -> Iterator[psycopg.Connection]:
        """A connection in one transaction: committed at the end, rolled back on any exception.

        `zh`, `en`: what is being done, for the message if the database fails in it."""
        with self.reading(zh, en) as conn, conn.transaction():
            yield conn

    @contextmanager
    def reading(self, zh: str = USE.zh, en: str = USE.en) -> Iterator[psycopg.Connection]:
        """A connection in autocommit mode: each statement for itself, two round trips less."""
        with pg_errors(zh, en), self.pool.connection() as conn:
            yield conn


def open_store(
    settings: Settings, *, timeout_s: float | None = None, read_only: bool = False
) -> Store:
    """The store of this installation, ready for use; the embedded cluster is started if needed.

    Raises Unreachable, or StoreError that says to run `gis init`.
    """
    store = Store.open(
        address(settings), timezone=settings.timezone, timeout_s=timeout_s, read_only=read_only
    )
    try:
        with store.reading() as conn:
            missing = pending(conn)
        if missing:
            raise StoreError(
                zh=f"数据库尚未初始化或需要升级（缺 {len(missing)} 个迁移）。请运行：gis init",
                en=f"the database is not initialised or not up to date ({len(missing)} migrations "
                f"missing). Run: gis init",
                pending=len(missing),
            )
    except BaseException:
        store.close()
        raise
    return store


def init_store(settings: Settings, registry: Layers) -> Store:
    """The store, migrated, with a table for every layer. Idempotent."""
    url = address(settings)
    prepare(url, registry)
    return Store.open(url, timezone=settings.timezone)


def prepare(url: str, registry: Layers) -> list[str]:
    """Migrate and make or alter layer tables; return what was done, in words."""
    shown = without_password(url)
    doing = pg_errors(f"初始化数据库 {shown}", f"initialise the database {shown}")
    with (
        doing,
        psycopg.connect(url, autocommit=True, connect_timeout=10) as conn,
        only_initialiser(conn),  # one for both, so that who begins also ends
    ):
        done = [f"migration {m.number:03}_{m.name}" for m in migrate(conn)]
        with conn.transaction():
            for layer in registry.layers.values():
                done += ensure_layer(conn, layer)
    return done


def address(settings: Settings) -> str:
    """Where the database is; the embedded cluster is started if it is that one."""
    return settings.database_url or Cluster(settings.home).start()


def _configure(conn: psycopg.Connection) -> None:
    info = TypeInfo.fetch(conn, "geometry")
    if info is not None:  # None before the first migration; such a store is refused above
        register_shapely(info, conn)


def _check(conn: psycopg.Connection) -> None:
    """Raises psycopg.OperationalError where the server has closed the connection. Between two
    statements there is nothing to be read unless that is so; only then is it asked, for asking
    each time costs as much as a small answer."""
    watched = select.poll()
    watched.register(conn.fileno(), select.POLLIN)
    if watched.poll(0):
        ConnectionPool.check_connection(conn)
