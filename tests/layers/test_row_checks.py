"""Checks of single rows: each finds its fault, and does with it what the layer says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gis.coords import norm_frame, normalise
from gis.errors import LayerError
from gis.layers import Batch, Checked, Layer, Registry
from gis.layers.checklist import CHECKS, severity_of
from gis.layers.checks import check
from gis.layers.nearmiss import column_remarks, near_codes
from gis.layers.registry import parse_layer
from gis.layers.standards import FAULTLESS, unit_code_fault
from gis.sources import open_delivery

M = 1 / 111_320
GOOD_CODE = "411702001008JC00009W00000000"


def layer_of(registry: Registry, *checks: object, **changes: Any) -> Layer:
    """A layer of polygons with a code field and a height, and just these checks."""
    doc: dict[str, Any] = {
        "id": "plots",
        "title": "地块",
        "theme": "property",
        "geometry": "Polygon",
        "key": "plot_id",
        "accuracy_m": 1.0,
        "classification": "public",
        "fields": [
            {"name": "plot_id", "type": "text", "required": True, "aliases": ["编号"]},
            {"name": "kind", "type": "code", "codelist": "cjj61_kind", "aliases": ["管线种类"]},
            {"name": "height_m", "title": {"zh": "高度", "en": "Height"}, "type": "number",
             "min": 0, "max": 100, "required": True, "aliases": ["高度"]},
            {"name": "note", "type": "text", "pattern": "^[a-z]+$"},
        ],
        "checks": list(checks),
    }  # fmt: skip
    return parse_layer("plots.yml", doc | changes, set(registry.codelists))


def plot(*corners: tuple[float, float]) -> shapely.Polygon:
    """A ring of metres from a corner in the city."""
    wide = M / np.cos(np.radians(33.0))
    return shapely.Polygon([(114 + x * wide, 33 + y * M) for x, y in corners])


SQUARE = ((0, 0), (20, 0), (20, 20), (0, 20))


def run(registry: Registry, layer: Layer, *shapes: Any, **columns: list[Any]) -> Checked:
    count = len(shapes)
    given = {"plot_id": [f"P{i}" for i in range(count)], "height_m": [3.0] * count} | columns
    batch = Batch(
        columns={name: np.array(values, dtype=object) for name, values in given.items()},
        geometry=np.array(shapes, dtype=object),
        rows=np.arange(1, count + 1),
        accuracy_m=0.1,
    )
    return check(batch, layer, registry, inside=None)


def found(done: Checked) -> list[tuple[str, int, str]]:
    said = [("reject", r.row, r.code) for r in done.rejects]
    return said + [("warn", r.row, r.code) for r in done.remarks]


class TestShapes:
    @pytest.mark.parametrize(
        ("name", "code", "faulty"),
        [
            ("slivers", "sliver", plot((0, 0), (100, 0), (100, 0.1), (0, 0.1))),
            ("duplicate_vertices", "duplicate_vertices",
             plot((0, 0), (20, 0), (20, 20), (20, 20.0005), (0, 20))),
            ("spikes", "spike",
             plot((0, 0), (20, 0), (20, 10), (28, 10.01), (20, 10.02), (20, 20), (0, 20))),
            # the ring begins at the tip of its spike
            ("spikes", "spike",
             plot((28, 10.01), (20, 10.02), (20, 20), (0, 20), (0, 0), (20, 0), (20, 10))),
        ],
    )  # fmt: skip
    def test_warns_of_the_faulty_alone(
        self, registry: Registry, name: str, code: str, faulty: shapely.Polygon
    ) -> None:
        assert shapely.is_valid(faulty)
        done = run(registry, layer_of(registry, name), plot(*SQUARE), faulty)
        assert found(done) == [("warn", 2, code)]
        assert len(done.good) == 2
        strict = run(registry, layer_of(registry, {name: "reject"}), plot(*SQUARE), faulty)
        assert found(strict) == [("reject", 2, code)]
        assert found(run(registry, layer_of(registry, {name: "off"}), faulty)) == []
        assert found(run(registry, layer_of(registry), faulty)) == []

    def test_a_fault_of_a_hole(self, registry: Registry) -> None:
        outer = plot(*SQUARE).exterior
        inner = plot((5, 5), (10, 5), (10, 5.0004), (10, 10), (5, 10)).exterior
        holed = shapely.Polygon(outer, [inner])
        done = run(registry, layer_of(registry, "duplicate_vertices"), plot(*SQUARE), holed)
        assert found(done) == [("warn", 2, "duplicate_vertices")]

    def test_thresholds_are_the_layers(self, registry: Registry) -> None:
        narrow = plot((0, 0), (100, 0), (100, 2), (0, 2))
        assert found(run(registry, layer_of(registry, "slivers"), narrow)) == []
        wide = layer_of(registry, {"slivers": {"min_width_m": 2.5}})
        assert found(run(registry, wide, narrow)) == [("warn", 1, "sliver")]

    def test_right_angles_and_acute_corners_are_no_spikes(self, registry: Registry) -> None:
        wedge = plot((0, 0), (60, 0), (60, 10))  # 9.5 degrees
        assert found(run(registry, layer_of(registry, "spikes"), plot(*SQUARE), wedge)) == []

    def test_heights(self, registry: Registry) -> None:
        layer = layer_of(registry, "heights_present", geometry="LineStringZ")
        lines = [
            shapely.LineString([(114, 33, 80), (114.001, 33, 80.5)]),
            shapely.LineString([(114, 33, 80), (114.001, 33, 0)]),
            shapely.LineString([(114, 33, -9999), (114.001, 33, 80)]),
        ]
        done = run(registry, layer, *lines)
        assert found(done) == [("warn", 2, "no_height"), ("warn", 3, "no_height")]

    def test_mending(self, registry: Registry) -> None:
        """A hair that leaves the ring and comes back is cut off; a bow tie stays refused."""
        hair = plot((0, 0), (20, 0), (20, 20), (0, 20), (0, 10), (-1, 10), (0, 10))
        tie = plot((0, 0), (20, 20), (20, 0), (0, 20))
        layer = layer_of(registry, {"valid_geometry": {"repair": True}})
        done = run(registry, layer, hair, tie)
        assert found(done) == [("reject", 2, "invalid_geometry"), ("warn", 1, "mended_geometry")]
        [mended] = done.good.geometry
        assert shapely.is_valid(mended)
        assert mended.area == pytest.approx(plot(*SQUARE).area)
        refused = run(registry, layer_of(registry, "valid_geometry"), hair)
        assert found(refused) == [("reject", 1, "invalid_geometry")]

    def test_a_real_parcel_with_spikes_of_a_millimetre(
        self, registry: Registry, shared_data: Path
    ) -> None:
        path = shared_data / "d_planning/cn_parcel_txt/testfile"
        layer = layer_of(
            registry,
            {"duplicate_vertices": {"tolerance_m": 0.02}},
            {"spikes": {"max_angle_deg": 5}},
        )
        delivery = open_delivery(path, layer=registry.get("parcels"))
        [raw] = delivery.batches(norm_frame("EPSG:4523"))
        moved = normalise(raw.geometry, norm_frame("EPSG:4523"), local={})
        done = run(registry, layer, *moved.geometry)
        assert ("warn", 1, "duplicate_vertices") in found(done)
        assert len(done.good) == 1


class TestSeverity:
    def test_every_check_has_a_title_and_a_severity_it_allows(self, registry: Registry) -> None:
        for name, kind in CHECKS.items():
            assert kind.severity in kind.allowed, name
            assert kind.title.zh, name
            assert kind.title.en, name

    @pytest.mark.parametrize(
        ("name", "code", "columns"),
        [
            ("range", "out_of_range", {"height_m": [500.0]}),
            ("required", "missing_value", {"height_m": [None]}),
            ("pattern", "bad_pattern", {"note": ["ABC"]}),
        ],
    )
    def test_a_check_that_is_always_made(
        self, registry: Registry, name: str, code: str, columns: dict[str, list[Any]]
    ) -> None:
        square = plot(*SQUARE)
        assert found(run(registry, layer_of(registry), square, **columns)) == [("reject", 1, code)]
        lenient = run(registry, layer_of(registry, {name: "warn"}), square, **columns)
        assert found(lenient) == [("warn", 1, code)]
        [column] = columns
        assert lenient.good.columns[column][0] == columns[column][0]
        assert found(run(registry, layer_of(registry, {name: False}), square, **columns)) == []

    def test_a_code_that_only_warns_is_left_out(self, registry: Registry) -> None:
        layer = layer_of(registry, {"code_list": "warn"})
        done = run(registry, layer, plot(*SQUARE), kind=["污水管"])
        assert found(done) == [("warn", 1, "unknown_code")]
        assert done.good.columns["kind"][0] is None

    def test_a_feature_without_key_is_refused_whatever_the_layer_says(
        self, registry: Registry
    ) -> None:
        layer = layer_of(registry, {"required": "off"})
        done = run(registry, layer, plot(*SQUARE), plot_id=[None])
        assert found(done) == [("reject", 1, "missing_value")]

    def test_nothing_is_remarked_on_a_refused_row(self, registry: Registry) -> None:
        layer = layer_of(registry, "slivers")
        done = run(registry, layer, plot((0, 0), (100, 0), (100, 0.1), (0, 0.1)), kind=["?!"])
        assert found(done) == [("reject", 1, "unknown_code")]

    @pytest.mark.parametrize(
        "wrong",
        [
            "no_such_check",
            {"slivers": "sometimes"},
            {"slivers": {"width": 1}},
            {"unique_key": "off"},
            {"valid_geometry": "warn"},
            "declared_area",
            {"unit_code": {"field": "nobody"}},
            {"overlaps": "warn"},  # of polygons that may be invalid
        ],
    )
    def test_a_definition_that_is_wrong_says_so(self, registry: Registry, wrong: object) -> None:
        with pytest.raises(LayerError) as told:
            layer_of(registry, wrong)
        assert "checks" in str(told.value.facts["field"])

    def test_shipped_layers_only_warn_of_what_rows_are_to_each_other(
        self, registry: Registry
    ) -> None:
        """A department does not lose a delivery to a gap."""
        for layer in registry.layers.values():
            for name, kind in CHECKS.items():
                if kind.stage == "set":
                    assert severity_of(layer, name) != "reject", (layer.id, name)


class TestCodes:
    @pytest.mark.parametrize(
        ("code", "says"),
        [
            (GOOD_CODE, None),
            ("411702001008GB00001F00010203", None),
            ("411702001008GA00001W00000000", "J"),
            ("411702001008QB00001W00000000", "13"),
            ("411702001008GZ00001W00000000", "14"),
            ("411702001008GB00000W00000000", "00000"),
            ("411702001008GB00001X00000000", "20"),
            ("411702001008GB00001W00000001", "00000000"),
            ("411702001008GB00001W0000000", "28"),
        ],
    )
    def test_unit_codes(self, code: str, says: str | None) -> None:
        fault = unit_code_fault(code)
        assert (fault is None) == (says is None)
        assert (FAULTLESS(code) is None) == (fault is not None)
        if fault is not None and says is not None:
            assert all(says in text for text in fault)

    @given(st.from_regex(r"\A[0-9]{12}[A-Z]{2}[0-9]{5}[A-Z][0-9]{8}\Z") | st.from_regex(
        r"\A[0-9]{12}[GJZQ][ABCW](00000|12345)[FWX](00000000|00010001)\Z"))  # fmt: skip
    def test_the_quick_look_agrees_with_the_slow_one(self, code: str) -> None:
        assert (FAULTLESS(code) is not None) == (unit_code_fault(code) is None)

    def test_parts_of_a_component_code(self, registry: Registry) -> None:
        layer = registry.get("components")
        codes = ["4117020121000001", "4101050121000001", "4117020304000001"]
        batch = Batch(
            columns={
                "component_code": np.array(codes, dtype=object),
                "class_code": np.array(["0121"] * 3, dtype=object),
            },
            geometry=shapely.points([(114.0, 33.0)] * 3),
            rows=np.arange(1, 4),
            accuracy_m=0.1,
        )
        done = check(batch, layer, registry, inside=None)
        assert found(done) == [("warn", 2, "code_parts"), ("warn", 3, "code_parts")]
        county, kind = (r.zh for r in done.remarks)
        assert "410105" in county
        assert "gbt2260" in county
        assert "0304" in kind
        assert "0121" in kind

    def test_near_misses(self, registry: Registry) -> None:
        kinds = registry.codelists["cjj61_kind"]
        told = {
            t: [c.code for c in near_codes(t, kinds)] for t in ("污水管", "给水管道", "WSG", "燃器")
        }
        assert told == {"污水管": ["WS"], "给水管道": ["JS"], "WSG": ["WS"], "燃器": ["TR"]}
        assert near_codes("不详", kinds) == []
        assert near_codes("?", kinds) == []

    def test_the_message_names_code_and_name(self, registry: Registry) -> None:
        done = run(registry, layer_of(registry), plot(*SQUARE), kind=["污水管"])
        [refused] = done.rejects
        assert "污水 WS？" in refused.zh
        assert "Sewage WS?" in refused.en

    def test_land_use_of_every_level(self, registry: Registry) -> None:
        uses = registry.codelists["land_use_2023"]
        levels = {n: sum(len(code) == n for code in uses.codes) for n in (2, 4, 6)}
        assert levels == {2: 24, 4: 111, 6: 40}
        for code in uses.codes:
            assert len(code) == 2 or code[:-2] in uses.codes, code  # each stands under its class
        assert len({c.title.zh for c in uses.codes.values()}) == len(uses.codes)
        assert uses.codes["1207"].title.zh == "城镇村道路用地"

    def test_code_lists_say_where_they_come_from(self, registry: Registry) -> None:
        for of in registry.codelists.values():
            assert of.source, of.id
        for id_ in ("land_use_2023", "gbt2260", "cjj61_kind", "component_class"):
            of = registry.codelists[id_]
            assert of.edition, id_
            assert of.coverage is not None, id_


class TestColumns:
    def test_a_column_that_is_nearly_a_field(self, registry: Registry) -> None:
        layer = layer_of(registry)
        remarks = column_remarks(layer, ["编号", "管线种累", "备注", "经度"], {"经度"})
        assert [(r.code, r.field, r.row) for r in remarks] == [("unmapped_column", "kind", 0)]
        assert "管线种累" in remarks[0].zh

    def test_a_field_that_is_filled_is_not_suggested(self, registry: Registry) -> None:
        layer = layer_of(registry)
        assert column_remarks(layer, ["编号", "管线种类", "管线种类2"], set()) == []

    def test_columns_of_no_field_are_kept(self, registry: Registry) -> None:
        done = run(registry, layer_of(registry), plot(*SQUARE), 备注=["甲"], 巡查人=[None])
        assert done.good.extra.tolist() == [{"备注": "甲"}]

    def test_a_missing_column_that_is_there_under_another_name(self, registry: Registry) -> None:
        batch = Batch(
            columns={"编号": np.array(["1"], dtype=object), "高度值": np.array([3], dtype=object)},
            geometry=np.array([plot(*SQUARE)], dtype=object),
            rows=np.arange(1, 2),
            accuracy_m=0.1,
        )
        with pytest.raises(LayerError) as told:
            check(batch, layer_of(registry), registry, inside=None)
        assert told.value.facts["near"] == "高度值"
