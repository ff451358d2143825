"""The assign pages: the warehouses of a user, and the users of a warehouse. The views are the same for both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import View

from assignments.admin.period_pages import NOT_CURRENT, is_not_current
from assignments.admin.picker import ASSIGNED, AVAILABLE, Choice, Picker, PickerQuery, Rows, Saved
from assignments.admin.warehouse_picker import PeoplePicker, WarehousePicker
from assignments.forms import SelectionForm
from config.back_office.list_return import list_query, return_path
from config.identifiers import parse_key
from config.rule_errors import RuleError
from warehouses.models import UNAVAILABLE

#: URL fragment that tells the page's script to forget the selection, because it is saved.
SAVED = "#saved"


_SAVED = gettext_lazy("Warehouse user assignments are updated.")
_DONE = gettext_lazy("%(assigned)s assigned, %(deassigned)s deassigned.")


@dataclass(frozen=True)
class AssignPage:
    """What differs between the pages."""

    picker: type[Picker]
    #: Prefix of the URLs, and name of the page's URL.
    route: str
    name: str
    list_url: str
    #: Message if the user or warehouse does not exist.
    missing: Promise
    title: Promise
    texts: dict[str, Any]
    #: The right to open the page.
    right: str = "assignments.view_warehouseuserassignment"
    #: The message after saving, and the numbers in it.
    saved: Promise = _SAVED
    done: Promise = _DONE


#: Contract section 5.4.
ASSIGN_WAREHOUSES = AssignPage(
    WarehousePicker,
    "user/<str:uuid>/",
    "assignments_assign_warehouses",
    "admin:users_user_changelist",
    gettext_lazy("User could not be found."),
    gettext_lazy("Assign Warehouse to User: %(user)s"),
    {
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
        "has_current": True,
        "tick": gettext_lazy("Assign"),
        "ticked": gettext_lazy("Assigned"),
    },
)
ASSIGN_PEOPLE = AssignPage(
    PeoplePicker,
    "warehouse/<str:uuid>/",
    "assignments_assign_people",
    "admin:warehouses_warehouse_changelist",
    gettext_lazy("Warehouse could not be found."),
    gettext_lazy("Assign Users to Warehouse: %(warehouse)s"),
    {
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
        "has_current": False,
        "tick": gettext_lazy("Assign"),
        "ticked": gettext_lazy("Assigned"),
    },
)


def urls(model_admin: Any) -> Iterator[URLPattern]:
    """The page, its rows and its changes, for both pages."""
    for page in (ASSIGN_WAREHOUSES, ASSIGN_PEOPLE):
        yield from page_urls(page, model_admin)


def page_urls(page: AssignPage, model_admin: Any) -> Iterator[URLPattern]:
    for view, route, name in (
        (AssignView, "", ""),
        (RowsView, "rows/", "_rows"),
        (ChangesView, "changes/", "_changes"),
    ):
        view_function: Any = view.as_view(model_admin=model_admin, assign_page=page)
        yield path(page.route + route, model_admin.admin_site.admin_view(view_function), name=page.name + name)


class PickerView(View):
    """Finds the picker of the URL's user or warehouse. Requires the page's right."""

    model_admin: Any = None
    assign_page: Any = None
    picker: Picker

    def dispatch(self, request: HttpRequest, *args: Any, uuid: str, **kwargs: Any) -> Any:
        user: Any = request.user
        if not user.may_somewhere(self.assign_page.right):
            raise PermissionDenied
        picker = self.assign_page.picker.find(uuid, user)
        if picker is None:
            return self.answer_as_missing()
        self.picker = picker
        return super().dispatch(request, *args, uuid=uuid, **kwargs)

    def answer_as_missing(self) -> HttpResponse:
        messages.error(self.request, str(self.assign_page.missing))
        return self.redirect_to_list()

    def redirect_to_list(self) -> HttpResponse:
        return redirect(reverse(self.assign_page.list_url) + list_query(self.request))


class RowsView(PickerView):
    """One page of a side as JSON; with `all`, every matching row."""

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        query = PickerQuery.parse(request.GET)
        if "all" in request.GET:
            return JsonResponse({"rows": self.picker.everything(query)})
        return JsonResponse(asdict(self.picker.page(query)))


class ChangesView(PickerView):
    """Changes by others since the page was rendered, as JSON. The script polls it."""

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        seen = parse_key(request.GET.get("seen"))
        history = self.picker.history()
        newest = history.newest()
        is_newer = seen is not None and newest > seen
        return JsonResponse({"seen": newest, "changes": history.changes_since(seen) if is_newer else []})


class AssignView(PickerView):
    """The page. POST saves a selection."""

    @cached_property
    def may_edit(self) -> bool:
        """One form assigns and deassigns, so it requires both permissions."""
        return self.picker.may("add") and self.picker.may("delete")

    @cached_property
    def may_switch(self) -> bool:
        return self.picker.may("change")

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        title = self.assign_page.title % {"user": self.picker.name, "warehouse": self.picker.name}
        return self.model_admin.render_page(request, "admin/assignments/assign.html", title, **self._context())

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        form = SelectionForm(request.POST)
        if not form.is_valid():
            return self._refuse(_refusal_of(form))
        if (form.changes_assignments and not self.may_edit) or (form.changes_current and not self.may_switch):
            raise PermissionDenied
        names = ("assign", "deassign", "current", "seen", "period")
        try:
            with transaction.atomic():
                saved = self.picker.save(Choice(**{name: form.cleaned_data[name] for name in names}))
                connection.check_constraints()  # raises IntegrityError here, not at the commit
        except RuleError as refusal:
            return self._refuse(NOT_CURRENT) if is_not_current(refusal) else self.answer_as_missing()
        except (IntegrityError, ValidationError) as refusal:
            return self._refuse(_why(refusal))
        self._add_messages(saved)
        if saved.counts.deassigned and not self.picker.is_in_sight():
            text = _("This person has no assignment in your warehouses any more: from now on you do not see them.")
            messages.info(self.request, text)
            return self.redirect_to_list()
        return self._redirect_to_page(SAVED)

    def _refuse(self, why: Any) -> HttpResponse:
        messages.error(self.request, str(why))
        return self._redirect_to_page()

    def _redirect_to_page(self, fragment: str = "") -> HttpResponseRedirect:
        return HttpResponseRedirect(return_path(self.request) or self.request.get_full_path() + fragment)

    def _add_messages(self, saved: Saved) -> None:
        messages.success(self.request, " ".join([str(self.assign_page.saved), *self._done(saved)]))
        if saved.is_unavailable:
            messages.warning(self.request, UNAVAILABLE % {"name": saved.current})
        if saved.left_out:
            text = ngettext(
                "%(count)s chosen row is not there any more and was left out.",
                "%(count)s chosen rows are not there any more and were left out.",
                saved.left_out,
            )
            messages.warning(self.request, text % {"count": saved.left_out})
        if saved.is_current_missing:
            text = _("The warehouse to activate is not assigned any more; the current warehouse was not changed.")
            messages.warning(self.request, text)
        for text in saved.conflicts:
            messages.warning(self.request, text)

    def _done(self, saved: Saved) -> Iterator[str]:
        """What was changed, in sentences."""
        if any(saved.counts) or not saved.is_switched:
            numbers = {"assigned": saved.counts.assigned, "deassigned": saved.counts.deassigned}
            yield str(self.assign_page.done % numbers)
        if saved.is_switched and saved.current:
            yield _("The current warehouse is %(name)s now.") % {"name": saved.current}
        elif saved.is_switched:
            yield _("There is no current warehouse now.")

    def _context(self) -> dict[str, Any]:
        page, picker, query = self.assign_page, self.picker, PickerQuery.parse(self.request.GET)
        available = page.texts["available" if self.may_edit else "others"]
        return page.texts | {
            "search_label": picker.search_label,
            "with_also": "also" in picker.columns,
            "columns": [(name, title, name in picker.order) for name, title in picker.columns.items()],
            "current": (current := picker.current()),
            "elsewhere": picker.elsewhere(),
            "hint": picker.hint(),
            "is_idle": current and not (current.is_active and picker.subject.is_active),
            "seen": picker.history().newest(),
            "may_edit": self.may_edit,
            "may_switch": self.may_switch,
            "period_url": picker.period_url(0) if self.may_switch else "",
            "period_form": SelectionForm(),
            "rows_url": reverse(f"admin:{page.name}_rows", args=[picker.subject.uuid]),
            "changes_url": reverse(f"admin:{page.name}_changes", args=[picker.subject.uuid]),
            "back_url": reverse(page.list_url) + list_query(self.request),
            "query": query,
            "page": self._page(query),
            "available": available,
            "sides": [(AVAILABLE, available), (ASSIGNED, page.texts["assigned"])],
            "opts": None,  # else the heading would be the model's
            "model_admin": self.model_admin,  # for the way back to its list in the heading
        }

    def _page(self, query: PickerQuery) -> Rows:
        """One page for browsers without scripts, whose rows have their links."""
        page = self.picker.page(query)
        for row in page.rows:
            row["period_url"] = self.picker.period_url(row["assignment"]) if row["assignment"] else ""
        return page


def _why(refusal: IntegrityError | ValidationError) -> str:
    if isinstance(refusal, ValidationError):
        return " ".join(refusal.messages)
    return _("Something chosen was deleted meanwhile. Nothing was changed; please try again.")


def _refusal_of(form: SelectionForm) -> str:
    """The faults of the dates, which people type, or that the selection could not be read."""
    days = [f"{day.label}: {text}" for day in form.days for text in day.errors]
    return " ".join(days) or _("The selection could not be read. Nothing was changed; please select again.")
