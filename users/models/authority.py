"""Whether a person may still do what they asked for a while ago, asked as the last thing before it is committed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from config.authority import AuthorityLostError
from users.locks import NotFreeError, briefly


class Authority:
    """What `User` knows of its own right to go on. `self` is the person as read when they asked, rights included.

    Signing out of one browser takes nothing back: an import goes on after its page was closed. `since` says from when
    on being signed out everywhere does: a colleague who presses "End sessions", or a new password, stops what has been
    at work since. A request is not asked that: it ends within a second or so, and "from the next request on" is what
    the contract promises (0.4, "Ended at once").
    """

    pk: Any
    get_all_permissions: Any

    def confirm_authority(self, since: datetime | None = None) -> None:
        """Holds the person as they are until the transaction ends. Call it last. Raises AuthorityLostError.

        `FOR SHARE` lets no change of status, flags or roles pass, not even of what a role may do (`users.admin.role`
        locks its members), but any number of other requests of the same person.
        """
        table = type(self)._meta.db_table  # type: ignore[attr-defined]
        try:
            with briefly():
                held = list(_people(self).raw(f'SELECT * FROM "{table}" WHERE id = %s FOR SHARE', [self.pk]))  # noqa: S608 (our own name)
        except NotFreeError as problem:  # somebody is changing this person right now
            raise AuthorityLostError from problem
        if not (held and self._has_lost_nothing(held[0], since)):
            raise AuthorityLostError

    def has_authority(self, since: datetime | None = None) -> bool:
        """The same at this moment, for what is long and may as well stop early. Locks nobody."""
        now = _people(self).filter(pk=self.pk).first()
        return now is not None and self._has_lost_nothing(now, since)

    def _has_lost_nothing(self, now: Any, since: datetime | None) -> bool:
        if not now.is_staff or (since and now.signed_out_at and now.signed_out_at > since):
            return False
        if now.is_superuser:
            return True
        roles = vars(self).get("grantable_roles", frozenset())  # only if anything was judged by them
        return self.get_all_permissions() <= now.get_all_permissions() and roles <= (roles and now.grantable_roles)


def _people(person: Any) -> Any:
    return type(person)._default_manager
