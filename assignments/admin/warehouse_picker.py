"""The lists of the assign pages: the warehouses of a user, and the users of a warehouse."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import CharField, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat, Lower
from django.utils.translation import gettext_lazy

from assignments.admin import edit_conflicts
from assignments.admin.picker import OPEN_ASSIGNMENT, Choice, Picker, Saved, ended_assignment
from assignments.forms import NO_WAREHOUSE
from assignments.models import WarehouseUserAssignment
from assignments.querysets import active
from config.database.periods import not_ended
from config.identifiers import parse_uuid
from users.models import User
from users.querysets import PEOPLE, PEOPLE_BY_NAME, active_account
from warehouses.models import WAREHOUSES, Warehouse


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

    def __init__(self, user: User, *, with_emails: bool) -> None:
        self.subject = self.user = user
        self.with_emails = with_emails

    @classmethod
    def find(cls, uuid: str, *, with_emails: bool) -> Picker | None:
        user = User.objects.listed().filter(uuid=parse_uuid(uuid)).first()
        return cls(user, with_emails=with_emails) if user and user.may_be_assigned else None

    @property
    def name(self) -> str:
        return self.user.email if self.with_emails else self.user.get_full_name()

    def available(self) -> QuerySet[Any]:
        assignments = WarehouseUserAssignment.objects.filter(user=self.user, warehouse=OuterRef("pk"))
        available = Warehouse.objects.filter(~Exists(assignments.not_ended()))
        return _warehouses(available, ended_assignment(assignments))

    def assigned(self) -> QuerySet[Any]:
        assigned = Warehouse.objects.filter(not_ended("assignments__"), assignments__user=self.user)
        return _warehouses(assigned, OPEN_ASSIGNMENT)

    def history(self) -> edit_conflicts.History:
        return edit_conflicts.History("warehouse", with_emails=self.with_emails, user_id=self.user.pk)

    def current(self) -> Warehouse | None:
        return Warehouse.objects.filter(active("assignments__"), assignments__user=self.user).first()

    def save(self, choice: Choice) -> Saved:
        with transaction.atomic():
            User.objects.locked().get(pk=self.user.pk)  # before the history is read
            conflicts = self.history().changes_since(choice.seen)
            before = self.current()
            add = list(Warehouse.objects.filter(pk__in=choice.assign))
            remove = list(Warehouse.objects.filter(pk__in=choice.deassign))
            counts = WarehouseUserAssignment.objects.set_warehouses(
                self.user, add=add, remove=remove, period=choice.period
            )
            is_set = self._set_current(choice.current)
            current = self.current()
        left_out = len(choice.assign) - len(add)
        return Saved(counts, left_out, conflicts, not is_set, is_switched=before != current, current=current)

    def _set_current(self, current: str) -> bool:
        """Returns false if the warehouse is not assigned."""
        if current == NO_WAREHOUSE:
            for row in self.user.assignments.filter(is_active=True):
                row.deactivate()
        elif current:
            assignment = self.user.assignments.filter(warehouse=int(current)).first()
            if assignment is None:
                return False
            assignment.activate()
        return True


class PeoplePicker(Picker):
    """The users of a warehouse."""

    max_rows = 1_000
    order = {"id": "pk", "name": "sorted_name"}
    status_words = {True: User.Status.ACTIVE.label, False: gettext_lazy("Not active")}

    def __init__(self, warehouse: Warehouse, *, with_emails: bool) -> None:
        self.subject = self.warehouse = warehouse
        self.with_emails = with_emails
        self.searched = PEOPLE if with_emails else PEOPLE_BY_NAME
        name = gettext_lazy("Name")
        names = {"name": gettext_lazy("E-mail"), "also": name} if with_emails else {"name": name}
        self.columns = {"id": gettext_lazy("User ID"), **names, "status": gettext_lazy("Status")}
        self.search_label = (
            gettext_lazy("Search by e-mail, name or ID") if with_emails else gettext_lazy("Search by name or ID")
        )

    @classmethod
    def find(cls, uuid: str, *, with_emails: bool) -> Picker | None:
        warehouse = Warehouse.objects.filter(uuid=parse_uuid(uuid)).first()
        return cls(warehouse, with_emails=with_emails) if warehouse else None

    @property
    def name(self) -> str:
        return self.warehouse.name

    def available(self) -> QuerySet[Any]:
        people = User.objects.listed().filter(is_warehouse_user=True)
        assignments = WarehouseUserAssignment.objects.filter(warehouse=self.warehouse, user=OuterRef("pk"))
        available = people.filter(~Exists(assignments.not_ended()))
        return _people(available, ended_assignment(assignments), with_emails=self.with_emails)

    def assigned(self) -> QuerySet[Any]:
        people = User.objects.listed().filter(not_ended("assignments__"), assignments__warehouse=self.warehouse)
        return _people(people, OPEN_ASSIGNMENT, with_emails=self.with_emails)

    def history(self) -> edit_conflicts.History:
        return edit_conflicts.History("user", with_emails=self.with_emails, warehouse_id=self.warehouse.pk)

    def save(self, choice: Choice) -> Saved:
        selected = choice.assign | choice.deassign
        with transaction.atomic():
            people = User.objects.locked().filter(pk__in=selected).order_by("pk")
            assignable = [person for person in people if person.may_be_assigned]
            conflicts = self.history().changes_since(choice.seen)
            counts = WarehouseUserAssignment.objects.set_people(
                self.warehouse,
                add=[person for person in assignable if person.pk in choice.assign],
                remove=[person for person in assignable if person.pk in choice.deassign],
                period=choice.period,
            )
        return Saved(counts, len(selected) - len(assignable), conflicts)


def _warehouses(rows: QuerySet[Any], assignment: dict[str, Any]) -> QuerySet[Any]:
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
