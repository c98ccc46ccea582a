"""The one builder: items, counts, rows and history say the same, and use the index."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
import pytest
import shapely
from store_trials import day, make_layer

from gis.coords import Frame, find_transformation, norm_frame
from gis.errors import Busy, LayerError, UnknownFrame
from gis.layers.model import Layer
from gis.store import (
    Instant,
    Interval,
    LayerQuery,
    Store,
    count,
    history,
    item,
    items,
    parse_datetime,
    rows,
)
from gis.store.query import COUNT_BOUND, items_statement
from gis.store.tables import ensure_layer

SIZE = 20  # trees on a grid of SIZE × SIZE, 0.001° apart


def grid(height: float = 1.0) -> list[dict[str, Any]]:
    return [
        {
            "tree_id": f"t{i:03}",
            "kind": ("oak", "elm", "ash")[i % 3],
            "height_m": height + i if i % 10 else None,
            "rings": i,
            "protected": i % 2 == 0,
            "at": (114 + (i % SIZE) * 0.001, 33 + (i // SIZE) * 0.001),
        }
        for i in range(SIZE * SIZE)
    ]


@pytest.fixture
def wood(trees: Layer, deliver) -> Layer:
    """400 trees as of day 1; on day 3 the first is gone and the second taller."""
    deliver(grid(), as_of=day(1))
    later = grid()[1:]
    later[0] |= {"height_m": 99.0}
    deliver(later, as_of=day(3))
    return trees


def ids(store: Store, q: LayerQuery) -> list[str]:
    return [json.loads(text)["properties"]["tree_id"] for text in items(store, q).features]


# --- conditions ------------------------------------------------------------------------


def test_bbox_is_exact_at_its_edge(store: Store, wood: Layer) -> None:
    inside = LayerQuery(layer=wood, bbox=(114.0005, 33.0005, 114.0025, 33.0015))
    assert sorted(ids(store, inside)) == ["t021", "t022"]
    on_edge = LayerQuery(layer=wood, bbox=(114.002, 33.001, 114.002, 33.001))
    assert ids(store, on_edge) == ["t022"]
    # 1e-7 degrees (a centimetre) beside it: the 32-bit boxes of an index would say yes
    beside = LayerQuery(layer=wood, bbox=(114.0020001, 33.0009, 114.0029, 33.0011))
    assert ids(store, beside) == []
    assert count(store, beside) == 0


def test_bbox_over_the_date_line(store: Store, trees: Layer, deliver) -> None:
    deliver(
        [{"tree_id": "west", "at": (-179, 0)}, {"tree_id": "east", "at": (179, 0)},
         {"tree_id": "far", "at": (0, 0)}]
    )  # fmt: skip
    assert sorted(ids(store, LayerQuery(layer=trees, bbox=(178, -1, -178, 1)))) == ["east", "west"]


def test_within_an_area(store: Store, wood: Layer) -> None:
    area = shapely.Polygon([(114.0005, 33.0005), (114.0025, 33.0005), (114.0005, 33.0025)])
    expected = {
        tree["tree_id"] for tree in grid() if shapely.intersects(area, shapely.Point(tree["at"]))
    }
    assert set(ids(store, LayerQuery(layer=wood, within=area))) == expected != set()


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"tree_id": "t007"}, 1),
        ({"kind": "oak"}, 133),
        ({"rings": "12"}, 1),
        ({"rings": 12, "kind": "elm"}, 0),
        ({"height_m": "13.0"}, 1),
        ({"height_m": None}, 39),
        ({"protected": "true"}, 199),
        ({"planted_on": "2020-01-01"}, 0),
        ({"tree_id": "'; DROP TABLE gis.trees; --"}, 0),
        ({"tree_id": "%s {} %(at)s"}, 0),
    ],
)
def test_where(store: Store, wood: Layer, where: dict, expected: int) -> None:
    q = LayerQuery(layer=wood, where=where)
    assert count(store, q) == len(items(store, q).features) == len(rows(store, q)) == expected


@pytest.mark.parametrize(
    "where",
    [{"nope": 1}, {"rings": "many"}, {"rings": 2**63}, {"planted_on": "spring"},
     {"tree_id": "a\x00b"}, {"protected": "perhaps"}],
)  # fmt: skip
def test_what_the_layer_has_not_is_named(store: Store, wood: Layer, where: dict) -> None:
    with pytest.raises(LayerError) as caught:
        items(store, LayerQuery(layer=wood, where=where))
    assert caught.value.field == next(iter(where))


@pytest.mark.parametrize(
    "wrong",
    [{"bbox": (1, 2, 3, float("nan"))}, {"bbox": (1, 3, 2, 2)}, {"limit": -1}, {"offset": -1},
     {"offset": 2**63}],
)  # fmt: skip
def test_impossible_queries_are_refused(trees: Layer, wrong: dict) -> None:
    with pytest.raises(LayerError):
        LayerQuery(layer=trees, **wrong)


# --- pages -----------------------------------------------------------------------------


def test_pages_cover_everything_once(store: Store, wood: Layer) -> None:
    seen: list[str] = []
    for offset in range(0, 500, 50):
        page = items(store, LayerQuery(layer=wood, limit=50, offset=offset))
        assert page.matched == 399
        seen += [json.loads(text)["properties"]["tree_id"] for text in page.features]
    assert sorted(seen) == [tree["tree_id"] for tree in grid()[1:]]


def test_sorting(store: Store, wood: Layer) -> None:
    q = LayerQuery(layer=wood, sortby=(("height_m", "desc"), ("tree_id", "asc")))
    expected = sorted(
        ((t["height_m"], t["tree_id"]) for t in grid()[2:] if t["height_m"] is not None),
        key=lambda pair: (-pair[0], pair[1]),
    )
    found = ids(store, q)
    expected = sorted([*expected, (99.0, "t001")], key=lambda pair: (-pair[0], pair[1]))
    assert found[:360] == [name for _, name in expected]
    assert len(found) == 399
    heights = rows(store, q).columns["height_m"]
    assert heights[-39:] == [None] * 39
    with pytest.raises(LayerError):
        items(store, LayerQuery(layer=wood, sortby=(("nope", "asc"),)))


def test_matched_is_exact_to_a_bound_and_then_silent(
    store: Store, trees: Layer, deliver, monkeypatch
) -> None:
    deliver(grid())
    monkeypatch.setattr("gis.store.query.COUNT_BOUND", 100)
    oaks = LayerQuery(layer=trees, where={"kind": "oak"}, limit=5)
    assert items(store, oaks).matched is None
    assert items(store, LayerQuery(layer=trees, where={"rings": 4}, limit=5)).matched == 1
    monkeypatch.setattr("gis.store.query.COUNT_BOUND", COUNT_BOUND)
    assert items(store, oaks).matched == 134
    assert items(store, LayerQuery(layer=trees, limit=5)).matched == 400
    assert items(store, LayerQuery(layer=trees, limit=0)).matched == 400
    assert items(store, LayerQuery(layer=trees, limit=5, offset=1000)).matched == 400


# --- what a feature says ---------------------------------------------------------------


def test_a_feature_is_geojson(store: Store, wood: Layer) -> None:
    (text,) = items(store, LayerQuery(layer=wood, where={"tree_id": "t001"})).features
    feature = json.loads(text)
    key = rows(store, LayerQuery(layer=wood, where={"tree_id": "t001"})).key[0]
    assert feature == {
        "type": "Feature",
        "id": key,
        "geometry": {"type": "Point", "coordinates": [114.001, 33.0]},
        "properties": {
            **dict.fromkeys(wood.field_names),
            "tree_id": "t001",
            "kind": "elm",
            "height_m": 99.0,
            "rings": 1,
            "protected": False,
            "valid_from": "2024-01-03T08:00:00+08:00",
            "valid_to": None,
        },
    }
    assert item(store, wood, int(key)) == text
    then = json.loads(item(store, wood, int(key), Instant(day(2))) or "")
    assert then["properties"]["height_m"] == 2.0
    assert then["properties"]["valid_to"] == "2024-01-03T08:00:00+08:00"
    assert item(store, wood, int(key), Instant(datetime(2000, 1, 1, tzinfo=UTC))) is None
    assert item(store, wood, 10**30) is None


def test_only_what_was_asked_for(store: Store, wood: Layer) -> None:
    q = LayerQuery(layer=wood, limit=1, fields=("rings", "valid_from"), geometry=False)
    feature = json.loads(items(store, q).features[0])
    assert set(feature["properties"]) == {"rings", "valid_from"}
    assert feature["geometry"] is None
    assert rows(store, q.__class__(layer=wood, limit=1, fields=("rings",))).columns.keys() == {
        "rings"
    }
    with pytest.raises(LayerError):
        items(store, LayerQuery(layer=wood, fields=("geom",)))


@pytest.mark.parametrize("srid", [4547, 4526, 4326, 3857, 32650])
def test_other_frames_keep_east_first(store: Store, wood: Layer, srid: int) -> None:
    """PROJ through our own coords room is the second implementation."""
    q = LayerQuery(layer=wood, where={"tree_id": "t050"}, srid=srid)
    x, y = json.loads(items(store, q).features[0])["geometry"]["coordinates"]
    here = np.array([[114.010, 33.002]])
    if srid in (4326, 3857, 32650):  # CGCS2000 is taken as WGS 84 there
        source, target = norm_frame(4326), norm_frame(srid)
    else:
        source, target = norm_frame(4490), norm_frame(srid)
    assert isinstance(target, Frame)
    expected = here if srid == 4326 else find_transformation(source, target).apply(here)
    assert np.abs(np.array([x, y]) - expected[0]).max() < (1e-9 if srid == 4326 else 1e-3)
    with pytest.raises(UnknownFrame):
        items(store, LayerQuery(layer=wood, srid=999_999))


def test_digits(store: Store, trees: Layer, deliver) -> None:
    deliver([{"tree_id": "a", "at": (114.123456789123, 33.5)}])
    q = LayerQuery(layer=trees, digits=6)
    assert json.loads(items(store, q).features[0])["geometry"]["coordinates"] == [114.123457, 33.5]
    plane = items(store, LayerQuery(layer=trees, srid=4547)).features[0]
    x = plane.split('"coordinates":[')[1].split(",")[0]
    assert len(x.split(".")[1]) <= 4


# --- time ------------------------------------------------------------------------------


def test_an_interval_gives_every_version_that_overlaps(store: Store, wood: Layer) -> None:
    def versions(start: datetime | None, end: datetime | None) -> int:
        q = LayerQuery(layer=wood, when=Interval(start, end), where={"tree_id": "t001"})
        return count(store, q)

    second = timedelta(seconds=1)
    assert versions(None, None) == 2
    assert versions(None, day(3) - second) == 1
    assert versions(None, day(3)) == 2  # the end is included
    assert versions(day(3), None) == 1  # the old version ended before
    assert versions(day(3) - second, None) == 2
    assert versions(None, day(1) - second) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-20", Instant(datetime(2024, 5, 19, 16, tzinfo=UTC))),
        ("2024-05-20T08:00:00Z", Instant(datetime(2024, 5, 20, 8, tzinfo=UTC))),
        ("2024-05-20T08:00:00 08:00", Instant(datetime(2024, 5, 20, tzinfo=UTC))),
        ("2024-05-20T08:00:00", Instant(datetime(2024, 5, 20, tzinfo=UTC))),
        ("../2024-05-20", Interval(None, datetime(2024, 5, 19, 16, tzinfo=UTC))),
        ("2024-05-20/", Interval(datetime(2024, 5, 19, 16, tzinfo=UTC), None)),
        ("../..", Interval(None, None)),
    ],
)
def test_datetimes_are_read(text: str, expected: object) -> None:
    assert parse_datetime(text, "Asia/Shanghai") == expected


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2024-13-01", "2024", "a/b", "1/2/3", "2024-02-01/2024-01-01",
             "2024-01-01T25:00:00Z", "0001-01-01"]
)  # fmt: skip
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(LayerError):
        parse_datetime(text, "Asia/Shanghai")


def test_history_is_newest_first(store: Store, wood: Layer) -> None:
    key = int(rows(store, LayerQuery(layer=wood, where={"tree_id": "t001"})).key[0])
    new, old = history(store, wood, key)
    assert (old["valid_from"], old["valid_to"], new["valid_to"]) == (day(1), day(3), None)
    assert old["properties"]["height_m"] == 2.0
    assert new["geometry"]["coordinates"] == [114.001, 33.0]
    assert (old["closed_by"], new["closed_by"]) == (new["opened_by"], None)
    assert history(store, wood, 10**6) == []


# --- values ----------------------------------------------------------------------------


def test_rows_are_values(store: Store, wood: Layer) -> None:
    found = rows(store, LayerQuery(layer=wood, limit=3, sortby=(("rings", "asc"),)))
    assert found.columns["rings"] == [1, 2, 3]
    assert shapely.get_coordinates(found.geometry).tolist()[0] == [114.001, 33.0]
    assert found.valid_from[1:] == [day(1)] * 2
    assert found.valid_to == [None] * 3
    assert found.accuracy_m == pytest.approx([0.1] * 3)
    assert found.key.dtype == found.version_id.dtype == np.int64
    nothing = rows(store, LayerQuery(layer=wood, where={"tree_id": "x"}))
    assert (len(nothing), nothing.columns["rings"], nothing.geometry.tolist()) == (0, [], [])
    no_shape = rows(store, LayerQuery(layer=wood, limit=1, geometry=False, fields=()))
    assert (no_shape.geometry.tolist(), no_shape.columns) == ([None], {})


def test_heights_come_back(store: Store, deliver) -> None:
    layer = make_layer(id="deep", geometry="LineStringZ")
    with store.connection() as conn:
        ensure_layer(conn, layer)
    line = shapely.LineString([(114, 33, 79.25), (114.001, 33, 78.5)])
    deliver([{"tree_id": "a", "at": line}], layer)
    found = rows(store, LayerQuery(layer=layer))
    assert shapely.get_coordinates(found.geometry, include_z=True)[:, 2].tolist() == [79.25, 78.5]
    feature = json.loads(items(store, LayerQuery(layer=layer, srid=4547)).features[0])
    assert feature["geometry"]["coordinates"][0][2] == 79.25


# --- latest values ---------------------------------------------------------------------


def test_latest_values_now_and_then(store: Store, deliver) -> None:
    layer = make_layer(id="sensors", latest_of="tree_id")
    with store.connection() as conn:
        ensure_layer(conn, layer)
        conn.execute(
            "INSERT INTO onemap.observation (datastream, time, value) VALUES "
            "('a', '2024-01-02Z', 1.5), ('a', '2024-01-04Z', 2.5)"
        )
        conn.execute("INSERT INTO onemap.observation_latest VALUES ('a', '2024-01-04Z', 2.5)")
    deliver([{"tree_id": "a"}, {"tree_id": "b"}], layer, as_of=day(1))

    def latest(when: Any = None) -> list[float | None]:
        found = rows(store, LayerQuery(layer=layer, when=when, sortby=(("tree_id", "asc"),)))
        page = items(store, LayerQuery(layer=layer, when=when, sortby=(("tree_id", "asc"),)))
        told = [json.loads(text)["properties"] for text in page.features]
        assert [p["latest_value"] for p in told] == found.columns["latest_value"]
        assert [p["latest_time"] is None for p in told] == [
            time is None for time in found.columns["latest_time"]
        ]
        return found.columns["latest_value"]

    assert latest() == [2.5, None]
    assert latest(Instant(day(3))) == [1.5, None]
    assert latest(Instant(day(2) - timedelta(seconds=1))) == [None, None]
    assert latest(Interval(day(1), day(3))) == [1.5, None]
    assert latest(Interval(day(1), None)) == [2.5, None]


# --- speed is a property of the plan ---------------------------------------------------


@pytest.mark.parametrize(
    ("when", "index"), [(None, "trees_current"), (Instant(day(1)), "trees_all")]
)
def test_a_small_bbox_uses_the_spatial_index(
    store: Store, trees: Layer, deliver, when: Any, index: str
) -> None:
    random = np.random.default_rng(1)
    scattered = [
        {"tree_id": str(i), "at": at} for i, at in enumerate(random.uniform(0, 40, (5000, 2)))
    ]
    deliver(scattered, as_of=day(1))
    q = LayerQuery(layer=trees, when=when, bbox=(10, 10, 10.1, 10.1), limit=10)
    statement, params = items_statement(q)
    with store.reading() as conn:
        plan = "\n".join(
            line for (line,) in conn.execute(b"EXPLAIN " + statement.as_bytes(conn), params)
        )
    assert index in plan, plan


def test_a_first_page_reads_in_key_order_without_sorting(
    store: Store, trees: Layer, deliver
) -> None:
    deliver([{"tree_id": str(i), "at": (100 + i / 1000, 20)} for i in range(5000)])
    statement, params = items_statement(LayerQuery(layer=trees, limit=10))
    with store.reading() as conn:
        plan = "\n".join(
            line for (line,) in conn.execute(b"EXPLAIN " + statement.as_bytes(conn), params)
        )
    assert "trees_one_current" in plan, plan
    assert "Sort" not in plan, plan


def test_a_slow_statement_is_cut_off(store: Store, trees: Layer, deliver) -> None:
    with (
        Store.open(store.url, timeout_s=0.05) as serving,
        pytest.raises(Busy),
        serving.reading() as conn,
    ):
        conn.execute("SELECT pg_sleep(5)")


def test_a_read_only_store_cannot_write(store: Store, trees: Layer) -> None:
    with (
        Store.open(store.url, read_only=True) as serving,
        serving.pool.connection() as conn,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        conn.execute("DELETE FROM gis.trees")
