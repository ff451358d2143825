"""Imports and exports on their way: the file, and how far it is. Nothing of it is kept for long."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from spreadsheets.queue import Job
from spreadsheets.reports import Fault


class Import(Job):
    """One uploaded file. Its rows are checked first; only what was shown is then applied, all or nothing."""

    class State(models.TextChoices):
        CHECKING = "checking", _("Checking")
        CHECKED = "checked", _("Checked")
        APPLYING = "applying", _("Applying")
        APPLIED = "applied", _("Applied")
        STOPPED = "stopped", _("Stopped")

    FIRST = State.CHECKING
    RUNNING = (State.CHECKING, State.APPLYING)
    PURPOSE = "imports"
    LARGE = ("content", "report")

    state = models.CharField(max_length=8, choices=State.choices)
    report = models.JSONField(default=dict, db_default={})
    #: Who, where and why, for the history of every row that it changes.
    context = models.JSONField(default=dict, db_default={})

    class Meta(Job.Meta):
        verbose_name = _("import")
        verbose_name_plural = _("imports")

    @property
    def may_go_on(self) -> bool:
        """Whether the person may still import: neither blocked nor signed out everywhere since, no right lost."""
        app, name = self.kind.split(".")
        person: Any = self.person
        has_rights = person.has_perms((f"{app}.add_{name}", f"{app}.change_{name}"))
        return has_rights and person.has_authority(self.asked_at or self.started_at)

    def move(self, state: str, *, to: str, **fields: Any) -> bool:
        """As that of any job; the file of an applied import goes at once."""
        return super().move(state, to=to, **fields, **({"content": b""} if to == self.State.APPLIED else {}))

    def keep_faults(self, pages: Iterable[tuple[int, list[Fault]]]) -> None:
        """Keeps what a check has found so far, by the number of the page."""
        for number, faults in pages:
            self.fault_pages.create(number=number, faults=faults)


class FaultPage(models.Model):
    """As many of an import's faults as one page shows: so that nobody ever holds them all at once."""

    job = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="fault_pages")
    #: From 1.
    number = models.PositiveIntegerField()
    #: Row, column, reason, what stood there; in the order of the rows.
    faults = models.JSONField()

    class Meta:
        default_permissions = ()
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="import_fault_page_unique")]

    def __str__(self) -> str:
        return f"{self.job_id} · {self.number}"


class Export(Job):
    """The rows that a list showed a person, as a file of the format that its name ends with."""

    class State(models.TextChoices):
        BUILDING = "building", _("Building")
        READY = "ready", _("Ready")
        STOPPED = "stopped", _("Stopped")

    FIRST = State.BUILDING
    RUNNING = (State.BUILDING,)
    PURPOSE = "exports"

    state = models.CharField(max_length=8, choices=State.choices)
    #: What the list was searched and filtered for when they asked.
    query = models.TextField()

    class Meta(Job.Meta):
        verbose_name = _("export")
        verbose_name_plural = _("exports")
