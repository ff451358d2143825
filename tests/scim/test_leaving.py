"""Whom the directory blocks, deletes or deassigns is out at the next call; whom it does not, is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS, Api, sign_in
from tests.support.back_office.staff import member, signed_in
from tests.support.cases import each
from tests.support.oauth.held_tokens import Issued, holds, post
from tests.support.scim.directory import OURS, Directory, error, register
from users.models import DirectoryEntry, Session, User

Watch = Callable[[], Any]
ENDED = "changed by the company's directory"
INACTIVE = {"active": False}


def path_of(user: User) -> str:
    return f"/Users/{user.uuid}"


def replaced(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


#: What makes somebody leave.
LEAVING: dict[str, Callable[[Directory, str], Any]] = {
    "blocked": lambda directory, path: directory.patch(path, replaced("active", False)),
    "blocked by a whole user": lambda directory, path: directory.send(
        "PUT", path, directory.get(path).json() | {"active": False}
    ),
    "deleted": lambda directory, path: directory.send("DELETE", path),
    "deleted in bulk": lambda directory, path: directory.send(
        "POST",
        "/Bulk",
        {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [{"method": "DELETE", "path": path}],
        },
    ),
    "no warehouse user any more": lambda directory, path: directory.patch(
        path, replaced(f"{OURS}:isWarehouseUser", False)
    ),
}


@each("leave", LEAVING.values(), ids=LEAVING)
def test_who_leaves_is_out_at_the_next_call(
    directory: Directory, issued: Issued, leave: Callable[[Directory, str], Any]
) -> None:
    pat = issued.pat
    refresh = {"grant_type": "refresh_token", "refresh_token": issued.refresh_token, "client_id": "frontend"}
    assert (Api(issued.user_token).get(ASSIGNMENTS).status_code, holds(issued.warehouse_token)) == (200, True)
    assert leave(directory, path_of(pat)).status_code in (200, 204)
    assert Api(issued.user_token).get(ASSIGNMENTS).status_code == 401
    assert (holds(issued.warehouse_token), issued.introspected(issued.user_token)) == (False, INACTIVE)
    assert post("/token", **refresh).status_code in (400, 401)
    session: Any = Session.objects.get(user=pat)
    assert (session.is_live, session.end_reason) == (False, ENDED)


def test_staff_who_leave_are_out_of_the_back_office(directory: Directory, make_user: Callable[..., User]) -> None:
    mona = make_user("mona.manager@example.test")
    browser = signed_in(member(mona, "Auditor"))
    giving = Directory(*register("fabrikam", ("Auditor",)))
    assert browser.get("/admin/").status_code == 200
    assert giving.patch(path_of(mona), replaced("active", False)).status_code == 200
    assert browser.get("/admin/").status_code == 302


BLOCK = {"op": "replace", "path": "active", "value": False}


@each(
    "others",
    [
        [{"op": "replace", "path": f"{OURS}:warehouses", "value": [{"value": "Renamed"}]}],
        [{"op": "replace", "path": "name.givenName", "value": "a/b"}],
        [{"op": "replace", "path": "userName", "value": "olive.office@example.test"}],
    ],
)
def test_who_leaves_is_out_whatever_else_is_wrong_with_the_request(
    directory: Directory, pat: User, olive: User, others: list[Any]
) -> None:
    answer = directory.patch(path_of(pat), *others, BLOCK)
    assert (answer.status_code, answer.json()["active"]) == (200, False)
    pat.refresh_from_db()
    assert (pat.status, pat.first_name, pat.email) == ("blocked", "Pat", "pat.picker@example.test")


def test_who_leaves_is_out_whatever_is_stored_of_them(directory: Directory, pat: User, sam: User) -> None:
    """A name that would not be accepted today, and the e-mail that is another's name in the directory."""
    User.objects.filter(pk__in=[pat.pk, sam.pk]).update(first_name="")
    DirectoryEntry.objects.create(user=sam, user_name=pat.email)
    assert directory.patch(path_of(pat), BLOCK).status_code == 200
    assert directory.send("DELETE", path_of(sam)).status_code == 204
    assert dict(User.objects.values_list("email", "status")) == {pat.email: "blocked", sam.email: "deleted"}


def test_who_comes_back_must_sign_in_again(directory: Directory, issued: Issued) -> None:
    path = path_of(issued.pat)
    for value in (False, True):
        assert directory.patch(path, replaced("active", value)).json()["active"] is value
    assert Api(issued.user_token).get(ASSIGNMENTS).status_code == 401
    assert Session.objects.get(user=issued.pat).end_reason == ENDED
    assert Api(sign_in(issued.pat.email)["access_token"]).get(ASSIGNMENTS).status_code == 200


