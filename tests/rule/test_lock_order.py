"""Every pair of writes against each other: none ever waits for one that waits for it (`users.locks`).

One write is stopped in the middle, at a row that somebody outside holds; the other comes until it waits, too. Then the
row is let go. This for each pair; in `make endurance` in both orders, for each row at which the first can be stopped.
All of them take back what they did, so that the next pair finds the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test import Client as Browser
from django.test import RequestFactory
from django.utils import timezone
from scim2_server.handler import ScimHandler
from scim2_server.requests import ScimRequest

from assignments.models import ManagedWarehouse, WarehouseUserAssignment
from assignments.scim.service import SERVICE
from assignments.scim.storage import Storage
from config.company_account.provider import Provider
from config.database.periods import Period
from config.history.positions import Operation
from config.history.undo.plan import undo
from config.spreadsheets.jobs import worker
from config.spreadsheets.models import Import
from tests.conftest import make_client
from tests.support.api.client import PASSWORD
from tests.support.back_office.history import change_set
from tests.support.back_office.sheets import ASSIGNMENTS, PEOPLE_HEADINGS, USERS, to_be_applied
from tests.support.back_office.staff import person, signed_in
from tests.support.scim.directory import OURS, PATCH, register
from tests.support.scim.directory import person as scim_person
from tests.support.servers.concurrency import beside, colleague, wait_until_blocked, wait_until_done_or_blocked
from tests.support.waiting import MOST_SECONDS
from users.account_actions import DEACTIVATE
from users.company_account.people import sign_in as company_sign_in
from users.models import Session, User
from users.models.oauth.authorization_code import AuthorizationCode
from users.models.oauth.client import Client
from users.oauth.sessions import redeem
from users.sign_in.account_recovery import reset_two_factor
from users.sign_in.two_factor import Authenticator
from warehouses.models import Warehouse

pytestmark = pytest.mark.thorough

World = SimpleNamespace
rows = WarehouseUserAssignment.objects
#: Links, takes one role and one warehouse, and gives another.
CONTOSO = Provider(
    "contoso", "https://login.example.test", "back-office", "a secret", "Contoso", links_by_email=True,
    roles={"crew": frozenset({"Crew"}), "river": frozenset({"Auditor"})},
    warehouses={"north": frozenset({"North Dock"}), "river": frozenset({"River Annex"})},
)  # fmt: skip


def _world(make_user: Callable[..., User]) -> World:
    """Two of each, of which the ways at once name the later one first."""
    ada, bob = (make_user(f"{name}.admin@example.test", is_superuser=True) for name in ("ada", "bob"))
    pat, sam = (make_user(f"{name}.picker@example.test", is_warehouse_user=True) for name in ("pat", "sam"))
    mona, max_ = (make_user(f"{name}.manager@example.test") for name in ("mona", "max"))
    crew = Group.objects.create(name="Crew")
    crew.user_set.set([max_, mona])
    north, river = (Warehouse.objects.create(name=name) for name in ("North Dock", "River Annex"))
    ManagedWarehouse.objects.set_for(max_, add=[north], remove=[])
    rows.set_active([(one.pk, place.pk, place == north) for one in (sam, pat) for place in (north, river)])
    scanner, directory = make_client(), register(roles=("Crew",))[0]
    for number, one in enumerate((sam, pat, bob, pat, sam)):
        Session.objects.create(
            user=one, client_id=scanner.client_id, refresh_digest=str(number) * 64, address="192.0.2.1",
            expires_at=timezone.now() + timedelta(days=1),
        )  # fmt: skip
    code = AuthorizationCode.objects.store(
        "code", pat, client_id=scanner.client_id, redirect_uri="", scope="", challenge=""
    )
    Authenticator.of_key(pat, "00" * 20).save()
    people = f"""{PEOPLE_HEADINGS}
{bob.email},Bob,New,no,en,deactivated,,{PASSWORD}
{sam.email},Sam,New,no,en,active,Crew,{PASSWORD}
{pat.email},Pat,New,yes,en,deactivated,,{PASSWORD}
new.hand@example.test,New,Hand,yes,en,active,,"""
    places = f"email,warehouse,active\n{sam.email},River Annex,yes\n{pat.email},River Annex,yes"
    browser = signed_in(ada)
    both = f"""{PEOPLE_HEADINGS},warehouses,works_in
{bob.email},Bob,New,no,en,deactivated,,{PASSWORD},,
{sam.email},Sam,New,yes,en,active,,{PASSWORD},,River Annex
{pat.email},Pat,New,yes,en,deactivated,,,River Annex,River Annex
new.hand@example.test,New,Hand,yes,en,active,,,North Dock; River Annex,River Annex"""
    sheets = {page: to_be_applied(ada, page, text) for page, text in ((USERS, people), (ASSIGNMENTS, places))}
    done = _change(ada, [sam, pat], north, river)
    sheets["both"] = to_be_applied(ada, USERS, both, "warehouses")
    return World(**locals())


def _change(author: User, people: list[User], north: Warehouse, river: Warehouse) -> Operation:
    """A change set of people, assignments and a warehouse."""
    with change_set(author) as done:
        User.objects.filter(pk__in=[one.pk for one in people]).update(language="de_DE")
        rows.set_periods({(one.pk, river.pk): Period(timezone.now()) for one in people})
        Warehouse.objects.filter(pk=north.pk).update(note="Gate 2")
    return done


def _import(page: str) -> Callable[[World], None]:
    def run(world: World) -> None:
        """All of it is written; then it is not what was shown, and so taken back and checked again."""
        ready = Import.objects.filter(pk=world.sheets[page].pk)
        ready.update(state=Import.State.APPLYING)
        job = ready.get()
        job.report = {}
        worker.run(job)
        assert ready.get().state != Import.State.STOPPED

    return run


def _post(path: str, form: Callable[[World], dict[str, Any]]) -> Callable[[World], None]:
    """By Ada, in her browser."""

    def post(world: World) -> None:
        browser = Browser()
        browser.cookies.load({"sessionid": world.browser.cookies["sessionid"].value})  # signing in locks her, too
        answer = browser.post(f"/admin/{path.format(**vars(world))}", form(world))
        assert (answer.status_code, answer.headers["Location"] != "/admin/") == (302, True), answer.content

    return post


def _redeem(world: World) -> None:
    code = AuthorizationCode.objects.get(pk=world.code.pk)
    redeem(code, Client(client_id=code.client_id), RequestFactory().get("/"))


def _scim(method: str, path: str, body: Callable[[World], Any] = lambda w: None) -> Callable[[World], None]:
    """By a company's directory."""

    def send(world: World) -> None:
        asked = ScimRequest(
            method=method, base_url="", path=path.format(**vars(world)), body=json.dumps(body(world)).encode()
        )
        client = Client.objects.get(pk=world.directory.pk)
        assert ScimHandler(SERVICE, Storage(client)).handle(asked).status < 300

    return send


