"""The embedded cluster: from nothing to ready, and back after any crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from gis.errors import ConfigError
from gis.store.cluster import LONGEST_SOCKET, Cluster
from gis.store.server import Account, find_binaries

START = "import sys; from pathlib import Path; from gis.store import Cluster; " + (
    "print(Cluster(Path(sys.argv[1])).start())"
)


@pytest.fixture
def cluster(state_folder: Path) -> Cluster:
    return Cluster(state_folder, durable=False)


def one(url: str, statement: str) -> object:
    with psycopg.connect(url) as conn:
        row = conn.execute(statement).fetchone()
        assert row is not None
        return row[0]


def test_from_nothing_to_ready_and_again(cluster: Cluster) -> None:
    url = cluster.start()
    assert one(url, "SELECT 1 FROM pg_available_extensions WHERE name = 'postgis'") == 1
    first = cluster.postmaster()
    assert cluster.start() == url
    assert cluster.postmaster() == first
    assert cluster.stop() is True
    assert cluster.stop() is False
    cluster.start()
    assert one(url, "SELECT current_database()") == "onemap"


def test_nothing_listens_on_tcp_and_others_stay_out(cluster: Cluster) -> None:
    url = cluster.start()
    assert one(url, "SHOW listen_addresses") == ""
    assert cluster.socket_folder.stat().st_mode & 0o077 == 0
    assert cluster.folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("victim", ["postmaster", "backend"])
def test_killed_server_comes_back_with_its_rows(state_folder: Path, victim: str) -> None:
    cluster = Cluster(state_folder)
    url = cluster.start()
    with psycopg.connect(url) as conn:
        conn.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    pid = cluster.postmaster()
    assert pid is not None
    idle = psycopg.connect(url)
    os.kill(pid if victim == "postmaster" else idle.info.backend_pid, signal.SIGKILL)
    time.sleep(0.1)
    again = Cluster(state_folder)
    deadline = time.monotonic() + 30
    while True:  # after a backend's death the server itself restarts
        url = again.start()
        try:
            assert one(url, "SELECT count(*) FROM kept") == 1000
            break
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    idle.close()


def test_stale_pid_of_another_process_is_seen_through(cluster: Cluster) -> None:
    """After a power cut the number in postmaster.pid may belong to anybody."""
    cluster.start()
    pid_file = cluster.data / "postmaster.pid"
    kept = pid_file.read_text()
    cluster.stop()
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        pid_file.write_text(kept.replace(kept.split("\n")[0], str(sleeper.pid), 1))
        assert cluster.postmaster() is None
        assert one(cluster.start(), "SELECT 1") == 1
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()


def test_several_processes_start_it_at_once(state_folder: Path) -> None:
    def start(_: int) -> str:
        done = subprocess.run(
            [sys.executable, "-c", START, str(state_folder)], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    with ThreadPoolExecutor(4) as pool:
        urls = set(pool.map(start, range(4)))
    assert urls == {Cluster(state_folder).url}
    assert one(urls.pop(), "SELECT 1") == 1


def test_ctrl_c_in_our_terminal_leaves_the_server_alone(cluster: Cluster) -> None:
    cluster.start()
    pid = cluster.postmaster()
    assert pid is not None
    assert os.getsid(pid) != os.getsid(0)
    assert os.getpgid(pid) != os.getpgid(0)


def test_interrupted_creation_starts_over(cluster: Cluster) -> None:
    making = cluster.folder / "data.new"
    making.mkdir(parents=True)
    (making / "PG_VERSION").write_text("15\n")
    assert one(cluster.start(), "SELECT 1") == 1
    assert not making.exists()


def test_long_state_folder_gets_a_short_socket(state_folder: Path) -> None:
    cluster = Cluster(state_folder / ("长" * 20) / ("x" * 60), durable=False)
    try:
        assert len(os.fsencode(cluster.socket_folder / ".s.PGSQL.5432.lock")) <= LONGEST_SOCKET
        assert one(cluster.start(), "SELECT 1") == 1
    finally:
        cluster.stop()
        for file in cluster.socket_folder.glob(".s.*"):
            file.unlink()
        cluster.socket_folder.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
def test_folder_out_of_reach_is_a_clear_error(state_folder: Path) -> None:
    state_folder.mkdir()
    state_folder.chmod(0o700)
    with pytest.raises(ConfigError) as caught:
        Cluster(state_folder / "home").start()
    assert caught.value.folder == str(state_folder)
    assert caught.value.account == Account.current().name


def test_missing_packages_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        find_binaries(libraries=tmp_path, extensions=tmp_path)
    assert caught.value.missing == "PostgreSQL"
    assert "postgresql-15-postgis-3" in caught.value.en
    (tmp_path / "16/bin").mkdir(parents=True)
    (tmp_path / "16/bin/initdb").touch()
    with pytest.raises(ConfigError) as caught:
        find_binaries(libraries=tmp_path, extensions=tmp_path)
    assert caught.value.missing == "PostGIS"
    assert caught.value.packages == "postgresql-16-postgis-3"


def test_data_of_another_major_version_is_named(tmp_path: Path) -> None:
    for path in ("lib/15/bin/initdb", "share/15/extension/postgis.control"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).touch()
    arguments = {"libraries": tmp_path / "lib", "extensions": tmp_path / "share"}
    assert find_binaries(15, **arguments).version == 15
    with pytest.raises(ConfigError) as caught:
        find_binaries(14, **arguments)
    assert caught.value.version == 14
