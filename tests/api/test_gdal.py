"""GDAL as a client: it walks all pages, and lets the server answer what -where says."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from gis.api.app import create_app
from gis.layers import Registry
from gis.settings import Settings
from gis.store import Store


@pytest.fixture(scope="module")
def address(city: Store, registry: Registry, settings: Settings) -> Iterator[str]:
    """The small city on a port of this machine."""
    with Store.open(city.url, max_size=4, timezone="Asia/Shanghai", read_only=True) as own:
        app = create_app(own, registry, settings)
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", ws="none"))
        thread = threading.Thread(target=server.run)
        thread.start()
        for _ in range(200):
            if server.started:
                break
            time.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join(20)


def ogrinfo(address: str, *words: str) -> str:
    program = shutil.which("ogrinfo")
    assert program is not None, "install gdal-bin"
    command = [program, "--debug", "on", "-ro", "-al", f"OAPIF:{address}/", "buildings", *words]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert told.returncode == 0, told.stderr
    assert "ERROR" not in told.stdout + told.stderr
    return told.stdout + told.stderr


def count(text: str) -> int:
    found = re.search(r"Feature Count: (\d+)", text)
    assert found is not None, text
    return int(found[1])


def test_gdal_walks_all_pages(address: str) -> None:
    text = ogrinfo(address, "-oo", "PAGE_SIZE=7")
    numbers = re.findall(r"building_id \(String\) = (B\d+)", text)
    assert len(numbers) == len(set(numbers)) == 60
    assert text.count("after=") >= 8  # by page marks


@pytest.mark.parametrize(
    "where",
    [
        "height_m > 60",
        "\"use\" = 'industrial' AND storeys <= 9",
        "NOT (storeys < 29)",
        "name IS NULL OR built_year >= 2018",
        "building_id LIKE 'B0001%'",
        "name ILIKE '%1%'",
    ],
)
def test_the_server_answers_where(address: str, city: Store, where: str) -> None:
    text = ogrinfo(address, "-so", "-where", where)
    asked = f"SELECT count(*) FROM gis.buildings WHERE upper_inf(valid) AND ({where})"  # noqa: S608
    with city.reading() as conn:
        assert conn.execute(asked.encode()).fetchone() == (count(text),)
    assert "filter=" in text
    assert "evaluated on client side" not in text
    assert count(text) > 0
