"""People and their sessions."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models.functions import Lower, Now
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from config.history import tracked
from config.keeping import retention_cutoff
from config.logs import audit
from config.origin import client_address
from config.statements import Parameter, Select
from users.accounts import Account
from users.audit import AuditEvent as AuditEvent
from users.authority import Authority
from users.finding import FindingPeople, FindingSessions
from users.roles import ADMINISTRATION, grantable_by
from users.rotation import RotatingCredential

if TYPE_CHECKING:
    from django.http import HttpRequest

    from users.tokens import AccessToken


class UserQuerySet(FindingPeople):
    def listed(self) -> UserQuerySet:
        """All but the deleted, who are kept for history only."""
        return self.exclude(status=User.Status.DELETED)

    def visible_to(self, user: User) -> UserQuerySet:
        """All listed people for those who see everyone; else the user alone."""
        return self.listed() if user.sees_everyone else self.listed().filter(pk=user.pk)

    def by_email(self, email: str) -> UserQuerySet:
        """The one with this e-mail, in any case of letters. Reads the unique index."""
        return self.alias(email_lower=Lower("email")).filter(email_lower=email.lower())

    def locked(self) -> UserQuerySet:
        """Holds the rows until the transaction ends: whoever changes their assignments waits here."""
        return self.select_for_update(no_key=True, of=("self",))


class UserManager(BaseUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]
    def get_by_natural_key(self, username: str | None) -> User:
        return self.by_email(username or "").get()

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_superuser=True, **fields)


_name_rule = RegexValidator(r"^[^:/<>]+$", _("A name must not contain any of : / < >"))


@tracked(exclude=["password", "last_login", "signed_out_at", "has_warehouse", "created_at", "updated_at"])
class User(Authority, Account, PermissionsMixin):
    """A person. One flag makes them a warehouse user, who works in warehouses and has no Back Office."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        BLOCKED = "blocked", _("Deactivated")
        DELETED = "deleted", _("Deleted")

    class Language(models.TextChoices):
        ENGLISH = "en_US", "English"
        GERMAN = "de_DE", "Deutsch"

    uuid = models.UUIDField(default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    email = models.EmailField(_("E-mail"), max_length=254)
    first_name = models.CharField(_("First Name"), max_length=45, validators=[_name_rule])
    last_name = models.CharField(_("Last Name"), max_length=255, validators=[_name_rule])
    status = models.CharField(
        _("Status"), max_length=7, choices=Status.choices, default=Status.ACTIVE, db_default=Status.ACTIVE
    )
    is_warehouse_user = models.BooleanField(_("This user is a warehouse user"), default=False, db_default=False)
    language = models.CharField(
        _("Interface language"),
        max_length=5,
        choices=Language.choices,
        default=Language.ENGLISH,
        db_default=Language.ENGLISH,
    )
    #: Names of the groups, and what else the history tells of. PostgreSQL keeps these three by itself (migration
    #: 0002): whatever is saved here is replaced by what is so.
    roles = ArrayField(
        models.CharField(max_length=150), verbose_name=_("Roles"), default=list, db_default=[], editable=False
    )
    has_two_factor = models.BooleanField(_("Two-factor sign-in"), default=False, db_default=False, editable=False)
    password_changed_at = models.DateTimeField(_("Password changed"), null=True, editable=False)
    #: Whether any warehouse is assigned. PostgreSQL keeps it right by triggers; what is written here is ignored.
    has_warehouse = models.BooleanField(default=False, db_default=False, editable=False)
    #: Every Back Office session from before is over.
    signed_out_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["first_name", "last_name"]

    #: Set by authentication when the token in use grants less than the account now would.
    own_rows_only = False

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering = ["id"]
        # One for each column that the Back Office sorts by; those for its search are in migration 0001.
        indexes = [
            models.Index(Lower("first_name"), "id", name="user_by_first_name"),
            models.Index(Lower("last_name"), "id", name="user_by_last_name"),
            models.Index(models.F("last_login").asc(nulls_first=True), "id", name="user_by_last_login"),
            models.Index(fields=["status", "id"], name="user_by_status"),
            models.Index(fields=["is_warehouse_user", "id"], name="user_by_kind"),
            models.Index(fields=["id"], condition=models.Q(is_superuser=True), name="user_superusers"),
            models.Index(
                fields=["status", "id"],
                condition=models.Q(is_warehouse_user=True, has_warehouse=False),
                name="user_without_warehouse",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["uuid"], name="user_uuid_unique"),
            models.UniqueConstraint(
                Lower("email"), name="user_email_unique", violation_error_message="This e-mail is already in use."
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["active", "blocked", "deleted"]), name="user_status_known"
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        """Django's name for "may sign in"."""
        return self.status == self.Status.ACTIVE

    @property
    def is_deleted(self) -> bool:
        return self.status == self.Status.DELETED

    @property
    def is_staff(self) -> bool:
        """Django's name for "may enter the Back Office": never a warehouse user (contract 5.6)."""
        return self.is_active and not self.is_warehouse_user

    def get_full_name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @property
    def language_code(self) -> str:
        """The interface language as Django names it: `en`, `de`."""
        return self.language[:2]

    @property
    def sees_everyone(self) -> bool:
        """Whether other people's rows are shown: the live flag and the token in use must both allow it."""
        return not (self.is_warehouse_user or self.own_rows_only)

    @property
    def may_be_assigned(self) -> bool:
        """Whether assignments may be made and switched: flagged, and not deleted (contract 0.4)."""
        return self.is_warehouse_user and not self.is_deleted

    @property
    def is_administrator(self) -> bool:
        """Whether this person may give any right to others: by what they may do, whatever their roles are called."""
        return self.is_staff and self.has_perms(ADMINISTRATION)

    @cached_property
    def grantable_roles(self) -> frozenset[str]:
        """The roles that this person may give to others, and take from them."""
        return frozenset(grantable_by(self).values_list("name", flat=True))

    def may_be_changed_by(self, other: User) -> bool:
        """Whether the other may edit, block or delete this person, set their password or end their sessions.

        Nobody does that to who may do more than they: whoever sets a password can sign in with it. Costs a query
        once for the other, and none for those without roles.
        """
        if other.is_superuser:
            return True
        return not self.is_superuser and (not self.roles or other.grantable_roles.issuperset(self.roles))

    def end_sessions(self, reason: str) -> int:
        """Signs the person out everywhere, from the next request on. Returns how many sessions that ended."""
        with transaction.atomic():
            self.sign_out_of_back_office()  # first: it waits for a session that is just beginning
            ended = self.sessions.end_all(reason)
        audit.info("Sessions Ended", user_uuid=str(self.uuid), sessions=ended, reason=reason)
        return ended

    def sign_out_of_back_office(self) -> None:
        """Ends the person's Back Office sessions, in every browser."""
        self.signed_out_at = timezone.now()
        self.save(update_fields=["signed_out_at"])

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a Back Office session must carry to be believed: Django's own, and the last time of being signed out."""
        signed_out_at = self.signed_out_at and self.signed_out_at.isoformat()
        return salted_hmac("users.User", f"{self.password} {signed_out_at}", secret, algorithm="sha256").hexdigest()

    def unlock_sign_in(self) -> int:
        """Lets the person try again at once after failures or wrong codes. Returns how many of both were forgotten."""
        from users import throttling, two_factor

        failures, wrong_codes = throttling.unlock(self.email), two_factor.forget_wrong_codes(self)
        audit.info("Sign-in Unlocked", user_uuid=str(self.uuid), failures=failures, wrong_codes=wrong_codes)
        return failures + wrong_codes

    def reset_two_factor(self) -> bool:
        """For who has lost their phone: they sign in with the password alone again. False if it was not on.

        A browser on that phone is signed out of the Back Office.
        """
        from users import two_factor

        with transaction.atomic():
            was_on = two_factor.switch_off(self)
            self.sign_out_of_back_office()
        audit.warning("Two-Factor Reset", user_uuid=str(self.uuid), was_on=was_on)
        return was_on


class SessionQuerySet(FindingSessions):
    def live(self, now: datetime | Parameter | None = None) -> SessionQuerySet:
        """Neither ended nor expired."""
        return self.filter(ended_at=None, expires_at__gt=now or timezone.now())

    def of_caller(self, *, now: Any, session: Any, client: Any, person: Any, kid: Any) -> SessionQuerySet:
        """The live session with this id, of this client and this active person, with what is read of whoever calls.

        `key_is_ours` says whether the token's key still is.
        """
        return (
            self.live(now)
            .select_related("user")
            .only("client_id", "last_used_at", *(f"user__{name}" for name in _KNOWN_OF_A_CALLER))
            .annotate(key_is_ours=SigningKey.objects.have(kid))
            .filter(pk=session, client_id=client, user__uuid=person, user__status=User.Status.ACTIVE)
        )

    def behind(self, token: AccessToken) -> Session | None:
        """The live session that this token was issued in, with its person, who is active.

        None, too, when the token's key was removed since this process read the keys, which it then does again.
        """
        session = _BEHIND.first(
            now=timezone.now(),
            session=token.session_id,
            client=str(token.get("aud")),
            person=token.user_uuid,
            kid=token.kid,
        )
        if session is not None and not session.key_is_ours:
            token.get_token_backend().doubt()
            return None
        return session

    def named_by(self, token: AccessToken) -> SessionQuerySet:
        """The session that this token was issued in, whatever has become of it and of its person."""
        named = self.filter(pk=token.session_id, client_id=str(token.get("aud")), user__uuid=token.user_uuid)
        return named.filter(SigningKey.objects.have(token.kid))

    def past_retention(self) -> SessionQuerySet:
        """Those that were over long ago: `manage.py purge` deletes them."""
        oldest = retention_cutoff()
        over = models.Q(ended_at__lt=oldest) | models.Q(expires_at__lt=oldest)
        return self.filter(over, created_at__lt=oldest)  # which has an index

    def end_all(self, reason: str) -> int:
        """Ends those that are live, for this reason. Returns how many that were."""
        with transaction.atomic():
            self.live().hold()
            return self.live().update(ended_at=timezone.now(), end_reason=reason)

    def start(
        self, user: User, *, client_id: str, requested_scope: str, request: HttpRequest
    ) -> tuple[Session, str] | None:
        """A new session for a person who has just proved who they are, with its first refresh token.

        None when, since the proof was looked at, the person was blocked or signed out everywhere, as a new password
        does, or the client was removed: what ends their sessions must not miss this one.
        """
        with transaction.atomic():
            person = User.objects.locked().get(pk=user.pk)
            if person.get_session_auth_hash() != user.get_session_auth_hash() or not person.is_active:
                return None
            if not Client.objects.hold(client_id):
                return None
            session = Session(
                user=person,
                client_id=client_id,
                requested_scope=requested_scope,
                address=client_address(request),
                user_agent=request.headers.get("User-Agent", "")[:255],
                expires_at=timezone.now() + timedelta(seconds=settings.REFRESH_TOKEN_SECONDS),
            )
            token = session.first_refresh_token()
            session.save(force_insert=True)
            User.objects.filter(pk=person.pk).update(last_login=session.created_at)
        return session, token


@tracked(
    fields=["id", "user", "client_id", "address", "user_agent", "ended_at", "end_reason"], model_name="SessionEvent"
)
class Session(RotatingCredential):
    """One sign-in. Its tokens carry its id and stop working with it."""

    kind: ClassVar[str] = "session"
    #: How stale, in seconds, `last_used_at` may be: a session in use is written at most this often.
    LAST_USED_SECONDS: ClassVar[int] = 300

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    client_id = models.CharField(_("Client"), max_length=255)
    requested_scope = models.CharField(max_length=255, blank=True, default="", db_default="")
    address = models.GenericIPAddressField(_("Address"), null=True)
    user_agent = models.CharField(_("Browser"), max_length=255, blank=True, default="", db_default="")
    last_used_at = models.DateTimeField(default=timezone.now, db_default=Now())
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=255, blank=True, default="", db_default="")
    #: Read along by `SessionQuerySet.of_caller`.
    key_is_ours: bool

    objects = SessionQuerySet.as_manager()

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
        return f"{self.user_id} · {self.client_id} · {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def is_live(self) -> bool:
        return self.ended_at is None and super().is_live

    def end(self, reason: str) -> None:
        """Ends it once; what ended it first stays recorded."""
        running = Session.objects.filter(pk=self.pk, ended_at=None)
        if running.update(ended_at=timezone.now(), end_reason=reason):
            audit.info("Session Ended", session=str(self.pk), reason=reason)

    def note_use(self, now: datetime) -> None:
        """Keeps `last_used_at` roughly right without a write for each request."""
        if now - self.last_used_at > timedelta(seconds=self.LAST_USED_SECONDS):
            Session.objects.filter(pk=self.pk).update(last_used_at=now)


#: What is read of whoever calls; the rest is read when somebody asks for it.
_KNOWN_OF_A_CALLER = ("uuid", "email", "status", "is_warehouse_user", "language")

_BEHIND: Select[Session] = Select(
    lambda: Session.objects.of_caller(
        now=Parameter("now", models.DateTimeField()),
        session=Parameter("session", models.UUIDField()),
        client=Parameter("client", models.CharField()),
        person=Parameter("person", models.UUIDField()),
        kid=Parameter("kid", models.CharField()),
    )
)


# The rest of this app's tables: Django looks for them here.
from users.authenticators import Authenticator as Authenticator  # noqa: E402
from users.clients import Client as Client  # noqa: E402
from users.codes import AuthorizationCode as AuthorizationCode  # noqa: E402
from users.keys import SigningKey as SigningKey  # noqa: E402
from users.rights import RoleRight as RoleRight  # noqa: E402
