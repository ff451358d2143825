"""The lists of the assign pages: the warehouses of a user, and the users of a warehouse."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.aggregates import BoolOr
from django.db import transaction
from django.db.models import CharField, Count, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Concat, Lower
from django.utils.translation import gettext_lazy

from assignments.admin import edit_conflicts
from assignments.admin.picker import OPEN_ASSIGNMENT, Choice, Elsewhere, Picker, Saved, ended_assignment
from assignments.forms import NO_WAREHOUSE
from assignments.models import WarehouseUserAssignment
from assignments.querysets import active
from config.database.periods import not_ended
from config.identifiers import parse_uuid
from users.models import User
from users.querysets import PEOPLE, PEOPLE_BY_NAME, active_account
from warehouses.models import WAREHOUSES, Warehouse

_RIGHT = "assignments.{}_warehouseuserassignment"


class WarehousePicker(Picker):
    """The warehouses of a user."""

    searched = WAREHOUSES
    max_rows = 50_000
    columns = {
        "id": gettext_lazy("Warehouse ID"),
        "name": gettext_lazy("Name"),
        "status": gettext_lazy("Status"),
    }
    order = {"id": "pk", "name": "sorted_name", "status": "is_off"}
    search_label = gettext_lazy("Search by name or ID")
    status_words = {True: gettext_lazy("Available"), False: gettext_lazy("Not available")}

    def __init__(self, user: User, viewer: User) -> None:
        self.subject = self.user = user
        self.viewer = viewer

    @classmethod
    def find(cls, uuid: str, viewer: User) -> Picker | None:
        user = User.objects.listed().visible_to(viewer).filter(uuid=parse_uuid(uuid)).first()
        return cls(user, viewer) if user and user.may_be_assigned else None

    def may(self, action: str) -> bool:
        """In one of the warehouses: `save` asks for each."""
        return self.viewer.may_somewhere(_RIGHT.format(action))

    @property
    def name(self) -> str:
        return self.user.email if self.with_emails else self.user.get_full_name()

    def available(self) -> QuerySet[Any]:
        assignments = WarehouseUserAssignment.objects.filter(user=self.user, warehouse=OuterRef("pk"))
        available = Warehouse.objects.visible_to(self.viewer).filter(~Exists(assignments.not_ended()))
        return listed_warehouses(available, ended_assignment(assignments))

    def assigned(self) -> QuerySet[Any]:
        own = Warehouse.objects.visible_to(self.viewer)
        assigned = own.filter(not_ended("assignments__"), assignments__user=self.user)
        return listed_warehouses(assigned, OPEN_ASSIGNMENT)

    def history(self) -> edit_conflicts.History:
        return edit_conflicts.History("warehouse", self.viewer, user_id=self.user.pk)

    def current(self) -> Warehouse | None:
        own = Warehouse.objects.visible_to(self.viewer)
        return own.filter(active("assignments__"), assignments__user=self.user).first()

    def elsewhere(self) -> Elsewhere:
        """One query for a confined viewer, none for others."""
        if not self.viewer.is_confined:
            return Elsewhere()
        others = self.user.assignments.not_ended().exclude(warehouse__in=self.viewer.managed)
        working = Exists(WarehouseUserAssignment.objects.working().filter(pk=OuterRef("pk")))
        return Elsewhere(**others.aggregate(assigned=Count("pk"), works=Coalesce(BoolOr(working), False)))

    def is_in_sight(self) -> bool:
        viewer = self.viewer
        return not viewer.is_confined or User.objects.visible_to(viewer).filter(pk=self.user.pk).exists()

    def save(self, choice: Choice) -> Saved:
        with transaction.atomic():
            User.objects.locked().get(pk=self.user.pk)  # before the history is read
            conflicts = self.history().changes_since(choice.seen)
            before = self.current()
            add = self._allowed("add", choice.assign)
            remove = self._allowed("delete", choice.deassign)
            counts = WarehouseUserAssignment.objects.set_warehouses(
                self.user, add=add, remove=remove, period=choice.period
            )
            is_set = self._set_current(choice.current)
            current = self.current()
        left_out = len(choice.assign) - len(add)
        return Saved(counts, left_out, conflicts, not is_set, is_switched=before != current, current=current)

    def _allowed(self, action: str, pks: set[int]) -> list[Warehouse]:
        """Those of these warehouses in which the viewer may do this; the others are as missing ones."""
        right = _RIGHT.format(action)
        return [one for one in Warehouse.objects.filter(pk__in=pks) if self.viewer.may(right, one)]

    def _set_current(self, current: str) -> bool:
        """Returns false if the warehouse is not assigned."""
        if not current:
            return True
        chosen = Q(is_active=True) if current == NO_WAREHOUSE else Q(warehouse=int(current))
        rows = self.user.assignments.filter(chosen)
        allowed = [row for row in rows if self.viewer.may(_RIGHT.format("change"), row)]
        for row in allowed:
            row.deactivate() if current == NO_WAREHOUSE else row.activate()
        return bool(allowed) or current == NO_WAREHOUSE


class PeoplePicker(Picker):
    """The users of a warehouse."""

    max_rows = 1_000
    order = {"id": "pk", "name": "sorted_name"}
    status_words = {True: User.Status.ACTIVE.label, False: gettext_lazy("Not active")}

    def __init__(self, warehouse: Warehouse, viewer: User) -> None:
        self.subject = self.warehouse = warehouse
        self.viewer = viewer
        with_emails = self.with_emails
        self.searched = PEOPLE if with_emails else PEOPLE_BY_NAME
        name = gettext_lazy("Name")
        names = {"name": gettext_lazy("E-mail"), "also": name} if with_emails else {"name": name}
        self.columns = {"id": gettext_lazy("User ID"), **names, "status": gettext_lazy("Status")}
        self.search_label = (
            gettext_lazy("Search by e-mail, name or ID") if with_emails else gettext_lazy("Search by name or ID")
        )

    @classmethod
    def find(cls, uuid: str, viewer: User) -> Picker | None:
        warehouse = Warehouse.objects.visible_to(viewer).filter(uuid=parse_uuid(uuid)).first()
        return cls(warehouse, viewer) if warehouse else None

    def may(self, action: str) -> bool:
        return self.viewer.may(_RIGHT.format(action), self.warehouse)

    @property
    def name(self) -> str:
        return self.warehouse.name

    def available(self) -> QuerySet[Any]:
        people = User.objects.listed().visible_to(self.viewer).filter(is_warehouse_user=True)
        assignments = WarehouseUserAssignment.objects.filter(warehouse=self.warehouse, user=OuterRef("pk"))
        available = people.filter(~Exists(assignments.not_ended()))
        return _people(available, ended_assignment(assignments), with_emails=self.with_emails)

    def assigned(self) -> QuerySet[Any]:
        people = User.objects.listed().filter(not_ended("assignments__"), assignments__warehouse=self.warehouse)
        return _people(people, OPEN_ASSIGNMENT, with_emails=self.with_emails)

    def history(self) -> edit_conflicts.History:
        return edit_conflicts.History("user", self.viewer, warehouse_id=self.warehouse.pk)

    def save(self, choice: Choice) -> Saved:
        selected = choice.assign | choice.deassign
        with transaction.atomic():
            people = User.objects.locked().visible_to(self.viewer).filter(pk__in=selected).order_by("pk")
            assignable = [person for person in people if person.may_be_assigned]
            conflicts = self.history().changes_since(choice.seen)
            counts = WarehouseUserAssignment.objects.set_people(
                self.warehouse,
                add=[person for person in assignable if person.pk in choice.assign],
                remove=[person for person in assignable if person.pk in choice.deassign],
                period=choice.period,
            )
        return Saved(counts, len(selected) - len(assignable), conflicts)


def listed_warehouses(rows: QuerySet[Any], assignment: dict[str, Any]) -> QuerySet[Any]:
    return rows.annotate(
        title=F("name"),
        also=Value(""),
        works=F("is_active"),
        **assignment,
        kept=Value(False),
        sorted_name=Lower("name"),
        is_off=~Q(is_active=True),
    )


def _people(rows: QuerySet[Any], assignment: dict[str, Any], *, with_emails: bool) -> QuerySet[Any]:
    """`kept` marks users who are no warehouse users any more: the write methods refuse to change their assignments."""
    name = Concat("first_name", Value(" "), "last_name", output_field=CharField())
    return rows.annotate(
        title=F("email") if with_emails else name,
        also=name if with_emails else Value(""),
        works=active_account(),
        **assignment,
        kept=~Q(is_warehouse_user=True),
        sorted_name=Lower("email" if with_emails else "last_name"),  # each has an index
        is_off=~active_account(),
    )
