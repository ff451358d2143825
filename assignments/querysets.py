"""Which assignments there are to be found, and by what."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models
from django.db.models.fields.tuple_lookups import TupleIn
from django.db.models.functions import Coalesce

from config.statements import Given
from users.models import User
from warehouses.models import Warehouse

#: As many people, and as many warehouses, a search of assignments looks into.
_MAX_FOUND = 100


class FindingAssignments(models.QuerySet[Any]):
    def visible_to(self, user: User) -> Any:
        """All rows for those who see everyone; else the user's own. A row not visible is a row not there."""
        return self if user.sees_everyone else self.filter(user=user)

    def with_what_is_shown(self, *also: str) -> Any:
        """Along with person and warehouse: the columns that documents and write methods read, and no more."""
        own = ("uuid", "is_active", *also)
        of_person = ("user__uuid", "user__email", "user__first_name", "user__last_name", "user__status")
        of_warehouse = ("warehouse__uuid", "warehouse__name", "warehouse__is_active")
        return self.select_related("user", "warehouse").only(*own, *of_person, *of_warehouse)

    def found(self, text: str, *, by_email: bool = True) -> Any:
        """Of the people whose e-mail or names begin so, and in the warehouses with this in their name.

        Looks at a hundred of each: who searches in vain for more should search for more letters.
        """
        places = Warehouse.objects.filter(name__icontains=text.strip()).order_by("pk").values_list("pk", flat=True)
        found_people = list(User.objects.found(text, _MAX_FOUND, by_email=by_email))
        found_places = list(places[:_MAX_FOUND])
        return self.filter(models.Q(user__in=found_people) | models.Q(warehouse__in=found_places))

    def granting(self, user_id: int | Given) -> Any:
        """The row that grants this person a warehouse token: one or none."""
        return self.filter(
            user_id=user_id,
            user__is_warehouse_user=True,
            user__status=User.Status.ACTIVE,
            is_active=True,
            warehouse__is_active=True,
        ).select_related("warehouse")

    def of_pairs(self, wanted: list[tuple[int, int]]) -> Any:
        """Those of these people to these warehouses, by (user id, warehouse id)."""
        return self.filter(TupleIn((models.F("user_id"), models.F("warehouse_id")), wanted)) if wanted else self.none()

    def where_stand(self, people: Iterable[User]) -> Any:
        """Where these people stand now."""
        return self.filter(user__in=people, is_active=True).select_related("warehouse")

    def number_in(self, warehouse: models.OuterRef) -> Coalesce:
        """How many of these are in the warehouse of an outer query.

        Counted for each row that PostgreSQL looks at, also for those that a page skips: ask for few.
        """
        rows = self.filter(warehouse=warehouse).order_by().values("warehouse")
        return Coalesce(models.Subquery(rows.annotate(people=models.Count("*")).values("people")), 0)

    def of_listed_people(self) -> Any:
        """All but those of the deleted."""
        return self.exclude(user__status=User.Status.DELETED)
