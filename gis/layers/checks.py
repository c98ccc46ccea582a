"""What a layer demands of its rows: geometry, attributes, codes. Refused rows say why.

Reason codes: null_geometry, invalid_geometry, wrong_geometry_type, outside_city, swapped_axes,
missing_value, bad_value, out_of_range, bad_pattern, unknown_code, area_differs, not_decodable,
below_surface, and those of `shapes` and `standards`. How strict a layer is with each check stands
in `checklist`. (duplicate_key and what rows are to each other is found by the store, which sees
the whole delivery at once.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.coords import norm_frame, to_metric
from gis.errors import LayerError
from gis.layers.batch import Batch, Checked, GoodRows, storable
from gis.layers.checklist import CHECKS, parameter, severity_of
from gis.layers.decoding import is_whole, refuse_undecodable
from gis.layers.mapping import map_columns, unmapped
from gis.layers.model import Check, Field, Layer
from gis.layers.nearmiss import near_codes, near_name
from gis.layers.registry import Registry
from gis.layers.remarks import Lenient
from gis.layers.shapes import SHAPE_CHECKS, mend
from gis.layers.standards import STANDARD_CHECKS
from gis.layers.values import typed_column
from gis.layers.verdicts import Verdicts

Columns = dict[str, NDArray[np.object_]]
# by the number of GEOS; the last is that of no geometry, -1
KINDS = np.array(
    ["Point", "LineString", "LinearRing", "Polygon", "MultiPoint", "MultiLineString",
     "MultiPolygon", "GeometryCollection", None], dtype=object,
)  # fmt: skip
MULTI = {"Polygon": "MultiPolygon", "LineString": "MultiLineString"}
MAKE_MULTI: Mapping[str, Callable[..., shapely.Geometry]] = {
    "MultiPolygon": shapely.MultiPolygon,
    "MultiLineString": shapely.MultiLineString,
}


def check(
    batch: Batch, layer: Layer, registry: Registry, *, inside: shapely.Geometry | None
) -> Checked:
    """The rows of `batch` (EPSG:4490, longitude first) that `layer` accepts, typed, the rejects,
    and remarks on accepted rows. `inside` is the area of the city, degrees; None: the check
    inside_city can't be made and every row passes it.

    Raises LayerError where a column the key or a required field needs is not in the delivery at
    all, and for a check nobody has written.
    """
    mapping = map_columns(layer, batch.columns)
    _refuse_without_columns(layer, mapping, batch)
    verdicts = Verdicts(batch)
    lenient = Lenient(verdicts)
    judge: dict[str, Verdicts] = {
        name: lenient if severity_of(layer, name) == "warn" else verdicts for name in CHECKS
    }
    geometry = _shapes(batch, layer, verdicts)
    asked = [wanted for wanted in layer.checks if severity_of(layer, wanted.name) != "off"]
    for wanted in asked:
        if wanted.name == "valid_geometry" and parameter(wanted, "repair"):
            mend(wanted, geometry, lenient)
        if wanted.name in GEOMETRY_CHECKS:
            GEOMETRY_CHECKS[wanted.name](geometry, inside, judge[wanted.name])
        elif wanted.name not in CHECKS:
            raise _unknown_check(layer, wanted)
    refuse_undecodable(batch, verdicts)
    columns = {
        f.name: _typed(batch, layer, f, mapping, registry, judge, verdicts) for f in layer.fields
    }
    for wanted in asked:
        if wanted.name in ATTRIBUTE_CHECKS:
            ATTRIBUTE_CHECKS[wanted.name](wanted, geometry, columns, registry, judge[wanted.name])
    keep = verdicts.good
    good = GoodRows(
        layer=layer,
        columns={n: c if keep.all() else c[keep] for n, c in columns.items()},
        extra=_extra(batch, mapping, keep),
        geometry=geometry[keep],
        rows=batch.rows[keep],
        accuracy_m=batch.accuracy_m,
    )
    return Checked(good=good, rejects=verdicts.rejects, remarks=lenient.remarks)


def _refuse_without_columns(layer: Layer, mapping: Mapping[str, str], batch: Batch) -> None:
    for field in layer.fields:
        if (field.required or field.name in layer.key) and field.name not in mapping:
            words = (field.name, *field.aliases)
            names, there = ", ".join(words), ", ".join(batch.columns)
            near = next(
                (n for n in unmapped(mapping, batch.columns) if near_name(n, words) is not None),
                None,
            )
            raise LayerError(
                zh=f"交付里没有图层 {layer.id} 必需的字段 {field.title.zh}（可用列名：{names}）。"
                f"现有列：{there}"
                + (f"。是否为“{near}”？是则改列名，或把它加入该字段的 aliases" if near else ""),
                en=f"the delivery lacks field {field.name} that layer {layer.id} needs (column "
                f"names known for it: {names}). It has: {there}"
                + (
                    f'. Is it "{near}"? Then rename it, or add it to the aliases of the field'
                    if near
                    else ""
                ),
                layer=layer.id,
                field=field.name,
                near=near,
            )


def _unknown_check(layer: Layer, wanted: Check) -> LayerError:
    known = ", ".join(CHECKS)
    return LayerError(
        zh=f"图层 {layer.id} 要求检查 {wanted.name}，没有这种检查；可用：{known}",
        en=f"layer {layer.id} asks for check {wanted.name}, which does not exist; there are: "
        f"{known}",
        layer=layer.id,
        check=wanted.name,
    )


# --- geometry --------------------------------------------------------------------------


def _shapes(batch: Batch, layer: Layer, verdicts: Verdicts) -> NDArray[np.object_]:
    """The geometries in the layer's type and dimension."""
    shapes = batch.geometry.copy()
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    verdicts.refuse_all(empty, "null_geometry", "没有几何图形。请补上坐标",
                        "there is no geometry. Add its coordinates")  # fmt: skip
    solid = shapely.has_z(shapes)
    wanted = layer.geometry.removesuffix("Z")
    if layer.has_z:
        verdicts.refuse_all(~solid & ~empty, "wrong_geometry_type", "缺少高程（Z）。请补上",
                            "the height (Z) is missing. Add it")  # fmt: skip
    elif solid.any():
        shapes[solid] = shapely.force_2d(shapes[solid])
    kinds = KINDS[shapely.get_type_id(shapes)]
    for single, multi in MULTI.items():
        if wanted == multi:
            for i in np.flatnonzero(kinds == single):
                shapes[i] = MAKE_MULTI[multi]([shapes[i]])
                kinds[i] = multi
        elif wanted == single:
            for i in np.flatnonzero(kinds == multi):
                if len(shapes[i].geoms) == 1:
                    shapes[i] = shapes[i].geoms[0]
                    kinds[i] = single
    for i in np.flatnonzero((kinds != wanted) & verdicts.good):
        verdicts.refuse(
            int(i),
            "wrong_geometry_type",
            f"图层要求 {layer.geometry}，这里是 {kinds[i]}",
            f"the layer wants {layer.geometry}, this is a {kinds[i]}",
        )
    return shapes


