"""The contract as a plain Python model: who works where, who is signed in, which tokens hold.

Shares no code with the product. Every method says what the API must answer, as (status, codes or words), and does to
the model what the API must do to the world. Sections are those of the contract.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.state_machine.change_sets import State, change_set
from tests.support.state_machine.parts import (
    ALREADY,
    BAD_CODE,
    BAD_CREDENTIALS,
    BAD_REFRESH_TOKEN,
    BAD_VERIFIER,
    CLOSED,
    CREATED,
    DELETED,
    FORBIDDEN,
    INVALID_TOKEN,
    MOST_FAILURES,
    NO_PERIOD,
    NO_SUCH_PERSON,
    NO_SUCH_PLACE,
    NOT_CURRENT,
    NOT_FOUND,
    OK,
    OPERATION_FORBIDDEN,
    STANDS_NOWHERE,
    Code,
    Expected,
    Grant,
    Person,
    Place,
    Row,
    SignIn,
)


@dataclass
class Model:
    people: list[Person]
    places: list[Place]
    rows: list[Row] = field(default_factory=list)  # oldest first
    gone: list[Row] = field(default_factory=list)
    sign_ins: list[SignIn] = field(default_factory=list)
    codes: list[Code] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)
    now: int = 0
    #: The state before the last change set, and the number of change sets.
    before: State | None = None
    change_sets: int = 0
    #: What there was at the end of each hour that is over, oldest first.
    past: list[State] = field(default_factory=list)

    # --- When (0.5) -----------------------------------------------------------------------------------------------
    def passes(self, hours: int) -> None:
        """A period that ends takes the place with it, and the end of an employment all sign-ins."""
        for _hour in range(hours):
            self.past.append(State.of(self))
            self.now += 1
            for row in self.rows:
                row.is_active &= row.is_current(self.now)
            for person in self.people:
                self._end_if_gone(person)

    @change_set
    def dates(self, caller: SignIn, row: Row, starts: int | None, ends: int | None) -> Expected:
        """A change of both bounds, for the Back Office."""
        answer = self._changes(caller, row)
        if answer != OK or (starts, ends) == (row.starts, row.ends):
            return answer
        if caller.person.is_warehouse_user:
            return OPERATION_FORBIDDEN
        if not row.person.is_warehouse_user:
            return 400, [NO_SUCH_PERSON]
        if _is_reversed(starts, ends):
            return 400, [NO_PERIOD]
        self.redate(row, starts, ends)
        return OK

    def redate(self, row: Row, starts: int | None, ends: int | None) -> None:
        row.starts, row.ends = starts, ends
        row.set_active(row.is_active and row.is_current(self.now))

    @change_set
    def employs(self, person: Person, until: int | None) -> None:
        """Sessions of an employment that has ended do not come back by another end (0.5)."""
        person.employed_until = until
        self._end_if_gone(person)

    def _end_if_gone(self, person: Person) -> None:
        if person.has_left(self.now):
            self._end(person)

    # --- Who sees what (2.4, 2.5) ---------------------------------------------------------------------------------
    def visible(self, caller: SignIn) -> list[Row]:
        mine = caller.person.is_warehouse_user
        return [row for row in self.rows if not mine or row.person is caller.person]

    def listed(
        self,
        caller: SignIn,
        wanted: Callable[[Row], bool],
        key: Callable[[Row], Any] | None,
        *,
        is_reversed: bool,
        current: bool | None,
    ) -> list[Row]:
        """In the order asked for; rows that are equal in it stay oldest first, or all the other way round (0.2).

        Without a filter, a warehouse user's list has what is current (0.5).
        """
        if current is None and caller.person.is_warehouse_user:
            current = True
        seen = [row for row in self.visible(caller) if current in (None, row.is_current(self.now))]
        found = [row for row in seen if wanted(row)]
        ordered = found if key is None else sorted(found, key=lambda row: (key(row), self.rows.index(row)))
        return ordered[::-1] if is_reversed else ordered

    def reads(self, caller: SignIn, row: Row) -> Expected:
        return self._reads(caller, row in self.visible(caller), NOT_FOUND)

    def people_seen(self, caller: SignIn) -> list[Person]:
        """A warehouse user sees themselves (0.4)."""
        mine = caller.person.is_warehouse_user
        return [person for person in self.people if not mine or person is caller.person]

    def places_seen(self, caller: SignIn) -> list[Place]:
        """A warehouse user sees where they may work (0.4)."""
        mine = caller.person.is_warehouse_user
        assigned = {row.place for row in self.visible(caller) if row.is_current(self.now)}
        return [place for place in self.places if not mine or place in assigned]

    def reads_person(self, caller: SignIn, person: Person) -> Expected:
        return self._reads(caller, person in self.people_seen(caller), (404, [NO_SUCH_PERSON]))

    def reads_place(self, caller: SignIn, place: Place) -> Expected:
        return self._reads(caller, place in self.places_seen(caller), (404, [NO_SUCH_PLACE]))

    def _reads(self, caller: SignIn, is_seen: bool, missing: Expected) -> Expected:
        if not caller.is_live:
            return INVALID_TOKEN
        return OK if is_seen else missing

    # --- Who works where (0.3, 2.6 to 2.8) ------------------------------------------------------------------------
    @change_set
    def assigns(self, caller: SignIn, person: Person | None, place: Place | None, new: Row) -> Expected:
        """`new` is the row that there is from then on, if all is well; what is over is renewed by it (0.5)."""
        if not caller.is_live:
            return INVALID_TOKEN
        if caller.person.is_warehouse_user:
            return FORBIDDEN
        old = next((row for row in self.rows if row.person is person and row.place is place), None)
        is_active, new.is_active = new.is_active, False
        faults = [
            *([] if person and person.is_warehouse_user else [NO_SUCH_PERSON]),
            *([] if place else [NO_SUCH_PLACE]),
            *([ALREADY] if old and not old.is_over(self.now) else []),
            *self._faults_of_period(new, is_active),
        ]
        if faults:
            return 400, faults
        self._renew(old, new) if old else self.rows.append(new)
        if is_active:
            self.stand(new)
        return CREATED

    def _faults_of_period(self, new: Row, is_active: bool) -> list[str]:
        if _is_reversed(new.starts, new.ends):
            return [NO_PERIOD]
        return [NOT_CURRENT] if is_active and not new.is_current(self.now) else []

    def _renew(self, old: Row, new: Row) -> None:
        """Takes the place of the old one, whose warehouse tokens hold no more."""
        new.uuid, new.stay = old.uuid, old.stay
        self.rows[self.rows.index(old)] = new

    def _changes(self, caller: SignIn, row: Row) -> Expected:
        """Who has signed in by a code may change their own rows only (0.5)."""
        answer = self.reads(caller, row)
        is_of_another = caller.client_id is not None and row.person is not caller.person
        return OPERATION_FORBIDDEN if answer == OK and is_of_another else answer

    @change_set
    def switches(self, caller: SignIn, row: Row, *, active: bool) -> Expected:
        answer = self._changes(caller, row)
        if answer != OK:
            return answer
        if not row.person.is_warehouse_user:
            return 400, [NO_SUCH_PERSON]
        if active and not row.is_current(self.now):
            return 400, [NOT_CURRENT]
        if active:
            self.stand(row)
        else:
            row.set_active(False)
        return OK

    @change_set
    def deassigns(self, caller: SignIn, row: Row) -> Expected:
        if caller.is_live and caller.person.is_warehouse_user:
            return FORBIDDEN
        answer = self.reads(caller, row)
        if answer != OK:
            return answer
        self.remove(row)
        return DELETED

    def remove(self, row: Row) -> None:
        self.rows.remove(row)
        self.gone.append(row)

    @change_set
    def sets(self, person: Person, add: list[Place], remove: list[Place]) -> list[Row]:
        """As the page "Assign warehouses" does: first away, then there. Returns the new rows, as yet without uuids.

        What is over is renewed without an end.
        """
        for row in [row for row in self.rows if row.person is person and row.place in remove]:
            self.remove(row)
        over = [row for row in self.rows if row.person is person and row.place in add and row.is_over(self.now)]
        for row in over:
            self._renew(row, Row(person, row.place))
        assigned = {row.place for row in self.rows if row.person is person}
        new = [Row(person, place) for place in add if place not in assigned]
        self.rows += new
        return new

    def stand(self, row: Row) -> None:
        """The rule: activating an assignment deactivates the others."""
        for other in self.rows:
            if other.person is row.person and other is not row:
                other.set_active(False)
        row.set_active(True)

    # --- Who is signed in (0.4) -----------------------------------------------------------------------------------
    def proves(self, person: Person, *, knows_password: bool) -> Expected:
        """At either route: they count together. Attempts while an account is locked do not count."""
        if person.failures >= MOST_FAILURES:
            return CLOSED
        if person.is_blocked or person.has_left(self.now) or not knows_password:
            person.failures += 1
            return BAD_CREDENTIALS
        return OK

    def may_try_again(self, person: Person) -> None:
        person.failures = 0

    def signs_in(self, person: Person) -> Expected:
        answer = self.proves(person, knows_password=True)
        if answer == OK:
            self.sign_ins.append(SignIn(person))
        return answer

    def asks_for_code(self, person: Person, client_id: str) -> Expected:
        answer = self.proves(person, knows_password=True)
        if answer == OK:
            self.codes.append(Code(person, client_id))
        return answer

    def redeems(self, code: Code, *, is_its_client: bool, knows_verifier: bool) -> Expected:
        """Used again, a code is in other hands, and what it made ends; a mistake uses none up (2.1, 2.2)."""
        if not is_its_client or code.is_void:
            return BAD_CODE
        if code.made:
            code.made.is_live = False
            return BAD_CODE
        if not knows_verifier:
            return BAD_VERIFIER
        code.made = SignIn(code.person, code.client_id)
        self.sign_ins.append(code.made)
        return OK

    def refreshes(self, what: SignIn | Grant, age: int) -> Expected:
        """With the newest token, the one before it (one retry), or an older one, which is in other hands."""
        if not (what.is_live if isinstance(what, SignIn) else self.holds(what)):
            return BAD_REFRESH_TOKEN
        if age == 0:
            what.may_retry = True
            return OK
        if age == 1 and what.may_retry:
            what.may_retry = False
            return OK
        what.is_live = False
        return BAD_REFRESH_TOKEN

    def signs_out(self, sign_in: SignIn, *, everywhere: bool) -> None:
        if sign_in.is_live:
            self._end(sign_in.person) if everywhere else setattr(sign_in, "is_live", False)

    @change_set
    def blocks(self, person: Person, *, blocked: bool) -> None:
        if person.is_blocked is not blocked:
            person.is_blocked = blocked
            self._end(person)

    @change_set
    def flags(self, person: Person, *, is_warehouse_user: bool) -> None:
        if person.is_warehouse_user is not is_warehouse_user:
            person.is_warehouse_user = is_warehouse_user
            self._end(person)

    @change_set
    def opens(self, place: Place, *, is_active: bool) -> None:
        place.is_active = is_active

    def _end(self, person: Person) -> None:
        for sign_in in self.sign_ins:
            if sign_in.person is person:
                sign_in.is_live = False
        for code in self.codes:
            code.is_void |= code.person is person

    # --- Who may work where now -----------------------------------------------------------------------------------
    def decides(self, person: Person, place: Place) -> str:
        """The code of the reason, of which there is one only: what a person is comes before where they are."""
        own = next((row for row in self.rows if row.person is person and row.place is place), None)
        faults = {
            "blocked": person.is_blocked,
            "employment_over": person.has_left(self.now),
            "not_a_warehouse_user": not person.is_warehouse_user,
            "warehouse_not_available": not place.is_active,
            "not_assigned": own is None,
            "assignment_over": own is not None and own.is_over(self.now),
            "assignment_not_begun": own is not None and not own.is_current(self.now),
            "works_here": own is not None and own.is_active,
            "active_elsewhere": any(row.person is person and row.is_active for row in self.rows),
        }
        return next((code for code, holds in faults.items() if holds), "not_active")

    # --- Which warehouse tokens hold (0.4) ------------------------------------------------------------------------
    def gets_warehouse_token(self, caller: SignIn) -> Expected:
        if not caller.is_live:
            return INVALID_TOKEN
        here = [row for row in self.rows if row.person is caller.person and row.is_active and row.place.is_active]
        if not caller.person.is_warehouse_user or not here:
            return STANDS_NOWHERE
        self.grants.append(Grant(caller, here[0], here[0].stay))
        return CREATED

    def holds(self, grant: Grant) -> bool:
        """An assignment that was renewed has another row here."""
        row = grant.row
        return (
            grant.is_live
            and grant.sign_in.is_live
            and row in self.rows
            and row.is_active
            and row.stay == grant.stay
            and row.place.is_active
        )


def _is_reversed(starts: int | None, ends: int | None) -> bool:
    return starts is not None and ends is not None and starts >= ends
