"""The small demo city, made and served the way a user does it: two commands, one address.

Tests that use it carry `pytestmark = pytest.mark.xdist_group("served")`, so that one worker
makes the city once and the others need not.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[1]
GIS = Path(sys.executable).with_name("gis")


@dataclass(frozen=True)
class Served:
    """A running server over a finished small demo city."""

    url: str  # http://127.0.0.1:PORT
    database_url: str
    home: Path
    summary: dict[str, Any]  # what `gis demo --no-serve --json` printed
    env: dict[str, str]

    def gis(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a `gis` command against the same state."""
        return run_gis(self.env, *words, check=check)


def run_gis(
    env: dict[str, str], *words: str, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """`gis words…` with `env`; a failed command shows its messages."""
    program = [str(GIS), *words]
    done = subprocess.run(
        program, env=env, cwd=PROJECT, capture_output=True, text=True, check=False
    )
    if check and done.returncode:
        pytest.fail(f"gis {' '.join(words)} -> {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def wait_ready(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 90) -> None:
    """Return when /readyz says 200; fail with the server's log otherwise."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the server did not become ready\n{log.read_text('utf-8', 'replace')[-4000:]}")


@pytest.fixture(scope="session")
def served_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`gis demo --size small --no-serve`, then `gis serve` on a free port."""
    home = tmp_path_factory.mktemp("served")
    home.chmod(0o755)
    for parent in home.parents:  # the embedded database runs as another user when we are root
        if parent.stat().st_uid == os.getuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
        if parent.name.startswith("pytest-of-"):
            break
    config = home / "config"
    shutil.copytree(PROJECT / "config", config, ignore=shutil.ignore_patterns("frames"))
    (config / "frames").mkdir()
    port = free_port()
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIS_")}
    env |= {
        "GIS_HOME": str(home / "state"),
        "GIS_CONFIG": str(config),
        "GIS_DATA": str(PROJECT / "data"),
        "GIS_WEB": str(PROJECT / "web" / "dist"),
        "GIS_PORT": str(port),
    }
    summary = json.loads(run_gis(env, "demo", "--size", "small", "--no-serve", "--json").stdout)
    database_url = json.loads(run_gis(env, "db", "url", "--json").stdout)["url"]
    log = home / "serve.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(GIS), "serve"], env=env, cwd=PROJECT, stdout=out, stderr=out
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_ready(url, process, log)
        yield Served(url, database_url, home, summary, env)
    finally:
        process.terminate()
        process.wait(20)
        run_gis(env, "db", "stop", check=False)
