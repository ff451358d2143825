"""Jobs that wait in the database until a thread of some process takes them: imports and exports.

One job of a person runs at a time, whatever its kind.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar

from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.db import connection, models, transaction
from django.db.models.functions import Now
from django.utils import timezone

from config import encryption

#: A job and its file stay this long after it was last asked for or begun. Nothing runs so long.
_KEPT = timedelta(days=1)
#: A thread that has not begun after this time never will.
_SLOWEST_START = timedelta(seconds=15)
#: Most jobs of one person that may wait.
MAX_WAITING = 5
#: Advisory lock of whoever takes the next job: two at once could take two of one person.
TAKING = 4_711_002

_Job = TypeVar("_Job", bound="Job")


class TooManyWaitingError(Exception):
    """This person has `MAX_WAITING` jobs waiting already."""


class JobQuerySet(models.QuerySet[_Job]):
    def of(self, person: Any, kind: str) -> JobQuerySet[_Job]:
        """Jobs about one kind of row that this person has asked for: nobody else sees them."""
        return self.filter(person=person, kind=kind).defer(*self.model.LARGE)

    def past_keeping(self) -> JobQuerySet[_Job]:
        """Those whose time is over. Removed by whoever opens a page of sheets next, and by `manage.py purge`."""
        return self.filter(started_at__lt=timezone.now() - _KEPT)

    def reencrypt(self) -> tuple[int, int]:
        """See `config.encryption.reencrypt`. Some files are gone already, or not made yet."""
        safe = encryption.fernet(self.model.PURPOSE)
        return encryption.reencrypt(self.exclude(content=b""), "content", lambda job: safe.rotate(bytes(job.content)))

    def begin(self, *, content: bytes = b"", **fields: Any) -> _Job:
        """A new job that waits: someone must call `jobs.start` after that. Raises TooManyWaitingError."""
        sealed = self.model.sealed(content)
        with one_more_waiting(fields["person"]):
            return self.create(content=sealed, state=self.model.FIRST, is_waiting=True, **fields)

    def waiting(self) -> JobQuerySet[_Job]:
        return self.filter(state__in=self.model.RUNNING, is_waiting=True)

    def running(self) -> JobQuerySet[_Job]:
        """Those that a thread has taken, whether or not it is still there."""
        return self.filter(state__in=self.model.RUNNING, is_waiting=False)


class Job(models.Model):
    """Work that a person asked for and that takes longer than a request may. Subclasses name its states."""

    STOPPED: ClassVar[str] = "stopped"
    #: The state of a new job.
    FIRST: ClassVar[str]
    #: The states in which there is something to do.
    RUNNING: ClassVar[tuple[str, ...]]
    #: When it was last asked for: whoever has been signed out everywhere since has nothing done. Known to who runs it.
    asked_at: datetime | None = None
    #: What the file is encrypted for; see `config.encryption.fernet`.
    PURPOSE: ClassVar[str]
    #: Fields that are not read with each look: a page asks for progress again and again.
    LARGE: ClassVar[tuple[str, ...]] = ("content",)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    kind = models.CharField(max_length=100)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    language = models.CharField(max_length=10)
    file_name = models.CharField(max_length=255)
    #: Encrypted: a file may hold passwords. Empty if there is none.
    content = models.BinaryField()
    state = models.CharField(max_length=8)
    #: Nobody has begun with what its state says.
    is_waiting = models.BooleanField(default=False, db_default=False)
    rows_done = models.PositiveIntegerField(default=0, db_default=0)
    rows_total = models.PositiveIntegerField(default=0, db_default=0)
    #: When it was last asked for or, once that has begun, begun.
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
        """As a file is kept."""
        return content and encryption.fernet(cls.PURPOSE).encrypt(content)

    def read(self) -> bytes:
        """The file in clear. It is not kept here: a job runs for minutes."""
        (content,) = type(self).objects.filter(pk=self.pk).values_list("content", flat=True)
        return encryption.fernet(self.PURPOSE).decrypt(bytes(content)) if content else b""

    @property
    def is_running(self) -> bool:
        return self.state in self.RUNNING

    @property
    def lock(self) -> int:
        """Number of the advisory lock that whoever runs it holds: it vanishes with the process that held it."""
        return self.id.int >> 65

    def move(self, state: str, *, to: str, **fields: Any) -> bool:
        """From one state to another, once, whoever else tries. False if it was not in that state any more."""
        if to not in self.RUNNING:
            fields["is_waiting"] = False
        return bool(type(self).objects.filter(pk=self.pk, state=state).update(state=to, **fields))

    def restart(self, state: str, *, to: str) -> bool:
        """Lets it wait for its turn: someone must call `jobs.start` after that. Raises TooManyWaitingError."""
        with one_more_waiting(self.person):
            return self.move(state, to=to, is_waiting=True, rows_done=0, started_at=timezone.now())

    @property
    def ahead(self) -> int:
        """How many jobs of anybody run or wait before this one, if it waits."""
        earlier = models.Q(is_waiting=False) | models.Q(started_at__lt=self.started_at)
        ahead = (model.objects.filter(earlier, state__in=model.RUNNING).exclude(pk=self.pk) for model in kinds())
        return sum(jobs.count() for jobs in ahead)

    def notice_death(self) -> None:
        """If whoever ran it is gone, says so. Nothing of what they did is left."""
        if not self.is_running or self.is_waiting or self._is_fresh() or self._is_held():
            return
        self.move(self.state, to=self.STOPPED)
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


def kinds() -> list[type[Job]]:
    return Job.__subclasses__()


def delete_old() -> None:
    """Removes the jobs whose time is over, whoever asked for them."""
    for model in kinds():
        model.objects.past_keeping().delete()


@contextmanager
def one_more_waiting(person: Any) -> Iterator[None]:
    """A transaction in which this person, and nobody else for them, lets one more job wait.

    Raises TooManyWaitingError.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashint8(%s))", [TAKING, person.pk])
        if sum(model.objects.waiting().filter(person=person).count() for model in kinds()) >= MAX_WAITING:
            raise TooManyWaitingError
        yield


def take_next() -> Job | None:
    """The job that has waited longest and may run: its person has none that runs. Whoever calls this runs it."""
    for model in kinds():
        for taken in model.objects.running().defer(*model.LARGE):
            taken.notice_death()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [TAKING])
        job = min(_first_of_each_kind(), key=lambda job: (job.started_at, job.pk), default=None)
        if job:
            job.asked_at, job.is_waiting, job.started_at = job.started_at, False, timezone.now()
            job.save(update_fields=["is_waiting", "started_at"])
        return job


def _first_of_each_kind() -> Iterator[Job]:
    busy = {person for model in kinds() for person in model.objects.running().values_list("person", flat=True)}
    for model in kinds():
        free = model.objects.waiting().exclude(person__in=busy)
        yield from free.select_related("person").defer(*model.LARGE).order_by("started_at", "pk")[:1]