def _valid_geometry(
    shapes: NDArray[np.object_], inside: shapely.Geometry | None, verdicts: Verdicts
) -> None:
    for i in np.flatnonzero(~shapely.is_valid(shapes) & verdicts.good).tolist():
        reason = shapely.is_valid_reason(shapes[i])
        verdicts.refuse(
            i,
            "invalid_geometry",
            f"几何无效：{reason}。请在制图软件中修复",
            f"the geometry is invalid: {reason}. Mend it in your editor",
        )


def _inside_city(
    shapes: NDArray[np.object_], inside: shapely.Geometry | None, verdicts: Verdicts
) -> None:
    if inside is None:
        return
    shapely.prepare(inside)
    away = ~shapely.covers(inside, shapes) & verdicts.good
    for i in np.flatnonzero(away).tolist():
        x, y = shapely.get_coordinates(shapes[i])[0].tolist()
        swapped = shapely.transform(shapes[i], lambda xy: xy[:, ::-1])
        if shapely.covers(inside, swapped):
            verdicts.refuse(
                i,
                "swapped_axes",
                f"经纬度颠倒：({x:.6f}, {y:.6f}) 对调后落在市内。请对调",
                f"longitude and latitude are swapped: ({x:.6f}, {y:.6f}) lies in the city the "
                f"other way round. Swap them",
            )
        else:
            verdicts.refuse(
                i,
                "outside_city",
                f"位置 ({x:.6f}, {y:.6f}) 不在市域内。请核对坐标",
                f"({x:.6f}, {y:.6f}) lies outside the city. Check the coordinates",
            )


