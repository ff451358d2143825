"""What has not changed is not written; what has changed is written once, by its author, and known by its version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.support.cases import each
from tests.support.scim.directory import OURS, PATCH, Directory, error, person, register
from users.models import DirectoryEntry, User

Watch = Callable[[], Any]
CHANGED = error(412, "Failed to update. Resource has changed on the server")


@pytest.fixture
def made(directory: Directory, north: Any, river: Any) -> Any:
    """What was answered to the creation of a warehouse user."""
    extension = {"isWarehouseUser": True, "language": "de_DE"}
    places = [{"value": "North Dock"}, {"value": str(river.uuid), "startsAt": "2020-01-01T00:00:00Z"}]
    answer = directory.create(externalId="00u1", **{OURS: extension | {"warehouses": places}})
    assert answer.status_code == 201, answer.content
    return answer


def path_of(made: Any) -> str:
    return f"/Users/{made.json()['id']}"


# --- Nothing to write -------------------------------------------------------------------------------------------
SAME: dict[str, list[dict[str, Any]]] = {
    "active": [{"op": "replace", "path": "active", "value": True}],
    "active as a text": [{"op": "Replace", "path": "active", "value": "True"}],
    "without a path": [{"op": "replace", "value": {"active": True, "name.familyName": "Miller"}}],
    "a name": [{"op": "add", "path": "name.givenName", "value": "Jo"}],
    "an e-mail": [{"op": "replace", "path": 'emails[type eq "work"].value', "value": "jo.miller@example.test"}],
    "the external id": [{"op": "add", "path": "externalId", "value": "00u1"}],
    "what is not known here": [{"op": "replace", "path": "nickName", "value": "JoJo"}],
    "a warehouse by name": [{"op": "add", "path": f"{OURS}:warehouses", "value": [{"value": "North Dock"}]}],
}


@each("operations", SAME.values(), ids=SAME)
def test_a_patch_that_changes_nothing_writes_nothing(
    directory: Directory, made: Any, nothing_changes: Watch, operations: list[dict[str, Any]]
) -> None:
    with nothing_changes():
        answer = directory.patch(path_of(made), *operations)
    assert (answer.status_code, answer.json()) == (200, made.json())
    assert answer["ETag"] == made["ETag"]


def test_a_put_that_changes_nothing_writes_nothing(directory: Directory, made: Any, nothing_changes: Watch) -> None:
    read = made.json()
    spelt = {"userName": "jo.miller@example.test", "emails": [{"value": "Jo.Miller@EXAMPLE.test"}]}
    extension = {OURS: read[OURS] | {"warehouses": [{"value": "north dock"}, read[OURS]["warehouses"][1]]}}
    with nothing_changes():
        for sent in (read, person(externalId="00u1"), read | extension, read | {"id": "other", "groups": []}):
            answer = directory.send("PUT", path_of(made), sent)
            assert (answer.status_code, answer.json()) == (200, read)
    directory.send("PUT", path_of(made), read | spelt)


def test_what_is_sent_again_costs_reads_alone(directory: Directory, made: Any) -> None:
    for method, sent in (("PUT", made.json()), ("PATCH", None)):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            if sent:
                directory.send(method, path_of(made), sent)
            else:
                directory.patch(path_of(made), {"op": "replace", "path": "active", "value": True})
        written = [one["sql"] for one in queries if one["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
        assert (written, len(queries) < 14) == ([], True), (method, len(queries))


# --- Versions ---------------------------------------------------------------------------------------------------
def test_a_version_is_asked_for(directory: Directory, made: Any) -> None:
    path, version = path_of(made), made["ETag"]
    answer = directory.get(path, If_None_Match=version)
    assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", version)
    assert directory.get(path, If_None_Match="*").status_code == 304
    assert directory.get(path, If_None_Match='W/"other"').status_code == 200
    directory.patch(path, {"op": "replace", "path": "name.givenName", "value": "Joan"})
    answer = directory.get(path, If_None_Match=version)
    assert (answer.status_code, answer["ETag"] == version) == (200, False)


@each("method", ["PUT", "PATCH", "DELETE"])
def test_nothing_is_written_over_another_version(
    directory: Directory, made: Any, nothing_changes: Watch, method: str
) -> None:
    path = path_of(made)
    directory.patch(path, {"op": "replace", "path": "name.givenName", "value": "Joan"})
    change = {"schemas": [PATCH], "Operations": [{"op": "replace", "path": "active", "value": False}]}
    body = {"PUT": person(), "PATCH": change, "DELETE": None}[method]
    with nothing_changes():
        answer = directory.send(method, path, body, If_Match=made["ETag"])
    assert (answer.status_code, answer.json()) == (412, CHANGED)
    now = directory.get(path)["ETag"]
    assert directory.send(method, path, body, If_Match=now).status_code in (200, 204)


@each(
    "change",
    [
        lambda user: User.objects.filter(pk=user.pk).update(last_name="Mueller"),
        lambda user: User.objects.filter(pk=user.pk).update(status=User.Status.BLOCKED),
        lambda user: User.objects.filter(pk=user.pk).update(language="en_US"),
        lambda user: user.assignments.filter(warehouse__name="North Dock").delete(),
        lambda user: user.assignments.filter(warehouse__name="River Annex").update(starts_at=None),
        lambda user: DirectoryEntry.objects.filter(user=user).update(external_id="00u2"),
    ],
)
def test_what_staff_change_is_another_version(directory: Directory, made: Any, change: Callable[[User], Any]) -> None:
    change(User.objects.get())
    assert directory.get(path_of(made))["ETag"] != made["ETag"]


def test_what_no_directory_sees_is_no_other_version(directory: Directory, made: Any) -> None:
    User.objects.update(password="!x", company_account_only=True)
    User.objects.get().assignments.get(warehouse__name="North Dock").activate()
    assert directory.get(path_of(made))["ETag"] == made["ETag"]


# --- History ----------------------------------------------------------------------------------------------------
def test_the_history_names_the_client(directory: Directory, made: Any) -> None:
    user: Any = User.objects.get()
    directory.patch(path_of(made), {"op": "replace", "value": {"active": False, "externalId": "00u2"}})
    directory.patch(path_of(made), {"op": "remove", "path": f"{OURS}:warehouses"})
    entry: Any = DirectoryEntry.objects.get()
    events = [
        *user.events.order_by("pgh_id"),
        *entry.events.order_by("pgh_id"),
        *user.assignments.model.pgh_event_model.objects.order_by("pgh_id"),
    ]
    assert [event.pgh_label for event in events] == ["insert", "update"] * 2 + ["insert"] * 2 + ["delete"] * 2
    contexts = [event.pgh_context for event in events]
    assert {(one["client"], one["provider"], one.get("user")) for one in contexts} == {("scim", "Contoso", None)}
    assert len({one["request_id"] for one in contexts}) == 3


def test_a_refused_write_leaves_no_history(directory: Directory, made: Any, nothing_changes: Watch) -> None:
    broken = {"op": "replace", "path": f"{OURS}:warehouses", "value": [{"value": "Nowhere"}]}
    with nothing_changes():
        answer = directory.patch(path_of(made), {"op": "replace", "path": "name.givenName", "value": "Jay"}, broken)
        detail = "There is no warehouse with this uuid or name: Nowhere."
        assert (answer.status_code, answer.json()) == (400, error(400, detail, "invalidValue"))


# --- Queries ----------------------------------------------------------------------------------------------------
def test_a_page_costs_the_same_however_long_it_is(directory: Directory, made: Any, north: Any) -> None:
    numbers = set()
    for number in (1, 20):
        for one in range(number):
            extension = {"isWarehouseUser": True, "warehouses": [{"value": "North Dock"}]}
            directory.create(f"p{number}-{one}@example.test", externalId=f"{number}-{one}", **{OURS: extension})
        with CaptureQueriesContext(connection) as queries:
            answer = directory.get("/Users?count=100")
        assert len(answer.json()["Resources"]) == answer.json()["totalResults"] == User.objects.count()
        numbers.add(len(queries))
    assert len(numbers) == 1
    assert numbers.pop() <= 7, queries.captured_queries


def test_reading_one_person_costs_as_many_queries_for_each_client(directory: Directory, made: Any) -> None:
    other = Directory(*register("fabrikam"))
    for one in (directory, other):
        with CaptureQueriesContext(connection) as queries:
            assert one.get(path_of(made)).status_code == 200
        assert len(queries) <= 6, queries.captured_queries
