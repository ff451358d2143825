"""The page *Why?*: of a person, of a client, and of a refused request; now, and at a moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from users.admin.why.base import are_met
from users.admin.why.client import ClientConditions
from users.admin.why.events import FoundEvent, events_of, the_refusal, why_refused
from users.admin.why.form import WhyForm, refuse_unknown
from users.admin.why.person import PersonConditions
from users.admin.why.rights import rights_of


class WhyPage:
    """For the ModelAdmin of people."""

    def why_view(self: Any, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = WhyForm(request.GET or None, viewer=request.user)
        context: dict[str, Any] = {"form": form, "opts": None}  # else the heading would be the model's
        if form.is_valid():
            context |= _Answer(self, request, form).told()
        return self.render_page(request, "admin/users/why.html", _("Why?"), **context)


class _Answer:
    """What the page says about what was asked. A request stands for its person, client and moment."""

    def __init__(self, people: Any, request: HttpRequest, form: WhyForm) -> None:
        self.people, self.request, self.form = people, request, form
        self.asked: dict[str, Any] = form.cleaned_data
        self.found: list[FoundEvent] = []

    def told(self) -> dict[str, Any]:
        if request_id := self.asked.get("request_id"):
            try:
                self.found = events_of(request_id)
            except ValidationError as error:
                self.form.add_error("request_id", error)
                return {}
        return self._of_request() | self._of_states()

    # --- The request --------------------------------------------------------------------------------------------
    def _of_request(self) -> dict[str, Any]:
        if not self.found:
            return {}
        refusal = the_refusal(self.found)
        event = refusal.event
        self.asked |= {"person": refusal.person, "moment": event.at}
        if "warehouse" in self.asked:
            self.asked["warehouse"] = None
        if "client" in self.asked:
            self.asked |= {"client": refusal.client, "redirect_uri": event.details.get("redirect_uri") or ""}
        unknown = ""
        try:
            refuse_unknown(event.at)
        except ValidationError as error:
            unknown, self.asked["moment"] = error.messages[0], None
        reason = "" if unknown else why_refused(refusal, *self._then(event.at))
        return {"events": self.found, "refusal": refusal, "reason": reason, "unknown": unknown}

    def _then(self, moment: datetime) -> tuple[PersonConditions | None, Sequence[str]]:
        client = self._client(moment) if self.asked.get("client") else None
        return self._person(moment) if self.asked["person"] else None, client.reasons if client else ()

    # --- Then and now -------------------------------------------------------------------------------------------
    def _of_states(self) -> dict[str, Any]:
        moment = self.asked["moment"]
        states = [self._state(at) for at in ([moment, None] if moment else [None])]
        named = {"person": self.asked["person"] or None, "client": self.asked.get("client") or None}
        return named | {"states": states if any(named.values()) else []}

    def _state(self, moment: datetime | None) -> dict[str, Any]:
        state: dict[str, Any] = {"moment": moment}
        if self.asked["person"]:
            state |= self._of_person(self._person(moment))
        if self.asked.get("client"):
            state["of_client"] = list(self._client(moment).told())
        return state

    def _person(self, moment: datetime | None) -> PersonConditions:
        person = self.asked["person"]
        may_change = self.people.has_change_permission(self.request, person)
        return PersonConditions(self.request, person, may_change=may_change, moment=moment)

    def _client(self, moment: datetime | None) -> ClientConditions:
        client, redirect_uri = self.asked["client"], self.asked["redirect_uri"]
        return ClientConditions(self.request, client, redirect_uri=redirect_uri, moment=moment)

    def _of_person(self, why: PersonConditions) -> dict[str, Any]:
        viewer: Any = self.request.user
        sees_work = "warehouse" in self.asked
        warehouse = self.asked.get("warehouse") or (why.warehouse() if sees_work else None)
        decision = why.decision(warehouse)
        account, sign_in = list(why.account(decision)), list(why.sign_in())
        client = self.asked.get("client")
        sessions = why.sessions(client.client_id if client else "")
        return {
            "account": account,
            "sign_in": sign_in,
            "may_sign_in": are_met(account + sign_in),
            "sessions": list(sessions) if viewer.may_somewhere("users.view_session") else [],
            "sees_work": sees_work,
            "warehouse": warehouse,
            "work": list(why.work(decision, warehouse)) if warehouse else [],
            "may_work": decision.is_permitted,
            "rights": list(rights_of(why, self.asked.get("warehouse") or None)) if sees_work else [],
        }
