from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from config import retention
from config.history.retention import delete_old_events
from config.history.tracking import tracked_models


class Command(BaseCommand):
    help = (
        "Deletes rows past their retention: security events and sessions that ended AUDIT_DAYS ago, expired tokens and "
        "cookies, uploaded files that were not used for a day, and history older than HISTORY_DAYS. Tidies assignments "
        "whose period is over: they are stored as inactive. Run it once a day."
    )

    def handle(self, **options: Any) -> None:
        for rows in retention.past_retention():
            self.stdout.write(f"{retention.delete(rows):>9,} {rows.model._meta.verbose_name_plural}")
        for model in tracked_models():
            if deleted := delete_old_events(model):
                self.stdout.write(f"{deleted:>9,} entries in the history of {model._meta.verbose_name_plural}")
        call_command("clearsessions")
        call_command("axes_reset_failure_logs", age=retention.FAILURE_DAYS, stdout=self.stdout)
