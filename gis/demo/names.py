"""Chinese names of streets, estates, schools, villages and firms, drawn without repeats."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray


def words(text: str) -> tuple[str, ...]:
    """The words of a text, parted by blanks."""
    return tuple(text.split())


STREET_STEMS = words(
    "风光 自由 骏马 置地 泰山 淮河 朗陵 慎阳 汝宁 重阳 正阳 平舆 西平 上蔡 遂平 确山 泌阳 新蔡 "
    "汝南 刘阁 香山 中原 光明 人民 团结 胜利 和平 建设 振兴 兴业 创业 科技 学苑 书院 桃园 梨园 "
    "柳林 槐荫 梧桐 银杏 月季 牡丹 玉兰 紫荆 春晓 秋实 朝阳 晨光 彩虹 星海 盘古 嫘祖 皇家 驿馆 "
    "古城 东高 西园 南海 北泉 练湖 板桥 薄山 宿鸭 金雀 金桥 金河 银川 玉泉 龙泉 凤凰 天桥 车站 "
    "迎宾 友谊 健民 康宁 惠民 安居 永安 平安 顺和 祥和 兴隆 兴国 富民 丰泽 润泽 清河 碧水 湖滨"
)
ESTATE_FIRST = words(
    "天中 置地 建业 正弘 恒泰 金域 蓝湾 阳光 锦绣 世纪 东方 盛世 龙腾 翡翠 御景 江南 中央 学府 "
    "星河 紫金 丽景 鑫源 福泰 嘉和 名门 华府 绿城 碧桂 汇景 香榭 水岸 荣华 吉祥 乐山 驿都 铜锣 "
    "橡林 雪松 练江 滨河 悦城 观湖 润景 亚星 爱家 中原 帝景 凯旋 枫林 橄榄"
)
ESTATE_LAST = words("花园 家园 小区 华庭 名邸 新城 公馆 雅苑 上城 府邸 水岸 国际 豪庭 嘉园 佳苑")
FIRM_FIRST = words(
    "华中 天方 昊华 骏化 中集 豫南 天中 恒兴 白云 鼎力 金凯 宏盛 顺达 永达 鑫泰 一帆 德邦 "
    "豫龙 汇源 今麦 神州 同力 久隆 瑞祥 大程 懿丰 晶都 聚成 美辰 双龙"
)
FIRM_LAST = words(
    "机械 食品 纺织 包装 建材 药业 化工 电子 车业 门业 粮油 饲料 皮革 塑业 铝材 家具 冷链 印务"
)
SURNAMES = words(
    "张 王 李 赵 刘 陈 杨 周 吴 徐 孙 胡 朱 高 林 何 郭 马 罗 梁 宋 郑 谢 韩 唐 冯 于 董 萧 程 "
    "曹 袁 邓 许 傅 沈 曾 彭 吕 苏 卢 蒋 蔡 贾 丁 魏 薛 叶 阎 余 潘 杜 戴 夏 钟 汪 田 任 姜 范"
)
VILLAGE_LAST = words("庄 楼 湾 店 寨 营 岗 桥 堂 集 洼 坡 园 圈 冲")
SCHOOL_FIRST = words(
    "第一 第二 第三 第四 第五 第六 第七 第八 第九 第十 第十一 第十二 第十三 第十四"
)


class Draws:
    """Names from `pool` in random order; when it is used up, numbered ones follow."""

    def __init__(self, pool: Sequence[str], rng: np.random.Generator) -> None:
        self._order = [pool[i] for i in rng.permutation(len(pool))]
        self._taken = 0

    def one(self) -> str:
        again, at = divmod(self._taken, len(self._order))
        self._taken += 1
        return (
            self._order[at] if again == 0 else f"{self._order[at]}{'一二三四五六七八九'[again]}区"
        )

    def many(self, count: int) -> NDArray[np.object_]:
        return np.array([self.one() for _ in range(count)], dtype=object)


def joined(first: Sequence[str], last: Sequence[str]) -> list[str]:
    """Every first word with every last word."""
    return [a + b for a, b in product(first, last) if a != b]


class StreetNames:
    """Names for secondary streets (路) and branch streets (街, 巷, 东路 …), none used twice."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._secondary = Draws([f"{stem}路" for stem in STREET_STEMS], rng)
        endings = (
            "街",
            "巷",
            "东街",
            "西街",
            "南街",
            "北街",
            "一巷",
            "二巷",
            "三巷",
            "中街",
            "支路",
        )
        self._branch = Draws(joined(STREET_STEMS, endings), rng)

    def take(self, count: int, kind: str) -> NDArray[np.object_]:
        draws = self._secondary if kind == "secondary" else self._branch
        return draws.many(count)


def estate_names(rng: np.random.Generator) -> Draws:
    """Residential estates: 阳光花园, 置地华庭, …"""
    return Draws(joined(ESTATE_FIRST, ESTATE_LAST), rng)


def firm_names(rng: np.random.Generator) -> Draws:
    """Factories: 天方药业, 骏化化工, …"""
    return Draws(joined(FIRM_FIRST, FIRM_LAST), rng)


def village_names(rng: np.random.Generator) -> Draws:
    """Villages: 王庄, 李楼, …"""
    return Draws(joined(SURNAMES, VILLAGE_LAST), rng)
