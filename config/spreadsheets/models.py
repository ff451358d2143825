"""Jobs for imports, exports and large undos, with their files and results.

Files, faults and listed rows are deleted after a day (`config.spreadsheets.jobs.queue`). Of an import, the record of
who imported which file when, with the numbers of rows, is kept as long as the history.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from config.spreadsheets.jobs.queue import Job, JobQuerySet
from config.spreadsheets.reports import Fault
from config.telemetry.gauges import Gauge


class ImportQuerySet(JobQuerySet["Import"]):
    def past_retention(self) -> ImportQuerySet:
        return super().past_retention().filter(is_expired=False)  # type: ignore[return-value]

    def visible_to(self, person: Any) -> ImportQuerySet:
        """A confined person sees only their own: files of others name people and warehouses of anywhere."""
        return self.of(person) if person.is_confined else self  # type: ignore[return-value]

    def gauges(self) -> Iterator[Gauge]:
        """For the metrics."""
        recent = self.filter(is_expired=False).values_list("state").annotate(models.Count("pk")).order_by()
        counts = dict.fromkeys(Import.State.values, 0) | dict(recent)
        yield Gauge("warehouse_imports", "Imports of the last day, by state.", counts, "state")

    def expire(self) -> None:
        """Deletes files, faults and listed rows. What was not applied by then cannot be applied any more."""
        FaultPage.objects.filter(job__in=self.values("pk")).delete()
        stopped = models.When(state__in=Import.RUNNING, then=models.Value(Import.State.STOPPED))
        state = models.Case(stopped, default=models.F("state"))
        self.update(content=b"", report=_SMALL_REPORT, state=state, is_waiting=False, is_expired=True)

    def with_small_report(self) -> ImportQuerySet:
        """Adds `small_report`, the report without the rows that it lists."""
        return self.annotate(small_report=_SMALL_REPORT).defer(*Import.LARGE_FIELDS)


#: One expression, because PostgreSQL decompresses the report for each access.
_SMALL_REPORT = models.Func(
    "report",
    Cast(models.Value("{created,changed}"), models.TextField()),
    template="(%(expressions)s::text[])",
    arg_joiner=" - ",
    output_field=models.JSONField(),
)


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
    #: Suggestions that the person took: column, name in the file, name that is read instead.
    replacements = models.JSONField(default=list, db_default=[])
    #: The sheet of a workbook that is read, if there are several: what the person chose, else what the check has found.
    sheet_name = models.CharField(max_length=100, default="", db_default="")
    #: The start of the transaction that applied it: `pgh_created_at` of all its events in the history.
    applied_at = models.DateTimeField(null=True)
    #: Whether file, faults and listed rows are deleted.
    is_expired = models.BooleanField(default=False, db_default=False)

    objects: ClassVar[Any] = ImportQuerySet.as_manager()

    class Meta(Job.Meta):
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        indexes = [
            *Job.Meta.indexes,
            models.Index(fields=["created_at", "id"], name="import_newest"),
            models.Index(fields=["kind", "created_at", "id"], name="import_newest_of_kind"),
            # The few among all that are kept: those that the queue asks for, and those to expire.
            models.Index(
                fields=["started_at"],
                condition=models.Q(state__in=("checking", "applying")),
                name="import_in_queue",
            ),
            models.Index(fields=["started_at"], condition=models.Q(is_expired=False), name="import_to_expire"),
        ]

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


class Undo(Job):
    """The undoing of a change set that is too large for a request (`config.history.undo.large_undo`).

    It is planned first. Undoing plans again, under the locks, and does all that is possible by then.
    """

    class State(models.TextChoices):
        PLANNING = "planning"
        PLANNED = "planned"
        UNDOING = "undoing"
        UNDONE = "undone"
        STOPPED = "stopped"

    FIRST = State.PLANNING
    RUNNING = (State.PLANNING, State.UNDOING)
    PURPOSE = "undos"
    LARGE_FIELDS = ("content", "report")

    #: The change set, as in its address.
    operation = models.CharField(max_length=100)
    #: The `pghistory` context of every change.
    context = models.JSONField(default=dict, db_default={})
    #: What will be undone, or was: see `config.history.undo.preview.Preview.report`. If it stopped, perhaps `why`.
    report = models.JSONField(default=dict, db_default={})
    #: The start of the transaction that did it: `pgh_created_at` of all its events in the history.
    applied_at = models.DateTimeField(null=True)

    class Meta(Job.Meta):
        verbose_name = _("undo")
        verbose_name_plural = _("undos")
