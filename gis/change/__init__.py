"""Two dates of imagery → changes → suspected violations, judged as of the image's date."""

from gis.change.known import RuleSet
from gis.change.pipeline import DetectReport, DetectRequest, detect
from gis.change.rules import load_rules
from gis.change.score import Score, score_alerts, score_candidates

__all__ = [
    "DetectRequest",
    "DetectReport",
    "detect",
    "RuleSet",
    "load_rules",
    "Score",
    "score_alerts",
    "score_candidates",
]
