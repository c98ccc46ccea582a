"""One delivery from file to store: the walk, and the report it ends in."""

from gis.ingest.pipeline import IngestRequest, Mode, ingest
from gis.ingest.report import FrameReport, LoadReport
from gis.ingest.returning import export_refused

__all__ = ["FrameReport", "IngestRequest", "LoadReport", "Mode", "export_refused", "ingest"]
