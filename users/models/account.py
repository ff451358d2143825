"""What a person signs in with, and how it is changed without undoing what others do to the account."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import check_password, make_password
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from config.lost_updates import SavesChangedColumns

#: What a person is told whose account was changed while they changed it themselves.
CHANGED = _("Somebody has changed your account meanwhile, so nothing was saved.")


class Account(SavesChangedColumns, AbstractBaseUser):
    """A password, and when it may be replaced."""

    #: As in Django's `PermissionsMixin`, with a default in the database.
    is_superuser = models.BooleanField(
        _("superuser status"),
        default=False,
        db_default=False,
        help_text=_("Designates that this user has all permissions without explicitly assigning them."),
    )

    #: Whoever decides about an account by these must find them as they were, once its row is locked.
    judged_by: ClassVar[tuple[str, ...]] = (
        "email",
        "password",
        "status",
        "is_warehouse_user",
        "is_superuser",
        "roles",
        "signed_out_at",
    )

    class Meta:
        abstract = True

    def save(self, **options: Any) -> None:
        """A new password signs the person out everywhere, whoever set it.

        Hashing it takes long. Raises RowChangedError if the person was blocked, signed out or given other rights, or
        the password was replaced, since the row was read: then nothing is written.
        """
        with transaction.atomic():
            has_new_password = self._has_new_password(options.get("update_fields"))
            if has_new_password:
                self.lock_unchanged()
            super().save(**options)
            if has_new_password:
                self.end_sessions(gettext_noop("password changed"))

    def _has_new_password(self, written: Any) -> bool:
        if self._state.adding or (written is not None and "password" not in written):
            return False
        return self._is_changed("password")

    def check_password(self, raw_password: str | None) -> bool:
        """A digest with outdated parameters is made anew, unless the password has been replaced since it was read."""
        return check_password(raw_password, self.password, self._renew_digest)

    def _renew_digest(self, raw_password: str) -> None:
        outdated, self.password = self.password, make_password(raw_password)
        same = type(self)._base_manager.filter(pk=self.pk, password=outdated)
        if same.update(password=self.password):
            self._note(["password"])

    def end_sessions(self, reason: str) -> int:
        """Signs the person out everywhere. Returns how many sessions that ended."""
        raise NotImplementedError
