"""GDAL as a client of tiles: it finds its own way from a collection to the features in the grid of
CGCS2000, by the documents alone."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from test_gdal import address

from gis.layers import Registry
from gis.store import LayerQuery, Store, rows

__all__ = ["address"]  # a fixture: the small city on a port
BOX = (114.0005, 32.9795, 114.0065, 32.9842)
LEVEL = 16
# In a process of its own: GDAL waits for the answer with the interpreter's lock in hand.
READING = """
import json, sys, pyogrio
found = pyogrio.read_dataframe(
    sys.argv[1], layer=f"Zoom level {sys.argv[2]}", bbox=tuple(json.loads(sys.argv[3])),
    API="TILES", TILEMATRIXSET="CGCS2000Quad",
)
bounds = found.dissolve("building_id").bounds  # a building may be cut by tiles
print(json.dumps({"crs": str(found.crs), "bounds": bounds.T.to_dict("list")}))
"""


def test_gdal_finds_the_features_of_a_box(address: str, city: Store, registry: Registry) -> None:
    source = f"OGCAPI:{address}/collections/buildings"
    words = [sys.executable, "-c", READING, source, str(LEVEL), json.dumps(BOX)]
    told = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert found["crs"] == "EPSG:4490"
    wanted = rows(city, LayerQuery(layer=registry.get("buildings"), bbox=BOX))
    numbers = wanted.columns["building_id"]
    assert set(numbers) <= set(found["bounds"])
    a_pixel = 360 / 2**LEVEL / 4096
    for number, shape in zip(numbers, wanted.geometry, strict=True):
        assert found["bounds"][number] == pytest.approx(shape.bounds, abs=a_pixel)
