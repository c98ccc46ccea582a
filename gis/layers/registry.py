"""The layers, code lists and the city, read from their YAML files.

The caller hands in the folders (`pathlib.Path` or an `importlib.resources` Traversable); this
module only asks them for children and text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, get_args

import yaml

from gis.errors import ConfigError, LayerError, UnknownLayer
from gis.layers.checklist import CHECKS, COVERAGE
from gis.layers.model import (
    MAX_CLOSED_SHARE,
    Check,
    Classification,
    Code,
    CodeList,
    Field,
    FieldType,
    GeometryType,
    Label,
    Layer,
    Theme,
)

RESERVED = ("catalogue",)  # collections that are no layer
LONGEST_DAYS = 36_525  # a century


class Folder(Protocol):
    """What we need of a folder or file."""

    @property
    def name(self) -> str: ...
    def joinpath(self, *parts: str) -> Any: ...
    def iterdir(self) -> Iterator[Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """The city of this installation, `config/city.yml`.

    bbox: west, south, east, north in degrees (CGCS2000). geoid_undulation_m: ellipsoidal minus
    1985 height; None where nobody has stated it (then there is no 3D).
    """

    code: str
    name: Label
    metric_frame: str
    bbox: tuple[float, float, float, float]
    home_view: Mapping[str, float]
    height_datum: str
    geoid_undulation_m: float | None
    timezone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Everything that is defined: layers by id (in id order), code lists by id, the city."""

    layers: Mapping[str, Layer]
    codelists: Mapping[str, CodeList]
    city: City

    def get(self, id: str) -> Layer:
        """The layer of that id. Raises UnknownLayer that lists those there are."""
        if id in self.layers:
            return self.layers[id]
        known = ", ".join(self.layers)
        raise UnknownLayer(
            zh=f"没有名为 {id} 的图层；现有：{known}。新图层请在 config/layers/ 增加一个 YAML",
            en=f"no layer is called {id}; there are: {known}. Add one in config/layers/",
            layer=id,
        )

    def codelist(self, field: Field) -> CodeList | None:
        """The code list of a field, None for fields that have none."""
        return self.codelists[field.codelist] if field.codelist else None


def load_registry(config: Folder, data: Folder) -> Registry:
    """Read `config/layers/*.yml`, `config/city.yml` and `data/codelists/*.yml`.

    Raises ConfigError for a missing folder or broken YAML, LayerError for a definition that is
    wrong, both naming file and field.
    """
    codelists = [_codelist(f.name, doc) for f, doc in _documents(data.joinpath("codelists"))]
    layers = [
        parse_layer(f.name, doc, {c.id for c in codelists})
        for f, doc in _documents(config.joinpath("layers"))
    ]
    city = _city(_document(config.joinpath("city.yml")))
    return Registry(
        layers={layer.id: layer for layer in layers},
        codelists={c.id: c for c in codelists},
        city=city,
    )


def _documents(folder: Any) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    if not folder.is_dir():
        raise ConfigError(
            zh=f"找不到目录 {folder}。请在项目目录中运行，或设置 GIS_CONFIG / GIS_DATA",
            en=f"no folder {folder}. Run in the project's folder, or set GIS_CONFIG / GIS_DATA",
            path=str(folder),
        )
    for file in sorted(folder.iterdir(), key=lambda f: str(f.name)):
        if file.name.endswith((".yml", ".yaml")):
            yield file, _document(file)


def _document(file: Any) -> Mapping[str, Any]:
    try:
        doc = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise ConfigError(
            zh=f"{file} 无法读取：{exc}。请改正该文件",
            en=f"{file} can't be read: {exc}. Correct the file",
            path=str(file),
        ) from exc
    if not isinstance(doc, dict):
        raise ConfigError(
            zh=f"{file} 应为一组键值", en=f"{file} should be a mapping of keys", path=str(file)
        )
    return doc


