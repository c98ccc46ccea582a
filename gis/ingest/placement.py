"""In which frame a delivery is: given by the sender, declared by the file, or proven by the city's
own lines (gis.ingest.detection); never guessed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from gis.coords import (
    STORAGE,
    Area,
    Frame,
    LocalFrame,
    Normalised,
    Reading,
    find_transformation,
    norm_frame,
    normalise,
    possible_readings,
)
from gis.coords.readings import transformable
from gis.errors import FrameMismatch, NoAccurateTransform, UnknownFrame
from gis.layers import Layer, RawBatch
from gis.sources import Delivery

# RFC 7946 and KML know WGS 84 only, so such a file says it without anybody having meant it.
BY_DEFAULT = {
    (name + packed, "EPSG:4326")
    for name in ("GeoJSON", "GeoJSONSeq", "KML")
    for packed in ("", " (zip)", " (tar)")
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The frame that will be used, and why.

    reading:    how the numbers are to be read, where the frame was detected (order, unit, origin)
    read_as:    the frame to tell the reader, None = `frame` itself
    measured_m: accuracy the comparison with the city's lines showed, metres; 0 where none was made
    """

    frame: Frame
    how: str  # "declared" | "given" | "detected"
    evidence: tuple[str, ...]
    reading: Reading | None = None
    read_as: Frame | None = None
    measured_m: float = 0.0

    def batches(self, delivery: Delivery) -> Iterator[RawBatch]:
        """The rows of the delivery, their numbers as they stand."""
        return delivery.batches(self.read_as or self.frame)

    def normalised(
        self, geometry: NDArray[np.object_], local: Mapping[str, LocalFrame]
    ) -> Normalised:
        """Geometries of the delivery in the storage frame, with the accuracy they have there.

        Raises UnknownFrame where heights came in a unit that only the plane numbers show."""
        if self.reading is not None and self.reading.unit in ("mm", "km"):
            _refuse_heights(geometry, self.reading)
        moved = normalise(geometry, self.frame, local=local, reading=self.reading)
        return replace(moved, accuracy_m=max(moved.accuracy_m, self.measured_m))


def _refuse_heights(geometry: NDArray[np.object_], reading: Reading) -> None:
    if not shapely.has_z(geometry).any():
        return
    raise UnknownFrame(
        zh=f"平面坐标看来以 {reading.unit} 为单位，高程的单位却无从判断，拒收。"
        "请以米为单位重新导出",
        en=f"the plane numbers seem to be in {reading.unit}; the unit of the heights can't be "
        "told. Export again in metres",
        unit=reading.unit,
    )


def place(delivery: Delivery, crs: str, local: Mapping[str, LocalFrame]) -> Placement | None:
    """The frame of `delivery` as somebody states it; None where nobody does and it must be
    detected. `crs`: "auto" (what the file declares) or any spelling of a frame.

    Raises UnknownFrame for a spelling that means nothing, FrameMismatch where file and sender
    contradict each other."""
    name, declared = delivery.path.name, delivery.declared
    if crs == "auto":
        if declared is None:
            return None
        return Placement(frame=declared, how="declared", evidence=delivery.evidence)
    given = norm_frame(crs, local)
    if declared is not None and not _compatible(declared, given, delivery.format):
        raise FrameMismatch(
            zh=f"{name} 声明 {declared}，--crs 却给了 {given}。请核对：以文件为准就去掉 --crs，"
            f"以所给为准就先改正文件的声明（如 .prj）",
            en=f"{name} declares {declared}, --crs says {given}. Drop --crs if the file is right, "
            f"or correct what the file declares (its .prj) if you are",
            source=name,
            declared=declared.name,
            likely=given.name,
        )
    return Placement(frame=given, how="given", evidence=(f"--crs {crs}", *delivery.evidence))


def _compatible(declared: Frame, given: Frame, file_format: str) -> bool:
    """Whether what the sender says goes with what the file declares: the same frame; an epoch it
    could not state; control points for an old datum nothing is published about; or a declaration
    nobody meant."""
    if declared.name == given.name or (file_format, declared.name) in BY_DEFAULT:
        return True
    if given.epoch is not None and declared.epoch is None and given.epsg == declared.epsg:
        return True
    return given.local is not None and declared.has_crs and not transformable(declared)


