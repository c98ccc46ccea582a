"""Files that do not say their frame, and files that say a wrong one: the city's own lines judge.

A file without a frame is taken only where the diagnosis decides; one whose frame is stated is
looked at quickly, and diagnosed where another frame explains its numbers better.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.coords import (
    STORAGE,
    Area,
    Candidate,
    Diagnosis,
    Frame,
    LocalFrame,
    Reference,
    diagnose,
    norm_frame,
    screen,
)
from gis.coords.diagnosis import row_ranges
from gis.errors import FrameMismatch, SourceError, UnknownFrame
from gis.ingest.placement import Placement
from gis.ingest.reference import KnownLines, known_lines
from gis.layers import RawBatch, Registry
from gis.sources import Delivery
from gis.store import Store

SHOWN = 4  # candidates named in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """Whom to ask: the store's lines, the city's box, its local frames."""

    store: Store
    registry: Registry
    local: Mapping[str, LocalFrame]

    @property
    def area(self) -> Area:
        """The city's box, degrees."""
        return Area(*self.registry.city.bbox)

    def known(self) -> KnownLines | None:
        """Its own lines as they are now; None where it has none."""
        return known_lines(self.store, self.registry)

    def reference(self) -> Reference | None:
        """The same, for `screen`."""
        known = self.known()
        return None if known is None else known.reference

    def diagnosed(self, columns: NDArray[np.float64], declared: Frame | None) -> Diagnosis:
        """The whole diagnosis of `columns`, as they stand in the file."""
        return diagnose(
            columns,
            area=self.area,
            declared=declared,
            reference=self.reference(),
            metric_epsg=norm_frame(self.registry.city.metric_frame).epsg or 4547,
            local=self.local,
        )


def detected(delivery: Delivery, city: City) -> Placement:
    """The frame of a file that states none, where the diagnosis is sure of it.

    Raises UnknownFrame with the candidates and what would settle it, and with the rows of each
    frame where the file mixes several; SourceError where it holds no coordinates."""
    # told a frame, a reader still leaves numbers that can't be in it as they stand
    columns, rows = _columns(delivery.batches(STORAGE))
    if not len(columns):
        raise SourceError(
            zh=f"{delivery.path.name} 里没有一个坐标",
            en=f"{delivery.path.name} holds no coordinates",
            source=delivery.path.name,
        )
    answer = city.diagnosed(columns, None)
    if answer.mixed:
        raise _mixed(delivery, answer, rows, None)
    chosen = answer.decision
    if chosen is None:
        raise _unknown(delivery, answer)
    known = city.known()
    reading = chosen.reading
    return Placement(
        frame=reading.frame,
        how="detected",
        evidence=(reading.text(), *chosen.why, *((known.text,) if known else ())),
        reading=reading,
        read_as=STORAGE,
        measured_m=chosen.accuracy_m,
    )


def compared(
    delivery: Delivery, placement: Placement, raw: RawBatch, city: City
) -> tuple[str, ...]:
    """What the city's lines say of a batch whose frame was stated (Chinese / English), and
    whether it reaches beyond a local frame's control points.

    Raises FrameMismatch where the diagnosis decides for another frame, or finds several."""
    columns, rows = _columns([raw])
    beyond = _beyond_control(columns, placement.frame)
    seen = screen(
        columns, placement.frame, area=city.area, reference=city.reference, local=city.local
    )
    if seen.verdict == "doubted":
        answer = city.diagnosed(columns, placement.frame)
        if answer.mixed:
            raise _mixed(delivery, answer, rows, placement)
        if answer.mismatch and answer.decision is not None:
            raise _contradicted(delivery, placement, answer.decision, city)
    return (seen.why, *beyond)


def _beyond_control(columns: NDArray[np.float64], frame: Frame) -> tuple[str, ...]:
    """A word about places where a local frame is used outside its control points."""
    if frame.local is None or not len(columns):
        return ()
    share = float(np.mean(frame.local.beyond_control(columns)))
    if share == 0.0:
        return ()
    return (
        f"{share:.0%} 的坐标在控制点范围之外，精度为外推"
        f" / {share:.0%} of the places lie beyond the control points: accuracy extrapolated",
    )


