"""Readings are stored once, the newest beside them, and every line is accounted for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gis.errors import SourceError, StoreError
from gis.live import ReplayReport, replay
from gis.live.decode import Decoder
from gis.store import Store, readings
from gis.store.observations import Reading, Refused, observation_status, refused_readings

START = datetime(2026, 11, 13, 9, tzinfo=ZoneInfo("Asia/Shanghai"))


def write(folder: Path, *lines: str, header: str = "datastream,time,value") -> Path:
    path = folder / "readings.csv"
    path.write_text("\n".join([header, *lines]) + "\n", "utf-8")
    return path


def at(hour: int) -> str:
    return (START + timedelta(hours=hour)).isoformat()


def sums(report: ReplayReport) -> tuple[int, int, int, int]:
    assert report.rows_in == report.stored + report.duplicates + report.rejected
    return report.rows_in, report.stored, report.duplicates, report.rejected


def test_stored_once_and_the_newest_beside_them(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path, f"a,{at(2)},3.5", f"a,{at(1)},2.5", f"b,{at(0)},1", f"a,{at(1)},2.5")
    assert sums(replay(store, path)) == (4, 3, 1, 0)
    assert sums(replay(store, path)) == (4, 0, 4, 0)
    found = {line["datastream"]: line for line in observation_status(store)}
    assert (found["a"]["value"], found["a"]["time"], found["a"]["readings"]) == (
        3.5, START + timedelta(hours=2), 2,
    )  # fmt: skip
    assert readings(store, "a", 24) == [
        (START + timedelta(hours=1), 2.5),
        (START + timedelta(hours=2), 3.5),
    ]
    assert readings(store, "a", 0.5) == [(START + timedelta(hours=2), 3.5)]
    assert readings(store, "nobody", 24) == []


def test_an_old_reading_does_not_become_the_latest(store: Store, tmp_path: Path) -> None:
    replay(store, write(tmp_path, f"a,{at(5)},5"))
    replay(store, write(tmp_path, f"a,{at(3)},3"))
    [line] = observation_status(store)
    assert (line["value"], line["readings"]) == (5.0, 2)


def test_a_clock_that_runs_ahead_hides_nothing(store: Store, tmp_path: Path) -> None:
    future = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    report = replay(store, write(tmp_path, f"a,{at(1)},1", f"a,{future},99"))
    assert sums(report) == (2, 2, 0, 0)
    assert observation_status(store)[0]["value"] == 1.0
    assert [value for _, value in readings(store, "a", 1000)] == [1.0]


def test_lines_that_are_no_readings_are_on_record(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    lines = [
        f"数据流,采集时间,数值\na,{at(1)},1\na,昨天,2\na,{at(2)},很多\n,{at(3)},3\n\n".encode(
            "gb18030"
        ),
        f"a,{at(4)}\na,{at(5)},nan\n".encode("gb18030"),
        b"a\xff\xff," + at(6).encode() + b",6\n",
    ]
    path.write_bytes(b"".join(lines) + b"\xd6\xd0,2026-01-01T00:00:00Z,1\n" * 60)
    report = replay(store, path)
    assert (report.rows_in, report.rejected) == (67, 6)
    assert sums(replay(store, path))[3] == 6
    found = {line["row"]: line["code"] for line in refused_readings(store)}
    assert found == {
        2: "bad_value", 3: "bad_value", 4: "missing_value", 6: "damaged_row", 7: "bad_value",
        8: "damaged_row",
    }  # fmt: skip


def test_a_contradiction_is_refused_and_the_first_one_stands(store: Store, tmp_path: Path) -> None:
    replay(store, write(tmp_path, f"a,{at(1)},1"))
    report = replay(store, write(tmp_path, f"a,{at(1)},2", f"a,{at(2)},3"))
    assert sums(report) == (2, 1, 0, 1)
    assert [value for _, value in readings(store, "a", 24)] == [1.0, 3.0]
    [line] = refused_readings(store)
    assert line["code"] == "conflict"
    assert "already read 1 at 2026-11-13" in line["en"]


def test_a_column_that_is_missing_is_named(store: Store, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        replay(store, write(tmp_path, "a,1", header="datastream,value"))
    assert caught.value.column == "time"
    with pytest.raises(SourceError):
        replay(store, tmp_path / "nowhere.csv")


def test_all_of_a_file_or_nothing(store: Store, tmp_path: Path, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise psycopg.errors.AdminShutdown("gone")

    path = write(tmp_path, *(f"a,{at(h)},{h}" for h in range(50)))
    with monkeypatch.context() as patched:
        patched.setattr("gis.store.observations.ReadingsBox.finish", fail)
        with pytest.raises(StoreError):
            replay(store, path)
    assert observation_status(store) == []
    assert sums(replay(store, path)) == (50, 50, 0, 0)


DECODER = Decoder(0, 1, 2, zone=UTC, received=datetime(2027, 1, 1, tzinfo=UTC))


@given(st.lists(st.text(max_size=12), max_size=5))
def test_any_line_is_a_reading_or_has_a_reason(cells: list[str]) -> None:
    found = DECODER.decode(1, cells)
    assert isinstance(found, Reading | Refused)
    if isinstance(found, Reading):
        assert found.time.tzinfo is not None


@settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.integers(0, 2)), max_size=30)
)
def test_nothing_disappears(store: Store, tmp_path: Path, rows) -> None:
    path = write(tmp_path, *(f"{s},{at(hour)},{value}" for s, hour, value in rows))
    assert sums(replay(store, path))[0] == len(rows)
