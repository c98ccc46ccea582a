"""What the rows of a delivery are to each other: each check finds its planted fault, no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely
from psycopg.rows import dict_row
from shapely.geometry.base import BaseGeometry
from store_trials import make_head, make_rows

from gis.api.reports import report_page
from gis.errors import LayerError
from gis.ingest import IngestRequest, ingest
from gis.layers import Check, Layer, Registry
from gis.store import Counts, Store, begin, quarantine_rows
from gis.store.coverage import survey_coverage
from gis.store.quality import quality_of

M = 1 / 111_320  # degrees of latitude a metre
ORIGIN = (114.0, 33.0)


def at(x: float, y: float, z: float | None = None) -> tuple[float, ...]:
    """Metres east and north of a corner in the city, as degrees."""
    place = (ORIGIN[0] + x * M / np.cos(np.radians(ORIGIN[1])), ORIGIN[1] + y * M)
    return place if z is None else (*place, z)


def lot(x: float, y: float, east: float = 20.0, north: float = 20.0) -> BaseGeometry:
    """A rectangle with its corner at x, y, metres."""
    ring = [(x, y), (x + east, y), (x + east, y + north), (x, y + north)]
    return shapely.Polygon([at(*corner) for corner in ring])


def line(start: Sequence[float], end: Sequence[float]) -> BaseGeometry:
    return shapely.LineString([at(*start), at(*end)])


def code(number: int, county: str = "411702") -> str:
    return f"{county}001001GB{number:05}W00000000"


def parcels(registry: Registry, **checks: Mapping[str, object] | str) -> Layer:
    """The parcels with just these checks."""
    return _with(registry.get("parcels"), checks)


def _with(layer: Layer, checks: Mapping[str, Mapping[str, object] | str]) -> Layer:
    made = [Check(name="valid_geometry")]
    for name, said in checks.items():
        params = {} if isinstance(said, str) else dict(said)
        severity = said if isinstance(said, str) else params.pop("severity", None)
        made.append(Check(name=name, params=params, severity=severity))  # type: ignore[arg-type]
    return replace(layer, checks=tuple(made))


Load = Callable[..., Counts]


@pytest.fixture
def load(store: Store) -> Load:
    """Deliver rows: `load(layer, [{field: value, "at": geometry}], mode="full")`."""

    def loaded(layer: Layer, rows: Sequence[Mapping[str, Any]], **head: Any) -> Counts:
        with begin(store, make_head(layer, **head)) as loading:
            loading.add(make_rows(layer, rows))
            return loading.apply()

    return loaded


def warnings(store: Store, counts: Counts) -> list[dict[str, Any]]:
    """What was warned of, place by place."""
    with store.reading() as conn, conn.cursor(row_factory=dict_row) as cur:
        return cur.execute(
            "SELECT code, source_row AS row, key, zh, en, ST_Area(geom::geography) AS m2 "
            "FROM onemap.warning WHERE delivery = %s ORDER BY id",
            [counts.delivery],
        ).fetchall()


def lots(*shapes: BaseGeometry) -> list[dict[str, Any]]:
    return [{"unit_code": code(n), "at": shape} for n, shape in enumerate(shapes, 1)]


class TestOverlaps:
    def test_neighbours_that_share_an_edge_do_not_overlap(
        self, load: Load, registry: Registry
    ) -> None:
        counts = load(parcels(registry, overlaps="warn"), lots(lot(0, 0), lot(20, 0), lot(0, 20)))
        assert counts.warnings == {}
        assert counts.accepted == 3

    def test_the_later_row_is_named_with_the_area(
        self, store: Store, load: Load, registry: Registry
    ) -> None:
        counts = load(parcels(registry, overlaps="warn"), lots(lot(0, 0), lot(18, 0), lot(60, 0)))
        [found] = warnings(store, counts)
        assert (found["code"], found["row"]) == ("overlap", 2)
        assert found["key"] == {"unit_code": code(2)}
        assert found["m2"] == pytest.approx(40, rel=0.01)
        assert code(1) in found["zh"]
        assert code(1) in found["en"]
        assert counts.accepted == 3  # a warning costs no row its place

    def test_less_than_the_tolerance_is_nothing(self, load: Load, registry: Registry) -> None:
        layer = parcels(registry, overlaps={"min_area_m2": 50})
        assert load(layer, lots(lot(0, 0), lot(18, 0))).warnings == {}

    @pytest.mark.parametrize(
        "second", [lot(0, 0), lot(5, 5, 4, 4)], ids=["the same twice", "one inside the other"]
    )
    def test_pairs_whose_edges_never_cross(
        self, load: Load, registry: Registry, second: BaseGeometry
    ) -> None:
        layer = parcels(registry, overlaps="warn")
        assert load(layer, lots(lot(0, 0), second)).warnings == {"overlap": 1}

    def test_reject_refuses_the_later_and_not_a_third(
        self, store: Store, load: Load, registry: Registry
    ) -> None:
        """1 meets 2 and 2 meets 3: once 2 is gone, 3 is alone."""
        layer = parcels(registry, overlaps="reject")
        counts = load(layer, lots(lot(0, 0), lot(15, 0), lot(30, 0)))
        assert (counts.accepted, counts.quarantined) == (2, 1)
        assert counts.refused == {"overlap": 1}
        assert counts.warnings == {}
        [refused] = quarantine_rows(store, counts.delivery)
        assert (refused["row"], refused["code"]) == (2, "overlap")
        assert refused["raw"]["unit_code"] == code(2)

    def test_an_upsert_is_compared_with_what_stays(
        self, store: Store, load: Load, registry: Registry
    ) -> None:
        layer = parcels(registry, overlaps="warn")
        load(layer, lots(lot(0, 0), lot(100, 0)))
        new = [{"unit_code": code(9), "at": lot(10, 10)}]
        counts = load(layer, new, mode="upsert")
        assert [(w["code"], w["row"]) for w in warnings(store, counts)] == [("overlap", 1)]
        assert code(1) in warnings(store, counts)[0]["zh"]

    def test_an_upsert_that_moves_a_feature_away_is_not_compared_with_its_past(
        self, load: Load, registry: Registry
    ) -> None:
        layer = parcels(registry, overlaps="warn")
        load(layer, lots(lot(0, 0), lot(40, 0)))
        moved = [{"unit_code": code(1), "at": lot(10, 0)}]
        assert load(layer, moved, mode="upsert").warnings == {}

    def test_the_feature_of_a_refused_row_stays(
        self, store: Store, load: Load, registry: Registry
    ) -> None:
        """Full mode ends what it does not hold, but a refused row says its feature is there."""
        layer = parcels(registry, overlaps="reject")
        load(layer, lots(lot(0, 0), lot(20, 0)))
        counts = load(layer, lots(lot(0, 0), lot(15, 0)))
        assert (counts.closed, counts.kept, counts.refused) == (0, 1, {"overlap": 1})

    def test_a_layer_that_does_not_ask_is_not_looked_at(
        self, load: Load, registry: Registry
    ) -> None:
        counts = load(parcels(registry), lots(lot(0, 0), lot(15, 0)))
        assert counts.warnings == {}

    def test_off(self, load: Load, registry: Registry) -> None:
        assert load(parcels(registry, overlaps="off"), lots(lot(0, 0), lot(15, 0))).warnings == {}


def test_strips_find_what_one_piece_finds(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Overlaps and holes are the same however many strips they are looked for in."""
    rng = np.random.default_rng(5)
    shapes = [lot(20 * i, 20 * j) for i in range(12) for j in range(6) if (i, j) != (5, 3)]
    shapes += [lot(*rng.uniform(0, 220, 2), 7, 7) for _ in range(10)]
    seen = []
    for size in (10_000, 9):
        monkeypatch.setattr("gis.store.coverage.A_STRIP", size)
        with store.connection() as conn:
            conn.execute(
                "CREATE TEMP TABLE standing ON COMMIT DROP AS "
                "SELECT n AS id, ST_GeomFromWKB(g, 4490) AS geom "
                "FROM unnest(%s::bytea[]) WITH ORDINALITY AS t(g, n)",
                [[shape.wkb for shape in shapes]],
            )
            survey_coverage(conn, len(shapes))
            ids = conn.execute("SELECT DISTINCT id FROM suspect ORDER BY id").fetchall()
            holes = conn.execute("SELECT ST_AsText(ST_Normalize(geom), 9) FROM hole").fetchall()
            seen.append((ids, sorted(holes)))
    assert len(seen[0][1]) >= 1
    assert seen[0] == seen[1]


