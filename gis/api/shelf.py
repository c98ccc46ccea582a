"""The images there are, ready to be drawn: read once for each state of the layer `imagery`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from threading import Lock
from zoneinfo import ZoneInfo

from starlette.requests import Request

from gis.api.refusals import NotThere
from gis.api.service import Service, service_of
from gis.api.tileversions import Newest
from gis.coords import STORAGE, LocalFrame, find_transformation, frame_from_prj, norm_frame
from gis.coords.matrixsets import Box
from gis.errors import CoordError, SourceError
from gis.layers import Layer
from gis.sources import load_local_frames
from gis.sources.cogs import FOLDER, KeptImage, kept_image
from gis.store import Instant, When
from gis.store.imagery import Image, images
from gis.tiles.imagery import Picture

LAYER = "imagery"
Version = tuple[int, int]
KINDS = ("ortho", "dsm")


@dataclass(frozen=True, slots=True)
class Shown:
    """One image on record. picture: None where its file is not kept here, or its frame can't be
    brought to the city's."""

    image: Image
    picture: Picture | None


@dataclass(frozen=True, slots=True)
class Days:
    """From which day to which, both included; None = open."""

    first: date | None = None
    last: date | None = None

    def hold(self, image: Image) -> bool:
        """Whether the image was taken on one of them. Without a date it was not."""
        day = image.taken_on
        return (
            day is not None
            and (self.first is None or self.first <= day)
            and (self.last is None or day <= self.last)
        )


class Shelf:
    """The images of one app."""

    def __init__(self) -> None:
        self._known: tuple[Version, tuple[Shown, ...]] | None = None
        self._lock = Lock()

    def version(self, service: Service, newest: Newest) -> Version:
        """Changes with each delivery of the layer and each file that is kept."""
        try:
            kept = _folder(service).stat().st_mtime_ns
        except OSError:
            kept = 0
        return newest.versions().get(LAYER, 0), kept

    def images(self, service: Service, layer: Layer, version: Version) -> tuple[Shown, ...]:
        """All of them, newest first, of one day the finest first."""
        with self._lock:
            if self._known is None or self._known[0] != version:
                self._known = version, _read(service, layer)
            return self._known[1]


def imagery_layer(request: Request) -> Layer:
    """The layer of images, where it is there for the caller. Raises UnknownLayer."""
    request.scope["path_params"]["layer"] = LAYER  # by which the gate counts what is read
    return service_of(request).registry.get(LAYER)


def shelf_of(request: Request) -> tuple[Version, tuple[Shown, ...]]:
    """The images there are now, and the version of that. Raises UnknownLayer."""
    layer = imagery_layer(request)
    service, shelf = service_of(request), request.app.state.shelf
    version = shelf.version(service, request.app.state.newest)
    return version, shelf.images(service, layer, version)


def one_image(request: Request, name: str) -> Shown:
    """The image of that id. Raises NotThere, UnknownLayer."""
    _, found = shelf_of(request)
    for one in found:
        if one.image.id == name:
            return one
    raise NotThere(
        zh=f"没有影像 {name[:80]}。用 /stac/collections/{LAYER}/items 查看",
        en=f"there is no image {name[:80]!r}. See /stac/collections/{LAYER}/items",
        image=name[:80],
    )


def days_of(when: When, timezone: str) -> Days:
    """The days a time asks for: an instant is the state then, all that was taken until that day;
    None = until now."""
    if when is None:
        return Days()
    if isinstance(when, Instant):
        return Days(last=_day(when.at, timezone))
    return Days(
        None if when.start is None else _day(when.start, timezone),
        None if when.end is None else _day(when.end, timezone),
    )


def drawable(found: Sequence[Shown], kind: str, days: Days, box: Box) -> list[Picture]:
    """What of a kind was taken on those days and may show in a box of degrees, as sorted."""
    west, south, east, north = box
    pictures = []
    for one in found:
        if one.picture is None or one.image.kind != kind or not days.hold(one.image):
            continue
        left, bottom, right, top = one.image.outline.bounds
        if left <= east and right >= west and bottom <= north and top >= south:
            pictures.append(one.picture)
    return pictures


def _day(at: datetime, timezone: str) -> date:
    return at.astimezone(ZoneInfo(timezone)).date()


def _folder(service: Service) -> Path:
    return service.settings.home / FOLDER


def _read(service: Service, layer: Layer) -> tuple[Shown, ...]:
    local = load_local_frames(service.settings.config / "frames")
    found = []
    for image in images(service.store, layer):
        kept = kept_image(_folder(service), image.digest)
        found.append(Shown(image, None if kept is None else _picture(image, kept, local)))
    return tuple(found)


def _picture(image: Image, kept: KeptImage, local: dict[str, LocalFrame]) -> Picture | None:
    try:
        frame = norm_frame(image.frame or "", local)
    except CoordError:
        if kept.wkt is None:
            return None
        try:
            frame = frame_from_prj(kept.wkt)
        except (CoordError, SourceError):
            return None
    try:
        return Picture(file=kept, placing=find_transformation(STORAGE, frame, local=local))
    except CoordError:
        return None
