"""Deliveries: the identities, the modes, time, undo, and what is the same."""

from __future__ import annotations

import math
import threading
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
import shapely
from psycopg.sql import SQL, Identifier
from store_trials import day, make_head, make_layer, make_rows

from gis.coords import place_code
from gis.errors import Busy, Conflict, LayerError, StoreError, UnknownFrame, UnknownLayer
from gis.layers.batch import Reject
from gis.layers.model import Layer
from gis.store import (
    Instant,
    LayerQuery,
    Store,
    begin,
    count,
    history,
    list_deliveries,
    quarantine_rows,
    quarantine_summary,
    rows,
    show_delivery,
    undo,
    version_at,
)
from gis.store.tables import ensure_layer

OAK = {"tree_id": "oak", "kind": "oak", "height_m": 12.5, "at": (114.0, 33.0)}
ELM = {"tree_id": "elm", "kind": "elm", "height_m": 8.0, "at": (114.01, 33.0)}
ASH = {"tree_id": "ash", "kind": "ash", "height_m": 3.0, "at": (114.02, 33.0)}


def names(store: Store, layer: Layer, when: Instant | None = None) -> dict[str, float]:
    found = rows(store, LayerQuery(layer=layer, when=when))
    return dict(zip(found.columns["tree_id"], found.columns["height_m"], strict=True))


def figures(counts) -> tuple[int, int, int, int]:
    assert counts.accepted == counts.new + counts.changed + counts.unchanged
    return counts.new, counts.changed, counts.unchanged, counts.closed


def test_every_type_comes_back_as_it_went_in(store: Store, trees: Layer, deliver) -> None:
    tree = {
        "tree_id": "柳\t\\N\n\\",
        "kind": "\\N",
        "height_m": 0.1 + 0.2,
        "rings": -(2**62),
        "protected": False,
        "planted_on": date(1999, 12, 31),
        "seen_at": datetime(2024, 1, 1, 8, tzinfo=UTC),
        "at": (114.123456789012, 33.000000000001),
        "extra": {"备注": 'a "quoted"\t\\ text', "数": [1, None]},
    }
    empty = {"tree_id": "\\", "at": (0.0, 0.0)}
    deliver([tree, empty])
    found = rows(store, LayerQuery(layer=trees))
    for name in trees.field_names:
        assert found.columns[name] == [empty.get(name), tree[name]]  # neighbours first
    assert shapely.equals_exact(found.geometry[1], shapely.Point(tree["at"]))
    assert history(store, trees, 1)[0]["extra"] is None
    assert history(store, trees, 2)[0]["extra"] == tree["extra"]
    assert history(store, trees, 2)[0]["place_code"] == place_code(*tree["at"])


def test_full_delivery_counts(store: Store, trees: Layer, deliver) -> None:
    assert figures(deliver([OAK, ELM], as_of=day(1))) == (2, 0, 0, 0)
    taller = OAK | {"height_m": 13.0}
    assert figures(deliver([taller, ASH], as_of=day(2))) == (1, 1, 0, 1)
    assert names(store, trees) == {"oak": 13.0, "ash": 3.0}
    assert names(store, trees, Instant(day(1))) == {"oak": 12.5, "elm": 8.0}
    assert names(store, trees, Instant(day(2) - timedelta(seconds=1))) == {"oak": 12.5, "elm": 8.0}
    assert names(store, trees, Instant(day(2))) == {"oak": 13.0, "ash": 3.0}
    assert count(store, LayerQuery(layer=trees)) == 2


def test_the_same_delivery_twice_changes_nothing(store: Store, trees: Layer, deliver) -> None:
    deliver([OAK, ELM], as_of=day(1))
    before = history(store, trees, 1)
    assert figures(deliver([OAK, ELM], as_of=day(2))) == (0, 0, 2, 0)
    assert history(store, trees, 1) == before