class TestGaps:
    def ring(self, hole: float) -> list[dict[str, Any]]:
        """Four lots around a square hole of that side."""
        h = hole
        return lots(
            lot(0, 0, 20 + h, 20), lot(20 + h, 0, 20, 20 + h), lot(20, 20 + h, 20 + h, 20),
            lot(0, 20, 20, 20 + h),
        )  # fmt: skip

    def test_a_small_hole_between_neighbours(
        self, store: Store, load: Load, registry: Registry
    ) -> None:
        counts = load(parcels(registry, gaps="warn"), self.ring(0.4))
        [found] = warnings(store, counts)
        assert found["code"] == "gap"
        assert found["m2"] == pytest.approx(0.16, rel=0.02)
        assert found["row"] in (1, 2, 3, 4)

    def test_what_rounding_leaves_is_no_gap(self, load: Load, registry: Registry) -> None:
        assert load(parcels(registry, gaps="warn"), self.ring(0.05)).warnings == {}

    def test_a_court_is_no_gap(self, load: Load, registry: Registry) -> None:
        assert load(parcels(registry, gaps="warn"), self.ring(30)).warnings == {}

    def test_the_ground_outside_is_no_gap(self, load: Load, registry: Registry) -> None:
        layer = parcels(registry, gaps="warn")
        assert load(layer, lots(lot(0, 0), lot(20, 0), lot(40.2, 0))).warnings == {}

    def test_an_upsert_around_a_feature_makes_no_gap_of_it(
        self, load: Load, registry: Registry
    ) -> None:
        layer = parcels(registry, gaps={"max_area_m2": 1000})
        middle = [{"unit_code": code(9), "at": lot(20, 20, 4, 4)}]
        load(layer, [*self.ring(4), *middle])
        assert load(layer, self.ring(4), mode="upsert").warnings == {}


