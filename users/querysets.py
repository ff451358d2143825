"""Named queries for people, each with an index.

A search matches the beginning of the e-mail address or a name, by an index on each column (migration 0001). It is a
union of one query for each column: with OR in one query, PostgreSQL would read all matching rows, or the whole table,
before it applies the limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import and_, or_
from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import OrderBy
from django.db.models.functions import Lower

from users.roles import ADMINISTRATION, named
from users.sign_in.lockouts import locking_sign_in


class UserQuerySet(QuerySet[Any]):
    def listed(self) -> Any:
        """All but deleted people, whose rows are kept for the history."""
        return self.exclude(status="deleted")

    def visible_to(self, user: Any) -> Any:
        """All listed people if the user may see them; else only the user."""
        return self.listed() if user.sees_everyone else self.listed().filter(pk=user.pk)

    def locked(self) -> Any:
        """Locks the rows until the transaction ends. Every change of assignments takes this lock."""
        return self.select_for_update(no_key=True, of=("self",))

    def by_email(self, email: str) -> Any:
        """The person with this e-mail address."""
        return self.by_emails([email])

    def found(self, text: str, limit: int, *, by_email: bool = True) -> Any:
        """Primary keys of the people that a search finds; see `keys_found`."""
        return keys_found(self, text, limit, searched=SEARCHED if by_email else NAMES)

    def by_emails(self, emails: Iterable[str]) -> Any:
        """The people with these e-mail addresses, case-insensitive, by the unique index."""
        lower = {email.lower() for email in emails}
        return self.alias(email_lower=Lower("email")).filter(email_lower__in=lower)

    def with_list_columns(self) -> Any:
        """Adds `current_warehouse` (the name of the one where they work now), `assigned` (the number of warehouses),
        and `locked_out_at`: when sign-in to the account was locked, if it still is for any network or browser.
        """
        this_person = self.model._default_manager.filter(pk=OuterRef("pk")).order_by()
        current = this_person.working().values("assignments__warehouse__name")
        assigned = this_person.values("pk").annotate(number=Count("assignments")).values("number")
        lockouts = locking_sign_in().filter(username=Lower(OuterRef("email"))).order_by("-attempt_time")
        return self.annotate(
            current_warehouse=Subquery(current),
            assigned=Subquery(assigned),
            locked_out_at=Subquery(lockouts.values("attempt_time")[:1]),
        )

    def working(self, **conditions: Any) -> Any:
        """The people who work in a warehouse now. `conditions` are about the same assignment."""
        return self.filter(
            status="active",
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
        if other.is_superuser:
            return self
        return self.filter(is_superuser=False, roles__contained_by=sorted(other.grantable_roles))

    def without_warehouse(self) -> Any:
        """Warehouse users without an assigned warehouse."""
        return self.filter(is_warehouse_user=True, has_warehouse=False)

    def never_signed_in(self) -> Any:
        return self.filter(last_login=None)

    def administrators(self) -> Any:
        """The people for whom `User.is_administrator` is true."""
        superusers = self.model._default_manager.filter(is_superuser=True).order_by().values("pk")
        first, *others = (self._with_right(right) for right in ADMINISTRATION)
        with_all = first.intersection(*others)
        return self.filter(pk__in=superusers.union(with_all), status="active", is_warehouse_user=False)

    def _with_right(self, right: str) -> Any:
        """Keys of the people who have a permission by a role or directly."""
        permission = Permission.objects.filter(named([right])).values("pk")
        by_role = self.model.groups.through.objects.filter(group__permissions__in=permission)
        direct = self.model.user_permissions.through.objects.filter(permission__in=permission)
        return by_role.values("user_id").union(direct.values("user_id"))


# --- Search -----------------------------------------------------------------------------------------------------
NAMES = ("first_name", "last_name")
SEARCHED = ("email", *NAMES)


class _AsIndexed(OrderBy):
    """The byte order of the indexes, so that PostgreSQL reads them in order instead of sorting."""

    template = "%(expression)s USING ~<~ /* ASC */"  # Django requires ASC or DESC in it


def keys_found(
    rows: QuerySet[Any], text: str, limit: int, *, person: str = "", searched: Sequence[str] = SEARCHED
) -> QuerySet[Any, Any]:
    """Primary keys of the rows whose person has an e-mail address or names that begin with all words of the text.

    At most the first `limit` rows by each column, perhaps with duplicates. `person` is the lookup from a row to the
    person, such as `user__`; `searched` are the columns. An empty text matches every row.
    """
    rows = rows.alias(**{f"{field}_lower": Lower(f"{person}{field}") for field in searched})
    found = [
        rows.filter(way).order_by(_AsIndexed(F(f"{field}_lower"))).values_list("pk", flat=True)[:limit]
        for field, way in _ways(text.lower().split(), searched)
    ]
    return found[0].union(*found[1:], all=True)


def _ways(words: list[str], searched: Sequence[str]) -> Iterator[tuple[str, Q]]:
    """A column and a condition for each index scan: for the longest word, then for all words as one name."""
    longest = max(words, key=len, default="")
    others = [reduce(or_, _begins(word, searched).values()) for word in words if word != longest]
    for field, begins in _begins(longest, searched).items():
        yield field, reduce(and_, others, begins)
    if others:
        yield from _begins(" ".join(words), searched).items()


def _begins(text: str, searched: Sequence[str]) -> dict[str, Q]:
    return {field: Q(**{f"{field}_lower__startswith": text}) for field in searched}
