"""A real PostGIS for the tests: one embedded cluster, a fresh copy of a template per test.

No server is a failure, not a skip: a skipped suite is green and proves nothing. The cluster
lies in a folder under the temp folder (one per checkout), is shared by every pytest process
that runs at the same time, and stops with the last of them.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgis import PROJECT, SHARED_DATA, Server, digest, locked, sweep, template_of

from gis.layers import Registry, load_registry
from gis.store import Store
from gis.store.cluster import Cluster


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


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The layers, code lists and city this repository ships."""
    return load_registry(PROJECT / "config", PROJECT / "data")


@pytest.fixture(scope="session")
def server(registry: Registry) -> Iterator[Server]:
    """The running test cluster, its template made from the migrations and the registry."""
    home = Path(tempfile.gettempdir()) / f"onemap-test-{digest(str(PROJECT))}-{os.geteuid()}"
    home.mkdir(mode=0o755, exist_ok=True)
    with open(home / "users.lock", "a") as users:
        cluster = Cluster(home, durable=False)
        if locked(users, fcntl.LOCK_EX):
            cluster.start()
            sweep(cluster)
        fcntl.flock(users, fcntl.LOCK_SH)
        cluster.start()
        yield Server(cluster, template_of(cluster, registry, home))
        if locked(users, fcntl.LOCK_EX):
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
