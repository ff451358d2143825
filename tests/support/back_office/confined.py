"""What a confined Site manager gets at each row of the Back Office: the table, and the requests.

`roles.TABLE` has the letter `C` for routes without a row, and for rows of their own warehouse.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, NamedTuple

from django.contrib.messages import constants, get_messages
from django.test import Client
from django.utils import timezone

from assignments.models import ManagedWarehouse
from tests.support.back_office.staff import told
from tests.support.confinement import Site, confined
from users.models import Session, User
from users.roles import SITE_MANAGER

#: The kinds of rows, in the order of the marks. Of people: who works in the own warehouse only, nowhere, in both, in
#: the other one only. Of assignments: in the own warehouse, in the other one, and the two of the person in both.
#: Of confined people: who manages the own warehouse, none, both, the other one.
KINDS = ("own", "other", "both", "elsewhere")

#: Shown or done; refused with 403; no such method.
YES, NO, NO_METHOD = "+", "!", "x"
#: Answered as for a row that does not exist: status, address, body and messages.
MISSING = "0"
#: Answered with a message that says why not. Nothing is changed.
TOLD = "-"

#: Route → a mark for each kind of row, of GET and of POST. Warehouses have the first two kinds only.
ROWS: dict[str, tuple[str, str]] = {
    # --- People --------------------------------------------------------------------------------------------------
    "users/user/bulk/<str:name>/": ("xxxx", "+0-0"),
    "users/user/why/": ("+0+0", "0000"),
    "users/user/<int:pk>/view/": ("+0+0", "+0+0"),
    "users/user/<int:pk>/switch/<str:name>/": ("xxxx", "+0-0"),
    "users/user/<int:pk>/sign-out/": ("xxxx", "+0!0"),
    "users/user/<int:pk>/unlock-sign-in/": ("xxxx", "+0!0"),
    "users/user/<int:pk>/reset-two-factor/": ("xxxx", "!!!!"),
    "users/user/<int:pk>/temporary-password/": ("+0!0", "+0!0"),
    "users/user/<path:object_id>/history/": ("+0+0", "+0+0"),
    "users/user/<path:object_id>/delete/": ("!!!!", "!!!!"),
    "users/user/<path:object_id>/change/": ("+0+0", "+0!0"),
    "users/user/<path:object_id>/": ("0000", "0000"),  # Django's redirect to the form, which looks nothing up
    # --- Sessions ------------------------------------------------------------------------------------------------
    "users/session/end/": ("xxxx", "+0-0"),
    "users/session/<uuid:pk>/end/": ("xxxx", "+0-0"),
    "users/session/<path:object_id>/history/": ("+0+0", "+0+0"),
    "users/session/<path:object_id>/delete/": ("!!!!", "!!!!"),
    "users/session/<path:object_id>/change/": ("+0+0", "!!!!"),
    "users/session/<path:object_id>/": ("0000", "0000"),
    # --- Warehouses ----------------------------------------------------------------------------------------------
    "warehouses/warehouse/<path:object_id>/view/": ("+0", "+0"),
    "warehouses/warehouse/<path:object_id>/edit/": ("!!", "!!"),
    "warehouses/warehouse/<path:object_id>/people/": ("+0", "+0"),
    "warehouses/warehouse/<path:object_id>/history/": ("+0", "+0"),
    "warehouses/warehouse/<path:object_id>/delete/": ("!0", "!0"),
    "warehouses/warehouse/<path:object_id>/change/": ("+0", "!0"),
    "warehouses/warehouse/<path:object_id>/": ("00", "00"),
    # --- Assignments ---------------------------------------------------------------------------------------------
    "assignments/warehouseuserassignment/user/<str:uuid>/": ("+0+0", "+0+0"),
    "assignments/warehouseuserassignment/user/<str:uuid>/rows/": ("+0+0", "x0x0"),
    "assignments/warehouseuserassignment/user/<str:uuid>/changes/": ("+0+0", "x0x0"),
    "assignments/warehouseuserassignment/warehouse/<str:uuid>/": ("+0", "+0"),
    "assignments/warehouseuserassignment/warehouse/<str:uuid>/rows/": ("+0", "x0"),
    "assignments/warehouseuserassignment/warehouse/<str:uuid>/changes/": ("+0", "x0"),
    "assignments/warehouseuserassignment/managed/<str:uuid>/": ("+0+0", "+0!0"),
    "assignments/warehouseuserassignment/managed/<str:uuid>/period/": ("+0!0", "+0!0"),
    "assignments/warehouseuserassignment/managed/<str:uuid>/rows/": ("+0+0", "x0x0"),
    "assignments/warehouseuserassignment/managed/<str:uuid>/changes/": ("+0+0", "x0x0"),
    "assignments/warehouseuserassignment/<path:object_id>/assign_warehouses/": ("+0+0", "+0+0"),
    "assignments/warehouseuserassignment/<path:object_id>/set_period/": ("+0+0", "+0+0"),
    "assignments/warehouseuserassignment/set-period/": ("xxxx", "+0+0"),
    "assignments/warehouseuserassignment/roster/": ("+0", "00"),  # the query alone chooses
    "assignments/warehouseuserassignment/roster/person/": ("+0+0", "0000"),
    "assignments/warehouseuserassignment/<path:object_id>/history/": ("+0+0", "+0+0"),
    "assignments/warehouseuserassignment/<path:object_id>/delete/": ("+0+0", "+0+0"),
    "assignments/warehouseuserassignment/<path:object_id>/change/": ("+0+0", "!0!0"),
    "assignments/warehouseuserassignment/<path:object_id>/": ("0000", "0000"),
}

#: Rows that belong to no warehouse, and jobs, which only who started them sees.
NOT_CONFINED = (
    "users/auditevent/",
    "users/client/",
    "auth/group/",
    "/import/<uuid:pk>/",
    "/export/<uuid:pk>/",
    "undo/",
)

_PEOPLE, _SESSIONS = "users/user/", "users/session/"
_HOUSES, _ASSIGNMENTS = "warehouses/warehouse/", "assignments/warehouseuserassignment/"
_MANAGERS = "managers"
#: Routes with a row of another model than their own.
_ROW_OF = {
    f"{_ASSIGNMENTS}user/": _PEOPLE,
    f"{_ASSIGNMENTS}warehouse/": _HOUSES,
    f"{_ASSIGNMENTS}managed/": _MANAGERS,
    f"{_ASSIGNMENTS}roster/person/": _PEOPLE,
    f"{_ASSIGNMENTS}roster/": _HOUSES,
}
#: A key and a UUID that no row has.
_NO_KEY, _NO_UUID = 9_999_999, "01234567-89ab-4cde-8f01-23456789abcd"


def needs_cells(route: str) -> bool:
    """Whether a route has a row in its path. Others that name one in the query or the body are in `ROWS`, too."""
    has_row = re.search(r"<(path:object_id|int:pk|uuid:pk|str:uuid)>", route)
    return bool(has_row) and not any(part in route for part in NOT_CONFINED)


def rows_of(site: Site) -> dict[str, list[Any]]:
    """The rows of each model, one for each kind, and last a missing one: a copy whose keys no row has."""
    people = [site.here, site.nowhere, site.both, site.elsewhere]
    expires = timezone.now() + timedelta(days=1)
    sessions = [
        Session.objects.create(user=one, client_id="app", expires_at=expires, refresh_digest=one.email)
        for one in people
    ]
    managers = [
        confined(User.objects.create(email=f"m{n}@example.test"), SITE_MANAGER, *places)
        for n, places in enumerate([[site.own], [], [site.own, site.other], [site.other]])
    ]
    return {
        _MANAGERS: [*managers, User(pk=_NO_KEY, uuid=_NO_UUID)],
        _PEOPLE: [*people, User(pk=_NO_KEY, uuid=_NO_UUID, email="no.body@example.test")],
        _SESSIONS: [*sessions, Session(pk=_NO_UUID)],
        _HOUSES: [site.own, site.other, type(site.own)(pk=_NO_KEY, uuid=_NO_UUID, name="No Hall")],
        _ASSIGNMENTS: [
            site.here_own, site.elsewhere_other, site.both_own, site.both_other,
            type(site.here_own)(pk=_NO_KEY, uuid=_NO_UUID),
        ],
    }  # fmt: skip


def model_of(route: str) -> str:
    for start, model in _ROW_OF.items():
        if route.startswith(start):
            return model
    return "/".join(route.split("/")[:2]) + "/"


def _managed(person: User) -> int:
    """The first row of what somebody manages."""
    rows = ManagedWarehouse.objects.filter(user=person.pk).order_by("pk")
    return rows.values_list("pk", flat=True).first() or _NO_KEY


#: What a route is sent in the query or the body, besides the row in its path.
_SENT: dict[str, Any] = {
    "post users/user/bulk/<str:name>/": lambda row: {"people": row.pk},
    "get users/user/why/": lambda row: {"person": row.pk},
    "post users/session/end/": lambda row: {"keys": str(row.pk).replace("-", "")},
    f"post {_ASSIGNMENTS}set-period/": lambda row: {"rows": row.pk, "from_day": "2026-01-01"},
    f"get {_ASSIGNMENTS}managed/<str:uuid>/period/": lambda row: {"row": _managed(row)},
    f"post {_ASSIGNMENTS}managed/<str:uuid>/period/": lambda row: {"row": _managed(row), "until_day": "2099-01-01"},
    f"get {_ASSIGNMENTS}roster/": lambda row: {"warehouse": row.pk},
    f"get {_ASSIGNMENTS}roster/person/": lambda row: {"person": row.pk},
}


class Answer(NamedTuple):
    row: Any
    status: int
    #: Address, body and messages, without what is new in every answer.
    texts: list[str]
    #: Whether a message is a warning or an error.
    is_told: bool

    def with_keys_of(self, row: Any) -> list[str]:
        """The texts of a missing row, with another's keys."""
        texts = "\0".join(self.texts)
        for name in ("pk", "uuid"):
            if key := str(getattr(self.row, name, "")):
                texts = texts.replace(key, str(getattr(row, name)))
        return texts.split("\0")


