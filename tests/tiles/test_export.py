"""Exported vector tiles: read back by others, and the same bytes as the server's."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import pyogrio
import pytest
from pmtiles.reader import MemorySource, Reader, all_tiles
from pmtiles.tile import Compression, TileType
from tile_trials import buildings, day, deliver

from gis.coords.matrixsets import WEB_MERCATOR
from gis.errors import LayerError, TileError
from gis.layers import Registry
from gis.store import Instant, Interval, LayerQuery, Store, rows
from gis.store.query import extent
from gis.store.vectortiles import TileQuery, make_tile
from gis.tiles.export import Export, export_tiles

LAYERS = ("buildings", "pipe_segments")
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
Tiles = dict[tuple[int, int, int], bytes]


@pytest.fixture
def export(registry: Registry) -> Export:
    return Export(layers=tuple(map(registry.get, LAYERS)), max_zoom=15)


def read(path: Path) -> Tiles:
    return {
        place: gzip.decompress(data) for place, data in all_tiles(MemorySource(path.read_bytes()))
    }


def served(store: Store, export: Export, z: int, x: int, y: int) -> bytes:
    return b"".join(
        make_tile(store, TileQuery(layer=layer, z=z, x=x, y=y, when=export.when)).data
        for layer in export.layers
    )


def every_place(store: Store, export: Export) -> Iterator[tuple[int, int, int]]:
    """Every tile of every level around all there is, and a ring of tiles beyond."""
    boxes = [extent(store, LayerQuery(layer=layer, when=export.when)) for layer in export.layers]
    west, south, east, north = zip(*(box for box in boxes if box), strict=True)
    for z in range(export.deepest + 1):
        last = 2**z - 1
        left, right = (WEB_MERCATOR.column_of(z, lon) for lon in (min(west), max(east)))
        top, bottom = (WEB_MERCATOR.row_of(z, lat) for lat in (max(north), min(south)))
        for x in range(max(0, left - 1), min(last, right + 1) + 1):
            for y in range(max(0, top - 1), min(last, bottom + 1) + 1):
                yield z, x, y


@pytest.mark.parametrize("when", [None, Instant(day(2))], ids=["now", "then"])
def test_it_holds_just_the_tiles_that_are_served(
    city: Store, export: Export, tmp_path: Path, when: Instant | None
) -> None:
    wanted = replace(export, when=when)
    report = export_tiles(city, wanted, tmp_path / "city.pmtiles")
    found = read(tmp_path / "city.pmtiles")
    assert report.tiles == len(found) > 50
    empty = 0
    for place in every_place(city, wanted):
        data = served(city, wanted, *place)
        assert found.pop(place, b"") == data, place
        empty += not data
    assert found == {}
    assert empty > 0


def test_the_past_is_another_file(city: Store, export: Export, tmp_path: Path) -> None:
    for name, when in (("now", None), ("then", Instant(day(2)))):
        export_tiles(city, replace(export, when=when), tmp_path / name)
    assert read(tmp_path / "now") != read(tmp_path / "then")


def test_its_header_and_metadata_are_true(city: Store, export: Export, tmp_path: Path) -> None:
    out = tmp_path / "city.pmtiles"
    report = export_tiles(city, replace(export, min_zoom=6), out)
    reader = Reader(MemorySource(out.read_bytes()))
    header, told = reader.header(), reader.metadata()
    assert (header["tile_type"], header["tile_compression"]) == (TileType.MVT, Compression.GZIP)
    assert header["clustered"]
    assert (header["min_zoom"], header["max_zoom"]) == (6, 15)
    assert header["addressed_tiles_count"] == report.tiles
    boxes = [extent(city, LayerQuery(layer=layer)) for layer in export.layers]
    west, south, east, north = zip(*(box for box in boxes if box), strict=True)
    sides = [header[f"{end}_{axis}_e7"] / 1e7 for end in ("min", "max") for axis in ("lon", "lat")]
    assert sides == pytest.approx([min(west), min(south), max(east), max(north)], abs=1e-7)
    assert [layer["id"] for layer in told["vector_layers"]] == list(LAYERS)
    fields = told["vector_layers"][0]["fields"]
    assert (fields["height_m"], fields["use"]) == ("Number", "String")
    assert set(told["versions"]) == set(LAYERS)
    assert told["versions"] == report.versions
    assert report.bytes == out.stat().st_size


def test_gdal_reads_every_feature(city: Store, export: Export, tmp_path: Path) -> None:
    out = tmp_path / "city.pmtiles"
    export_tiles(city, export, out)
    assert {name for name, _ in pyogrio.list_layers(out)} == set(LAYERS)
    found = pyogrio.read_dataframe(out, layer="buildings").to_crs(4490)
    wanted = rows(city, LayerQuery(layer=export.layers[0]))
    assert set(found["building_id"]) == set(wanted.columns["building_id"])
    box = [min(found.bounds.minx), min(found.bounds.miny)]
    assert box == pytest.approx(extent(city, LayerQuery(layer=export.layers[0]))[:2], abs=1e-5)  # type: ignore[index]
    assert pyogrio.read_info(out, layer="pipe_segments")["crs"] == "EPSG:3857"


def test_labels_and_chosen_properties(city: Store, export: Export, tmp_path: Path) -> None:
    out = tmp_path / "city.pmtiles"
    wanted = replace(export, fields=("use",), labels=True, max_zoom=14)
    export_tiles(city, wanted, out)
    layers: dict[str, list[Any]] = {}
    for (z, _, _), data in read(out).items():
        for name, layer in mapbox_vector_tile.decode(data).items() if z == 14 else ():
            layers.setdefault(name, []).extend(layer["features"])
    assert set(layers) == {"buildings", "buildings.labels", "pipe_segments", "pipe_segments.labels"}
    keys = [f["id"] for f in layers["buildings.labels"]]
    assert len(keys) == len(set(keys))
    assert {n for f in layers["buildings"] for n in f["properties"]} == {"use"}
    told = Reader(MemorySource(out.read_bytes())).metadata()["vector_layers"]
    assert {layer["id"]: layer["fields"] for layer in told}["buildings"] == {"use": "String"}


def test_a_folder_holds_the_same(city: Store, export: Export, tmp_path: Path) -> None:
    export_tiles(city, export, tmp_path / "city.pmtiles")
    for _ in range(2):  # the second takes the place of the first
        report = export_tiles(city, export, tmp_path / "city", "dir")
    files = {
        (int(p.parts[-3]), int(p.parts[-2]), int(p.stem)): p.read_bytes()
        for p in (tmp_path / "city").rglob("*.mvt")
    }
    assert files == read(tmp_path / "city.pmtiles")
    assert report.tiles == len(files)
    told = json.loads((tmp_path / "city" / "tilejson.json").read_text("utf-8"))
    assert told["tiles"] == ["{z}/{x}/{y}.mvt"]


def test_the_same_state_is_the_same_file(city: Store, export: Export, tmp_path: Path) -> None:
    for name in ("a", "b"):
        export_tiles(city, export, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_it_is_of_one_moment(store: Store, registry: Registry, tmp_path: Path) -> None:
    """Somebody delivers while it is written: none of it is in the file."""
    layer = registry.get("buildings")
    deliver(store, layer, buildings(200))
    wanted = Export(layers=(layer,), max_zoom=15)
    export_tiles(store, wanted, tmp_path / "before")
    waiting = [True]

    def meanwhile(_: int) -> None:
        if waiting:
            waiting.pop()
            higher = [b | {"height_m": 95.5} for b in buildings(200)]
            deliver(store, layer, higher, on=day(3))

    report = export_tiles(store, wanted, tmp_path / "during", advance=meanwhile)
    assert not waiting
    assert read(tmp_path / "during") == read(tmp_path / "before")
    after = export_tiles(store, wanted, tmp_path / "after")
    assert after.versions != report.versions
    assert read(tmp_path / "after") != read(tmp_path / "before")


def test_what_fails_leaves_what_was_there(city: Store, export: Export, tmp_path: Path) -> None:
    out = tmp_path / "city.pmtiles"
    export_tiles(city, export, out)
    before = out.read_bytes()

    def broken(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_tiles(city, replace(export, min_zoom=3), out, advance=broken)
    assert out.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [out.name]


def test_what_can_not_be_is_refused(city: Store, registry: Registry, tmp_path: Path) -> None:
    layer = registry.get("buildings")
    other = tmp_path / "letter.txt"
    other.write_text("dear colleague")
    with pytest.raises(TileError):
        export_tiles(city, Export(layers=(layer,), max_zoom=3), other)
    assert other.read_text() == "dear colleague"
    with pytest.raises(TileError):
        export_tiles(city, Export(layers=(layer,), max_zoom=3), tmp_path / "no" / "x.pmtiles")
    with pytest.raises(TileError):  # nothing was there before the first delivery
        export_tiles(city, Export(layers=(layer,), when=Instant(LONG_AGO)), tmp_path / "x")
    with pytest.raises(TileError):
        Export(layers=(layer,), when=Interval(day(1), day(2)))
    with pytest.raises(TileError):
        Export(layers=(layer,), min_zoom=9, max_zoom=8)
    with pytest.raises(TileError):
        Export(layers=(layer,), max_zoom=19)
    with pytest.raises(LayerError):
        Export(layers=(layer,), fields=("colour",))
    assert [p.name for p in tmp_path.iterdir()] == [other.name]
