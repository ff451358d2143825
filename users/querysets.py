"""Which people there are to be found, and by what: each question has a name and an index behind it.

A search finds people whose e-mail or names begin with what was typed. No word matches from its middle. Each column has
an index for "begins with" (migration 0001). Asked for any of them at once, PostgreSQL reads all that match before it
takes a few, or everybody; asked for one after the other, it stops at as many as are wanted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import and_, or_
from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import OrderBy
from django.db.models.functions import Lower

from users.roles import ADMINISTRATION, named
from users.sign_in.lockouts import locking_sign_in


class UserQuerySet(QuerySet[Any]):
    def listed(self) -> Any:
        """All but the deleted, who are kept for history only."""
        return self.exclude(status="deleted")

    def visible_to(self, user: Any) -> Any:
        """All listed people for those who see everyone; else the user alone."""
        return self.listed() if user.sees_everyone else self.listed().filter(pk=user.pk)

    def locked(self) -> Any:
        """Holds the rows until the transaction ends: whoever changes their assignments waits here."""
        return self.select_for_update(no_key=True, of=("self",))

    def by_email(self, email: str) -> Any:
        """The one with this e-mail, in any case of letters. Reads the unique index."""
        return self.alias(email_lower=Lower("email")).filter(email_lower=email.lower())

    def found(self, text: str, most: int, *, by_email: bool = True) -> Any:
        """Primary keys of those whose e-mail or names begin with the words of the text; at most so many by each."""
        return keys_found(self, text, most, searched=SEARCHED if by_email else NAMES)

    def by_emails(self, emails: Iterable[str]) -> Any:
        """Those with these e-mails, in any case of letters. Reads the unique index."""
        lower = {email.lower() for email in emails}
        return self.alias(email_lower=Lower("email")).filter(email_lower__in=lower)

    def with_whereabouts(self) -> Any:
        """Adds `standing_in`, the name of the warehouse they stand in now, `assigned`, how many they have, and
        `is_locked_out`, whether their sign-in is locked for some network or browser.
        """
        this_person = self.model._default_manager.filter(pk=OuterRef("pk")).order_by()
        standing = this_person.filter(assignments__is_active=True).values("assignments__warehouse__name")
        assigned = this_person.values("pk").annotate(number=Count("assignments")).values("number")
        locked_out = Exists(locking_sign_in().filter(username=Lower(OuterRef("email"))))
        return self.annotate(standing_in=Subquery(standing), assigned=Subquery(assigned), is_locked_out=locked_out)

    def locked_out(self, most: int) -> Any:
        """Those whose sign-in is locked now for some network or browser; looks at so many locks, the newest."""
        return self.by_emails(locking_sign_in().order_by("-attempt_time").values_list("username", flat=True)[:most])

    def changeable_by(self, other: Any) -> Any:
        """Those of whom `User.may_be_changed_by(other)` is true."""
        if other.is_superuser:
            return self
        return self.filter(is_superuser=False, roles__contained_by=sorted(other.grantable_roles))

    def without_warehouse(self) -> Any:
        """Warehouse users to whom no warehouse is assigned, so that they cannot work."""
        return self.filter(is_warehouse_user=True, has_warehouse=False)

    def never_signed_in(self) -> Any:
        return self.filter(last_login=None)

    def administrators(self) -> Any:
        """Those of whom `User.is_administrator` is true."""
        superusers = self.model._default_manager.filter(is_superuser=True).order_by().values("pk")
        first, *others = (self._holding(right) for right in ADMINISTRATION)
        with_all = first.intersection(*others)
        return self.filter(pk__in=superusers.union(with_all), status="active", is_warehouse_user=False)

    def _holding(self, right: str) -> Any:
        """Keys of the people who have a right by a role or by themselves."""
        permission = Permission.objects.filter(named([right])).values("pk")
        by_role = self.model.groups.through.objects.filter(group__permissions__in=permission)
        by_themselves = self.model.user_permissions.through.objects.filter(permission__in=permission)
        return by_role.values("user_id").union(by_themselves.values("user_id"))


# --- Search -----------------------------------------------------------------------------------------------------
NAMES = ("first_name", "last_name")
SEARCHED = ("email", *NAMES)


class _AsIndexed(OrderBy):
    """In the order of the indexes, byte by byte: so they are read, and a table is not sorted nor hoped to be lucky."""

    template = "%(expression)s USING ~<~ /* ASC */"  # Django looks for one of its two words


def keys_found(
    rows: QuerySet[Any], text: str, most: int, *, person: str = "", searched: Sequence[str] = SEARCHED
) -> QuerySet[Any, Any]:
    """Primary keys of rows whose person has e-mail or names beginning with the text, or with each of its words.

    At most `most` by each column, the first ones by it; some perhaps twice. `person` leads from a row to the person,
    such as `user__`; `searched` are the columns to look into. Of no words, any rows.
    """
    rows = rows.alias(**{f"{field}_lower": Lower(f"{person}{field}") for field in searched})
    found = [
        rows.filter(way).order_by(_AsIndexed(F(f"{field}_lower"))).values_list("pk", flat=True)[:most]
        for field, way in _ways(text.lower().split(), searched)
    ]
    return found[0].union(*found[1:], all=True)


def _ways(words: list[str], searched: Sequence[str]) -> Iterator[tuple[str, Q]]:
    """One for each index to look into: for the longest word, then for all words as one name."""
    longest = max(words, key=len, default="")
    others = [reduce(or_, _begins(word, searched).values()) for word in words if word != longest]
    for field, begins in _begins(longest, searched).items():
        yield field, reduce(and_, others, begins)
    if others:
        yield from _begins(" ".join(words), searched).items()


def _begins(text: str, searched: Sequence[str]) -> dict[str, Q]:
    return {field: Q(**{f"{field}_lower__startswith": text}) for field in searched}