# --- attributes ------------------------------------------------------------------------


def _typed(
    batch: Batch,
    layer: Layer,
    field: Field,
    mapping: Mapping[str, str],
    registry: Registry,
    judge: Mapping[str, Verdicts],
    strict: Verdicts,
) -> NDArray[np.object_]:
    """The field's column, typed; a value that is not the field's is left out, and its row refused
    or remarked on as the layer says. A feature without its key is refused always."""
    out: NDArray[np.object_] = np.full(len(batch), None, dtype=object)
    codelist = registry.codelist(field)
    of_key = field.name in layer.key
    needed = of_key or (field.required and severity_of(layer, "required") != "off")
    value_judge = strict if of_key else judge["value" if codelist is None else "code_list"]
    if field.name in mapping:
        source = batch.columns[mapping[field.name]]
        out, wrong = typed_column(field, codelist, source)
        for i in wrong:
            value_judge.refuse(i, *_not_a_value(field, source[i], registry))
    if needed:
        for i in _empty(out):
            (strict if of_key else judge["required"]).refuse(
                i,
                "missing_value",
                f"{field.title.zh} 不能为空。请补上",
                f"{field.title.en} must not be empty. Fill it in",
                field.name,
            )
    if severity_of(layer, "range") != "off":
        _range(field, out, judge["range"])
    if severity_of(layer, "pattern") != "off":
        _pattern(field, out, judge["pattern"])
    return out


def _empty(column: NDArray[np.object_]) -> list[int]:
    listed = column.tolist()
    return [i for i, value in enumerate(listed) if value is None] if None in listed else []


def _not_a_value(field: Field, value: object, registry: Registry) -> tuple[str, str, str, str]:
    codelist = registry.codelist(field)
    shown = ascii(value) if isinstance(value, str) and not is_whole(value) else value
    if codelist is None:
        return (
            "bad_value",
            f"{field.title.zh} 的“{shown}”不是{_TYPES[field.type]}。请改正",
            f'{field.title.en}: "{shown}" is not a {field.type}. Correct it',
            field.name,
        )
    near = near_codes(str(value), codelist)
    hint_zh = (
        f"是否为：{'、'.join(f'{c.title.zh} {c.code}' for c in near)}？"
        if near
        else f"见代码表 {codelist.id}（{codelist.source}）"
    )
    hint_en = (
        f"did you mean {' or '.join(f'{c.title.en} {c.code}' for c in near)}?"
        if near
        else f"see code list {codelist.id}"
    )
    return (
        "unknown_code",
        f"{field.title.zh} 的“{shown}”不在代码表中。{hint_zh}",
        f'{field.title.en}: "{shown}" is not in the code list; {hint_en}',
        field.name,
    )


_TYPES = {"text": "文本", "integer": "整数", "number": "数", "boolean": "是/否", "date": "日期",
          "datetime": "时间", "code": "代码"}  # fmt: skip


def _range(field: Field, column: NDArray[np.object_], verdicts: Verdicts) -> None:
    if field.type not in ("integer", "number") or (field.min is None and field.max is None):
        return
    for i in _outside(column, field.min, field.max):
        verdicts.refuse(
            i,
            "out_of_range",
            f"{field.title.zh} {column[i]} 超出范围 {field.min}–{field.max} {field.unit or ''}"
            f"。请核对",
            f"{field.title.en} {column[i]} is out of range {field.min} to {field.max} "
            f"{field.unit or ''}. Check it",
            field.name,
        )