def test_upsert_leaves_the_rest(store: Store, trees: Layer, deliver) -> None:
    deliver([OAK, ELM], as_of=day(1))
    counts = deliver([OAK | {"height_m": 14.0}, ASH], as_of=day(2), mode="upsert")
    assert figures(counts) == (1, 1, 0, 0)
    assert names(store, trees) == {"oak": 14.0, "elm": 8.0, "ash": 3.0}


def test_delete_ends_what_it_names_once(store: Store, trees: Layer, deliver) -> None:
    deliver([OAK, ELM], as_of=day(1))
    assert figures(deliver([OAK, ASH], as_of=day(2), mode="delete")) == (0, 1, 1, 1)
    assert names(store, trees) == {"elm": 8.0}
    assert figures(deliver([OAK, ASH], as_of=day(3), mode="delete")) == (0, 0, 2, 0)


def test_a_number_stays_with_its_business_key(store: Store, trees: Layer, deliver) -> None:
    deliver([OAK, ELM], as_of=day(1))
    first = rows(store, LayerQuery(layer=trees, where={"tree_id": "oak"})).key
    deliver([ELM], as_of=day(2))
    deliver([ASH, ELM, OAK | {"kind": "beech"}], as_of=day(3))
    found = rows(store, LayerQuery(layer=trees))
    assert rows(store, LayerQuery(layer=trees, where={"tree_id": "oak"})).key == first
    assert len(set(found.key.tolist())) == 3
    spans = [(v["valid_from"], v["valid_to"]) for v in history(store, trees, int(first[0]))]
    assert spans == [(day(3), None), (day(1), day(2))]


def test_a_key_of_two_fields(store: Store, deliver) -> None:
    layer = make_layer(id="numbered_trees", key=("kind", "rings"))
    with store.connection() as conn:
        ensure_layer(conn, layer)
    pair = [{"kind": "oak", "rings": 1, "tree_id": "a"}, {"kind": "oak", "rings": 2}]
    assert figures(deliver(pair, layer, as_of=day(1))) == (2, 0, 0, 0)
    pair[0]["tree_id"] = "b"
    assert figures(deliver(pair, layer, as_of=day(2))) == (0, 1, 1, 0)


# --- what is the same ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("east_m", "same"), [(0.0, True), (0.004, True), (0.009, True), (0.011, False), (1.0, False)]
)
def test_points_within_a_centimetre_are_the_same(deliver, east_m: float, same: bool) -> None:
    deliver([OAK], as_of=day(1))
    moved = OAK | {"at": (114.0 + east_m / 111_320, 33.0)}
    assert deliver([moved], as_of=day(2)).unchanged == (1 if same else 0)


def test_slow_drift_is_noticed(deliver) -> None:
    """The stored geometry is the yardstick, so small steps add up."""
    deliver([OAK], as_of=day(1))
    steps = [
        deliver([OAK | {"at": (114.0 + n * 0.008 / 111_320, 33.0)}], as_of=day(n + 1)).changed
        for n in range(1, 5)
    ]
    assert steps == [0, 1, 0, 1]


@pytest.mark.parametrize("kind", ["Polygon", "MultiPolygon", "LineStringZ"])
def test_a_re_export_with_other_digits_is_unchanged(store: Store, deliver, kind: str) -> None:
    layer = make_layer(id=f"re_{kind.lower()}", geometry=kind, accuracy_m=0.1)
    with store.connection() as conn:
        ensure_layer(conn, layer)
    ring = [(114 + math.cos(a) / 3e3, 33 + math.sin(a) / 3e3) for a in (0.1, 1, 2, 3, 4, 5.1)]
    shape = {
        "Polygon": shapely.Polygon(ring),
        "MultiPolygon": shapely.MultiPolygon([(ring, [])]),
        "LineStringZ": shapely.LineString([(*xy, 80.0 + i) for i, xy in enumerate(ring)]),
    }[kind]
    rounded = shapely.transform(shape, lambda xyz: xyz.round(8), include_z=shape.has_z)
    assert not shapely.equals_exact(shape, rounded)
    deliver([{"tree_id": "a", "at": shape}], layer, as_of=day(1))
    assert deliver([{"tree_id": "a", "at": rounded}], layer, as_of=day(2)).unchanged == 1
    if kind == "Polygon":  # other software may begin the ring elsewhere, or turn it round
        turned = shapely.Polygon([*ring[3:], *ring[:3]][::-1])
        assert deliver([{"tree_id": "a", "at": turned}], layer, as_of=day(3)).unchanged == 1
        more = shapely.Polygon([*ring, (114.0, 33.0)])
        assert deliver([{"tree_id": "a", "at": more}], layer, as_of=day(4)).changed == 1
    if kind == "LineStringZ":
        lower = shapely.transform(shape, lambda xyz: xyz - (0, 0, 0.05), include_z=True)
        assert deliver([{"tree_id": "a", "at": lower}], layer, as_of=day(3)).changed == 1


