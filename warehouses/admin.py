"""The Back Office's pages of warehouses (contract 5.5)."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, ProtectedError, QuerySet, Value
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.widgets import INPUT_CLASSES

from assignments.models import WarehouseUserAssignment
from config.back_office.authority import require
from config.back_office.list_return import list_query, preserved_query
from config.back_office.lists.filters import OptionsFilter
from config.back_office.model_admin import ModelAdmin
from config.back_office.rights import may_see_people, shows_emails
from config.database.periods import ended
from config.database.search import by_id
from config.history.edit_conflicts import EditConflictAdminMixin
from config.history.pages import MAX_NAMED, SUBJECTS, HistoryAdminMixin, HistorySubject, ReasonFormMixin
from warehouses.forms import DeleteForm, WarehouseForm, named
from warehouses.models import WAREHOUSES, Warehouse

_IS_ACTIVE = _("Status")
#: Most people on the page of a warehouse, which links to the list of all.
MAX_SHOWN = 20


class AvailabilityFilter(OptionsFilter):
    title = _IS_ACTIVE
    parameter_name = "is_active"
    options = {
        "1": (_("Available"), lambda warehouses: warehouses.filter(is_active=True)),
        "0": (_("Not available"), lambda warehouses: warehouses.filter(is_active=False)),
    }


def _warehouses_for_history(text: str, viewer: Any) -> list[Warehouse]:
    """By name in upper or lower case or by id, else as lists search; deleted ones if there is no other."""
    houses = Warehouse.objects.visible_to(viewer)
    keys = houses.by_names([text]).values_list("pk", flat=True) or by_id(houses, text)
    if found := keys or WAREHOUSES.found(houses, text, MAX_NAMED + 1):
        return list(houses.filter(pk__in=found))
    tracked: Any = Warehouse
    events = tracked.pgh_event_model.objects.filter(pgh_label="delete")
    events = events.none() if viewer.is_confined else events  # nobody manages them
    deleted = by_id(events, text, keys=("pgh_obj",)) or WAREHOUSES.found(events, text, MAX_NAMED + 1)
    if deleted:
        return [Warehouse(pk=gone.pgh_obj_id, name=gone.name) for gone in events.filter(pk__in=deleted)]
    return list(houses.filter(pk__in=WAREHOUSES.similar(houses, text, MAX_NAMED + 1)))


SUBJECTS["warehouse"] = HistorySubject(
    _("Warehouse concerned"),
    _("Name or ID"),
    _("No warehouse has the name or ID “%(text)s”."),
    _warehouses_for_history,
)


@admin.register(Warehouse)
class WarehouseAdmin(HistoryAdminMixin, EditConflictAdminMixin, ModelAdmin):
    form = WarehouseForm
    list_display_links = ("number", "name")
    list_filter = (AvailabilityFilter,)
    list_per_page = 50
    show_full_result_count = False
    searched = WAREHOUSES
    search_fields = ("name",)
    search_help_text = _("Search by name or ID")
    actions = None
    actions_list = ("create",)
    show_add_link = False
    actions_row = ("view_row", "edit_row", "people_row")
    actions_detail = ("view_row", "people_row")
    readonly_fields = ("identifier",)

    # --- The list -----------------------------------------------------------------------------------------------
    def get_list_display(self, request: HttpRequest) -> Any:
        return ("number", "name", "status", "assigned", "working", self.actions_row_column(request))

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Counts people in one query, for the rows of the page only."""
        page = super().get_changelist_instance(request)
        counted = _with_people(may_see=self.has_people_permission(request))
        people = counted.in_bulk([warehouse.pk for warehouse in page.result_list])
        page.result_list = [people.get(warehouse.pk, warehouse) for warehouse in page.result_list]
        return page

    @display(description=_("Warehouse ID"), ordering="id")
    def number(self, warehouse: Any) -> str:
        return str(warehouse.pk)

    @display(description=_IS_ACTIVE, ordering="is_active", label={True: "success", False: "warning"})
    def status(self, warehouse: Any) -> tuple[bool, Any]:
        return warehouse.is_active, _("Available") if warehouse.is_active else _("Not available")

    @display(description=_("People assigned"))
    def assigned(self, warehouse: Any) -> Any:
        return _figure(warehouse, getattr(warehouse, "assigned", 0), "&period=not-over")

    @display(description=_("Working here now"))
    def working(self, warehouse: Any) -> Any:
        return _figure(warehouse, getattr(warehouse, "working", 0), "&is_active__exact=1")

    def _with_people(self, request: HttpRequest, object_id: str) -> Any:
        found = self.get_object(request, object_id)
        return found and _with_people(may_see=self.has_people_permission(request)).filter(pk=found.pk).first()

    # --- Actions ------------------------------------------------------------------------------------------------
    @action(description=_("Create Warehouse"), url_path="create", icon="add", permissions=["add"])
    def create(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:warehouses_warehouse_add"))

    @action(description=_("View"), url_path="view", icon="visibility", permissions=["view"])
    def view_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The read-only page."""
        warehouse = self._with_people(request, object_id)
        if warehouse is None:
            return self.missing(request, object_id)
        context: dict[str, Any] = {"may_delete": self.has_delete_permission(request, warehouse)}
        context |= {"assigned": self.assigned(warehouse), "working": self.working(warehouse)}
        if warehouse.may_see_people:
            people = warehouse.assignments.with_state().current_first()
            context |= {"rows": people[:MAX_SHOWN], "with_emails": may_see_people(request.user)}
            context["input_classes"] = " ".join(INPUT_CLASSES)
        title = gettext("View Warehouse: %(name)s") % {"name": warehouse.name}
        return self._page(request, "admin/warehouses/view.html", title, warehouse, **context)

    def _page(self, request: HttpRequest, template: str, title: str, warehouse: Any, **context: Any) -> HttpResponse:
        context |= {
            "warehouse": warehouse,
            "original": warehouse,
            "people_url": _people_url(request, warehouse),
            "may_change": self.has_change_permission(request, warehouse),
        }
        return self.render_page(request, template, title, **context)

    @action(description=_("Edit"), url_path="edit", icon="edit", permissions=["change"])
    def edit_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        url = reverse("admin:warehouses_warehouse_change", args=[object_id])
        return HttpResponseRedirect(url + preserved_query(request))

    @action(description=_("People"), url_path="people", icon="groups", permissions=["people"])
    def people_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        warehouse = self.get_object(request, object_id)
        if warehouse is None:
            return self.missing(request, object_id)
        return HttpResponseRedirect(_people_url(request, warehouse))

    def has_people_permission(self, request: Any, obj: Any = None) -> bool:
        return bool(request.user.may_somewhere("assignments.view_warehouseuserassignment"))

    @display(description="UUID")
    def identifier(self, warehouse: Any) -> str:
        return str(warehouse.uuid)

    # --- Create and edit ----------------------------------------------------------------------------------------
    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The confirmation is a field only if the warehouse is to be deactivated."""
        asks = request.method == "POST" and obj is not None and request.POST.get("is_active") == "False"
        fields = ["name", "is_active", *(["confirmed"] if asks else []), "note", "change_reason"]
        if not self.has_change_permission(request, obj) and obj is not None:
            fields = ["name", "is_active", "note"]
        elif obj is not None:
            fields.append("seen")
        return ((None, {"fields": (*fields, "identifier") if obj else fields}),)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        viewer: Any = request.user
        told = {"with_emails": shows_emails(viewer), "tells_of_others": not viewer.is_confined}
        return type(form.__name__, (form,), told)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """`Save` is the only button."""
        context |= {"show_save_and_continue": False, "show_save_and_add_another": False}
        warehouse = context["original"]
        context["title"] = _title(warehouse, may_change=self.has_change_permission(request, warehouse))
        return super().render_change_form(request, context, *args, **kwargs)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        if "_popup" in request.POST:  # opened from another form
            return super().response_add(request, obj, post_url_continue)
        self.message_user(request, gettext("Warehouse has been successfully saved"), messages.SUCCESS)
        return self.response_post_save_add(request, obj)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        if "_popup" in request.POST:
            return super().response_change(request, obj)
        self.message_user(request, gettext("Warehouse has been successfully updated"), messages.SUCCESS)
        return self.response_post_save_change(request, obj)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.has_view_or_change_permission(request) and self.get_object(request, unquote(object_id)) is None:
            return self.missing(request, object_id)
        return super().change_view(request, object_id, *args, **kwargs)

    def missing(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.message_user(
            request, gettext("There is no warehouse with the ID “%(id)s”.") % {"id": object_id}, messages.ERROR
        )
        return HttpResponseRedirect(reverse("admin:warehouses_warehouse_changelist"))

    # --- Delete -------------------------------------------------------------------------------------------------
    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Asks for the name of the warehouse if it has assignments, which are then deleted, too."""
        warehouse = self._with_people(request, object_id)
        if warehouse is None:
            return self.missing(request, object_id)
        if not self.has_delete_permission(request, warehouse):
            raise PermissionDenied
        warehouse.assigned += warehouse.over  # which are deleted, too
        form = _delete_form(request, warehouse)
        if request.method == "POST" and form is not None and form.is_valid():
            return self._deleted(request, warehouse, with_assignments="name" in form.fields)
        title = gettext("Delete warehouse: %(name)s") % {"name": warehouse.name}
        names = named(warehouse, warehouse.working, with_emails=may_see_people(request.user))
        return self._page(request, "admin/warehouses/delete.html", title, warehouse, form=form, names=names)

    def _deleted(self, request: HttpRequest, warehouse: Any, *, with_assignments: bool) -> HttpResponse:
        try:
            people = warehouse.remove(with_assignments=with_assignments, once_locked=partial(require, request.user))
        except ProtectedError:
            message = gettext("Meanwhile somebody was assigned to this warehouse. Nothing was deleted.")
            self.message_user(request, message, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        except Warehouse.DoesNotExist:  # deleted by another request
            return self.missing(request, str(warehouse.pk))
        message = ngettext(
            "Warehouse “%(name)s” was deleted, and %(people)s assignment to it.",
            "Warehouse “%(name)s” was deleted, and %(people)s assignments to it.",
            people,
        ) % {"name": warehouse.name, "people": people}
        self.message_user(request, message, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:warehouses_warehouse_changelist") + list_query(request))


def _with_people(*, may_see: bool) -> QuerySet[Warehouse]:
    """Warehouses with the numbers of assignments that are `over` and that are not (`assigned`), which an index alone
    counts, and of the people who are `working` there now. `may_see` says whether the figures link to them.
    """
    assignments, warehouse = WarehouseUserAssignment.objects, OuterRef("pk")
    over = assignments.filter(ended()).number_in(warehouse)
    return Warehouse.objects.annotate(
        over=over,
        assigned=assignments.all().number_in(warehouse) - over,
        working=assignments.working().number_in(warehouse),
        may_see_people=Value(may_see),
    )


def _figure(warehouse: Any, number: int, also: str = "") -> Any:
    """A number of assignments, with a link to them for those who may view them."""
    if not getattr(warehouse, "may_see_people", False):
        return number
    url = f"{reverse('admin:assignments_warehouseuserassignment_changelist')}?warehouse__id__exact={warehouse.pk}{also}"
    return format_html('<a class="text-link" data-figure="{}" href="{}">{}</a>', number, url, number_format(number))


def _delete_form(request: Any, warehouse: Any) -> Any:
    """The confirmation; None if the user may not delete the assignments."""
    answers = request.POST if request.method == "POST" else None
    if not warehouse.assigned:
        return ReasonFormMixin(answers)
    if not request.user.may("assignments.delete_warehouseuserassignment", warehouse):
        return None
    return DeleteForm(answers, warehouse=warehouse)


def _title(warehouse: Any, *, may_change: bool) -> str:
    if warehouse is None:
        return gettext("Create Warehouse")
    return gettext("Edit Warehouse") if may_change else gettext("View Warehouse: %(name)s") % {"name": warehouse.name}


def _people_url(request: HttpRequest, warehouse: Any) -> str:
    return reverse("admin:assignments_assign_people", args=[warehouse.uuid]) + preserved_query(request)
