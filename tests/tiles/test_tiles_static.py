"""Tilesets on disk: whole or not at all, and right by three readers (ours, Khronos', py3dtiles)."""

from __future__ import annotations

import json
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from click.testing import CliRunner
from py3dtiles.tileset import TileSet
from py3dtiles.tileset.content import B3dm
from tile_trials import buildings, day, deliver, leaves, world

from gis.cli.main import main
from gis.errors import TileError, UnknownLayer
from gis.layers import Registry
from gis.store import Instant, LayerQuery, Store, rows
from gis.tiles import build, build_tileset, khronos, static
from gis.tiles.check import Problem, check_tileset
from gis.tiles.reading import read_content

PROJECT = Path(__file__).resolve().parents[2]
MODULES = PROJECT / "web" / "node_modules"
STAMP = re.compile(rb"\?c=[0-9a-f]{8}(?=\")")
SOLID = ("buildings", "pipe_segments", "pipe_points")
pytestmark = pytest.mark.usefixtures("small_tiles")


def validated(folder: Path) -> list[Problem]:
    """Everything both checkers say. No Node is a failure: what is not validated is not right."""
    assert khronos.available(MODULES), "install Node, then npm ci in web/"
    report = check_tileset(folder)
    assert report.files
    return [*report.problems, *khronos.validate(folder, report.files, MODULES)]


@pytest.fixture
def built(city: Store, registry: Registry, tmp_path: Path) -> Path:
    """The trial city's buildings as glb."""
    build(city, registry, "buildings", tmp_path / "b")
    return tmp_path / "b"


@pytest.mark.parametrize("form", ["glb", "b3dm"])
def test_every_layer_is_valid(
    city: Store, registry: Registry, tmp_path: Path, form: static.Format
) -> None:
    for layer in SOLID:
        out = tmp_path / layer
        report = build_tileset(city, registry, layer, out, form=form)
        assert validated(out) == []
        checked = check_tileset(out)
        assert checked.features == report.features
        assert len(checked.files) == report.tiles
        found = rows(city, LayerQuery(layer=registry.get(layer)))
        assert report.features + sum(report.left_out.values()) == len(found)
        assert checked.keys <= set(found.key.tolist())
        assert report.bytes == sum(f.stat().st_size for f in out.rglob("*") if f.is_file())


def test_both_formats_hold_the_same_city(city: Store, registry: Registry, tmp_path: Path) -> None:
    corners = {}
    for form in ("glb", "b3dm"):
        out = tmp_path / form
        build_tileset(city, registry, "buildings", out, form=form)
        for leaf in leaves(lambda path, out=out: (out / path).read_bytes()):
            at, ids = world(leaf), leaf.content.glb.attribute(leaf.content.ids)
            for i, key in enumerate(leaf.content.columns["key"]):
                corners[form, key] = at[ids == i]
    keys = {key for _, key in corners}
    assert len(keys) == 580
    for key in keys:
        assert np.abs(corners["glb", key] - corners["b3dm", key]).max() < 1e-3


def test_py3dtiles_reads_what_was_written(city: Store, registry: Registry, tmp_path: Path) -> None:
    build_tileset(city, registry, "buildings", tmp_path / "old", form="b3dm")
    tileset = TileSet.from_file(tmp_path / "old" / "tileset.json")
    contents = list(tileset.get_all_tile_contents())
    assert len(contents) > 50
    assert all(isinstance(content, B3dm) for content in contents)
    tables = [content.body.batch_table.header.data for content in contents]
    keys = [key for table in tables for key in table["key"]]
    assert sorted(keys) == sorted(set(keys))
    assert set(keys) == set(rows(city, LayerQuery(layer=registry.get("buildings"))).key.tolist())
    assert None in {year for table in tables for year in table["built_year"]}
    assert "created_date" not in (tmp_path / "old" / "tileset.json").read_text("utf-8")