def test_a_change_in_another_column_of_the_department_counts(deliver) -> None:
    deliver([OAK | {"extra": {"备注": "a", "b": 1}}], as_of=day(1))
    assert deliver([OAK | {"extra": {"b": 1, "备注": "a"}}], as_of=day(2)).unchanged == 1
    assert deliver([OAK | {"extra": {"备注": "b", "b": 1}}], as_of=day(3)).changed == 1


def test_a_new_field_does_not_change_every_row(store: Store, trees: Layer, deliver) -> None:
    deliver([OAK], as_of=day(1))
    from gis.layers.model import Field

    wider = make_layer(
        fields=(*trees.fields, Field(name="owner_name", title=trees.title, type="text"))
    )
    with store.connection() as conn:
        ensure_layer(conn, wider)
    assert deliver([OAK], wider, as_of=day(2)).unchanged == 1


# --- time ------------------------------------------------------------------------------


def test_late_and_future_deliveries_are_refused(store: Store, trees: Layer, deliver) -> None:
    deliver([OAK], as_of=day(5))
    with pytest.raises(Conflict) as caught:
        deliver([ELM], as_of=day(4))
    assert caught.value.newest_as_of == day(5)
    with pytest.raises(Conflict) as caught:
        deliver([ELM], as_of=datetime.now(UTC) + timedelta(hours=1))
    assert names(store, trees) == {"oak": 12.5}
    assert len(list_deliveries(store)) == 1


def test_a_second_delivery_of_the_same_date_corrects_it(
    store: Store, trees: Layer, deliver
) -> None:
    deliver([OAK, ELM], as_of=day(1))
    second = deliver([OAK | {"height_m": 15.0}], as_of=day(1))
    assert figures(second) == (0, 1, 0, 1)
    assert names(store, trees, Instant(day(1))) == names(store, trees) == {"oak": 15.0}
    undo(store, second.delivery)
    assert names(store, trees, Instant(day(1))) == names(store, trees) == {"oak": 12.5, "elm": 8.0}


def test_without_a_date_it_is_now(store: Store, trees: Layer, deliver) -> None:
    before = datetime.now(UTC)
    counts = deliver([OAK])
    assert before <= counts.as_of <= datetime.now(UTC)


def test_version_at_names_the_delivery(store: Store, trees: Layer, deliver) -> None:
    first, second = deliver([OAK], as_of=day(1)), deliver([ELM], as_of=day(3))
    at = [version_at(store, trees, Instant(day(n))) for n in (1, 2, 3)]
    assert at == [first.delivery, first.delivery, second.delivery]
    assert version_at(store, trees) == second.delivery
    assert version_at(store, trees, Instant(datetime(2020, 1, 1, tzinfo=UTC))) == 0


# --- undo ------------------------------------------------------------------------------


def everything(store: Store, layer: Layer) -> list[tuple]:
    with store.reading() as conn:
        statement = SQL(
            "SELECT version_id, key, valid::text, opened_by, closed_by, height_m FROM {} "
            "ORDER BY version_id"
        )
        return conn.execute(statement.format(Identifier("gis", layer.id))).fetchall()


