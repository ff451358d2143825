"""Collects static files into a folder from which other servers read at the same time."""

from __future__ import annotations

from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage


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
