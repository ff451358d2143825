"""The security events of a request, and why it was refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from assignments.access.decision import Reason
from config.audit.event_titles import in_words, title_of
from config.back_office import times
from config.retention import retention_cutoff
from users.admin.why.form import client_named
from users.admin.why.person import PersonConditions
from users.models import User
from users.models.audit_event import AuditEvent
from users.models.oauth.client import Client
from users.sign_in.refusals import ClientReason, Entry, SessionReason, SignInReason, sign_in_reasons

#: The events by which a person or a client was refused something.
REFUSALS = {
    "failed_login",
    "warehouse_user_failed_login",
    "temporary_password_not_changed",
    "temporary_password_expired",
    "authorization_code_replayed",
    "refresh_token_reused",
    "refresh_token_refused",
    "access_token_refused",
    "sign_in_locked",
    "client_refused",
    "client_refused_at_authorize",
}
#: Tag → the reason of all its events. Others have theirs in the detail `code`, or are called as their tag.
_OF_TAGS = {"temporary_password_not_changed": SignInReason.TEMPORARY_PASSWORD, "sign_in_locked": SignInReason.LOCKED}
#: Code of a reason → words. Other codes are the tags of events, which have titles.
WORDS: dict[str, Any] = {
    SignInReason.UNKNOWN_PERSON: gettext_lazy("nobody has this name, or had it then"),
    SignInReason.DELETED: gettext_lazy("the person was deleted"),
    SignInReason.BLOCKED: gettext_lazy("the account was deactivated"),
    SignInReason.EMPLOYMENT_OVER: gettext_lazy("the employment had ended"),
    SignInReason.TEMPORARY_PASSWORD: gettext_lazy("the temporary password had not been changed"),
    SignInReason.TEMPORARY_PASSWORD_EXPIRED: gettext_lazy("the temporary password had expired"),
    SignInReason.NOT_A_BACK_OFFICE_USER: gettext_lazy("a warehouse user cannot enter the Back Office"),
    SignInReason.COMPANY_ACCOUNT_ONLY: gettext_lazy("the Back Office is open to them by company account only"),
    SignInReason.WRONG_PASSWORD: gettext_lazy("nothing but the password: it was wrong"),
    SignInReason.LOCKED: gettext_lazy("sign-in was locked after wrong passwords"),
    SessionReason.SESSION_ENDED: gettext_lazy("the session had been ended"),
    SessionReason.SESSION_EXPIRED: gettext_lazy("the session had not been used for too long"),
    SessionReason.KEY_REMOVED: gettext_lazy("the key that had signed the token was removed"),
    Reason.WORKS_HERE: gettext_lazy("nothing any more at that moment"),
    Reason.NOT_A_WAREHOUSE_USER: gettext_lazy("they were no warehouse user"),
    Reason.UNKNOWN_WAREHOUSE: gettext_lazy("no warehouse was assigned"),
    Reason.WAREHOUSE_NOT_AVAILABLE: gettext_lazy("the warehouse was not available"),
    Reason.NOT_ASSIGNED: gettext_lazy("the warehouse was not assigned"),
    Reason.ASSIGNMENT_NOT_BEGUN: gettext_lazy("the assignment had not begun"),
    Reason.ASSIGNMENT_OVER: gettext_lazy("the assignment was over"),
    Reason.ACTIVE_ELSEWHERE: gettext_lazy("they worked in another warehouse"),
    Reason.NOT_ACTIVE: gettext_lazy("they worked nowhere"),
    ClientReason.UNKNOWN_CLIENT: gettext_lazy("there is no such client, or was none then"),
    ClientReason.CLIENT_REMOVED: gettext_lazy("the client was removed"),
    ClientReason.NO_SECRET: gettext_lazy("the client had no secret"),
    ClientReason.REDIRECT_NOT_REGISTERED: gettext_lazy("the redirect address was not registered"),
    ClientReason.WRONG_SECRET: gettext_lazy("the secret was wrong, or sent by a public client"),
}
#: Most events of one request that are shown: a client may have sent the same id again and again.
MAX_EVENTS = 10


class FoundEvent(NamedTuple):
    """A security event, with the person and the client that it names, as far as they are known."""

    event: AuditEvent
    title: str
    details: str
    person: User | None
    client: Client | None

    @property
    def is_refusal(self) -> bool:
        return self.event.tag in REFUSALS

    @property
    def is_nameless(self) -> bool:
        return self.person is None and self.client is None

    @property
    def name(self) -> str:
        """Of the person, as far as the event names somebody."""
        return self.event.username or str(self.person or self.event.user_uuid or "")


def events_of(request_id: str) -> list[FoundEvent]:
    """The newest events of a request, by an index. Raises ValidationError, which says why, if there are none."""
    rows = AuditEvent.objects.of_request(request_id)[:MAX_EVENTS]
    if not rows:
        words = _(
            "No security event has the request ID “%(id)s”. Those from before %(day)s are deleted; only the log has "
            "requests that neither changed nor refused anything of an account, and refusals after many of their kind."
        )
        raise ValidationError(words % {"id": request_id, "day": times.in_words(retention_cutoff())})
    return [_found(row) for row in rows]


def the_refusal(found: list[FoundEvent]) -> FoundEvent:
    """The one to explain: the newest refusal, or else the newest event."""
    return next((one for one in found if one.is_refusal), found[0])


def _found(event: AuditEvent) -> FoundEvent:
    people = User.objects.filter(uuid=event.user_uuid) if event.user_uuid else User.objects.by_email(event.username)
    person = people.first() if event.user_uuid or event.username else None
    client = client_named(event.client_id) if event.client_id else None
    return FoundEvent(event, title_of(event.tag, event.event), in_words(event.details), person, client)


# --- Why it was refused -----------------------------------------------------------------------------------------
def why_refused(
    found: FoundEvent, then: PersonConditions | None, reasons_of_client: Sequence[str]
) -> tuple[str, str] | None:
    """Words and code of what stood in the way, deepest first; None for an event that is no refusal.

    An event says that something was refused. Why follows from what was so at that moment (`then`), by the same
    functions that decide now.
    """
    if not found.is_refusal:
        return None
    code = _of_tag(found, then, reasons_of_client)
    return str(WORDS.get(code, found.title)), code


def _of_tag(found: FoundEvent, then: PersonConditions | None, reasons_of_client: Sequence[str]) -> str:
    tag = found.event.tag
    if tag == "client_refused":
        known = [reason for reason in reasons_of_client if reason in _OF_SECRET]
        return next(iter(known), ClientReason.WRONG_SECRET if found.client else ClientReason.UNKNOWN_CLIENT)
    if tag not in {"failed_login", "warehouse_user_failed_login"}:
        return str(_OF_TAGS.get(tag) or found.event.details.get("code") or tag)
    if then is None:
        return SignInReason.UNKNOWN_PERSON
    if tag == "failed_login":
        return next(_of_sign_in(found, then))
    warehouse = then.warehouse()
    reason = then.decision(warehouse).reason
    return reason if warehouse or reason != Reason.UNKNOWN_WAREHOUSE else Reason.NOT_ASSIGNED


_OF_SECRET = {ClientReason.UNKNOWN_CLIENT, ClientReason.CLIENT_REMOVED, ClientReason.NO_SECRET}


#: What a user is made of as they were then, for `sign_in_reasons`.
_OF_PERSON = (
    *("email", "status", "employed_until", "must_change_password_by"),
    *("is_warehouse_user", "company_account_only"),
)


def _of_sign_in(found: FoundEvent, then: PersonConditions) -> Iterator[str]:
    """A wrong password only if the right one would have been let in."""
    if then.state is None:
        yield SignInReason.UNKNOWN_PERSON
        return
    person = User(**{name: getattr(then.state, name) for name in _OF_PERSON})
    entry = Entry.BACK_OFFICE if found.event.path == reverse("admin:login") else Entry.ACCOUNT
    yield from sign_in_reasons(person, entry, then.now)
    yield SignInReason.WRONG_PASSWORD
