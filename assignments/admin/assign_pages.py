"""The assign pages: warehouses of a person, and people of a warehouse. One view, two pickers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import TemplateView, View
from unfold.views import UnfoldModelAdminViewMixin

from assignments.admin.warehouse_picker import (
    ASSIGNED,
    AVAILABLE,
    Choice,
    PeoplePicker,
    Picker,
    PickerQuery,
    Saved,
    WarehousePicker,
)
from assignments.forms import SelectionForm
from config.identifiers import parse_key, parse_uuid
from config.rights import may_see_people
from config.rule_errors import RuleError
from users.models import User
from warehouses.models import Warehouse

#: Tells the page's script that what it sent is saved; without it, the selection is shown again.
SAVED = "#saved"


class Subject:
    """Finds the picker that a URL speaks of, for those who may see assignments. Else says so, back at the list."""

    picker: Picker
    request: HttpRequest
    model_admin: Any
    missing: ClassVar[str | Promise]
    back: ClassVar[str]

    def find(self, uuid: str) -> Picker | None:
        raise NotImplementedError

    @property
    def with_emails(self) -> bool:
        return may_see_people(self.request.user)

    def has_permission(self) -> bool:
        return bool(self.model_admin.has_view_permission(self.request))

    def dispatch(self, request: HttpRequest, *args: Any, uuid: str, **kwargs: Any) -> Any:
        self.request = request
        if not self.has_permission():
            raise PermissionDenied
        picker = self.find(uuid)
        if picker is None:
            return self.refuse()
        self.picker = picker
        return super().dispatch(request, *args, uuid=uuid, **kwargs)  # type: ignore[misc]

    def refuse(self) -> HttpResponse:
        messages.error(self.request, str(self.missing))
        return redirect(self.back)

    @cached_property
    def may_edit(self) -> bool:
        """One page assigns and deassigns, so it needs the right to both."""
        return self._has("add") and self._has("delete")

    @cached_property
    def may_switch(self) -> bool:
        return self._has("change")

    def _has(self, action: str) -> bool:
        user: Any = self.request.user
        return bool(user.has_perm(f"assignments.{action}_warehouseuserassignment"))


class PersonSubject(Subject):
    """A warehouse user."""

    missing = gettext_lazy("User could not be found.")
    back = "admin:users_user_changelist"

    def find(self, uuid: str) -> Picker | None:
        user = User.objects.listed().filter(uuid=parse_uuid(uuid)).first()
        return WarehousePicker(user, with_emails=self.with_emails) if user and user.may_be_assigned else None


class WarehouseSubject(Subject):
    """A warehouse."""

    missing = gettext_lazy("Warehouse could not be found.")
    back = "admin:warehouses_warehouse_changelist"

    def find(self, uuid: str) -> Picker | None:
        warehouse = Warehouse.objects.filter(uuid=parse_uuid(uuid)).first()
        return PeoplePicker(warehouse, with_emails=self.with_emails) if warehouse else None


class RowsView(Subject, View):
    """One page of a side as JSON; with `all`, every row that matches."""

    model_admin: Any = None

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        question = PickerQuery.parse(request.GET)
        if "all" in request.GET:
            return JsonResponse({"rows": self.picker.everything(question)})
        return JsonResponse(asdict(self.picker.page(question)))


class ChangesView(Subject, View):
    """What others changed since a page was made, for the page to ask while it is open."""

    model_admin: Any = None

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        seen = parse_key(request.GET.get("seen"))
        history = self.picker.history()
        newest = history.newest()
        known = newest if seen is None else seen
        return JsonResponse({"seen": newest, "changes": history.told_since(known) if newest > known else []})


class AssignView(Subject, UnfoldModelAdminViewMixin, TemplateView):
    """The page itself; posting it saves a selection by the write method."""

    template_name = "admin/assignments/assign.html"
    permission_required = ()
    updated: ClassVar[str | Promise] = gettext_lazy("Warehouse user assignments are updated.")
    #: Words that differ between the two pages.
    words: ClassVar[dict[str, Any]]
    url_name: ClassVar[str]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        form = SelectionForm(request.POST)
        if not form.is_valid():
            messages.error(request, _("The selection could not be read. Nothing was changed; please select again."))
            return self._again()
        if (form.selects and not self.may_edit) or (form.switches and not self.may_switch):
            raise PermissionDenied
        try:
            names = ("assign", "deassign", "standing", "seen")
            with transaction.atomic():
                saved = self.picker.save(Choice(**{name: form.cleaned_data[name] for name in names}))
                connection.check_constraints()  # what was deleted at the same moment is noticed here, not at the commit
            self._tell(saved)
            return self._again(SAVED)
        except RuleError:
            return self.refuse()
        except IntegrityError:
            messages.error(request, _("Something chosen was deleted meanwhile. Nothing was changed; please try again."))
        return self._again()

    def _again(self, fragment: str = "") -> HttpResponseRedirect:
        return HttpResponseRedirect(self.request.get_full_path() + fragment)

    def _tell(self, saved: Saved) -> None:
        assigned, deassigned = saved.change
        counts = _("%(assigned)s assigned, %(deassigned)s deassigned.") % {
            "assigned": assigned,
            "deassigned": deassigned,
        }
        messages.success(self.request, f"{self.updated} {counts}")
        if saved.left_out:
            text = ngettext(
                "%(count)s chosen row is not there any more and was left out.",
                "%(count)s chosen rows are not there any more and were left out.",
                saved.left_out,
            )
            messages.warning(self.request, text % {"count": saved.left_out})
        if saved.lost_standing:
            messages.warning(self.request, _("The warehouse to stand in is not assigned any more; nothing switched."))
        for text in saved.meanwhile:
            messages.warning(self.request, text)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        picker, question = self.picker, PickerQuery.parse(self.request.GET)
        available = self.words["available" if self.may_edit else "others"]
        return (
            super().get_context_data(**kwargs)
            | self.words
            | {
                "with_also": "also" in picker.columns,
                "columns": [(name, title, name in picker.order) for name, title in picker.columns.items()],
                "standing": picker.standing(),
                "seen": picker.history().newest(),
                "may_edit": self.may_edit,
                "may_switch": self.may_switch,
                "rows_url": reverse(f"{self.url_name}_rows", args=[picker.subject.uuid]),
                "changes_url": reverse(f"{self.url_name}_changes", args=[picker.subject.uuid]),
                "back_url": reverse(self.back),
                "question": question,
                "page": picker.page(question),
                "available": available,
                "sides": [(AVAILABLE, available), (ASSIGNED, self.words["assigned"])],
            }
        )


class AssignWarehousesPage(PersonSubject, AssignView):
    """`Assign Warehouse to User: <e-mail>` (contract section 5.4)."""

    url_name = "admin:assignments_assign_warehouses"
    words = {
        "heading": gettext_lazy("List of warehouses"),
        "notice": gettext_lazy("A warehouse can be assigned to multiple users at a time."),
        "back_label": gettext_lazy("List Users"),
        "available": gettext_lazy("Select warehouses to assign"),
        "others": gettext_lazy("Other warehouses"),
        "to_assign": gettext_lazy("Warehouses to be assigned"),
        "assigned": gettext_lazy("Assigned warehouses"),
        "to_deassign": gettext_lazy("Warehouses to be deassigned"),
        "chosen": gettext_lazy("Selected warehouses"),
        "unchosen": gettext_lazy("Deselected warehouses"),
        "search_label": gettext_lazy("Search by name or ID"),
        "switches": True,
    }

    @property
    def title(self) -> str:
        person: Any = self.picker.subject
        return _("Assign Warehouse to User: %(user)s") % {
            "user": person.email if self.with_emails else person.get_full_name()
        }


class AssignPeoplePage(WarehouseSubject, AssignView):
    """The mirror: from a warehouse, who works there."""

    url_name = "admin:assignments_assign_people"
    words = {
        "heading": gettext_lazy("List of warehouse users"),
        "notice": gettext_lazy("A warehouse user can be assigned to multiple warehouses at a time."),
        "back_label": gettext_lazy("List Warehouses"),
        "available": gettext_lazy("Select warehouse users to assign"),
        "others": gettext_lazy("Other warehouse users"),
        "to_assign": gettext_lazy("Warehouse users to be assigned"),
        "assigned": gettext_lazy("Assigned warehouse users"),
        "to_deassign": gettext_lazy("Warehouse users to be deassigned"),
        "chosen": gettext_lazy("Selected warehouse users"),
        "unchosen": gettext_lazy("Deselected warehouse users"),
        "search_label": gettext_lazy("Search by the beginning of an e-mail or name, or by ID"),
        "switches": False,
    }

    @property
    def title(self) -> str:
        return _("Assign Users to Warehouse: %(warehouse)s") % {"warehouse": self.picker.subject}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        words = {} if self.with_emails else {"search_label": _("Search by the beginning of a name, or by ID")}
        return super().get_context_data(**kwargs) | words


class WarehouseRows(PersonSubject, RowsView):
    """Warehouses for the page of a person."""


class WarehouseChanges(PersonSubject, ChangesView):
    """Changes for the page of a person."""


class PeopleRows(WarehouseSubject, RowsView):
    """People for the page of a warehouse."""


class PeopleChanges(WarehouseSubject, ChangesView):
    """Changes for the page of a warehouse."""
