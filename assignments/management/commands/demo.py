from __future__ import annotations

from typing import Any

from django.core.management import CommandError
from django.core.management.base import BaseCommand, CommandParser

from assignments import demo
from config import database


class Command(BaseCommand):
    help = "Loads demo data: named people to sign in as, and as many more rows as asked for. Safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--users", type=int, default=0, help="warehouse users to have besides the named ones")
        parser.add_argument("--warehouses", type=int, default=0)
        parser.add_argument("--assignments", type=int, default=0)
        parser.add_argument("--force", action="store_true", help="load it into the database of DATABASE_URL")

    def handle(self, *, users: int, warehouses: int, assignments: int, force: bool, **options: Any) -> None:
        if not (database.is_embedded() or force):
            raise CommandError(
                "This would create a superuser with a public password in the database of DATABASE_URL. "
                "If that is what you want, repeat it with --force."
            )
        demo.load_named()
        if not (users or warehouses or assignments):
            return
        try:
            demo.load_many(users, warehouses, assignments)
        except ValueError as problem:
            raise CommandError(str(problem)) from None
