"""Engines: what finds changes. One interface, `contract.Engine`."""

from gis.change.engines.contract import Candidate, Candidates, Engine
from gis.change.engines.dsm import DsmEngine, DsmLimits
from gis.change.pair import Pair
from gis.errors import ChangeError

__all__ = ["Candidate", "Candidates", "Engine", "DsmEngine", "DsmLimits", "engine_of"]


def engine_of(name: str, pair: Pair) -> Engine:
    """The engine of that name; `auto` takes the strongest the files allow. Raises ChangeError."""
    if name in ("auto", "dsm"):
        if name == "auto" and (pair.dsm_before is None or pair.dsm_after is None):
            raise ChangeError(
                zh="目前只有 dsm 引擎可用，需要两期高程模型：--dsm-before 与 --dsm-after",
                en="only the dsm engine is available so far; it needs --dsm-before and --dsm-after",
                problem="engine",
            )
        return DsmEngine()
    known = ("net", "screen")
    raise ChangeError(
        zh=f"引擎 {name} " + ("尚未提供" if name in known else "不存在") + "。可用：auto、dsm",
        en=f"engine {name} "
        + ("is not there yet" if name in known else "is unknown")
        + ". There are: auto, dsm",
        problem="engine",
        engine=name,
    )
