"""Readings of sensors: decoded, checked, stored once."""

from gis.live.replay import ReplayReport, replay

__all__ = ["ReplayReport", "replay"]
