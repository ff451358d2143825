"""The questions that Back Office lists ask about people and sessions, each with a name and an index behind it.

What `assignments` knows is reached through relations only: nothing here imports it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Permission
from django.db import models
from django.db.models import Count, Exists, OuterRef, Q, Subquery
from django.db.models.functions import Lower
from django.utils import timezone

from users.roles import ADMINISTRATION, named
from users.search import NAMES, SEARCHED, keys_found
from users.sign_in.lockouts import locking_sign_in


class FindingPeople(models.QuerySet):
    model: Any

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

    def assigned_to(self, warehouse_id: int) -> Any:
        return self.filter(assignments__warehouse=warehouse_id)

    def standing_in_warehouse(self, warehouse_id: int) -> Any:
        """Whose active assignment is to this warehouse."""
        return self.filter(assignments__warehouse=warehouse_id, assignments__is_active=True)

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


class FindingSessions(models.QuerySet):
    model: Any

    def ended(self) -> Any:
        """Ended by somebody, or expired."""
        return self.filter(Q(ended_at__isnull=False) | Q(expires_at__lte=timezone.now()))

    def found(self, text: str, most: int) -> Any:
        """Primary keys of those whose person's e-mail or names begin so; at most so many by each."""
        return keys_found(self, text, most, person="user__")

    def endable_by(self, other: Any) -> Any:
        """Sessions of people whom the other may change: nobody signs out who may do more than they."""
        if other.is_superuser:
            return self
        people = self.model._meta.get_field("user").related_model._default_manager.changeable_by(other)
        return self.filter(user__in=people.order_by().values("pk"))

    def with_warehouse(self) -> Any:
        """Adds `warehouse`, for which a warehouse token is out and holds, or None."""
        of_this = self.model.warehouse_grants.rel.related_model._default_manager.holding().filter(
            session=OuterRef("pk")
        )
        return self.annotate(warehouse=Subquery(of_this.order_by().values("assignment__warehouse__name")[:1]))

    def hold(self) -> None:
        """Locks these sessions in the order of their ids until the transaction ends: one UPDATE has none."""
        rows = self.select_for_update(no_key=True, of=("self",)).order_by("pk").values_list("pk", flat=True)
        deque(rows.iterator(), maxlen=0)

    def holding_tokens(self) -> int:
        """How many warehouse tokens are out and hold for these sessions."""
        grants = self.model.warehouse_grants.rel.related_model._default_manager.holding()
        return grants.filter(session__in=self.order_by().values("pk")).count()
