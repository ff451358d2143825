"""The page of the warehouses that a confined person manages: an assign page whose rows are `ManagedWarehouse`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import BooleanField, Count, Exists, F, OuterRef, QuerySet, Value
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from assignments.admin.assign_pages import AssignPage, PickerView, page_urls
from assignments.admin.edit_conflicts import History
from assignments.admin.period_pages import SetPeriodForm
from assignments.admin.picker import Choice, Elsewhere, Saved, ended_assignment
from assignments.admin.warehouse_picker import WarehousePicker, listed_warehouses
from assignments.models import ManagedWarehouse
from assignments.models.bulk_writes import AssignedCounts
from assignments.models.managed_warehouse import outlasts
from config.back_office.list_return import return_path
from config.back_office.periods import in_words
from config.database.periods import Period, not_ended
from config.identifiers import parse_key, parse_uuid
from users.models import User
from users.sign_in.company_accounts import hint_of_warehouses
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
    taken = gettext_lazy("Meanwhile “%(what)s” was also taken by %(who)s.")
    given = gettext_lazy("Meanwhile “%(what)s” was also given by %(who)s.")


class ManagedPicker(WarehousePicker):
    """The warehouses that a confined person manages. A confined viewer gives and takes those that they manage."""

    @classmethod
    def find(cls, uuid: str, viewer: User) -> ManagedPicker | None:
        people = User.objects.listed().visible_to(viewer).filter(is_confined=True, is_warehouse_user=False)
        person = people.filter(uuid=parse_uuid(uuid)).first()
        return cls(person, viewer) if person else None

    def may(self, action: str) -> bool:
        is_other, viewer = self.user.pk != self.viewer.pk, self.viewer
        return is_other and viewer.may_somewhere(_RIGHT) and self.user.may_be_changed_by(viewer)

    def available(self) -> QuerySet[Any]:
        managed = ManagedWarehouse.objects.filter(user=self.user, warehouse=OuterRef("pk"))
        others = Warehouse.objects.visible_to(self.viewer).filter(~Exists(managed.filter(not_ended())))
        return listed_warehouses(others, ended_assignment(managed))

    def assigned(self) -> QuerySet[Any]:
        seen = Warehouse.objects.visible_to(self.viewer)
        return listed_warehouses(
            seen.filter(not_ended("managed_warehouses__"), managed_warehouses__user=self.user), _MANAGED
        )

    def history(self) -> History:
        return ManagedHistory("warehouse", self.viewer, user_id=self.user.pk)

    def current(self) -> None:
        return None

    def elsewhere(self) -> Elsewhere:
        if not self.viewer.is_confined:
            return Elsewhere()
        others = self.user.managed_warehouses.filter(not_ended()).exclude(warehouse__in=self.viewer.managed)
        return Elsewhere(**others.aggregate(assigned=Count("pk")))

    def hint(self) -> str:
        return hint_of_warehouses(self.user, self.viewer)

    def save(self, choice: Choice) -> Saved:
        """Raises PermissionDenied if the person may not be changed any more, as they are under the lock, and
        ValidationError if a confined viewer gives a warehouse for longer than they manage it themselves.
        """
        with transaction.atomic():
            self._lock()
            conflicts = self.history().changes_since(choice.seen)
            seen = Warehouse.objects.visible_to(self.viewer)
            add, remove = (list(seen.filter(pk__in=keys)) for keys in (choice.assign, choice.deassign))
            self._check_end(add, choice.period)
            given, taken = ManagedWarehouse.objects.set_for(self.user, add=add, remove=remove, period=choice.period)
        return Saved(AssignedCounts(given, taken), len(choice.assign) - len(add), conflicts)

    def row(self, key: int | None) -> ManagedWarehouse | None:
        """The row with this key, if it is not over and the viewer sees it."""
        rows = ManagedWarehouse.objects.visible_to(self.viewer).filter(not_ended(), user=self.user, pk=key)
        return rows.select_related("warehouse").first()

    def period_url(self, assignment: int) -> str:
        return reverse("admin:assignments_managed_period", args=[self.user.uuid], query={"row": assignment})

    def set_period(self, key: int | None, period: Period, seen: int | None) -> list[str] | None:
        """Changes the period of a row. Returns what others have changed since; None if it is not there any more.

        Raises as `save`.
        """
        with transaction.atomic():
            self._lock()
            conflicts = self.history().changes_since(seen)
            row = self.row(key)
            if row is None:
                return None
            self._check_end([row.warehouse], period)
            ManagedWarehouse.objects.set_for(self.user, add=[row.warehouse], remove=[], period=period)
        return conflicts

    def _lock(self) -> None:
        self.user = User.objects.locked().get(pk=self.user.pk)
        if not self.may("change"):
            raise PermissionDenied

    def _check_end(self, given: list[Warehouse], period: Period) -> None:
        for one in given:
            if outlasts(self.viewer, one.pk, period):
                text = _("You manage “%(name)s” %(period)s. Give it for no longer than that. Nothing was changed.")
                end = self.viewer.managed_until[one.pk]
                raise ValidationError(text, params={"name": one, "period": in_words(Period(None, end))})


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
        "tick": gettext_lazy("Manage"),
        "ticked": gettext_lazy("Manages"),
    },
    right="users.view_user",
    saved=gettext_lazy("Managed warehouses are updated."),
    done=gettext_lazy("%(assigned)s given, %(deassigned)s taken."),
)


class PeriodView(PickerView):
    """Changes the period of one managed warehouse, which the query or the form names."""

    picker: ManagedPicker

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        return self._page(None)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        row = self.picker.row(self._key)
        form = SetPeriodForm(request.POST, stored=row.period) if row else None
        if form is None or not form.is_valid():
            return self._page(form)
        try:
            seen = parse_key(request.POST.get("seen"))
            conflicts = self.picker.set_period(self._key, form.cleaned_data["period"], seen)
        except ValidationError as refusal:
            form.add_error("until_day", refusal)
            return self._page(form)
        if conflicts is None:
            return self._gone()
        messages.success(request, _("The period is changed."))
        for text in conflicts:
            messages.warning(request, text)
        return HttpResponseRedirect(self._back)

    @property
    def _key(self) -> int | None:
        return parse_key(self.request.POST.get("row") or self.request.GET.get("row"))

    @property
    def _back(self) -> str:
        return return_path(self.request) or reverse(f"admin:{MANAGED_WAREHOUSES.name}", args=[self.picker.user.uuid])

    def _gone(self) -> HttpResponse:
        messages.error(self.request, _("They do not manage this warehouse any more. Nothing was changed."))
        return HttpResponseRedirect(self._back)

    def _page(self, form: SetPeriodForm | None) -> HttpResponse:
        if not self.picker.may("change"):
            raise PermissionDenied
        row = self.picker.row(self._key)
        if row is None:
            return self._gone()
        return self.model_admin.render_page(
            self.request,
            "admin/assignments/managed_period.html",
            _("Set period: %(warehouse)s") % {"warehouse": row.warehouse},
            row=row,
            name=self.picker.name,
            period=in_words(row.period),
            seen=self.picker.history().newest(),
            form=form or SetPeriodForm(stored=row.period),
            back=self._back,
        )


def urls(model_admin: Any) -> Iterator[URLPattern]:
    yield from page_urls(MANAGED_WAREHOUSES, model_admin)
    view: Any = PeriodView.as_view(model_admin=model_admin, assign_page=MANAGED_WAREHOUSES)
    route = f"{MANAGED_WAREHOUSES.route}period/"
    yield path(route, model_admin.admin_site.admin_view(view), name="assignments_managed_period")
