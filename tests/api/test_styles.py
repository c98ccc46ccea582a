"""Styles: in every language the colours of the layers' own definitions, as others read them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from postgis import PROJECT

from gis.api.styles.routes import LANGUAGES, WHOLE, drawn_of
from gis.layers import Registry
from gis.layers.symbols import PLAIN, Symbols

SPEC = PROJECT / "web" / "node_modules" / "@maplibre" / "maplibre-gl-style-spec"
HERE = Path(__file__).parent
KINDS = {"point": "Point", "line": "LineString", "polygon": "Polygon"}


def complaints(style: dict[str, Any]) -> list[str]:
    """What MapLibre's validator says."""
    assert SPEC.is_dir(), "run: make web"
    done = subprocess.run(
        ["node", str(HERE / "validate_style.mjs"), str(SPEC / "dist" / "index.mjs")],
        input=json.dumps(style), capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: list[str] = json.loads(done.stdout)
    return found


def wanted(symbols: Symbols) -> dict[str, str]:
    """Code -> colour as the YAML files have it."""
    return {one.code: one.color for one in symbols.classes}


def test_maplibre_takes_them(client: httpx.Client, registry: Registry) -> None:
    for name in (WHOLE, "pipe_segments"):
        answer = client.get(f"/styles/{name}", params={"f": "mapbox"})
        assert answer.headers["content-type"] == "application/vnd.mapbox.style+json"
        assert complaints(answer.json()) == []
    broken = answer.json()
    broken["layers"][1]["paint"]["line-colour"] = "red"
    assert complaints(broken)
    style = client.get(f"/styles/{WHOLE}").json()
    assert set(style["sources"]) == set(registry.layers)
    assert {part["source"] for part in style["layers"][1:]} == set(registry.layers)
    kinds = [part["type"] == "symbol" for part in style["layers"]]
    assert kinds == sorted(kinds)  # names lie on top


def test_the_colours_are_the_code_lists(client: httpx.Client, registry: Registry) -> None:
    coloured = 0
    for layer in registry.layers.values():
        symbols = drawn_of(layer, registry)
        if symbols.field is None:
            continue
        coloured += 1
        codes = registry.codelist(layer.field(symbols.field))
        assert codes is not None
        style = client.get(f"/styles/{layer.id}").json()
        expression = next(
            value
            for part in style["layers"]
            for name, value in part.get("paint", {}).items()
            if name in ("fill-color", "line-color", "circle-color") and value[0] == "match"
        )
        assert expression[1] == ["get", symbols.field]
        pairs = dict(zip(expression[2:-1:2], expression[3:-1:2], strict=True))
        assert pairs == {c.code: c.color for c in codes.codes.values() if c.color} != {}
        assert expression[-1] == symbols.rest
    assert coloured >= 8
    pipes = wanted(drawn_of(registry.get("pipe_segments"), registry))
    assert pipes["JS"] == "#0000ff"  # CJJ 61: water supply is blue


def test_what_has_no_colour_is_drawn_as_on_the_map_page() -> None:
    page = (PROJECT / "web" / "src" / "colors.ts").read_text("utf-8")
    assert re.findall(r'PLAIN = "(#\w+)"', page) == [PLAIN]


def test_a_style_finds_its_tiles(client: httpx.Client) -> None:
    style = client.get("/styles/admin_areas").json()
    [source] = style["sources"].values()
    tilejson = client.get(source["url"]).json()
    known = {layer["id"] for layer in tilejson["vector_layers"]}
    assert {part["source-layer"] for part in style["layers"] if "source-layer" in part} <= known
    assert "admin_areas.labels" in known


@pytest.fixture(scope="module")
def qgis(client: httpx.Client, registry: Registry, tmp_path_factory: Any) -> dict[str, Any]:
    """What QGIS makes of every layer's QML and SLD."""
    folder = tmp_path_factory.mktemp("styles")
    for layer in registry.layers.values():
        for form in ("qml", "sld"):
            answer = client.get(f"/styles/{layer.id}", params={"f": form})
            assert answer.headers["content-type"] == LANGUAGES[form].media
            (folder / f"{layer.id}.{form}").write_bytes(answer.content)
        symbols = drawn_of(layer, registry)
        told = {
            "geometry": KINDS[symbols.shape], "fields": layer.field_names,
            "field": symbols.field if symbols.look.drawn else None,
            "codes": [*(one.code for one in symbols.classes), "no such code", None],
        }  # fmt: skip
        (folder / f"{layer.id}.json").write_text(json.dumps(told), "utf-8")
    done = subprocess.run(
        ["/usr/bin/python3", str(HERE / "qgis_styles.py"), str(folder)],
        env={"QT_QPA_PLATFORM": "offscreen", "HOME": str(folder), "PATH": "/usr/bin:/bin",
             "XDG_RUNTIME_DIR": str(folder)},
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_qgis_reads_every_qml(qgis: dict[str, Any], registry: Registry) -> None:
    for layer in registry.layers.values():
        symbols, found = drawn_of(layer, registry), qgis[f"{layer.id}.qml"]
        assert found["ok"], (layer.id, found["message"])
        assert found["labels"] == (symbols.label is not None)
        if symbols.label:
            assert found["field"] == symbols.label
        if not symbols.look.drawn:
            assert found["type"] == "nullSymbol"
        elif symbols.field is None:
            assert found["type"] == "singleSymbol"
            assert symbols.rest in found["classes"][0][2].values()
        else:
            assert (found["type"], found["attribute"]) == ("categorizedSymbol", symbols.field)
            shown = {code: colors["fill"] for code, _, colors in found["classes"]}
            assert shown == wanted(symbols) | {"": symbols.rest}
            assert drawn(found) == each_once(symbols), layer.id
            labels = [label for _, label, _ in found["classes"]]
            assert labels[: len(symbols.classes)] == [
                f"{one.title.zh} {one.title.en}" for one in symbols.classes
            ]


def test_qgis_reads_every_sld(qgis: dict[str, Any], registry: Registry) -> None:
    for layer in registry.layers.values():
        symbols, found = drawn_of(layer, registry), qgis[f"{layer.id}.sld"]
        assert found["ok"], (layer.id, found["message"])
        if not symbols.look.drawn:
            assert (found["labels"], found["field"]) == (True, symbols.label)
        if symbols.field is None or not symbols.look.drawn:
            continue
        assert drawn(found) == each_once(symbols), layer.id
        classes = [label for _, label, colors in found["classes"] if colors]
        assert len(classes) == len(symbols.classes) + 1


def drawn(found: dict[str, Any]) -> dict[str, list[str]]:
    result: dict[str, list[str]] = found["drawn"]
    return result


def each_once(symbols: Symbols) -> dict[str, list[str]]:
    """With what each code is to be drawn: its own colour and no other, unknown ones plainly."""
    known = {code: [color] for code, color in wanted(symbols).items()}
    return known | {"no such code": [symbols.rest], "None": [symbols.rest]}


def test_the_list_leads_to_each(client: httpx.Client, registry: Registry) -> None:
    listed = client.get("/styles").json()
    assert listed["default"] == WHOLE
    assert {one["id"] for one in listed["styles"]} == {WHOLE, *registry.layers}
    for one in listed["styles"][:4]:
        for link in one["links"]:
            answer = client.get(link["href"])
            assert answer.status_code == 200, link
            assert answer.headers["content-type"] == link["type"]
    told = client.get("/styles/pipe_segments/metadata").json()
    assert [sheet["title"] for sheet in told["stylesheets"]] == [
        one.title for one in LANGUAGES.values()
    ]
    assert told["layers"][0]["attributes"] == [{"id": "kind", "required": False}]
    assert client.get(told["layers"][0]["sampleData"]["href"]).status_code == 200
    [own] = client.get("/collections/roads/styles").json()["styles"]
    assert own["id"] == "roads"


def test_a_client_says_what_it_reads(client: httpx.Client) -> None:
    for form, language in LANGUAGES.items():
        named = client.get("/styles/roads", params={"f": form})
        asked = client.get("/styles/roads", headers={"Accept": language.media})
        assert asked.content == named.content
        assert asked.headers["content-type"] == language.media
    again = client.get("/styles/roads", headers={"If-None-Match": named.headers["etag"]})
    assert again.status_code in (200, 304)
    assert client.get("/styles/roads", params={"f": "html"}).text.startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/styles/nothing", 404),
        ("/styles/nothing/metadata", 404),
        ("/styles/roads?f=png", 400),
        (f"/styles/{WHOLE}?f=qml", 400),
        ("/styles?colour=red", 400),
        ("/collections/nothing/styles", 404),
    ],
)
def test_what_is_no_style_is_refused(client: httpx.Client, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.json()["zh"]
