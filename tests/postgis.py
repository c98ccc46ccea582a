"""The test cluster: one embedded PostGIS a checkout, shared by every pytest process of it."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import uuid4

import psycopg
from psycopg.sql import SQL, Identifier

from gis.layers import Registry
from gis.store.cluster import Cluster
from gis.store.pool import prepare

PROJECT = Path(__file__).resolve().parents[1]
SHARED_DATA = PROJECT.parent / "shared" / "data"
TEMPLATE = "gis_template_"


@dataclass(frozen=True)
class Server:
    """The test cluster, and the template every test database is copied from."""

    cluster: Cluster
    template: str

    def url(self, database: str) -> str:
        return self.cluster.url_of(database)

    @contextmanager
    def copy(self, template: str | None = None) -> Iterator[str]:
        """Address of a fresh copy of the template; dropped at the end, whoever is connected."""
        name = f"t_{uuid4().hex}"
        self.admin("CREATE DATABASE {} TEMPLATE {}", name, template or self.template)
        try:
            yield self.url(name)
        finally:
            self.admin("DROP DATABASE {} WITH (FORCE)", name)

    def admin(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
            conn.execute(SQL(statement).format(*map(Identifier, names)))


def template_of(cluster: Cluster, registry: Registry, home: Path) -> str:
    """Name of the template for today's schema; made by whichever process comes first."""
    name = TEMPLATE + digest(_schema_text() + repr(sorted(registry.layers.items())))
    with open(home / "template.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if name not in _databases(cluster):
            making = name + "_new"
            admin = Server(cluster, name).admin
            admin("DROP DATABASE IF EXISTS {}", making)
            admin("CREATE DATABASE {} TEMPLATE template0", making)
            prepare(cluster.url_of(making), registry)
            admin("ALTER DATABASE {} RENAME TO {}", making, name)
    return name


def _schema_text() -> str:
    folder = PROJECT / "gis" / "store" / "sql"
    files = [*sorted((folder / "schema").glob("*.sql")), *folder.glob("queries/layer_*.sql")]
    return "".join(file.read_text("utf-8") for file in sorted(files))


def sweep(cluster: Cluster) -> None:
    """Drop what killed test runs and older schemas left behind. Nobody else is using it."""
    for name in _databases(cluster):
        if name.startswith(("t_", TEMPLATE)):
            Server(cluster, "").admin("DROP DATABASE {} WITH (FORCE)", name)


def _databases(cluster: Cluster) -> list[str]:
    with psycopg.connect(cluster.url_of("postgres")) as conn:
        return [name for (name,) in conn.execute("SELECT datname FROM pg_database")]


def locked(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
