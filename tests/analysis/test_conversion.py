"""Coordinates as people paste them: what is read, what is refused row by row, where it lands."""

from __future__ import annotations

import numpy as np
import pytest

from gis.analysis import convert, convert_read
from gis.coords import Candidate, Reading, find_transformation, from_epsg
from gis.errors import SourceError
from gis.sources.pairs import read_pairs

PLACE = (114.022, 32.98)


def lonlat(text: str, frame: str, **reading: bool) -> list[list[float]]:
    table = read_pairs(text.encode(), "输入", **reading)  # type: ignore[arg-type]
    return convert(table, find_transformation(frame, 4490)).moved.tolist()


@pytest.mark.parametrize(
    "text",
    [
        "114.022, 32.98",
        "114.022\t32.98",
        "P1 114.022 32.98",
        "32.98 114.022",
        "114°01′19.2″ 32°58′48″",
        "114°01'19.2\", 32°58'48\"",
        "32°58′48″N 114°01′19.2″E",
        "东经114°01′19.2″ 北纬32°58′48″",
        "北纬32度58分48秒，东经114度1分19.2秒",
        "114 01 19.2 32 58 48",
        "114:01:19.2 32:58:48",
        "B=32.98 L=114.022",
        "点号,纬度,经度\nP1,32.98,114.022",
        "点号\t经度\t纬度\t备注\nP1\t114.022\t32.98\t好",
        "name;lon;lat\nP1;114°01′19.2″;32°58′48″",
    ],
)
def test_degrees_as_people_write_them(text: str) -> None:
    assert lonlat(text, "EPSG:4490")[-1] == pytest.approx(PLACE, abs=1e-9)


@pytest.mark.parametrize(
    "text",
    [
        "38502056.4345, 3650530.1724",
        "X=3650530.1724, Y=38502056.4345",
        "Y：38502056.4345；X：3650530.1724",
        "X = 3650530.1724 Y = 38502056.4345 H = 81.2",
        "E12 38502056.4345 3650530.1724",
        "1 3650530.1724 38502056.4345\n2 3650530.1724 38502056.4345",
        "点号,X,Y\nP1,3650530.1724,38502056.4345",
        "纵坐标(m),横坐标(m),高程\n3650530.1724,38502056.4345,81.2",
        "东坐标,北坐标\n38502056.4345,3650530.1724",
    ],
)
def test_metres_as_people_write_them(text: str) -> None:
    assert lonlat(text, "EPSG:4526")[-1] == pytest.approx(PLACE, abs=1e-9)


def test_packed_angles_only_where_asked() -> None:
    assert lonlat("114.01192,32.5848", "EPSG:4490", packed=True)[0] == pytest.approx(PLACE)
    assert lonlat("114.01192,32.5848", "EPSG:4490")[0] == pytest.approx((114.01192, 32.5848))
    table = read_pairs(b"114.01192,32.5848\n114.7,32.1", "输入", packed=True)
    assert list(table.faults) == [1]
    assert np.isnan(table.pairs[1]).all()


def test_a_row_that_fails_says_why_and_keeps_its_place() -> None:
    text = "点号,X,Y\nA,3650530.1,38502056.4\nB,abc,1\nC,3650530.1\nD,,\nE,502056.4,3650530.1\n"
    table = read_pairs(text.encode("gb18030"), "输入")
    done = convert(table, find_transformation("EPSG:4526", 4490), "north")
    assert [row[0] for row in table.rows] == list("ABCDE")
    assert table.lines.tolist() == [2, 3, 4, 5, 6]
    assert sorted(done.faults) == [1, 2, 3, 4]
    assert np.isfinite(done.moved).all(axis=1).tolist() == [True, False, False, False, False]
    assert table.ragged == {2}
    for words in ("abc", "2 列", "空", "第 6 行"):
        assert any(words in fault.zh for fault in done.faults.values()), words
    assert all(fault.en for fault in done.faults.values())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no rows"),
        ("\n \n", "no rows"),
        ("x,y\n", "no rows"),
        ("hello", "not two coordinates"),
        ("P1,38502056,3650530,81.2", "3 numbers"),
        ("114.02", "not two coordinates"),
    ],
)
def test_nothing_to_read(text: str, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        read_pairs(text.encode(), "输入")


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(SourceError):
        read_pairs(bytes(range(128, 256)) * 20, "输入")


def test_named_columns_and_names_that_are_not_there() -> None:
    text = b"a,b,c\n114.022,7,32.98"
    assert read_pairs(text, "输入", x_name="a", y_name="c").pairs[0] == pytest.approx(PLACE)
    with pytest.raises(SourceError, match="'d'"):
        read_pairs(text, "输入", x_name="a", y_name="d")


def test_what_comes_first_can_be_said() -> None:
    table = read_pairs(b"100,200", "x")
    way = find_transformation(4547, 4526)
    for order, turned in (("east", False), ("north", True)):
        assert convert(table, way, order).turned == turned  # type: ignore[arg-type]


def test_a_diagnosis_reads_units_and_cut_origins() -> None:
    table = read_pairs(b"650530.1724 502056.4345", "x")
    reading = Reading(frame=from_epsg(4547), north_first=True, shift=(0.0, 3_000_000.0))
    found = Candidate(reading=reading, match=None, accuracy_m=2.5, why=())
    done = convert_read(table, found, from_epsg(4490))
    assert done.moved[0] == pytest.approx(PLACE, abs=1e-9)
    assert done.accuracy_m == 2.5
    assert not done.faults


def test_numbers_that_are_not_finite_are_no_coordinates() -> None:
    table = read_pairs(b"x,y\nnan,1\ninf,2\n1e400,3\n114.022,32.98", "输入")
    assert sorted(table.faults) == [0, 1, 2]
