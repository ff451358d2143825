"""`flush` for tests: Django calls it after each test that has committed."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import flush

from tests.support import initial_data


class Command(flush.Command):
    """Puts the initial data back, where Django's own makes permissions and content types anew, which takes longer."""

    def handle(self, **options: Any) -> None:
        initial_data.restore()
