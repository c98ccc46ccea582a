"""Departments' files to rows: one reader a format behind one `open_delivery`."""

from gis.sources.delivery import Delivery
from gis.sources.frames import load_local_frames
from gis.sources.opening import open_delivery
from gis.sources.proposals import Proposal, propose

__all__ = ["Delivery", "Proposal", "load_local_frames", "open_delivery", "propose"]
