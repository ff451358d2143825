"""The source files of the site."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

HOUSE = Path(settings.BASE_DIR)


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((HOUSE / folder).rglob("*.py"))]


def name_of(path: Path) -> str:
    return path.relative_to(HOUSE).as_posix()