def refuse_inaccurate(delivery: Delivery, placement: Placement, layer: Layer) -> None:
    """Raises NoAccurateTransform where no operation reaches the storage frame, or none that is as
    accurate as the layer needs."""
    if not placement.frame.has_crs or placement.frame.epsg is None:
        accuracy = find_transformation(placement.frame, STORAGE).accuracy_m
        refuse_worse(delivery, placement, layer, max(accuracy, placement.measured_m))


def refuse_worse(delivery: Delivery, placement: Placement, layer: Layer, accuracy_m: float) -> None:
    """Raises NoAccurateTransform where `accuracy_m` is worse than the layer allows."""
    if accuracy_m <= layer.accuracy_m:
        return
    name = delivery.path.name
    if placement.how == "detected":
        raise NoAccurateTransform(
            zh=f"{name} 经比对是 {placement.frame}，但比对只能保证 {accuracy_m:.2f} m，图层 "
            f"{layer.id} 要求 {layer.accuracy_m} m，拒收。请向送交部门核实后用 --crs "
            f"{placement.frame} 指定",
            en=f"{name} was found to be in {placement.frame}, but the comparison vouches for "
            f"{accuracy_m:.2f} m only; layer {layer.id} needs {layer.accuracy_m} m: refused. "
            f"Have the department confirm the frame and pass --crs {placement.frame}",
            source=name,
            accuracy_m=accuracy_m,
            needed_m=layer.accuracy_m,
        )
    raise NoAccurateTransform(
        zh=f"{name} 从 {placement.frame} 转换后精度 {accuracy_m:.2f} m，图层 {layer.id} 要求 "
        f"{layer.accuracy_m} m，拒收。请要求部门以 CGCS2000 交付，或用控制点求更准的参数"
        f"（gis coords fit）",
        en=f"{name} is accurate to {accuracy_m:.2f} m after the transformation from "
        f"{placement.frame}; layer {layer.id} needs {layer.accuracy_m} m: refused. Ask for "
        f"CGCS2000, or fit better parameters from control points (gis coords fit)",
        source=name,
        accuracy_m=accuracy_m,
        needed_m=layer.accuracy_m,
    )


def refuse_elsewhere(
    delivery: Delivery,
    placement: Placement,
    came: NDArray[np.object_],
    moved: Normalised,
    inside: BaseGeometry | None,
    local: Mapping[str, LocalFrame],
) -> None:
    """Raises FrameMismatch where the numbers contradict the frame: not one geometry can be in it,
    or not one lies in the city although, read in another frame, most would. Rows that are astray
    one by one are the quarantine's business, as is a whole file of another place."""
    there = ~shapely.is_missing(came) & ~shapely.is_empty(came)
    if not there.any():
        return
    lost = bool(moved.failed[there].all())
    if not lost and (inside is None or shapely.intersects(inside, moved.geometry).any()):
        return
    likely: list[str] = []
    if inside is not None:
        corners = np.array([shapely.get_coordinates(shape)[0] for shape in came[there]])
        readings = possible_readings(corners, Area(*inside.bounds), local=local)
        likely = [f"{r.frame} ({r.text()})" for r in readings]
    if not lost and not likely:
        return
    name, frame = delivery.path.name, placement.frame
    x, y = shapely.get_coordinates(came[there][0])[0].tolist()
    raise FrameMismatch(
        zh=f"{name} 的坐标与 {frame} 矛盾（例如 {x:.10g}, {y:.10g}），整份拒收。"
        + (
            f"这些数字更像：{'；'.join(likely)}。请核对后用 --crs 指定"
            if likely
            else "请向送交部门问明坐标系，再用 --crs 指定"
        ),
        en=f"the coordinates of {name} contradict {frame} (such as {x:.10g}, {y:.10g}); the file "
        f"is refused. "
        + (
            f"They look like: {'; '.join(likely)}. Check it and pass --crs"
            if likely
            else "Ask the department for the frame and pass --crs"
        ),
        source=name,
        declared=frame.name,
        likely=likely[0] if likely else None,
    )
