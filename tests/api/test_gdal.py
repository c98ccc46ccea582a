"""GDAL as a client: it walks all pages, and lets the server answer what -where says."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
import uvicorn

from gis.api.app import create_app
from gis.layers import Registry
from gis.settings import Settings
from gis.store import Store, list_deliveries


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


def ogrinfo(address: str, *words: str, layers: Sequence[str] = ("buildings",)) -> str:
    program = shutil.which("ogrinfo")
    assert program is not None, "install gdal-bin"
    command = [program, "--debug", "on", "-ro", "-al", f"OAPIF:{address}/", *layers, *words]
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


def test_gdal_lists_and_reads_every_collection(address: str, registry: Registry) -> None:
    text = ogrinfo(address, "-so", layers=())
    assert re.findall(r"^Layer name: (\S+)$", text, re.MULTILINE) == [*registry.layers, "catalogue"]
    assert len(re.findall(r"^Feature Count: \d+$", text, re.MULTILINE)) == len(registry.layers) + 1


@pytest.mark.parametrize(
    ("words", "records"),
    [
        ((), None), (("-oo", "PAGE_SIZE=7"), None),
        (("-where", "type = 'delivery' AND title LIKE '建筑物%'"), 2),
        (("-spat", "100", "20", "101", "21"), 0),
    ],
)  # fmt: skip
def test_gdal_reads_the_catalogue(
    address: str, city: Store, registry: Registry, words: tuple[str, ...], records: int | None
) -> None:
    text = ogrinfo(address, *words, layers=("catalogue",))
    every = len(registry.layers) + len(list_deliveries(city))
    found = re.findall(r"^OGRFeature\(catalogue\)", text, re.MULTILINE)
    assert len(found) == (every if records is None else records)
