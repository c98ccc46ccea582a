"""Refused rows as files: each in the format, the encoding and under the names it came with.

Every row keeps all its columns and its coordinates, and five more columns say why it was refused;
they are dropped when the file comes back.
"""

from __future__ import annotations

import codecs
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gis.errors import SourceError
from gis.layers.model import Label
from gis.layers.refused import RefusedRows
from gis.sources.refused_writers import WRITERS, kinds

SUFFIXES = {
    ".csv": "CSV", ".xlsx": "XLSX", ".zip": "Shapefile", ".gpkg": "GeoPackage",
    ".geojson": "GeoJSON", ".json": "GeoJSON", ".geojsonl": "GeoJSONSeq",
    ".fgb": "FlatGeobuf", ".kml": "KML",
}  # fmt: skip
OWN_SUFFIX = {format_: suffix for suffix, format_ in reversed(SUFFIXES.items())}
OTHER = "GeoPackage"  # keeps names, types, geometry and frame of whatever came
NO_ROOM = Label(
    zh="这种格式的图元放不下退回原因和全部字段",
    en="its entities have no room for the reasons and all the columns",
)
NOT_WHOLE = Label(
    zh="单独几行构不成这种格式的完整文件",
    en="some rows alone are no whole file of that format",
)
NOT_WRITTEN = Label(zh="这里不写这种格式", en="that format is not written here")
UNKNOWN = Label(zh="交付时没有记下格式", en="nobody kept in which format it came")
MIXED = Label(
    zh="一个 Shapefile 只能存一种图形，这些行有几种",
    en="a shapefile holds one kind of shape, and these rows have several",
)
INSTEAD = {
    **dict.fromkeys(("DXF", "报备坐标 TXT", "CASS .dat"), NO_ROOM),
    **dict.fromkeys(("GML", "CityGML", "CityJSON", "INP", "EDIGEO"), NOT_WHOLE),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The file to write. `encoding`: of its texts, where the format leaves it open."""

    path: Path
    format: str
    encoding: str | None
    instead: Label | None = None

    def states_frame(self, frame: str) -> bool:
        """Whether the file itself says in which frame its coordinates are."""
        if self.format == "KML":
            return frame == "EPSG:4326"
        return frame.startswith("EPSG:") and self.format not in ("CSV", "XLSX", "GeoJSONSeq")


def choose(refused: RefusedRows, out: Path) -> Target:
    """By the suffix of `out`; where that is a folder or has no suffix, as the rows came. Raises
    SourceError for a suffix that is not written."""
    form = refused.form
    came = (form.format or "").partition(" (")[0]
    folder = out.is_dir()
    if out.suffix and not folder:
        format_ = SUFFIXES.get(out.suffix.lower())
        if format_ is None:
            raise SourceError(
                zh=f"不能写 {out.name}：扩展名应为 {' '.join(SUFFIXES)}；不写则按原格式",
                en=f"can't write {out.name}: its suffix must be one of {' '.join(SUFFIXES)}, or "
                "none for the format the rows came in",
                file=str(out),
            )
        return Target(path=out, format=format_, encoding=_encoding(form.encoding, format_))
    format_ = came if came in OWN_SUFFIX else OTHER
    instead = None
    if format_ != came:
        instead = UNKNOWN if not came else INSTEAD.get(came, NOT_WRITTEN)
    name = f"{Path(refused.source).stem}_refused_{refused.delivery}" if folder else out.name
    path = (out if folder else out.parent) / f"{name}{OWN_SUFFIX[format_]}"
    return Target(
        path=path, format=format_, encoding=_encoding(form.encoding, format_), instead=instead
    )


def write_refused(refused: RefusedRows, target: Target) -> tuple[Target, Label | None]:
    """Write the rows; the file is there whole or not at all. Returns what was written, and why
    that is not what the rows came in. Raises SourceError."""
    if target.format == "Shapefile" and len(kinds(refused)) > 1:
        path = target.path.with_suffix(OWN_SUFFIX[OTHER])
        target = Target(path=path, format=OTHER, encoding=None, instead=MIXED)
    if target.encoding is not None and not _fits(refused, target.encoding):
        target = Target(
            path=target.path, format=target.format, encoding="utf-8", instead=target.instead
        )
    with _whole(target.path) as part:
        WRITERS[target.format](refused, part, target.encoding)
    return target, target.instead


def _encoding(came: str | None, format_: str) -> str | None:
    """A delivery's own encoding where it is one (GB 18030 stands for GBK), else UTF-8."""
    if format_ not in ("CSV", "Shapefile"):
        return None
    try:
        name = codecs.lookup((came or "").partition(" ")[0] or "utf-8").name
    except LookupError:
        return "utf-8"
    return "utf-8" if name.startswith("utf") or " ← " in (came or "") else name


def _fits(refused: RefusedRows, encoding: str) -> bool:
    """Whether every text can be written in the encoding."""
    texts = [*refused.names, *(str(v) for row in refused.rows for v in row.raw.values())]
    texts += [str(value) for row in refused.rows for value in row.reasons()]
    try:
        "\n".join(texts).encode("gbk" if encoding == "gb18030" else encoding)
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A file under a passing name beside `path`, which takes its place once it is written."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".refused-") as folder:
            part = Path(folder) / path.name
            yield part
            part.replace(path)
    except OSError as exc:
        reason = exc.strerror or str(exc)
        raise SourceError(
            zh=f"不能写入 {path}：{reason}", en=f"can't write {path}: {reason}", file=str(path)
        ) from exc