def ask(client: Client, method: str, route: str, row: Any) -> Answer:
    names = {"object_id": row.pk, "pk": row.pk, "uuid": getattr(row, "uuid", ""), "name": "deactivate"}
    path = "/admin/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(names[found[1]]), route)
    sent = _SENT.get(f"{method} {route}", lambda row: {})(row)
    answer: Any = getattr(client, method)(path, sent)
    is_told = any(message.level >= constants.WARNING for message in get_messages(answer.wsgi_request))
    texts = [answer.headers.get("Location", ""), answer.content.decode(), *told(answer)]
    return Answer(row, answer.status_code, [_NEW.sub("", text) for text in texts], is_told)


def mark(answer: Answer, missing: Answer, *, is_same: bool) -> str:
    """The mark of an answer. `is_same` says that nothing was changed."""
    if answer.status in (403, 405):
        assert is_same
        return NO if answer.status == 403 else NO_METHOD
    assert answer.status in (200, 302, 404), answer
    if answer.status == missing.status and answer.texts == missing.with_keys_of(answer.row):
        assert is_same
        return MISSING
    return TOLD if is_same and answer.is_told else YES


#: What is new in every answer: tokens, and times of the day.
_NEW = re.compile(r'(csrfmiddlewaretoken" value=|nonce=|csrfToken": )"[^"]+"|\d\d(:|%3A)\d\d((:|%3A)\d\d)?(\.\d+)?')
