"""Sessions: sign-ins of apps, with their tokens."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from django.db import models, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.audit.log import audit
from config.back_office.times import in_words
from config.database.compiled_queries import Parameter, Select
from config.history.tracking import tracked
from config.retention import retention_cutoff
from config.telemetry.gauges import Gauge
from users.models.oauth.refresh_token import RotatingCredential
from users.models.oauth.signing_key import SigningKey
from users.models.user import User, within_people_seen
from users.querysets import active_account
from users.sign_in.refusals import SessionReason, session_reason


class SessionQuerySet(models.QuerySet["Session"]):
    def live(self, now: datetime | Parameter | None = None) -> SessionQuerySet:
        """Neither ended nor expired."""
        return self.filter(ended_at=None, expires_at__gt=now or timezone.now())

    def of_caller(self, *, now: Any, session: Any, client: Any, person: Any, kid: Any) -> SessionQuerySet:
        """The live session with this id, of this client and this active person, with the columns that requests read.

        `is_key_known` says whether the signing key still exists.
        """
        return (
            self.live(now)
            .select_related("user")
            .only("client_id", "is_app_session", "last_used_at", *(f"user__{name}" for name in _CALLER_COLUMNS))
            .annotate(is_key_known=SigningKey.objects.have(kid))  # type: ignore[no-redef]
            .filter(active_account("user__"), pk=session, client_id=client, user__uuid=person)
        )

    def by_claims(self, *, session: UUID, client: str, person: UUID, kid: str) -> SessionQuerySet:
        """The session of a token with these claims, also if it has ended or its person is not active."""
        named = self.filter(pk=session, client_id=client, user__uuid=person)
        return named.filter(SigningKey.objects.have(kid))

    def gauges(self) -> Iterator[Gauge]:
        """For the metrics."""
        yield Gauge("warehouse_sessions_open", "Sessions of apps that are open.", {"": self.live().count()})

    def past_retention(self) -> SessionQuerySet:
        """The sessions that `manage.py purge` deletes."""
        oldest = retention_cutoff()
        over = models.Q(ended_at__lt=oldest) | models.Q(expires_at__lt=oldest)
        return self.filter(over, created_at__lt=oldest)  # by an index

    def end_all(self, reason: str) -> int:
        """Ends the live sessions, and returns their number."""
        with transaction.atomic():
            self.live().lock()
            return self.live().update(ended_at=timezone.now(), end_reason=reason)

    def ended(self) -> SessionQuerySet:
        """Ended or expired."""
        return self.filter(models.Q(ended_at__isnull=False) | models.Q(expires_at__lte=timezone.now()))

    def visible_to(self, user: User) -> SessionQuerySet:
        """All for a Back Office user; for a confined one, those of the people whom they see."""
        if not user.is_confined:
            return self
        return self.filter(user__in=User.objects.visible_to(user).order_by().values("pk"))

    def endable_by(self, other: User) -> SessionQuerySet:
        """Sessions of people whom the other may change (`User.may_be_changed_by`)."""
        if other.is_superuser:
            return self
        return self.filter(user__in=User.objects.changeable_by(other).order_by().values("pk"))

    def with_wholly_of(self, other: User) -> SessionQuerySet:
        """Adds `is_of_actor` for a confined person: whether its person is wholly theirs, without a query for each."""
        if not other.is_confined:
            return self
        theirs = User.objects.wholly_of(other).filter(pk=models.OuterRef("user")).order_by()
        return self.annotate(is_of_actor=models.Exists(theirs))

    def lock(self) -> None:
        """Locks the rows in the order of their ids until the transaction ends. An UPDATE has no defined order."""
        rows = self.select_for_update(no_key=True, of=("self",)).order_by("pk").values_list("pk", flat=True)
        deque(rows.iterator(), maxlen=0)


class SessionManager(models.Manager.from_queryset(SessionQuerySet)):  # type: ignore[misc]
    def live_by_claims(self, *, session: UUID, client: str, person: UUID, kid: str) -> Session | None:
        """`of_caller`, compiled once. The caller must check `is_key_known` (`AccessToken.live_session`)."""
        return _LIVE_BY_CLAIMS.first(now=timezone.now(), session=session, client=client, person=person, kid=kid)


@tracked(
    fields=["id", "user", "client_id", "address", "user_agent", "ended_at", "end_reason"], model_name="SessionEvent"
)
class Session(RotatingCredential):
    """One sign-in. Its tokens contain its id, and are valid only while it is live."""

    kind: ClassVar[str] = "session"
    history_labels: ClassVar[dict[str, Any]] = {"insert": _("Signed in")}
    history_within = staticmethod(within_people_seen)
    #: Precision of `last_used_at` in seconds, and minimum interval of its writes.
    LAST_USED_SECONDS: ClassVar[int] = 300

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    client_id = models.CharField(_("Client"), max_length=255)
    requested_scope = models.CharField(max_length=255, blank=True, default="", db_default="")
    address = models.GenericIPAddressField(_("Address"), null=True)
    user_agent = models.CharField(_("Browser"), max_length=255, blank=True, default="", db_default="")
    #: Begun by the code flow of a public client, such as the Fulfillment App: it changes its own person's assignments
    #: only (contract section 0.5).
    is_app_session = models.BooleanField(default=False, db_default=False, editable=False)
    last_used_at = models.DateTimeField(default=timezone.now, db_default=Now())
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=255, blank=True, default="", db_default="")

    #: Annotated by `SessionQuerySet.of_caller`.
    is_key_known: bool

    objects = SessionManager()

    class Meta(RotatingCredential.Meta):
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["created_at", "id"], name="session_by_created_at"),
            models.Index(fields=["created_at", "id"], condition=models.Q(ended_at=None), name="session_not_ended"),
            models.Index(fields=["expires_at"], condition=models.Q(ended_at=None), name="session_open"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.client_id} · {in_words(self.created_at)}"

    @property
    def is_live(self) -> bool:
        return self._reason() is None

    def _reason(self) -> SessionReason | None:
        """An end counts at once, also if the clock that it was taken from is ahead of ours."""
        now = timezone.now()
        return session_reason(self.ended_at, self.expires_at, max(now, self.ended_at or now))

    def refusal(self) -> StrEnum | None:
        """Why it is not prolonged, a SessionReason or a SignInReason, or None."""
        return self._reason() or next(self.user.account_reasons(), None)

    def outranks(self, user: User) -> bool:
        """Whether its person has rights that the other lacks."""
        return self.user.outranks(user)

    def is_within(self, user: User, right: str) -> bool:
        """Whether a confined person has a right for this session: the one for its person (`User.may`)."""
        return self.user.is_within(user, right.replace("_session", "_user"))

    @property
    def names(self) -> dict[str, str]:
        """What its security events are found by."""
        return {"user_uuid": str(self.user.uuid), "client_id": self.client_id, "session": str(self.pk)}

    def end(self, reason: str) -> None:
        """Ends the session; the reason of the first call is kept."""
        running = Session.objects.filter(pk=self.pk, ended_at=None)
        if running.update(ended_at=timezone.now(), end_reason=reason):
            audit.info("Session Ended", session=str(self.pk), reason=reason)

    def note_use(self, now: datetime) -> None:
        """Updates `last_used_at` if it is older than `LAST_USED_SECONDS`."""
        if now - self.last_used_at > timedelta(seconds=self.LAST_USED_SECONDS):
            Session.objects.filter(pk=self.pk).update(last_used_at=now)


#: The columns of the person that requests read; the others are deferred.
_CALLER_COLUMNS = ("uuid", "email", "status", "employed_until", "is_warehouse_user", "is_confined", "language")

_LIVE_BY_CLAIMS: Select[Session] = Select(
    lambda: Session.objects.of_caller(
        now=Parameter("now", models.DateTimeField()),
        session=Parameter("session", models.UUIDField()),
        client=Parameter("client", models.CharField()),
        person=Parameter("person", models.UUIDField()),
        kid=Parameter("kid", models.CharField()),
    )
)
