"""What each department writes down: its own column names, values and codes for our features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.demo.features import Features
from gis.demo.site import Geometries

USE_ZH = {
    "residential": "住宅", "commercial": "商业", "office": "办公", "industrial": "工业",
    "education": "教育", "medical": "医疗", "public": "公共", "storage": "仓储", "other": "其他",
}  # fmt: skip
STRUCTURE_ZH = {"steel": "钢结构", "rc": "钢混", "mixed": "砖混", "brick": "砖木结构"}
STAGE_ZH = {"planned": "规划", "approved": "审批", "building": "在建", "completed": "竣工",
            "registered": "登记"}  # fmt: skip
LINE_ZH = {
    "farmland": "永久基本农田",
    "ecological": "生态保护红线",
    "town_boundary": "城镇开发边界",
}
THING_ZH = {
    "manhole_level": "窨井液位", "gas": "燃气浓度", "water_pressure": "供水压力",
    "parking": "停车位", "lamp": "路灯状态", "air_quality": "空气质量",
}  # fmt: skip
PERMIT_ZH = {"construction": "建设工程规划许可证"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Rows as they will be written. `columns` under the department's names, object arrays with
    None for empty; `key` the column that identifies a row, `code` one with a code list, `number`
    a limited number, `required` one that must be filled (None where the sheet has none)."""

    geometry: Geometries
    columns: Mapping[str, NDArray[np.object_]]
    key: str
    code: str | None = None
    number: str | None = None
    required: str | None = None

    def __len__(self) -> int:
        return len(self.geometry)

    def with_rows(self, geometry: Geometries, columns: Mapping[str, NDArray[Any]]) -> Sheet:
        return replace(self, geometry=geometry, columns=columns)


def sheet(
    features: Features,
    names: Mapping[str, str],
    *,
    words: Mapping[str, Mapping[str, str]] | None = None,
    code: str | None = None,
    number: str | None = None,
    required: str | None = None,
) -> Sheet:
    """Columns renamed by `names` (ours -> theirs, the first is the key); the values of those in
    `words` replaced by the department's words."""
    columns = {}
    for ours, theirs in names.items():
        values = [_plain(v) for v in features[ours]]
        table = (words or {}).get(ours)
        if table:
            values = [table.get(str(v), v) for v in values]
        column = np.empty(len(values), dtype=object)
        column[:] = values
        columns[theirs] = column
    key = next(iter(names.values()))
    return Sheet(
        geometry=features.geometry.copy(), columns=columns, key=key, code=code, number=number,
        required=required,
    )  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return None if isinstance(value, str) and value == "" else value


def buildings(features: Features) -> Sheet:
    names = {
        "building_id": "建筑物编号", "name": "名称", "storeys": "层数", "height_m": "高度",
        "base_m": "室外地坪高程", "use": "用途", "structure": "结构", "built_year": "建成年份",
        "parcel_code": "所在宗地",
    }  # fmt: skip
    return sheet(features, names, words={"use": USE_ZH, "structure": STRUCTURE_ZH}, code="用途",
                 number="高度", required="高度")  # fmt: skip


def land_use(features: Features) -> Sheet:
    names = {"plan_id": "图斑号", "land_use": "用地代码", "name": "名称", "plan_period": "规划期限"}
    return sheet(features, names, code="用地代码", required="用地代码")


def control(features: Features) -> Sheet:
    names = {
        "block_id": "地块编号", "land_use": "用地代码", "far_max": "容积率",
        "height_max_m": "建筑限高", "density_max": "建筑密度", "green_min": "绿地率",
        "unit_name": "单元名称",
    }  # fmt: skip
    return sheet(features, names, code="用地代码", number="容积率", required="用地代码")


def permits(features: Features) -> Sheet:
    names = {
        "permit_no": "许可证号", "project": "项目名称", "holder": "建设单位", "kind": "许可类型",
        "issued_on": "发证日期", "expires_on": "有效期至", "height_max_m": "许可高度",
        "floor_area_m2": "建筑面积",
    }  # fmt: skip
    return sheet(features, names, words={"kind": PERMIT_ZH}, code="许可类型", number="许可高度",
                 required="发证日期")  # fmt: skip


