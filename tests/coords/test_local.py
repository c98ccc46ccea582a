"""Local frames: planted parameters come back, gross errors are named, weak sets are refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis.strategies import booleans, floats, integers

from gis.coords import (
    ControlPoint,
    LocalFrame,
    control_points,
    find_transformation,
    fit_local,
    norm_frame,
)
from gis.errors import CoordError


def planted(
    n, *, rotation_deg=0.3, scale=1.000012, north_first=False, noise_m=0.0, seed=1, spread=8000.0
):
    """n control points of a frame with known parameters, local origin (100 km, 50 km)."""
    rng = np.random.default_rng(seed)
    local = rng.uniform(-spread, spread, (n, 2)) + np.array([100_000.0, 50_000.0])
    angle = math.radians(rotation_deg)
    turn = scale * np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    known = (local - [100_000.0, 50_000.0]) @ turn.T + [502_000.0, 3_650_000.0]
    known = known + rng.normal(0.0, noise_m, (n, 2)) if noise_m else known
    pairs = local[:, ::-1] if north_first else local
    return [
        ControlPoint(name=f"K{i}", x=x, y=y, east=e, north=m)
        for i, ((x, y), (e, m)) in enumerate(zip(pairs, known, strict=True))
    ]


def spoiled(points, i, metres):
    p = points[i]
    bad = ControlPoint(name=p.name, x=p.x, y=p.y, east=p.east + metres, north=p.north)
    return [*points[:i], bad, *points[i + 1 :]]


@given(
    n=integers(4, 30), rotation=floats(-4.0, 4.0), ppm=floats(-90.0, 90.0), north_first=booleans(),
    seed=integers(0, 10_000),
)  # fmt: skip
@settings(deadline=None)
def test_planted_parameters_come_back(n, rotation, ppm, north_first, seed):
    points = planted(
        n, rotation_deg=rotation, scale=1 + ppm * 1e-6, north_first=north_first, seed=seed
    )
    frame = fit_local(points, "t", target=4547)
    assert frame.first_is_north is north_first
    assert frame.rotation_deg == pytest.approx(rotation, abs=1e-7)
    assert (frame.scale - 1) * 1e6 == pytest.approx(ppm, abs=1e-3)
    assert not frame.dropped
    assert frame.accuracy_m == 0.01  # the floor: control points are not better than a centimetre


@given(x=floats(80_000, 120_000), y=floats(30_000, 70_000))
def test_there_and_back(x, y):
    frame = fit_local(planted(8), "t", target=4547)
    xy = np.array([[x, y]])
    assert frame.from_target(frame.to_target(xy)) == pytest.approx(xy, abs=1e-6)


@pytest.mark.parametrize("n", [7, 9, 12, 20])
@pytest.mark.parametrize("metres", [0.2, 0.5, 5.0])
def test_a_gross_error_is_found_and_named(n, metres):
    """3 x RMS could not fire at all below ten points."""
    for seed in range(20):
        points = spoiled(planted(n, noise_m=0.02, seed=seed), 2, metres)
        frame = fit_local(points, "t", target=4547, limit_m=0.1)
        assert "K2" in [p.name for p in frame.dropped]
        assert any("K2" in text for text in frame.warnings)
        assert frame.accuracy_m < 0.1


def test_with_six_points_a_person_decides():
    points = spoiled(planted(6, noise_m=0.01), 2, 0.3)
    with pytest.raises(CoordError) as caught:
        fit_local(points, "t", target=4547)
    assert caught.value.worst == "K2"
    frame = fit_local(points, "t", target=4547, limit_m=1.0)
    assert not frame.dropped
    assert any("K2" in text for text in frame.warnings)


def test_stated_accuracy_is_what_new_points_show():
    """The leave-one-out error predicts the error at points the fit has never seen."""
    stated, shown = [], []
    for seed in range(60):
        points = planted(12, noise_m=0.03, seed=seed)
        frame = fit_local(points[:8], "t", target=4547, limit_m=1.0)
        stated.append(frame.accuracy_m)
        fresh = np.array([(p.x, p.y) for p in points[8:]])
        known = np.array([(p.east, p.north) for p in points[8:]])
        shown.append(float(np.mean(np.sum((frame.to_target(fresh) - known) ** 2, axis=1))))
    assert np.mean(stated) == pytest.approx(math.sqrt(np.mean(shown)), rel=0.25)


class TestRefusals:
    @pytest.mark.parametrize("n", [0, 1, 2])
    def test_too_few(self, n):
        with pytest.raises(CoordError) as caught:
            fit_local(planted(n), "t", target=4547)
        assert caught.value.points == n

    def test_one_point_written_many_times_is_one(self):
        with pytest.raises(CoordError) as caught:
            fit_local(planted(1) * 6, "t", target=4547)
        assert caught.value.points == 1

    def test_three_are_weak(self):
        assert any("weak" in text for text in fit_local(planted(3), "t", target=4547).warnings)

    def test_points_in_a_line(self):
        points = [
            ControlPoint(name=str(i), x=1000.0 * i, y=2000.0 * i + (i % 2), east=5e5 + 1000.0 * i,
                         north=3.65e6 + 2000.0 * i + (i % 2))
            for i in range(8)
        ]  # fmt: skip
        assert any("line" in text for text in fit_local(points, "t", target=4547).warnings)

    def test_points_that_disagree(self):
        with pytest.raises(CoordError) as caught:
            fit_local(planted(10, noise_m=0.5), "t", target=4547)
        assert caught.value.sigma_m > 0.05

    def test_millimetres_for_metres(self):
        points = [
            ControlPoint(name=p.name, x=p.x * 1000, y=p.y * 1000, east=p.east, north=p.north)
            for p in planted(8)
        ]
        with pytest.raises(CoordError) as caught:
            fit_local(points, "t", target=4547)
        assert caught.value.scale_ppm < -900_000
        assert fit_local(points, "t", target=4547, unusual=True).scale == pytest.approx(
            0.001, rel=1e-4
        )

    def test_not_finite(self):
        points = [*planted(5), ControlPoint(name="bad", x=math.nan, y=1, east=1, north=1)]
        with pytest.raises(CoordError) as caught:
            fit_local(points, "t", target=4547)
        assert caught.value.point == "bad"


class TestReferenceSets:
    """Frames that the software must find: north first with a gross error; truncated; two points."""

    def test_a(self, vectors):
        control = control_points(vectors("local_frame_a.csv"))
        frame = fit_local(control.points, "a", target=control.target)
        assert control.target == 4547
        assert frame.first_is_north
        assert [p.name for p in frame.dropped] == ["KZ07"]
        assert frame.dropped[0].error_m == pytest.approx(0.80, abs=0.02)
        assert frame.accuracy_m < 0.03

    def test_b(self, vectors):
        control = control_points(vectors("local_frame_b.csv"))
        frame = fit_local(control.points, "b", target=control.target)
        assert not frame.first_is_north
        assert not frame.dropped
        assert frame.accuracy_m < 0.025

    def test_c_two_points(self, vectors):
        control = control_points(vectors("local_frame_c.csv"))
        with pytest.raises(CoordError) as caught:
            fit_local(control.points, "c", target=control.target)
        assert caught.value.points == 2


class TestUse:
    def test_beyond_the_control_points(self):
        frame = fit_local(planted(8), "zmd", target=4547)
        local = np.array([(p.x, p.y) for p in frame.points])
        local = local[:, ::-1] if frame.first_is_north else local
        centre = local.mean(axis=0)
        reach = np.ptp(local, axis=0).max()
        far = np.array([centre, centre + np.array([2 * reach, 0.0]), local[0]])
        assert frame.beyond_control(far).tolist() == [False, True, False]

    def test_as_a_frame(self):
        frame = fit_local(planted(8, noise_m=0.01), "zmd", target=4547, made="2023-06-01")
        way = find_transformation("local:zmd", 4490, local={"zmd": frame})
        assert way.accuracy_m == frame.accuracy_m
        assert "2023-06-01" in way.steps[0]
        back = find_transformation(4490, "local:zmd", local={"zmd": frame})
        xy = np.array([[101_000.0, 52_000.0]])
        assert back.apply(way.apply(xy)) == pytest.approx(xy, abs=1e-5)

    def test_through_yaml(self):
        frame = fit_local(spoiled(planted(9), 3, 1.0), "驻马店", target=4547, made="2023-06-01")
        text = yaml.safe_dump(frame.to_json(), allow_unicode=True)
        again = LocalFrame.from_json(yaml.safe_load(text))
        assert again == frame
        assert hash(again) == hash(frame)
        assert norm_frame("local:驻马店", {"驻马店": again}).local == frame

    @pytest.mark.parametrize("change", [{"points": None}, {"a": "x"}, {"origin": [1]}, {"more": 1}])
    def test_a_damaged_record(self, change):
        record = fit_local(planted(5), "t", target=4547).to_json()
        record.update(change)
        with pytest.raises(CoordError):
            LocalFrame.from_json(record)


class TestControlTables:
    ROWS = [
        {"点名": f"K{i}",
         "x_local": f"{50_000 + 3000 * (i % 3)}", "y_local": f"{100_000 + 2500 * i}",
         "E_4547": f"{500_000 + 2500 * i}", "N_4547": f"{3_650_000 + 3000 * (i % 3)}"}
        for i in range(7)
    ]  # fmt: skip

    def test_plane_columns(self):
        control = control_points(self.ROWS)
        assert control.target == 4547
        assert control.accuracy_m == 0.0
        assert control.points[2].name == "K2"
        assert fit_local(control.points, "t", target=4547).first_is_north

    def test_any_names_with_to_and_any_order(self):
        rows = [
            {
                "n": r["点名"],
                "a": r["x_local"],
                "b": r["y_local"],
                "X": r["N_4547"],
                "Y": r["E_4547"],
            }
            for r in self.ROWS
        ]
        assert control_points(rows, to="EPSG:4547").points == control_points(self.ROWS).points
        with pytest.raises(CoordError, match="--to"):
            control_points(rows)

    def test_degrees_of_another_frame_cost_accuracy(self):
        rows = [
            {"name": "K", "x": "1", "y": "2", "lat_wgs84": "32.98", "lon_wgs84": "114°01′19.2″"}
        ]
        control = control_points(rows)
        assert control.accuracy_m == 1.0
        assert control.points[0].east == pytest.approx(502_056.43, abs=0.01)

    def test_the_wrong_cell_is_named(self):
        rows = [dict(row) for row in self.ROWS]
        rows[3]["y_local"] = "abc"
        with pytest.raises(CoordError) as caught:
            control_points(rows)
        assert (caught.value.row, caught.value.column) == (4, "y_local")

    def test_known_pair_outside_its_frame(self):
        rows = [dict(row, E_4547="38500000") for row in self.ROWS]
        with pytest.raises(CoordError, match="38"):
            control_points(rows)

    def test_no_rows(self):
        with pytest.raises(CoordError):
            control_points([])
