"""What it takes to sign in and to work in a warehouse, of one person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.db.models.functions import Least
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from assignments.access.decision import Decision, Reason, decide
from assignments.access.past import assignment_at, decide_at, person_at, warehouse_of
from assignments.models import PastAssignment, WarehouseUserAssignment
from assignments.models.past_assignment import WAS_ACTIVE, recall_deleted
from config.back_office import periods
from config.back_office.times import in_words
from config.database.periods import Period
from config.history import changes
from config.identifiers import NIL
from users.admin.why.base import Condition, Conditions, change_of, labelled
from users.models import Session, User
from users.sign_in.account_recovery import lockouts_of
from users.sign_in.lockouts.in_force import wrong_passwords
from users.sign_in.refusals import SessionReason, SignInReason, password_reason, session_reason
from warehouses.models import Warehouse

#: Most ended sessions that are named.
MAX_SESSIONS = 3


class PersonConditions(Conditions):
    """The conditions of one person, now or at a moment."""

    def __init__(self, request: HttpRequest, person: User, *, may_change: bool, moment: datetime | None = None) -> None:
        super().__init__(request, moment)
        self.person, self.may_change = person, may_change
        self.viewer: Any = request.user
        #: The person, or their recorded columns of the moment; None if nothing is known of them from then.
        self.state: Any = person_at(person.pk, moment) if moment else person
        self.of_person = self.changes(User, person)

    def decision(self, warehouse: Warehouse | None) -> Decision:
        """Without a warehouse only what it says about the account is of use."""
        if self.moment:
            return decide_at(self.state, warehouse.pk if warehouse else None, self.moment)
        return decide(self.person.uuid, warehouse.uuid if warehouse else NIL)

    def warehouse(self) -> Warehouse | None:
        """Where they work, or else where they were assigned last, of what the viewer sees; None if nowhere."""
        if self.moment:
            found = warehouse_of(self.person.pk, self.moment)
            return found if found and self._sees(found) else None
        rows = WarehouseUserAssignment.objects.visible_to(self.viewer).filter(user=self.person)
        row = rows.current_first().select_related("warehouse").first()
        return row.warehouse if row else None

    def _sees(self, warehouse: Warehouse) -> bool:
        return not self.viewer.is_confined or warehouse.pk in self.viewer.managed

    # --- The account --------------------------------------------------------------------------------------------
    def account(self, decision: Decision) -> Iterator[Condition]:
        """Of the account, for signing in and for working. `decision` may be that about any warehouse."""
        words = {
            Reason.UNKNOWN_PERSON: _("The person was not there then, as far as the history knows."),
            Reason.DELETED: _("The person was deleted."),
            Reason.BLOCKED: _("The account is deactivated."),
            None: _("The account is active."),
        }
        found = next((reason for reason in words if reason in decision.reasons), None)
        mend = self._page(_("Restore") if found is Reason.DELETED else _("Activate"))
        yield self.condition(not found, words[found], change_of(self.of_person, "status", User), mend)
        if self.state is None:
            return
        until = self.state.employed_until
        told = periods.with_hint(Period(ends_at=until), self.now) if until else _("no end is known")
        change = change_of(self.of_person, "employed_until", User) if until else None
        is_met = Reason.EMPLOYMENT_OVER not in decision.reasons
        yield self.condition(is_met, _("Employment: %(period)s.") % {"period": told}, change, self._form())

    # --- Signing in ---------------------------------------------------------------------------------------------
    def sign_in(self) -> Iterator[Condition]:
        """What it takes besides the account. Whether a password is right is nobody's to know."""
        if self.state is None:
            return
        yield self._password()
        if self.moment:
            yield Condition(None, _("Whether sign-in was locked is not recorded: Security events show the failures."))
            return
        if not self.person.password_opens_back_office:
            change = change_of(self.of_person, "company_account_only", User)
            yield Condition(None, _("The Back Office is open to them by company account only."), change)
        lockouts = lockouts_of(self.person)
        for lockout in lockouts:
            what = {"code": _("The second factor"), "reset": _("Asking for a new password")}.get(lockout.what)
            told = {"what": what or _("Sign-in"), "until": in_words(lockout.until), "number": lockout.failures}
            text = _("%(what)s is locked until %(until)s, after %(number)s failures.") % told
            yield self.condition(lockout.what == "reset" and None, text, None, self._page(_("Unlock the sign-in")))
        if not lockouts:
            number = wrong_passwords(self.person.email)
            wrong = ngettext("%(number)s wrong password lately", "%(number)s wrong passwords lately", number)
            yield Condition(True, _("Sign-in is not locked: %(told)s.") % {"told": wrong % {"number": number}})

    def _password(self) -> Condition:
        until = self.state.must_change_password_by
        is_usable = bool(self.moment) or self.person.has_usable_password()
        reason = password_reason(until, self.now, is_usable=is_usable)
        change = change_of(self.of_person, "must_change_password_by" if until else "password_changed_at", User)
        temporary = _("The password is a temporary one: before signing in to the app it must be changed, by %(until)s.")
        words = {
            SignInReason.TEMPORARY_PASSWORD_EXPIRED: _("The temporary password expired on %(until)s."),
            SignInReason.TEMPORARY_PASSWORD: temporary,
            SignInReason.NO_PASSWORD: _("There is no password."),
        }
        if reason:
            text = words[reason] % {"until": until and in_words(until)}
            return self.condition(False, text, change, self._password_page())
        if self.moment:
            return Condition(None, _("The password was not a temporary one. Which it was is not recorded."), change)
        return Condition(True, _("There is a password of their own."), change)

    def sessions(self, client_id: str = "") -> Iterator[Condition]:
        """What became of earlier sign-ins, by any client or this one. What is past its retention is not counted."""
        every: Any = self.person.sessions.filter(**({"client_id": client_id} if client_id else {}))
        open_ = every.live()
        if self.moment:  # nothing prolongs a session that has expired
            not_ended = Q(ended_at=None) | Q(ended_at__gt=self.moment)
            open_ = every.filter(not_ended, created_at__lte=self.moment, expires_at__gt=self.moment)
        number = open_.count()
        text = ngettext("%(number)s session is open.", "%(number)s sessions are open.", number)
        yield Condition(None, text % {"number": number})
        over = every.alias(over_at=Least("ended_at", "expires_at")).filter(over_at__lte=self.now)
        found = {change.object_id: change for change in self.changes(Session, self.person) if change.label == "update"}
        for session in over.order_by("-over_at")[:MAX_SESSIONS]:
            code = session_reason(session.ended_at, session.expires_at, self.now)
            told = {"since": in_words(session.created_at), "until": in_words(session.expires_at)}
            if code is SessionReason.SESSION_ENDED:
                told["reason"] = _(session.end_reason) if session.end_reason else _("not recorded")
                text, change = _("The session since %(since)s ended: %(reason)s."), found.get(str(session.pk))
            else:
                text, change = _("The session since %(since)s expired on %(until)s."), None
            yield Condition(None, text % told, change, code=code or "")

    # --- Working ------------------------------------------------------------------------------------------------
    def work(self, decision: Decision, warehouse: Warehouse) -> Iterator[Condition]:
        """What it takes besides the account."""
        if self.state is None:
            return
        kind = change_of(self.of_person, "is_warehouse_user", User)
        is_picker = Reason.NOT_A_WAREHOUSE_USER not in decision.reasons
        text = _("They are a warehouse user.") if is_picker else _("They are a Back Office user.")
        yield self.condition(is_picker, text, kind, self._form())
        yield self._available(decision.reasons, warehouse)
        row = self._row(warehouse)
        found = self.changes(WarehouseUserAssignment, self.person, warehouse)
        name = {"warehouse": warehouse.name}
        if row is not None:
            yield Condition(True, _("%(warehouse)s is assigned to them.") % name, labelled(found, "insert"))
            yield from self._assignment(decision.reasons, row, found)
        else:
            right, page = "assignments.add_warehouseuserassignment", "admin:assignments_assign_warehouses"
            mend = self.link(_("Assign Warehouses"), right, page, self.person.uuid)
            text = _("%(warehouse)s is not assigned to them.") % name
            yield self.condition(False, text, labelled(found, "delete"), mend)

    def _row(self, warehouse: Warehouse) -> Any:
        if self.moment:
            return assignment_at(self.person.pk, warehouse.pk, self.moment)
        return WarehouseUserAssignment.objects.filter(user=self.person, warehouse=warehouse.pk).first()

    def _assignment(
        self, unmet: Sequence[Reason], row: Any, found: list[changes.RecordedChange]
    ) -> Iterator[Condition]:
        is_current = not {Reason.ASSIGNMENT_NOT_BEGUN, Reason.ASSIGNMENT_OVER} & set(unmet)
        period = periods.with_hint(Period(row.starts_at, row.ends_at), self.now) or _("unlimited")
        text = _("Period of the assignment: %(period)s.") % {"period": period}
        model = WarehouseUserAssignment
        dates = change_of(found, "ends_at", model) or change_of(found, "starts_at", model)
        page = "admin:assignments_warehouseuserassignment_set_period"
        mend = self.link(_("Set period"), "assignments.change_warehouseuserassignment", page, row.pk)
        yield self.condition(is_current, text, dates, mend)
        if is_current:
            yield self._active(unmet, change_of(found, "is_active", model))

    def _available(self, unmet: Sequence[Reason], warehouse: Warehouse) -> Condition:
        name = {"warehouse": warehouse.name}
        change = change_of(self.changes(Warehouse, warehouse), "is_active", Warehouse)
        if Reason.UNKNOWN_WAREHOUSE in unmet:
            gone = _("%(warehouse)s was not there then, as far as the history knows.")
            return Condition(False, (gone if self.moment else _("%(warehouse)s was deleted.")) % name)
        if Reason.WAREHOUSE_NOT_AVAILABLE not in unmet:
            return Condition(True, _("%(warehouse)s is available.") % name, change)
        page = "admin:warehouses_warehouse_change"
        mend = self.link(_("Edit the warehouse"), "warehouses.change_warehouse", page, warehouse.pk)
        return self.condition(False, _("%(warehouse)s is not available.") % name, change, mend)

    def _active(self, unmet: Sequence[Reason], change: changes.RecordedChange | None) -> Condition:
        is_past = bool(self.moment)
        if Reason.ACTIVE_ELSEWHERE in unmet:
            text = self._active_elsewhere()
        elif Reason.NOT_ACTIVE in unmet:
            text = _("They worked nowhere.") if is_past else _("They work nowhere now.")
        else:
            return Condition(True, _("They worked there.") if is_past else _("They work there now."), change)
        mend = self._page(_("Change the current warehouse"), "assignments.change_warehouseuserassignment")
        return self.condition(False, text, change, mend)

    def _active_elsewhere(self) -> str:
        elsewhere = self._elsewhere()
        if elsewhere and not self._sees(elsewhere):
            return _("They worked in another warehouse.") if self.moment else _("They work in another warehouse now.")
        now, then = _("They work in another warehouse now: %(warehouse)s."), _("They worked in %(warehouse)s.")
        return (then if self.moment else now) % {"warehouse": elsewhere}

    def _elsewhere(self) -> Any:
        if not self.moment:
            row = WarehouseUserAssignment.objects.active_of([self.person]).first()
        elif row := PastAssignment.objects.at(self.moment).filter(WAS_ACTIVE, user=self.person.pk).first():
            recall_deleted([row])
        return row and row.warehouse

    # --- Links --------------------------------------------------------------------------------------------------
    def link(self, label: str, right: str, page: str, *arguments: Any) -> tuple[str, str] | None:
        """None as well for a person whom the viewer may not change, or who cannot be assigned."""
        on_person = right.startswith("users.")
        allowed = self.may_change if on_person else self.person.may_be_assigned or right.startswith("warehouses.")
        return super().link(label, right, page, *arguments) if allowed else None

    def _page(self, label: str, right: str = "users.change_user") -> tuple[str, str] | None:
        return self.link(label, right, "admin:users_user_view", self.person.pk)

    def _form(self) -> tuple[str, str] | None:
        return self.link(_("Edit the person"), "users.change_user", "admin:users_user_change", self.person.pk)

    def _password_page(self) -> tuple[str, str] | None:
        page = "admin:users_user_temporary_password"
        return self.link(_("Set a temporary password"), "users.change_user", page, self.person.pk)