def parse_layer(file: str, doc: Mapping[str, Any], codelists: set[str]) -> Layer:
    """One layer definition. Raises LayerError naming `file` and the field that is wrong."""
    known = set(Layer.__dataclass_fields__) - {"solid"} | {"solid", "3d"}
    for name in doc:
        if name not in known:
            raise _wrong(file, str(name), "未知的键", "is not a key of a layer")
    theme = _one_of(file, doc, "theme", get_args(Theme))
    geometry = _one_of(file, doc, "geometry", get_args(GeometryType))
    classification = _one_of(file, doc, "classification", get_args(Classification))
    fields = tuple(_field(file, f, codelists) for f in _need(file, doc, "fields"))
    raw_key = _need(file, doc, "key")
    key = (raw_key,) if isinstance(raw_key, str) else tuple(raw_key)
    names = [f.name for f in fields]
    for name in key:
        if name not in names:
            raise _wrong(file, "key", f"{name} 不是字段", f"{name} is not one of the fields")
    latest_of = doc.get("latest_of")
    if latest_of is not None and latest_of not in names:
        raise _wrong(file, "latest_of", f"{latest_of} 不是字段", f"{latest_of} is not a field")
    return Layer(
        id=_layer_id(file, doc),
        title=_label(file, "title", _need(file, doc, "title")),
        theme=theme,
        geometry=geometry,
        key=key,
        accuracy_m=float(_need(file, doc, "accuracy_m")),
        classification=classification,
        fields=fields,
        owner=_label(file, "owner", doc.get("owner", {"zh": "", "en": ""})),
        checks=_checks(file, doc.get("checks", ()), names),
        style=doc.get("style", {}),
        solid=doc.get("solid", doc.get("3d")),
        latest_of=latest_of,
        update_days=_update_days(file, doc.get("update_days")),
        max_closed_share=_share(file, doc.get("max_closed_share", MAX_CLOSED_SHARE)),
        editable=_truth(file, "editable", doc.get("editable", False)),
        order=int(doc.get("order", 100)),
    )


def _layer_id(file: str, doc: Mapping[str, Any]) -> str:
    id_ = str(_need(file, doc, "id"))
    if id_ in RESERVED:
        raise _wrong(
            file, "id", f"{id_} 是数据目录的地址，不能用作图层编号",
            f"{id_} is the address of the catalogue of all layers, and can't be a layer's",
        )  # fmt: skip
    return id_


def _update_days(file: str, value: object) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 0 < value <= LONGEST_DAYS:  # true is an int as well
        raise _wrong(
            file, "update_days", f"{value} 应为 1 至 {LONGEST_DAYS} 的整数天数",
            f"{value} should be whole days from 1 to {LONGEST_DAYS}",
        )  # fmt: skip
    return value