def _outside(column: NDArray[np.object_], low: float | None, high: float | None) -> list[int]:
    """Indices of the numbers that are below `low` or above `high`."""
    numbers = column.astype(np.float64)  # None becomes NaN, which is neither
    out = np.zeros(len(column), dtype=bool)
    if low is not None:
        out |= numbers < low
    if high is not None:
        out |= numbers > high
    found: list[int] = np.flatnonzero(out).tolist()
    return found


def _pattern(field: Field, column: NDArray[np.object_], verdicts: Verdicts) -> None:
    if not field.pattern:
        return
    listed = column.tolist()
    fits = re.compile(field.pattern).search
    if None not in map(fits, (v for v in listed if isinstance(v, str))):
        return
    for i, value in enumerate(listed):
        if isinstance(value, str) and not fits(value):
            verdicts.refuse(
                i,
                "bad_pattern",
                f"{field.title.zh}“{value}”不合编码规则 {field.pattern}。请改正",
                f'{field.title.en} "{value}" does not follow {field.pattern}. Correct it',
                field.name,
            )


def _declared_area(
    wanted: Check, shapes: NDArray[np.object_], columns: Columns, registry: Registry,
    verdicts: Verdicts,
) -> None:  # fmt: skip
    field, unit = str(wanted.params["field"]), float(str(wanted.params["unit_m2"]))
    tolerance = float(str(wanted.params["tolerance"]))
    epsg = norm_frame(registry.city.metric_frame).epsg
    assert epsg is not None  # a metric frame of the city has a code
    declared = np.array([np.nan if v is None else v for v in columns[field]], dtype=float) * unit
    rows = np.flatnonzero(verdicts.good & np.isfinite(declared) & (declared > 0))
    flat = shapely.transform(shapes[rows], lambda xy: to_metric(xy, epsg))
    measured = shapely.area(flat)
    differs = np.abs(measured - declared[rows]) > tolerance * declared[rows] + 1.0
    for i, area in zip(rows[differs].tolist(), measured[differs].tolist(), strict=True):
        verdicts.refuse(
            i,
            "area_differs",
            f"登记面积 {declared[i]:.1f} m²，图形面积 {area:.1f} m²。请核对带号、坐标顺序和单位",
            f"the declared area is {declared[i]:.1f} m², that of the outline {area:.1f} m². "
            f"Check zone, axis order and unit",
            field,
        )


def _below_surface(
    wanted: Check, shapes: NDArray[np.object_], columns: Columns, registry: Registry,
    verdicts: Verdicts,
) -> None:  # fmt: skip
    deepest = float(str(parameter(wanted, "max_depth_m")))
    for name in ("from_depth_m", "to_depth_m", "depth_m"):
        if name not in columns:
            continue
        for i in _outside(columns[name], 0, deepest):
            value = columns[name][i]
            verdicts.refuse(
                i,
                "below_surface",
                f"埋深 {value} m 不在 0–{deepest} m 之内。请核对",
                f"a depth of {value} m is not within 0 to {deepest} m. Check it",
                name,
            )


GEOMETRY_CHECKS: Mapping[
    str, Callable[[NDArray[np.object_], shapely.Geometry | None, Verdicts], None]
] = {"inside_city": _inside_city, "valid_geometry": _valid_geometry}
ATTRIBUTE_CHECKS: Mapping[
    str, Callable[[Check, NDArray[np.object_], Columns, Registry, Verdicts], None]
] = {
    "declared_area": _declared_area,
    "below_surface": _below_surface,
    **SHAPE_CHECKS,
    **STANDARD_CHECKS,
}


def _extra(
    batch: Batch, mapping: Mapping[str, str], keep: NDArray[np.bool_]
) -> NDArray[np.object_]:
    """Per good row the columns no field has taken; None where there are none."""
    rows = np.flatnonzero(keep)
    out: NDArray[np.object_] = np.full(len(rows), None, dtype=object)
    names = [n for n in unmapped(mapping, batch.columns) if n not in batch.placing]
    if not names:
        return out
    columns = [list(map(storable, batch.columns[name][keep].tolist())) for name in names]
    for at, values in enumerate(zip(*columns, strict=True)):
        kept = {n: v for n, v in zip(names, values, strict=True) if v is not None}
        out[at] = kept or None
    return out
