"""Answers about places: what is known of one point, and coordinates moved between frames."""

from gis.analysis.conversion import Converted, Order, convert, convert_read
from gis.analysis.frames import FrameChoice, city_frames, frame_choices
from gis.analysis.locate import Location, locate

__all__ = [
    "Location",
    "locate",
    "FrameChoice",
    "city_frames",
    "frame_choices",
    "Converted",
    "Order",
    "convert",
    "convert_read",
]
