"""While one server collects static files, others that read from the same folder find all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile

from config.web.static_files import SharedStaticFiles


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
