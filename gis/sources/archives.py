"""ZIP and TAR: their members are looked at before one byte is unpacked, then one of them (with
the files of its name) is unpacked into a folder of its own and read from there."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import weakref
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from gis.errors import SourceError
from gis.sources.texts import find_encoding

MAX_MEMBERS, MAX_RATIO, MAX_BYTES = 2_000, 100, 4 << 30
SMALL = 1 << 20  # what unpacks to less is no bomb, however well it packs
UTF8_NAMES = 0x800
PACKED = (".zip", ".7z", ".rar", ".gz", ".bz2", ".xz", ".tar", ".tgz")
# the file that stands for a set of one name
MAIN = (".shp", ".gml", ".gpkg", ".geojson", ".json", ".geojsonl", ".geojsons", ".fgb", ".kml",
        ".ovkml", ".dxf", ".tab", ".mif", ".csv", ".txt", ".dat", ".xlsx", ".inp", ".thf", ".xml",
        ".parquet", ".geoparquet", ".sql", ".tif", ".tiff", ".img", ".asc")  # fmt: skip
READ_AFTER = (".dat", ".xml", ".txt", ".json")  # may also be a companion of a main file
JUNK = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True, slots=True)
class Member:
    """One file in an archive: `key` as the archive has it, `name` as a person reads it."""

    key: str
    name: str
    size: int
    link: bool = False

    @property
    def path(self) -> PurePosixPath:
        return PurePosixPath(self.name)


class Unpacked:
    """A folder that goes away with the last reader of it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="onemap-delivery-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)


def is_archive(head: bytes) -> bool:
    """ZIP, or TAR as it is or packed with gzip, bzip2 or xz."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"BZh", b"\x1f\x8b", b"\xfd7zXZ")) or (
        head[257:262] == b"ustar"
    )


def members(path: Path) -> list[Member]:
    """The files in the archive. Raises SourceError for one that is damaged or not safe."""
    with _readable(path):
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                found = _zip_members(archive)
                packed = sum(i.compress_size for i in archive.infolist())
        else:
            packed = path.stat().st_size
            found = _tar_members(path, MAX_RATIO * packed)
    _refuse_unsafe(path, found, packed)
    return [m for m in found if not any(part in m.name for part in JUNK)]


def deliverable(found: list[Member]) -> list[Member]:
    """Those that are a delivery of their own: one for each set of files of one name."""
    mains = [m for m in found if m.path.suffix.lower() in MAIN]
    stems = {m.path.with_suffix("") for m in mains if m.path.suffix.lower() not in READ_AFTER}
    folders = {p for m in found for p in m.path.parents if p.suffix.lower() == ".gdb"}
    bases = [Member(str(f), str(f), 0) for f in sorted(folders)]
    return [
        *bases,
        *(m for m in mains if not _belongs(m.path, stems) and not folders & set(m.path.parents)),
    ]


def _belongs(path: PurePosixPath, stems: set[PurePosixPath]) -> bool:
    """roads.dbf and roads.shp.xml belong to roads.shp."""
    if path.suffix.lower() not in READ_AFTER:
        return False
    return path.with_suffix("") in stems or path.with_name(path.name.split(".")[0]) in stems


def unpack(path: Path, found: list[Member], wanted: Member, into: Unpacked) -> Path:
    """`wanted` and the files of its name (the whole set for EDIGEO, whose parts differ in
    name) under `into`; the path of `wanted` there. Raises SourceError where a member is larger
    than the archive says."""
    stem = wanted.path.with_suffix("")
    together = [
        m
        for m in found
        if m.key == wanted.key
        or wanted.path in m.path.parents
        or m.path.with_suffix("") == stem
        or (wanted.path.suffix.lower() == ".thf" and m.path.parent == wanted.path.parent)
    ]
    with _readable(path):
        for member, stream in _streams(path, together):
            target = into.folder / member.name
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as out:
                _copy(stream, out, member, path)
    return into.folder / wanted.name


def _copy(stream: IO[bytes], out: IO[bytes], member: Member, path: Path) -> None:
    left = member.size
    while block := stream.read(1 << 20):
        left -= len(block)
        if left < 0:
            raise _unsafe(path, f"{member.name} 比目录所写的大", f"{member.name} is larger than "
                          "the archive says")  # fmt: skip
        out.write(block)


def _streams(path: Path, wanted: list[Member]) -> Iterator[tuple[Member, IO[bytes]]]:
    keys = {m.key: m for m in wanted}
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for member in wanted:
                if member.key in archive.NameToInfo:
                    with archive.open(member.key) as stream:
                        yield member, stream
        return
    with tarfile.open(path) as archive_tar:
        for info in archive_tar:
            stream_tar = archive_tar.extractfile(info) if info.name in keys else None
            if stream_tar is not None:
                yield keys[info.name], stream_tar


def _zip_members(archive: zipfile.ZipFile) -> list[Member]:
    infos = [i for i in archive.infolist() if not i.is_dir()]
    return [
        Member(i.filename, _zip_name(i), i.file_size, (i.external_attr >> 28) == 0o12)
        for i in infos
    ]


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The name as it was meant: without the UTF-8 flag Python takes it for CP437."""
    if info.flag_bits & UTF8_NAMES or info.filename.isascii():
        return info.filename
    try:
        data = info.filename.encode("cp437")
        return data.decode(find_encoding(data, "zip"))
    except (UnicodeError, SourceError):
        return info.filename


def _tar_members(path: Path, most: int) -> list[Member]:
    """A TAR has no directory: what it unpacks to is counted on the way."""
    found, total = [], 0
    with tarfile.open(path) as archive:
        for info in archive:
            if info.isdir():
                continue
            total += info.size
            found.append(Member(info.name, info.name, info.size, not info.isreg()))
            if len(found) > MAX_MEMBERS or total > max(most, SMALL) or total > MAX_BYTES:
                break
    return found


def _refuse_unsafe(path: Path, found: list[Member], packed: int) -> None:
    size = sum(m.size for m in found)
    outside = [m.name for m in found if _leads_outside(m.name)]
    links = [m.name for m in found if m.link]
    nested = [m.name for m in found if m.name.lower().endswith(PACKED)]
    if outside:
        raise _unsafe(path, f"路径越界：{outside[0]}", f"a path leads outside: {outside[0]}")
    if links:
        raise _unsafe(path, f"含有链接：{links[0]}", f"it holds a link: {links[0]}")
    if len(found) > MAX_MEMBERS:
        raise _unsafe(path, f"文件超过 {MAX_MEMBERS} 个", f"more than {MAX_MEMBERS} files")
    if size > MAX_BYTES or (size > SMALL and size > MAX_RATIO * packed):
        raise _unsafe(path, "解压后过大", "it unpacks to too much")
    if nested:
        raise _unsafe(path, f"包中有包：{nested[0]}", f"an archive in an archive: {nested[0]}")


def _leads_outside(name: str) -> bool:
    slashed = name.replace("\\", "/")
    return slashed.startswith("/") or ":" in slashed.split("/")[0] or ".." in slashed.split("/")


def _unsafe(path: Path, zh: str, en: str) -> SourceError:
    return SourceError(
        zh=f"{path.name} 不安全（{zh}），拒收",
        en=f"{path.name} is not safe ({en}): refused",
        source=path.name,
        unsafe=en,
    )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, NotImplementedError,
            RuntimeError, ValueError) as exc:  # fmt: skip
        raise SourceError(
            zh=f"{path.name} 不是完好的压缩包，或有密码。请重新打包，不设密码",
            en=f"{path.name} is no whole archive, or has a password. Pack it again without one",
            source=path.name,
        ) from exc
