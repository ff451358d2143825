"""Which warehouses a confined Back Office user manages, and for how long."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from django.db import models, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from assignments import errors
from assignments.models.state import InWarehouse
from config.database.periods import ALWAYS, Period, current, not_ended
from config.history.tracking import tracked
from config.rule_errors import RuleError
from users.models import User
from warehouses.models import Warehouse


def outlasts(by: User, warehouse: int, period: Period) -> bool:
    """Whether a confined person would give a warehouse for longer than they manage it themselves."""
    end = by.managed_until.get(warehouse) if by.is_confined else None
    return end is not None and (period.ends_at is None or period.ends_at > end)


class ManagedWarehouseQuerySet(models.QuerySet[Any]):
    """The write methods lock the person first, as `User.confirm_authority` relies on."""

    def current(self) -> Any:
        """The rows whose period is now."""
        return self.filter(current())

    def visible_to(self, user: User) -> Any:
        """All rows; for a confined person, those of the warehouses that they manage."""
        return self.filter(warehouse__in=user.managed) if user.is_confined else self

    def any_exists(self, warehouses: Collection[int]) -> bool:
        """Whether one of these warehouses was not deleted."""
        return Warehouse.objects.filter(pk__in=warehouses).exists()

    def set_for(
        self, person: User, *, add: Collection[Warehouse], remove: Collection[Warehouse], period: Period = ALWAYS
    ) -> tuple[int, int]:
        """Gives a person warehouses to manage for this period, and takes others. Returns the two numbers.

        Those that were deleted are left out. The period of one that they have already is changed. Raises RuleError 5208
        for an invalid period.
        """
        if not period.is_valid:
            raise RuleError(errors.INVALID_PERIOD)
        with transaction.atomic():
            User.objects.locked().get(pk=person.pk)
            there = _locked({one.pk for one in (*add, *remove)})
            taken, _per_model = self.filter(user=person, warehouse__in=remove).delete()
            given = [
                self.model(user=person, warehouse=one, starts_at=period[0], ends_at=period[1])
                for one in add
                if one.pk in there
            ]
            self._give(given)
        return len(given), taken

    def set_named(self, person: User, wanted: Collection[str], owned: Collection[str]) -> set[str]:
        """Has a person, who is locked, manage the wanted ones of the owned warehouses without bounds; others are left.

        Both are names or UUIDs. Returns those of the wanted that do not exist. Writes nothing if nothing differs.
        """
        named = Warehouse.objects.by_names_or_uuids(owned)
        to_manage = {named[text] for text in wanted if text in named}
        stored = {row.warehouse_id: row.period for row in self.filter(user=person)}
        add = [one for one in to_manage if stored.get(one.pk) != ALWAYS]
        remove = [one for one in {*named.values()} - to_manage if one.pk in stored]
        if add or remove:
            self.set_for(person, add=add, remove=remove)
        return {*wanted} - named.keys()

    def set_exactly(self, wanted: Mapping[int, Collection[int]]) -> None:
        """Has people manage these warehouses and no others: keys of people → keys of warehouses.

        Rows that are not over stay as they are, others have no bounds. Warehouses that were deleted are left out. One
        statement deletes and one inserts, whatever the number of people.
        """
        with transaction.atomic():
            len(User.objects.locked().filter(pk__in=wanted).order_by("pk").only("pk"))
            there = _locked({pk for pks in wanted.values() for pk in pks})
            rows = {(user, house) for user, houses in wanted.items() for house in houses if house in there}
            managed = self.filter(not_ended(), user__in=wanted).values_list("pk", "user_id", "warehouse_id")
            stored = {(user, house): pk for pk, user, house in managed}
            self.filter(pk__in=[pk for key, pk in stored.items() if key not in rows]).delete()
            self._give([self.model(user_id=user, warehouse_id=house) for user, house in sorted(rows - stored.keys())])

    def _give(self, rows: list[Any]) -> None:
        """Inserts the rows, or changes the periods of those that are there."""
        changed = ["starts_at", "ends_at"]
        self.bulk_create(rows, update_conflicts=True, unique_fields=["user", "warehouse"], update_fields=changed)


def _locked(warehouses: Collection[int]) -> set[int]:
    """Locks these warehouses in the order of their keys. Returns those that are there."""
    rows = Warehouse.objects.select_for_update(no_key=True).filter(pk__in=warehouses).order_by("pk")
    return {*rows.values_list("pk", flat=True)}


@tracked(exclude=["created_at"])
class ManagedWarehouse(InWarehouse, models.Model):
    """One warehouse that one person manages. It counts only while `User.is_confined`."""

    history_seen_with: ClassVar[str] = "users.view_user"
    history_labels: ClassVar[dict[str, Any]] = {"insert": _("Management given"), "delete": _("Management taken")}

    user = models.ForeignKey(User, models.CASCADE, verbose_name=_("user"), related_name="managed_warehouses")
    warehouse = models.ForeignKey(
        Warehouse, models.CASCADE, verbose_name=_("warehouse"), related_name="managed_warehouses"
    )
    #: The period, half-open; None: without a bound. Outside of it the row counts for nothing.
    starts_at = models.DateTimeField(_("from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ManagedWarehouseQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        verbose_name = _("managed warehouse")
        verbose_name_plural = _("managed warehouses")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["user", "warehouse"], name="managed_warehouse_unique"),
            models.CheckConstraint(
                condition=models.Q(starts_at__lt=models.F("ends_at")), name="managed_warehouse_period_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user.get_full_name()} → {self.warehouse}"
