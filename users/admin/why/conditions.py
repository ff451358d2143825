"""What it takes to sign in and to work in a warehouse, and whether each of it is so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from assignments.access.decision import Decision, Reason
from assignments.models import WarehouseUserAssignment
from config.back_office import periods
from config.back_office.times import in_words
from config.database.periods import Period, database_now
from config.history import changes
from config.history.pages import kinds_for
from users.models import Session, User
from users.sign_in.account_recovery import lockouts_of
from users.sign_in.lockouts import wrong_passwords
from warehouses.models import Warehouse

#: Most changes that are searched for the one that made something so, and most ended sessions that are named.
MAX_CHANGES, MAX_SESSIONS = 100, 3


class Condition(NamedTuple):
    """One of several that must all be met. `is_met` is None for what only informs."""

    is_met: bool | None
    text: str
    #: What has made it so, as far as the history knows and the viewer may see it.
    change: changes.RecordedChange | None = None
    #: Label and URL of the page where it is mended, if it is not met and the viewer may do so.
    mend: tuple[str, str] | None = None


class Why:
    """The conditions of one person, in the words of the viewer's language."""

    def __init__(self, request: HttpRequest, person: User, *, may_change: bool) -> None:
        self.request, self.person, self.may_change = request, person, may_change
        self.now = database_now()
        self.of_person = self._changes(User, person)

    # --- The account --------------------------------------------------------------------------------------------
    def account(self, decision: Decision) -> Iterator[Condition]:
        """Of the account, for signing in and for working. `decision` may be that about any warehouse."""
        words = {
            Reason.DELETED: _("The person was deleted."),
            Reason.BLOCKED: _("The account is deactivated."),
            None: _("The account is active."),
        }
        found = next((reason for reason in (Reason.DELETED, Reason.BLOCKED) if reason in decision.reasons), None)
        mend = self._page(_("Restore") if found is Reason.DELETED else _("Activate"))
        yield self._condition(not found, words[found], _set(self.of_person, "status", User), mend)
        until = self.person.employed_until
        told = periods.with_hint(Period(ends_at=until), self.now) if until else _("no end is known")
        change = _set(self.of_person, "employed_until", User) if until else None
        is_met = Reason.EMPLOYMENT_OVER not in decision.reasons
        yield self._condition(is_met, _("Employment: %(period)s.") % {"period": told}, change, self._form())

    # --- Signing in ---------------------------------------------------------------------------------------------
    def sign_in(self) -> Iterator[Condition]:
        """What it takes besides the account. Whether a password is right is nobody's to know."""
        yield self._password()
        if not self.person.password_opens_back_office:
            change = _set(self.of_person, "company_account_only", User)
            yield Condition(None, _("The Back Office is open to them by company account only."), change)
        lockouts = lockouts_of(self.person)
        for lockout in lockouts:
            what = {"code": _("The second factor"), "reset": _("Asking for a new password")}.get(lockout.what)
            told = {"what": what or _("Sign-in"), "until": in_words(lockout.until), "number": lockout.failures}
            text = _("%(what)s is locked until %(until)s, after %(number)s failures.") % told
            yield self._condition(lockout.what == "reset" and None, text, None, self._page(_("Unlock the sign-in")))
        if not lockouts:
            number = wrong_passwords(self.person.email)
            wrong = ngettext("%(number)s wrong password lately", "%(number)s wrong passwords lately", number)
            yield Condition(True, _("Sign-in is not locked: %(told)s.") % {"told": wrong % {"number": number}})

    def _password(self) -> Condition:
        person, until = self.person, self.person.must_change_password_by
        change = _set(self.of_person, "must_change_password_by" if until else "password_changed_at", User)
        if until:
            is_over = until <= self.now
            text = (
                _("The temporary password expired on %(until)s.")
                if is_over
                else _(
                    "The password is a temporary one: before signing in to the app it must be changed, by %(until)s."
                )
            )
            return self._condition(False, text % {"until": in_words(until)}, change, self._password_page())
        if not person.has_usable_password():
            return self._condition(False, _("There is no password."), change, self._password_page())
        return Condition(True, _("There is a password of their own."), change)

    def sessions(self) -> Iterator[Condition]:
        """What became of earlier sign-ins."""
        number = self.person.sessions.live().count()
        text = ngettext("%(number)s session is open.", "%(number)s sessions are open.", number)
        yield Condition(None, text % {"number": number})
        ended = self.person.sessions.filter(ended_at__isnull=False).order_by("-ended_at")[:MAX_SESSIONS]
        found = {change.object_id: change for change in self._changes(Session, self.person) if change.label == "update"}
        for session in ended:
            why = _(session.end_reason) if session.end_reason else _("not recorded")
            told = {"since": in_words(session.created_at), "reason": why}
            text = _("The session since %(since)s ended: %(reason)s.") % told
            yield Condition(None, text, found.get(str(session.pk)))

    # --- Working ------------------------------------------------------------------------------------------------
    def work(self, decision: Decision, warehouse: Warehouse) -> Iterator[Condition]:
        """What it takes besides the account."""
        kind = _set(self.of_person, "is_warehouse_user", User)
        is_picker = Reason.NOT_A_WAREHOUSE_USER not in decision.reasons
        text = _("They are a warehouse user.") if is_picker else _("They are a Back Office user.")
        yield self._condition(is_picker, text, kind, self._form())
        yield self._available(decision.reasons, warehouse)
        row = WarehouseUserAssignment.objects.with_state().filter(user=self.person, warehouse=warehouse.pk).first()
        found = self._changes(WarehouseUserAssignment, self.person, warehouse)
        name = {"warehouse": warehouse.name}
        if row is not None:
            yield Condition(True, _("%(warehouse)s is assigned to them.") % name, _labelled(found, "insert"))
            yield from self._assignment(decision.reasons, row, found)
        else:
            right, page = "assignments.add_warehouseuserassignment", "admin:assignments_assign_warehouses"
            mend = self._link(_("Assign Warehouses"), right, page, self.person.uuid)
            text = _("%(warehouse)s is not assigned to them.") % name
            yield self._condition(False, text, _labelled(found, "delete"), mend)

    def _assignment(
        self, unmet: Sequence[Reason], row: Any, found: list[changes.RecordedChange]
    ) -> Iterator[Condition]:
        is_current = not {Reason.ASSIGNMENT_NOT_BEGUN, Reason.ASSIGNMENT_OVER} & set(unmet)
        text = _("Period of the assignment: %(period)s.") % {"period": row.period_in_words or _("unlimited")}
        dates = _set(found, "ends_at", WarehouseUserAssignment) or _set(found, "starts_at", WarehouseUserAssignment)
        page = "admin:assignments_warehouseuserassignment_set_period"
        mend = self._link(_("Set period"), "assignments.change_warehouseuserassignment", page, row.pk)
        yield self._condition(is_current, text, dates, mend)
        if is_current:
            yield self._active(unmet, _set(found, "is_active", WarehouseUserAssignment))

    def _available(self, unmet: Sequence[Reason], warehouse: Warehouse) -> Condition:
        name = {"warehouse": warehouse.name}
        change = _set(self._changes(Warehouse, warehouse), "is_active", Warehouse)
        if Reason.UNKNOWN_WAREHOUSE in unmet:
            return Condition(False, _("%(warehouse)s was deleted.") % name)
        if Reason.WAREHOUSE_NOT_AVAILABLE not in unmet:
            return Condition(True, _("%(warehouse)s is available.") % name, change)
        page = "admin:warehouses_warehouse_change"
        mend = self._link(_("Edit the warehouse"), "warehouses.change_warehouse", page, warehouse.pk)
        return self._condition(False, _("%(warehouse)s is not available.") % name, change, mend)

    def _active(self, unmet: Sequence[Reason], change: changes.RecordedChange | None) -> Condition:
        if Reason.ACTIVE_ELSEWHERE in unmet:
            other = WarehouseUserAssignment.objects.active_of([self.person]).first()
            text = _("They work in another warehouse now: %(warehouse)s.") % {"warehouse": other and other.warehouse}
        elif Reason.NOT_ACTIVE in unmet:
            text = _("They work nowhere now.")
        else:
            return Condition(True, _("They work there now."), change)
        mend = self._page(_("Change the current warehouse"), "assignments.change_warehouseuserassignment")
        return self._condition(False, text, change, mend)

    # --- Parts --------------------------------------------------------------------------------------------------
    def _condition(self, is_met: bool | None, text: str, change: Any, mend: tuple[str, str] | None) -> Condition:
        return Condition(is_met, text, change, None if is_met else mend)

    def _changes(self, kind: type[Model], *about: Model) -> list[changes.RecordedChange]:
        """The newest changes of this kind, if the viewer may see it."""
        kinds = [model for model in kinds_for(self.request.user) if model is kind]
        return changes.find(changes.HistoryQuery(kinds, about=list(about)), MAX_CHANGES)[0]

    def _link(self, label: str, right: str, page: str, argument: Any) -> tuple[str, str] | None:
        """None if the viewer may not do what the page is for."""
        viewer: Any = self.request.user
        on_person = right.startswith("users.")
        allowed = self.may_change if on_person else self.person.may_be_assigned or right.startswith("warehouses.")
        return (label, reverse(page, args=[argument])) if allowed and viewer.has_perm(right) else None

    def _page(self, label: str, right: str = "users.change_user") -> tuple[str, str] | None:
        return self._link(label, right, "admin:users_user_view", self.person.pk)

    def _form(self) -> tuple[str, str] | None:
        return self._link(_("Edit the person"), "users.change_user", "admin:users_user_change", self.person.pk)

    def _password_page(self) -> tuple[str, str] | None:
        page = "admin:users_user_temporary_password"
        return self._link(_("Set a temporary password"), "users.change_user", page, self.person.pk)


def _set(found: Sequence[changes.RecordedChange], field: str, model: type[Model]) -> changes.RecordedChange | None:
    """The newest change of a field, as pages of the history call it."""
    label = str(capfirst(_(model._meta.get_field(field).verbose_name)))  # type: ignore[union-attr,arg-type]
    return next((one for one in found if any(label == changed.label for changed in one.differences)), None)


def _labelled(found: Sequence[changes.RecordedChange], label: str) -> changes.RecordedChange | None:
    return next((change for change in found if change.label == label), None)
