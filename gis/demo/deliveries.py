"""The departments' files, written out: who sends what, in which format, frame and state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.coords import bd09_from_wgs84, from_metric, gcj02_from_wgs84
from gis.demo import sheets, survey, writers
from gis.demo.boundaries import admin_areas
from gis.demo.city import City
from gis.demo.defects import Broken, BrokenSheet, break_rows
from gis.demo.features import Features, concat
from gis.demo.manifest import DemoDelivery, Mode
from gis.demo.sheets import Sheet
from gis.demo.site import METRIC_EPSG, Geometries, to_plane

FIRST, SECOND = date(2023, 6, 1), date(2024, 5, 20)
ZONE_38 = 38_000_000.0

Degrees = NDArray[np.float64]
Frame = Callable[[Geometries], Geometries]

PLANNING, SURVEY = "自然资源和规划局", "住房和城乡建设局"
REGISTER, CIVIL, TRAFFIC = "不动产登记中心", "民政局", "交通运输局"
UPKEEP, DATA, REFORM = "城市管理局", "大数据管理局", "发展和改革委员会"


def to_zone_38(geometry: Geometries) -> Geometries:
    """Site metres -> EPSG:4526: east with the zone's number before it."""
    out: Geometries = shapely.transform(
        to_plane(geometry), lambda xy: xy + np.array([ZONE_38, 0.0])
    )
    return out


def to_degrees(geometry: Geometries) -> Geometries:
    """Site metres -> EPSG:4490 (longitude first)."""
    out: Geometries = shapely.transform(
        to_plane(geometry), lambda xy: from_metric(np.ascontiguousarray(xy), METRIC_EPSG)
    )
    return out


def _shifted_degrees(shift: Callable[[Degrees, Degrees], tuple[Degrees, Degrees]]) -> Frame:
    def move(geometry: Geometries) -> Geometries:
        out: Geometries = shapely.transform(
            to_degrees(geometry), lambda xy: np.column_stack(shift(xy[:, 0], xy[:, 1]))
        )
        return out

    return move