def _columns(batches: Iterable[RawBatch]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """All coordinates as they stand, shape (n, 2), and the row number each belongs to."""
    pairs, rows = [np.empty((0, 2))], [np.empty(0, dtype=np.int64)]
    for raw in batches:
        xy, index = shapely.get_coordinates(raw.geometry, return_index=True)
        pairs.append(xy)
        rows.append(raw.rows[index])
    return np.concatenate(pairs), np.concatenate(rows)


def _unknown(delivery: Delivery, answer: Diagnosis) -> UnknownFrame:
    name = delivery.path.name
    likely = [_described(candidate) for candidate in answer.candidates[:SHOWN]]
    listed_zh, listed_en = "；".join(zh for zh, _ in likely), "; ".join(en for _, en in likely)
    needs = [_both(need) for need in answer.needs]
    found = answer.candidates[0].reading.frame.name if answer.candidates else "EPSG:4526"
    first = found if found != "gcj02" else "EPSG:4526"
    return UnknownFrame(
        zh=f"{name} 没有写明坐标系，数据本身也不能确定，拒收。"
        + (f"可能是：{listed_zh}。" if likely else "")
        + (f"要确定，需要：{'；'.join(zh for zh, _ in needs)}。" if needs else "")
        + f"问明后用 --crs 指定，例如 --crs {first}、--crs gcj02 或 --crs local:名称",
        en=f"{name} states no frame, its numbers do not settle it, and it is refused. "
        + (f"It may be: {listed_en}. " if likely else "")
        + (f"What would settle it: {'; '.join(en for _, en in needs)}. " if needs else "")
        + f"Once you know, pass --crs, e.g. --crs {first}, --crs gcj02 or --crs local:NAME",
        source=name,
        candidates=", ".join(c.reading.frame.name for c in answer.candidates),
        needs="; ".join(en for _, en in needs),
    )


def _described(candidate: Candidate) -> tuple[str, str]:
    """A candidate with the last thing that speaks for or against it."""
    zh, en = _both(candidate.why[-1])
    order_zh, order_en = _both(candidate.reading.text())
    return (
        f"{candidate.reading.frame}（{order_zh}；{zh}）",
        f"{candidate.reading.frame} ({order_en}; {en})",
    )


def _both(text: str) -> tuple[str, str]:
    zh, _, en = text.partition(" / ")
    return zh, en or zh


def _contradicted(
    delivery: Delivery, placement: Placement, likely: Candidate, city: City
) -> FrameMismatch:
    name, frame = delivery.path.name, likely.reading.frame
    zh, en = _both(likely.why[-1])
    known = city.known()
    asked_zh, asked_en = _both(known.text) if known else ("", "")
    said_zh = "声明" if placement.how == "declared" else "按 --crs 为"
    said_en = "declares" if placement.how == "declared" else "is given as"
    order_zh, order_en = _both(likely.reading.text())
    return FrameMismatch(
        zh=f"{name} {said_zh} {placement.frame}，坐标却符合 {frame}（{order_zh}；{zh}；"
        f"{asked_zh}），整份拒收。请核对：确是 {frame} 就改正文件的声明（如 .prj）或加 "
        f"--crs {frame}；若是入库的参考数据有误，先改正它",
        en=f"{name} {said_en} {placement.frame}, but its numbers fit {frame} ({order_en}; {en}; "
        f"{asked_en}); the file is refused. If it is in {frame}, correct what it declares (its "
        f".prj) or pass --crs {frame}; if what is stored is wrong, correct that first",
        source=name,
        declared=placement.frame.name,
        likely=frame.name,
    )


def _mixed(
    delivery: Delivery,
    answer: Diagnosis,
    rows: NDArray[np.int64],
    placement: Placement | None,
) -> FrameMismatch | UnknownFrame:
    name = delivery.path.name
    groups = {
        f"{group.reading.frame} ({group.reading.text()})": row_ranges(np.unique(rows[group.rows]))
        for group in answer.mixed
    }
    listed = "; ".join(f"{frame}: {text}" for frame, text in groups.items())
    zh = f"{name} 混有几种坐标系，整份拒收。各自的行：{listed}。请按坐标系拆分后分别送交"
    en = (
        f"{name} mixes several frames and is refused. The rows of each: {listed}. Split it by "
        "frame and send each part"
    )
    if placement is None:
        return UnknownFrame(zh=zh, en=en, source=name, mixed=listed)
    return FrameMismatch(
        zh=zh,
        en=en,
        source=name,
        declared=placement.frame.name,
        likely=", ".join(str(group.reading.frame) for group in answer.mixed),
        mixed=listed,
    )