class TestCounties:
    @pytest.fixture(autouse=True)
    def areas(self, load: Load, registry: Registry) -> None:
        def area(number: str, name: str, x: float) -> dict[str, Any]:
            shape = shapely.MultiPolygon([lot(x, 0, 5000, 5000)])
            return {"code": number, "name": name, "level": "county", "at": shape}

        rows = [area("411702", "驿城区", 0), area("411728", "遂平县", 5000)]
        load(registry.get("admin_areas"), rows)

    def test_a_parcel_in_another_county_than_its_code(
        self, store: Store, load: Load, registry: Registry
    ) -> None:
        layer = parcels(registry, own_county={"field": "unit_code", "margin_m": 500})
        rows = [
            {"unit_code": code(1), "at": lot(100, 100)},
            {"unit_code": code(2), "at": lot(5200, 100)},  # within the margin of the outline
            {"unit_code": code(3), "at": lot(8000, 100)},
            {"unit_code": code(4, "411728"), "at": lot(8000, 200)},
            {"unit_code": code(5, "410105"), "at": lot(100, 300)},
        ]
        found = [(w["row"], w["code"]) for w in warnings(store, load(layer, rows))]
        assert found == [(3, "other_county"), (5, "unknown_county")]
        texts = {w["row"]: w["zh"] for w in warnings(store, load(layer, rows))}
        assert "411702（驿城区）" in texts[3]
        assert "411728 遂平县" in texts[3]


