"""Images over HTTP: map tiles by day, files by range, STAC; and who may see them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from postgis import PROJECT
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile
from rasterio.transform import from_origin
from small_city import browse

from gis.api.app import create_app
from gis.cli.main import main
from gis.coords import from_metric
from gis.coords.matrixsets import MATRIX_SETS, WEB_MERCATOR
from gis.errors import SourceError
from gis.ingest.imagery import ImageRequest, add_image
from gis.layers import Registry
from gis.settings import Settings
from gis.sources.cogs import FOLDER
from gis.store import Store, undo

WEST, NORTH, GSD, SIDE = 505_000.0, 3_652_000.0, 0.5, 600
# day in the name, colour
DAYS = {"20230415": (200, 30, 30), "20240610": (30, 200, 30)}
TILES = "/collections/imagery/map/tiles"


def write(folder: Path, name: str, values: Any, **profile: Any) -> Path:
    path = folder / name
    with rasterio.open(
        path, "w", driver="GTiff", width=SIDE, height=SIDE, count=len(values),
        dtype=values.dtype, transform=from_origin(WEST, NORTH, GSD, GSD),
        **{"crs": "EPSG:4547", **profile},
    ) as out:  # fmt: skip
        out.write(values)
    return path


def flat(colour: tuple[int, ...]) -> Any:
    return np.broadcast_to(np.array(colour, np.uint8)[:, None, None], (3, SIDE, SIDE)).copy()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("imagery-home")


@pytest.fixture(scope="module")
def shot(server: Any, registry: Registry, home: Path) -> Iterator[Store]:
    """A store with two photos, the newer of which shows its western half only, and a model."""
    with server.copy() as url, Store.open(url, max_size=4, timezone="Asia/Shanghai") as store:
        for day, colour in DAYS.items():
            values = flat(colour)
            if day == "20240610":
                values[:, :, SIDE // 2 :] = 0
            path = write(home, f"ortho_{day}.tif", values, nodata=0)
            _, kept = add_image(store, registry, ImageRequest(path=path), home / FOLDER, {})
            assert kept is not None
        slope = np.tile(np.arange(SIDE, dtype=np.float32), (SIDE, 1))[None]
        path = write(home, "dsm_20240610.tif", slope)
        request = ImageRequest(path=path, sensor="机载激光", accuracy_m=0.3)
        add_image(store, registry, request, home / FOLDER, {})
        yield store


@pytest.fixture(scope="module")
def client(shot: Store, registry: Registry, home: Path) -> httpx.Client:
    return browse(create_app(shot, registry, Settings(home=home, web=Path("nothing-built-here"))))


def address(grid: str = "WebMercatorQuad", z: int = 16, east: float = 150, **query: str) -> str:
    lon, lat = from_metric(np.array([[WEST + east, NORTH - 150]]), 4547)[0].tolist()
    of = MATRIX_SETS[grid]
    words = "&".join(f"{name}={value}" for name, value in query.items())
    return f"{TILES}/{grid}/{z}/{of.row_of(z, lat)}/{of.column_of(z, lon)}?{words}"


def colours(answer: httpx.Response) -> dict[tuple[int, ...], int]:
    """RGBA -> how many pixels."""
    assert answer.status_code == 200, answer.text
    with warnings.catch_warnings(), MemoryFile(answer.content) as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open() as image:
            pixels = image.read().reshape(4, -1).T
    found, counts = np.unique(pixels, axis=0, return_counts=True)
    return {tuple(map(int, c)): int(n) for c, n in zip(found, counts, strict=True)}


RED, GREEN, NOTHING = (200, 30, 30, 255), (30, 200, 30, 255), (0, 0, 0, 0)


@pytest.mark.parametrize("grid", MATRIX_SETS)
def test_the_newest_lies_over_the_older(client: httpx.Client, grid: str) -> None:
    seen = colours(client.get(address(grid)))
    assert set(seen) <= {RED, GREEN, NOTHING}
    assert seen[GREEN] > 1000
    assert seen[RED] > 1000


@pytest.mark.parametrize(
    ("when", "there"),
    [
        ("2024-06-09", {RED}), ("2023-04-15", {RED}), ("2024-06-10", {RED, GREEN}),
        ("2024-01-01/..", {GREEN}), ("2024-06-10/2024-06-10", {GREEN}),
    ],
)  # fmt: skip
def test_a_day_shows_what_was_taken_until_then(
    client: httpx.Client, when: str, there: set[tuple[int, ...]]
) -> None:
    assert set(colours(client.get(address(datetime=when)))) - {NOTHING} == there


def test_before_the_first_there_is_nothing(client: httpx.Client) -> None:
    assert client.get(address(datetime="2023-04-14")).status_code == 204
    assert client.get(address(east=50_000)).status_code == 204


def test_a_surface_model_is_shaded(client: httpx.Client) -> None:
    seen = colours(client.get(address(style="hillshade")))
    assert all(r == g == b for r, g, b, _ in seen)
    # rising to the east by 2 m a metre: away from a sun in the north west
    dark = max((n, c) for c, n in seen.items() if c[3])[1]
    assert dark[0] > 180  # the slope faces west


def test_webp_and_etag(client: httpx.Client) -> None:
    first = client.get(address(f="webp"))
    assert first.headers["content-type"] == "image/webp"
    assert first.content.startswith(b"RIFF")
    again = client.get(address(f="webp"), headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert "content-encoding" not in first.headers


@pytest.mark.parametrize(
    ("where", "status"),
    [
        (address(f="jpg"), 400), (address(style="relief"), 400), (address(datetime="gestern"), 400),
        (address(bogus="1"), 400), (f"{TILES}/WebMercatorQuad/3/9/1", 404),
        (f"{TILES}/Nosuch/3/1/1", 404), (f"{TILES}/WebMercatorQuad/a/1/1", 404),
        (f"{TILES}/CGCS2000Quad?f=tilejson", 404), (f"{TILES}/WebMercatorQuad?f=mvt", 400),
        ("/collections/imagery/files/none.tif", 404),
        ("/collections/imagery/files/..%2F..%2Fetc%2Fpasswd.tif", 404),
        ("/stac/collections/imagery/items/none", 404), ("/stac/search?bbox=1,2,3", 400),
        ("/stac/search?bbox=1,2,3,nan", 400), ("/stac/search?intersects=x", 400),
        ("/stac/search?limit=0", 400), ("/stac/search?sortby=id", 400),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(client: httpx.Client, where: str, status: int) -> None:
    answer = client.get(where)
    assert answer.status_code == status, answer.text
    assert {"zh", "en"} <= set(answer.json())


def test_tilesets(client: httpx.Client) -> None:
    listed = client.get(TILES).json()["tilesets"]
    assert [one["tileMatrixSetId"] for one in listed] == list(MATRIX_SETS)
    assert {one["dataType"] for one in listed} == {"map"}
    one = client.get(f"{TILES}/WebMercatorQuad").json()
    row = next(r for r in one["tileMatrixSetLimits"] if r["tileMatrix"] == "17")
    lon, lat = from_metric(np.array([[WEST + 75, NORTH - 150]]), 4547)[0].tolist()
    assert row["minTileRow"] <= WEB_MERCATOR.row_of(17, lat) <= row["maxTileRow"]
    template = next(a["href"] for a in one["links"] if a["type"] == "image/webp")
    filled = template.replace("{tileMatrix}", "17")
    filled = filled.replace("{tileRow}", str(row["minTileRow"]))
    assert client.get(filled.replace("{tileCol}", str(row["minTileCol"]))).status_code == 200
    tilejson = client.get(f"{TILES}/WebMercatorQuad?f=tilejson&datetime=2023-04-15").json()
    assert tilejson["tiles"][0].endswith("/{z}/{y}/{x}?f=webp&datetime=2023-04-15")
    assert tilejson["bounds"][0] < lon < tilejson["bounds"][2]


def test_days(client: httpx.Client) -> None:
    days = client.get("/map/imagery.json").json()["days"]
    assert [(d["date"], d["kinds"]) for d in days] == [
        ("2024-06-10", ["dsm", "ortho"]), ("2023-04-15", ["ortho"])
    ]  # fmt: skip


def test_a_file_is_read_by_range(client: httpx.Client, home: Path) -> None:
    where = "/collections/imagery/files/ortho_20230415.tif"
    whole = client.get(where)
    assert whole.headers["content-type"].startswith("image/tiff; application=geotiff")
    part = client.get(where, headers={"Range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.content == whole.content[100:200]
    path = home / "back.tif"
    path.write_bytes(whole.content)
    with rasterio.open(path) as image:
        assert (image.read(1) == 200).all()


def test_stac_items(client: httpx.Client) -> None:
    found = client.get("/stac/search").json()
    assert found["numberMatched"] == 3
    item = next(f for f in found["features"] if f["id"] == "dsm_20240610")
    assert item["properties"]["start_datetime"] == "2024-06-09T16:00:00Z"  # midnight in China
    assert item["properties"]["onemap:sensor"] == "机载激光"
    assert item["properties"]["onemap:accuracy_m"] == 0.3
    data = item["assets"]["data"]
    assert data["proj:code"] == "EPSG:4547"
    assert data["proj:transform"][:6] == [GSD, 0, WEST, 0, -GSD, NORTH]
    assert len(client.get(data["href"]).content) == data["file:size"]
    self = next(link["href"] for link in item["links"] if link["rel"] == "self")
    assert client.get(self).json() == item
    xyz = next(link["href"] for link in item["links"] if link["rel"] == "xyz")
    assert "datetime=2024-06-10/2024-06-10&style=hillshade" in xyz
    half = next(f for f in found["features"] if f["id"] == "ortho_20240610")
    whole = next(f for f in found["features"] if f["id"] == "ortho_20230415")
    width = [b[2] - b[0] for b in (half["bbox"], whole["bbox"])]
    assert width[0] == pytest.approx(width[1] / 2, rel=0.02)  # the outline of what is valid


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        ({"ids": ["dsm_20240610"]}, {"dsm_20240610"}),
        ({"collections": ["other"]}, set()),
        ({"datetime": "2023-04-15"}, {"ortho_20230415"}),
        ({"datetime": "../2023-12-31"}, {"ortho_20230415"}),
        ({"bbox": [0, 0, 1, 1]}, set()),
        ({"bbox": [113, 32, 0, 115, 34, 9]},
         {"ortho_20230415", "ortho_20240610", "dsm_20240610"}),
        ({"intersects": {"type": "Point", "coordinates": [114.0555, 32.99]}}, set()),
    ],
)  # fmt: skip
def test_stac_search_by_get_and_post(
    client: httpx.Client, asked: dict[str, Any], there: set[str]
) -> None:
    posted = client.post("/stac/search", json=asked).json()
    assert {f["id"] for f in posted["features"]} == there
    words = {
        name: value if isinstance(value, str)
        else json.dumps(value) if isinstance(value, dict) else ",".join(map(str, value))
        for name, value in asked.items()
    }  # fmt: skip
    assert client.get("/stac/search", params=words).json()["features"] == posted["features"]


def test_stac_pages_meet_every_item_once(client: httpx.Client) -> None:
    seen, href = [], "/stac/search?limit=2&datetime=../.."
    while href:
        page = client.get(href).json()
        seen += [f["id"] for f in page["features"]]
        href = next((a["href"] for a in page["links"] if a["rel"] == "next"), "")
    assert sorted(seen) == ["dsm_20240610", "ortho_20230415", "ortho_20240610"]
    page = client.post("/stac/search", json={"limit": 2}).json()
    after = next(a for a in page["links"] if a["rel"] == "next")
    assert len(client.post("/stac/search", json=after["body"]).json()["features"]) == 1


def test_stac_links_lead_somewhere(client: httpx.Client) -> None:
    for where in ("/stac", "/stac/collections", "/stac/collections/imagery"):
        for link in client.get(where).json()["links"]:
            if link.get("method") != "POST":
                assert client.get(link["href"]).status_code == 200, link


def test_who_may_not_see_images_sees_nothing_of_them(
    shot: Store, registry: Registry, home: Path
) -> None:
    app = create_app(shot, registry, Settings(home=home, public_url="https://city.example"))
    stranger = browse(app)
    for where in (
        TILES, address(), "/collections/imagery/files/ortho_20230415.tif",
        "/stac/collections/imagery", "/stac/collections/imagery/items",
        "/stac/collections/imagery/items/ortho_20230415",
    ):  # fmt: skip
        assert stranger.get(where).status_code == 404, where
    assert stranger.get("/map/imagery.json").json() == {"days": []}
    assert stranger.get("/stac/search").json()["features"] == []
    assert stranger.post("/stac/search", json={}).json()["features"] == []
    assert "imagery" not in stranger.get("/stac").text


def test_a_new_image_shows_and_one_taken_back_does_not(
    server: Any, registry: Registry, tmp_path: Path
) -> None:
    with server.copy() as url, Store.open(url, max_size=4, timezone="Asia/Shanghai") as store:
        client = browse(create_app(store, registry, Settings(home=tmp_path)))
        assert client.get(address()).status_code == 204
        reports = []
        for day, colour in DAYS.items():
            path = write(tmp_path, f"ortho_{day}.tif", flat(colour))
            request = ImageRequest(path=path)
            reports.append(add_image(store, registry, request, tmp_path / FOLDER, {})[0])
            assert set(colours(client.get(address()))) - {NOTHING} == {(*colour, 255)}
        again = add_image(store, registry, request, tmp_path / FOLDER, {})[0]
        assert (again.unchanged, again.changed, again.new) == (1, 0, 0)
        undo(store, again.delivery or 0)
        undo(store, reports[-1].delivery or 0)
        assert set(colours(client.get(address()))) - {NOTHING} == {RED}


def test_without_a_date_it_is_not_registered(
    store: Store, registry: Registry, tmp_path: Path
) -> None:
    path = write(tmp_path, "ortho.tif", flat((9, 9, 9)))
    with pytest.raises(SourceError, match="--date"):
        add_image(store, registry, ImageRequest(path=path), tmp_path / FOLDER, {})
    assert not (tmp_path / FOLDER).exists()
    request = ImageRequest(path=path, taken_on=date(2025, 3, 1))
    report, _ = add_image(store, registry, request, tmp_path / FOLDER, {})
    assert report.new == 1


def test_the_command(store: Store, tmp_path: Path) -> None:
    env = {
        "GIS_DATABASE_URL": store.url, "GIS_HOME": str(tmp_path),
        "GIS_CONFIG": str(PROJECT / "config"), "GIS_DATA": str(PROJECT / "data"),
    }  # fmt: skip
    path = str(write(tmp_path, "航片_20250301.tif", flat((9, 9, 9))))

    def run(*words: str) -> Any:
        done = CliRunner().invoke(main, ["imagery", *words, "--json"], env=env)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    [added] = run("add", path, "--sensor", "无人机", "--accuracy", "0.15")["images"]
    assert (added["new"], added["quarantined"]) == (1, 0)
    assert added["kept_mb"] is not None
    [listed] = run("list")
    assert listed["id"] == "航片_20250301"
    assert (listed["sensor"], listed["accuracy_m"], listed["kept"]) == ("无人机", 0.15, True)
    assert run("show", "航片_20250301")["outline"].startswith("POLYGON")
