"""From a change to reasons: the rules of `config/rules.yml`, over plain values.

Nothing here reads a database or a clock: what the plans, permits and red lines were on the
image's date is handed in as `Known`, and `judge` gives the same verdict for it for ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from gis.change.calibration import FILE, load_calibration
from gis.change.engines.contract import Candidate
from gis.change.judges import JUDGES, absent, red_line
from gis.change.known import RED_LINES, Known, Reason, Rule, RuleSet, Verdict
from gis.errors import ConfigError
from gis.layers.model import Label
from gis.store.alerts import TRANSITIONS


def judge(change: Candidate, known: Known, rules: RuleSet) -> Verdict:
    """Hold a change (its mask, never the drawn outline) against what was in force.

    A demolition has no reasons. A rule whose layer was empty on that date is skipped and says
    so: where nobody has loaded permits, nothing is "without a permit".
    """
    reasons, skipped = [], {}
    for rule in rules.rules:
        if change.kind not in rule.kinds:
            continue
        if (missing := absent(rule, known)) is not None:
            skipped[rule.code] = (
                f"{known.at} 时图层 {missing} 没有数据，无法判定",
                f"layer {missing} held nothing on {known.at}: can't be judged",
            )
            continue
        outcome = JUDGES.get(rule.code, red_line)(rule, change, known)
        if isinstance(outcome, Reason):
            reasons.append(outcome)
        elif outcome is not None:
            skipped[rule.code] = outcome
    consulted = [
        layer.ref(i)
        for layer in (known.permits, known.red_lines, known.plan)
        for i in layer.touching(change.mask)
    ]
    return Verdict(reasons=tuple(reasons), consulted=tuple(consulted), skipped=skipped)


# --- the file ------------------------------------------------------------------------------

NEEDS = {
    "no_permit": ("min_cover",),
    "over_height": ("min_cover", "sigmas"),
    "exceeds_permit": ("min_cover", "min_excess_m2"),
    "off_site": ("max_cover", "min_permit_share", "max_built"),
    "overdue": ("permit_kind", "min_cover", "grace_days"),
    "land_use_mismatch": ("min_cover", "excluded", "min_overlap_m2"),
    "red_line": ("red_line", "side", "min_overlap_m2"),
}
HEADS = ("code", "title", "law", "kinds")


def load_rules(path: Path, *, reasons: Sequence[str]) -> RuleSet:
    """Read `rules.yml`, and `calibration.yml` where it lies beside it; `reasons` are the codes
    there are (code list alert_reason).

    Raises ConfigError that names the file and the rule.
    """
    try:
        text = path.read_text("utf-8")
        doc = yaml.safe_load(text)
        rules = tuple(_rule(entry) for entry in doc["rules"])
        ruleset = RuleSet(
            version=str(doc["version"]),
            document=doc,
            digest=hashlib.sha256(text.encode()).hexdigest(),
            alert_prefix=str(doc["alert_prefix"]),
            min_score=float(doc["min_score"]),
            due_days=_due_days(doc.get("due_days", {})),
            rules=rules,
            calibration=load_calibration(path.with_name(FILE)),
        )
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, ValueError) as exc:
        raise _wrong(path, f"{type(exc).__name__}: {exc}") from exc
    if unknown := sorted({r.code for r in rules} - set(reasons)):
        raise _wrong(path, f"code {', '.join(unknown)} (alert_reason)")
    if not ruleset.alert_prefix.isalnum():
        raise _wrong(path, f"alert_prefix {ruleset.alert_prefix!r}")
    return ruleset


def _rule(entry: Mapping[str, Any]) -> Rule:
    params = {name: value for name, value in entry.items() if name not in HEADS}
    wanted = NEEDS.get(entry["code"], NEEDS["red_line"])
    if missing := [name for name in wanted if name not in params]:
        raise ValueError(f"{entry['code']} lacks {', '.join(missing)}")
    if extra := sorted(set(params) - set(wanted)):
        raise ValueError(f"{entry['code']} does not know {', '.join(extra)}")
    if params.get("red_line", RED_LINES[0]) not in RED_LINES:
        raise ValueError(f"{entry['code']}: red_line is one of {', '.join(RED_LINES)}")
    if params.get("side", "inside") not in ("inside", "outside"):
        raise ValueError(f"{entry['code']}: side is inside or outside")
    if not isinstance(params.get("excluded", []), list):
        raise ValueError(f"{entry['code']}: excluded is a list of codes")
    return Rule(
        code=entry["code"],
        title=Label(**entry["title"]),
        law=Label(**entry["law"]),
        kinds=tuple(entry["kinds"]),
        params=params,
    )


def _due_days(entry: Mapping[str, Any]) -> dict[str, int]:
    if unknown := sorted(set(entry) - set(TRANSITIONS)):
        raise ValueError(f"due_days knows no state {', '.join(unknown)}")
    if wrong := [s for s, days in entry.items() if type(days) is not int or days < 0]:
        raise ValueError(f"due_days of {', '.join(wrong)}: whole days, 0 or more")
    return dict(entry)


def _wrong(path: Path, what: str) -> ConfigError:
    return ConfigError(
        zh=f"规则文件 {path} 有误：{what}。请改正该文件",
        en=f"the rules in {path} are wrong: {what}. Correct the file",
        path=str(path),
    )
