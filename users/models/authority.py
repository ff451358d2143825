"""What a person may do, where, and whether they still may: rights, confinement to warehouses, and employment."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from django.contrib.auth.models import PermissionsMixin
from django.utils.functional import cached_property

from config.back_office.authority import AuthorityLostError
from config.back_office.rights import NoRight
from config.database import replica
from config.database.periods import Period, database_now
from users.locks import NotFreeError, briefly
from users.roles import ADMINISTRATION, CONFINABLE, grantable_by


class Authority(PermissionsMixin):
    """Base of `User`. `self` is the user as read at the time of the request, with permissions.

    The rights of a confined person count only for the warehouses that they manage now. `may` is asked with the row that
    a right is needed for; `visible_to` of each queryset is the same for many rows.

    With `since`, for background jobs, a sign-out everywhere after that time also counts: "End sessions" or a new
    password stops the job, and signing out of one browser does not. Requests are short and do not use it: the contract
    promises an effect from the next request on (0.4, "Ended at once").
    """

    employed_until: datetime | None
    is_staff: Any
    is_confined: Any
    roles: Any
    managed_warehouses: Any
    _as_read: dict[str, Any]

    class Meta:
        abstract = True

    # --- Rights -------------------------------------------------------------------------------------------------
    def may(self, right: str, row: Any = None) -> bool:
        """Whether the person has a right, such as `users.change_user`, for a row; without a row, for all rows.

        A confined person never has it for all, so that a check which forgets the row refuses them.
        """
        if self.why_not(right, row) is not None:
            return False
        if self.is_confined:
            self._relied_on.add((right, type(row), row.pk))
        return True

    def why_not(self, right: str, row: Any = None) -> NoRight | None:
        """Why `may` says no, or None: the decision behind it.

        Rows that nobody beyond their rank changes have `outranks`; rows of a warehouse have `is_within`, which says
        whether a confined person has the right for them.
        """
        if not self.may_somewhere(right):
            return NoRight.ROLE
        if row is None:
            return NoRight.CONFINEMENT if self.is_confined else None
        if ".view_" not in right and hasattr(row, "outranks") and row.outranks(self):
            return NoRight.RANK
        if self.is_confined and not (hasattr(row, "is_within") and row.is_within(self, right)):
            return NoRight.CONFINEMENT
        return None

    def may_somewhere(self, right: str) -> bool:
        """Whether there can be rows for which the person has a right: for menus, and lists that show only those."""
        return (not self.is_confined or right in CONFINABLE) and super().has_perm(right)

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Django's name of `may`."""
        return self.may(perm, obj)

    def has_module_perms(self, app_label: str) -> bool:
        return super().has_module_perms(app_label) and (
            not self.is_confined
            or any(self.may_somewhere(right) for right in CONFINABLE if right.startswith(f"{app_label}."))
        )

    @cached_property
    def managed(self) -> frozenset[int]:
        """The keys of the warehouses that the person manages now, by the primary. One query."""
        return frozenset(self.managed_until)

    @cached_property
    def managed_until(self) -> dict[int, datetime | None]:
        """The key of each of these warehouses → when they stop managing it; None if no end is known."""
        with replica.primary():
            return dict(self.managed_warehouses.current().values_list("warehouse_id", "ends_at"))

    @property
    def extent(self) -> list[int] | None:
        """The keys of the warehouses of which the person sees rows; None for all."""
        return sorted(self.managed) if self.is_confined else None

    @cached_property
    def _relied_on(self) -> set[tuple[str, type[Any], Any]]:
        """Right, model and key of the rows for which `may` has answered a confined person with yes."""
        return set()

    @property
    def is_administrator(self) -> bool:
        """Whether this person can grant any right: by permissions, not by the names of roles."""
        return self.is_staff and self.has_perms(ADMINISTRATION)

    @cached_property
    def grantable_roles(self) -> frozenset[str]:
        """The names of the roles that this person may grant and revoke."""
        return frozenset(grantable_by(self).values_list("name", flat=True))

    # --- Rights of others for this person -----------------------------------------------------------------------
    def may_be_changed_by(self, other: Any) -> bool:
        """Whether the other may edit, block or delete this person, set their password or end their sessions.

        Only if this person has no rights that the other lacks: whoever sets a password can sign in with it. A confined
        one changes only people who are of their warehouses and of no other. One query for each `other`, none for people
        without roles, and one for a confined `other`, unless the row has `is_wholly_of_actor`.
        """
        return not self.outranks(other) and (not other.is_confined or self.is_within(other, "users.change_user"))

    def manages_longer_than(self, other: Any) -> bool:
        """Whether this person manages one of a confined person's warehouses for longer than that person does."""
        return _people(self).managing_longer_than(other).filter(pk=self.pk).exists()

    def outranks(self, other: Any) -> bool:
        """Whether this person has rights that the other lacks."""
        if other.is_superuser:
            return False
        return self.is_superuser or bool(self.roles and not other.grantable_roles.issuperset(self.roles))

    def is_within(self, user: Any, right: str) -> bool:
        """Whether a confined person sees this person, or, for any other right, whether they are wholly theirs."""
        if right == "users.view_user":
            return self._is_among("is_visible_to_actor", _people(self).visible_to, user)
        return self._is_among("is_wholly_of_actor", _people(self).wholly_of, user)

    def _is_among(self, annotation: str, people: Any, other: Any) -> bool:
        if annotation in vars(self):
            return bool(vars(self)[annotation])
        return people(other).filter(pk=self.pk).exists()

    # --- Employment ---------------------------------------------------------------------------------------------
    @property
    def employment(self) -> Period:
        return Period(None, self.employed_until)

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

    # --- At the commit ------------------------------------------------------------------------------------------
    def confirm_authority(self, since: datetime | None = None) -> None:
        """Locks the user's row until the transaction ends. Call it last. Raises AuthorityLostError.

        `FOR SHARE` blocks changes of status, flags, roles and of the roles' permissions (`users.admin.role` locks the
        members, `ManagedWarehouse` its person), but not other requests of the same user.
        """
        table = type(self)._meta.db_table
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
        if now.is_confined and not (self.is_confined and self._is_still_granted(now)):
            return False
        roles = vars(self).get("grantable_roles", frozenset())  # cached only if a decision used them
        return self.get_all_permissions() <= now.get_all_permissions() and roles <= (roles and now.grantable_roles)

    def _is_still_granted(self, now: Any) -> bool:
        """Whether `may` gives the same answers again. Rows that the request has deleted do not count."""
        lost = vars(self).get("managed", frozenset()) - now.managed
        if lost and now.managed_warehouses.any_exists(lost):
            return False
        keys: dict[type[Any], set[Any]] = defaultdict(set)
        for _right, model, pk in self._relied_on:
            keys[model].add(pk)
        rows = {model: model._base_manager.in_bulk(pks) for model, pks in keys.items()}
        return all(now.may(right, rows[model][pk]) for right, model, pk in self._relied_on if pk in rows[model])


def _people(person: Any) -> Any:
    return type(person)._default_manager
