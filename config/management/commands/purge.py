from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from config import keeping


class Command(BaseCommand):
    help = (
        "Deletes what is kept no longer: security events and sessions that were over AUDIT_DAYS ago, tokens and "
        "cookies that have expired, and uploaded files that nobody came back to for a day. Run it once a day."
    )

    #: How long, in days, failed sign-ins are kept. They count for minutes; the landing page shows some weeks of them.
    FAILURE_DAYS = 90

    def handle(self, **options: Any) -> None:
        for rows in keeping.past_keeping():
            self.stdout.write(f"{keeping.delete(rows):>9,} {rows.model._meta.verbose_name_plural}")
        call_command("clearsessions")
        call_command("axes_reset_failure_logs", age=self.FAILURE_DAYS, stdout=self.stdout)