def red_lines(features: Features) -> Sheet:
    names = {
        "red_line_id": "红线编号",
        "kind": "红线类型",
        "name": "名称",
        "approved_on": "批准日期",
    }
    return sheet(features, names, words={"kind": LINE_ZH}, code="红线类型", required="红线类型")


def projects(features: Features) -> Sheet:
    names = {"project_id": "项目代码", "name": "项目名称", "stage": "阶段",
             "investment_cny": "总投资", "starts_on": "计划开工"}  # fmt: skip
    return sheet(features, names, words={"stage": STAGE_ZH}, code="阶段", number="总投资",
                 required="项目名称")  # fmt: skip


def parcels(features: Features) -> Sheet:
    stated = np.round(shapely.area(features.geometry) / 1e4, 4)
    names = {"unit_code": "地块编号", "name": "地块名称", "land_use": "地类编码", "area_ha": "面积"}
    return sheet(features.adding(area_ha=stated), names, code="地类编码", number="面积")


def roads(features: Features) -> Sheet:
    names = {"road_id": "道路编号", "name": "路名", "road_class": "道路等级", "width_m": "红线宽度"}
    words = {"road_class": {"expressway": "快速路", "arterial": "主干路", "secondary": "次干路",
                            "branch": "支路"}}  # fmt: skip
    return sheet(features, names, words=words, code="道路等级", number="红线宽度",
                 required="道路等级")  # fmt: skip


def places(features: Features) -> Sheet:
    names = {"place_id": "地名代码", "name": "标准名称", "kind": "地名类别", "rank": "等级"}
    names["kind"] = "类别"
    words = {"kind": {"admin": "行政区域", "residential": "居民点", "road": "道路街巷",
                      "facility": "单位设施", "water": "水系", "park": "公园绿地"}}  # fmt: skip
    return sheet(features, names, words=words, code="类别", number="等级", required="标准名称")


def units(features: Features) -> Sheet:
    names = {"unit_code": "不动产单元代码", "building_id": "建筑物编号", "floor": "所在层",
             "area_m2": "建筑面积", "use": "用途"}  # fmt: skip
    return sheet(features, names, words={"use": USE_ZH}, code="用途", number="所在层",
                 required="建筑物编号")  # fmt: skip


def components(features: Features) -> Sheet:
    names = {"component_code": "标识码", "class_code": "分类代码", "name": "部件名称",
             "state": "状态", "department": "主管部门"}  # fmt: skip
    words = {"state": {"ok": "完好", "damaged": "破损", "lost": "丢失", "retired": "废弃"}}
    return sheet(features, names, words=words, code="分类代码", required="分类代码")


def pipe_points(features: Features) -> Sheet:
    names = {"point_id": "物探点号", "kind": "管线种类", "feature": "特征", "fixture": "附属物",
             "ground_m": "地面高程", "depth_m": "井底埋深", "road": "所在道路"}  # fmt: skip
    return sheet(features, names, code="管线种类", number="井底埋深", required="管线种类")


def pipe_segments(features: Features) -> Sheet:
    names = {
        "pipe_id": "管段编号", "kind": "管线种类", "from_point": "起点点号",
        "to_point": "终点点号", "diameter_mm": "管径", "material": "材质",
        "from_depth_m": "起点埋深", "to_depth_m": "终点埋深", "built_year": "建设年代",
        "road": "所在道路",
    }  # fmt: skip
    return sheet(features, names, code="管线种类", number="管径", required="起点点号")


def things(features: Features) -> Sheet:
    names = {"thing_id": "设备编号", "name": "设备名称", "kind": "设备类型", "datastream": "数据流",
             "unit": "单位", "alarm_above": "报警上限"}  # fmt: skip
    words = {"kind": THING_ZH}
    return sheet(features, names, words=words, code="设备类型", number="报警上限",
                 required="设备类型")  # fmt: skip


def areas(features: Features) -> Sheet:
    names = {"code": "区划代码", "name": "名称", "level": "级别"}
    return sheet(features, names, code="级别", required="名称")


SheetOf = Callable[[Features], Sheet]