def _operations(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": [PATCH], "Operations": operations}


WRITES: dict[str, Callable[[World], Any]] = {
    "import people": _import(USERS),
    "import assignments": _import(ASSIGNMENTS),
    "import people with warehouses": _import("both"),
    "deactivate many": lambda w: DEACTIVATE.apply([w.sam.pk, w.bob.pk, w.pat.pk], w.ada),
    "edit an administrator": _post(
        "users/user/{bob.pk}/change/", lambda w: person(w.bob, status="blocked", password1=PASSWORD, password2=PASSWORD)
    ),
    "give a role": _post("users/user/{bob.pk}/change/", lambda w: person(w.bob, groups=[w.crew.pk])),
    "rename a role": _post("auth/group/{crew.pk}/change/", lambda w: {"name": "Team"}),
    "reset a second factor": lambda w: reset_two_factor(w.pat),
    "redeem a code": _redeem,
    "end many sessions": _post(
        "users/session/end/", lambda w: {"keys": ",".join(one.pk.hex for one in Session.objects.order_by("-pk"))}
    ),
    "remove a client": lambda w: Client.objects.get(pk=w.scanner.pk).remove(),
    "have somebody manage another warehouse": lambda w: ManagedWarehouse.objects.set_for(
        w.max_, add=[w.river], remove=[w.north]
    ),
    "sign in by company account": lambda w: company_sign_in(
        CONTOSO, {"sub": "max-1", "email": w.max_.email, "email_verified": True, "groups": ["river"]}
    ),
    "activate an assignment": lambda w: rows.get(user=w.pat, warehouse=w.river).activate(),
    "assign people": _post(
        "assignments/warehouseuserassignment/warehouse/{river.uuid}/",
        lambda w: {"deassign": f"{w.sam.pk},{w.pat.pk}"},
    ),
    "delete many assignments": _post(
        "assignments/warehouseuserassignment/",
        lambda w: {"action": "delete_selected", "_selected_action": _keys(), "index": "0", "post": "yes"},
    ),
    "undo": lambda w: undo(w.done, w.ada, ""),
    "delete a role": _post("auth/group/{crew.pk}/delete/", lambda w: {"post": "yes"}),
    "create by a directory": _scim(
        "POST",
        "/Users",
        lambda w: scim_person(**{OURS: {"isWarehouseUser": True, "warehouses": [{"value": "North Dock"}]}}),
    ),
    "block by a directory, and have somebody work elsewhere": _scim(
        "PATCH",
        "/Users/{pat.uuid}",
        lambda w: _operations(
            {"op": "replace", "path": "active", "value": False},
            {"op": "replace", "path": f"{OURS}:warehouses", "value": [{"value": "River Annex"}]},
        ),
    ),
    "delete by a directory": _scim("DELETE", "/Users/{max_.uuid}"),
    "give a role by a directory": _scim(
        "PATCH",
        "/Groups/{crew.pk}",
        lambda w: _operations({"op": "replace", "path": "members", "value": [{"value": str(w.sam.uuid)}]}),
    ),
    "delete a warehouse": lambda w: Warehouse.objects.get(pk=w.north.pk).remove(with_assignments=True),
}


_TAKE_THEMSELVES_BACK = ("import people", "import assignments", "import people with warehouses")


def _keys(**which: Any) -> list[int]:
    return list(rows.filter(**which).order_by("-pk").values_list("pk", flat=True))


#: Where a write can be stopped: by whoever holds one of these.
STOPS: dict[str, tuple[str, Callable[[World], Any]]] = {
    "administrators": ("SELECT pg_advisory_xact_lock(4711001 + 0 * %s)", lambda w: 0),
    "bob": ("SELECT FROM users_user WHERE id = %s FOR UPDATE", lambda w: w.bob.pk),
    "pat": ("SELECT FROM users_user WHERE id = %s FOR UPDATE", lambda w: w.pat.pk),
    "sam": ("SELECT FROM users_user WHERE id = %s FOR UPDATE", lambda w: w.sam.pk),
    "max": ("SELECT FROM users_user WHERE id = %s FOR UPDATE", lambda w: w.max_.pk),
    "role": ("SELECT FROM auth_group WHERE id = %s FOR UPDATE", lambda w: w.crew.pk),
    "directory's role": ("SELECT FROM users_clientrole WHERE role_id = %s FOR UPDATE", lambda w: w.crew.pk),
    "client": ("SELECT FROM users_client WHERE id = %s FOR UPDATE", lambda w: w.scanner.pk),
    "warehouse": ("SELECT FROM warehouses_warehouse WHERE id = %s FOR UPDATE", lambda w: w.north.pk),
    "assignment": (
        "SELECT FROM assignments_warehouseuserassignment WHERE user_id = %s FOR UPDATE", lambda w: w.pat.pk
    ),
    "sessions": ("SELECT FROM users_session WHERE user_id = %s FOR UPDATE", lambda w: w.pat.pk),
}  # fmt: skip


#: Of the rows at which a write can be stopped, the short form tries so many, each write beginning with another.
SOME = 3


@pytest.fixture
def world(transactional_db: None, make_user: Callable[..., User]) -> World:
    return _world(make_user)


def _try(world: World, name: str) -> None:
    """A write that is taken back. What is checked at the commit is checked before. It waits as long as a slow machine
    needs to start the other write.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{MOST_SECONDS}s"])
    if name in _TAKE_THEMSELVES_BACK:
        return WRITES[name](world)
    with transaction.atomic():
        WRITES[name](world)
        connection.check_constraints()
        transaction.set_rollback(True)


@pytest.mark.drill
@pytest.mark.parametrize("first", WRITES)
def test_no_two_writes_wait_for_each_other(
    first: str, world: World, caplog: pytest.LogCaptureFixture, whole: bool
) -> None:
    """In the long form, each pair in both orders and at each row at which the first can be stopped."""
    own = [*WRITES].index(first)
    places = [*STOPS][own % len(STOPS) :] + [*STOPS][: own % len(STOPS)]
    stops = [*islice((stop for stop in places if _is_stopped(world, first, stop)), None if whole else SOME)]
    assert stops
    for number, second in enumerate(WRITES if whole else _rivals(first)):
        for stop in stops if whole else [stops[number % len(stops)]]:
            _meet(world, first, stop, second)
            assert "deadlock" not in caplog.text, (first, second, stop)
            caplog.clear()


def _rivals(first: str) -> list[str]:
    """The second of each pair that begins with this one, so that each two writes are a pair once."""
    names = list(WRITES)
    own = names.index(first)
    return [name for number, name in enumerate(names) if (number >= own) == ((number + own) % 2 == 0) or number == own]


def _is_stopped(world: World, write: str, stop: str) -> bool:
    """Whether this write needs what is held there."""
    sql, which = STOPS[stop]
    with beside() as start, colleague() as other:
        other.execute(sql, [which(world)])
        task = start(_try, world, write)
        is_stopped = wait_until_blocked(other, 1, task) > 0
        other.rollback()
    task.result()
    return is_stopped


def _meet(world: World, first: str, stop: str, second: str) -> None:
    """The first write is stopped, the second comes until it waits or is done; then the row is let go."""
    sql, which = STOPS[stop]
    with beside() as start, colleague() as other:
        other.execute(sql, [which(world)])
        one = start(_try, world, first)
        wait_until_blocked(other, 1, one)
        two = start(_try, world, second)
        wait_until_done_or_blocked(one, two)  # maybe by the other connection of an import
        other.rollback()
    for task in (one, two):
        assert task.exception() is None, (first, second, stop)
