"""Who works where in the state machine: who is assigned, switched and deassigned, and whom and what there is for it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from math import inf
from typing import Any

from hypothesis import strategies as st

from assignments.roster.roster import roster_at
from tests.support.api.client import ASSIGNMENTS
from tests.support.state_machine.change_sets import State
from tests.support.state_machine.parts import CREATED, OPERATION_FORBIDDEN, Person, Place, Row, SignIn
from tests.support.state_machine.world import ANY, Machine, act, filters, mostly, one_of

_KEYS: dict[str, Callable[[Row], Any] | None] = {
    "": None,
    "isActive": lambda row: row.is_sorted_as_active,
    "startsAt": lambda row: -inf if row.starts is None else row.starts,
    "endsAt": lambda row: inf if row.ends is None else row.ends,
    "warehouse.name": lambda row: row.place.name,
}
_LIMITS = st.integers(1, 4)
#: A bound in hours from now: of new assignments mostly none.
_HOURS = st.none() | st.integers(-2, 3)
_SENT = st.sampled_from([True, False, "TRUE", None])
_FEW_HOURS = st.sampled_from([None, None, None, None, -1, 1, 2])


class Assigning(Machine):
    """What is done with assignments, people and warehouses."""

    # --- Who works where ------------------------------------------------------------------------------------------
    @act(
        often=2,
        caller=ANY,
        person=ANY,
        place=ANY,
        active=st.sampled_from([True, False, "TRUE", None]),
        starts=_FEW_HOURS,
        ends=_FEW_HOURS,
    )
    def assign(self, caller: int, person: int, place: int, active: Any, starts: int | None, ends: int | None) -> None:
        workers = [one for one in self.model.people if one.is_warehouse_user]
        who = one_of([*mostly(workers), *self.model.people, None], person)
        where = one_of([*self.model.places, None], place)
        period = {"starts": self._hour(starts), "ends": self._hour(ends)}
        self.assign_to(self.caller(caller, _is_office), who, where, active=active, **period)

    def assign_to(
        self, sign_in: SignIn, who: Person | None, where: Place | None, *, active: Any, **period: Any
    ) -> None:
        attributes = {
            "userUuid": who.uuid if who else str(uuid.uuid4()),
            "warehouse": {"uuid": where.uuid if where else str(uuid.uuid4())},
        } | ({} if active is None else {"isActive": active})
        attributes |= {f"{name}At": self.moment(hour) for name, hour in period.items() if hour is not None}
        new = Row(who or _nobody(), where or _nowhere(), is_active=bool(active), **period)  # kept only if all is well
        expected = self.model.assigns(sign_in, who, where, new)
        body = {"data": {"type": "warehouse-user-assignments", "attributes": attributes}}
        document = self.check(expected, self.ask("POST", ASSIGNMENTS, sign_in.access_token, body))
        if expected == CREATED:
            assert new.uuid in ("", document["data"]["id"])
            new.uuid = document["data"]["id"]
            assert document["data"]["attributes"] == self.shown(new)

    @act(caller=ANY, row=ANY, active=st.booleans())
    def switch(self, caller: int, row: int, active: bool) -> None:
        self.switch_row(self.caller(caller), self._row(row), active=active)

    def switch_row(self, sign_in: SignIn, row: Row, *, active: bool) -> None:
        expected = self.model.switches(sign_in, row, active=active)
        body = {"data": {"attributes": {"isActive": active}}}
        answer = self.ask("PATCH", f"{ASSIGNMENTS}/{row.uuid}", sign_in.access_token, body)
        self.check_one(expected, answer, self.shown(row))

    @act(often=2, caller=ANY, row=ANY, starts=_HOURS, ends=_HOURS)
    def set_a_period(self, caller: int, row: int, starts: int | None, ends: int | None) -> None:
        sign_in, chosen = self.caller(caller, _is_office), self._row(row)
        self.date_row(sign_in, chosen, self._hour(starts), self._hour(ends))

    def date_row(self, sign_in: SignIn, row: Row, *period: int | None) -> None:
        expected = self.model.dates(sign_in, row, *period)
        moments = [None if hour is None else self.moment(hour) for hour in period]
        body = {"data": {"attributes": dict(zip(("startsAt", "endsAt"), moments, strict=True))}}
        answer = self.ask("PATCH", f"{ASSIGNMENTS}/{row.uuid}", sign_in.access_token, body)
        self.check_one(expected, answer, self.shown(row))

    @act(hours=st.integers(1, 2))
    def let_time_pass(self, hours: int) -> None:
        employed = [person for person in self.model.people if not person.has_left(self.model.now)]
        self.model.passes(hours)
        self.move_clock(hours)
        if any(person.has_left(self.model.now) for person in employed):
            self.answers["an employment ends as time passes", 200] += 1

    def _hour(self, from_now: int | None) -> int | None:
        return None if from_now is None else self.model.now + from_now

    @act(often=2, caller=ANY, row=ANY)
    def deassign(self, caller: int, row: int) -> None:
        sign_in, chosen = self.caller(caller, _is_office), self._row(row)
        expected = self.model.deassigns(sign_in, chosen)
        self.check(expected, self.ask("DELETE", f"{ASSIGNMENTS}/{chosen.uuid}", sign_in.access_token))

    @act(caller=ANY, row=ANY)
    def read(self, caller: int, row: int) -> None:
        sign_in, chosen = self.caller(caller), self._row(row)
        answer = self.ask("GET", f"{ASSIGNMENTS}/{chosen.uuid}", sign_in.access_token)
        self.check_one(self.model.reads(sign_in, chosen), answer, self.shown(chosen))

    @act(
        often=2,
        caller=ANY,
        person=st.none() | ANY,
        place=st.none() | ANY,
        active=st.none() | st.booleans(),
        current=st.none() | st.none() | st.booleans(),
        sort=st.sampled_from([f"{sign}{name}" for name in _KEYS for sign in (["", "-"] if name else [""])]),
        limit=_LIMITS,
    )
    def list_some(self, caller: int, sort: str, limit: int, current: bool | None, **asked: Any) -> None:
        """With filters, sorted, page by page."""
        sign_in = self.caller(caller)
        query, wanted = self._filters(**asked)
        key, is_reversed = _KEYS[sort.lstrip("-")], sort.startswith("-")
        rows = self.model.listed(sign_in, wanted, key, is_reversed=is_reversed, current=current)
        query += filters("warehouse-user-assignments", current=current)
        query += [f"sort={sort}"] if sort else []
        self.check_list(sign_in, ASSIGNMENTS, [*query, f"page[limit]={limit}"], self.documents(rows))

    def _filters(
        self, person: int | None, place: int | None, active: bool | None
    ) -> tuple[list[str], Callable[[Row], bool]]:
        who = None if person is None else one_of(self.model.people, person)
        where = None if place is None else one_of(self.model.places, place)
        uuids = {"userUuid": who and who.uuid, "warehouseUuid": where and where.uuid}
        return (
            filters("warehouse-user-assignments", **uuids, isActive=active),
            lambda row: who in (None, row.person) and where in (None, row.place) and active in (None, row.is_active),
        )

    @act(often=2, caller=ANY, hour=ANY, limit=_LIMITS)
    def list_those_of_the_past(self, caller: int, hour: int, limit: int) -> None:
        """As they were at the end of an hour that is over; the roster says the same."""
        if not self.model.past:
            return
        sign_in, then = self.caller(caller), hour % len(self.model.past)
        rows = _rows_of(self.model.past[then], then)
        query = [*filters("warehouse-user-assignments", asOf=[self.moment(then)]), f"page[limit]={limit}"]
        if sign_in.is_live and not _is_office(sign_in):
            path = f"{ASSIGNMENTS}?{query[0]}"
            self.check(OPERATION_FORBIDDEN, self.ask("GET", path, sign_in.access_token, of=" of the past"))
        else:
            self.check_list(sign_in, ASSIGNMENTS, query, self.documents(rows), of=" of the past")
        found, _more = roster_at(datetime.fromisoformat(self.moment(then)))
        assert {(str(one.user.uuid), str(one.warehouse.uuid), one.worked is not None) for one in found} == {
            (row.person.uuid, row.place.uuid, row.is_active) for row in rows if row.is_current(then)
        }

    def _row(self, number: int) -> Row:
        """Mostly one that is there; else one that is gone, or one that never was."""
        never = Row(self.model.people[0], self.model.places[0], uuid=str(uuid.uuid4()))
        return one_of([*mostly(self.model.rows), *self.model.gone[-2:], never], number)

    def shown(self, row: Row) -> dict[str, Any]:
        bounds = {"startsAt": row.starts, "endsAt": row.ends}
        period = {name: self.moment(hour) for name, hour in bounds.items() if hour is not None}
        shown = {"userUuid": row.person.uuid, "isActive": row.is_active, "warehouse": _place_shown(row.place)}
        return shown | period

    def documents(self, rows: list[Row]) -> list[Any]:
        return [(row.uuid, self.shown(row)) for row in rows]

    # --- Whom and what there is to assign -------------------------------------------------------------------------
    @act(often=2, caller=ANY, person=ANY)
    def read_a_person(self, caller: int, person: int) -> None:
        sign_in, who = self.caller(caller), one_of([*self.model.people, _nobody()], person)
        answer = self.ask("GET", f"/users/{who.uuid}", sign_in.access_token)
        self.check_one(self.model.reads_person(sign_in, who), answer, _person_shown(who))

    @act(caller=ANY, place=ANY)
    def read_a_place(self, caller: int, place: int) -> None:
        sign_in, where = self.caller(caller), one_of([*self.model.places, _nowhere()], place)
        answer = self.ask("GET", f"/warehouses/{where.uuid}", sign_in.access_token)
        self.check_one(self.model.reads_place(sign_in, where), answer, _place_shown(where))

    @act(often=2, caller=ANY, kind=st.none() | st.booleans(), named=st.booleans(), limit=_LIMITS)
    def list_people(self, caller: int, kind: bool | None, named: bool, limit: int) -> None:
        """Whoever sees everyone asks for those of this world by name: there may be others."""
        sign_in = self.caller(caller)
        uuids = [person.uuid for person in self.model.people] if named or _is_office(sign_in) else None
        query = [*filters("users", uuid=uuids, isWarehouseUser=kind), f"page[limit]={limit}"]
        seen = [one for one in self.model.people_seen(sign_in) if kind in (None, one.is_warehouse_user)]
        self.check_list(sign_in, "/users", query, [(one.uuid, _person_shown(one)) for one in seen])

    @act(often=2, caller=ANY, active=st.none() | st.booleans(), named=st.booleans(), limit=_LIMITS)
    def list_places(self, caller: int, active: bool | None, named: bool, limit: int) -> None:
        sign_in = self.caller(caller)
        names = [place.name for place in self.model.places] if named or _is_office(sign_in) else None
        query = [*filters("warehouses", name=names, isActive=active), f"page[limit]={limit}"]
        seen = [one for one in self.model.places_seen(sign_in) if active in (None, one.is_active)]
        self.check_list(sign_in, "/warehouses", query, [(one.uuid, _place_shown(one)) for one in seen])


def _nobody() -> Person:
    """Somebody who is not there."""
    return Person(str(uuid.uuid4()), "", is_warehouse_user=False)


def _nowhere() -> Place:
    return Place(str(uuid.uuid4()), "")


def _rows_of(state: State, hour: int) -> list[Row]:
    """The assignments of a state of before, as they were in that hour."""
    rows = [
        Row(*key, uuid=uuid, starts=starts, ends=ends, is_active=is_active)
        for key, (uuid, starts, ends, is_active) in state.rows.items()
    ]
    for row in rows:
        row.is_active &= row.is_current(hour)
    return rows


def _is_office(sign_in: SignIn) -> bool:
    return not sign_in.person.is_warehouse_user


# --- What is shown ----------------------------------------------------------------------------------------------
def _person_shown(person: Person) -> dict[str, Any]:
    return {"username": person.email, "firstName": person.name, "lastName": "Test"}


def _place_shown(place: Place) -> dict[str, Any]:
    return {"name": place.name, "uuid": place.uuid, "isActive": place.is_active}
