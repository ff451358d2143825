"""People: accounts of warehouse users and of Back Office users."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models.functions import Lower, Now
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from config.audit.log import audit
from config.database.lost_updates import SavesChangedColumns
from config.history.tracking import tracked
from config.text import EmailField, NameField
from users.models.authority import Authority
from users.models.company_account.password_rule import PasswordRule
from users.models.password import Password
from users.querysets import UserQuerySet
from users.sign_in.refusals import SignInReason, account_reasons

#: Message for a confined person, who must not learn whose an e-mail address is.
EMAIL_REFUSED = _("This e-mail cannot be used. Ask somebody who may do this everywhere.")
#: Message for a RowChangedError of the user's own account.
CHANGED = _("Somebody has changed your account meanwhile, so nothing was saved.")

#: Why sessions of before end when somebody whose employment had ended gets another end, or none.
EMPLOYED_AGAIN = gettext_noop("employed again")


class UserManager(BaseUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]
    def get_by_natural_key(self, username: str | None) -> User:
        return self.by_email(username or "").with_read_at().get()

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_superuser=True, **fields)


_name_rule = RegexValidator(r"^[^:/<>]+$", _("A name must not contain any of : / < >"))


_UNTRACKED = ["password", "last_login", "signed_out_at", "has_warehouse", "warehouses_end_at"]


@tracked(exclude=[*_UNTRACKED, "created_at", "updated_at"])
class User(SavesChangedColumns, Password, PasswordRule, AbstractBaseUser, Authority):
    """A person. A warehouse user works in warehouses and cannot enter the Back Office; others can."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        BLOCKED = "blocked", _("Deactivated")
        DELETED = "deleted", _("Deleted")

    class Language(models.TextChoices):
        ENGLISH = "en_US", "English"
        GERMAN = "de_DE", "Deutsch"

    #: As in Django's `PermissionsMixin`, with a default in the database.
    is_superuser = models.BooleanField(
        _("superuser status"),
        default=False,
        db_default=False,
        help_text=_("Designates that this user has all permissions without explicitly assigning them."),
    )
    uuid = models.UUIDField(default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    email = EmailField(_("E-mail"), max_length=254)
    #: Without one, `email` is only a name to sign in with, and nothing is sent to it.
    has_mailbox = models.BooleanField(_("Has a mailbox"), default=True, db_default=True)
    first_name = NameField(_("First Name"), max_length=45, validators=[_name_rule])
    last_name = NameField(_("Last Name"), max_length=255, validators=[_name_rule])
    status = models.CharField(
        _("Status"), max_length=7, choices=Status.choices, default=Status.ACTIVE, db_default=Status.ACTIVE
    )
    #: Excluded: from then on the account is not active, by PostgreSQL's clock at every reading. None: no end is known.
    employed_until = models.DateTimeField(_("Employed until"), null=True, blank=True)
    is_warehouse_user = models.BooleanField(_("This user is a warehouse user"), default=False, db_default=False)
    #: Whether the rights count only for the warehouses that the person manages (`ManagedWarehouse`).
    is_confined = models.BooleanField(_("Rights only in certain warehouses"), default=False, db_default=False)
    language = models.CharField(
        _("Interface language"),
        max_length=5,
        choices=Language.choices,
        default=Language.ENGLISH,
        db_default=Language.ENGLISH,
    )
    #: The names of the groups. Triggers maintain this and the next two columns (migration 0002), for the history; saved
    #: values are ignored.
    roles = ArrayField(
        models.CharField(max_length=150), verbose_name=_("Roles"), default=list, db_default=[], editable=False
    )
    has_two_factor = models.BooleanField(_("Two-factor sign-in"), default=False, db_default=False, editable=False)
    password_changed_at = models.DateTimeField(_("Password changed"), null=True, editable=False)
    #: Whether any warehouse is assigned. Triggers maintain it; saved values are ignored.
    has_warehouse = models.BooleanField(default=False, db_default=False, editable=False)
    #: When the last assignment ends; None if there is none, or one without an end. Maintained in the same way.
    warehouses_end_at = models.DateTimeField(null=True, editable=False)
    #: Back Office sessions from before this time are invalid.
    signed_out_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["first_name", "last_name"]

    #: Decisions about an account depend on these, and are refused if one has changed.
    compared_fields: ClassVar[tuple[str, ...]] = (
        "email",
        "password",
        "status",
        "employed_until",
        "is_warehouse_user",
        "is_superuser",
        "is_confined",
        "roles",
        "signed_out_at",
    )
    #: The name of the URL of a row's page, if that is not the form.
    back_office_page: ClassVar[str] = "admin:users_user_view"
    #: Set by authentication if the token's role is less than the account's.
    own_rows_only = False

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering = ["id"]
        # For sorting in the Back Office; its search reads `SearchEntry`.
        indexes = [
            models.Index(Lower("first_name"), "id", name="user_by_first_name"),
            models.Index(Lower("last_name"), "id", name="user_by_last_name"),
            models.Index(models.F("last_login").asc(nulls_first=True), "id", name="user_by_last_login"),
            models.Index(fields=["status", "id"], name="user_by_status"),
            models.Index(fields=["id"], condition=~models.Q(status="deleted"), name="user_listed"),
            models.Index(fields=["is_warehouse_user", "id"], name="user_by_kind"),
            models.Index(
                fields=["employed_until", "id"],
                condition=models.Q(employed_until__isnull=False),
                name="user_by_employed_until",
            ),
            models.Index(fields=["id"], condition=models.Q(is_superuser=True), name="user_superusers"),
            models.Index(fields=["id"], condition=models.Q(is_confined=True), name="user_confined"),
            models.Index(
                fields=["status", "id"],
                condition=models.Q(is_warehouse_user=True, has_warehouse=False),
                name="user_without_warehouse",
            ),
            models.Index(
                fields=["warehouses_end_at"],
                condition=models.Q(is_warehouse_user=True, warehouses_end_at__isnull=False),
                name="user_by_warehouses_end_at",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["uuid"], name="user_uuid_unique"),
            models.UniqueConstraint(
                Lower("email"), name="user_email_unique", violation_error_message="This e-mail is already in use."
            ),
            models.CheckConstraint(
                condition=~models.Q(is_superuser=True, is_confined=True),
                name="user_superuser_not_confined",
                violation_error_message=_("A superuser has all rights everywhere."),
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["active", "blocked", "deleted"]), name="user_status_known"
            ),
        ]

    def __str__(self) -> str:
        return self.email

    # --- Rights -------------------------------------------------------------------------------------------------

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        """Django's name for "may sign in": the account is active, and the employment has not ended."""
        return not any(self.account_reasons())

    def account_reasons(self) -> Iterator[SignInReason]:
        """Why the account is not active. No query if no end of the employment is known."""
        at = self.read_at if self.employed_until else timezone.now()
        return account_reasons(self.status, self.employed_until, at)

    @property
    def is_deleted(self) -> bool:
        return self.status == self.Status.DELETED

    @property
    def is_staff(self) -> bool:
        """Django's name for "may enter the Back Office", which warehouse users may not (contract 5.6)."""
        return self.is_active and not self.is_warehouse_user

    def get_full_name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @property
    def language_code(self) -> str:
        """Django's code of the interface language: `en` or `de`."""
        return self.language[:2]

    @property
    def acts_for_others(self) -> bool:
        """Whether the caller acts as a Back Office user, by the account's current flag and the token."""
        return not (self.is_warehouse_user or self.own_rows_only)

    @property
    def may_be_assigned(self) -> bool:
        """Whether the person can be assigned: a warehouse user who is not deleted (contract 0.4)."""
        return self.is_warehouse_user and not self.is_deleted

    @property
    def can_work(self) -> bool:
        """Whether the person can work now, in the warehouse of their active assignment."""
        return self.is_warehouse_user and self.is_active

    @classmethod
    def history_within(cls, viewer: User) -> models.Q:
        """The events of the people whom a confined person sees (`config.history.tracking.seen_by`)."""
        return cls.objects.keys_visible_to(viewer, "pgh_obj")

    # --- Passwords and sessions ---------------------------------------------------------------------------------
    def save(self, **options: Any) -> None:
        """A new password ends all sessions of the person, and is no temporary one, unless the same save makes it one.

        So does another end of an employment that had ended: sessions that were refused are not valid again.

        Raises RowChangedError, and writes nothing, if one of `compared_fields` was changed since the row was read,
        such as during the hashing.
        """
        with transaction.atomic():
            has_new_password = self._writes("password", options)
            had_left = self._writes("employed_until", options) and self.had_left
            if has_new_password or had_left:
                self.lock_unchanged()
            if has_new_password:
                self._note_own_password(options)
            super().save(**options)
            if has_new_password or had_left:
                self.end_sessions(gettext_noop("password changed") if has_new_password else EMPLOYED_AGAIN)

    def _note_own_password(self, options: dict[str, Any]) -> None:
        if not self._is_changed("must_change_password_by"):
            self.must_change_password_by = None
        if options.get("update_fields") is not None:
            options["update_fields"] = {*options["update_fields"], "must_change_password_by"}

    def _writes(self, column: str, options: dict[str, Any]) -> bool:
        """Whether saving with these options changes the column of an existing row."""
        written = options.get("update_fields")
        return not self._state.adding and (written is None or column in written) and self._is_changed(column)

    def end_sessions(self, reason: str) -> int:
        """Signs the person out everywhere, from the next request on. Returns the number of ended app sessions."""
        with transaction.atomic():
            self.sign_out_of_back_office()  # first: it waits for a starting session
            ended = self.sessions.end_all(reason)
        audit.info("Sessions Ended", user_uuid=str(self.uuid), sessions=ended, reason=reason)
        return ended

    def sign_out_of_back_office(self) -> None:
        """Ends the person's Back Office sessions, in every browser."""
        self.signed_out_at = timezone.now()
        self.save(update_fields=["signed_out_at"])

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """`get_session_auth_hash` under each of `SECRET_KEY_FALLBACKS`."""
        for secret in settings.SECRET_KEY_FALLBACKS:
            yield self.get_session_auth_hash(secret)

    def get_session_auth_hash(self, secret: str | None = None) -> str:
        """A new password or a sign-out changes it, which invalidates Back Office sessions and authorization codes."""
        signed_out_at = self.signed_out_at and self.signed_out_at.isoformat()
        return salted_hmac("users.User", f"{self.password} {signed_out_at}", secret, algorithm="sha256").hexdigest()


def within_people_seen(viewer: User) -> models.Q:
    """`history_within` of the models whose `user` is a person: the events of those whom a confined person sees."""
    return User.objects.keys_visible_to(viewer, "user")
