"""The password of a person: one of their own, or a temporary one that staff have set."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from config.audit.log import audit
from users.sign_in.refusals import SignInReason, password_reason


class Password(models.Model):
    """Mixin of `User`. Put it before AbstractBaseUser."""

    #: Set while the password is a temporary one: by this time it must be changed, and before anything else is done.
    must_change_password_by = models.DateTimeField(
        _("Temporary password, must be changed by"), null=True, editable=False
    )

    pk: Any
    email: Any
    password: Any
    read_at: Any

    class Meta:
        abstract = True

    @property
    def must_change_password(self) -> bool:
        return self.must_change_password_by is not None

    @property
    def password_has_expired(self) -> bool:
        """Whether the time of a temporary password was over at `read_at`. No query for other passwords."""
        if not self.must_change_password:
            return False
        reason = password_reason(self.must_change_password_by, self.read_at)
        return reason is SignInReason.TEMPORARY_PASSWORD_EXPIRED

    def set_temporary_password(self, digest: str) -> None:
        """Saves a hash (hashing is slow: do it before the lock), and ends all sessions of the person.

        Raises RowChangedError as `User.save` does.
        """
        person: Any = self
        person.password = digest
        person.must_change_password_by = Now() + timedelta(seconds=settings.TEMPORARY_PASSWORD_SECONDS)
        person.save(update_fields=["password", "must_change_password_by", "updated_at"])
        person.refresh_from_db(fields=["must_change_password_by"])

    def check_password(self, raw_password: str | None) -> bool:
        """False as well for a temporary password whose time is over: only the log says so.

        Renews a hash with outdated parameters, unless the password was changed since the row was read.
        """
        is_right = check_password(raw_password, self.password, self._renew_hash)
        if is_right and self.password_has_expired:
            audit.warning("Temporary Password Expired", tag="temporary_password_expired", username=self.email)
            return False
        return is_right

    def _renew_hash(self, raw_password: str) -> None:
        outdated, self.password = self.password, make_password(raw_password)
        people: Any = type(self)._base_manager
        same = people.filter(pk=self.pk, password=outdated)
        if same.update(password=self.password):
            self._note(["password"])  # type: ignore[attr-defined]
