"""Files on places: kept once, under safe names, of known kinds, found by feature and by place."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import shapely

from gis.coords import place_code
from gis.errors import CoordError, LayerError, SourceError, StoreError
from gis.layers.model import Layer
from gis.store import Store
from gis.store.documents import (
    LONGEST_NAME,
    add_document,
    cell_place,
    document_file,
    documents_of,
    feature_place,
    list_documents,
    safe_name,
    shape_place,
    show_document,
    withdraw_document,
)

JPEG = b"\xff\xd8\xff\xe0 a photo"
PDF = b"%PDF-1.7 a permit"


@pytest.fixture
def grove(trees: Layer, deliver) -> Layer:
    deliver([{"tree_id": "a", "at": (114.0, 33.0)}, {"tree_id": "b", "at": (114.1, 33.0)}])
    return trees


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "树.jpg"
    path.write_bytes(JPEG)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "documents"


def test_a_file_is_kept_under_its_digest(
    store: Store, grove: Layer, folder: Path, photo: Path
) -> None:
    place = feature_place(store, grove, "a")
    kept = add_document(store, folder, photo, place, title="古树", person="李工")
    assert kept.digest == hashlib.sha256(JPEG).hexdigest()
    assert (kept.name, kept.media_type, kept.bytes) == ("树.jpg", "image/jpeg", len(JPEG))
    assert (kept.layer, kept.key, kept.title) == ("trees", place.key, "古树")
    assert kept.geometry["coordinates"] == [114.0, 33.0]
    path = document_file(folder, kept)
    assert path.read_bytes() == JPEG
    photo.unlink()
    assert path.is_file()  # a copy, not a link
    assert show_document(store, kept.id) == kept


def test_the_same_again_is_one(store: Store, grove: Layer, folder: Path, photo: Path) -> None:
    place = feature_place(store, grove, "a")
    first = add_document(store, folder, photo, place)
    assert add_document(store, folder, photo, place).id == first.id
    other = add_document(store, folder, photo, feature_place(store, grove, "b"))
    assert other.id != first.id
    assert [p for p in folder.rglob("*") if p.is_file()] == [document_file(folder, first)]
    shape = shape_place("POINT(114.05 33)")
    assert (
        add_document(store, folder, photo, shape).id == add_document(store, folder, photo, shape).id
    )


def test_found_by_feature_and_by_the_place_it_covers(
    store: Store, grove: Layer, folder: Path, photo: Path
) -> None:
    a, b = feature_place(store, grove, "a"), feature_place(store, grove, "b")
    direct = add_document(store, folder, photo, a)
    cell = add_document(store, folder, photo, cell_place(place_code(114.0, 33.0)))
    around = add_document(store, folder, photo, shape_place(shapely.box(114.05, 32, 114.2, 34).wkt))
    assert a.key is not None
    assert b.key is not None
    assert [d.id for d in documents_of(store, grove, a.key)] == [cell.id, direct.id]
    assert [d.id for d in documents_of(store, grove, b.key)] == [around.id]
    assert [d.id for d in list_documents(store)] == [around.id, cell.id, direct.id]
    assert [d.id for d in list_documents(store, "trees")] == [direct.id]


def test_a_wrong_link_is_taken_back_and_may_be_made_again(
    store: Store, grove: Layer, folder: Path, photo: Path
) -> None:
    place = feature_place(store, grove, "a")
    kept = add_document(store, folder, photo, place)
    withdraw_document(store, kept.id, "李工")
    assert list_documents(store) == []
    for again in (
        lambda: withdraw_document(store, kept.id, "x"),
        lambda: show_document(store, kept.id),
    ):
        with pytest.raises(StoreError):
            again()
    assert add_document(store, folder, photo, place).id != kept.id


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.html", b"<script>"), ("a.svg", b"<svg/>"), ("a.exe", b"MZ"), ("a", JPEG),
     ("a.jpg", PDF), ("a.pdf", b"<html>%PDF-"), ("a.jpg", b""), ("a.jpg.html", JPEG)],
)  # fmt: skip
def test_what_is_not_kept(
    store: Store, grove: Layer, folder: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError):
        add_document(store, folder, path, feature_place(store, grove, "a"))
    assert list_documents(store) == []
    assert not [p for p in folder.rglob("*") if p.is_file()]


def test_too_large_or_gone(
    store: Store, grove: Layer, folder: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = feature_place(store, grove, "a")
    monkeypatch.setattr("gis.store.documents.MOST_BYTES", len(JPEG) - 1)
    with pytest.raises(SourceError):
        add_document(store, folder, photo, place)
    assert not [p for p in folder.rglob("*") if p.is_file()]
    with pytest.raises(SourceError):
        add_document(store, folder, photo.with_name("nowhere.jpg"), place)


def test_a_lost_file_is_said_to_be_lost(
    store: Store, grove: Layer, folder: Path, photo: Path
) -> None:
    kept = add_document(store, folder, photo, feature_place(store, grove, "a"))
    document_file(folder, kept).unlink()
    with pytest.raises(StoreError):
        document_file(folder, kept)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("../../etc/passwd", "passwd"), ("C:\\temp\\a.pdf", "a.pdf"), ("a\x00b\n.pdf", "a_b_.pdf"),
     (".htaccess", "htaccess"), ("...", "document"), ("许可\u202efdp.exe", "许可_fdp.exe"),
     ('a"b<c>.jpg', "a_b_c_.jpg"), ("e\u0301.png", "\u00e9.png")],
)  # fmt: skip
def test_names_are_safe(given: str, kept: str) -> None:
    assert safe_name(given) == kept


def test_a_long_name_keeps_its_suffix() -> None:
    name = safe_name("长" * 500 + ".pdf")
    assert len(name) == LONGEST_NAME
    assert name.endswith(".pdf")


@pytest.mark.parametrize("wkt", ["", "POINT", "POINT(200 33)", "POINT EMPTY", "POINT(nan 1)",
                                 "POLYGON((0 0,1 1,1 0,0 1,0 0))"])  # fmt: skip
def test_shapes_that_are_none(wkt: str) -> None:
    with pytest.raises(LayerError):
        shape_place(wkt)


def test_places_that_are_none(store: Store, grove: Layer) -> None:
    for number in ("nobody", "999999", "-1"):
        with pytest.raises(LayerError):
            feature_place(store, grove, number)
    with pytest.raises(CoordError):
        cell_place("nowhere")