def test_what_is_served_is_what_is_built(
    built: Path, fetch: Callable[..., Callable[[str], bytes]], registry: Registry
) -> None:
    get = fetch(registry.get("buildings"))
    files = [file.relative_to(built).as_posix() for file in built.rglob("*") if file.is_file()]
    assert len(files) > 100
    for file in files:
        assert (built / file).read_bytes() == STAMP.sub(b"", get(file)), file


def test_the_city_on_a_date(city: Store, registry: Registry, tmp_path: Path) -> None:
    assert build(city, registry, "buildings", tmp_path / "a", Instant(day(2))) == 600
    assert build(city, registry, "buildings", tmp_path / "b") == 580


def test_features_that_can_not_be_drawn_are_counted(
    store: Store, registry: Registry, tmp_path: Path
) -> None:
    city = buildings(30)
    city[3]["height_m"] = None
    city[4]["base_m"] = None
    city[5]["height_m"] = -1.0
    deliver(store, registry.get("buildings"), city)
    with store.connection() as conn:  # what no check lets in, and an old database may hold
        conn.execute(
            "UPDATE gis.buildings SET geom = 'SRID=4490;POLYGON EMPTY' WHERE building_id = 'B00007'"
        )
        conn.execute(
            "UPDATE gis.buildings SET geom = "
            "'SRID=4490;POLYGON((114 33, 114.001 33, 114 33, 114 33))' "
            "WHERE building_id = 'B00008'"
        )
    report = build_tileset(store, registry, "buildings", tmp_path / "b")
    assert (report.features, report.left_out) == (25, {"no_shape": 2, "no_value": 3})
    found = rows(store, LayerQuery(layer=registry.get("buildings")))
    named = dict(zip(found.key.tolist(), found.columns["building_id"], strict=True))
    said = {named[key] for key in report.examples["no_value"]}
    assert said == {"B00003", "B00004", "B00005"}
    assert check_tileset(tmp_path / "b").features == 25
    assert validated(tmp_path / "b") == []


def test_a_city_in_which_nothing_can_be_drawn(
    store: Store, registry: Registry, tmp_path: Path
) -> None:
    deliver(store, registry.get("buildings"), [b | {"height_m": None} for b in buildings(3)])
    for form in ("glb", "b3dm"):
        report = build_tileset(store, registry, "buildings", tmp_path / form, form=form)
        assert (report.features, report.tiles, report.left_out) == (0, 0, {"no_value": 3})
        assert check_tileset(tmp_path / form).problems == []


def test_an_empty_model_is_valid(tmp_path: Path) -> None:
    from gis.tiles.glb import GlbWriter
    from gis.tiles.mesh import Mesh

    (tmp_path / "empty.glb").write_bytes(GlbWriter().write(Mesh.empty(), [], "none"))
    assert khronos.validate(tmp_path, ["empty.glb"], MODULES) == []


