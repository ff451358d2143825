"""The contract as a plain Python model: who works where, who is signed in, which tokens hold.

Shares no code with the product. Every method says what the API must answer, as (status, codes or words), and does to
the model what the API must do to the world. Sections are those of the contract.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

#: Status and codes of the errors; no codes where there are none, or where only the status is promised.
Expected = tuple[int, list[Any]]
OK: Expected = (200, [])
CREATED: Expected = (201, [])
DELETED: Expected = (204, [])
REFUSED: Expected = (400, [])
INVALID_TOKEN: Expected = (401, ["001"])
FORBIDDEN: Expected = (403, [None])
STANDS_NOWHERE: Expected = (403, ["5101"])
NOT_FOUND: Expected = (404, ["5201"])
NO_SUCH_PERSON, NO_SUCH_PLACE, ALREADY = "5202", "5203", "5206"


@dataclass(eq=False)
class Person:
    uuid: str
    email: str
    is_warehouse_user: bool
    is_blocked: bool = False
    failures: int = 0  # to sign in


@dataclass(eq=False)
class Place:
    uuid: str
    name: str
    is_active: bool = True


@dataclass(eq=False)
class Row:
    """An assignment. Each time that it becomes active is another stay (0.4)."""

    person: Person
    place: Place
    uuid: str = ""
    is_active: bool = False
    stay: int = 0


@dataclass(eq=False)
class SignIn:
    person: Person
    is_live: bool = True
    access_token: str = ""
    refresh_tokens: list[str] = field(default_factory=list)  # the newest last
    may_retry: bool = False


@dataclass(eq=False)
class Grant:
    """What one warehouse token stands for."""

    sign_in: SignIn
    row: Row
    stay: int
    is_withdrawn: bool = False
    token: str = ""


@dataclass
class Model:
    people: list[Person]
    places: list[Place]
    rows: list[Row] = field(default_factory=list)  # oldest first
    gone: list[Row] = field(default_factory=list)
    sign_ins: list[SignIn] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)

    # --- Who sees what (2.4, 2.5) ---------------------------------------------------------------------------------
    def visible(self, caller: SignIn) -> list[Row]:
        mine = caller.person.is_warehouse_user
        return [row for row in self.rows if not mine or row.person is caller.person]

    def listed(
        self, caller: SignIn, wanted: Callable[[Row], bool], key: Callable[[Row], Any] | None, *, is_reversed: bool
    ) -> list[Row]:
        """In the order asked for; rows that are equal in it stay oldest first, or all the other way round (0.2)."""
        found = [row for row in self.visible(caller) if wanted(row)]
        ordered = found if key is None else sorted(found, key=lambda row: (key(row), self.rows.index(row)))
        return ordered[::-1] if is_reversed else ordered

    def reads(self, caller: SignIn, row: Row) -> Expected:
        if not caller.is_live:
            return INVALID_TOKEN
        return OK if row in self.visible(caller) else NOT_FOUND

    # --- Who works where (0.3, 2.6 to 2.8) ------------------------------------------------------------------------
    def assigns(self, caller: SignIn, person: Person | None, place: Place | None, new: Row) -> Expected:
        """`new` is the row that there is from then on, if all is well."""
        if not caller.is_live:
            return INVALID_TOKEN
        if caller.person.is_warehouse_user:
            return FORBIDDEN
        faults = [] if person and person.is_warehouse_user else [NO_SUCH_PERSON]
        faults += [] if place else [NO_SUCH_PLACE]
        if any(row.person is person and row.place is place for row in self.rows):
            faults.append(ALREADY)
        if faults:
            return 400, faults
        self.rows.append(new)
        if new.is_active:
            new.is_active = False
            self._stand(new)
        return CREATED

    def switches(self, caller: SignIn, row: Row, *, active: bool) -> Expected:
        answer = self.reads(caller, row)
        if answer != OK:
            return answer
        if not row.person.is_warehouse_user:
            return 400, [NO_SUCH_PERSON]
        if active:
            self._stand(row)
        else:
            row.is_active = False
        return OK

    def deassigns(self, caller: SignIn, row: Row) -> Expected:
        if caller.is_live and caller.person.is_warehouse_user:
            return FORBIDDEN
        answer = self.reads(caller, row)
        if answer != OK:
            return answer
        self.rows.remove(row)
        self.gone.append(row)
        return DELETED

    def _stand(self, row: Row) -> None:
        """The rule: whoever stands here stands nowhere else."""
        for other in self.rows:
            if other.person is row.person and other is not row:
                other.is_active = False
        if not row.is_active:
            row.is_active, row.stay = True, row.stay + 1

    # --- Who is signed in (0.4) -----------------------------------------------------------------------------------
    def signs_in(self, person: Person) -> Expected:
        if person.is_blocked:
            person.failures += 1
            return REFUSED
        self.sign_ins.append(SignIn(person))
        return OK

    def refreshes(self, sign_in: SignIn, age: int) -> Expected:
        """With the newest token, the one before it (one retry), or an older one, which is in other hands."""
        if not sign_in.is_live:
            return REFUSED
        if age == 0:
            sign_in.may_retry = True
            return OK
        if age == 1 and sign_in.may_retry:
            sign_in.may_retry = False
            return OK
        sign_in.is_live = False
        return REFUSED

    def signs_out(self, sign_in: SignIn, *, everywhere: bool) -> None:
        if sign_in.is_live:
            self._end(sign_in.person) if everywhere else setattr(sign_in, "is_live", False)

    def blocks(self, person: Person, *, blocked: bool) -> None:
        if person.is_blocked is not blocked:
            person.is_blocked = blocked
            self._end(person)

    def flags(self, person: Person, *, is_warehouse_user: bool) -> None:
        if person.is_warehouse_user is not is_warehouse_user:
            person.is_warehouse_user = is_warehouse_user
            self._end(person)

    def _end(self, person: Person) -> None:
        for sign_in in self.sign_ins:
            if sign_in.person is person:
                sign_in.is_live = False

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
        row = grant.row
        return (
            not grant.is_withdrawn
            and grant.sign_in.is_live
            and row in self.rows
            and row.is_active
            and row.stay == grant.stay
            and row.place.is_active
        )
