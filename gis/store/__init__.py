"""Everything that touches PostGIS: the cluster, the schema, deliveries, versions, the one query."""

from gis.store.cluster import Cluster
from gis.store.pool import Store, init_store, open_store, prepare

__all__ = ["Cluster", "Store", "open_store", "init_store", "prepare"]
