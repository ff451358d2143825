"""An import on its way: the file, what it would do, and how far it is. Nothing of it is kept for long."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.db import connection, models, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config import secrets
from spreadsheets.reports import Fault

#: File and report stay this long after they were last worked on; an applied file goes at once. Nothing runs so long.
_KEPT = timedelta(days=1)
#: A thread that has not begun after this time never will.
_SLOWEST_START = timedelta(seconds=15)
#: Most imports of one person that may wait.
MAX_WAITING = 5
#: Advisory lock of whoever takes the next import: two at once could take two of one person.
_TAKING = 4_711_001


class TooManyWaitingError(Exception):
    """This person has `MAX_WAITING` imports waiting already."""


class ImportQuerySet(models.QuerySet["Import"]):
    def of(self, person: Any, kind: str) -> ImportQuerySet:
        """Imports of one kind of row that this person has uploaded: nobody else sees them.

        Without the file and the report, which may be large: a page asks for progress again and again.
        """
        return self.filter(person=person, kind=kind).defer("content", "report")

    def past_keeping(self) -> ImportQuerySet:
        """Those that nobody has come back to. Removed by whoever opens the page next, and by `manage.py purge`."""
        return self.filter(started_at__lt=timezone.now() - _KEPT)

    def reencrypt(self) -> tuple[int, int]:
        """See `config.secrets.reencrypt`. The files of imports that were applied are gone."""
        safe = secrets.safe("imports")
        return secrets.reencrypt(self.exclude(content=b""), "content", lambda job: safe.rotate(bytes(job.content)))

    def begin(self, **fields: Any) -> Import:
        """A new import that waits to be checked. Raises TooManyWaitingError."""
        content = secrets.safe("imports").encrypt(fields.pop("content"))
        with self.one_more_waiting(fields["person"]):
            return self.create(content=content, state=Import.State.CHECKING, is_waiting=True, **fields)

    @contextmanager
    def one_more_waiting(self, person: Any) -> Iterator[None]:
        """A transaction in which this person, and nobody else for them, lets one more import wait.

        Raises TooManyWaitingError.
        """
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashint8(%s))", [_TAKING, person.pk])
            if self.waiting().filter(person=person).count() >= MAX_WAITING:
                raise TooManyWaitingError
            yield

    def waiting(self) -> ImportQuerySet:
        return self.filter(state__in=Import.RUNNING, is_waiting=True)

    def running(self) -> ImportQuerySet:
        """Those that a thread has taken, whether or not it is still there."""
        return self.filter(state__in=Import.RUNNING, is_waiting=False)

    def take_next(self) -> Import | None:
        """The one that has waited longest and may run: its person has none that runs. Whoever calls this runs it."""
        for taken in self.running().defer("content", "report"):
            taken.notice_death()
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_TAKING])
            free = self.waiting().exclude(person__in=self.running().values("person"))
            job = free.select_related("person").defer("content", "report").order_by("started_at", "pk").first()
            if job:
                job.is_waiting, job.started_at = False, timezone.now()
                job.save(update_fields=["is_waiting", "started_at"])
            return job


class Import(models.Model):
    """One uploaded file. Its rows are checked first; only what was shown is then applied, all or nothing."""

    class State(models.TextChoices):
        CHECKING = "checking", _("Checking")
        CHECKED = "checked", _("Checked")
        APPLYING = "applying", _("Applying")
        APPLIED = "applied", _("Applied")
        STOPPED = "stopped", _("Stopped")

    RUNNING = (State.CHECKING, State.APPLYING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    kind = models.CharField(max_length=100)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    language = models.CharField(max_length=10)
    file_name = models.CharField(max_length=255)
    #: Encrypted: a file may hold passwords.
    content = models.BinaryField()
    state = models.CharField(max_length=8, choices=State.choices)
    report = models.JSONField(default=dict, db_default={})
    #: Who, where and why, for the history of every row that it changes.
    context = models.JSONField(default=dict, db_default={})
    #: Nobody has begun with what its state says: checking or applying.
    is_waiting = models.BooleanField(default=False, db_default=False)
    rows_done = models.PositiveIntegerField(default=0, db_default=0)
    rows_total = models.PositiveIntegerField(default=0, db_default=0)
    #: When it was last asked for or, once that has begun, begun.
    started_at = models.DateTimeField(default=timezone.now, db_default=Now())
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())

    objects = ImportQuerySet.as_manager()

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        default_permissions = ()
        indexes = [models.Index(fields=["started_at"], name="import_by_started_at")]

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_running(self) -> bool:
        return self.state in self.RUNNING

    @property
    def lock(self) -> int:
        """Number of the advisory lock that whoever runs it holds: it vanishes with the process that held it."""
        return self.id.int >> 65

    @property
    def may_go_on(self) -> bool:
        """Whether the person may still import: neither blocked nor signed out everywhere since, no right lost."""
        app, name = self.kind.split(".")
        person: Any = self.person
        return person.has_perms((f"{app}.add_{name}", f"{app}.change_{name}")) and person.has_authority(self.started_at)

    def read(self) -> bytes:
        """The file as it was uploaded. It is not kept here: an import runs for minutes."""
        (content,) = Import.objects.filter(pk=self.pk).values_list("content", flat=True)
        return secrets.safe("imports").decrypt(bytes(content))

    def move(self, state: str, *, to: str, **fields: Any) -> bool:
        """From one state to another, once, whoever else tries. False if it was not in that state any more."""
        if to == self.State.APPLIED:
            fields["content"] = b""
        if to not in self.RUNNING:
            fields["is_waiting"] = False
        moved = Import.objects.filter(pk=self.pk, state=state).update(state=to, **fields)
        return bool(moved)

    def keep_faults(self, pages: Iterable[tuple[int, list[Fault]]]) -> None:
        """Keeps what a check has found so far, by the number of the page."""
        for number, faults in pages:
            self.fault_pages.create(number=number, faults=faults)

    def restart(self, state: str, *, to: str, **fields: Any) -> bool:
        """Lets it wait for its turn: someone must call `jobs.start` after that. Raises TooManyWaitingError."""
        with Import.objects.one_more_waiting(self.person):
            return self.move(state, to=to, is_waiting=True, rows_done=0, started_at=timezone.now(), **fields)

    @property
    def ahead(self) -> int:
        """How many imports of anybody run or wait before this one, if it waits."""
        earlier = models.Q(is_waiting=False) | models.Q(started_at__lt=self.started_at)
        return Import.objects.filter(earlier, state__in=self.RUNNING).exclude(pk=self.pk).count()

    def notice_death(self) -> None:
        """If whoever ran it is gone, says so. Nothing of what they did is left: it was one transaction."""
        if not self.is_running or self.is_waiting or self._is_fresh() or self._is_held():
            return
        self.move(self.state, to=self.State.STOPPED)
        self.refresh_from_db()

    def _is_fresh(self) -> bool:
        return timezone.now() - self.started_at < _SLOWEST_START

    def _is_held(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND "
                "database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND "
                "(classid::bigint << 32) | objid::bigint = %s)",
                [self.lock],
            )
            return bool(cursor.fetchone()[0])


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