def _truth(file: str, name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong(file, name, f"{value} 应为 true 或 false", f"{value} should be true or false")
    return value


def _share(file: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise _wrong(
            file, "max_closed_share", f"{value} 应为 0 至 1 的数", f"{value} should be 0 to 1"
        )
    return float(value)


def _field(file: str, doc: Mapping[str, Any], codelists: set[str]) -> Field:
    name = str(_need(file, doc, "name"))
    kind = _one_of(file, doc, "type", get_args(FieldType))
    codelist = doc.get("codelist")
    if (kind == "code") != (codelist is not None) or (codelist and codelist not in codelists):
        raise _wrong(file, name, f"代码表 {codelist} 不存在", f"there is no code list {codelist}")
    return Field(
        name=name,
        title=_label(file, name, doc.get("title", {"zh": name, "en": name})),
        type=kind,
        codelist=codelist,
        required=bool(doc.get("required", False)),
        min=doc.get("min"),
        max=doc.get("max"),
        unit=doc.get("unit"),
        pattern=doc.get("pattern"),
        aliases=tuple(str(a) for a in doc.get("aliases", ())),
    )


def _checks(file: str, docs: Sequence[object], names: Sequence[str]) -> tuple[Check, ...]:
    checks = tuple(_check(file, doc, names) for doc in docs)
    named = [check.name for check in checks]
    if twice := sorted({name for name in named if named.count(name) > 1}):
        raise _wrong(file, "checks", f"重复：{twice}", f"{twice} stand there twice")
    if set(named) & COVERAGE and "valid_geometry" not in named:
        raise _wrong(
            file, "checks", "overlaps、gaps 需要同时检查 valid_geometry",
            "overlaps and gaps need valid_geometry beside them",
        )  # fmt: skip
    return checks


def _check(file: str, doc: object, names: Sequence[str]) -> Check:
    """`name`, `{name: severity}` or `{name: {parameter: value, severity: …}}`; YAML reads `off` as
    false. `names`: the layer's fields."""
    said: object = None
    if isinstance(doc, dict) and len(doc) == 1:
        [(doc, said)] = doc.items()
    if doc not in CHECKS:
        known = ", ".join(CHECKS)
        raise _wrong(
            file, "checks", f"{doc} 不是检查项；可用：{known}",
            f"{doc} is not a check; there are: {known}",
        )  # fmt: skip
    name, kind = str(doc), CHECKS[str(doc)]
    params = dict(said) if isinstance(said, dict) else {}
    severity = params.pop("severity", None if isinstance(said, dict) else said)
    if severity is False:
        severity = "off"
    if severity is not None and severity not in kind.allowed:
        allowed = ", ".join(kind.allowed)
        raise _wrong(
            file, f"checks: {name}", f"{severity} 应为：{allowed}",
            f"{severity} should be one of: {allowed}",
        )  # fmt: skip
    if unknown := sorted(set(params) - set(kind.params)):
        raise _wrong(
            file, f"checks: {name}", f"未知的参数 {unknown}；可用：{sorted(kind.params)}",
            f"unknown parameters {unknown}; there are: {sorted(kind.params)}",
        )  # fmt: skip
    for param, default in kind.params.items():
        if default is None and params.get(param) is None and severity != "off":
            raise _wrong(file, f"checks: {name}: {param}", "缺少", "is missing")
    if "field" in params and params["field"] not in names:
        raise _wrong(
            file, f"checks: {name}", f"{params['field']} 不是字段", f"{params['field']} is no field"
        )
    return Check(name=name, params=params, severity=severity)


def _codelist(file: str, doc: Mapping[str, Any]) -> CodeList:
    codes = {}
    for row in _need(file, doc, "codes"):
        code = str(_need(file, row, "code"))
        codes[code] = Code(
            code=code,
            title=Label(zh=str(_need(file, row, "zh")), en=str(_need(file, row, "en"))),
            color=row.get("color"),
            aliases=tuple(str(a) for a in row.get("aliases", ())),
        )
    coverage = doc.get("coverage")
    return CodeList(
        id=str(_need(file, doc, "id")),
        source=str(_need(file, doc, "source")),
        codes=codes,
        edition=str(doc.get("edition", "")),
        coverage=None if coverage is None else _label(file, "coverage", coverage),
    )


def _city(doc: Mapping[str, Any]) -> City:
    file = "city.yml"
    bbox = tuple(float(v) for v in _need(file, doc, "bbox"))
    if len(bbox) != 4 or not (bbox[0] < bbox[2] and bbox[1] < bbox[3]):
        raise _wrong(file, "bbox", "应为 西、南、东、北", "should be west, south, east, north")
    undulation = doc.get("geoid_undulation_m")
    return City(
        code=str(_need(file, doc, "code")),
        name=_label(file, "name", _need(file, doc, "name")),
        metric_frame=str(_need(file, doc, "metric_frame")),
        bbox=bbox,
        home_view=_need(file, doc, "home_view"),
        height_datum=str(_need(file, doc, "height_datum")),
        geoid_undulation_m=None if undulation is None else float(undulation),
        timezone=str(doc.get("timezone", "Asia/Shanghai")),
    )


def _need(file: str, doc: Mapping[str, Any], name: str) -> Any:
    if not isinstance(doc, Mapping) or doc.get(name) is None:
        raise _wrong(file, name, "缺少", "is missing")
    return doc[name]


def _one_of(file: str, doc: Mapping[str, Any], name: str, allowed: Sequence[str]) -> Any:
    value = _need(file, doc, name)
    if value not in allowed:
        choice = ", ".join(allowed)
        raise _wrong(file, name, f"{value} 应为：{choice}", f"{value} should be one of: {choice}")
    return value


def _label(file: str, name: str, value: Any) -> Label:
    if isinstance(value, str):
        return Label(zh=value, en=value)
    return Label(zh=str(_need(file, value, "zh")), en=str(value.get("en") or value["zh"]))


def _wrong(file: str, field: str, zh: str, en: str) -> LayerError:
    return LayerError(
        zh=f"{file} 的 {field}：{zh}。请改正", en=f"{file}, {field}: {en}. Correct it",
        file=file, field=field,
    )  # fmt: skip
