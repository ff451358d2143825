from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Any

from django.core.management import CommandError
from django.core.management.base import BaseCommand, CommandParser

from assignments import demo
from config import installation


class Command(BaseCommand):
    help = "Loads demo data: named people to sign in as, and as many more rows as asked for. Safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--users", type=_count, default=0, help="warehouse users to have besides the named ones")
        parser.add_argument("--warehouses", type=_count, default=0, help="warehouses for them")
        parser.add_argument("--assignments", type=_count, default=0, help="assignments of the ones to the others")
        parser.add_argument("--force", action="store_true", help="load it into the database of DATABASE_URL")

    def handle(self, *, users: int, warehouses: int, assignments: int, force: bool, **options: Any) -> None:
        if not (installation.is_embedded() or force):
            raise CommandError(
                "This would create a superuser with a public password in the database of DATABASE_URL. "
                "If that is what you want, repeat it with --force."
            )
        if users or warehouses or assignments:
            try:
                demo.load_many(users, warehouses, assignments)
            except ValueError as problem:
                raise CommandError(str(problem)) from None
        demo.load_named()


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text!r} is not a whole number, 0 or more")
    return int(text)
