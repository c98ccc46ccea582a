"""A real PostGIS for the tests: one embedded cluster, a fresh copy of a template per test.

No server is a failure, not a skip: a skipped suite is green and proves nothing. The cluster
lies in a folder under the temp folder (one per checkout), is shared by every pytest process
that runs at the same time, and stops with the last of them.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from gis.layers import Registry, load_registry
from gis.store import Store
from gis.store.cluster import Cluster
from gis.store.pool import prepare

PROJECT = Path(__file__).resolve().parents[1]
SHARED_DATA = PROJECT.parent / "shared" / "data"
TEMPLATE = "gis_template_"


def pytest_report_header() -> str:
    """The versions a failure may hang on."""
    import pyogrio
    import pyproj

    gdal = ".".join(map(str, pyogrio.__gdal_version__))
    data = "present" if SHARED_DATA.is_dir() else "absent (tests on it are skipped)"
    return (
        f"PostGIS {_postgis_version()}, PROJ {pyproj.proj_version_str}, GDAL {gdal}, "
        f"shared data: {data}"
    )


def _postgis_version() -> str:
    control = sorted(Path("/usr/share/postgresql").glob("*/extension/postgis.control"))
    for line in control[-1].read_text().splitlines() if control else ():
        if line.startswith("default_version"):
            return line.split("'")[1]
    return "missing"


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


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The layers, code lists and city this repository ships."""
    return load_registry(PROJECT / "config", PROJECT / "data")


@pytest.fixture(scope="session")
def server(registry: Registry) -> Iterator[Server]:
    """The running test cluster, its template made from the migrations and the registry."""
    home = Path(tempfile.gettempdir()) / f"onemap-test-{_digest(str(PROJECT))}-{os.geteuid()}"
    home.mkdir(mode=0o755, exist_ok=True)
    with open(home / "users.lock", "a") as users:
        cluster = Cluster(home, durable=False)
        if _locked(users, fcntl.LOCK_EX):
            cluster.start()
            _sweep(cluster)
        fcntl.flock(users, fcntl.LOCK_SH)
        cluster.start()
        yield Server(cluster, _template(cluster, registry, home))
        if _locked(users, fcntl.LOCK_EX):
            cluster.stop()


@pytest.fixture
def store(server: Server) -> Iterator[Store]:
    """A store of one's own: migrated, a table for every layer, no rows."""
    with server.copy() as url, Store.open(url, max_size=4, timezone="Asia/Shanghai") as opened:
        yield opened


@pytest.fixture
def state_folder() -> Iterator[Path]:
    """An empty state folder that the database account can reach; its cluster is stopped after."""
    with tempfile.TemporaryDirectory(prefix="onemap-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder / "home"
        Cluster(folder / "home").stop()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real files beside the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real files at {SHARED_DATA}")
    return SHARED_DATA


def _template(cluster: Cluster, registry: Registry, home: Path) -> str:
    """Name of the template for today's schema; made by whichever process comes first."""
    name = TEMPLATE + _digest(_schema_text() + repr(sorted(registry.layers.items())))
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


def _sweep(cluster: Cluster) -> None:
    """Drop what killed test runs and older schemas left behind. Nobody else is using it."""
    for name in _databases(cluster):
        if name.startswith(("t_", TEMPLATE)):
            Server(cluster, "").admin("DROP DATABASE {} WITH (FORCE)", name)


def _databases(cluster: Cluster) -> list[str]:
    with psycopg.connect(cluster.url_of("postgres")) as conn:
        return [name for (name,) in conn.execute("SELECT datname FROM pg_database")]


def _locked(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
