"""What a layer is: its definition, its code lists, the batches that go through it, the checks."""

from gis.layers.batch import Batch, Checked, GoodRows, RawBatch, Reject
from gis.layers.model import Check, Code, CodeList, Field, Label, Layer
from gis.layers.registry import City, Registry, load_registry

__all__ = [
    "Batch",
    "Check",
    "Checked",
    "City",
    "Code",
    "CodeList",
    "Field",
    "GoodRows",
    "Label",
    "Layer",
    "RawBatch",
    "Registry",
    "Reject",
    "load_registry",
]
