"""Passwords: replacing one ends all sessions and loses no concurrent change of the account."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import check_password, make_password
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from config.database.lost_updates import SavesChangedColumns

#: Message for a RowChangedError of the user's own account.
CHANGED = _("Somebody has changed your account meanwhile, so nothing was saved.")


class Account(SavesChangedColumns, AbstractBaseUser):
    """Abstract base of `User` with the password."""

    #: As in Django's `PermissionsMixin`, with a default in the database.
    is_superuser = models.BooleanField(
        _("superuser status"),
        default=False,
        db_default=False,
        help_text=_("Designates that this user has all permissions without explicitly assigning them."),
    )

    #: Decisions about an account depend on these, and are refused if one has changed.
    compared_fields: ClassVar[tuple[str, ...]] = (
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
        """A new password ends all sessions of the person.

        Raises RowChangedError, and writes nothing, if one of `compared_fields` was changed since the row was read,
        such as during the hashing.
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
        """Renews a hash with outdated parameters, unless the password was changed since the row was read."""
        return check_password(raw_password, self.password, self._renew_hash)

    def _renew_hash(self, raw_password: str) -> None:
        outdated, self.password = self.password, make_password(raw_password)
        same = type(self)._base_manager.filter(pk=self.pk, password=outdated)
        if same.update(password=self.password):
            self._note(["password"])

    def end_sessions(self, reason: str) -> int:
        """Ends all sessions of the person, and returns their number."""
        raise NotImplementedError
