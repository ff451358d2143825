"""Many operations in one request (RFC 7644 section 3.7): each is done or refused on its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError

from tests.support.back_office.staff import group, member
from tests.support.scim.directory import GROUP, PATCH, ROOT, Directory, error, person, register
from users.models import AuditEvent, User

Watch = Callable[[], Any]
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
EMAIL = "jo.miller@example.test"
ABOVE = error(403, "This user may do more than this client may give: staff change them.")
TAKEN = error(409, "Another user has this userName or e-mail.", "uniqueness")


@pytest.fixture
def giving(scim: None) -> Directory:
    return Directory(*register(roles=("Auditor",)))


def send(directory: Directory, *operations: dict[str, Any], **attributes: Any) -> Any:
    return directory.send("POST", "/Bulk", {"schemas": [BULK], "Operations": operations} | attributes)


def post(data: dict[str, Any], bulk_id: str = "1", path: str = "/Users") -> dict[str, Any]:
    return {"method": "POST", "path": path, "bulkId": bulk_id, "data": data}


def patch(path: str, *operations: dict[str, Any]) -> dict[str, Any]:
    return {"method": "PATCH", "path": path, "data": {"schemas": [PATCH], "Operations": operations}}


BLOCK = {"op": "replace", "path": "active", "value": False}


def test_of_several_operations_one_that_fails_leaves_the_others(giving: Directory, olive: User, sam: User) -> None:
    member(olive, "Administrator")
    answer = send(
        giving,
        post(person()),
        patch(f"/Users/{olive.uuid}", BLOCK),
        post(person(), "2"),
        patch(f"/Users/{sam.uuid}", BLOCK),
        {"method": "DELETE", "path": "/Users/0198c0de-0000-7000-8000-000000000000"},
    )
    done = answer.json()["Operations"]
    assert (answer.status_code, [one["status"] for one in done]) == (200, ["201", "403", "409", "200", "404"])
    assert [one.get("response") for one in done] == [None, ABOVE, TAKEN, None, error(404, "There is no such user.")]
    assert done[0]["location"] == f"http://testserver{ROOT}/Users/{User.objects.get(email=EMAIL).uuid}"
    event = AuditEvent.objects.get(tag="provisioning_refused")
    assert (event.client_id, event.details["reason"]) == (giving.client.client_id, ABOVE["detail"])
    states = dict(User.objects.values_list("email", "status"))
    assert states == {EMAIL: "active", olive.email: "active", sam.email: "blocked"}


def test_a_new_person_is_given_a_role_in_the_same_request(giving: Directory) -> None:
    adding = {"op": "add", "path": "members", "value": [{"value": "bulkId:jo"}]}
    crew = {"schemas": [GROUP], "displayName": "Crew", "members": [{"value": "bulkId:jo"}]}
    path = f"/Groups/{group('Auditor').pk}"
    answer = send(giving, patch(path, adding), post(crew, "crew", "/Groups"), post(person(), "jo"))
    assert {one["status"] for one in answer.json()["Operations"]} <= {"200", "201", "204"}
    assert {*User.objects.get().roles} == {"Auditor", "Crew"}


def test_after_so_many_failures_nothing_more_is_done(directory: Directory, nothing_changes: Watch) -> None:
    broken = patch("/Users/x", BLOCK)
    with nothing_changes():
        answer = send(directory, broken, broken, post(person()), failOnErrors=2)
    assert (answer.status_code, [one["status"] for one in answer.json()["Operations"]]) == (200, ["404", "404"])


def test_more_than_the_most_is_refused_whole(directory: Directory, nothing_changes: Watch) -> None:
    with nothing_changes():
        answer = send(directory, *(post(person(f"p{one}@example.test"), str(one)) for one in range(101)))
        detail = "The number of operations exceeds the maxOperations (100)"
        assert (answer.status_code, answer.json()) == (413, error(413, detail))
        answer = send(directory, post(person(nickName="x" * 1_048_576)))
        detail = "The request body is larger than this server accepts."
        assert (answer.status_code, answer.json()) == (413, error(413, detail))
    told = directory.get("/ServiceProviderConfig").json()["bulk"]
    assert told == {"supported": True, "maxOperations": 100, "maxPayloadSize": settings.MAX_BODY_BYTES}


def test_an_operation_asks_for_its_version(directory: Directory, sam: User, nothing_changes: Watch) -> None:
    stale = patch(f"/Users/{sam.uuid}", BLOCK) | {"version": 'W/"stale"'}
    with nothing_changes():
        [done] = send(directory, stale).json()["Operations"]
    detail = "Failed to update. Resource has changed on the server"
    assert (done["status"], done["response"]) == ("412", error(412, detail))
    version = directory.get(f"/Users/{sam.uuid}")["ETag"]
    [done] = send(directory, stale | {"version": version}).json()["Operations"]
    assert done["status"] == "200"


@pytest.mark.parametrize("path", ["/Bulk", "/Me", "/Schemas", "/Nothing", "/Users/.search"])
def test_other_paths_are_refused_within(directory: Directory, nothing_changes: Watch, path: str) -> None:
    with nothing_changes():
        [done] = send(directory, post(person(), path=path)).json()["Operations"]
    assert done["status"] in ("400", "404", "405")
    assert done["response"]["schemas"] == error(400, "")["schemas"]


def test_who_was_given_a_new_role_is_still_the_clients_to_change(giving: Directory, olive: User) -> None:
    member(olive, "Auditor")
    group_of_olive = {"schemas": [GROUP], "displayName": "Crew", "members": [{"value": str(olive.uuid)}]}
    path, blocked = f"/Users/{olive.uuid}", {"op": "replace", "path": "active", "value": True}
    answer = send(giving, patch(path, blocked), post(group_of_olive, path="/Groups"), patch(path, BLOCK))
    assert [one["status"] for one in answer.json()["Operations"]] == ["200", "201", "200"]


def test_what_nobody_expected_is_answered_as_everywhere(giving: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr("assignments.scim.users.save_many", fail)
    answer = send(giving, post(person()))
    detail = "The database does not answer at the moment. Please try again."
    assert (answer.status_code, answer.json()) == (503, error(503, detail))
