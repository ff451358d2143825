"""Why an account, a sign-in or a client is refused: the codes, and what decides them.

To the outside most of them are one and the same refusal (contract 0.4). Staff see them on the page *Why?*, for now and
for a past moment: the functions take what is so, not where it is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import Enum, StrEnum, auto
from typing import Any, NamedTuple

from config.database.periods import LATEST


class SignInReason(StrEnum):
    """Why somebody cannot sign in. The first three are also among the reasons why they may not work."""

    DELETED = "deleted"
    BLOCKED = "blocked"
    EMPLOYMENT_OVER = "employment_over"
    UNKNOWN_PERSON = "unknown_person"
    NO_PASSWORD = "no_password"  # noqa: S105 (a code, not a password)
    TEMPORARY_PASSWORD_EXPIRED = "temporary_password_expired"  # noqa: S105 (as above)
    TEMPORARY_PASSWORD = "temporary_password"  # noqa: S105 (as above)
    LOCKED = "locked"
    NOT_A_BACK_OFFICE_USER = "not_a_back_office_user"
    COMPANY_ACCOUNT_ONLY = "company_account_only"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 (as above)


class SessionReason(StrEnum):
    """Why the tokens of a session are refused, besides the reasons that concern its person."""

    SESSION_ENDED = "session_ended"
    SESSION_EXPIRED = "session_expired"
    KEY_REMOVED = "key_removed"


class ClientReason(StrEnum):
    """Why a client is refused, or is not told what it asks for."""

    UNKNOWN_CLIENT = "unknown_client"
    CLIENT_REMOVED = "client_removed"
    NO_SECRET = "no_secret"  # noqa: S105 (a code, not a secret)
    WRONG_SECRET = "wrong_secret"  # noqa: S105 (as above)
    REDIRECT_NOT_REGISTERED = "redirect_not_registered"
    MAY_NOT_READ_REASONS = "may_not_read_reasons"


def account_reasons(status: str | None, employed_until: datetime | None, at: datetime) -> Iterator[SignInReason]:
    """Why an account was not active at a moment, as `users.querysets.active_account`. None: there was no account."""
    if status != "active":
        yield _OF_STATUS.get(status, SignInReason.BLOCKED)
    if status is not None and at >= (employed_until or LATEST):
        yield SignInReason.EMPLOYMENT_OVER


_OF_STATUS = {None: SignInReason.UNKNOWN_PERSON, "deleted": SignInReason.DELETED}


def password_reason(must_change_by: datetime | None, at: datetime, *, is_usable: bool = True) -> SignInReason | None:
    """Why nobody could sign in by a password at a moment, except that a wrong one was entered."""
    if must_change_by is not None:
        is_over = must_change_by <= at
        return SignInReason.TEMPORARY_PASSWORD_EXPIRED if is_over else SignInReason.TEMPORARY_PASSWORD
    return None if is_usable else SignInReason.NO_PASSWORD


class Entry(Enum):
    """Where a password is entered."""

    APP = auto()
    BACK_OFFICE = auto()
    ACCOUNT = auto()


def sign_in_reasons(person: Any, entry: Entry, at: datetime) -> Iterator[SignInReason]:
    """Why somebody who enters the right password there is not let in: what every sign-in by password asks, and *Why?*.

    `person` is a `User`, as stored or as they were by the history.
    """
    yield from account_reasons(person.status, person.employed_until, at)
    reason = password_reason(person.must_change_password_by, at)
    if reason and (entry is Entry.APP or reason is not SignInReason.TEMPORARY_PASSWORD):  # which the pages let change
        yield reason
    if entry is Entry.BACK_OFFICE and person.is_warehouse_user:
        yield SignInReason.NOT_A_BACK_OFFICE_USER
    elif entry is Entry.BACK_OFFICE and not person.password_opens_back_office:
        yield SignInReason.COMPANY_ACCOUNT_ONLY


def session_reason(ended_at: datetime | None, expires_at: datetime, at: datetime) -> SessionReason | None:
    """Why the tokens of a session were refused at a moment, as `SessionQuerySet.live`."""
    if ended_at is not None and ended_at <= at:
        return SessionReason.SESSION_ENDED
    return SessionReason.SESSION_EXPIRED if expires_at <= at else None


class ClientState(NamedTuple):
    """What is so of a client."""

    is_confidential: bool
    has_secret: bool
    redirect_uris: Sequence[str]
    reads_reasons: bool


def client_reasons(state: ClientState, redirect_uri: str = "") -> Iterator[ClientReason]:
    """Why a registered client is refused with this redirect address, or without one, and what it is not told."""
    if state.is_confidential and not state.has_secret:
        yield ClientReason.NO_SECRET
    needs_none = state.redirect_uris or state.is_confidential
    if (redirect_uri or not needs_none) and not is_registered(redirect_uri, state.redirect_uris):
        yield ClientReason.REDIRECT_NOT_REGISTERED
    if state.is_confidential and not state.reads_reasons:
        yield ClientReason.MAY_NOT_READ_REASONS


def is_registered(redirect_uri: str, registered: Sequence[str]) -> bool:
    """Whether `/authorize` takes an address, compared as a whole (RFC 9700 section 2.1).

    "" is the client's only one (RFC 6749 section 3.1.2.3).
    """
    return redirect_uri in registered if redirect_uri else len(registered) == 1
