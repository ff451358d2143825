"""While one server collects static files, others that read from the same folder find all of them.

A server that starts collects what has changed, or nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile

from config.settings import STORAGES
from config.web.static_files import SharedStaticFiles, collect


@pytest.fixture
def storage(tmp_path: Path) -> SharedStaticFiles:
    return SharedStaticFiles(location=tmp_path / "static", base_url="/static/")


def names(storage: SharedStaticFiles) -> list[str]:
    return sorted(path.name for path in Path(storage.location).iterdir())


class Watched(ContentFile):
    """Notes what is in the folder while it is being saved."""

    def __init__(self, storage: SharedStaticFiles, content: bytes) -> None:
        super().__init__(content)
        self.storage = storage
        self.seen: tuple[bytes, list[str]] | None = None

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        self.seen = Path(self.storage.path("a.css")).read_bytes(), names(self.storage)
        yield from super().chunks(chunk_size)


def test_a_file_is_replaced_at_once(storage: SharedStaticFiles) -> None:
    storage.save("a.css", ContentFile(b"old"))
    newer = Watched(storage, b"new")
    storage.delete("a.css")  # as `collectstatic` does
    assert storage.save("a.css", newer) == "a.css"
    assert newer.seen == (b"old", ["a.css"])
    assert (Path(storage.path("a.css")).read_bytes(), names(storage)) == (b"new", ["a.css"])
    assert Path(storage.path("a.css")).stat().st_mode & 0o777 == 0o644
    assert [path.name for path in Path(storage.location).parent.iterdir()] == ["static"]


def test_the_manifest_is_there_at_every_moment(storage: SharedStaticFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.hashed_files = {"a.css": "a.1.css"}
    storage.save_manifest()
    save, seen = storage._save, []

    def watched(name: str, content: Any) -> str:
        seen.append(SharedStaticFiles(location=storage.location, base_url="/static/").hashed_files)
        return save(name, content)

    monkeypatch.setattr(storage, "_save", watched)
    storage.hashed_files = {"a.css": "a.2.css"}
    storage.save_manifest()
    again: Any = SharedStaticFiles(location=storage.location, base_url="/static/")
    assert [*seen, again.hashed_files] == [{"a.css": "a.1.css"}, {"a.css": "a.2.css"}]


def inodes(folder: Path) -> dict[str, int]:
    """Of each file. It is another one once the file has been replaced."""
    return {path.name: path.stat().st_ino for path in folder.iterdir()}


def test_files_are_collected_when_sources_or_collected_files_have_changed(tmp_path: Path, settings: Any) -> None:
    settings.STORAGES = STORAGES
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATICFILES_DIRS = [tmp_path / "sources"]
    settings.STATIC_ROOT = tmp_path / "static"
    source, collected = tmp_path / "sources" / "a.css", tmp_path / "static" / "a.css"
    source.parent.mkdir()
    source.write_bytes(b"old")
    collect()
    first = inodes(collected.parent)
    assert len(first) == 3  # the file, its copy with a digest in the name, the manifest

    collect()
    assert inodes(collected.parent) == first

    source.write_bytes(b"new")
    os.utime(source, (time.time() + 2, time.time() + 2))  # `collectstatic` compares whole seconds
    collect()
    assert (collected.read_bytes(), len(inodes(collected.parent))) == (b"new", 4)

    collected.unlink()
    (source.parent / "b.css").write_bytes(b"another")
    collect()
    assert {"a.css", "b.css"} < set(inodes(collected.parent))
