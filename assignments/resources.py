"""Assignments as rows of a sheet: who is assigned where, and who stands where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from import_export.widgets import Widget

from assignments.models import WarehouseUserAssignment
from config.spreadsheets.cells import YesNoWidget
from config.spreadsheets.columns import Column
from config.spreadsheets.resources import SheetResource
from users.models import User
from warehouses.models import Warehouse

EXAMPLE = "jo.miller@example.com"


class Known(Widget):
    """Names something that must be there already. What the batch names is put in before it."""

    found: dict[str, Any] = {}

    def __init__(self, shown: str, missing: Any) -> None:
        super().__init__()
        self.shown = shown
        self.missing = missing

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> Any:
        if (found := self.found.get(self.key(value))) is None:
            raise ValueError(self.missing)
        return found

    def key(self, value: str) -> str:
        return value

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return "" if value is None else str(getattr(value, self.shown))


class KnownPerson(Known):
    def key(self, value: str) -> str:
        return value.lower()


class AssignmentResource(SheetResource):
    """One row is one warehouse of one person. What the file does not name stays as it is."""

    email = Column(
        "user",
        pgettext_lazy("column", "email"),
        explanation=gettext_lazy("The e-mail of a warehouse user who is there already."),
        example=EXAMPLE,
        aliases=("mail", "user", "benutzer", "lagerbenutzer"),
        is_required=True,
        ignores_case=True,
        widget=KnownPerson(
            "email", gettext_lazy("There is no user with this e-mail. Check the spelling, or import users first.")
        ),
    )
    warehouse = Column(
        "warehouse",
        pgettext_lazy("column", "warehouse"),
        explanation=gettext_lazy("The name of a warehouse, spelt as in the Back Office."),
        example="North Dock",
        is_required=True,
        widget=Known("name", gettext_lazy("There is no warehouse with this name. Check the spelling.")),
    )
    active = Column(
        "stands_here",
        pgettext_lazy("column", "active"),
        explanation=gettext_lazy("yes: the person stands here now, and nowhere else. At most one yes per person."),
        example=pgettext_lazy("cell", "no"),
        aliases=("is_active",),
        widget=YesNoWidget(),
    )

    key = ("email", "warehouse")

    class Meta(SheetResource.Meta):
        model = WarehouseUserAssignment
        fields = ("email", "warehouse", "active")
        clean_model_instances = False  # it would ask the database for each person and warehouse once more

    def __init__(self, importer: Any = None, *, is_applied: bool = False) -> None:
        super().__init__(importer, is_applied=is_applied)
        self._rows: dict[tuple[int, int], WarehouseUserAssignment] = {}
        self._standing: dict[int, WarehouseUserAssignment] = {}
        #: Person → row of the file that says where they stand.
        self._told: dict[int, int] = {}
        self._wanted: list[tuple[int, int, bool]] = []

    # --- Out ---
    @classmethod
    def exported(cls, rows: Any) -> Any:
        """The assignments to export, with what their rows need."""
        fields = ("is_active", "user__email", "warehouse__name")
        return rows.of_listed_people().select_related("user", "warehouse").only(*fields)

    # --- In ---
    def prefetch(self, rows: list[dict[str, str]]) -> None:
        """Four queries, however many rows."""
        people = User.objects.by_emails(row["email"] for row in rows)
        by_email = {person.email.lower(): person for person in people}
        by_name = {place.name: place for place in Warehouse.objects.filter(name__in={row["warehouse"] for row in rows})}
        self.fields["email"].widget.found = by_email
        self.fields["warehouse"].widget.found = by_name
        keys = [self._ids(row) for row in rows]
        assignments = WarehouseUserAssignment.objects.of_pairs([key for key in keys if key is not None])
        self._rows = {(one.user_id, one.warehouse_id): one for one in assignments}
        standing = WarehouseUserAssignment.objects.where_stand(by_email.values())
        self._standing = {one.user_id: one for one in standing}

    def _ids(self, row: dict[str, str]) -> tuple[int, int] | None:
        person = self.fields["email"].widget.found.get(row["email"].lower())
        place = self.fields["warehouse"].widget.found.get(row["warehouse"])
        return (person.pk, place.pk) if person and place else None

    def get_instance(self, instance_loader: Any, row: dict[str, str]) -> WarehouseUserAssignment | None:
        ids = self._ids(row)
        found = self._rows.get(ids) if ids else None
        if found is not None:
            found.user = self.fields["email"].widget.found[row["email"].lower()]
            found.warehouse = self.fields["warehouse"].widget.found[row["warehouse"]]
        return found

    def prepare(self, instance: Any) -> None:
        instance.stands_here = instance.is_active

    def skip_row(self, instance: Any, original: Any, row: Any, import_validation_errors: Any = None) -> bool:
        self._twice_standing = self._told_before(instance, row)
        return super().skip_row(instance, original, row, import_validation_errors) and not self._twice_standing

    def _told_before(self, instance: Any, row: dict[str, Any]) -> list[tuple[str, str]]:
        if not (instance.user_id and instance.stands_here and row.get("active")):
            return []
        first = self._told.setdefault(instance.user_id, self._number)
        reason = _("A person can stand in one warehouse only, and row %(row)s says yes already.") % {"row": first}
        return [("active", reason)] if first != self._number else []

    def rules(self, instance: Any, row: dict[str, str], changed: set[str]) -> Iterator[tuple[str, str]]:
        if row["email"].lower() == EXAMPLE:
            yield "email", _("This is the example of the template. Write your own people over it.")
        elif instance.user_id and not instance.user.may_be_assigned:
            yield "email", _("This user is not a warehouse user, or is deleted. Make them a warehouse user first.")
        yield from self._twice_standing

    def label(self, instance: Any) -> str:
        return f"{instance.user.email} · {instance.warehouse.name}"

    def side_effects(self, instance: Any) -> list[tuple[str, str, str]]:
        """Standing here means leaving another place."""
        left = self._standing.get(instance.user_id)
        if not instance.stands_here or left is None or left.warehouse_id == instance.warehouse_id:
            return []
        return [(_("leaves"), "", left.warehouse.name)]

    def write(self) -> None:
        """Not yet: what one row switches, a later row must still find as it was when the person looked."""
        self._wanted += [(one.user_id, one.warehouse_id, one.stands_here) for one, _is_new in self.pending]

    def finish(self) -> None:
        WarehouseUserAssignment.objects.set_many(self._wanted)
