"""Named queries for people, each with an index."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import and_
from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Lower, Now

from config.back_office.periods import end_of_soon
from config.database.periods import current, not_ended, not_past
from config.database.search import Searched
from config.text import email_key
from users.roles import ADMINISTRATION, named
from users.sign_in.lockouts.in_force import locking_sign_in


def active_account(path: str = "") -> Q:
    """The condition for which `User.is_active` is true. `path` is the lookup to the person, such as `user__`."""
    return Q(**{f"{path}status": "active"}) & not_past(f"{path}employed_until")


def seen_name(warehouse: str, viewer: Any) -> Any:
    """The name of the warehouse at this lookup; "" if the viewer is confined and does not manage it."""
    name = F(f"{warehouse}__name")
    if viewer is None or not viewer.is_confined:
        return name
    return Case(When(**{f"{warehouse}__in": viewer.managed}, then=name), default=Value(""))


class UserQuerySet(QuerySet[Any]):
    def listed(self) -> Any:
        """All but deleted people, whose rows are kept for the history."""
        return self.exclude(status="deleted")

    def visible_to(self, user: Any) -> Any:
        """All people for a Back Office user; for a confined one, those of their warehouses; else only the user.

        Of a warehouse are the people with an assignment there, and those who manage it.
        """
        if not user.acts_for_others:
            return self.filter(pk=user.pk)
        if not user.is_confined:
            return self
        return self.filter(self.keys_visible_to(user, "pk")).annotate(is_visible_to_actor=Value(True))

    def keys_visible_to(self, user: Any, column: str) -> Q:
        """The condition that a column has the key of somebody of a confined person's warehouses."""
        tied = self.model._default_manager.order_by().filter(ties__warehouse__in=user.managed, pk=OuterRef(column))
        return Q(Exists(tied))

    def wholly_of(self, user: Any) -> Any:
        """The people of a confined person's warehouses and of no others, nor for longer than that person manages them.

        Assignments that are over do not count. Back Office users who are not confined are of all warehouses.
        """
        in_theirs, is_confinable = Q(there__in=user.managed), Q(is_warehouse_user=True) | Q(is_confined=True)
        longer = self.model._default_manager.order_by().managing_longer_than(user).filter(pk=OuterRef("pk"))
        return self.filter(~Exists(longer), is_confinable & self._tied(in_theirs)).exclude(self._tied(~in_theirs))

    def managing_longer_than(self, user: Any) -> Any:
        """The people who manage one of a confined person's warehouses for longer than that person does.

        They have rights that this person will lack. None, and without a query, if no end is known.
        """
        ending = [warehouse for warehouse, until in user.managed_until.items() if until is not None]
        if not ending:
            return self.none()
        theirs = "managed_warehouses__warehouse__managed_warehouses"
        longer = Q(managed_warehouses__ends_at=None) | Q(managed_warehouses__ends_at__gt=F(f"{theirs}__ends_at"))
        return self.filter(longer, managed_warehouses__warehouse__in=ending, **{f"{theirs}__user": user})

    def _tied(self, condition: Q) -> Any:
        """The condition that a person is tied to such a warehouse, `there`, and that this is not over."""
        joined = self.model._default_manager.order_by().alias(there=F("ties__warehouse"), until=F("ties__ends_at"))
        found = joined.filter(not_past("until"), condition, there__isnull=False, pk=OuterRef("pk"))
        return Q(Exists(found))

    def locked(self) -> Any:
        """Locks the rows until the transaction ends. Every change of assignments takes this lock."""
        return self.select_for_update(no_key=True, of=("self",))

    def with_read_at(self) -> Any:
        """Adds `read_at`, PostgreSQL's time, so that `User.is_active` needs no further query."""
        return self.annotate(read_at=Now())

    def by_email(self, email: str) -> Any:
        """The person with this e-mail address."""
        return self.by_emails([email])

    def by_emails(self, emails: Iterable[str]) -> Any:
        """The people with these e-mail addresses, case-insensitive, by the unique index."""
        keys = {email_key(email) for email in emails}
        return self.alias(email_lower=Lower("email")).filter(email_lower__in=keys)

    def with_list_columns(self, viewer: Any) -> Any:
        """Adds `current_warehouse`, `assigned` (the number of assignments that are not over), and `locked_out_at`: when
        sign-in to the account was locked, if it still is for any network or browser.

        For a confined viewer, the number is that in their warehouses, and `elsewhere` the one in others.
        """
        this_person = self.model._default_manager.filter(pk=OuterRef("pk")).order_by()

        def assigned(*conditions: Q) -> Subquery:
            number = Count("assignments", filter=reduce(and_, conditions, not_ended("assignments__")))
            return Subquery(this_person.values("pk").annotate(number=number).values("number"))

        theirs = Q(assignments__warehouse__in=viewer.managed) if viewer.is_confined else None
        numbers = {"assigned": assigned(theirs), "elsewhere": assigned(~theirs)} if theirs else {"assigned": assigned()}
        lockouts = locking_sign_in().filter(username=Lower(OuterRef("email"))).order_by("-attempt_time")
        return (
            self.with_current_warehouse(viewer)
            .with_read_at()
            .annotate(**numbers, locked_out_at=Subquery(lockouts.values("attempt_time")[:1]))
        )

    def with_current_warehouse(self, viewer: Any = None) -> Any:
        """Adds `current_warehouse`, the name of the one where they work now, as far as the viewer sees it
        (`seen_name`).
        """
        this_person = self.model._default_manager.filter(pk=OuterRef("pk")).order_by()
        name = this_person.working().values(shown=seen_name("assignments__warehouse", viewer))
        return self.annotate(current_warehouse=Subquery(name))

    def working(self, **conditions: Any) -> Any:
        """The people who work in a warehouse now. `conditions` are about the same assignment."""
        return self.filter(
            current("assignments__"),
            active_account(),
            is_warehouse_user=True,
            assignments__is_active=True,
            assignments__warehouse__is_active=True,
            **conditions,
        )

    def locked_out(self, limit: int) -> Any:
        """The people whose sign-in is locked for any network or browser, by the newest `limit` lockouts."""
        return self.by_emails(locking_sign_in().order_by("-attempt_time").values_list("username", flat=True)[:limit])

    def changeable_by(self, other: Any) -> Any:
        """The people for whom `User.may_be_changed_by(other)` is true."""
        below = self.below(other)
        return below.wholly_of(other) if other.is_confined else below

    def below(self, other: Any) -> Any:
        """The people who have no rights that the other lacks."""
        if other.is_superuser:
            return self
        return self.filter(is_superuser=False, roles__contained_by=sorted(other.grantable_roles))

    def with_changeable_by(self, other: Any) -> Any:
        """Adds `is_wholly_of_actor` for a confined person, so that `User.may_be_changed_by(other)` needs no query."""
        if not other.is_confined:
            return self
        theirs = self.model._default_manager.wholly_of(other).filter(pk=OuterRef("pk")).order_by()
        return self.annotate(is_wholly_of_actor=Exists(theirs))

    def without_warehouse(self) -> Any:
        """Warehouse users without an assignment, or whose assignments are all over."""
        return self.filter(Q(has_warehouse=False) | Q(warehouses_end_at__lte=Now()), is_warehouse_user=True)

    def never_signed_in(self) -> Any:
        return self.filter(last_login=None)

    def administrators(self) -> Any:
        """The people for whom `User.is_administrator` is true."""
        superusers = self.model._default_manager.filter(is_superuser=True).order_by().values("pk")
        first, *others = (self._with_right(right) for right in ADMINISTRATION)
        with_all = first.intersection(*others)
        everywhere = Q(is_warehouse_user=False, is_confined=False)
        return self.filter(active_account(), everywhere, pk__in=superusers.union(with_all))

    def lasting_administrators(self) -> Any:
        """Those administrators whose employment has no end. One must remain, or some day nobody could sign in."""
        return self.administrators().filter(employed_until=None)

    def employment_ended(self) -> Any:
        return self.filter(employed_until__lte=Now())

    def employment_ending_soon(self) -> Any:
        """The people whose employment ends within `MAX_DAYS_TO_END` days."""
        return self.filter(employed_until__gt=Now(), employed_until__lte=end_of_soon())

    def _with_right(self, right: str) -> Any:
        """Keys of the people who have a permission by a role or directly."""
        permission = Permission.objects.filter(named([right])).values("pk")
        by_role = self.model.groups.through.objects.filter(group__permissions__in=permission)
        direct = self.model.user_permissions.through.objects.filter(permission__in=permission)
        return by_role.values("user_id").union(direct.values("user_id"))


# --- Search -----------------------------------------------------------------------------------------------------
def searched_by_person(path: str = "", *, by_email: bool = True, **also: tuple[str, ...]) -> Searched:
    """Where a search by people looks. `path` is the lookup from a row to the person, such as `user__`."""
    entry = f"{path}search_entry__"
    text = f"{entry}{'sought' if by_email else 'names'}"
    return Searched((text,), names=(f"{entry}names",), indexed=f"{entry}sought", **also)


CLIENTS = Searched(("client_id__folded", "name__folded"), names=("client_id__folded", "name__folded"), uuids=())
PEOPLE, PEOPLE_BY_NAME = searched_by_person(), searched_by_person(by_email=False)
