"""Engines: what finds changes. One interface, `contract.Engine`."""

from gis.change.engines.contract import Candidate, Candidates, Engine
from gis.change.engines.dsm import DsmEngine, DsmLimits
from gis.change.engines.net import NetEngine, card
from gis.change.engines.screen import ScreenEngine
from gis.change.pair import Pair
from gis.change.progress import Forgetful, Journal
from gis.errors import ChangeError

__all__ = [
    "Candidate",
    "Candidates",
    "Engine",
    "DsmEngine",
    "DsmLimits",
    "NetEngine",
    "ScreenEngine",
    "engine_of",
]


def engine_of(name: str, pair: Pair, journal: Journal | None = None) -> Engine:
    """The engine of that name; `auto` takes the strongest the files allow: dsm, and for photos
    alone net, unless it is experimental. `journal`: what an earlier, killed run has done.
    Raises ChangeError."""
    kept = Forgetful() if journal is None else journal
    models = pair.dsm_before is not None and pair.dsm_after is not None
    if name == "dsm" or (name == "auto" and models):
        return DsmEngine(journal=kept)
    if name == "net" or (name == "auto" and not card().experimental):
        return NetEngine(journal=kept)
    if name == "screen":
        return ScreenEngine(journal=kept)
    if name == "auto":
        raise ChangeError(
            zh="只有影像没有高程模型：auto 只用 dsm，需要 --dsm-before 与 --dsm-after。"
            "也可明确选用 --engine net（试验性）或 --engine screen（把握低）",
            en="there are photos but no surface models: auto takes dsm only, which needs "
            "--dsm-before and --dsm-after. Or ask for --engine net (experimental) or --engine "
            "screen (low confidence)",
            problem="engine",
        )
    raise ChangeError(
        zh=f"引擎 {name} 不存在。可用：auto、dsm、net、screen",
        en=f"engine {name} is unknown. There are: auto, dsm, net, screen",
        problem="engine",
        engine=name,
    )
