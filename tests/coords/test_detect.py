"""Detection: right or unknown, never wrong; mixed files, contradictions, real boundaries."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import shapely

from gis.coords import Area, find_transformation, norm_frame, to_metric
from gis.coords.detect import diagnose
from gis.coords.matching import Reference
from gis.coords.readings import possible_readings
from gis.errors import FrameMismatch

ROOT = Path(__file__).resolve().parents[2]
BOUNDARIES = ROOT.parent / "shared" / "data" / "a_admin" / "tianditu_cgcs2000"


def bench():
    """The cases are those of the benchmark, so that the table in the docs and the tests agree."""
    spec = importlib.util.spec_from_file_location(
        "coords_detect", ROOT / "benchmarks" / "coords_detect.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


BENCH = bench()
CITY = BENCH.CITY


@pytest.fixture(scope="module")
def streets():
    return BENCH.roads(7)


@pytest.fixture(scope="module")
def reference(streets):
    return BENCH.as_reference(streets)


@pytest.fixture(scope="module")
def places(streets):
    """2,000 CGCS2000 places within 3 m of the streets."""
    xy = BENCH.features(streets, "points", 2000, 3)
    rng = np.random.default_rng(4)
    return BENCH.from_metric(xy + rng.normal(0.0, 2.0, xy.shape), 4547)


def ask(columns, reference, **more):
    return diagnose(columns, area=CITY, reference=reference, **more)


class TestDecisions:
    @pytest.mark.parametrize("name", BENCH.WRITERS)
    def test_right_where_the_frame_is_listed_unknown_where_not(self, name, reference, places):
        write, known = BENCH.WRITERS[name]
        answer = ask(write(places), reference)
        if not known:
            assert answer.decision is None
            assert answer.needs
            return
        assert answer.decision is not None
        there = answer.decision.reading.lonlat(write(places))
        error = np.hypot(*(to_metric(there, 4547) - to_metric(places, 4547)).T)
        assert np.median(error) <= answer.decision.accuracy_m + 0.01

    @pytest.mark.parametrize("seed", [11])
    def test_never_wrong_with_few_features(self, seed):
        lines = BENCH.roads(seed)
        reference = BENCH.as_reference(lines)
        cases = BENCH.cases(lines, BENCH.roads(seed + 99), (20,), seed)
        verdicts = [BENCH.judge(case, reference)[0] for case in cases]
        assert "wrong" not in verdicts
        assert "right" in verdicts

    def test_another_citys_streets_are_unknown(self, reference):
        other = BENCH.from_metric(BENCH.features(BENCH.roads(99), "lines", 500, 1), 4547)
        answer = ask(other, reference)
        assert answer.decision is None
        assert answer.candidates[0].match.share < 0.6

    def test_an_old_plane_is_described_though_not_decided(self, reference, places):
        answer = ask(BENCH.turned(places, move=(-48.5, 51.1)), reference)
        assert answer.decision is None
        assert any("E -4" in why and "N +5" in why for why in answer.candidates[0].why)

    def test_a_small_shift_is_in_the_stated_accuracy(self, reference, places):
        answer = ask(BENCH.turned(places, move=(3.0, 4.0)), reference)
        assert answer.decision is None or answer.decision.accuracy_m > 4.5

    def test_local_frame_is_a_candidate(self, reference, places):
        from gis.coords import ControlPoint, fit_local

        plane = to_metric(places, 4547)
        local = BENCH.turned(places, move=(-412_345.0, -3_598_765.0), degrees=0.2)
        points = [
            ControlPoint(
                name=str(i), x=local[i, 0], y=local[i, 1], east=plane[i, 0], north=plane[i, 1]
            )
            for i in range(0, 2000, 200)
        ]
        frame = fit_local(points, "zmd", target=4547)
        answer = ask(local, reference, local={"zmd": frame})
        assert answer.decision.reading.frame.name == "local:zmd"


def test_a_lattice_of_streets_can_not_tell_a_block(reference):
    """Moved by exactly one block everything fits again: no decision from such a reference."""
    centre = to_metric(np.array([BENCH.CENTRE]), 4547)[0]
    at = np.arange(-3000.0, 3001.0, 200.0)
    lattice = [np.array([[x, -3000.0], [x, 3000.0]]) + centre for x in at]
    lattice += [np.array([[-3000.0, y], [3000.0, y]]) + centre for y in at]
    xy = BENCH.features(lattice, "points", 1000, 1)
    inner = xy[np.abs(xy - centre).max(axis=1) < 2500.0]
    answer = ask(inner + np.array([200.0, 0.0]), BENCH.as_reference(lattice))
    assert answer.decision is None
    assert any("repeats" in why for why in answer.candidates[0].why)


class TestDeclared:
    def test_agreement(self, reference, places):
        answer = ask(BENCH.in_frame(places, "EPSG:4526"), reference, declared=norm_frame(4526))
        assert answer.decision.reading.frame.name == "EPSG:4526"
        assert not answer.mismatch
        answer.require_agreement("x.shp")

    def test_the_same_plane_by_another_code_is_no_contradiction(self, reference, places):
        answer = ask(BENCH.in_frame(places, "EPSG:4508"), reference, declared=norm_frame(4546))
        assert not answer.mismatch
        answer = ask(places, reference, declared=norm_frame(4326))
        assert not answer.mismatch

    @pytest.mark.parametrize(
        ("real", "claimed"),
        [
            ("gcj02", 4326),
            ("bd09", 4490),
            ("EPSG:4526", 4547),
            ("EPSG:4490", 4547),
            ("gcj02", "bd09"),
        ],
    )
    def test_contradiction(self, real, claimed, reference, places):
        answer = ask(BENCH.in_frame(places, real), reference, declared=norm_frame(claimed))
        assert answer.mismatch
        with pytest.raises(FrameMismatch) as caught:
            answer.require_agreement("x.shp")
        assert caught.value.likely == norm_frame(real).name

    def test_old_datum_with_a_small_shift_may_be_right_about_itself(self, reference, places):
        columns = BENCH.turned(places, move=(0.0, 1.7)) + np.array([38e6, 0.0])
        answer = ask(columns, reference, declared=norm_frame(2362))
        assert answer.decision is None
        assert not answer.mismatch

    def test_without_a_reference_only_the_declared_is_confirmed(self, places):
        columns = BENCH.in_frame(places, "EPSG:4526")
        assert ask(columns, None).decision is None
        answer = ask(columns, None, declared=norm_frame(4526))
        assert answer.decision.reading.frame.name == "EPSG:4526"
        assert ask(columns, None, declared=norm_frame(4547)).mismatch
        assert not ask(columns, None, declared=norm_frame(2362)).mismatch


class TestMixed:
    def test_rows_that_any_shift_brings_onto_a_dense_reference_are_no_second_frame(self):
        """Most rows lie on their streets; the others lie in a field beside a lattice so dense that
        whatever moves them into it brings them onto a line, the shift of GCJ-02 too."""
        centre = to_metric(np.array([BENCH.CENTRE]), 4547)[0]
        rng = np.random.default_rng(1)
        lattice = [np.array([[x, -5000.0], [x, 5000.0]]) for x in np.arange(-6000.0, -200.0, 15.0)]
        streets = [np.array([[x, 8e3], [x, 12e3]]) for x in np.arange(-4e3, 4001.0, 400.0)]
        on_streets = np.column_stack(
            [400.0 * rng.integers(-10, 11, 700), rng.uniform(8e3, 12e3, 700)]
        )
        in_field = np.column_stack([rng.uniform(0.0, 200.0, 300), rng.uniform(-3e3, 3e3, 300)])
        columns = BENCH.from_metric(np.vstack([on_streets, in_field]) + centre, 4547)
        answer = ask(columns, BENCH.as_reference([line + centre for line in lattice + streets]))
        assert not answer.mixed

    @pytest.mark.parametrize(("one", "other"), [("EPSG:4490", "gcj02"), ("gcj02", "bd09")])
    def test_of_one_size(self, one, other, reference, places):
        columns = np.vstack(
            [BENCH.in_frame(places[:1500], one), BENCH.in_frame(places[1500:], other)]
        )
        answer = ask(columns, reference)
        assert answer.decision is None
        found = {group.reading.frame.name: group.rows for group in answer.mixed}
        assert set(found) == {one, other}
        # a few places lie by chance on a street under both readings
        assert np.mean(found[one] < 1500) > 0.93
        assert np.mean(found[other] >= 1500) > 0.93

    def test_of_different_size(self, places):
        columns = np.vstack([BENCH.in_frame(places[:1200], "EPSG:4526"), places[1200:]])
        answer = ask(columns, None)
        found = {group.reading.frame.name: group.rows.tolist() for group in answer.mixed}
        assert found == {"EPSG:4526": list(range(1200)), "EPSG:4490": list(range(1200, 2000))}
        which = {group["frame"]: group["which"] for group in answer.to_json()["mixed"]}
        assert which == {"EPSG:4526": "1-1200", "EPSG:4490": "1201-2000"}

    def test_swapped_rows_in_a_file(self, places):
        columns = BENCH.in_frame(places, "EPSG:4526").copy()
        columns[100:400] = columns[100:400, ::-1]
        answer = ask(columns, None)
        assert [g.reading.north_first for g in answer.mixed] == [False, True]
        assert answer.mixed[1].rows.tolist() == list(range(100, 400))

    def test_a_few_broken_rows_are_no_second_frame(self, reference, places):
        columns = BENCH.in_frame(places, "EPSG:4547")
        columns[5], columns[6], columns[7] = [0, 0], [np.nan, 1], columns[7, ::-1]
        answer = ask(columns, reference)
        assert answer.decision.reading.frame.name == "EPSG:4547"
        assert not answer.mixed


class TestThinEvidence:
    @pytest.mark.parametrize("n", [0, 1, 5, 29])
    def test_too_few(self, n, reference, places):
        answer = ask(places[:n], reference)
        assert answer.decision is None
        assert answer.needs

    def test_all_in_one_place(self, reference, places):
        assert ask(places[:1] + np.zeros((100, 2)), reference).decision is None

    def test_no_frame_fits(self, reference):
        answer = ask(np.full((50, 2), 7.0), reference, declared=norm_frame(4547))
        assert answer.decision is None
        assert answer.mismatch
        assert not answer.candidates

    def test_not_finite(self, reference):
        assert ask(np.full((50, 2), np.nan), reference).decision is None

    def test_json(self, reference, places):
        document = ask(BENCH.in_frame(places, "gcj02"), reference).to_json()
        assert json.loads(json.dumps(document))["decision"] == "gcj02"
        assert {"frame", "score", "offset_m", "why"} <= document["candidates"][0].keys()
        shifts = {c["frame"]: c["offset_m"] for c in document["candidates"]}
        assert shifts["gcj02"] < 1.0


class TestReadings:
    def test_size_alone_leaves_what_it_can_not_tell(self, places):
        names = {r.frame.name for r in possible_readings(places, CITY)}
        assert names == {"EPSG:4490", "gcj02", "bd09"}
        planes = possible_readings(BENCH.in_frame(places, "EPSG:4508"), CITY)
        assert {r.frame.epsg for r in planes if r.plain} == {4546, 32649}

    def test_of_two_codes_for_one_plane_the_one_that_holds_all_rows(self):
        """Zone 19 of the 6-degree series and CM 111 of the 3-degree one are one plane, but only
        the first reaches the east of the city."""
        mesh = np.stack(np.meshgrid(np.linspace(113.1, 115.2, 30), np.linspace(32.3, 33.5, 9)))
        wide = BENCH.in_frame(mesh.reshape(2, -1).T, "EPSG:4508")
        found = {r.frame.epsg: r.share for r in possible_readings(wide, CITY) if r.plain}
        assert found[4508] == 1.0
        assert 4546 not in found

    def test_swapped_order_is_certain(self, places):
        readings = possible_readings(BENCH.in_frame(places, "EPSG:4526")[:, ::-1], CITY)
        assert [(r.frame.epsg, r.north_first) for r in readings] == [(4526, True)]

    def test_packed_angles_are_not_decimal_degrees(self, places):
        assert {r.unit for r in possible_readings(BENCH.packed(places), CITY)} == {"packed DMS"}
        assert {r.unit for r in possible_readings(places, CITY)} == {"as stated"}


class TestReference:
    def test_distances_are_those_of_shapely(self, reference, streets, places):
        known = Reference(reference, 4547, CITY)
        xy = to_metric(places[:200], 4547)
        union = shapely.multilinestrings([shapely.LineString(s) for s in streets])
        assert known.distances(xy) == pytest.approx(
            shapely.distance(union, shapely.points(xy)), abs=1e-4
        )

    def test_every_kind_of_geometry(self):
        square = shapely.box(114.0, 33.0, 114.01, 33.01)
        inner = shapely.GeometryCollection([shapely.Point(114.02, 33.0), square])
        kinds = np.array([square, shapely.MultiPolygon([square]), inner, shapely.Point(114.0, 33.0),
                          square.exterior, None, shapely.Polygon()], dtype=object)  # fmt: skip
        known = Reference(kinds, 4547, CITY)
        there = known.metric(np.array([[114.0, 33.005], [114.02, 33.0]]))
        assert known.distances(there) == pytest.approx([0.0, 0.0], abs=0.01)

    def test_a_planted_shift_is_measured(self, reference, streets):
        known = Reference(reference, 4547, CITY)
        xy = BENCH.features(streets, "points", 3000, 5) + np.array([1.5, -2.5])
        match = known.match(BENCH.from_metric(xy, 4547))
        assert match.shift_m == pytest.approx((1.5, -2.5), abs=0.1)
        assert match.shift_error_m < 0.1


@pytest.mark.skipif(not BOUNDARIES.exists(), reason="the real county boundaries are not here")
@pytest.mark.parametrize(
    "frame", ["EPSG:4526", "EPSG:4547", "gcj02", "bd09", "bd09mc", "EPSG:32650"]
)
def test_real_county_boundaries(frame):
    text = (BOUNDARIES / "district_411700_cgcs2000.geojson").read_text("utf-8")
    shapes = np.array(
        [shapely.from_geojson(json.dumps(f["geometry"])) for f in json.loads(text)["features"]]
    )
    columns = find_transformation(4490, frame).apply(shapely.get_coordinates(shapes))
    noise = np.random.default_rng(1).normal(
        0.0, 2e-5 if norm_frame(frame).unit == "degree" else 2.0, columns.shape
    )
    answer = diagnose(
        (columns + noise)[:, ::-1], area=Area(113.0, 32.2, 115.3, 33.6), reference=shapes
    )
    assert answer.decision.reading.frame.name == frame
    assert answer.decision.reading.north_first


@pytest.mark.skipif(not BOUNDARIES.exists(), reason="the real county boundaries are not here")
def test_amaps_boundaries_are_too_coarse_to_decide():
    """DataV's outline is GCJ-02, generalised by another hand to 130 m: honest is "unknown", with
    GCJ-02 at the head of the list."""
    text = (BOUNDARIES / "district_411700_cgcs2000.geojson").read_text("utf-8")
    shapes = np.array(
        [shapely.from_geojson(json.dumps(f["geometry"])) for f in json.loads(text)["features"]]
    )
    amap = BOUNDARIES.parent / "datav_gcj02_411700" / "411700_full.json"
    parts = [
        shapely.from_geojson(json.dumps(f["geometry"]))
        for f in json.loads(amap.read_text("utf-8"))["features"]
    ]
    answer = diagnose(
        shapely.get_coordinates(parts), area=Area(113.0, 32.2, 115.3, 33.6), reference=shapes
    )
    assert answer.decision is None
    assert answer.candidates[0].reading.frame.name == "gcj02"
