"""Security events (contract section 4.5). `config.audit.log.RowHandler` stores one for each call of `audit`."""

from __future__ import annotations

import json
import logging
import re
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.audit.event_titles import title_of
from config.database.compiled_queries import execute
from config.retention import retention_cutoff
from config.web import request_context
from config.web.paths import is_page

if TYPE_CHECKING:
    from django.http import HttpRequest

#: Keys of a log line that are columns or redundant; the others are the row's details.
_NOT_DETAILS = {"event", "tag", "level", "logger", "timestamp", "username", "user_uuid", "client_id", "session"}
_NOT_DETAILS |= {"request_id", "trace_id", "address", "path"}


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def store(self, record: logging.LogRecord) -> None:
        """Stores a log record with one INSERT.

        In a transaction, a savepoint protects the transaction from a failed INSERT. Raises django.db.Error.
        """
        row = _row(record, request_context.current_request())
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            execute(_INSERT, [row[name] for name in _COLUMNS])

    def past_retention(self) -> AuditEventQuerySet:
        """The events that `manage.py purge` deletes."""
        return self.filter(at__lt=retention_cutoff())

    def named(self, *, email: str = "", user_uuid: UUID | None = None) -> AuditEventQuerySet:
        """The events with this e-mail address, case-insensitive, or with this person's UUID."""
        if user_uuid is not None:
            return self.filter(user_uuid=user_uuid)
        return self.filter(account=email.lower())

    def has_room(self, tag: str) -> bool:
        """Whether another event of this kind may be stored among these: as many as failures lock a sign-in, in the time
        for which they do. Further refusals have only their log line, so that floods do not fill the table.
        """
        since = timezone.now() - timedelta(seconds=settings.SIGN_IN_BLOCK_SECONDS)
        return self.filter(tag=tag, at__gt=since)[: settings.SIGN_IN_FAILURES].count() < settings.SIGN_IN_FAILURES

    def of_request(self, request_id: str) -> AuditEventQuerySet:
        """The events of the requests with this id, newest first, by an index. None for ""."""
        return self.filter(request_id=request_id).exclude(request_id="").order_by("-at", "-id")

    def beginning(self, text: str) -> AuditEventQuerySet:
        """The events whose e-mail address begins with this text, case-insensitive."""
        return self.filter(account__startswith=text.lower())


class AuditEvent(models.Model):
    """One security event; append-only. `manage.py purge` deletes it after `AUDIT_DAYS`."""

    class Level(models.TextChoices):
        INFO = "info", _("Notice")
        WARNING = "warning", _("Warning")
        ERROR = "error", _("Error")

    at = models.DateTimeField(_("Time"))
    event = models.CharField(_("Event"), max_length=100)
    tag = models.CharField(_("Kind of event"), max_length=100)
    level = models.CharField(_("Level"), max_length=8, choices=Level.choices)
    #: As entered; there may be no such account.
    username = models.CharField(_("E-mail"), max_length=254, blank=True, default="", db_default="")
    #: In lower case, for search by an index.
    account = models.GeneratedField(expression=Lower("username"), output_field=models.TextField(), db_persist=True)
    user_uuid = models.UUIDField(_("UUID of the user"), null=True)
    client_id = models.CharField(_("Client"), max_length=255, blank=True, default="", db_default="")
    session = models.UUIDField(_("Session"), null=True)
    address = models.GenericIPAddressField(_("Address"), null=True)
    user_agent = models.CharField(_("Browser"), max_length=255, blank=True, default="", db_default="")
    request_id = models.CharField(_("Request"), max_length=64, blank=True, default="", db_default="")
    path = models.CharField(_("Path"), max_length=255, blank=True, default="", db_default="")
    details = models.JSONField(_("Details"), default=dict, db_default={})

    objects: ClassVar[Any] = AuditEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("security event")
        verbose_name_plural = _("security events")
        ordering = ["-at", "-id"]
        default_permissions = ("view",)
        # For the filters of the Back Office's list. The index on `account` has an operator class: see the migration.
        indexes = [
            models.Index(fields=["at", "id"], name="auditevent_newest"),
            models.Index(fields=["tag", "at", "id"], name="auditevent_by_tag"),
            models.Index(fields=["level", "at", "id"], condition=~models.Q(level="info"), name="auditevent_by_level"),
            models.Index(
                fields=["user_uuid", "at", "id"],
                condition=models.Q(user_uuid__isnull=False),
                name="auditevent_by_user_uuid",
            ),
            models.Index(
                fields=["request_id", "at", "id"],
                condition=~models.Q(request_id=""),
                name="auditevent_by_request",
            ),
        ]

    def __str__(self) -> str:
        return f"{title_of(self.tag, self.event)} {self.username or self.user_uuid or ''}".strip()


_COLUMNS = [one.name for one in AuditEvent._meta.concrete_fields if not (one.primary_key or one.generated)]
#: A constant, since the ORM would build it for each event.
_INSERT = (
    f'INSERT INTO "{AuditEvent._meta.db_table}" ({", ".join(_COLUMNS)}) VALUES ({", ".join(["%s"] * len(_COLUMNS))})'  # noqa: S608 (our own names)
)


def _row(record: logging.LogRecord, request: HttpRequest | None) -> dict[str, Any]:
    """Column → value, from the log line and the request."""
    line: dict[str, Any] = dict(record.msg) if isinstance(record.msg, dict) else {"event": record.getMessage()}
    return {
        "at": datetime.fromtimestamp(record.created, UTC),
        "event": _text(line["event"], 100),
        "tag": _text(line.get("tag") or tag_of(line["event"]), 100),
        "level": record.levelname.lower(),
        "username": _text(line.get("username"), 254),
        "user_uuid": _uuid(line.get("user_uuid")),
        "client_id": _text(line.get("client_id"), 255),
        "session": _uuid(line.get("session")),
        "address": line.get("address"),
        "user_agent": _text(request and request.headers.get("User-Agent"), 255),
        "request_id": _text(line.get("request_id"), 64),
        "path": _text(line.get("path"), 255),
        "details": _details(line, request),
    }


def tag_of(event: str) -> str:
    """The default tag of an event: `sign_in_unlocked` for "Sign-in Unlocked"."""
    return re.sub(r"\W+", "_", event.lower()).strip("_")


def _details(line: dict[str, Any], request: HttpRequest | None) -> str:
    """The other keys of the line, and in the Back Office the user, as JSON."""
    details = {name: value for name, value in line.items() if name not in _NOT_DETAILS and name[0] != "_"}
    if request is not None and is_page(request):
        actor = getattr(request, "user", None)
        if actor is not None and actor.is_authenticated and actor.email != line.get("username"):
            details["by"] = actor.email
    storable = {name: _storable(value) if isinstance(value, str) else value for name, value in details.items()}
    return json.dumps(storable, default=str, ensure_ascii=False)


def _text(value: Any, length: int) -> str:
    return _storable(str(value))[:length] if value else ""


def _storable(text: str) -> str:
    """The text without NUL and lone surrogates, which PostgreSQL cannot store."""
    return text.replace("\x00", "").encode(errors="replace").decode()


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None
