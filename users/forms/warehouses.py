"""Forms that assign warehouses to people, new ones or many."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteMixin, AutocompleteSelect, AutocompleteSelectMultiple
from django.db import connection
from django.utils.translation import gettext_lazy as _

from assignments.models import WarehouseUserAssignment
from config.back_office.periods import PeriodForm
from config.history.pages import ReasonFormMixin
from config.identifiers import parse_key
from users.account_actions import LeftOut
from users.forms.person import UserForm
from users.models import User
from warehouses.models import Warehouse

_WAREHOUSE = WarehouseUserAssignment._meta.get_field("warehouse")


class _OnlyKeys(AutocompleteMixin):
    """Shows a refused form again without values that are no keys, which Django would pass to the database."""

    class Media:
        js = ("users/picker_labels.js",)

    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        return super().optgroups(name, [one for one in value if parse_key(one) is not None], attr)


class _OneWarehouse(_OnlyKeys, AutocompleteSelect):
    pass


class _ManyWarehouses(_OnlyKeys, AutocompleteSelectMultiple):
    pass


class HireForm(PeriodForm, UserForm):
    """Create a person together with their warehouses and the period there, for users who may assign them.

    A confined user hires warehouse users for warehouses that they manage.
    """

    current = forms.ModelChoiceField(
        label=_("Works in"),
        queryset=Warehouse.objects.all(),
        required=False,
        widget=_OneWarehouse(_WAREHOUSE, admin.site),
        help_text=_("The current warehouse, where they work from the first day. It is assigned, too."),
    )
    warehouses = forms.ModelMultipleChoiceField(
        label=_("Other warehouses"),
        queryset=Warehouse.objects.all(),
        required=False,
        widget=_ManyWarehouses(_WAREHOUSE, admin.site),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("current", "warehouses"):
            field: Any = self.fields[name]
            field.queryset = Warehouse.objects.visible_to(self.actor)
        if self.actor.is_confined:
            self.instance.is_warehouse_user = True

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if self.actor.is_confined and not (data.get("current") or data.get("warehouses") or self.errors):
            self.add_error("current", _("Choose at least one of your warehouses, here or below."))
        for name in ("current", "warehouses"):
            if data.get(name) and not data.get("is_warehouse_user", self.instance.is_warehouse_user):
                self.add_error(name, LeftOut.NO_WAREHOUSE_USER.label)
        if data.get("current") and data["period"].is_valid and not data["period"].is_current:
            self.add_error("current", _("They cannot work there now: the period below is not now. Leave this empty."))
        return data

    def assign_warehouses(self) -> None:
        """After the person is saved, in the same transaction."""
        current, others = self.cleaned_data["current"], self.cleaned_data["warehouses"]
        chosen = {*others, *([current] if current else [])}
        rows = sorted((self.instance.pk, one.pk, one == current) for one in chosen)
        periods = {row[:2]: self.cleaned_data["period"] for row in rows}
        WarehouseUserAssignment.objects.set_active(rows, periods)
        connection.check_constraints()  # raises IntegrityError here if a warehouse was deleted


class ReasonForm(ReasonFormMixin):
    """The form of confirmation pages."""


class WarehousesForm(PeriodForm, ReasonFormMixin):
    """Warehouses to assign to many people, in an autocomplete field, and the period there."""

    field_order = ("warehouses", "from_day", "until_day", "change_reason")

    warehouses = forms.ModelMultipleChoiceField(
        label=_("Warehouses"),
        queryset=Warehouse.objects.all(),
        widget=_ManyWarehouses(_WAREHOUSE, admin.site),
    )

    def __init__(self, *args: Any, actor: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered: Any = self.fields["warehouses"]
        offered.queryset = Warehouse.objects.visible_to(actor)
