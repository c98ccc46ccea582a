"""Images into the imagery store: the row of the layer `imagery`, and the file kept to be shown.

report, kept = add_image(store, registry, ImageRequest(path=…), folder, local)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from gis.coords import LocalFrame, norm_frame
from gis.errors import SourceError
from gis.ingest.pipeline import IngestRequest, ingest
from gis.ingest.report import LoadReport
from gis.layers import Registry
from gis.sources import open_delivery
from gis.sources.cogs import DRIVERS, KeptImage, keep_image
from gis.store import Store

LAYER = "imagery"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequest:
    """What the sender says of an image. taken_on: None = the file says it, in a tag or its name;
    accuracy_m: of its pixels in the plane, metres, None = not stated."""

    path: Path
    crs: str = "auto"
    taken_on: date | None = None
    sensor: str | None = None
    accuracy_m: float | None = None
    as_of: str | None = None
    department: str | None = None
    person: str | None = None

    def to_ingest(self) -> IngestRequest:
        """The same as one delivery of the layer."""
        facts: dict[str, object] = {
            "acquired_on": self.taken_on,
            "sensor": self.sensor,
            "stated_accuracy_m": self.accuracy_m,
        }
        return IngestRequest(
            path=self.path,
            layer=LAYER,
            crs=self.crs,
            as_of=self.as_of,
            mode="upsert",
            department=self.department,
            person=self.person,
            facts={name: value for name, value in facts.items() if value is not None},
        )


def add_image(
    store: Store,
    registry: Registry,
    request: ImageRequest,
    folder: Path,
    local: Mapping[str, LocalFrame],
) -> tuple[LoadReport, KeptImage | None]:
    """Register an image and keep it in `folder`; None where its row was refused. The same image
    again changes nothing.

    Raises SourceError for a file that is no image or can't be read, has no georeference or no date
    of its own while `taken_on` gives none, and what `ingest` raises."""
    _refuse_undated(request, registry)
    asked = request.to_ingest()
    # What would be refused is found out before the long part, and the file is there before its
    # row is: a row never points at nothing.
    tried = ingest(store, registry, replace(asked, dry_run=True), local)
    if tried.quarantined:
        return ingest(store, registry, asked, local), None
    kept = keep_delivered(request.path, registry, folder, tried.frame.name, local)
    return ingest(store, registry, asked, local), kept


def keep_reported(
    report: LoadReport,
    path: Path,
    registry: Registry,
    folder: Path,
    local: Mapping[str, LocalFrame],
) -> KeptImage | None:
    """Keep what a delivery of any layer brought, where that is an image that was taken in."""
    if report.layer != LAYER or report.delivery is None or not report.accepted:
        return None
    if report.format not in DRIVERS:
        return None
    return keep_delivered(path, registry, folder, report.frame.name, local)


def keep_delivered(
    path: Path, registry: Registry, folder: Path, frame: str, local: Mapping[str, LocalFrame]
) -> KeptImage:
    """Keep the image `path` in `folder`, where `frame` is the one it was found to be in.
    Raises SourceError."""
    delivery = open_delivery(path, layer=registry.get(LAYER))
    found = norm_frame(frame, local) if delivery.declared is None else None
    if delivery.format not in DRIVERS:
        raise _no_image(path, delivery.format)
    return keep_image(
        delivery.path,
        delivery.format,
        folder,
        delivery.digest,
        epsg=None if found is None else found.epsg,
    )


def _refuse_undated(request: ImageRequest, registry: Registry) -> None:
    delivery = open_delivery(request.path, layer=registry.get(LAYER))
    if delivery.format not in DRIVERS:
        raise _no_image(request.path, delivery.format)
    if request.taken_on is not None:
        return
    [row] = [raw.columns["acquired_on"][0] for raw in delivery.batches()]
    if row is None:
        raise SourceError(
            zh=f"{request.path.name} 没有拍摄日期（TIFFTAG_DATETIME 或文件名）。请用 --date 给出",
            en=f"{request.path.name} states no date, neither in TIFFTAG_DATETIME nor in its name. "
            "Give it with --date",
            source=request.path.name,
            missing="date",
        )


def _no_image(path: Path, kind: str) -> SourceError:
    known = "、".join(DRIVERS)
    return SourceError(
        zh=f"{path.name} 不是影像而是 {kind}。可登记：{known}（不在压缩包内）",
        en=f"{path.name} is no image but {kind}. These are registered: {', '.join(DRIVERS)}, not "
        "in an archive",
        source=path.name,
    )