def test_undo_restores_the_state_and_stays_on_record(store: Store, trees: Layer, deliver) -> None:
    deliver([OAK, ELM], as_of=day(1))
    before = everything(store, trees)
    for mode in ("full", "upsert", "delete"):
        counts = deliver([OAK | {"height_m": 20.0}, ASH], as_of=day(2), mode=mode)
        assert everything(store, trees) != before
        line = undo(store, counts.delivery)
        assert line["undone_at"] is not None
        assert everything(store, trees) == before
        assert count(store, LayerQuery(layer=trees)) == 2
        with pytest.raises(Conflict):
            undo(store, counts.delivery)
    assert [d["undone_at"] is None for d in list_deliveries(store, "trees")] == [False] * 3 + [True]


def test_only_the_newest_can_be_undone(store: Store, deliver) -> None:
    first, second = deliver([OAK], as_of=day(1)), deliver([ELM], as_of=day(2))
    with pytest.raises(Conflict) as caught:
        undo(store, first.delivery)
    assert caught.value.newest == second.delivery
    undo(store, second.delivery)
    undo(store, first.delivery)
    with pytest.raises(StoreError):
        undo(store, 999)


def test_an_undone_delivery_no_longer_blocks_earlier_dates(store: Store, deliver) -> None:
    undo(store, deliver([OAK], as_of=day(9)).delivery)
    assert deliver([OAK], as_of=day(1)).new == 1


# --- what is refused -------------------------------------------------------------------


def test_rejects_are_on_record(store: Store, trees: Layer) -> None:
    rejects = [
        Reject(row=2, code="bad_type", zh="高度不是数", en="not a number", field="height_m",
               raw={"高度": "十\x00二", "n": 2**70, "坏": "\udcd6"}, wkt="POINT (1 2)"),
        Reject(row=7, code="null_geometry", zh="没有\t几何\\", en="no geometry"),
    ]  # fmt: skip
    with begin(store, make_head(trees, as_of=day(1))) as loading:
        loading.reject(rejects)
        loading.add(make_rows(trees, [OAK]))
        counts = loading.apply()
    assert (counts.accepted, counts.quarantined) == (1, 2)
    found = quarantine_rows(store, counts.delivery)
    assert [(r["row"], r["code"], r["field"], r["wkt"]) for r in found] == [
        (2, "bad_type", "height_m", "POINT (1 2)"),
        (7, "null_geometry", None, None),
    ]
    assert found[0]["raw"] == {"高度": "十\ufffd二", "n": 2**70, "坏": "?"}
    assert found[1]["zh"] == "没有\t几何\\"
    assert found[0]["frame"] == "EPSG:4490"
    assert {line["code"]: line["rows"] for line in quarantine_summary(store)} == {
        "bad_type": 1,
        "null_geometry": 1,
    }
    assert show_delivery(store, counts.delivery)["quarantined"] == 2


def test_a_key_given_twice_keeps_the_first_row(store: Store, trees: Layer) -> None:
    with begin(store, make_head(trees, as_of=day(1))) as loading:
        loading.add(make_rows(trees, [OAK, ELM]))
        again = [OAK | {"height_m": 99.0, "row": 3}, OAK | {"row": 4}]
        loading.add(make_rows(trees, again))
        counts = loading.apply()
    assert figures(counts) == (2, 0, 0, 0)
    assert counts.quarantined == 2
    assert names(store, trees) == {"oak": 12.5, "elm": 8.0}
    found = quarantine_rows(store, counts.delivery)
    assert [(r["row"], r["code"]) for r in found] == [(3, "duplicate_key"), (4, "duplicate_key")]
    assert found[0]["raw"] == {"tree_id": "oak", "kind": "oak", "height_m": 99.0}
    assert "1" in found[0]["zh"]


def test_a_full_delivery_of_nothing_good_is_refused(store: Store, trees: Layer, deliver) -> None:
    deliver([OAK], as_of=day(1))
    with pytest.raises(Conflict):
        deliver([], as_of=day(2))
    assert names(store, trees) == {"oak": 12.5}


