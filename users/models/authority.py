"""Whether a person may still act: their employment, and their rights before the commit of what they requested."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.functional import cached_property

from config.back_office.authority import AuthorityLostError
from config.database.periods import database_now
from users.locks import NotFreeError, briefly


class Authority:
    """Mixin of `User`. `self` is the user as read at the time of the request, with permissions.

    With `since`, for background jobs, a sign-out everywhere after that time also counts: "End sessions" or a new
    password stops the job, and signing out of one browser does not. Requests are short and do not use it: the contract
    promises an effect from the next request on (0.4, "Ended at once").
    """

    pk: Any
    employed_until: datetime | None
    _as_read: dict[str, Any]
    get_all_permissions: Any

    @property
    def is_employed(self) -> bool:
        """Whether the employment had not ended at `read_at`. No query if no end is known."""
        return self.employed_until is None or self.employed_until > self.read_at

    @cached_property
    def read_at(self) -> datetime:
        """The moment of the answer of `is_employed`: annotated (`UserQuerySet.with_read_at`), or when first asked."""
        return database_now()

    @property
    def had_left(self) -> bool:
        """Whether the employment has ended by now, by the end that is stored."""
        until = self._as_read.get("employed_until")
        return until is not None and until <= database_now()

    def confirm_authority(self, since: datetime | None = None) -> None:
        """Locks the user's row until the transaction ends. Call it last. Raises AuthorityLostError.

        `FOR SHARE` blocks changes of status, flags, roles and of the roles' permissions (`users.admin.role` locks the
        members), but not other requests of the same user.
        """
        table = type(self)._meta.db_table  # type: ignore[attr-defined]
        try:
            with briefly():
                rows = list(_people(self).raw(f'SELECT * FROM "{table}" WHERE id = %s FOR SHARE', [self.pk]))  # noqa: S608 (our own name)
        except NotFreeError as problem:  # the row is being changed
            raise AuthorityLostError from problem
        if not (rows and self._has_lost_nothing(rows[0], since)):
            raise AuthorityLostError

    def has_authority(self, since: datetime | None = None) -> bool:
        """The same without a lock, so that a long job can stop early."""
        now = _people(self).filter(pk=self.pk).first()
        return now is not None and self._has_lost_nothing(now, since)

    def _has_lost_nothing(self, now: Any, since: datetime | None) -> bool:
        if not now.is_staff or (since and now.signed_out_at and now.signed_out_at > since):
            return False
        if now.is_superuser:
            return True
        roles = vars(self).get("grantable_roles", frozenset())  # cached only if a decision used them
        return self.get_all_permissions() <= now.get_all_permissions() and roles <= (roles and now.grantable_roles)


def _people(person: Any) -> Any:
    return type(person)._default_manager
