"""Processes: what `gis.analysis` answers, carried by pygeoapi."""
