"""What the contract's model is made of: answers, people, places, assignments, and what is had by signing in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: Status and codes of the errors; no codes where there are none, or where only the status is promised.
Expected = tuple[int, list[Any]]
OK: Expected = (200, [])
CREATED: Expected = (201, [])
DELETED: Expected = (204, [])
BAD_CREDENTIALS: Expected = (400, ["invalid_grant"])
CLOSED: Expected = (429, ["invalid_grant"])
BAD_REFRESH_TOKEN: Expected = (400, ["invalid_request"])
BAD_CODE: Expected = (400, ["invalid_request"])
BAD_VERIFIER: Expected = (400, ["invalid_grant"])
INVALID_TOKEN: Expected = (401, ["001"])
FORBIDDEN: Expected = (403, [None])
STANDS_NOWHERE: Expected = (403, ["5101"])
OPERATION_FORBIDDEN: Expected = (403, ["5101"])
NOT_FOUND: Expected = (404, ["5201"])
NO_SUCH_PERSON, NO_SUCH_PLACE, ALREADY, NOT_CURRENT, NO_PERIOD = "5202", "5203", "5206", "5207", "5208"
#: So many failures to prove who one is close the account (0.4, "Throttling").
MOST_FAILURES = 9


@dataclass(eq=False)
class Person:
    uuid: str
    email: str
    is_warehouse_user: bool
    name: str = ""
    is_blocked: bool = False
    employed_until: int | None = None  # in hours, as the period of a row; excluded
    failures: int = 0  # to prove who they are

    def has_left(self, now: int) -> bool:
        return self.employed_until is not None and self.employed_until <= now


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
    #: The period in hours since the beginning of the example; half-open (0.5).
    starts: int | None = None
    ends: int | None = None
    #: A row whose period ended while it was active is sorted with the active ones, until somebody changes it.
    is_sorted_as_active: bool = False

    def is_over(self, now: int) -> bool:
        return self.ends is not None and self.ends <= now

    def is_current(self, now: int) -> bool:
        return (self.starts is None or self.starts <= now) and not self.is_over(now)

    def set_active(self, is_active: bool) -> None:
        self.stay += is_active and not self.is_active
        self.is_active = self.is_sorted_as_active = is_active


@dataclass(eq=False, kw_only=True)
class Rotating:
    """The row of a chain of refresh tokens."""

    is_live: bool = True
    refresh_tokens: list[str] = field(default_factory=list)  # the newest last
    may_retry: bool = False


@dataclass(eq=False)
class SignIn(Rotating):
    person: Person
    client_id: str | None = None  # the default client's need not be named
    access_token: str = ""


@dataclass(eq=False)
class Code:
    """An authorization code: good once, and only as long as its person is not signed out everywhere."""

    person: Person
    client_id: str
    text: str = ""
    is_void: bool = False
    made: SignIn | None = None


@dataclass(eq=False)
class Grant(Rotating):
    """What the warehouse tokens stand for that are had in one stay."""

    sign_in: SignIn
    row: Row
    stay: int
    tokens: list[str] = field(default_factory=list)  # the newest last
