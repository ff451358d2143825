from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management import CommandError
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from config import archives, installation, programs

_REMINDER = """
Not in it: SECRET_KEY{place}. Keep a copy of it elsewhere: the keys that sign tokens and second factors are
encrypted with it, and without it everybody must begin again. The file itself holds personal data and password hashes.
"""


class Command(BaseCommand):
    help = (
        "Writes the whole database to FILE, as it is at one moment, while the site runs. FILE is made for its owner "
        "alone, gets its name when it is whole, and has been read back once by then. SECRET_KEY is not in it."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")

    def handle(self, *, file: Path, overwrite: bool, **options: Any) -> None:
        if file.is_dir() or (file.exists() and not overwrite):
            raise CommandError(f"{file} exists: give another name, or replace it with --overwrite.")
        try:
            tools = programs.of_server()
            if not MigrationRecorder(connection).has_table():
                raise CommandError("There is nothing to back up: this site has not used this database yet.")
            contents = archives.write(tools, file)
        except (programs.ProgramError, archives.ArchiveError, OSError) as problem:
            raise CommandError(f"No backup was made: {problem}") from None
        self.stdout.write(f"{file}: {file.stat().st_size:,} bytes, {contents.counts.total():,} rows.")
        made_here = installation.var_dir() / "secret_key"
        place = f" ({made_here})" if made_here.exists() else ""
        self.stdout.write(_REMINDER.format(place=place).strip())
