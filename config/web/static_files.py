"""Collects static files into a folder from which other servers read at the same time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import django
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.management import call_command


def collect() -> None:
    """Calls `collectstatic`, unless the sources and the collected files are those of the last time."""
    record = settings.STATIC_ROOT.with_suffix(".sha256")
    if not record.exists() or record.read_text() != _digest():
        call_command("collectstatic", verbosity=0, interactive=False)
        record.write_text(_digest())


def _digest() -> str:
    """SHA-256 of the names and contents of all files that `collectstatic` reads and writes, and Django's version."""
    found = hashlib.sha256(django.get_version().encode())
    for path in _files():
        found.update(f"\0{path}\0".encode() + path.read_bytes())
    return found.hexdigest()


def _files() -> Iterator[Path]:
    for finder in get_finders():
        yield from (Path(storage.path(name)) for name, storage in finder.list([]))
    yield from sorted(path for path in settings.STATIC_ROOT.rglob("*") if path.is_file())


class SharedStaticFiles(ManifestStaticFilesStorage):
    """Replaces each file atomically.

    A worker that starts between Django's deletion and its saving of the manifest finds no file, for as long as it runs.
    """

    def delete(self, name: str) -> None:
        """Does nothing: `collectstatic` deletes only what it saves again."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def _save(self, name: str, content: Any) -> str:
        """Writes beside the folder, all of whose files a starting worker looks at."""
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=Path(self.location).parent, prefix="static-", delete=False) as new:
            new.writelines(content.chunks())
        Path(new.name).chmod(self.file_permissions_mode or 0o644)
        Path(new.name).replace(path)
        return name