@each(
    "operation",
    [
        replaced("name.familyName", "Packer"),
        replaced("externalId", "00u9"),
        replaced("userName", "ppicker"),
        replaced('emails[type eq "work"].value', "pat.packer@example.test"),
        replaced(f"{OURS}:language", "de_DE"),
        replaced("active", True),
    ],
)
def test_another_name_ends_nothing(directory: Directory, issued: Issued, operation: dict[str, Any]) -> None:
    assert directory.patch(path_of(issued.pat), operation).status_code == 200
    assert Api(issued.user_token).get(ASSIGNMENTS).status_code == 200
    assert holds(issued.warehouse_token)


# --- Warehouses -------------------------------------------------------------------------------------------------
def test_who_is_deassigned_works_there_no_more(directory: Directory, issued: Issued) -> None:
    assert WarehouseUserAssignment.objects.get(pk=issued.row.pk).is_active
    answer = directory.patch(path_of(issued.pat), {"op": "remove", "path": f"{OURS}:warehouses"})
    assert (answer.status_code, "warehouses" in answer.json()[OURS]) == (200, False)
    assert not WarehouseUserAssignment.objects.filter(pk=issued.row.pk).exists()
    assert (holds(issued.warehouse_token), issued.introspected(issued.warehouse_token)) == (False, INACTIVE)
    assert Api(issued.user_token).get(ASSIGNMENTS).json()["data"] == []
    assert Session.objects.get(user=issued.pat).is_live


def test_one_warehouse_is_taken_and_the_others_are_kept(directory: Directory, issued: Issued, river: Any) -> None:
    path = path_of(issued.pat)
    directory.patch(path, {"op": "add", "path": f"{OURS}:warehouses", "value": [{"value": "River Annex"}]})
    assert holds(issued.warehouse_token)
    north = issued.row.warehouse
    where = f'{OURS}:warehouses[value eq "{north.uuid}"]'
    answer = directory.patch(path, {"op": "remove", "path": where})
    assert [one["value"] for one in answer.json()[OURS]["warehouses"]] == [str(river.uuid)]
    assert not holds(issued.warehouse_token)


def test_a_period_that_is_over_ends_the_work(directory: Directory, issued: Issued) -> None:
    value = [{"value": str(issued.row.warehouse.uuid), "startsAt": "2090-01-01T00:00:00Z"}]
    answer = directory.patch(path_of(issued.pat), replaced(f"{OURS}:warehouses", value))
    assert answer.json()[OURS]["warehouses"] == value
    row = WarehouseUserAssignment.objects.get(user=issued.pat)
    assert (row.is_active, row.starts_at.year if row.starts_at else None) == (False, 2090)
    assert not holds(issued.warehouse_token)


@each(
    ("warehouses", "detail"),
    [
        ([{"value": "Nowhere"}], "There is no warehouse with this uuid or name: Nowhere."),
        (
            [{"value": "0198c0de-0000-7000-8000-000000000000"}],
            "There is no warehouse with this uuid or name: 0198c0de-0000-7000-8000-000000000000.",
        ),
        ([{"value": "\x00"}], "There is no warehouse with this uuid or name: \x00."),
        (
            [{"value": "North Dock", "startsAt": "2027-01-01T00:00:00"}],
            "A time needs its offset, such as 2027-01-31T00:00:00Z.",
        ),
        (
            [{"value": "North Dock", "startsAt": "2028-01-01T00:00:00Z", "endsAt": "2027-01-01T00:00:00Z"}],
            "The period must end after it starts, and lie between the years 1900 and 9998.",
        ),
    ],
)
def test_what_is_no_assignment_is_refused(
    directory: Directory, issued: Issued, nothing_changes: Watch, warehouses: list[Any], detail: str
) -> None:
    with nothing_changes():
        answer = directory.patch(path_of(issued.pat), replaced(f"{OURS}:warehouses", warehouses))
    body = answer.json()
    assert (answer.status_code, body) == (400, error(400, detail, "invalidValue"))


@each("warehouse", [{"value": "North Dock", "startsAt": "soon"}, {"startsAt": "2027-01-01T00:00:00Z"}, "North Dock", 7])
def test_what_is_no_warehouse_is_refused(
    directory: Directory, issued: Issued, nothing_changes: Watch, warehouse: Any
) -> None:
    path = path_of(issued.pat)
    with nothing_changes():
        answers = [
            directory.patch(path, replaced(f"{OURS}:warehouses", [warehouse])),
            directory.patch(path, replaced(f"{OURS}:warehouses", warehouse)),
            directory.create(**{OURS: {"isWarehouseUser": True, "warehouses": [warehouse]}}),
        ]
    for one in answers:
        body = one.json()
        assert (one.status_code, body) == (400, error(400, body["detail"], "invalidValue"))


