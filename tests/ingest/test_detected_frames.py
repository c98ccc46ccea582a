"""Files that state no frame, or a wrong one: the stored roads judge, or the file is refused."""

from __future__ import annotations

import csv
import importlib.util
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import pytest
import shapely
from numpy.typing import NDArray
from postgis import PROJECT, Server

from gis.coords import (
    Area,
    ControlPoint,
    Reading,
    Reference,
    diagnose,
    find_transformation,
    fit_local,
    norm_frame,
    to_metric,
)
from gis.errors import (
    CoordError,
    FrameMismatch,
    LayerError,
    NoAccurateTransform,
    SourceError,
    UnknownFrame,
)
from gis.ingest import IngestRequest, LoadReport, ingest
from gis.ingest.placement import Placement
from gis.layers import Registry, load_registry
from gis.store import LayerQuery, Store, count, rows
from gis.store.pool import prepare

pytestmark = pytest.mark.xdist_group("detected")
Floats = NDArray[np.float64]


def _bench() -> Any:
    """Streets and writers of the detection benchmark."""
    spec = importlib.util.spec_from_file_location(
        "coords_detect", PROJECT / "benchmarks" / "coords_detect.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


BENCH = _bench()
STREETS = BENCH.roads(1)


@pytest.fixture(scope="module")
def city(
    server: Server, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """A store that knows its streets."""
    path = tmp_path_factory.mktemp("roads") / "roads.gpkg"
    lines = BENCH.as_reference(STREETS)
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(lines),
        field_data=[
            np.array([f"R{i}" for i in range(len(lines))], dtype=object),
            np.full(len(lines), "支路", dtype=object),
        ],
        fields=["road_id", "road_class"],
        geometry_type="LineString",
        crs="EPSG:4490",
    )
    with server.copy() as url, Store.open(url, timezone="Asia/Shanghai") as store:
        report = ingest(
            store, registry, IngestRequest(path=path, layer="roads", as_of="2024-01-01"), {}
        )
        assert report.accepted == len(lines)
        yield store


@pytest.fixture(scope="module")
def places() -> Floats:
    """600 places on the streets, degrees."""
    return np.asarray(BENCH.from_metric(BENCH.features(STREETS, "points", 600, 7), 4547))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def run(columns: Floats, header: str = "X,Y", sign: str = "T") -> Path:
        lines = [f"{sign}{i},停车位,{a!r},{b!r}" for i, (a, b) in enumerate(columns.tolist())]
        path = tmp_path / "unknown.csv"
        path.write_text("\n".join([f"ID,设备类型,{header}", *lines]) + "\n", "utf-8")
        return path

    return run


def deliver(
    store: Store, registry: Registry, path: Path, layer: str = "iot_things", **more: Any
) -> LoadReport:
    """A dry run: the walk is the same, and the tests share one store."""
    more = {"dry_run": True, "mode": "upsert", **more}
    return ingest(store, registry, IngestRequest(path=path, layer=layer, **more), {})


@pytest.mark.parametrize("name", ["EPSG:4490", "gcj02", "bd09", "bd09mc", "EPSG:4526 N,E",
    "EPSG:4508", "EPSG:4490 lat,lon", "4547 minus 500/3,600 km", "EPSG:4547 mm"])  # fmt: skip
def test_lands_within_the_accuracy_stated(
    city: Store, registry: Registry, places: Floats, write: Callable[..., Path], name: str
) -> None:
    # X and Y of a cut origin would be told by nothing
    header = "东坐标,北坐标" if "minus" in name else "X,Y"
    sign = name.replace(",", "")
    path = write(BENCH.WRITERS[name][0](places), header, sign=f"{sign}/")
    report = deliver(city, registry, path, dry_run=False)
    found = rows(city, LayerQuery(layer=registry.get("iot_things")))
    mine = {thing: i for i, thing in enumerate(found.columns["thing_id"])}
    order = [mine[f"{sign}/{i}"] for i in range(len(places))]
    there = shapely.get_coordinates(found.geometry[order])
    error = np.hypot(*(to_metric(there, 4547) - to_metric(places, 4547)).T)
    assert report.frame.how == "detected"
    assert report.accepted == len(places)
    assert float(error.max()) <= max(report.frame.accuracy_m, 0.01)
    assert found.accuracy_m[order].max() == pytest.approx(report.frame.accuracy_m)
    assert any("roads" in line for line in report.frame.evidence)


class TestRefused:
    def test_no_reference_yet(
        self, store: Store, registry: Registry, places: Floats, write: Callable[..., Path]
    ) -> None:
        with pytest.raises(UnknownFrame) as caught:
            deliver(store, registry, write(places, "经度,纬度"))
        assert "gcj02" in str(caught.value.candidates)
        assert "load roads" in str(caught.value.needs)

    def test_nothing_fits(
        self, city: Store, registry: Registry, places: Floats, write: Callable[..., Path]
    ) -> None:
        path = write(BENCH.WRITERS["moved 300 m"][0](places))
        with pytest.raises(UnknownFrame) as caught:
            deliver(city, registry, path)
        assert "EPSG:4547" in str(caught.value.candidates)
        assert "gis coords fit" in caught.value.en

    def test_numbers_of_no_frame(
        self, city: Store, registry: Registry, write: Callable[..., Path]
    ) -> None:
        with pytest.raises(UnknownFrame) as caught:
            deliver(city, registry, write(np.full((50, 2), 7.0), "东坐标,北坐标"))
        assert caught.value.candidates == ""

    def test_no_coordinates_at_all(self, city: Store, registry: Registry, tmp_path: Path) -> None:
        path = tmp_path / "empty.csv"
        path.write_text("ID,设备类型,经度,纬度\nT1,停车位,,\n", "utf-8")
        with pytest.raises(SourceError):
            deliver(city, registry, path)

    def test_a_layer_that_needs_more_than_the_comparison_vouches_for(
        self, city: Store, registry: Registry, places: Floats, tmp_path: Path
    ) -> None:
        noisy = places + np.random.default_rng(1).normal(0.0, 2e-5, places.shape)
        lines = [f"4117020121{i:06d},0121,{a!r},{b!r}" for i, (a, b) in enumerate(
            BENCH.in_frame(noisy, "gcj02").tolist())]  # fmt: skip
        path = tmp_path / "c.csv"
        path.write_text("\n".join(["标识码,部件分类,经度,纬度", *lines]), "utf-8")
        with pytest.raises(NoAccurateTransform) as caught:
            deliver(city, registry, path, "components")
        assert caught.value.accuracy_m == 5.0

    def test_heights_beside_millimetres(self) -> None:
        reading = Reading(frame=norm_frame(4547), unit="mm")
        placement = Placement(frame=reading.frame, how="detected", evidence=(), reading=reading)
        with pytest.raises(UnknownFrame):
            placement.normalised(shapely.points(np.array([[5e8, 3.65e9, 80.0]])), {})
        flat = placement.normalised(shapely.points(np.array([[5e8, 3.65e9]])), {})
        there = find_transformation(4547, 4490).apply(np.array([[5e5, 3.65e6]]))
        assert shapely.get_coordinates(flat.geometry) == pytest.approx(there, abs=1e-12)


class TestStated:
    def test_a_right_one_is_confirmed(
        self, city: Store, registry: Registry, places: Floats, write: Callable[..., Path]
    ) -> None:
        path = write(BENCH.in_frame(places, "gcj02"), "经度,纬度")
        report = deliver(city, registry, path, crs="gcj02")
        assert report.frame.how == "given"
        assert "100% within 10 m" in report.frame.evidence[-1]

    @pytest.mark.parametrize(("real", "said"), [("gcj02", "EPSG:4490"), ("bd09", "gcj02")])
    def test_a_wrong_one_is_refused(
        self, city: Store, registry: Registry, places: Floats, write: Callable[..., Path],
        real: str, said: str,
    ) -> None:  # fmt: skip
        before = count(city, LayerQuery(layer=registry.get("iot_things")))
        with pytest.raises(FrameMismatch) as caught:
            deliver(city, registry, write(BENCH.in_frame(places, real), "经度,纬度"), crs=said,
                    dry_run=False)  # fmt: skip
        assert (caught.value.declared, caught.value.likely) == (said, real)
        assert count(city, LayerQuery(layer=registry.get("iot_things"))) == before

    def test_a_file_that_declares_a_wrong_one(
        self, city: Store, registry: Registry, places: Floats, tmp_path: Path
    ) -> None:
        path = tmp_path / "amap.gpkg"
        pyogrio.raw.write(
            path,
            geometry=shapely.to_wkb(shapely.points(BENCH.in_frame(places, "gcj02"))),
            field_data=[np.array([f"T{i}" for i in range(len(places))], dtype=object)],
            fields=["ID"],
            geometry_type="Point",
            crs="EPSG:4490",
        )
        with pytest.raises(FrameMismatch) as caught:
            deliver(city, registry, path)
        assert caught.value.likely == "gcj02"
        assert "roads" in caught.value.en

    def test_an_unlisted_shift_contradicts_nothing(
        self, city: Store, registry: Registry, places: Floats, write: Callable[..., Path]
    ) -> None:
        moved = find_transformation(4547, 4490).apply(BENCH.WRITERS["moved 300 m"][0](places))
        report = deliver(city, registry, write(moved, "经度,纬度"), crs="EPSG:4490")
        assert report.accepted == len(places)

    def test_not_compared_where_the_layer_may_lie_elsewhere(
        self, city: Store, registry: Registry, tmp_path: Path
    ) -> None:
        path = tmp_path / "areas.geojson"
        box = shapely.box(113.9, 32.9, 114.1, 33.1)
        path.write_text(
            '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": '
            '{"code": "411702", "name": "驿城区", "level": "county"}, "geometry": '
            f"{shapely.to_geojson(box)}}}]}}",
            "utf-8",
        )
        report = deliver(city, registry, path, "admin_areas")
        assert "not compared" in report.frame.evidence[-1]


class TestMixed:
    def halves(self, places: Floats, one: str, other: str) -> Floats:
        return np.vstack([BENCH.in_frame(places[:300], one), BENCH.in_frame(places[300:], other)])

    @pytest.mark.parametrize("crs", ["auto", "EPSG:4490"])
    def test_of_one_size(
        self, city: Store, registry: Registry, places: Floats, write: Callable[..., Path], crs: str
    ) -> None:
        path = write(self.halves(places, "EPSG:4490", "gcj02"), "经度,纬度")
        with pytest.raises((FrameMismatch, UnknownFrame)) as caught:
            deliver(city, registry, path, crs=crs)
        listed = {part.split(" (")[0] for part in str(caught.value.mixed).split("; ")}
        assert listed == {"EPSG:4490", "gcj02"}

    @pytest.mark.parametrize("crs", ["auto", "EPSG:4526"])
    def test_of_different_size_without_any_reference(
        self, store: Store, registry: Registry, places: Floats, write: Callable[..., Path], crs: str
    ) -> None:
        path = write(self.halves(places, "EPSG:4526", "EPSG:4490"), "东坐标,北坐标")
        with pytest.raises((FrameMismatch, UnknownFrame)) as caught:
            deliver(store, registry, path, crs=crs)
        assert "1-300" in str(caught.value.mixed)
        assert "301-600" in str(caught.value.mixed)


WAY_FORWARD = ("--crs", "Readable", "coordinate columns", "Give one", "Name one", "gis coords fit",
               "export", "Export", "Send", "Rename", "key field")  # fmt: skip


class TestMessyFiles:
    """Every file of the shared messy collection lands where it should, or is refused with a
    message that says what to do."""

    @pytest.fixture
    def anywhere(self, city: Store, tmp_path: Path) -> Registry:
        config = tmp_path / "config"
        shutil.copytree(PROJECT / "config", config)
        for geometry in ("Point", "LineString", "MultiPolygon"):
            text = (
                f"id: any_{geometry.lower()}\ntitle: {{zh: 任意, en: Any}}\ntheme: base\n"
                f"geometry: {geometry}\nkey: code\naccuracy_m: 500\nclassification: public\n"
                "fields:\n  - {name: code, type: text, aliases: "
                "[行政代码, BOUND_A_ID, OBJECTID, ID, name]}\n"
                "checks: [valid_geometry]\n"
            )
            (config / "layers" / f"any_{geometry.lower()}.yml").write_text(text, "utf-8")
        more = load_registry(config, PROJECT / "data")
        prepare(city.url, more)
        return more

    def test_all(self, city: Store, anywhere: Registry, shared_data: Path) -> None:
        landed, refused = set(), []
        folders = (shared_data / "h_messy", shared_data / "coords_vectors")
        kinds = {".shp", ".csv", ".tab", ".gdb", ".dbf"}
        files = [p for f in folders for p in sorted(f.rglob("*")) if p.suffix.lower() in kinds]
        assert len(files) > 40
        for path in files:
            for layer in ("any_point", "any_linestring", "any_multipolygon"):
                try:
                    report = deliver(city, anywhere, path, layer)
                except (SourceError, CoordError, LayerError) as refusal:
                    refused.append(refusal)
                else:
                    if report.accepted:
                        landed.add((path.name, report.frame.name, report.frame.how))
        assert len(refused) > 100
        for refusal in refused:
            assert any(way in refusal.en for way in WAY_FORWARD), refusal
        assert landed >= {
            ("zmd_districts_cgcs2000_zone38_gbk_nocpg.shp", "EPSG:4526", "declared"),
            ("china.shp", "EPSG:4326", "declared"),
        }
        # nothing of these folders lands in a frame that nobody stated
        assert {how for _, _, how in landed} == {"declared"}

    def test_counties_without_prj_land_where_counties_are_known(
        self, store: Store, registry: Registry, shared_data: Path
    ) -> None:
        """The same counties in CGCS2000 degrees are stored: they are the reference."""
        folder = shared_data / "h_messy" / "derived_cn_gk_dev"
        known = shared_data / "a_admin" / "tianditu_cgcs2000" / "district_411700_cgcs2000.geojson"
        shapes = json.loads(known.read_text("utf-8"))["features"]
        path = folder / "zmd_districts_cgcs2000_cm114_gbk_noprj.shp"
        lines = np.array([shapely.boundary(shapely.geometry.shape(f["geometry"])) for f in shapes])
        reference = Reference(lines, 4547, Area(*registry.city.bbox))
        columns = shapely.get_coordinates(
            shapely.from_wkb(pyogrio.raw.read(path, encoding="ISO-8859-1")[2])
        )
        answer = diagnose(columns, area=Area(*registry.city.bbox), reference=reference)
        assert answer.decision is not None
        assert answer.decision.reading.frame.name == "EPSG:4547"
        assert answer.decision.accuracy_m < 0.5

    def test_xian_1980_with_control_points(
        self, city: Store, anywhere: Registry, shared_data: Path
    ) -> None:
        """The refusal's own advice works: fit a frame from control points, then pass it."""
        path = shared_data / "h_messy" / "derived_cn_gk_dev" / "zmd_districts_xian80_zone38_gbk.shp"
        with pytest.raises(NoAccurateTransform):
            deliver(city, anywhere, path, "any_multipolygon")
        shapes = shapely.from_wkb(pyogrio.raw.read(path, encoding="ISO-8859-1")[2])
        plane = shapely.get_coordinates(shapes)[::400]
        # whoever made the file took the degrees over unchanged
        known = find_transformation(4490, 4547).apply(find_transformation(2362, 4610).apply(plane))
        points = [
            ControlPoint(name=str(i), x=x, y=y, east=east, north=north)
            for i, ((x, y), (east, north)) in enumerate(
                zip(plane.tolist(), known.tolist(), strict=True)
            )
        ]
        frame = fit_local(points, "xian80", target=4547)
        request = IngestRequest(path=path, layer="any_multipolygon", crs="local:xian80")
        report = ingest(city, anywhere, request, {"xian80": frame})
        assert report.accepted == 10
        found = rows(city, LayerQuery(layer=anywhere.get("any_multipolygon"))).geometry
        truth = find_transformation(2362, 4610).apply(shapely.get_coordinates(shapes))
        assert report.frame.accuracy_m < 0.05
        assert np.array(shapely.total_bounds(found)) == pytest.approx(
            [*truth.min(axis=0), *truth.max(axis=0)], abs=1e-6
        )

    def test_gcj02_vectors(
        self, city: Store, registry: Registry, shared_data: Path, tmp_path: Path
    ) -> None:
        """Real numbers of three map services' frames, each within 5 m of the truth."""
        with (shared_data / "coords_vectors" / "gcj_bd_vectors.csv").open(encoding="utf-8") as file:
            table = list(csv.DictReader(file))
        west, south, east, north = registry.city.bbox
        table = [
            row
            for row in table
            if west < float(row["wgs_lon"]) < east and south < float(row["wgs_lat"]) < north
        ]
        assert len(table) >= 5
        for crs, columns in (("gcj02", ("gcj_lon", "gcj_lat")), ("bd09", ("bd_lon", "bd_lat"))):
            path = tmp_path / f"{crs}.csv"
            lines = [
                f"V{crs}{i},停车位,{r[columns[0]]},{r[columns[1]]}" for i, r in enumerate(table)
            ]
            path.write_text("\n".join(["ID,设备类型,经度,纬度", *lines]), "utf-8")
            report = deliver(city, registry, path, crs=crs, dry_run=False)
            assert report.frame.accuracy_m == 5.0
            found = rows(city, LayerQuery(layer=registry.get("iot_things")))
            where = {t: shapely.get_coordinates(g)[0] for t, g in
                     zip(found.columns["thing_id"], found.geometry, strict=True)}  # fmt: skip
            for i, row in enumerate(table):
                truth = (float(row["wgs_lon"]), float(row["wgs_lat"]))
                assert where[f"V{crs}{i}"] == pytest.approx(truth, abs=1e-8)
