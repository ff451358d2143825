"""Whoever is blocked, or loses a right, while something of theirs is on its way, changes nothing more."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.contrib.messages.storage.cookie import CookieStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test import Client as Browser
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver

from assignments.models import WarehouseUserAssignment
from config.spreadsheets.models import Import
from tests.conftest import make_client, snapshot
from tests.support.back_office.lost_rights import BLOCK, LOSSES, NO_LOSSES, committed, restored
from tests.support.back_office.staff import NEW_PASSWORD, member, person, signed_in, told
from tests.support.servers.concurrency import beside, colleague, wait_until_blocked
from users import roles
from users.account_actions import DEACTIVATE
from users.models import Session, User
from users.models.audit_event import AuditEvent
from warehouses.models import Warehouse

REFUSED = ["Your account or your rights were changed at this moment. Nothing was saved. Please look again."]
PEOPLE, ROWS, PLACES = "users_user", "assignments_warehouseuserassignment", "warehouses_warehouse"
CLIENTS, JOBS = "users_client", "spreadsheets_import"


@pytest.fixture
def world(
    ada: User, pat_north: WarehouseUserAssignment, river: Warehouse, make_user: Callable[..., User]
) -> SimpleNamespace:
    """Ada, who is at work, and something of everything that she may change."""
    pat, north = pat_north.user, pat_north.warehouse
    session = Session.objects.create(
        user=pat, client_id="frontend", refresh_digest="1" * 64, address="192.0.2.1", expires_at="2999-01-01T00:00Z"
    )
    client = make_client(is_confidential=True)
    job = Import.objects.begin(
        kind="users.user", person=ada, language="en", file_name="p.csv", content=b"email", context={}
    )
    Import.objects.filter(pk=job.pk).update(state=Import.State.CHECKED)
    gone = make_user("guy.gone@example.test", status=User.Status.BLOCKED)
    auditors = Group.objects.get(name=roles.AUDITOR)
    return SimpleNamespace(
        ada=ada, pat=pat, row=pat_north, north=north, river=river, session=session, client=client, job=job, gone=gone,
        auditors=auditors,
    )  # fmt: skip


def new_person() -> dict[str, Any]:
    return {
        "email": "new.hand@example.test", "first_name": "New", "last_name": "Hand", "language": "en_US",
        "is_warehouse_user": "on", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD,
    }  # fmt: skip


_ADDRESSES = {"redirect_uris": "https://a.example.test/cb", "allowed_origins": ""}
_WAREHOUSE = {"name": "New", "is_active": "True"}
_SHEET = SimpleUploadedFile("people.csv", b"email,first_name,last_name\nnew.hand@example.test,New,Hand\n")
_CHOSEN = {"_selected_action": "{row.pk}", "index": "0"}
_LIST = "assignments/warehouseuserassignment/"
#: What → its path below /admin/, what is sent, and the table at which it is met while it writes.
WRITES: dict[str, tuple[str, dict[str, Any], str]] = {
    "create a person": ("users/user/add/", new_person(), PEOPLE),
    "edit a person": ("users/user/{pat.pk}/change/", {"last_name": "New"}, PEOPLE),
    "delete a person": ("users/user/{pat.pk}/delete/", {}, PEOPLE),
    "switch a person": ("users/user/{pat.pk}/switch/deactivate/", {}, PEOPLE),
    "sign a person out": ("users/user/{pat.pk}/sign-out/", {}, PEOPLE),
    "activate many": ("users/user/bulk/activate/", {"people": "{gone.pk}"}, PEOPLE),
    "deactivate many": ("users/user/bulk/deactivate/", {"people": "{pat.pk}"}, PEOPLE),
    "make many warehouse users": ("users/user/bulk/make-warehouse-user/", {"people": "{gone.pk}"}, PEOPLE),
    "make many none": ("users/user/bulk/unmake-warehouse-user/", {"people": "{pat.pk}"}, PEOPLE),
    "assign to many": ("users/user/bulk/assign-warehouses/", {"people": "{pat.pk}", "warehouses": "{river.pk}"}, ROWS),
    "sign many out": ("users/user/bulk/end-sessions/", {"people": "{pat.pk}"}, PEOPLE),
    "unlock a sign-in": ("users/user/{pat.pk}/unlock-sign-in/", {}, "users_auditevent"),
    "reset a second factor": ("users/user/{pat.pk}/reset-two-factor/", {}, PEOPLE),
    "end a session": ("users/session/{session.pk}/end/", {}, "users_session"),
    "end many sessions": ("users/session/end/", {"keys": "{session.pk.hex}"}, "users_session"),
    "register a client": (
        "users/client/add/", {"client_id": "new", "name": "New", "is_confidential": "False", **_ADDRESSES}, CLIENTS
    ),
    "edit a client": ("users/client/{client.pk}/change/", {"name": "New", **_ADDRESSES}, CLIENTS),
    "make a secret": ("users/client/{client.pk}/secret/", {}, CLIENTS),
    "remove a client": ("users/client/{client.pk}/delete/", {}, CLIENTS),
    "make a role": ("auth/group/add/", {"name": "New"}, "auth_group"),
    "edit a role": ("auth/group/{auditors.pk}/change/", {"name": "New"}, "auth_group"),
    "delete a role": ("auth/group/{auditors.pk}/delete/", {"post": "yes"}, "auth_group"),
    "create a warehouse": ("warehouses/warehouse/add/", _WAREHOUSE, PLACES),
    "edit a warehouse": ("warehouses/warehouse/{north.pk}/change/", _WAREHOUSE, PLACES),
    "delete a warehouse": ("warehouses/warehouse/{river.pk}/delete/", {}, PLACES),
    "assign warehouses": (_LIST + "user/{pat.uuid}/", {"assign": "{river.pk}"}, ROWS),
    "assign people": (_LIST + "warehouse/{river.uuid}/", {"assign": "{pat.pk}"}, ROWS),
    "activate assignments": (_LIST, {"action": "activate_chosen", **_CHOSEN}, ROWS),
    "delete assignments": (_LIST, {"action": "delete_selected", "post": "yes", **_CHOSEN}, ROWS),
    "delete an assignment": (_LIST + "{row.pk}/delete/", {"post": "yes"}, ROWS),
    "upload people": ("users/user/import/", {"file": _SHEET}, JOBS),
    "check a file again": ("users/user/import/{job.pk}/again/", {}, JOBS),
    "apply a file": ("users/user/import/{job.pk}/apply/", {}, JOBS),
}  # fmt: skip


def send(browser: Browser, world: SimpleNamespace, what: str) -> Any:
    path, form, _table = WRITES[what]
    _SHEET.seek(0)
    filled = {name: value.format(**vars(world)) if isinstance(value, str) else value for name, value in form.items()}
    whole = person(world.pat, **filled) if what == "edit a person" else filled
    return browser.post(f"/admin/{path.format(**vars(world))}", whole)


def everything(*, but: User) -> list[Any]:
    """All that must not change, whatever has become of the account of who asked."""
    also = [Import.objects.values("pk", "state"), Group.objects.values(), AuditEvent.objects.values("tag")]
    rows = snapshot()
    people = [json.loads(row) for row in rows.pop(User._meta.db_table)]
    for row in people:
        if row["id"] == but.pk:
            del row["status"], row["last_login"]
    return [people, rows, *(list(query.order_by("pk")) for query in also)]


def told_next(answer: Any) -> list[str]:
    """What the next page says."""
    request = RequestFactory().get("/")
    request.COOKIES = {name: cookie.value for name, cookie in answer.cookies.items()}
    return [str(message) for message in CookieStorage(request)]


def assert_refused(answer: Any) -> None:
    """Sent to the first page, which then says so, and nothing of what the request itself would have told."""
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")
    assert told_next(answer) == REFUSED


# --- Requests ---------------------------------------------------------------------------------------------------
@committed
def test_whoever_is_blocked_while_a_request_of_theirs_writes_has_written_nothing(world: SimpleNamespace) -> None:
    """Each write of the Back Office, met while it waits for its table."""
    before = everything(but=world.ada)
    for what, (_path, _form, table) in WRITES.items():
        browser = signed_in(world.ada)
        with beside() as start, colleague() as other:
            other.execute(f"LOCK TABLE {table} IN SHARE MODE")  # reading goes on
            request = start(send, browser, world, what)
            assert wait_until_blocked(other, 1, request) == 1, what
            other.execute(BLOCK, [world.ada.pk])
            other.commit()
            assert_refused(request.result())
        assert everything(but=world.ada) == before, what
        User.objects.filter(pk=world.ada.pk).update(status="active")


@pytest.mark.parametrize("what", WRITES)
def test_the_same_request_of_somebody_who_is_not_blocked_writes(what: str, world: SimpleNamespace) -> None:
    browser = signed_in(world.ada)
    before = everything(but=world.ada)
    answer = send(browser, world, what)
    assert answer.status_code in (200, 302)
    assert everything(but=world.ada) != before


def routes(resolver: Any, path: str = "") -> Any:
    for one in resolver.url_patterns:
        yield from routes(one, path + str(one.pattern)) if hasattr(one, "url_patterns") else [path + str(one.pattern)]


#: Of who is not signed in yet, or of the own second factor alone.
_BEFORE = {"login/", "login/code/", "password_reset/", "reset/", "reset/<uidb64>/<token>/", "two-factor/"}


@pytest.mark.thorough
def test_every_post_to_the_back_office_ends_with_the_look_at_who_asked(world: SimpleNamespace) -> None:
    """Whatever page is added is held to it: one that answers anything but a refusal has looked."""
    kinds = {"users/user": world.pat, "users/session": world.session, "users/client": world.client,
             "auth/group": world.auditors, "warehouses/warehouse": world.river,
             "assignments/warehouseuserassignment": world.row}  # fmt: skip
    looked, browser = 0, signed_in(world.ada)
    for route in sorted(set(routes(get_resolver())) - {f"admin/{path}" for path in _BEFORE}):
        if not route.startswith("admin/") or "(?P" in route or "logout" in route:
            continue
        kind = next((one for name, one in kinds.items() if route.startswith(f"admin/{name}/")), world.pat)
        uuid = world.job.pk if "/import/" in route else kind.pk
        path = re.sub("<uuid:pk>", str(uuid), route.replace("<str:name>", "deactivate"))
        path = re.sub("<str:uuid>", str((world.river if "/warehouse/" in route[30:] else world.pat).uuid), path)
        path = re.sub("<path:object_id>|<int:pk>", str(kind.pk), path)
        with CaptureQueriesContext(connection) as queries, transaction.atomic():
            answer = browser.post(f"/{path}", {"people": str(world.pat.pk)})
            transaction.set_rollback(True)
        last = [query["sql"] for query in queries if query["sql"].endswith("FOR SHARE")]
        assert last or answer.status_code in (403, 404, 405), path
        looked += bool(last)
    assert looked > 30


def edited_while(by: User, pat: User, sql: str, last_name: str = "New") -> Any:
    """The answer to somebody who edits a person while this is done to themselves."""
    browser = signed_in(by)
    with beside() as start, colleague() as other:
        other.execute("SELECT FROM users_user WHERE id = %s FOR UPDATE", [pat.pk])
        request = start(browser.post, f"/admin/users/user/{pat.pk}/change/", person(pat, last_name=last_name))
        assert wait_until_blocked(other, 1, request) == 1
        other.execute(sql, [by.pk])
        other.commit()
        return request.result()


@committed
def test_any_loss_stops_a_request(manager: User, pat: User) -> None:
    for sql in LOSSES.values():
        assert_refused(edited_while(restored(manager), pat, sql))
        pat.refresh_from_db()
        assert pat.last_name == "Picker"


@committed
def test_what_takes_nothing_away_stops_nothing(manager: User, pat: User) -> None:
    for number, sql in enumerate(NO_LOSSES.values()):
        answer = edited_while(restored(manager), pat, sql, last_name=f"New {number}")
        assert told_next(answer) == ["User was updated successfully."]
        pat.refresh_from_db()
        assert pat.last_name == f"New {number}"


def test_who_takes_rights_from_themselves_may_save_that(ada: User, pat: User, make_user: Callable[..., User]) -> None:
    make_user("bob.admin@example.test", is_superuser=True)
    group = Group.objects.get(name=roles.AUDITOR)
    answer = signed_in(ada).post(
        f"/admin/users/user/{ada.pk}/change/", person(ada, is_superuser=None, groups=[group.pk])
    )
    assert told(answer) == ["User was updated successfully."]
    ada.refresh_from_db()
    assert (ada.is_superuser, ada.roles) == (False, [roles.AUDITOR])


def test_who_takes_a_right_from_their_own_role_may_save_that(make_user: Callable[..., User]) -> None:
    administrator = member(make_user("ann.admin@example.test"), roles.ADMINISTRATOR)
    group = administrator.groups.get()
    rights = group.permissions.exclude(codename="delete_client")
    answer = signed_in(administrator).post(
        f"/admin/auth/group/{group.pk}/change/", {"name": group.name, "permissions": [right.pk for right in rights]}
    )
    assert answer.headers["Location"] == "/admin/auth/group/"
    assert set(group.permissions.all()) == set(rights)


@committed
def test_a_block_that_comes_with_the_commit_waits_for_it(ada: User, manager: User, pat: User) -> None:
    with beside() as start:
        with transaction.atomic():
            User.objects.filter(pk=pat.pk).update(last_name="New")
            manager.confirm_authority()
            block = start(DEACTIVATE.apply, [manager.pk], ada)
            assert wait_until_blocked(connection.connection, 1, block) == 1
        assert len(block.result().people) == 1
    manager.refresh_from_db()
    pat.refresh_from_db()
    assert (manager.status, pat.last_name) == ("blocked", "New")


@committed
def test_who_is_being_changed_right_now_is_told_to_look_again_before_anybody_is_held_up(
    manager: User, pat: User
) -> None:
    browser = signed_in(manager)
    with colleague() as other:
        other.execute("UPDATE users_user SET last_login = now() WHERE id = %s", [manager.pk])
        answer = browser.post(f"/admin/users/user/{pat.pk}/change/", person(pat, last_name="New"))
    assert_refused(answer)
    pat.refresh_from_db()
    assert pat.last_name == "Picker"
