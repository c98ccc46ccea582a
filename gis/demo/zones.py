"""What each block of the town is for: its land-use code, its manner of building, its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.demo.features import Features
from gis.demo.names import SCHOOL_FIRST, estate_names, firm_names, words
from gis.demo.river import Corridors
from gis.demo.site import Floats, Site
from gis.demo.subdivide import long_axis

# manner of building -> land-use code (国土空间调查、规划、用途管制用地用海分类 2023)
LAND_USE = {
    "highrise": "0701", "midrise": "0701", "slab": "0701", "oldtown": "0701", "villa": "0701",
    "urban_village": "0701", "village": "0703", "mall": "0901", "market": "0901",
    "office": "0902", "government": "0801", "culture": "0803", "school": "0804",
    "university": "0804", "hospital": "0806", "factory": "1001", "logistics": "1101",
    "station": "1208", "park": "1401", "square": "1403", "reserved": "16",
    "waterworks": "1301", "substation": "1303", "green": "1402",
}  # fmt: skip

# what, name, target (site metres east, north), least and most hectares
LANDMARKS = (
    ("government", "驻马店市人民政府", (1420, 1760), 2.0, 9.0),
    ("square", "市民广场", (1320, 1560), 1.0, 8.0),
    ("culture", "驻马店市博物馆", (1900, 1850), 1.5, 8.0),
    ("culture", "天中图书馆", (900, 1500), 1.5, 6.0),
    ("government", "驿城区人民政府", (-420, 900), 1.5, 5.0),
    ("station", "驻马店站", (-1090, 330), 1.0, 8.0),
    ("square", "站前广场", (-960, 420), 0.5, 3.0),
    ("hospital", "驻马店市中心医院", (-330, 420), 1.5, 6.0),
    ("hospital", "驻马店市第一人民医院", (860, -330), 2.0, 7.0),
    ("hospital", "驻马店市中医院", (-2050, 800), 2.0, 7.0),
    ("hospital", "驿城区妇幼保健院", (2050, -900), 2.0, 7.0),
    ("university", "黄淮大学", (-2500, 1950), 5.0, 40.0),
    ("university", "黄淮大学西区", (-2650, 1650), 4.0, 40.0),
    ("university", "驻马店职业技术学院", (420, 2520), 3.5, 40.0),
    ("university", "天中师范学院", (-1900, -2350), 3.5, 40.0),
    ("park", "人民公园", (-380, -250), 1.5, 8.0),
    ("park", "森林公园", (-2850, -1700), 4.0, 40.0),
    ("park", "开源湖公园", (2400, -1750), 2.5, 20.0),
    ("park", "南海公园", (500, -2000), 2.5, 20.0),
    ("mall", "爱家购物广场", (60, 260), 0.8, 4.0),
    ("mall", "乐山商场", (-180, 60), 0.8, 4.0),
    ("mall", "建业凯旋广场", (1000, 950), 1.5, 7.0),
    ("mall", "万达广场", (-1800, -200), 2.0, 8.0),
    ("market", "天中农贸市场", (300, -300), 0.8, 4.0),
    ("market", "西园批发市场", (-2500, 300), 2.0, 8.0),
    ("waterworks", "驿城水厂", (-3000, 100), 1.5, 8.0),
    ("waterworks", "污水处理厂", (3150, -760), 2.0, 12.0),
    ("substation", "乐山变电站", (-2000, -1300), 1.0, 6.0),
    ("substation", "驿东变电站", (2500, 600), 1.0, 14.0),
    # on the town's edge, where the aerial photographs look
    ("urban_village", "李楼", (2770, -1650), 0.8, 14.0),
    ("reserved", "待建用地", (3030, -1700), 1.5, 20.0),
    ("reserved", "待建用地", (2520, -2000), 1.5, 20.0),
)  # fmt: skip

RESIDENTIAL = ("oldtown", "slab", "midrise", "highrise", "urban_village", "villa", "reserved")
RESIDENTIAL_SHARE = {
    "core": (0.46, 0.34, 0.06, 0.14, 0.0, 0.0, 0.0),
    "inner": (0.03, 0.46, 0.15, 0.26, 0.10, 0.0, 0.0),
    "outer": (0.0, 0.20, 0.21, 0.40, 0.10, 0.03, 0.06),
}
PARKS = words("香山 月季 银杏 春晓 盘古 嫘祖 练湖 金雀 学苑 友谊 健康 桃园 梧桐 朝阳")
NEW_QUARTER = (2480.0, 1800.0, 620.0)  # east, north, radius: empty at first, built in 2024


@dataclass
class _Claims:
    """Blocks by who took them; a block is claimed once."""

    x: Floats
    y: Floats
    hectares: Floats
    manner: NDArray[np.object_]
    name: NDArray[np.object_]

    @property
    def free(self) -> NDArray[np.bool_]:
        return np.asarray(self.manner == "")

    def nearest(
        self, what: str, name: str, at: tuple[float, float], least: float, most: float
    ) -> None:
        fits = self.free & (self.hectares >= least) & (self.hectares <= most)
        distance = np.where(fits, np.hypot(self.x - at[0], self.y - at[1]), np.inf)
        if np.isfinite(distance.min()):
            self.manner[distance.argmin()] = what
            self.name[distance.argmin()] = name

    def spread(
        self,
        what: str,
        names: list[str],
        apart: float,
        hectares: tuple[float, float],
        rng: np.random.Generator,
    ) -> None:
        """Give `what` to free blocks of that size, each `apart` metres from the next."""
        placed: list[tuple[float, float]] = []
        for i in rng.permutation(len(self.x)):
            if not names:
                return
            if not (self.free[i] and hectares[0] <= self.hectares[i] <= hectares[1]):
                continue
            if all(np.hypot(self.x[i] - px, self.y[i] - py) >= apart for px, py in placed):
                placed.append((float(self.x[i]), float(self.y[i])))
                self.manner[i], self.name[i] = what, names.pop(0)


def assign_uses(site: Site, blocks: Features, land: Corridors) -> Features:
    """Blocks with `manner`, `land_use`, `name` and `quarter` (True in the quarter that the second
    delivery shows built)."""
    rng = site.rng("zones")
    centre = shapely.centroid(blocks.geometry)
    count = len(blocks)
    claims = _Claims(
        shapely.get_x(centre), shapely.get_y(centre), shapely.area(blocks.geometry) / 1e4,
        np.full(count, "", dtype=object), np.full(count, "", dtype=object),
    )  # fmt: skip
    lakeside = shapely.intersects(blocks.geometry, land.lake)
    claims.manner[lakeside], claims.name[lakeside] = "park", "置地公园"
    for what, name, at, least, most in LANDMARKS:
        claims.nearest(what, name, at, least, most)
    quarter = claims.free & (
        np.hypot(claims.x - NEW_QUARTER[0], claims.y - NEW_QUARTER[1]) < NEW_QUARTER[2]
    )
    claims.manner[quarter] = "quarter"
    _slivers(claims, blocks)
    factory = claims.free & (blocks["zone"] == "industry")
    _industry(claims, factory, rng)
    _schools_and_parks(claims, rng)
    _commerce(claims, blocks, rng)
    _housing(claims, blocks["zone"], rng)
    _fill_quarter(claims, quarter, rng)
    use = np.array([LAND_USE[m] for m in claims.manner], dtype=object)
    return blocks.adding(manner=claims.manner, land_use=use, name=claims.name, quarter=quarter)


def _slivers(claims: _Claims, blocks: Features) -> None:
    """Thin or tiny left-overs become street green."""
    _, _, sides = long_axis(blocks.geometry)
    thin = claims.free & ((sides[:, 1] < 32.0) | (claims.hectares < 0.35))
    claims.manner[thin], claims.name[thin] = "green", "街头绿地"


def _industry(claims: _Claims, which: NDArray[np.bool_], rng: np.random.Generator) -> None:
    firms = firm_names(rng)
    for i in np.flatnonzero(which):
        draw = rng.random()
        claims.manner[i] = "factory" if draw < 0.8 else "logistics" if draw < 0.92 else "reserved"
        claims.name[i] = f"{firms.one()}有限公司" if draw < 0.92 else "工业预留地"


def _schools_and_parks(claims: _Claims, rng: np.random.Generator) -> None:
    middle = [f"驻马店市{n}中学" if n != "第一" else "驻马店高级中学" for n in SCHOOL_FIRST]
    primary = [f"驿城区{n}小学" for n in SCHOOL_FIRST] + [f"天中{n}实验小学" for n in SCHOOL_FIRST]
    parks = [f"{name}游园" for name in PARKS]
    claims.spread("school", middle, 1150.0, (3.0, 9.0), rng)
    claims.spread("school", primary, 780.0, (1.1, 3.6), rng)
    claims.spread("park", parks, 1000.0, (0.8, 5.0), rng)


def _commerce(claims: _Claims, blocks: Features, rng: np.random.Generator) -> None:
    """Shops and offices: likelier near the core, and around the new government."""
    pull = np.exp(-((np.hypot(claims.x + 60, claims.y - 180) / 750.0) ** 2)) * 0.42
    pull += np.exp(-((np.hypot(claims.x - 1450, claims.y - 1650) / 500.0) ** 2)) * 0.45
    pull += np.where(blocks["zone"] == "industry", 0.0, 0.055)
    chosen = claims.free & (rng.random(len(blocks)) < pull) & (claims.hectares < 6.5)
    kinds: list[Any] = ["mall", "office", "market"]
    for i in np.flatnonzero(chosen):
        claims.manner[i] = rng.choice(kinds, p=[0.42, 0.44, 0.14])
    estates = estate_names(rng)
    label = {"mall": "商业广场", "office": "商务中心", "market": "市场"}
    for i in np.flatnonzero(chosen):
        claims.name[i] = estates.one()[:2] + label[claims.manner[i]]


def _housing(claims: _Claims, zone: NDArray[np.object_], rng: np.random.Generator) -> None:
    estates = estate_names(rng)
    for i in np.flatnonzero(claims.free):
        share = RESIDENTIAL_SHARE.get(zone[i], RESIDENTIAL_SHARE["outer"])
        manner = str(rng.choice(RESIDENTIAL, p=share))
        claims.manner[i] = manner
        claims.name[i] = estates.one() if manner != "reserved" else "待建用地"


def _fill_quarter(claims: _Claims, quarter: NDArray[np.bool_], rng: np.random.Generator) -> None:
    """What the new quarter will be; its westernmost block is today a village in the town."""
    rows = np.flatnonzero(quarter)
    if len(rows) == 0:
        return
    rows = rows[np.argsort(claims.x[rows])]
    for place, i in enumerate(rows):
        claims.manner[i] = ("highrise", "midrise", "highrise", "slab", "mall")[place % 5]
        claims.name[i] = f"天中新区{'一二三四五六七八九十'[place % 10]}{place // 10 or ''}号地块"
    claims.manner[rows[0]], claims.name[rows[0]] = "urban_village", "后王庄"
