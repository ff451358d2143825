"""The page of the warehouses that a confined person manages: an assign page whose rows are `ManagedWarehouse`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import BooleanField, Count, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Lower
from django.urls import URLPattern
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from assignments.admin.assign_pages import AssignPage, page_urls
from assignments.admin.edit_conflicts import History
from assignments.admin.picker import Choice, Elsewhere, Saved, ended_assignment
from assignments.admin.warehouse_picker import WarehousePicker
from assignments.models import ManagedWarehouse
from assignments.models.bulk_writes import AssignedCounts
from assignments.models.managed_warehouse import outlasts
from config.back_office.periods import in_words
from config.database.periods import Period, not_ended
from config.identifiers import parse_uuid
from users.models import User
from warehouses.models import Warehouse

#: Whoever may change the person gives and takes, nobody for themselves.
_RIGHT = "users.change_user"

_MANAGED = {
    "here": Value(False, BooleanField()),
    "starts_at": F("managed_warehouses__starts_at"),
    "ends_at": F("managed_warehouses__ends_at"),
    "assignment": F("managed_warehouses"),
}


class ManagedHistory(History):
    """The recorded managed warehouses of one person."""

    model = ManagedWarehouse


class ManagedPicker(WarehousePicker):
    """The warehouses that a confined person manages. A confined viewer gives and takes those that they manage."""

    @classmethod
    def find(cls, uuid: str, viewer: User) -> ManagedPicker | None:
        people = User.objects.listed().visible_to(viewer).filter(is_confined=True, is_warehouse_user=False)
        person = people.filter(uuid=parse_uuid(uuid)).first()
        return cls(person, viewer) if person else None

    def may(self, action: str) -> bool:
        is_other, viewer = self.user.pk != self.viewer.pk, self.viewer
        return is_other and action != "change" and viewer.may_somewhere(_RIGHT) and self.user.may_be_changed_by(viewer)

    def available(self) -> QuerySet[Any]:
        managed = ManagedWarehouse.objects.filter(user=self.user, warehouse=OuterRef("pk"))
        others = Warehouse.objects.visible_to(self.viewer).filter(~Exists(managed.filter(not_ended())))
        return _rows(others, ended_assignment(managed))

    def assigned(self) -> QuerySet[Any]:
        seen = Warehouse.objects.visible_to(self.viewer)
        return _rows(seen.filter(not_ended("managed_warehouses__"), managed_warehouses__user=self.user), _MANAGED)

    def history(self) -> History:
        return ManagedHistory("warehouse", self.viewer, user_id=self.user.pk)

    def current(self) -> None:
        return None

    def elsewhere(self) -> Elsewhere:
        if not self.viewer.is_confined:
            return Elsewhere()
        others = self.user.managed_warehouses.filter(not_ended()).exclude(warehouse__in=self.viewer.managed)
        return Elsewhere(**others.aggregate(assigned=Count("pk")))

    def save(self, choice: Choice) -> Saved:
        """Raises PermissionDenied if the person may not be changed any more, as they are under the lock, and
        ValidationError if a confined viewer gives a warehouse for longer than they manage it themselves.
        """
        with transaction.atomic():
            self.user = User.objects.locked().get(pk=self.user.pk)
            if not self.may("add"):
                raise PermissionDenied
            conflicts = self.history().changes_since(choice.seen)
            seen = Warehouse.objects.visible_to(self.viewer)
            add, remove = (list(seen.filter(pk__in=keys)) for keys in (choice.assign, choice.deassign))
            self._check_end(add, choice.period)
            given, taken = ManagedWarehouse.objects.set_for(self.user, add=add, remove=remove, period=choice.period)
        return Saved(AssignedCounts(given, taken), len(choice.assign) - len(add), conflicts)

    def _check_end(self, given: list[Warehouse], period: Period) -> None:
        for one in given:
            if outlasts(self.viewer, one.pk, period):
                text = _("You manage “%(name)s” %(period)s. Give it for no longer than that. Nothing was changed.")
                end = self.viewer.managed_until[one.pk]
                raise ValidationError(text, params={"name": one, "period": in_words(Period(None, end))})


def _rows(warehouses: QuerySet[Any], managed: dict[str, Any]) -> QuerySet[Any]:
    return warehouses.annotate(
        title=F("name"),
        also=Value(""),
        works=F("is_active"),
        **managed,
        kept=Value(False),
        sorted_name=Lower("name"),
        is_off=~Q(is_active=True),
    )


MANAGED_WAREHOUSES = AssignPage(
    ManagedPicker,
    "managed/<str:uuid>/",
    "assignments_managed_warehouses",
    "admin:users_user_changelist",
    gettext_lazy("User could not be found."),
    gettext_lazy("Managed warehouses: %(user)s"),
    {
        "heading": gettext_lazy("List of warehouses"),
        "notice": gettext_lazy("Their rights in the Back Office count only for the warehouses that they manage."),
        "back_label": gettext_lazy("List Users"),
        "available": gettext_lazy("Select warehouses to manage"),
        "others": gettext_lazy("Other warehouses"),
        "to_assign": gettext_lazy("Warehouses to be given"),
        "assigned": gettext_lazy("Managed warehouses"),
        "to_deassign": gettext_lazy("Warehouses to be taken"),
        "chosen": gettext_lazy("Selected warehouses"),
        "unchosen": gettext_lazy("Deselected warehouses"),
        "has_current": False,
        "is_managing": True,
    },
    right="users.view_user",
    saved=gettext_lazy("Managed warehouses are updated."),
    done=gettext_lazy("%(assigned)s given, %(deassigned)s taken."),
)


def urls(model_admin: Any) -> Iterator[URLPattern]:
    yield from page_urls(MANAGED_WAREHOUSES, model_admin)