class TestPipes:
    def points(self, load: Load, registry: Registry, **changed: Mapping[str, Any]) -> None:
        """A, B, C on a line, 50 m apart, ground 80 m, invert 2 m down, C a chamber."""
        rows = [
            {"point_id": name, "kind": "WS", "fixture": "JCJ" if name == "C" else None,
             "ground_m": 80.0, "depth_m": 2.0, "at": shapely.Point(at(x, 0, 78.0))}
            | dict(changed.get(name, {}))
            for name, x in (("A", 0), ("B", 50), ("C", 100))
        ]  # fmt: skip
        load(registry.get("pipe_points"), rows)

    def pipe(self, ends: str, shape: BaseGeometry, **fields: Any) -> dict[str, Any]:
        given = {"kind": "WS", "diameter_mm": 300, "from_depth_m": 2.0, "to_depth_m": 2.0}
        return given | {
            "pipe_id": f"P{ends}", "from_point": ends[0], "to_point": ends[1], "at": shape
        } | fields  # fmt: skip

    def found(self, store: Store, counts: Counts) -> list[tuple[str, str]]:
        return sorted(
            (w["code"], (w["key"] or {}).get("pipe_id", "")) for w in warnings(store, counts)
        )

    def test_ends(self, store: Store, load: Load, registry: Registry) -> None:
        self.points(load, registry)
        rows = [
            self.pipe("AB", line((0, 0, 78.0), (50, 0, 78.0))),
            self.pipe("BX", line((50, 0, 78.0), (60, 0, 78.0))),
            self.pipe("BC", line((50, 0, 78.0), (97, 0, 78.0))),
        ]
        layer = _with(registry.get("pipe_segments"), {"pipe_ends": "warn"})
        counts = load(layer, rows)
        assert self.found(store, counts) == [("dangling_end", "PBX"), ("end_away", "PBC")]
        [away] = [w["en"] for w in warnings(store, counts) if w["code"] == "end_away"]
        assert "to_point lies 2.99" in away or "to_point lies 3.00" in away

    def test_without_points_the_check_says_it_was_not_made(
        self, store: Store, load: Load, registry: Registry
    ) -> None:
        layer = _with(registry.get("pipe_segments"), {"pipe_ends": "warn"})
        counts = load(layer, [self.pipe("AB", line((0, 0, 78), (50, 0, 78)))])
        assert counts.warnings == {"not_checked": 1}

    def test_depths(self, store: Store, load: Load, registry: Registry) -> None:
        self.points(load, registry)
        rows = [
            self.pipe("AB", line((0, 0, 78.0), (50, 0, 78.0))),
            self.pipe("BC", line((50, 0, 78.0), (100, 0, 82.0))),  # depth taken for a height
            self.pipe("CA", line((100, 0, 78.0), (0, 0, 78.0)), from_depth_m=0.5),
        ]
        layer = _with(registry.get("pipe_segments"), {"pipe_depths": "warn"})
        found = self.found(store, load(layer, rows))
        assert found == [("above_surface", "PBC"), ("depth_differs", "PCA")]

    def test_a_point_without_depth_may_have_given_its_own_level(
        self, store: Store, load: Load, registry: Registry
    ) -> None:
        self.points(load, registry, A={"ground_m": 78.0, "depth_m": None})
        layer = _with(registry.get("pipe_segments"), {"pipe_depths": "warn"})
        assert load(layer, [self.pipe("AB", line((0, 0, 78), (50, 0, 78)))]).warnings == {}

    def test_sewers_fall(self, store: Store, load: Load, registry: Registry) -> None:
        rows = [
            self.pipe("AB", line((0, 0, 78.0), (50, 0, 77.9))),
            self.pipe("BC", line((50, 0, 77.9), (100, 0, 78.2))),
            self.pipe("CD", line((50, 0, 77.9), (100, 0, 78.2)), kind="JS"),  # under pressure
        ]
        layer = _with(registry.get("pipe_segments"), {"gravity_flow": "warn"})
        assert self.found(store, load(layer, rows)) == [("uphill", "PBC")]

    def test_crossings(self, store: Store, load: Load, registry: Registry) -> None:
        rows = [
            self.pipe("AB", line((0, 0, 78.0), (50, 0, 78.0))),
            self.pipe("CD", line((10, -10, 78.1), (10, 10, 78.1))),  # bodies meet
            self.pipe("EF", line((20, -10, 79.0), (20, 10, 79.0))),  # passes above
            self.pipe("AG", line((0, 0, 78.0), (0, 30, 78.0))),  # a common point
        ]
        layer = _with(registry.get("pipe_segments"), {"pipe_crossings": "warn"})
        assert self.found(store, load(layer, rows)) == [("pipes_collide", "PCD")]

    def test_chambers_are_joined(self, store: Store, load: Load, registry: Registry) -> None:
        self.points(load, registry)
        layer = _with(registry.get("pipe_segments"), {"manholes_joined": "warn"})
        ab = self.pipe("AB", line((0, 0, 78), (50, 0, 78)))
        bc = self.pipe("BC", line((50, 0, 78), (100, 0, 78)))
        counts = load(layer, [ab])
        [found] = warnings(store, counts)
        assert (found["code"], found["key"], found["row"]) == (
            "unjoined_chamber", {"point_id": "C"}, None,
        )  # fmt: skip
        assert load(layer, [ab, bc]).warnings == {}

    def test_reject_takes_the_row_out(self, store: Store, load: Load, registry: Registry) -> None:
        layer = _with(registry.get("pipe_segments"), {"gravity_flow": "reject"})
        counts = load(layer, [self.pipe("AB", line((0, 0, 78), (50, 0, 79)))], mode="upsert")
        assert (counts.accepted, counts.refused) == (0, {"uphill": 1})

    def test_a_layer_that_is_not_there(self, load: Load, registry: Registry) -> None:
        layer = _with(registry.get("pipe_segments"), {"pipe_ends": {"points": "no_points"}})
        with pytest.raises(LayerError) as told:
            load(layer, [self.pipe("AB", line((0, 0, 78), (50, 0, 78)))])
        assert told.value.facts["layer"] == "no_points"