def test_a_build_that_fails_leaves_the_old_one(
    city: Store, registry: Registry, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {file: file.read_bytes() for file in built.rglob("*") if file.is_file()}
    calls = iter(range(10))

    def failing(*arguments: Any) -> tuple[bytes, dict[int, str]]:
        if next(calls) == 3:
            raise OSError(28, "No space left on device")
        return original(*arguments)

    original = static.content
    monkeypatch.setattr(static, "content", failing)
    with pytest.raises(TileError):
        build(city, registry, "buildings", built)
    assert {file: file.read_bytes() for file in built.rglob("*") if file.is_file()} == before
    assert [path.name for path in built.parent.iterdir()] == ["b"]


def test_a_new_build_replaces_the_old_one(city: Store, registry: Registry, built: Path) -> None:
    (built / "v999").mkdir()
    build(city, registry, "buildings", built)
    assert not (built / "v999").exists()
    assert [path.name for path in built.parent.iterdir()] == ["b"]


def test_another_folder_is_not_touched(city: Store, registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("years of work")
    with pytest.raises(TileError):
        build(city, registry, "buildings", tmp_path)
    assert (tmp_path / "thesis.doc").read_text() == "years of work"
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(TileError):
        build(city, registry, "buildings", file)
    with pytest.raises(TileError):
        build(city, registry, "buildings", file / "below")


def test_unknown_layers_are_refused(city: Store, registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(UnknownLayer):
        build(city, registry, "castles", tmp_path / "a")
    with pytest.raises(TileError):
        build(city, registry, "roads", tmp_path / "a")
    assert not (tmp_path / "a").exists()


@pytest.fixture(scope="module")
def sound(city: Store, registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tileset without a fault, to be copied and spoilt."""
    folder = tmp_path_factory.mktemp("sound") / "b"
    build(city, registry, "buildings", folder)
    return folder


def _root(change: Callable[[dict], None]) -> Callable[[Path, Path], None]:
    def spoil(folder: Path, glb: Path) -> None:
        document = json.loads((folder / "tileset.json").read_bytes())
        change(document)
        (folder / "tileset.json").write_bytes(orjson.dumps(document))

    return spoil


def _first_content(document: dict) -> dict:
    return document["root"]["children"][0]


def _moved(document: dict) -> None:
    _first_content(document)["transform"][12] += 50.0


def _doubled(document: dict) -> None:
    document["root"]["children"].append(_first_content(document))


def _model(change: Callable[[dict, bytearray], None]) -> Callable[[Path, Path], None]:
    def spoil(folder: Path, glb: Path) -> None:
        from gis.tiles.glb import pack

        found = read_content(glb.read_bytes()).glb
        binary = bytearray(found.binary)
        change(found.document, binary)
        glb.write_bytes(pack(found.document, bytes(binary)))

    return spoil


def _view(document: dict, name: str) -> int:
    accessor = document["meshes"][0]["primitives"][0]["attributes"][name]
    return document["bufferViews"][document["accessors"][accessor]["bufferView"]]["byteOffset"]


def _far_index(document: dict, binary: bytearray) -> None:
    indices = document["accessors"][document["meshes"][0]["primitives"][0]["indices"]]
    at = document["bufferViews"][indices["bufferView"]]["byteOffset"]
    struct.pack_into("<H", binary, at, 60_000)


def _far_feature(document: dict, binary: bytearray) -> None:
    struct.pack_into("<H", binary, _view(document, "_FEATURE_ID_0"), 999)


def _moved_vertex(document: dict, binary: bytearray) -> None:
    struct.pack_into("<f", binary, _view(document, "POSITION"), 1e4)


def _short_table(document: dict, binary: bytearray) -> None:
    table = document["extensions"]["EXT_structural_metadata"]["propertyTables"][0]
    document["bufferViews"][table["properties"]["height_m"]["values"]]["byteLength"] -= 8


def _long_view(document: dict, binary: bytearray) -> None:
    document["bufferViews"][0]["byteLength"] = 10**6


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_root(lambda d: d["asset"].update(version="2.0")), "asset.version"),
        (_root(lambda d: d["root"].update(refine="add")), "refine"),
        (_root(lambda d: d["root"].pop("refine")), "refine"),
        (_root(lambda d: d["root"].pop("geometricError")), "malformed"),
        (_root(lambda d: d["root"].pop("boundingVolume")), "malformed"),
        (_root(lambda d: _first_content(d).update(geometricError=1e6)), "geometricError grows"),
        (_root(lambda d: _first_content(d)["boundingVolume"]["region"].__setitem__(5, 9e3)),
         "sticks out of its parent"),
        (_root(lambda d: d["root"]["boundingVolume"]["region"].__setitem__(0, 3.0)), "malformed"),
        (_root(lambda d: _first_content(d)["content"].update(uri="v1/0/0/0.glb")), "not there"),
        (_root(lambda d: _first_content(d)["content"].update(uri="../../../etc/passwd")),
         "not there"),
        (_root(lambda d: _first_content(d).update(transform=[1.0] * 15)), "malformed"),
        (_root(_moved), "outside the tile's volume"),
        (_root(_doubled), "more than one place"),
        (lambda folder, glb: (folder / "tileset.json").write_bytes(b"{"), "not a tileset"),
        (lambda folder, glb: glb.write_bytes(glb.read_bytes()[:-4]), "header says"),
        (lambda folder, glb: glb.write_bytes(b"glTF"), "header"),
        (lambda folder, glb: glb.write_bytes(b""), "header"),
        (_model(_far_index), "indices"),
        (_model(_far_feature), "_FEATURE_ID_0"),
        (_model(_moved_vertex), "POSITION max"),
        (_model(_short_table), "height_m"),
        (_model(_long_view), "ends outside the buffer"),
        (_model(lambda d, b: d["meshes"][0]["primitives"][0]["attributes"].pop("NORMAL")),
         "NORMAL"),
    ],
)  # fmt: skip
def test_the_checker_finds(
    sound: Path, tmp_path: Path, spoil: Callable[[Path, Path], None], said: str
) -> None:
    folder = shutil.copytree(sound, tmp_path / "b")
    report = check_tileset(folder)
    assert report.problems == []
    spoil(folder, folder / report.files[0])
    problems = check_tileset(folder).problems
    assert any(said in problem.what for problem in problems), problems


def test_khronos_finds_what_is_wrong(sound: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(sound, tmp_path / "b")
    name = check_tileset(folder).files[0]
    _model(_moved_vertex)(folder, folder / name)
    problem = khronos.validate(folder, [name], MODULES)[0]
    assert problem.file == name
    assert "ACCESSOR" in problem.what


def test_no_tileset_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(TileError):
        check_tileset(tmp_path)


@pytest.fixture
def gis(city: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run `gis tiles …` on the trial city."""
    settings = {
        "GIS_CONFIG": PROJECT / "config", "GIS_DATA": PROJECT / "data",
        "GIS_HOME": tmp_path / "home", "GIS_DATABASE_URL": city.url,
        "GIS_WEB": PROJECT / "web" / "dist",
    }  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(name, str(value))

    def run(*words: object, code: int = 0) -> Any:
        result = CliRunner().invoke(main, ["tiles", *map(str, words), "--json"])
        assert result.exit_code == code, (result.output, result.exception)
        return json.loads(result.stdout)

    return run


def test_build_and_validate_as_a_person_types_it(gis: Any, tmp_path: Path) -> None:
    reports = gis("build")
    assert {report["layer"]: report["features"] for report in reports} == {
        "buildings": 580, "pipe_segments": 300, "pipe_points": 160,
    }  # fmt: skip
    for report in reports:
        assert report["path"] == str(tmp_path / "home" / "tiles" / report["layer"])
        checked = gis("validate", report["path"])
        assert (checked["ok"], checked["gltf_validator"]) == (True, True)
        assert checked["features"] == report["features"]


def test_build_of_a_date_in_a_folder(gis: Any, tmp_path: Path) -> None:
    out = tmp_path / "public"
    words = ("--out", out, "--datetime", "2024-01-02", "--format", "b3dm")
    [report] = gis("build", "buildings", *words)
    assert (report["features"], report["format"]) == (600, "b3dm")
    assert gis("validate", out / "buildings")["ok"]


def test_what_is_wrong_ends_with_code_1(gis: Any, tmp_path: Path) -> None:
    gis("build", "buildings", "--out", tmp_path)
    next((tmp_path / "buildings").rglob("*.glb")).write_bytes(b"glTF")
    found = gis("validate", tmp_path / "buildings", code=1)
    assert not found["ok"]
    assert found["problems"][0]["file"].endswith(".glb")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("build", "roads"), 1),
        (("build", "castles"), 3),
        (("build", "buildings", "--datetime", "soon"), 3),
        (("build", "buildings", "--datetime", "2024-01-01/2024-02-01"), 1),
        (("validate", "nowhere"), 1),
    ],
)
def test_errors_are_said_with_their_code(gis: Any, words: tuple, code: int) -> None:
    answer = gis(*words, code=code)
    assert answer["error"]["zh"]
    assert answer["error"]["en"]
