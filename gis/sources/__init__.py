"""Departments' files to rows: one reader a format behind one `open_delivery`."""

from gis.sources.delivery import Delivery
from gis.sources.frames import load_local_frames
from gis.sources.opening import open_delivery

__all__ = ["Delivery", "load_local_frames", "open_delivery"]
