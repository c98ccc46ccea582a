"""`gis coords …` as a person types it: results, files written, exit codes, messages."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import shapely
import yaml
from click.testing import CliRunner

from gis.cli.main import main
from gis.coords import LocalFrame, find_transformation

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def gis(tmp_path, monkeypatch):
    """Run a command with a configuration folder of its own."""
    config = tmp_path / "config"
    shutil.copytree(ROOT / "config", config, ignore=shutil.ignore_patterns("frames"))
    monkeypatch.setenv("GIS_CONFIG", str(config))
    monkeypatch.setenv("GIS_DATA", str(ROOT / "data"))
    monkeypatch.setenv("GIS_HOME", str(tmp_path / "home"))

    def run(*words, code=0):
        result = CliRunner().invoke(main, ["coords", *map(str, words)])
        assert result.exit_code == code, (result.output, result.exception)
        return result

    run.config = config
    return run


def document(result):
    return json.loads(result.stdout)


class TestConvert:
    def test_one_point(self, gis):
        out = document(gis("convert", "--from", "gcj02", "--to", "EPSG:4490", "--json", "--",
                           "114.027880125465", "32.978165411182"))  # fmt: skip
        assert (out["x"], out["y"]) == pytest.approx((114.022, 32.98), abs=1e-9)
        assert out["accuracy_m"] == 5.0
        assert len(out["steps"]) == 1

    def test_north_first_is_seen_and_said(self, gis):
        result = gis(
            "convert", "--from", "EPSG:4526", "--to", "4490", "--", "3654210.4", "38502117.9"
        )
        assert result.stdout.startswith("114.02")
        assert "swapped" in result.stderr

    def test_degrees_minutes_seconds(self, gis):
        result = gis("convert", "--from", "4490", "--to", "4547", "--", "114°01′19.2″", "32°58′48″")
        assert result.stdout.startswith("502056.4345 3650530.1724")

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            (["--from", "4610", "--to", "4490", "--", "114", "33"], "gis coords fit"),
            (["--from", "4547", "--to", "4490", "--", "38502117.9", "3654210"], "prefix 38"),
            (["--from", "gcj02", "--to", "4490", "--", "139.7", "35.7"], "can't be in gcj02"),
            (["--from", "nowhere", "--to", "4490", "--", "1", "2"], "unknown frame"),
            (["--from", "local:x", "--to", "4490", "--", "1", "2"], "no local frame x"),
            (["--from", "4547", "--to", "4490", "--", "a", "b"], "no coordinate"),
            (["--from", "4547", "--to", "4490", "--", "1", "2", "3"], "3 values"),
            (["--from", "4547", "--to", "4490", "nothing.csv"], "can't read"),
        ],
    )
    def test_refusals(self, gis, words, says):
        result = gis("convert", *words, code=3)
        assert says in result.stderr
        assert not result.stdout

    def test_a_gbk_file_with_broken_rows(self, gis, tmp_path):
        path = tmp_path / "管点.csv"
        text = "点号,X,Y,备注\nA1,3654210.4,38502117.9,好\nA2,abc,1,坏\nA3,3654211.4,38502118.9,\n"
        path.write_bytes(text.encode("gb18030"))
        # the broken row keeps its place, and says nothing against the order of the others
        result = gis("convert", "--from", "EPSG:4526", "--to", "EPSG:4547", path)
        assert result.stdout.splitlines()[2] == "A2,abc,1,坏,,,"
        assert "'abc' is no coordinate" in result.stderr
        good = "".join(f"B{i},3654210.4,38502117.9,\n" for i in range(30))
        path.write_bytes((text + good).encode("gb18030"))
        result = gis("convert", "--from", "EPSG:4526", "--to", "EPSG:4547", path)
        rows = list(csv.DictReader(io.StringIO(result.stdout)))
        assert len(rows) == 33
        assert rows[0]["点号"] == "A1"
        assert float(rows[0]["x_converted"]) == pytest.approx(502_117.9)
        assert rows[1]["x_converted"] == ""
        assert "1 rows not converted" in result.stderr
        assert document(gis("convert", "--from", "4526", "--to", "4547", path, "--json"))[
            "failed"
        ] == [2]

    def test_a_file_in_another_frame(self, gis, tmp_path):
        path = tmp_path / "p.csv"
        path.write_text("lon,lat\n114.022,32.98\n114.023,32.99\n")
        result = gis("convert", "--from", "EPSG:4526", "--to", "EPSG:4547", path, code=3)
        assert "no row of p.csv" in result.stderr
        assert "line 2" in result.stderr
        assert "degrees, not metres" in result.stderr

    def test_one_place_a_line_without_a_header(self, gis, tmp_path):
        path = tmp_path / "点.txt"
        path.write_text("P1 X=3650530.1724 Y=38502056.4345\nP2：东经114°01′19.2″ 北纬\n", "utf-8")
        result = gis("convert", "--from", "EPSG:4526", "--to", "EPSG:4490", path)
        rows = list(csv.DictReader(io.StringIO(result.stdout)))
        assert rows[0]["text"] == "P1 X=3650530.1724 Y=38502056.4345"
        assert float(rows[0]["x_converted"]) == pytest.approx(114.022, abs=1e-9)
        assert rows[1]["x_converted"] == ""

    def test_a_ragged_file(self, gis, tmp_path):
        path = tmp_path / "p.csv"
        path.write_text("x,y\n1,2\n1,2,3\n")
        assert "line 3" in gis("convert", "--from", "4526", "--to", "4547", path, code=3).stderr
        path.write_text("x,y\n")
        assert "no rows" in gis("convert", "--from", "4526", "--to", "4547", path, code=3).stderr


class TestFit:
    def points(self, tmp_path, n=8):
        rng = np.random.default_rng(1)
        known = rng.uniform([498_000, 3_646_000], [508_000, 3_656_000], (n, 2))
        lines = [
            f"K{i},{m - 3.6e6:.3f},{e - 4e5:.3f},{e:.3f},{m:.3f}" for i, (e, m) in enumerate(known)
        ]
        path = tmp_path / "控制点.csv"
        path.write_text("\n".join(["name,x_local,y_local,E_4547,N_4547", *lines]), "utf-8")
        return path, known

    def test_fit_and_use(self, gis, tmp_path):
        path, known = self.points(tmp_path)
        out = document(gis("fit", path, "--name", "zmd", "--json"))
        assert out["first_is_north"]
        assert out["accuracy_m"] == 0.01
        saved = LocalFrame.from_json(
            yaml.safe_load((gis.config / "frames/zmd.yml").read_text("utf-8"))
        )
        assert saved.made is not None
        assert saved.points[0].name == "K0"
        east, north = known[0]
        back = document(gis("convert", "--from", "local:zmd", "--to", "4547", "--json", "--",
                            f"{east - 4e5:.3f}", f"{north - 3.6e6:.3f}"))  # fmt: skip
        assert (back["x"], back["y"]) == pytest.approx((east, north), abs=0.002)

    def test_a_file_in_a_local_frame_means_what_its_control_file_meant(self, gis, tmp_path):
        path, known = self.points(tmp_path)
        gis("fit", path, "--name", "zmd")
        result = gis("convert", "--from", "local:zmd", "--to", "4547", path)
        rows = list(csv.DictReader(io.StringIO(result.stdout)))
        assert float(rows[0]["x_converted"]) == pytest.approx(known[0, 0], abs=0.002)

    def test_not_replaced_unasked(self, gis, tmp_path):
        path, _ = self.points(tmp_path)
        gis("fit", path, "--name", "zmd")
        assert "--force" in gis("fit", path, "--name", "zmd", code=2).stderr
        gis("fit", path, "--name", "zmd", "--force")

    def test_two_points_are_refused_and_nothing_is_written(self, gis, tmp_path):
        path, _ = self.points(tmp_path, n=2)
        assert "at least 4" in gis("fit", path, "--name", "zmd", code=3).stderr
        assert not (gis.config / "frames").exists()

    @pytest.mark.parametrize("name", ["../x", "a/b", ".x", "", "a:b"])
    def test_names_that_are_no_file(self, gis, tmp_path, name):
        path, _ = self.points(tmp_path)
        gis("fit", path, "--name", name, code=3)

    def test_lines_say_how_good_it_is(self, gis, tmp_path):
        path, _ = self.points(tmp_path)
        assert "K7" in gis("fit", path, "--name", "zmd").stdout


class TestGrid:
    def test_there_and_back(self, gis):
        out = document(gis("grid", "114.022", "32.98", "--level", "5", "--json"))
        assert out["code"] == "N50I014184C"
        assert len(out["neighbours"]) == 8
        assert document(gis("grid", "--decode", out["code"], "--json")) == out

    @pytest.mark.parametrize("words", [["--decode", "ZZ"], ["1"], [], ["114", "89"]])
    def test_refusals(self, gis, words):
        gis("grid", *words, code=3)


class TestDetect:
    @pytest.fixture
    def city(self, tmp_path):
        """A GeoJSON of streets, and 400 places on them."""
        rng = np.random.default_rng(5)
        start = rng.uniform([113.98, 32.95], [114.06, 33.01], (300, 2))
        way = rng.normal(0.0, 0.004, (300, 2))
        lines = shapely.linestrings(np.stack([start, start + way], axis=1))
        shapes = [json.loads(shapely.to_geojson(line)) for line in lines]
        features = [{"type": "Feature", "properties": {}, "geometry": shape} for shape in shapes]
        path = tmp_path / "streets.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
        chosen = rng.integers(0, 300, 400)
        return path, start[chosen] + way[chosen] * rng.uniform(0, 1, (400, 1))

    def table(self, tmp_path, columns, header="X,Y"):
        path = tmp_path / "unknown.csv"
        lines = [f"{a!r},{b!r}" for a, b in columns.tolist()]
        path.write_text("\n".join([header, *lines]), "utf-8")
        return path

    def test_a_decision(self, gis, tmp_path, city):
        streets, places = city
        columns = find_transformation(4490, "bd09").apply(places)
        out = document(
            gis("detect", self.table(tmp_path, columns), "--reference", streets, "--json")
        )
        assert out["decision"] == "bd09"
        assert out["accuracy_m"] == 5.0
        assert out["candidates"][0]["why"]

    def test_a_contradiction(self, gis, tmp_path, city):
        streets, places = city
        columns = find_transformation(4490, 4526).apply(places)[:, ::-1]
        result = gis("detect", self.table(tmp_path, columns), "--reference", streets,
                     "--declared", "EPSG:4547")  # fmt: skip
        assert "contradicts the declared EPSG:4547" in result.stderr
        assert "EPSG:4526" in result.stdout

    def test_unknown_is_an_answer(self, gis, tmp_path, city):
        streets, places = city
        columns = find_transformation(4490, 4547).apply(places) + np.array([250.0, 120.0])
        out = document(
            gis("detect", self.table(tmp_path, columns), "--reference", streets, "--json")
        )
        assert out["decision"] is None
        assert out["needs"]

    def test_a_geojson_in_gcj02(self, gis, tmp_path, city):
        streets, places = city
        moved = find_transformation(4490, "gcj02").apply(places)
        path = tmp_path / "amap.geojson"
        path.write_text(shapely.to_geojson(shapely.multipoints(moved)), "utf-8")
        assert (
            document(gis("detect", path, "--reference", streets, "--json"))["decision"] == "gcj02"
        )

    def test_bad_files(self, gis, tmp_path):
        path = tmp_path / "x.geojson"
        path.write_text("{", "utf-8")
        assert "GeoJSON" in gis("detect", path, "--reference", path, code=3).stderr
