"""Jobs for imports and exports, with their files and results. Retention: `config.spreadsheets.jobs.queue`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from config.spreadsheets.jobs.queue import Job
from config.spreadsheets.reports import Fault


class Import(Job):
    """One uploaded file. It is checked first. Applying makes exactly the changes of the check, or none."""

    class State(models.TextChoices):
        CHECKING = "checking", _("Checking")
        CHECKED = "checked", _("Checked")
        APPLYING = "applying", _("Applying")
        APPLIED = "applied", _("Applied")
        STOPPED = "stopped", _("Stopped")

    FIRST = State.CHECKING
    RUNNING = (State.CHECKING, State.APPLYING)
    PURPOSE = "imports"
    LARGE_FIELDS = ("content", "report")

    state = models.CharField(max_length=8, choices=State.choices)
    report = models.JSONField(default=dict, db_default={})
    #: The `pghistory` context of every change.
    context = models.JSONField(default=dict, db_default={})
    #: Normalized headings of unknown columns that the person chose to ignore.
    ignored_columns = models.JSONField(default=list, db_default=[])
    #: Whether the person chose to apply the rows without faults, and to leave out the others.
    leaves_out_faulty = models.BooleanField(default=False, db_default=False)

    class Meta(Job.Meta):
        verbose_name = _("import")
        verbose_name_plural = _("imports")

    @property
    def has_authority(self) -> bool:
        """False once the person was blocked or signed out everywhere, or lost a permission."""
        app, name = self.kind.split(".")
        person: Any = self.person
        has_rights = person.has_perms((f"{app}.add_{name}", f"{app}.change_{name}"))
        return has_rights and person.has_authority(self.asked_at or self.started_at)

    @property
    def is_sound(self) -> bool:
        """Whether the check found no fault."""
        return not (self.report.get("problems") or self.report.get("faulty_rows"))

    @property
    def good_rows(self) -> int:
        """The rows to create or change, in a file that has faults only in other rows."""
        counts = (self.report.get(f"{kind}_rows", 0) for kind in ("created", "changed"))
        return 0 if self.report.get("problems") else sum(counts)

    def move(self, state: str, *, to: str, **fields: Any) -> bool:
        """As in `Job`; the file of an applied import is deleted at once, or replaced by the rows that are left out."""
        deleted = {"content": b""} if to == self.State.APPLIED else {}
        return super().move(state, to=to, **deleted | fields)

    def store_faults(self, pages: Iterable[tuple[int, list[Fault]]]) -> None:
        """Stores pages of faults, each with its number."""
        for number, faults in pages:
            self.fault_pages.create(number=number, faults=faults)


class FaultPage(models.Model):
    """The faults of an import that one page displays. Memory never holds the faults of a whole file."""

    job = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="fault_pages")
    #: From 1.
    number = models.PositiveIntegerField()
    #: Row, column, reason, value; in the order of the rows.
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
    #: The query string of the list: its search and filters.
    query = models.TextField()

    class Meta(Job.Meta):
        verbose_name = _("export")
        verbose_name_plural = _("exports")
