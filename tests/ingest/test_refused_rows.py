"""A refused row does not end its feature; a whole file in the wrong frame ends nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from gis.errors import Conflict, FrameMismatch
from gis.ingest import IngestRequest, LoadReport, ingest
from gis.layers import Registry
from gis.store import LayerQuery, Store, rows

HEADER = "标识码,部件分类,状态,经度,纬度"


@pytest.fixture
def deliver(store: Store, registry: Registry, tmp_path: Path):
    def run(*lines: str, crs: str = "EPSG:4490", as_of: str = "2024-01-01") -> LoadReport:
        path = tmp_path / "components.csv"
        path.write_text("\n".join([HEADER, *lines]) + "\n", "utf-8")
        request = IngestRequest(path=path, layer="components", crs=crs, as_of=as_of)
        return ingest(store, registry, request, {})

    return run


def line(number: int, kind: str = "0121", lon: float = 114.0, lat: float = 33.0) -> str:
    return f"41170201210{number:05d},{kind},完好,{lon},{lat}"


def current(store: Store, registry: Registry) -> dict[str, str]:
    found = rows(store, LayerQuery(layer=registry.get("components")))
    codes, kinds = found.columns["component_code"], found.columns["class_code"]
    return {code[-1]: kind for code, kind in zip(codes, kinds, strict=True)}


def test_a_feature_whose_row_is_refused_stays(deliver, store: Store, registry: Registry) -> None:
    deliver(line(1), line(2), line(3), line(4))
    report = deliver(line(1), line(2, kind="9999"), line(4, lat=3.0), as_of="2024-02-01")
    assert (report.accepted, report.quarantined) == (1, 2)
    assert (report.closed, report.kept) == (1, 2)  # 3 is no longer in the file at all
    assert current(store, registry) == {"1": "0121", "2": "0121", "4": "0121"}
    report = deliver(line(1), line(4), as_of="2024-03-01")
    assert (report.closed, report.kept) == (1, 0)
    assert sorted(current(store, registry)) == ["1", "4"]


def test_a_file_in_the_wrong_frame_is_refused_whole(
    deliver, store: Store, registry: Registry
) -> None:
    deliver(line(1), line(2))
    metres = [line(1, lon=38502056.0, lat=3650530.0), line(2, lon=38502090.0, lat=3650510.0)]
    with pytest.raises(FrameMismatch) as caught:
        deliver(*metres, as_of="2024-02-01")
    assert "EPSG:4526" in str(caught.value.likely)
    with pytest.raises(FrameMismatch) as caught:  # latitude first
        deliver(line(1, lon=33.0, lat=114.0), line(2, lon=33.0, lat=114.0), as_of="2024-02-01")
    assert "north first" in str(caught.value.likely)
    assert sorted(current(store, registry)) == ["1", "2"]


def test_a_file_of_another_city_is_a_matter_for_quarantine(
    deliver, store: Store, registry: Registry
) -> None:
    report = deliver(line(1, lon=105.2, lat=25.6))
    assert report.reasons == {"outside_city": 1}
    deliver(line(1), as_of="2024-01-02")
    with pytest.raises(Conflict):  # it would end every feature
        deliver(line(2, lon=105.2, lat=25.6), as_of="2024-02-01")
    assert sorted(current(store, registry)) == ["1"]