def test_warnings_are_in_the_report_and_go_with_a_dry_run(
    store: Store, registry: Registry, tmp_path: Any
) -> None:
    """From the file on: rows' remarks and set findings, in the report's JSON."""
    shapes = [lot(0, 0), lot(15, 0), lot(60, 0, 20, 0.05)]
    path = tmp_path / "宗地.csv"
    table = ["不动产单元代码,WKT"]
    table += [f'{code(n)},"{s.wkt}"' for n, s in enumerate(shapes, 1)]
    path.write_text("\n".join(table) + "\n", "utf-8")
    request = IngestRequest(path=path, layer="parcels", crs="EPSG:4490", dry_run=True)
    told = {"not_checked": 1, "overlap": 1, "sliver": 1}
    assert ingest(store, registry, request, {}).warnings == told
    with store.reading() as conn:
        assert conn.execute("SELECT count(*) FROM onemap.warning").fetchone() == (0,)
    done = ingest(store, registry, replace(request, dry_run=False), {})
    assert done.warnings == told
    assert done.quarantined == 0
    assert done.delivery is not None
    report = quality_of(store, done.delivery)
    by_code = {w["code"]: w for w in report.to_json()["warnings"]}
    assert by_code["sliver"]["examples"][0]["row"] == 3
    assert by_code["sliver"]["examples"][0]["key"] == {"unit_code": code(3)}
    assert {name for name, _ in report.warned_at} == {"sliver", "overlap"}
    assert all(w.examples == () for w in report.without_examples().warnings)
    page = report_page(store, registry, report)
    assert code(3) in page
    assert "不得重叠 no overlaps（警告 warns）" in page
    assert "狭长图斑" in page
    assert code(3) not in report_page(store, registry, report.without_examples())


def test_a_remark_on_a_row_the_store_refuses_is_dropped(
    store: Store, registry: Registry, tmp_path: Any
) -> None:
    path = tmp_path / "宗地.csv"
    thin = lot(60, 0, 20, 0.05).wkt
    path.write_text(
        f'不动产单元代码,WKT\n{code(1)},"{lot(0, 0).wkt}"\n{code(1)},"{thin}"\n', "utf-8"
    )
    done = ingest(store, registry, IngestRequest(path=path, layer="parcels", crs="EPSG:4490"), {})
    assert done.reasons == {"duplicate_key": 1}
    assert "sliver" not in done.warnings


def test_a_column_that_is_nearly_a_field_is_told_once_and_kept(
    store: Store, registry: Registry, tmp_path: Any
) -> None:
    path = tmp_path / "宗地.csv"
    table = ["不动产单元代码,WKT,权利人名称,备注"]
    table += [f'{code(n)},"{lot(40 * n, 0).wkt}",甲,乙' for n in (1, 2)]
    path.write_text("\n".join(table) + "\n", "utf-8")
    done = ingest(store, registry, IngestRequest(path=path, layer="parcels", crs="EPSG:4490"), {})
    assert done.warnings["unmapped_column"] == 1
    assert done.delivery is not None
    [found] = [w for w in quality_of(store, done.delivery).warnings if w.code == "unmapped_column"]
    assert found.examples[0]["row"] is None
    assert found.fields == ("holder",)
    with store.reading() as conn:
        kept = conn.execute("SELECT extra FROM gis.parcels").fetchall()
    assert kept == [({"权利人名称": "甲", "备注": "乙"},)] * 2
