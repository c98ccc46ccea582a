"""`write_city`: the whole demo city into a folder, as files and nothing else."""

from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path

from gis.demo.city import City, design
from gis.demo.deliveries import PLANNING, Outbox, write_deliveries
from gis.demo.images import write_images
from gis.demo.manifest import DemoDelivery, Manifest
from gis.demo.sensors import readings
from gis.demo.site import Site, Size
from gis.demo.survey import FRAME
from gis.demo.truth import write_changes, write_rows

IMAGES_SENT = {"before": date(2023, 6, 1), "after": date(2024, 6, 12)}


def write_city(folder: Path, *, seed: int, size: Size = "full") -> Manifest:
    """Generate the city of `seed` and write every delivery, image, reading and the truth.

    The same seed and size give the same bytes. Files of an earlier run are overwritten."""
    folder.mkdir(parents=True, exist_ok=True)
    city = design(Site.of(seed, size))
    box = write_deliveries(city, folder)
    images = write_images(city, folder / "影像")
    truth = folder / "truth"
    truth.mkdir(exist_ok=True)
    write_changes(city, truth / "changes.geojson")
    write_rows(box, truth / "rows.json")
    manifest = Manifest(
        deliveries=_in_order(box, images),
        images=images,
        control_points={FRAME: folder / "管线" / "控制点.csv"},
        readings=_write_readings(city, folder / "物联"),
        truth=truth,
    )
    manifest.write(folder)
    return manifest


def _in_order(box: Outbox, images: dict[str, Path]) -> tuple[DemoDelivery, ...]:
    sent = [
        DemoDelivery(path=path, layer="imagery", crs=None, mode="upsert", department=PLANNING,
                     as_of=IMAGES_SENT[key.rpartition("_")[2]])
        for key, path in images.items()
    ]  # fmt: skip
    return tuple(sorted([*box.deliveries, *sent], key=lambda delivery: delivery.as_of))


def _write_readings(city: City, folder: Path) -> tuple[Path, ...]:
    """One file a kind of sensor."""
    streams, times, values = readings(city.site, city.sensors)
    kind_of = dict(zip(city.sensors["datastream"], city.sensors["kind"], strict=True))
    rows: dict[str, list[tuple[str, str, float]]] = {}
    for row in zip(streams, times, values.tolist(), strict=True):
        rows.setdefault(kind_of[row[0]], []).append(row)
    paths = []
    for kind, mine in rows.items():
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("datastream", "time", "value"))
        writer.writerows(mine)
        path = folder / f"读数_{kind}.csv"
        path.write_text(out.getvalue(), "utf-8")
        paths.append(path)
    return tuple(paths)