def test_heads_and_rows_are_checked(store: Store, trees: Layer, deliver) -> None:
    with pytest.raises(UnknownFrame):
        make_head(trees, frame={"name": "EPSG:4490"})
    with pytest.raises(StoreError):
        make_head(trees, as_of=datetime(2024, 1, 1))  # that is the point
    with pytest.raises(LayerError) as caught:
        deliver([OAK | {"tree_id": None}])
    assert caught.value.field == "tree_id"
    for wrong in (shapely.Point(500_000, 3_650_000), shapely.set_srid(shapely.Point(1, 2), 4326)):
        with pytest.raises(StoreError):
            deliver([OAK | {"at": wrong}])
    with pytest.raises(StoreError):
        deliver([OAK | {"at": shapely.LineString([(1, 2), (3, 4)])}])
    with pytest.raises(UnknownLayer):
        deliver([OAK], make_layer(id="never_made"))
    assert list_deliveries(store) == []


# --- all or nothing --------------------------------------------------------------------


def test_an_exception_leaves_nothing(store: Store, trees: Layer) -> None:
    def caller() -> None:
        with begin(store, make_head(trees)) as loading:
            loading.add(make_rows(trees, [OAK]))
            loading.reject([Reject(row=1, code="x", zh="x", en="x")])
            loading.apply()
            raise ZeroDivisionError  # what the caller does after apply belongs to it

    with pytest.raises(ZeroDivisionError):
        caller()
    assert names(store, trees) == {}
    assert list_deliveries(store) == quarantine_summary(store) == []


def test_dry_run_counts_and_leaves_nothing(store: Store, trees: Layer) -> None:
    with begin(store, make_head(trees), dry_run=True) as loading:
        loading.add(make_rows(trees, [OAK, ELM]))
        assert figures(loading.apply()) == (2, 0, 0, 0)
    with begin(store, make_head(trees)) as loading:  # apply never called
        loading.add(make_rows(trees, [OAK]))
    assert names(store, trees) == {}
    assert list_deliveries(store) == []


def test_two_deliveries_of_a_layer_take_turns(store: Store, trees: Layer) -> None:
    """The second one waits, sees what the first did, and both are whole."""
    entered, outcomes = threading.Event(), []

    def second() -> None:
        entered.wait()
        with begin(store, make_head(trees, as_of=day(1), mode="upsert")) as loading:
            loading.add(make_rows(trees, [OAK | {"height_m": 1.0}, ASH]))
            outcomes.append(figures(loading.apply()))

    thread = threading.Thread(target=second)
    thread.start()
    with begin(store, make_head(trees, as_of=day(1))) as loading:
        entered.set()
        loading.add(make_rows(trees, [OAK, ELM]))
        thread.join(0.5)
        assert outcomes == []
        loading.apply()
    thread.join()
    assert outcomes == [(1, 1, 0, 0)]
    assert names(store, trees) == {"oak": 1.0, "elm": 8.0, "ash": 3.0}


def test_waiting_too_long_is_busy(store: Store, trees: Layer, monkeypatch) -> None:
    monkeypatch.setattr("gis.store.deliveries.LONGEST_WAIT", "50ms")
    with begin(store, make_head(trees)), pytest.raises(Busy), begin(store, make_head(trees)):
        pass


def test_the_database_itself_refuses_two_versions_at_once(
    store: Store, trees: Layer, deliver
) -> None:
    deliver([OAK], as_of=day(1))
    deliver([OAK | {"height_m": 1.0}], as_of=day(3))
    copied = (
        "INSERT INTO gis.trees (key, tree_id, geom, valid, opened_by, content_hash, accuracy_m) "
        "SELECT key, tree_id, geom, {}, opened_by, content_hash, accuracy_m FROM gis.trees LIMIT 1"
    )
    with psycopg.connect(store.url, autocommit=True) as conn:
        with pytest.raises(psycopg.errors.UniqueViolation):
            conn.execute(copied.format("tstzrange('2025-01-01', NULL)"))
        with pytest.raises(psycopg.errors.ExclusionViolation):
            conn.execute(copied.format("tstzrange('2024-01-02', '2024-01-03')"))
