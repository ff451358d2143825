"""The Back Office's forms for warehouses."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.text import Truncator
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from config.history.edit_conflicts import EditConflictFormMixin
from config.history.pages import ReasonFormMixin
from warehouses.models import NAME_IN_USE, Warehouse

#: Most people that a message names. The others are counted.
MAX_NAMED_PEOPLE = 10


class WarehouseForm(EditConflictFormMixin, ReasonFormMixin, forms.ModelForm):
    """Create and edit (contract 5.5). Deactivating a warehouse in which people work requires a confirmation."""

    is_active = forms.TypedChoiceField(
        label=_("Is this warehouse available?"),
        choices=[(True, _("Yes")), (False, _("No"))],
        coerce=lambda text: text == "True",
        widget=UnfoldAdminRadioSelectWidget,
        initial=True,
    )
    confirmed = forms.BooleanField(
        label=_("Yes, switch this warehouse off"), required=False, widget=UnfoldBooleanWidget
    )

    #: Whether the reader may know that there is a warehouse which they do not see.
    tells_of_others = True

    class Meta:
        model = Warehouse
        fields = ("name", "is_active", "note")

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if Warehouse.objects.by_names([name]).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(NAME_IN_USE if self.tells_of_others else _("This name cannot be used."))
        return name

    def clean(self) -> dict[str, Any] | None:
        answers = super().clean() or {}
        deactivates = self.instance.pk and self.initial.get("is_active") and answers.get("is_active") is False
        people = self.instance.working_assignments().count() if deactivates and not answers.get("confirmed") else 0
        if people:
            self.add_error("confirmed", self._warning(people))
        return answers

    def _warning(self, people: int) -> str:
        return ngettext(
            "%(people)s person works in this warehouse now: %(names)s. Their warehouse token stops working at once. "
            "They stay assigned. Tick the box and save again if that is what you want.",
            "%(people)s people work in this warehouse now: %(names)s. Their warehouse tokens stop working at once. "
            "They stay assigned. Tick the box and save again if that is what you want.",
            people,
        ) % {"people": people, "names": named(self.instance, people, with_emails=self.with_emails)}


def named(warehouse: Warehouse, people: int, *, with_emails: bool) -> str:
    """The first `MAX_NAMED_PEOPLE` people who work in a warehouse now, and the number of others."""
    names = [
        f"{one.user.first_name} {Truncator(one.user.last_name).chars(60)}"
        + (f" ({one.user.email})" if with_emails else "")
        for one in warehouse.working_assignments().order_by("id")[:MAX_NAMED_PEOPLE]
    ]
    more = people - len(names)
    if more > 0:
        names.append(ngettext("and %(more)s more", "and %(more)s more", more) % {"more": more})
    return ", ".join(names)


class DeleteForm(ReasonFormMixin):
    """Confirms a deletion with assignments by the name of the warehouse."""

    name = forms.CharField(label=_("Name of the warehouse"), widget=UnfoldAdminTextInputWidget)
    field_order = ("name",)

    def __init__(self, *args: Any, warehouse: Warehouse, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._warehouse = warehouse

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name != self._warehouse.name:
            raise forms.ValidationError(gettext("This is not the name of the warehouse. Nothing was deleted."))
        return name