def test_only_warehouse_users_have_warehouses(
    directory: Directory, north: Any, olive: User, nothing_changes: Watch
) -> None:
    detail = "Only warehouse users have warehouses: isWarehouseUser must be true."
    with nothing_changes():
        places = [{"value": "North Dock"}]
        answers = [
            directory.create(**{OURS: {"warehouses": places}}),
            directory.patch(path_of(olive), {"op": "add", "path": f"{OURS}:warehouses", "value": places}),
        ]
        assert [(one.status_code, one.json()["detail"]) for one in answers] == [(400, detail)] * 2


def test_assignments_are_kept_of_who_is_no_warehouse_user_for_a_time(directory: Directory, issued: Issued) -> None:
    path = path_of(issued.pat)
    before = directory.get(path).json()[OURS]
    answer = directory.patch(path, replaced(f"{OURS}:isWarehouseUser", False))
    assert answer.json()[OURS] == {name: before[name] for name in ("warehouses", "warehouseNames")}
    assert directory.patch(path, replaced(f"{OURS}:isWarehouseUser", True)).json()[OURS] == before
    directory.patch(path, replaced(f"{OURS}:isWarehouseUser", False))
    assert OURS not in directory.patch(path, {"op": "remove", "path": OURS}).json()
    assert not WarehouseUserAssignment.objects.exists()


def test_warehouses_are_assigned_by_a_text_of_names(directory: Directory, pat: User, north: Any, river: Any) -> None:
    """For directories that send texts only. The periods of those that stay are kept, and an empty text is nowhere."""
    path, names, until = path_of(pat), f"{OURS}:warehouseNames", "2099-01-01T00:00:00Z"
    directory.patch(path, replaced(f"{OURS}:warehouses", [{"value": "North Dock", "endsAt": until}]))
    answer = directory.patch(path, replaced(names, "north dock;River Annex"))
    assert answer.json()[OURS]["warehouseNames"] == "North Dock; River Annex"
    assert answer.json()[OURS]["warehouses"] == [
        {"value": str(north.uuid), "endsAt": until},
        {"value": str(river.uuid)},
    ]
    again = directory.patch(path, replaced(names, "North Dock; River Annex"))
    assert (again.json(), again["ETag"]) == (answer.json(), answer["ETag"])
    unknown = directory.patch(path, replaced(names, "North Dock; Nowhere"))
    detail = "There is no warehouse with this uuid or name: Nowhere."
    assert (unknown.status_code, unknown.json()) == (400, error(400, detail, "invalidValue"))
    assert directory.patch(path, replaced(names, "")).json()[OURS] == {"isWarehouseUser": True}
    for number, text in enumerate(("River Annex", f" {str(river.uuid).upper()} ")):
        created = directory.create(
            f"jo.{number}@example.test", **{OURS: {"isWarehouseUser": True, "warehouseNames": text}}
        )
        assert created.json()[OURS]["warehouses"] == [{"value": str(river.uuid)}]


def test_an_assignment_that_is_over_is_not_shown_and_is_renewed(directory: Directory, issued: Issued) -> None:
    WarehouseUserAssignment.objects.update(is_active=False, starts_at="2020-01-01T00:00Z", ends_at="2021-01-01T00:00Z")
    path = path_of(issued.pat)
    assert directory.get(path).json()[OURS] == {"isWarehouseUser": True}
    value = [{"value": "North Dock"}]
    answer = directory.patch(path, {"op": "add", "path": f"{OURS}:warehouses", "value": value})
    assert answer.json()[OURS]["warehouses"] == [{"value": str(issued.row.warehouse.uuid)}]
    assert WarehouseUserAssignment.objects.get().ends_at is None


# --- Many -------------------------------------------------------------------------------------------------------
@pytest.mark.thorough
@pytest.mark.drill
def test_of_many_who_leave_nobody_is_let_in_later(
    directory: Directory, issued: Issued, password_hash: str, whole: bool
) -> None:
    """As many as are blocked, so many calls with a token that was good before."""
    number = 10_000 if whole else 100
    same = {"first_name": "P", "last_name": "Q", "password": password_hash, "is_warehouse_user": True}
    people = User.objects.bulk_create(User(email=f"p{one}@example.test", **same) for one in range(number))
    late = []
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE users_user")
    for user in people:
        token = sign_in(user.email)["access_token"]
        answer = directory.patch(path_of(user), {"op": "Replace", "path": "active", "value": "False"})
        assert answer.status_code == 200
        if Api(token).get(ASSIGNMENTS).status_code != 401:
            late.append(user.email)
    assert late == []