@dataclass(slots=True)
class Outbox:
    """Collects what is written into `folder`: deliveries and the record of broken rows."""

    folder: Path
    city: City
    deliveries: list[DemoDelivery] = field(default_factory=list)
    rows: dict[str, tuple[str, int, tuple[Broken, ...]]] = field(default_factory=dict)

    def damaged(
        self, name: str, sheet: Sheet, recipe: Mapping[str, int], whole: np.ndarray | None = None
    ) -> BrokenSheet:
        """`sheet` with broken rows by `recipe` (in a small city one of each kind)."""
        small = self.city.site.size == "small"
        counts = {code: min(count, 1) if small else count for code, count in recipe.items()}
        rng = self.city.site.rng(f"defects {name}")
        spare = np.zeros(len(sheet), dtype=bool) if whole is None else whole
        return break_rows(sheet, counts, rng, spare)

    def path(self, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def sent(
        self, name: str, layer: str, broken: BrokenSheet, department: str, *,
        crs: str | None = None, as_of: date = FIRST, mode: Mode = "full",
        encoding: str | None = None, lines: list[int] | None = None,
    ) -> None:  # fmt: skip
        """Records a written file. `lines`: line number of each row, where rows are not counted."""
        found = broken.broken
        if lines is not None:
            found = tuple(Broken(row=lines[b.row - 1], code=b.code) for b in found)
        self.rows[name] = (layer, len(broken.sheet), found)
        self.deliveries.append(
            DemoDelivery(path=self.folder / name, layer=layer, crs=crs, as_of=as_of, mode=mode,
                         department=department, encoding=encoding)
        )  # fmt: skip


def write_deliveries(city: City, folder: Path) -> Outbox:
    """All vector deliveries of both dates, oldest first."""
    box = Outbox(folder, city)
    _admin_areas(box)
    _planning(box)
    _property(box)
    _pipes(box)
    _things(box)
    _second(box)
    return box


def _admin_areas(box: Outbox) -> None:
    name = "民政/行政区划.geojson"
    sheet = sheets.areas(admin_areas())
    whole = BrokenSheet(sheet, ())
    writers.write_vector(sheet, box.path(name), crs="EPSG:4490", kind="MultiPolygon")
    box.sent(name, "admin_areas", whole, CIVIL)


POLYGON_DEFECTS = {"null_geometry": 6, "invalid_geometry": 9, "duplicate_key": 8,
                   "outside_city": 3, "unknown_code": 8, "swapped_axes": 3}  # fmt: skip


def _shapefile(
    box: Outbox, name: str, layer: str, sheet: Sheet, recipe: Mapping[str, int], *,
    kind: str = "Polygon", prj: bool = True, as_of: date = FIRST, department: str = PLANNING,
    whole: np.ndarray | None = None,
) -> None:  # fmt: skip
    broken = box.damaged(name, sheet, recipe, whole)
    writers.write_shapefile(broken.sheet, box.path(name), crs="EPSG:4526", kind=kind, prj=prj)
    crs = None if prj else "EPSG:4526"
    box.sent(name, layer, broken, department, crs=crs, as_of=as_of)


def _in(sheet_of: sheets.SheetOf, features: Features, frame: Frame) -> Sheet:
    return sheet_of(Features(frame(features.geometry), features.columns))


def _planning(box: Outbox) -> None:
    city = box.city
    _shapefile(box, "规划/国土空间规划用地.shp", "land_use_plan",
               _in(sheets.land_use, city.land_use, to_zone_38),
               {**POLYGON_DEFECTS, "missing_value": 6, "not_decodable": 4})  # fmt: skip
    _shapefile(box, "规划/控规地块.shp", "control_plan_blocks",
               _in(sheets.control, city.control, to_zone_38),
               {"null_geometry": 1, "invalid_geometry": 2, "duplicate_key": 2, "unknown_code": 2,
                "out_of_range": 2, "swapped_axes": 1})  # fmt: skip
    seen = shapely.intersects(city.permits.geometry, city.site.window.polygon)
    _shapefile(box, "规划/规划许可.shp", "planning_permits",
               _in(sheets.permits, city.permits, to_zone_38),
               {"null_geometry": 1, "duplicate_key": 1, "invalid_geometry": 1, "unknown_code": 1,
                "out_of_range": 1, "missing_value": 1},
               whole=seen if city.site.size == "full" else np.ones(len(seen), bool))  # fmt: skip
    large = shapely.area(city.lines.geometry) > 150_000.0
    near = shapely.intersects(city.lines.geometry, city.site.window.polygon)
    _shapefile(box, "规划/三区三线.shp", "red_lines",
               _in(sheets.red_lines, city.lines, to_zone_38),
               {"null_geometry": 1, "duplicate_key": 1, "unknown_code": 1, "not_decodable": 1},
               prj=False, whole=large | near)  # fmt: skip
    _shapefile(box, "规划/规划项目.shp", "plan_projects",
               _in(sheets.projects, city.projects, to_zone_38),
               {"outside_city": 1, "duplicate_key": 1, "unknown_code": 1}, kind="Point",
               department=REFORM)  # fmt: skip


BUILDING_DEFECTS = {"null_geometry": 30, "invalid_geometry": 50, "duplicate_key": 40,
                    "outside_city": 15, "swapped_axes": 15, "unknown_code": 40,
                    "out_of_range": 30, "missing_value": 30}  # fmt: skip


def _buildings(
    box: Outbox, name: str, features: Features, recipe: Mapping[str, int], on: date
) -> None:
    sheet = _in(sheets.buildings, features, to_plane)
    seen = shapely.intersects(features.geometry, box.city.site.window.polygon)
    broken = box.damaged(name, sheet, recipe, seen)
    writers.write_vector(broken.sheet, box.path(name), crs="EPSG:4547", kind="Polygon",
                         layer="建筑物")  # fmt: skip
    box.sent(name, "buildings", broken, REGISTER, as_of=on)


def _property(box: Outbox) -> None:
    city = box.city
    _parcels(box)
    _buildings(box, "不动产/建筑物_2023.gpkg", city.standing, BUILDING_DEFECTS, FIRST)
    name = "不动产/不动产单元.csv"
    broken = box.damaged(
        name, _in(sheets.units, city.units, to_plane),
        {"duplicate_key": 14, "unknown_code": 12, "out_of_range": 12, "bad_pattern": 14,
         "missing_value": 8, "null_geometry": 6, "bad_value": 8},
    )  # fmt: skip
    places = writers.xy_columns(broken.sheet.geometry, "东坐标", "北坐标")
    writers.write_csv(broken.sheet, box.path(name), places, "utf-8-sig")
    box.sent(name, "property_units", broken, REGISTER, crs="EPSG:4547")
    name = "交通/道路.geojson"
    broken = box.damaged(
        name, _in(sheets.roads, city.roads, to_degrees),
        {"null_geometry": 2, "duplicate_key": 3, "unknown_code": 3, "out_of_range": 2,
         "swapped_axes": 1},
        whole=city.roads["road_class"] != "branch",  # a main street that is missing looks like ours
    )  # fmt: skip
    writers.write_vector(broken.sheet, box.path(name), crs="EPSG:4490", kind="LineString")
    box.sent(name, "roads", broken, TRAFFIC)
    name = "民政/地名.csv"
    broken = box.damaged(
        name, _in(sheets.places, city.places, to_degrees),
        {"duplicate_key": 2, "unknown_code": 2, "swapped_axes": 2, "outside_city": 2,
         "missing_value": 1, "not_decodable": 1},
    )  # fmt: skip
    degrees = writers.xy_columns(broken.sheet.geometry, "经度", "纬度", 7)
    writers.write_csv(broken.sheet, box.path(name), degrees, "gbk")
    box.sent(name, "place_names", broken, CIVIL, crs="EPSG:4490")


def _parcels(box: Outbox) -> None:
    """One TXT for each row of planning units, as the field teams hand them in."""
    plots = box.city.plots
    band = (plots["unit"] - 1) // 6 + 1
    for number in np.unique(band):
        name = f"权籍/宗地_第{number}片区.txt"
        mine = plots.take(band == number)
        broken = box.damaged(
            name, _in(sheets.parcels, mine, to_zone_38),
            {"invalid_geometry": 1, "duplicate_key": 1, "area_differs": 1, "bad_pattern": 1,
             "unknown_code": 1},
        )  # fmt: skip
        heads = writers.write_parcel_txt(broken.sheet, box.path(name))
        box.sent(name, "parcels", broken, REGISTER, mode="upsert", lines=heads)


def _pipes(box: Outbox) -> None:
    network = box.city.network
    control = box.path("管线/控制点.csv")
    rows = [",".join(str(v) for v in row) for row in survey.control_points(box.city.site)]
    control.write_text("\n".join(["name,x_local,y_local,E_4547,N_4547", *rows]) + "\n", "utf-8")
    frame = f"local:{survey.FRAME}"
    water = network.points["kind"] == "JS"
    name = "管线/管线点.csv"
    sheet = _in(sheets.pipe_points, network.points.take(~water), survey.to_local)
    broken = box.damaged(
        name, sheet,
        {"duplicate_key": 60, "unknown_code": 60, "out_of_range": 50, "null_geometry": 40,
         "bad_value": 40, "swapped_axes": 20, "outside_city": 10, "missing_value": 30,
         "not_decodable": 10},
    )  # fmt: skip
    geometry = broken.sheet.geometry
    places = writers.xy_columns(geometry, "东坐标", "北坐标")
    places["高程"] = [None if g is None else round(float(g.z), 3) for g in geometry]
    writers.write_csv(broken.sheet, box.path(name), places, "gbk")
    box.sent(name, "pipe_points", broken, SURVEY, crs=frame)
    name = "管线/给水管线点.dat"
    sheet = _in(sheets.pipe_points, network.points.take(water), survey.to_local)
    broken = box.damaged(
        name, sheet, {"duplicate_key": 15, "unknown_code": 12, "swapped_axes": 8, "outside_city": 5}
    )
    writers.write_cass(broken.sheet, box.path(name))
    box.sent(name, "pipe_points", broken, SURVEY, crs=frame, mode="upsert")
    name = "管线/管线段.csv"
    broken = box.damaged(
        name, _in(sheets.pipe_segments, network.segments, survey.to_local),
        {"duplicate_key": 70, "unknown_code": 70, "out_of_range": 60, "null_geometry": 40,
         "bad_value": 40, "invalid_geometry": 40, "swapped_axes": 15, "missing_value": 40,
         "not_decodable": 10},
    )  # fmt: skip
    ends = writers.line_columns(broken.sheet.geometry)
    writers.write_csv(broken.sheet, box.path(name), ends, "gbk")
    box.sent(name, "pipe_segments", broken, SURVEY, crs=frame)


THING_DEFECTS = {"duplicate_key": 1, "unknown_code": 1, "null_geometry": 1}


def _things(box: Outbox) -> None:
    city = box.city
    name = "城管/部件.geojson"
    broken = box.damaged(
        name, _in(sheets.components, city.components, to_degrees),
        {"duplicate_key": 110, "unknown_code": 110, "null_geometry": 80, "bad_pattern": 90,
         "swapped_axes": 30, "outside_city": 30, "missing_value": 60},
    )  # fmt: skip
    writers.write_vector(broken.sheet, box.path(name), crs="EPSG:4490", kind="Point")
    box.sent(name, "components", broken, UPKEEP)
    half = np.arange(len(city.sensors)) % 2 == 0
    for name, mine, shift, crs in (
        ("物联/设备_数据局.csv", half, gcj02_from_wgs84, "gcj02"),
        ("物联/设备_运营商.csv", ~half, bd09_from_wgs84, "bd09"),
    ):
        sheet = _in(sheets.things, city.sensors.take(mine), _shifted_degrees(shift))
        broken = box.damaged(name, sheet, THING_DEFECTS)
        degrees = writers.xy_columns(broken.sheet.geometry, "经度", "纬度", 7)
        writers.write_csv(broken.sheet, box.path(name), degrees, "utf-8")
        box.sent(name, "iot_things", broken, DATA, crs=crs, mode="upsert")


def _second(box: Outbox) -> None:
    """A year later: permits, control plan and buildings again, whole."""
    city = box.city
    permits = concat([city.permits, city.changes.permits])
    seen = shapely.intersects(permits.geometry, city.site.window.polygon)
    _shapefile(box, "规划/规划许可_2024.shp", "planning_permits",
               _in(sheets.permits, permits, to_zone_38),
               {"null_geometry": 1, "duplicate_key": 1, "unknown_code": 1}, as_of=SECOND,
               whole=seen)  # fmt: skip
    _shapefile(box, "规划/控规地块_2024.shp", "control_plan_blocks",
               _in(sheets.control, _control_2024(city), to_zone_38),
               {"invalid_geometry": 1, "unknown_code": 1}, as_of=SECOND)  # fmt: skip
    recipe = {code: max(1, count // 6) for code, count in BUILDING_DEFECTS.items()}
    _buildings(box, "不动产/建筑物_2024.gpkg", city.registered, recipe, SECOND)


def _control_2024(city: City) -> Features:
    """The new quarter may be built higher; some reserved land has got a use."""
    control = city.control
    reserved = np.flatnonzero(control["manner"] == "reserved")
    use, far = control["land_use"].copy(), control["far_max"].copy()
    use[reserved[::2]] = "0701"
    far[control["quarter"]] = np.round(far[control["quarter"]] + 0.5, 1)
    height = control["height_max_m"] + np.where(control["quarter"], 20.0, 0.0)
    return control.adding(land_use=use, far_max=far, height_max_m=height)
