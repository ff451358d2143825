"""A queue of jobs (imports, exports, large undos) in the database, which threads of all server processes work off.

At most one job of a person runs at a time.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.db import models, transaction
from django.db.models.functions import Now
from django.utils import timezone

from config import encryption, retention
from config.database.sql import row_of, rows_of

#: Retention of a file and its details, from `started_at`. Longer than any job runs.
_RETENTION = timedelta(days=1)
#: A thread that took a job holds the job's lock after this time at the latest.
_START_TIMEOUT = timedelta(seconds=15)
#: Most waiting jobs of one person.
MAX_WAITING = 5
#: Advisory lock for taking a job: two threads at once could take two jobs of one person.
QUEUE_LOCK = 4_711_002

_Job = TypeVar("_Job", bound="Job")


class TooManyWaitingError(Exception):
    """The person already has `MAX_WAITING` waiting jobs."""


class JobQuerySet(models.QuerySet[_Job]):
    def past_retention(self) -> JobQuerySet[_Job]:
        """Expired by the next request for an import, an export or an undo, and by `manage.py purge`."""
        return self.filter(started_at__lt=timezone.now() - _RETENTION)

    def expire(self) -> None:
        """Called by `config.retention`: deletes the jobs and their files."""
        self.delete()

    def reencrypt(self) -> tuple[int, int]:
        """See `config.encryption.reencrypt`. Jobs without a file are left out."""
        safe = encryption.fernet(self.model.PURPOSE)
        return encryption.reencrypt(self.exclude(content=b""), "content", lambda job: safe.rotate(bytes(job.content)))

    def of(self, person: Any) -> JobQuerySet[_Job]:
        """Those of this person. A confined one has no more those that read rows of warehouses which they do not manage
        now: their results name what is there.
        """
        own = self.filter(person=person)
        return own.filter(extent__contained_by=person.extent) if person.is_confined else own

    def begin(self, *, content: bytes = b"", **fields: Any) -> _Job:
        """A new waiting job. The caller calls `jobs.start` afterwards. Raises TooManyWaitingError."""
        sealed = self.model.sealed(content)
        with one_more_waiting(fields["person"]):
            extent = fields["person"].extent
            return self.create(content=sealed, state=self.model.FIRST, is_waiting=True, extent=extent, **fields)

    def waiting(self) -> JobQuerySet[_Job]:
        return self.filter(state__in=self.model.RUNNING, is_waiting=True)

    def running(self) -> JobQuerySet[_Job]:
        """Jobs that a thread has taken, even if its process has crashed since."""
        return self.filter(state__in=self.model.RUNNING, is_waiting=False)


class Job(models.Model):
    """Work that takes longer than a request may. Subclasses declare the states."""

    STOPPED: ClassVar[str] = "stopped"
    #: The state of a new job.
    FIRST: ClassVar[str]
    #: The states of a job that waits or runs.
    RUNNING: ClassVar[tuple[str, ...]]
    #: `started_at` before the job was taken, set by `take_next`: a later sign-out everywhere ends the job.
    asked_at: datetime | None = None
    #: Selects the encryption key; see `config.encryption.fernet`.
    PURPOSE: ClassVar[str]
    #: Fields that the frequent requests for progress do not read.
    LARGE_FIELDS: ClassVar[tuple[str, ...]] = ("content",)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    kind = models.CharField(max_length=100)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    language = models.CharField(max_length=10)
    file_name = models.CharField(max_length=255)
    #: Encrypted, because a file may contain passwords. Empty if there is no file.
    content = models.BinaryField()
    state = models.CharField(max_length=8)
    #: No thread has taken it in its current state.
    is_waiting = models.BooleanField(default=False, db_default=False)
    #: The keys of the warehouses whose rows its result is of (`User.extent`), or at first may be; None for all.
    extent = ArrayField(models.BigIntegerField(), null=True)
    rows_done = models.PositiveIntegerField(default=0, db_default=0)
    rows_total = models.PositiveIntegerField(default=0, db_default=0)
    #: When it was taken; while it waits, when it was asked for.
    started_at = models.DateTimeField(default=timezone.now, db_default=Now())
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())

    objects: ClassVar[Any] = JobQuerySet.as_manager()

    class Meta:
        abstract = True
        default_permissions = ()
        indexes = [models.Index(fields=["started_at"], name="%(class)s_by_started_at")]

    def __str__(self) -> str:
        return self.file_name

    @classmethod
    def sealed(cls, content: bytes) -> bytes:
        """The file as it is stored."""
        return content and encryption.fernet(cls.PURPOSE).encrypt(content)

    def read(self) -> bytes:
        """The decrypted file. It is not cached: a job runs for minutes."""
        (content,) = type(self).objects.filter(pk=self.pk).values_list("content", flat=True)
        return encryption.fernet(self.PURPOSE).decrypt(bytes(content)) if content else b""

    @property
    def is_running(self) -> bool:
        return self.state in self.RUNNING

    @property
    def lock(self) -> int:
        """The advisory lock of the thread that runs the job. PostgreSQL releases it if the process crashes."""
        return self.id.int >> 65

    def move(self, state: str, *, to: str, **fields: Any) -> bool:
        """Changes the state atomically. Returns false if the job was no longer in the given state."""
        if to not in self.RUNNING:
            fields["is_waiting"] = False
            if to != self.STOPPED:  # with a result, which replaces that of former runs; until then theirs stays
                fields["extent"] = self.person.extent
        return bool(type(self).objects.filter(pk=self.pk, state=state).update(state=to, **fields))

    def restart(self, state: str, *, to: str, **fields: Any) -> bool:
        """Makes the job wait again. The caller calls `jobs.start` afterwards. Raises TooManyWaitingError."""
        with one_more_waiting(self.person):
            return self.move(state, to=to, is_waiting=True, rows_done=0, started_at=timezone.now(), **fields)

    @property
    def ahead(self) -> int:
        """The number of jobs of all people that run, or wait before this one."""
        earlier = models.Q(is_waiting=False) | models.Q(started_at__lt=self.started_at)
        ahead = (model.objects.filter(earlier, state__in=model.RUNNING).exclude(pk=self.pk) for model in kinds())
        return sum(jobs.count() for jobs in ahead)

    def detect_crash(self) -> None:
        """Stops the job if the process that ran it has crashed. Its transaction was rolled back."""
        is_new = timezone.now() - self.started_at < _START_TIMEOUT
        if not self.is_running or self.is_waiting or is_new or self._is_locked():
            return
        self.move(self.state, to=self.STOPPED)
        self.refresh_from_db()

    def _is_locked(self) -> bool:
        holders = (
            "SELECT true FROM pg_locks WHERE locktype = 'advisory' AND granted AND "
            "database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND "
            "(classid::bigint << 32) | objid::bigint = %s"
        )
        return bool(rows_of(holders, self.lock))


def kinds() -> list[type[Job]]:
    return Job.__subclasses__()


def delete_old() -> None:
    """Expires the jobs of all people that are past their retention."""
    for model in kinds():
        retention.delete(model.objects.past_retention())


@contextmanager
def one_more_waiting(person: Any) -> Iterator[None]:
    """A transaction that adds a waiting job, one per person at a time. Raises TooManyWaitingError."""
    with transaction.atomic():
        row_of("SELECT pg_advisory_xact_lock(%s, hashint8(%s))", QUEUE_LOCK, person.pk)
        if sum(model.objects.waiting().filter(person=person).count() for model in kinds()) >= MAX_WAITING:
            raise TooManyWaitingError
        yield


def take_next() -> Job | None:
    """Takes the job that has waited longest among the people without a running job. The caller runs it."""
    for model in kinds():
        for taken in model.objects.running().defer(*model.LARGE_FIELDS):
            taken.detect_crash()
    with transaction.atomic():
        row_of("SELECT pg_advisory_xact_lock(%s)", QUEUE_LOCK)
        job = min(_first_of_each_kind(), key=lambda job: (job.started_at, job.pk), default=None)
        if job:
            job.asked_at, job.is_waiting, job.started_at = job.started_at, False, timezone.now()
            job.save(update_fields=["is_waiting", "started_at"])
        return job


def _first_of_each_kind() -> Iterator[Job]:
    busy = {person for model in kinds() for person in model.objects.running().values_list("person", flat=True)}
    for model in kinds():
        free = model.objects.waiting().exclude(person__in=busy)
        yield from free.select_related("person").defer(*model.LARGE_FIELDS).order_by("started_at", "pk")[:1]
