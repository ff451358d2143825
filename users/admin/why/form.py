"""What is asked of the page *Why?*."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from assignments.models import WarehouseUserAssignment
from config.back_office.moments import LocalMomentField
from config.back_office.times import in_words
from config.database.periods import database_now
from config.history.pages import MAX_NAMED, SUBJECTS, HistorySubject, SubjectField
from config.history.past_states import began_at
from users.models import User
from users.models.oauth.client import Client
from users.querysets import CLIENTS
from warehouses.models import Warehouse

#: Who may ask about a warehouse, a client or a request, besides the person.
SEES_WORK = ("assignments.view_warehouseuserassignment", "warehouses.view_warehouse")
SEES_CLIENTS, SEES_EVENTS = "users.view_client", "users.view_auditevent"
_TRACKED: Any = (User, Warehouse, WarehouseUserAssignment)


def why_url(**asked: Any) -> str:
    """The address of the page about a person (by key, UUID or e-mail), a client, a moment or a request."""
    given = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asked.items()}
    return f"{reverse('admin:users_user_why')}?{urlencode({name: value for name, value in given.items() if value})}"


def _clients(text: str, viewer: Any) -> Sequence[Client]:
    """By id, else as the list searches; removed ones if there is no other."""
    if not viewer.has_perm(SEES_CLIENTS):
        return []
    if known := client_named(text):
        return [known]
    found = CLIENTS.found(Client.objects.all(), text, MAX_NAMED + 1)
    return list(Client.objects.filter(pk__in=found))


def client_named(client_id: str) -> Client | None:
    """The client with this id, or the last one that was removed."""
    if known := Client.objects.known(client_id):
        return known
    tracked: Any = Client
    gone = tracked.pgh_event_model.objects.filter(pgh_label="delete", client_id=client_id).order_by("-pgh_id").first()
    return Client(pk=gone.pgh_obj_id, client_id=gone.client_id, name=gone.name) if gone else None


_CLIENT = HistorySubject(
    _("Client"), _("Name or client ID"), _("No client has the name or client ID “%(text)s”."), _clients
)


class WhyForm(forms.Form):
    """Each input is there for viewers who may see what it is about. A person, a client or a request is needed."""

    redirect_uri = forms.CharField(
        label=_("Redirect address"),
        help_text=_("As the app has sent it, if it is about a client"),
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextInputWidget(),
    )
    moment = LocalMomentField(label=_("Date and time"), required=False, help_text=_("Empty for now"))
    request_id = forms.CharField(
        label=_("Request"),
        help_text=_("Its ID, as in the log and in Security events"),
        required=False,
        max_length=64,
        widget=UnfoldAdminTextInputWidget(),
    )

    def __init__(self, data: Any, *, viewer: Any) -> None:
        super().__init__(data)
        person = SubjectField(SUBJECTS["person"], viewer)
        person.label = _("Person")
        warehouse = SubjectField(SUBJECTS["warehouse"], viewer)
        warehouse.label, warehouse.help_text = _("Warehouse"), _("Name or ID; empty for where they work")
        shown: dict[str, forms.Field] = {"person": person}
        if all(map(viewer.may_somewhere, SEES_WORK)):
            shown["warehouse"] = warehouse
        if viewer.has_perm(SEES_CLIENTS):
            shown |= {"client": SubjectField(_CLIENT, viewer), "redirect_uri": self.fields["redirect_uri"]}
        shown["moment"] = self.fields["moment"]
        if viewer.has_perm(SEES_EVENTS):
            shown["request_id"] = self.fields["request_id"]
        self.fields = shown

    def clean_moment(self) -> datetime | None:
        """None for now."""
        moment: datetime | None = self.cleaned_data["moment"]
        if moment is not None:
            refuse_unknown(moment)
        return moment

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        names = [name for name in ("person", "client", "request_id") if name in self.fields]
        if not (self.errors or any(data.get(name) for name in names)):
            self.add_error("person", self.fields["person"].error_messages["required"])
        return data


def refuse_unknown(moment: datetime) -> None:
    """Raises ValidationError for a moment that has not come, or from before the history."""
    began = began_at(_TRACKED)
    if moment > database_now():
        raise ValidationError(gettext("This moment has not come yet."))
    if began and moment < began:
        words = gettext("The history begins on %(moment)s. What was so before is not known.")
        raise ValidationError(words % {"moment": in_words(began)})
