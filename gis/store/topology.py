"""What the rows of a delivery are to each other and to what stays: overlaps, gaps, pipes that end
nowhere, run uphill or through each other, features in another county than their code says.

Asked in the database, in the delivery's transaction, set by set; a layer that names no such check
pays nothing. Findings are warnings of the delivery, or refuse the row, as the layer says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from gis.errors import LayerError
from gis.layers.checklist import CHECKS, COVERAGE, number, parameter, severity_of
from gis.layers.model import Check, Label, Layer
from gis.store.coverage import survey_coverage
from gis.store.queries import layer_table, query

METRES_A_DEGREE = 111_320.0  # of the equator; thresholds, not areas that are stored
AROUND_M = 50.0  # how far from an upsert's rows a neighbour matters
PIPES = ("kind", "from_point", "to_point", "from_depth_m", "to_depth_m", "diameter_mm")

# finding -> what it says; %1$s … are its a, b, c (`format` of PostgreSQL)
SAYS: Mapping[str, Label] = {
    "overlap": Label(
        zh="与 %1$s 重叠 %2$s m²。请按权属或规划核对界线，改正其中一个",
        en="overlaps %1$s by %2$s m². Check whose ground it is and correct one of the two",
    ),
    "gap": Label(
        zh="与相邻图斑之间有 %1$s m² 的缝隙（平均宽 %2$s m）。请让相邻边界共用顶点",
        en="a gap of %1$s m² (%2$s m wide on average) lies between it and its neighbours. Let "
        "neighbours share their vertices",
    ),
    "other_county": Label(
        zh="代码前 6 位 %1$s（%2$s）与所在县区不符，图形位于 %3$s。请核对代码和坐标",
        en="its code says county %1$s (%2$s); it lies in %3$s. Check code and coordinates",
    ),
    "unknown_county": Label(
        zh="代码前 6 位 %1$s 不是本市的县区（位于 %3$s）。请核对代码",
        en="its code begins with %1$s, which is no county of this city (it lies in %3$s). Check it",
    ),
    "dangling_end": Label(
        zh="%1$s 的 %2$s 不在管线点中。请补交管线点或改正点号",
        en="%1$s is %2$s, which no pipe point is. Deliver the point or correct the number",
    ),
    "end_away": Label(
        zh="%1$s 与管线点 %2$s 相距 %3$s m。请以点为准改正管段端点",
        en="its %1$s lies %3$s m from pipe point %2$s. Move the end to the point",
    ),
    "above_surface": Label(
        zh="%1$s 高出地面（地面以下 %2$s m）。请核对高程和埋深的正负号",
        en="its %1$s is above the ground (%2$s m below it). Check level and sign of the depth",
    ),
    "depth_differs": Label(
        zh="%1$s 按高程在地面以下 %2$s m，埋深却填 %3$s m。请核对",
        en="by its level its %1$s is %2$s m below the ground, its depth says %3$s m. Check them",
    ),
    "uphill": Label(
        zh="重力流管道逆坡：起点 %1$s m，终点 %2$s m。请核对流向和高程",
        en="a sewer that runs uphill: from %1$s m to %2$s m. Check its direction and levels",
    ),
    "pipes_collide": Label(
        zh="与 %1$s 在同一高度相交而无共用管线点（本段高程 %2$s m，对方 %3$s m）。请核对埋深或补点",
        en="meets %1$s at the same height without a common point (levels %2$s and %3$s m). Check "
        "the depths, or add the joint",
    ),
    "unjoined_chamber": Label(
        zh="%1$s 管线点上的附属物 %2$s 没有任何管段相连。请补交管段或核对点号",
        en="no pipe ends at this %1$s point with fixture %2$s. Deliver the pipe or correct the "
        "number",
    ),
    "not_checked": Label(
        zh="未做检查 %1$s：图层 %2$s 还没有数据。请先交付它，再重交本层",
        en="check %1$s was not made: layer %2$s holds nothing yet. Deliver it first, then this "
        "again",
    ),
}
FINDINGS: Mapping[str, tuple[str, ...]] = {
    "overlaps": ("overlap",),
    "gaps": ("gap",),
    "own_county": ("other_county", "unknown_county"),
    "pipe_ends": ("dangling_end", "end_away"),
    "pipe_depths": ("above_surface", "depth_differs"),
    "gravity_flow": ("uphill",),
    "pipe_crossings": ("pipes_collide",),
    "manholes_joined": ("unjoined_chamber",),
}
OTHER_LAYER = ("areas", "points")  # parameters that name one
ONLY_WHOLE = ("manholes_joined",)  # says something only where every pipe is looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """A delivery to be looked at, in its transaction: `mode` "full" or "upsert"."""

    connection: psycopg.Connection
    layer: Layer
    delivery: int
    mode: str

    def make(self) -> dict[str, int]:
        """Make every set check of the layer. Returns how many rows were refused, by reason; the
        warnings are stored.

        Raises LayerError where a check needs a field or layer that is not there."""
        wanted = [
            check
            for check in self.layer.checks
            if CHECKS[check.name].stage == "set"
            and severity_of(self.layer, check.name) != "off"
            and not (check.name in ONLY_WHOLE and self.mode != "full")
        ]
        if not wanted or self.mode not in ("full", "upsert"):
            return {}
        self._gather(wanted)
        for check in wanted:
            self._look(check)
        refused = self._refuse(wanted)
        self._warn(refused)
        return self._counted(refused)

    # --- steps -----------------------------------------------------------------------------

    def _gather(self, wanted: Sequence[Check]) -> None:
        """The rows as the layer would hold them, and an empty list of findings."""
        layer = self.layer
        names = dict.fromkeys((*layer.key, *self._fields(wanted)))
        keys = {
            f"{name}_key": _columns(layer.key, alias)
            for name, alias in (("kept", "k"), ("old", "old"), ("batch", "b"))
        }
        if self.mode == "upsert":
            del keys["kept_key"]
        made = self.connection.execute(
            query(
                f"topology_standing_{self.mode}",
                table=layer_table(layer.id),
                batch_columns=_columns(names, "b"),
                old_columns=_columns(names, "old"),
                **keys,
            ),
            {"around": AROUND_M / METRES_A_DEGREE} if self.mode == "upsert" else None,
        )
        self.connection.execute(query("topology_index"))
        self.connection.execute(query("topology_found_create"))
        if any(check.name in COVERAGE for check in wanted):
            survey_coverage(self.connection, made.rowcount)

    def _fields(self, wanted: Sequence[Check]) -> list[str]:
        """Fields the checks look at beside the key."""
        asked: list[str] = []
        for check in wanted:
            if "field" in CHECKS[check.name].params:
                asked.append(str(parameter(check, "field")))
            elif check.name not in COVERAGE:
                asked += PIPES
        for name in asked:
            self.layer.field(name)  # raises where it is none
        return asked

    def _look(self, check: Check) -> None:
        for name in OTHER_LAYER:
            if name in CHECKS[check.name].params and not self._holds(str(parameter(check, name))):
                self._say_not_checked(check, str(parameter(check, name)))
                return
        params, parts = self._arguments(check)
        findings = query(f"topology_{check.name}", **parts)
        self.connection.execute(query("topology_found_add", findings=findings), params)

    def _arguments(self, check: Check) -> tuple[dict[str, Any], dict[str, Composable]]:
        """Values and identifiers the check's query takes."""
        key = self.layer.key
        pairs: dict[str, Composable] = {
            f"{alias}_pairs": key_pairs(key, alias) for alias in ("a", "b", "s")
        }
        both = {
            "a_pairs": pairs["a_pairs"],
            "b_pairs": pairs["b_pairs"],
            "a_key": _columns(key, "a"),
            "b_key": _columns(key, "b"),
        }
        one = {"s_pairs": pairs["s_pairs"]}
        numbers = {
            n: number(check, n) for n in CHECKS[check.name].params if n.endswith(("_m", "_m2"))
        }
        match check.name:
            case "overlaps":
                return numbers | {"m2_a_degree2": METRES_A_DEGREE**2}, both
            case "pipe_crossings":
                return numbers, both
            case "gaps":
                table = {"table": layer_table(self.layer.id)}
                keys = {"batch_key": _columns(key, "b"), "o_key": _columns(key, "o")}
                return numbers | {"upsert": self.mode == "upsert"}, one | table | keys
            case "own_county":
                field = Identifier(str(parameter(check, "field")))
                margin = {"margin": numbers["margin_m"] / METRES_A_DEGREE}
                areas = layer_table(str(parameter(check, "areas")))
                return margin, one | {"field": field, "areas": areas}
            case "gravity_flow":
                kinds = parameter(check, "kinds")
                return numbers | {"kinds": list(kinds) if isinstance(kinds, Iterable) else []}, one
            case "manholes_joined":
                fixture = Identifier(str(parameter(check, "fixture")))
                return {}, {"fixture": fixture, "points": self._points(check)}
            case _:
                return numbers, one | {"points": self._points(check)}

    def _points(self, check: Check) -> Identifier:
        return layer_table(str(parameter(check, "points")))

    def _holds(self, layer: str) -> bool:
        known = self.connection.execute(query("layer_known"), {"layer": layer}).fetchone()
        if known is None:
            raise LayerError(
                zh=f"图层 {self.layer.id} 的检查要用图层 {layer}，没有这个图层。请改图层定义",
                en=f"a check of layer {self.layer.id} asks for layer {layer}, which there is not. "
                f"Correct the definition",
                layer=layer,
            )
        row = self.connection.execute(query("topology_any", table=layer_table(layer))).fetchone()
        return row == (True,)

    def _say_not_checked(self, check: Check, layer: str) -> None:
        self.connection.execute(
            query("topology_found_add", findings=query("topology_not_checked")),
            {"check": check.name, "layer": layer},
        )

    def _refuse(self, wanted: Sequence[Check]) -> dict[int, str]:
        """Refuse rows for findings that are to refuse; of a pair only the later, and not where
        the earlier is refused itself. Row number -> reason."""
        strict = [c.name for c in wanted if severity_of(self.layer, c.name) == "reject"]
        codes = [code for name in strict for code in FINDINGS[name]]
        if not codes:
            return {}
        pairs = self.connection.execute(query("topology_rejectable"), {"codes": codes}).fetchall()
        rows: set[int] = set()
        for n, other in pairs:  # in the order of the file
            if other is None or other not in rows:
                rows.add(n)
        if not rows:
            return {}
        key = self.layer.key
        found = self.connection.execute(
            query("topology_refuse", key=SQL(", ").join(map(Identifier, key))),
            _texts(codes)
            | {
                "rows": sorted(rows),
                "delivery": self.delivery,
                "field": ",".join(key),
                "frame": "EPSG:4490",
            },
        ).fetchall()
        return dict(found)

    def _warn(self, refused: Mapping[int, str]) -> None:
        params = _texts(list(SAYS)) | {"delivery": self.delivery, "rows": sorted(refused)}
        self.connection.execute(query("topology_warn"), params)

    def _counted(self, refused: Mapping[int, str]) -> dict[str, int]:
        counts: dict[str, int] = {}
        for code in refused.values():
            counts[code] = counts.get(code, 0) + 1
        return counts


def _texts(codes: Sequence[str]) -> dict[str, Any]:
    return {
        "codes": list(codes),
        "zh": [SAYS[code].zh for code in codes],
        "en": [SAYS[code].en for code in codes],
    }


def _columns(names: Iterable[str], alias: str) -> Composed:
    return SQL(", ").join([Identifier(alias, name) for name in names])


def key_pairs(names: Iterable[str], alias: str) -> Composed:
    """Arguments of jsonb_build_object."""
    parts = [SQL("{}, {}").format(Literal(name), Identifier(alias, name)) for name in names]
    return SQL(", ").join(parts)
