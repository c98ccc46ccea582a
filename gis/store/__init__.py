"""Everything that touches PostGIS: the cluster, the schema, deliveries, versions, the one query."""

from gis.store import deliveries as store_deliveries
from gis.store.alert_runs import Finding, RunHead, StoredAlert, StoredRun, store_run
from gis.store.alert_steps import Step, add_photo, take_step, update_alert
from gis.store.alert_work import alert_stats, alert_verdicts, assign_alerts, run_known
from gis.store.alerts import alert_shapes, chip, list_alerts, show_alert
from gis.store.cluster import Cluster
from gis.store.condition import status
from gis.store.deliveries import Counts, DeliveryHead, Loading, begin
from gis.store.ledger import (
    list_deliveries,
    quarantine_rows,
    quarantine_summary,
    show_delivery,
    undo,
)
from gis.store.observations import readings
from gis.store.pool import Store, init_store, open_store, prepare
from gis.store.query import FeatureRows, ItemsPage, LayerQuery, count, item, items, rows
from gis.store.refused import refused_rows
from gis.store.times import Instant, Interval, When, parse_datetime
from gis.store.vectortiles import tile, tile_bounds
from gis.store.versions import history, instant_of, version_at

__all__ = [
    "Cluster",
    "Store",
    "open_store",
    "init_store",
    "prepare",
    "DeliveryHead",
    "Loading",
    "Counts",
    "begin",
    "store_deliveries",
    "list_deliveries",
    "show_delivery",
    "undo",
    "quarantine_summary",
    "quarantine_rows",
    "refused_rows",
    "Instant",
    "Interval",
    "When",
    "parse_datetime",
    "LayerQuery",
    "ItemsPage",
    "FeatureRows",
    "items",
    "item",
    "count",
    "rows",
    "tile",
    "tile_bounds",
    "readings",
    "history",
    "version_at",
    "instant_of",
    "status",
    "alert_stats",
    "alert_verdicts",
    "assign_alerts",
    "run_known",
    "Finding",
    "RunHead",
    "StoredAlert",
    "StoredRun",
    "store_run",
    "list_alerts",
    "show_alert",
    "update_alert",
    "Step",
    "take_step",
    "add_photo",
    "chip",
    "alert_shapes",
]
