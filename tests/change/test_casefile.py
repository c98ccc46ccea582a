"""The case file as a page, and the package for the field."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pyogrio
import pytest
from city import PERMITTED, PROJECT, day, deliver, fill, permit, run, suspects, write
from small_city import browse

from gis.api.app import create_app
from gis.api.casefile import FIGURES, case_page
from gis.change.fieldpackage import write_field_package
from gis.errors import ChangeError
from gis.layers import Registry
from gis.settings import Settings
from gis.store import Store, list_alerts, show_alert, update_alert

Files = dict[str, Path]
XSS = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return write(suspects(), tmp_path_factory.mktemp("case"), sigma=0.2)


@pytest.fixture
def found(store: Store, registry: Registry, files: Files) -> dict[str, Any]:
    """Alerts by their reasons."""
    fill(store, registry)
    run(store, registry, files)
    return {",".join(alert["reasons"]): alert for alert in list_alerts(store)}


def test_the_page_holds_the_whole_case(
    store: Store, registry: Registry, found: dict[str, Any]
) -> None:
    alert = found["over_height"]
    update_alert(store, alert["key"], "to_check", f"派单 {XSS}", "李工")
    page = case_page(store, registry, alert["alert_id"])
    assert page.count('src="data:image/png;base64,') == len(
        show_alert(store, alert["key"])["chips"]
    )
    for text in (
        alert["alert_id"], "超高", "Higher than permitted", "《城乡规划法》第四十三条",
        "许可高度", "建字2", "15 m", "自然资发〔2023〕258号", "dsm_20240610.tif",
        "待核查 To be checked", "李工",
    ):  # fmt: skip
        assert text in page, text
    assert XSS not in page
    assert "&lt;script&gt;" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page  # nothing is fetched when it is opened
    assert "违法" not in page


def test_a_permit_changed_later_does_not_change_the_page(
    store: Store, registry: Registry, found: dict[str, Any]
) -> None:
    key = found["over_height"]["key"]
    before = case_page(store, registry, key)
    later = [permit("建字2", PERMITTED, height=60.0, project="更正后的项目")]
    deliver(store, registry, "planning_permits", later, day(2023, 2, 1), "upsert")
    assert case_page(store, registry, key) == before
    assert "更正后的项目" not in before


def test_every_figure_of_a_rule_has_its_words(found: dict[str, Any], store: Store) -> None:
    figures = {
        name
        for alert in found.values()
        for reason in show_alert(store, alert["key"])["reasons"]
        for name in reason["figures"]
    }
    assert figures
    assert figures <= set(FIGURES)


def test_the_page_is_served(
    store: Store, registry: Registry, found: dict[str, Any], tmp_path: Path
) -> None:
    settings = Settings(
        home=tmp_path, config=PROJECT / "config", data=PROJECT / "data", database_url=store.url
    )
    client = browse(create_app(store, registry, settings))
    key = found["over_height"]["key"]
    answer = client.get(f"/map/alerts/{key}.html")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.text == case_page(store, registry, key)
    assert client.get("/map/alerts/99999.html").status_code == 404


def test_a_geopackage_for_the_field(
    store: Store, registry: Registry, found: dict[str, Any], tmp_path: Path
) -> None:
    out = tmp_path / "field.gpkg"
    assert write_field_package(store, registry, out) == len(found)
    for layer, epsg, least, most in (
        ("alerts_4490", 4490, 114.0, 114.1),
        ("alerts_4547", 4547, 500_000, 504_000),
    ):
        meta, _, _, data = pyogrio.raw.read(out, layer=layer)
        said = pyogrio.read_info(out, layer=layer)
        assert meta["crs"] == f"EPSG:{epsg}"
        assert least < said["total_bounds"][0] < said["total_bounds"][2] < most
        columns = dict(zip(meta["fields"], data, strict=True))
        assert set(columns["线索编号"]) == {alert["alert_id"] for alert in found.values()}
        assert "未批先建、占用永久基本农田" in set(columns["理由"])
        assert set(columns["状态"]) == {"疑似"}
        assert {"核查结果", "核查人", "核查日期"} <= set(columns)


def test_shapefiles_of_what_is_asked_for(
    store: Store, registry: Registry, found: dict[str, Any], tmp_path: Path
) -> None:
    update_alert(store, found["no_permit"]["key"], "to_check", "派单", "李工")
    out = tmp_path / "field.zip"
    assert write_field_package(store, registry, out, states=["to_check"], county="411702") == 1
    with zipfile.ZipFile(out) as packed:
        packed.extractall(tmp_path / "x")
    meta, _, _, data = pyogrio.raw.read(tmp_path / "x" / "alerts_4547.shp")
    columns = dict(zip(meta["fields"], data, strict=True))
    assert list(columns["alert_id"]) == [found["no_permit"]["alert_id"]]
    assert list(columns["reasons"]) == ["未批先建"]
    assert list(columns["state"]) == ["待核查"]


def test_nothing_to_write_and_another_ending(
    store: Store, registry: Registry, found: dict[str, Any], tmp_path: Path
) -> None:
    for name, states in (("field.gpkg", ["closed"]), ("field.kml", [])):
        with pytest.raises(ChangeError):
            write_field_package(store, registry, tmp_path / name, states=states)
        assert not (tmp_path / name).exists()
