"""The sheet of assignments: one row for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from assignments.models import WarehouseUserAssignment
from assignments.resources.related import RelatedWidget, WarehouseWidget, set_active, warnings_about
from config.back_office.periods import UNTIL_BEFORE_FROM, first_day, last_day, period_of
from config.database.periods import Period, database_now
from config.spreadsheets.cells import UNLIMITED, DayWidget, YesNoWidget
from config.spreadsheets.columns import Column, InformativeColumn, date_cell
from config.spreadsheets.resources import SheetResource
from config.text import email_key, normal_email, normal_name
from users.models import User
from warehouses.models import Warehouse

EXAMPLE = "jo.miller@example.com"
#: In place of the name of a warehouse that a confined importer does not manage.
ANOTHER = gettext_lazy("another warehouse")
_STATUSES = {
    User.Status.ACTIVE: pgettext_lazy("cell", "active"),
    User.Status.BLOCKED: pgettext_lazy("cell", "deactivated"),
}


class AssignmentResource(SheetResource):
    """One row per assignment. Assignments that the file does not name stay as they are."""

    email = Column(
        "user",
        pgettext_lazy("column", "email"),
        explanation=gettext_lazy("The e-mail of a warehouse user who is there already."),
        example=EXAMPLE,
        aliases=("mail", "user", "benutzer", "lagerbenutzer"),
        is_required=True,
        normal=normal_email,
        ignores_case=True,
        widget=RelatedWidget(
            "email",
            gettext_lazy("There is no user with this e-mail. Check the spelling, or import users first."),
            email_key,
        ),
    )
    warehouse = Column(
        "warehouse",
        pgettext_lazy("column", "warehouse"),
        explanation=gettext_lazy("The name of a warehouse, in upper or lower case."),
        example="North Dock",
        is_required=True,
        normal=normal_name,
        ignores_case=True,
        widget=WarehouseWidget(),
    )
    active = Column(
        "is_active_in_file",
        pgettext_lazy("column", "active"),
        explanation=gettext_lazy("yes: this is the current warehouse of the person. At most one yes per person."),
        example=pgettext_lazy("cell", "no"),
        aliases=("is_active",),
        widget=YesNoWidget(),
    )

    from_day = Column(
        "from_day",
        pgettext_lazy("column", "from"),
        explanation=gettext_lazy("The first day of the assignment: year-month-day. unlimited: since ever."),
        example="2026-11-30",
        blank=UNLIMITED,
        aliases=("starts_at", "starts_on", "ab", "beginn"),
        widget=DayWidget(),
    )
    until_day = Column(
        "until_day",
        pgettext_lazy("column", "until"),
        explanation=gettext_lazy("Its last day: year-month-day. unlimited: it does not end."),
        example="2027-01-31",
        blank=UNLIMITED,
        aliases=("ends_at", "ends_on", "ende"),
        widget=DayWidget(),
    )

    file_name = "assignments"
    # Sheets contain e-mails, and faults show which do not exist.
    rights_to_import = rights_to_export = ("users.view_user",)
    informative = (
        InformativeColumn("first_name", pgettext_lazy("column", "first_name"), lambda row: row.user.first_name),
        InformativeColumn("last_name", pgettext_lazy("column", "last_name"), lambda row: row.user.last_name),
        InformativeColumn(
            "status", pgettext_lazy("column", "status"), lambda row: str(_STATUSES.get(row.user.status, ""))
        ),
        InformativeColumn("assigned_on", pgettext_lazy("column", "assigned_on"), lambda row: date_cell(row.created_at)),
    )
    key = ("email", "warehouse")

    class Meta(SheetResource.Meta):
        model = WarehouseUserAssignment
        fields = ("email", "warehouse", "active", "from_day", "until_day")
        clean_model_instances = False  # it would query each user and warehouse again

    def __init__(self, importer: Any = None, **options: Any) -> None:
        super().__init__(importer, **options)
        #: The assignments of a batch, and the active ones of its users.
        self._assignments: dict[tuple[int, int], WarehouseUserAssignment] = {}
        self._active: dict[int, WarehouseUserAssignment] = {}
        #: User id → number of the first row of the file with "yes".
        self._active_rows: dict[int, int] = {}
        self._wanted: list[tuple[int, int, bool]] = []
        #: User id and warehouse id → period.
        self._new_periods: dict[tuple[int, int], Period] = {}
        self._changed_periods: dict[tuple[int, int], Period] = {}

    # --- Export ---
    @classmethod
    def exported(cls, rows: Any, viewer: Any) -> Any:
        of_account = ("email", "first_name", "last_name", "status", "employed_until", "is_warehouse_user")
        of_user = (f"user__{name}" for name in of_account)
        own = ("is_active", "starts_at", "ends_at", "created_at", "warehouse__name", "warehouse__is_active")
        return rows.of_listed_people().with_state().only(*own, *of_user)

    # --- Import ---
    def prefetch(self, rows: list[dict[str, str]]) -> None:
        """Five queries per batch, and some for unknown names of warehouses, of which a file has a maximum."""
        people = User.objects.by_emails(row["email"] for row in rows)
        users = self.seen({email_key(user.email): user for user in people})
        self.fields["email"].widget.found = users
        self.fields["warehouse"].widget.prefetch((row["warehouse"] for row in rows), self.importer)
        self._now = database_now()
        related = [(user.pk, warehouse.pk) for user, warehouse in map(self._related, rows) if user and warehouse]
        assignments = WarehouseUserAssignment.objects.with_is_current().with_keys(related)
        self._assignments = {(one.user_id, one.warehouse_id): one for one in assignments}
        self._active = {one.user_id: one for one in WarehouseUserAssignment.objects.active_of(users.values())}

    def _related(self, row: dict[str, str]) -> tuple[User | None, Warehouse | None]:
        return self.fields["email"].widget.get(row["email"]), self.fields["warehouse"].widget.get(row["warehouse"])

    def get_instance(self, instance_loader: Any, row: dict[str, str]) -> WarehouseUserAssignment | None:
        user, warehouse = self._related(row)
        if user is None or warehouse is None:
            return None
        found = self._assignments.get((user.pk, warehouse.pk))
        if found:
            found.user, found.warehouse = user, warehouse
        return found

    def prepare(self, instance: Any) -> None:
        instance.is_active_in_file = instance.works_now
        instance.from_day, instance.until_day = first_day(instance.period), last_day(instance.period)

    def skip_row(self, instance: Any, original: Any, row: Any, import_validation_errors: Any = None) -> bool:
        """An assignment that is over is renewed by a row without a last day. One that is not now is not active."""
        is_over = instance.ends_at is not None and instance.ends_at <= self._now
        if is_over and not row.get("until_day"):
            instance.until_day = None
            instance.from_day = instance.from_day if row.get("from_day") else None
        if not (row.get("active") or self._period_of(instance).includes(self._now)):
            instance.is_active_in_file = False
        self._second_active = self._second_active_of(instance, row)
        return super().skip_row(instance, original, row, import_validation_errors) and not self._second_active

    def _period_of(self, instance: Any) -> Period:
        """As the row of the file says."""
        return period_of(instance.from_day, instance.until_day, instance.period)

    def _second_active_of(self, instance: Any, row: dict[str, Any]) -> list[tuple[str, str]]:
        """Column and reason if an earlier row makes another warehouse of the user the current one."""
        if not (instance.user_id and instance.is_active_in_file and row.get("active")):
            return []
        first = self._active_rows.setdefault(instance.user_id, self._number)
        reason = _("A person works in one warehouse at a time, and row %(row)s says yes already.") % {"row": first}
        return [("active", reason)] if first != self._number else []

    def rules(self, instance: Any, row: dict[str, str], changed: set[str]) -> Iterator[tuple[str, str]]:
        if email_key(row["email"]) == EXAMPLE:
            yield "email", _("This is the example of the template. Write your own people over it.")
        elif instance.user_id and not instance.user.may_be_assigned:
            yield "email", _("This user is not a warehouse user, or is deleted. Make them a warehouse user first.")
        yield from self._second_active
        period = self._period_of(instance)
        if not period.is_valid:
            yield ("until_day" if row.get("until_day") else "from_day"), str(UNTIL_BEFORE_FROM)
        elif instance.is_active_in_file and not period.includes(self._now):
            yield "active", _("They cannot work there now: the assignment has not begun or is over.")

    def label(self, instance: Any) -> str:
        return f"{instance.user.email} · {instance.warehouse.name}"

    def side_effects(self, instance: Any) -> list[tuple[str, str, str]]:
        """The previous current warehouse, which an activation replaces, and a warning about the new one."""
        if not instance.is_active_in_file:
            return []
        previous = self._active.get(instance.user_id)
        leaves = previous is not None and previous.warehouse_id != instance.warehouse_id
        found = [(_("leaves"), "", self._seen_name(previous.warehouse))] if previous and leaves else []
        return found + warnings_about(instance.warehouse)

    def _seen_name(self, warehouse: Warehouse) -> str:
        is_seen = not self.importer.is_confined or warehouse.pk in self.importer.managed
        return warehouse.name if is_seen else str(ANOTHER)

    def save_instance(self, instance: Any, is_create: bool, row: Any, **kwargs: Any) -> None:
        instance.is_switched = is_create or "active" in self._changed
        super().save_instance(instance, is_create, row, **kwargs)

    def write(self) -> None:
        """Nothing is written before `finish`: later rows are compared with the state that the preview showed."""
        for one, is_new in self.pending:
            key, period = (one.user_id, one.warehouse_id), self._period_of(one)
            if one.is_switched:
                self._wanted.append((*key, one.is_active_in_file))
            if is_new:
                self._new_periods[key] = period
            elif period != one.period:
                self._changed_periods[key] = period

    def finish(self) -> None:
        WarehouseUserAssignment.objects.set_periods(self._changed_periods)
        set_active(self._wanted, self._new_periods)
