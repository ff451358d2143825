"""`/warehouse-user-assignments`, one row at a time (contract sections 2.4 to 2.8 and 0.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS, NOT_FOUND, Api, error, refusal
from tests.support.cases import each
from users.models import User
from warehouses.models import Warehouse

HOST = "http://testserver"


def attributes(user: User, warehouse: Warehouse, **more: Any) -> dict[str, Any]:
    return {"userUuid": str(user.uuid), "warehouse": {"uuid": str(warehouse.uuid)}, **more}


def path(assignment: WarehouseUserAssignment) -> str:
    return f"{ASSIGNMENTS}/{assignment.uuid}"


def document(assignment: WarehouseUserAssignment, *, is_active: bool, query: str = "") -> dict[str, Any]:
    """The whole document of an assignment, as contract section 2.4 shows it."""
    warehouse = assignment.warehouse
    return {
        "data": {
            "type": "warehouse-user-assignments",
            "id": str(assignment.uuid),
            "attributes": {
                "userUuid": str(assignment.user.uuid),
                "isActive": is_active,
                "warehouse": {
                    "name": warehouse.name,
                    "uuid": str(warehouse.uuid),
                    "isActive": warehouse.is_active,
                },
            },
            "links": {"self": f"{HOST}{path(assignment)}{query}"},
        }
    }


def active_rows(user: User) -> list[WarehouseUserAssignment]:
    return list(WarehouseUserAssignment.objects.filter(user=user, is_active=True))


# --- GET --------------------------------------------------------------------------------------------------------
def test_get_shows_exactly_the_documented_resource(
    as_olive: Api, as_pat: Api, pat_north: WarehouseUserAssignment
) -> None:
    for caller in (as_olive, as_pat):
        answer = caller.get(path(pat_north))
        assert answer.status_code == 200
        assert answer.json() == document(pat_north, is_active=False)
        assert answer["Content-Type"] == "application/vnd.api+json"


def test_a_trailing_slash_changes_nothing_and_is_not_in_the_links(
    as_olive: Api, pat_north: WarehouseUserAssignment
) -> None:
    assert as_olive.get(path(pat_north) + "/").json() == document(pat_north, is_active=False)
    listed = as_olive.get(ASSIGNMENTS + "/").json()
    assert listed["links"] == {"self": HOST + ASSIGNMENTS}


def test_the_answer_is_json_api_whatever_the_request_asks_for(
    as_olive: Api, pat_north: WarehouseUserAssignment
) -> None:
    for accept in ("*/*", "text/html", "application/json", "application/vnd.api+json; charset=utf-8"):
        answer = as_olive.get(path(pat_north), Accept=accept)
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/vnd.api+json")


def test_a_foreign_row_answers_exactly_like_a_missing_one(
    as_pat: Api, sam_north: WarehouseUserAssignment, nothing_changes: Callable[[], Any]
) -> None:
    missing = f"{ASSIGNMENTS}/a6f8da15-cd2e-4923-89ed-56dc94865418"
    with nothing_changes():
        for call in (as_pat.get, lambda at: as_pat.patch(at, {"isActive": True})):
            foreign, absent = call(path(sam_north)), call(missing)
            assert refusal(foreign) == refusal(absent) == [NOT_FOUND]
            assert dict(foreign.headers) == dict(absent.headers)


@each("identifier", ["invalid", "1", "A6F8DA15CD2E492389ED56DC94865418", "%20", "0" * 300])
def test_an_id_that_is_no_uuid_is_a_missing_row(as_olive: Api, pat_north: Any, identifier: str) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        body = {"data": {"attributes": {"isActive": True}}} if method == "PATCH" else None
        assert refusal(as_olive.call(method, f"{ASSIGNMENTS}/{identifier}", body)) == [NOT_FOUND]


def test_the_database_id_is_never_accepted(as_olive: Api, pat_north: WarehouseUserAssignment) -> None:
    assert refusal(as_olive.delete(f"{ASSIGNMENTS}/{pat_north.pk}")) == [NOT_FOUND]
    assert WarehouseUserAssignment.objects.filter(pk=pat_north.pk).exists()


# --- POST -------------------------------------------------------------------------------------------------------
def test_post_creates_an_inactive_assignment_by_default(as_olive: Api, pat: User, north: Warehouse) -> None:
    answer = as_olive.post(ASSIGNMENTS, attributes(pat, north))
    created = WarehouseUserAssignment.objects.get()
    assert (answer.status_code, answer.reason_phrase) == (201, "Created")
    assert answer.json() == document(created, is_active=False)
    assert answer["Location"] == f"{HOST}{path(created)}"


def test_location_is_the_link_without_the_query(as_olive: Api, pat: User, north: Warehouse) -> None:
    answer = as_olive.post(f"{ASSIGNMENTS}?include=users", attributes(pat, north))
    created = WarehouseUserAssignment.objects.get()
    assert answer["Location"] == f"{HOST}{path(created)}"
    assert answer.json()["data"]["links"]["self"] == f"{HOST}{path(created)}?include=users"


@pytest.mark.parametrize("yes", [True, "true", "TRUE", "True"])
def test_post_of_an_active_assignment_makes_the_others_inactive(
    as_olive: Api, assign: Callable[..., Any], pat: User, north: Warehouse, river: Warehouse, yes: Any
) -> None:
    assign(pat, north, is_active=True)
    answer = as_olive.post(ASSIGNMENTS, attributes(pat, river, isActive=yes))
    assert answer.json()["data"]["attributes"]["isActive"] is True
    assert [row.warehouse for row in active_rows(pat)] == [river]


@pytest.mark.parametrize("no", [False, "false", "FALSE"])
def test_post_of_an_inactive_assignment_leaves_the_active_one_alone(
    as_olive: Api, assign: Callable[..., Any], pat: User, north: Warehouse, river: Warehouse, no: Any
) -> None:
    assign(pat, north, is_active=True)
    answer = as_olive.post(ASSIGNMENTS, attributes(pat, river, isActive=no))
    assert (answer.status_code, answer.json()["data"]["attributes"]["isActive"]) == (201, False)
    assert [row.warehouse for row in active_rows(pat)] == [north]


def test_an_inactive_warehouse_may_be_assigned_and_made_active(as_olive: Api, pat: User, mill: Warehouse) -> None:
    answer = as_olive.post(ASSIGNMENTS, attributes(pat, mill, isActive=True))
    assert answer.status_code == 201
    assert answer.json() == document(active_rows(pat)[0], is_active=True)


def test_post_says_all_that_is_wrong_at_once_in_order(
    as_olive: Api, olive: User, nothing_changes: Callable[[], Any]
) -> None:
    wanted = {"userUuid": str(olive.uuid), "warehouse": {"uuid": "test"}, "isActive": "maybe"}
    with nothing_changes():
        answer = as_olive.call("POST", ASSIGNMENTS, {"data": {"type": "wrong", "attributes": wanted}})
    assert refusal(answer) == [
        error(400, "Must be `warehouse-user-assignments`.", pointer="/data/type"),
        error(400, "User not found.", "5202", pointer="/data/attributes/userUuid"),
        error(400, "Warehouse not found.", "5203", pointer="/data/attributes/warehouse/uuid"),
        error(400, 'Must be true or false, or the text "true" or "false".', pointer="/data/attributes/isActive"),
    ]


def test_who_is_no_warehouse_user_cannot_be_assigned(
    as_olive: Api, olive: User, sam: User, north: Warehouse, nothing_changes: Callable[[], Any]
) -> None:
    User.objects.filter(pk=sam.pk).update(status=User.Status.DELETED)
    unknown = "5754b432-8914-45e1-b94e-29453744f57d"
    with nothing_changes():
        for user_uuid in (str(olive.uuid), str(sam.uuid), unknown, "test", ""):
            answer = as_olive.post(ASSIGNMENTS, {"userUuid": user_uuid, "warehouse": {"uuid": str(north.uuid)}})
            assert refusal(answer) == [error(400, "User not found.", "5202", pointer="/data/attributes/userUuid")]


def test_a_blocked_warehouse_user_may_be_assigned(as_olive: Api, sam: User, north: Warehouse) -> None:
    User.objects.filter(pk=sam.pk).update(status=User.Status.BLOCKED)
    assert as_olive.post(ASSIGNMENTS, attributes(sam, north)).status_code == 201


def test_a_pair_exists_once(
    as_olive: Api, pat_north: WarehouseUserAssignment, nothing_changes: Callable[[], Any]
) -> None:
    with nothing_changes():
        answer = as_olive.post(ASSIGNMENTS, attributes(pat_north.user, pat_north.warehouse, isActive=True))
    assert refusal(answer) == [error(400, "Warehouse user assignment already exists.", "5206", pointer="/data")]


def test_all_faults_of_a_pair_are_reported_at_once(
    as_olive: Api, pat: User, pat_north: WarehouseUserAssignment, nothing_changes: Callable[[], Any]
) -> None:
    User.objects.filter(pk=pat.pk).update(is_warehouse_user=False)
    with nothing_changes():
        answer = as_olive.post(ASSIGNMENTS, attributes(pat, pat_north.warehouse))
    assert [fault["code"] for fault in refusal(answer)] == ["5202", "5206"]


def test_a_flagged_caller_acts_for_themselves_only(
    as_olive: Api, olive: User, pat: User, north: Warehouse, nothing_changes: Callable[[], Any]
) -> None:
    User.objects.filter(pk=olive.pk).update(is_warehouse_user=True)
    with nothing_changes():
        for user_uuid in (str(pat.uuid), "test"):
            answer = as_olive.post(ASSIGNMENTS, {"userUuid": user_uuid, "warehouse": {"uuid": str(north.uuid)}})
            assert refusal(answer) == [NOT_FOUND]
    assert as_olive.post(ASSIGNMENTS, attributes(olive, north)).status_code == 201


# --- PATCH ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("yes", [True, "true"])
def test_patch_moves_a_person_from_one_warehouse_to_another(
    as_pat: Api, pat: User, pat_north: WarehouseUserAssignment, pat_river: WarehouseUserAssignment, yes: Any
) -> None:
    pat_north.activate()
    answer = as_pat.patch(path(pat_river), {"isActive": yes})
    assert answer.status_code == 200
    assert answer.json() == document(pat_river, is_active=True)
    assert active_rows(pat) == [pat_river]


def test_patch_to_inactive_leaves_the_person_nowhere(
    as_pat: Api, pat: User, pat_north: WarehouseUserAssignment, pat_river: WarehouseUserAssignment
) -> None:
    pat_north.activate()
    answer = as_pat.patch(path(pat_north), {"isActive": "false"})
    assert answer.json() == document(pat_north, is_active=False)
    assert active_rows(pat) == []


@pytest.mark.parametrize("is_active", [True, False])
def test_patch_with_the_same_value_changes_nothing(
    as_pat: Api, pat_north: WarehouseUserAssignment, nothing_changes: Callable[[], Any], is_active: bool
) -> None:
    if is_active:
        pat_north.activate()
    with nothing_changes():
        answer = as_pat.patch(path(pat_north), {"isActive": is_active})
    assert answer.json() == document(pat_north, is_active=is_active)


@pytest.mark.parametrize(
    "body",
    [
        {"data": {}},
        {"data": {"attributes": {}}},
        {"data": {"attributes": {"shoeSize": 44}}},
        {"data": {"attributes": {"warehouse": {}}}},
        {"data": {"attributes": {"warehouse": {"name": "Elsewhere"}}}},
        {"data": {"type": "warehouse-user-assignments", "attributes": {}}},
    ],
)
def test_patch_without_is_active_changes_nothing(
    as_pat: Api, pat_north: WarehouseUserAssignment, nothing_changes: Callable[[], Any], body: Any
) -> None:
    with nothing_changes():
        answer = as_pat.call("PATCH", path(pat_north), body)
    assert (answer.status_code, answer.json()) == (200, document(pat_north, is_active=False))


def test_patch_may_repeat_what_the_row_says(as_pat: Api, pat: User, pat_north: WarehouseUserAssignment) -> None:
    data = {"type": "warehouse-user-assignments", "id": str(pat_north.uuid)}
    wanted = attributes(pat, pat_north.warehouse, isActive=True)
    answer = as_pat.call("PATCH", path(pat_north), {"data": data | {"attributes": wanted}})
    assert (answer.status_code, answer.json()) == (200, document(pat_north, is_active=True))


def test_patch_hands_a_row_to_nobody_else(
    as_pat: Api, sam: User, river: Warehouse, pat_north: WarehouseUserAssignment, nothing_changes: Callable[[], Any]
) -> None:
    wanted = attributes(sam, river, isActive=True)
    with nothing_changes():
        answer = as_pat.call("PATCH", path(pat_north), {"data": {"type": "x", "id": "y", "attributes": wanted}})
    assert refusal(answer) == [
        error(400, "Must be `warehouse-user-assignments`.", pointer="/data/type"),
        error(400, "Must be the id in the path.", pointer="/data/id"),
        error(400, "This cannot be changed.", pointer="/data/attributes/userUuid"),
        error(400, "This cannot be changed.", pointer="/data/attributes/warehouse/uuid"),
    ]


def test_patch_of_someone_who_lost_the_flag_is_refused(
    as_olive: Api, pat: User, pat_north: WarehouseUserAssignment, nothing_changes: Callable[[], Any]
) -> None:
    User.objects.filter(pk=pat.pk).update(is_warehouse_user=False)
    with nothing_changes():
        for is_active in (True, False):
            answer = as_olive.patch(path(pat_north), {"isActive": is_active})
            assert refusal(answer) == [error(400, "User not found.", "5202", pointer="/data/attributes/userUuid")]


# --- DELETE -----------------------------------------------------------------------------------------------------
def test_delete_removes_the_row_and_promotes_none(
    as_olive: Api, pat: User, pat_north: WarehouseUserAssignment, pat_river: WarehouseUserAssignment
) -> None:
    pat_north.activate()
    answer = as_olive.delete(path(pat_north))
    assert (answer.status_code, answer.content) == (204, b"")
    assert list(WarehouseUserAssignment.objects.all()) == [pat_river]
    assert active_rows(pat) == []
    assert refusal(as_olive.delete(path(pat_north))) == [NOT_FOUND]


def test_delete_asks_nothing_of_the_person(as_olive: Api, pat: User, pat_north: WarehouseUserAssignment) -> None:
    User.objects.filter(pk=pat.pk).update(is_warehouse_user=False, status=User.Status.DELETED)
    assert as_olive.delete(path(pat_north)).status_code == 204


# --- include ----------------------------------------------------------------------------------------------------
def test_include_adds_the_person_and_the_warehouse_to_every_method(as_olive: Api, pat: User, north: Warehouse) -> None:
    query = "?include=users,warehouses"
    created = as_olive.post(ASSIGNMENTS + query, attributes(pat, north)).json()
    at = f"{ASSIGNMENTS}/{created['data']['id']}{query}"
    person = {
        "type": "users",
        "id": str(pat.uuid),
        "attributes": {"username": "pat.picker@example.test", "firstName": "Pat", "lastName": "Picker"},
        "links": {"self": f"{HOST}/users/{pat.uuid}{query}"},
    }
    place = {
        "type": "warehouses",
        "id": str(north.uuid),
        "attributes": {"name": "North Dock", "uuid": str(north.uuid), "isActive": True},
        "links": {"self": f"{HOST}/warehouses/{north.uuid}{query}"},
    }
    for answer in (created, as_olive.get(at).json(), as_olive.patch(at, {"isActive": False}).json()):
        assert answer["included"] == [person, place]
        assert answer["data"]["relationships"] == {
            "users": {"data": [{"type": "users", "id": str(pat.uuid)}]},
            "warehouses": {"data": [{"type": "warehouses", "id": str(north.uuid)}]},
        }


def test_the_name_of_a_deleted_person_is_not_included(
    as_olive: Api, pat: User, pat_north: WarehouseUserAssignment
) -> None:
    User.objects.filter(pk=pat.pk).update(status=User.Status.DELETED)
    answer = as_olive.get(f"{path(pat_north)}?include=users").json()
    assert answer["data"]["attributes"]["userUuid"] == str(pat.uuid)
    assert (answer["data"]["relationships"], answer["included"]) == ({"users": {"data": []}}, [])
