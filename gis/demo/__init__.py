"""The demo city: a believable generated town, written out as departments would deliver it.

It writes files and knows no database; nothing downstream of the files knows it is a demo.
"""

from gis.demo.generate import write_city
from gis.demo.manifest import DemoDelivery, Manifest

__all__ = ["DemoDelivery", "Manifest", "write_city"]
