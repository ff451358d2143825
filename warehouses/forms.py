"""The Back Office's forms about a warehouse."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.text import Truncator
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from config.history.edit_conflicts import EditConflictFormMixin
from config.history.pages import ReasonFormMixin
from warehouses.models import Warehouse

#: How many of the people concerned are named before the rest is only counted.
NAMED_PEOPLE = 10


class WarehouseForm(EditConflictFormMixin, ReasonFormMixin, forms.ModelForm):
    """Create and edit (contract 5.5). To switch a warehouse off in which people stand asks first."""

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

    class Meta:
        model = Warehouse
        fields = ("name", "is_active", "note")

    def clean(self) -> dict[str, Any] | None:
        answers = super().clean() or {}
        if (
            self._switches_off(answers)
            and not answers.get("confirmed")
            and (people := self.instance.people_standing().count())
        ):
            self.add_error("confirmed", self._consequence(people))
        return answers

    def _switches_off(self, answers: dict[str, Any]) -> bool:
        was_active = self.instance.pk is not None and self.initial.get("is_active")
        return bool(was_active) and answers.get("is_active") is False

    def _consequence(self, people: int) -> str:
        """Who is hit by it, in words."""
        return ngettext(
            "%(people)s person stands in this warehouse now: %(names)s. Their warehouse token stops working at once. "
            "They stay assigned. Tick the box and save again if that is what you want.",
            "%(people)s people stand in this warehouse now: %(names)s. Their warehouse tokens stop working at once. "
            "They stay assigned. Tick the box and save again if that is what you want.",
            people,
        ) % {"people": people, "names": named(self.instance, people, with_emails=self.with_emails)}


def named(warehouse: Warehouse, people: int, *, with_emails: bool) -> str:
    """The first of those who stand in a warehouse, by name and perhaps e-mail, and how many more there are."""
    names = [
        f"{one.user.first_name} {Truncator(one.user.last_name).chars(60)}"
        + (f" ({one.user.email})" if with_emails else "")
        for one in warehouse.people_standing().order_by("id")[:NAMED_PEOPLE]
    ]
    more = people - len(names)
    if more > 0:
        names.append(ngettext("and %(more)s more", "and %(more)s more", more) % {"more": more})
    return ", ".join(names)


class DeleteForm(ReasonFormMixin):
    """The typed name that a deletion with everything assigned asks for."""

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
