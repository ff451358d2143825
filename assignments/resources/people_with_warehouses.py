"""The sheet of people with their warehouses: one row for each person."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from assignments.models import ManagedWarehouse, WarehouseUserAssignment
from assignments.resources.managed import ManagedWidget, managed_by, shown
from assignments.resources.related import WarehousesWidget, WarehouseWidget, set_active, warnings_about
from config.database.periods import not_ended
from config.spreadsheets.columns import Column, names_in
from config.text import email_key, normal_name
from users.models.user import EMAIL_REFUSED
from users.resources.user import NOT_CONFINED, UserResource
from warehouses.models import Warehouse


class PersonResource(UserResource):
    """The sheet of users, with two more columns. It assigns warehouses and never takes one away."""

    warehouses = Column(
        "assigned",
        pgettext_lazy("column", "warehouses"),
        explanation=gettext_lazy(
            "Names of warehouses to assign, with a semicolon or a line break between them. "
            "Warehouses that are not named here stay assigned."
        ),
        example="North Dock; River Annex",
        has_several_names=True,
        widget=WarehousesWidget(),
    )
    works_in = Column(
        "workplace",
        pgettext_lazy("column", "works_in"),
        explanation=gettext_lazy(
            "The one warehouse where the person works now. It is assigned if it is not yet. "
            "Empty: they work where they work already. New: nowhere."
        ),
        example="North Dock",
        aliases=("works_now_in", "arbeitet_jetzt_in"),
        normal=normal_name,
        widget=WarehouseWidget(),
    )

    manages = Column(
        "manages",
        pgettext_lazy("column", "manages"),
        explanation=gettext_lazy(
            "Of a Back Office user: the names of the warehouses where their rights count, with a semicolon or a line "
            "break between them, or everywhere, or nowhere. Only who has rights everywhere changes it. New: everywhere."
        ),
        has_several_names=True,
        widget=ManagedWidget(),
    )

    file_name = "people"
    variant = "warehouses"
    informative = tuple(one for one in UserResource.informative if one.name != "works_now_in")
    rights_to_import = (
        "users.view_user",
        "assignments.add_warehouseuserassignment",
        "assignments.change_warehouseuserassignment",
    )
    not_for_oneself = (*UserResource.not_for_oneself, "manages")
    assigning = frozenset({"warehouses", "works_in"})
    rights_to_export = ("assignments.view_warehouseuserassignment",)

    class Meta(UserResource.Meta):
        fields = (*UserResource.Meta.fields, "warehouses", "works_in", "manages")

    @classmethod
    def title(cls) -> Any:
        return gettext_lazy("users and their warehouses")

    # --- Export ---
    @classmethod
    def exported(cls, rows: Any, viewer: Any) -> Any:
        seen = WarehouseUserAssignment.objects.visible_to(viewer)
        assigned = seen.not_ended().filter(user=OuterRef("pk")).order_by("warehouse__name")
        people = super().exported(rows, viewer)
        managed = ManagedWarehouse.objects.filter(not_ended(), user=OuterRef("pk")).visible_to(viewer)
        return people.annotate(
            warehouse_names=ArraySubquery(assigned.values("warehouse__name")),
            managed_names=ArraySubquery(managed.values("warehouse__name")),
        )

    # --- Import ---
    def __init__(self, importer: Any = None, **options: Any) -> None:
        super().__init__(importer, **options)
        #: User id and warehouse id of the assignments that a batch names and that are not over → whether they have
        #: begun; and user id → current warehouse.
        self._assigned: dict[tuple[int, int], bool] = {}
        self._workplaces: dict[int, Warehouse] = {}
        self._wanted: list[tuple[int, int, bool]] = []
        #: User id → names, and user id → ids of the warehouses that they are to manage.
        self._managed: dict[int, tuple[str, ...]] = {}
        self._to_manage: dict[int, list[int]] = {}

    def prefetch(self, rows: list[dict[str, str]]) -> None:
        """Four queries per batch, one if a confined person is in it, and some for unknown names of warehouses."""
        super().prefetch(rows)
        named = [(name, row) for row in rows for name in _names_of(row)]
        several, *others = (self.fields[name].widget for name in ("warehouses", "works_in", "manages"))
        managed = (name for row in rows for name in others[-1].names(row.get("manages", "")))
        several.prefetch(chain((name for name, _row in named), managed), self.importer)
        for one in others:
            one.found, one.suggested = several.found, several.suggested
        ends = [(self.get_instance(None, row), several.get(name)) for name, row in named]
        keys = [(person.pk, warehouse.pk) for person, warehouse in ends if person and warehouse]
        assigned = WarehouseUserAssignment.objects.not_ended().with_is_current().with_keys(keys)
        self._assigned = {row[:2]: row[2] for row in assigned.values_list("user_id", "warehouse_id", "is_current")}
        self._managed = managed_by(self._people.values(), self.importer)
        active = WarehouseUserAssignment.objects.visible_to(self.importer).active_of(self._people.values())
        self._workplaces = {row.user_id: row.warehouse for row in active}

    def prepare(self, instance: Any) -> None:
        """`assigned` are the warehouses of an exported row, and those that an imported row adds."""
        super().prepare(instance)
        is_exported = hasattr(instance, "warehouse_names")
        instance.assigned = tuple(instance.warehouse_names) if is_exported else ()
        instance.workplace = instance.current_warehouse if is_exported else self._workplaces.get(instance.pk)
        names = instance.managed_names if is_exported else self._managed.get(instance.pk, ())
        instance.manages = shown(instance, names, self.importer) if instance.pk else ""

    def import_field(self, field: Any, instance: Any, row: Any, is_m2m: bool = False, **kwargs: Any) -> None:
        super().import_field(field, instance, row, is_m2m, **kwargs)
        if field.column_name == "works_in":  # the last column
            workplace = [instance.workplace] if row.get("works_in") and instance.workplace else []
            named = dict.fromkeys((*instance.assigned, *workplace))
            instance.assigned = tuple(one for one in named if (instance.pk, one.pk) not in self._assigned)

    def rules(self, instance: Any, row: dict[str, str], changed: set[str]) -> Iterator[tuple[str, str]]:
        yield from super().rules(instance, row, changed)
        if self._rows_of(instance) and not instance.is_warehouse_user:
            column = "warehouses" if row.get("warehouses") else "works_in"
            words = _("Only warehouse users have warehouses. Write yes in the column %(heading)s, or leave this empty.")
            yield column, words % {"heading": self._headings["is_warehouse_user"]}

        if instance.workplace and self._assigned.get((instance.pk, instance.workplace.pk)) is False:
            yield "works_in", _("Their assignment to this warehouse has not begun yet.")
        if "manages" in changed and instance.manages != "":
            yield from self._rules_of_managing(instance)

    def _rules_of_managing(self, instance: Any) -> Iterator[tuple[str, str]]:
        if self.importer.is_confined:
            yield "manages", str(NOT_CONFINED)
        elif instance.is_warehouse_user:
            yield "manages", _("Only Back Office users manage warehouses. Leave this empty.")
        elif instance.is_superuser and instance.manages is not None:
            yield "manages", _("A superuser has all rights everywhere.")

    def rules_of_hiring(self, person: Any, row: dict[str, str]) -> Iterator[tuple[str, str]]:
        if email_key(row["email"]) in self.hidden:
            yield "email", str(EMAIL_REFUSED)
        if not (row.get("warehouses") or row.get("works_in")):
            yield "warehouses", _("Write at least one of your warehouses: you create users only there.")

    def _rows_of(self, instance: Any) -> list[tuple[Warehouse, bool]]:
        """The assignments to write, each with whether it is the current one."""
        workplace = instance.workplace
        rows = [(one, one == workplace) for one in instance.assigned]
        is_new = workplace is not None and workplace != self._values.get("works_in")
        return [*rows, (workplace, True)] if is_new and workplace not in instance.assigned else rows

    def side_effects(self, instance: Any) -> list[tuple[str, str, str]]:
        """A warning about the new current warehouse."""
        current = (warehouse for warehouse, is_active in self._rows_of(instance) if is_active)
        return [warning for warehouse in current for warning in warnings_about(warehouse)]

    def save_instance(self, instance: Any, is_create: bool, row: Any, **kwargs: Any) -> None:
        instance.rows = self._rows_of(instance)
        instance.is_managing = "manages" in self._changed and instance.manages != ""
        if instance.is_managing:
            instance.is_confined = instance.manages is not None
            found = self.fields["manages"].widget
            instance.to_manage = [found.get(name).pk for name in instance.manages or ()]
        super().save_instance(instance, is_create, row, **kwargs)

    def write(self) -> None:
        super().write()
        confined = (person for person, _is_new in self.pending if person.is_managing and person.is_confined)
        self._to_manage |= {person.pk: person.to_manage for person in confined}
        self._wanted += [(person.pk, one.pk, active) for person, _is_new in self.pending for one, active in person.rows]

    def finish(self) -> None:
        if self._to_manage:
            ManagedWarehouse.objects.set_exactly(self._to_manage)
        set_active(self._wanted)
        super().finish()


def _names_of(row: dict[str, str]) -> list[str]:
    return [*names_in(row.get("warehouses", "")), row.get("works_in", "")]
