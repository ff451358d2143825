"""Requests of the same moment: nobody is created twice, and no change is lost without a word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from tests.support.back_office.staff import group, make_role
from tests.support.scim.directory import Directory, error, person, register
from tests.support.servers.concurrency import beside, colleague, wait_until_blocked
from users.models import DirectoryEntry, User

EMAIL = "jo.miller@example.test"
SAME_MOMENT = error(409, "Another one with this name was created in the same moment.", "uniqueness")


@pytest.fixture
def several(transactional_db: None, scim: None) -> list[Directory]:
    """Connections of one directory."""
    make_role("Auditor")
    client, secret = register(roles=("Auditor",))
    return [Directory(client, secret) for _number in range(2)]


def replaced(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


def test_one_of_two_creates_the_person(several: list[Directory]) -> None:
    with beside() as start, colleague() as other:
        other.execute("LOCK TABLE users_user IN SHARE MODE")
        tasks = [start(one.create) for one in several]
        wait_until_blocked(other, 2, *tasks)
        other.rollback()
        answers = [task.result() for task in tasks]
    assert sorted(one.status_code for one in answers) == [201, 409]
    [refused] = [one.json() for one in answers if one.status_code == 409]
    assert refused == SAME_MOMENT
    assert User.objects.filter(email=EMAIL).count() == 1


def test_one_of_two_people_has_the_name_of_the_directory(several: list[Directory]) -> None:
    with beside() as start, colleague() as other:
        other.execute("LOCK TABLE users_directoryentry IN SHARE MODE")
        tasks = [
            start(one.create, "jmiller", emails=[{"value": f"{number}@example.test"}])
            for number, one in enumerate(several)
        ]
        wait_until_blocked(other, 2, *tasks)
        other.rollback()
        answers = [task.result() for task in tasks]
    assert sorted(one.status_code for one in answers) == [201, 409]
    assert (User.objects.count(), DirectoryEntry.objects.count()) == (1, 1)


def test_two_changes_of_one_person_are_both_made(several: list[Directory]) -> None:
    path = f"/Users/{several[0].create().json()['id']}"
    user = User.objects.get()
    with beside() as start, colleague() as other:
        other.execute("SELECT FROM users_user WHERE id = %s FOR UPDATE", [user.pk])
        tasks = [
            start(several[0].patch, path, replaced("name.givenName", "Joan")),
            start(several[1].patch, path, replaced("active", False)),
        ]
        wait_until_blocked(other, 2, *tasks)
        other.rollback()
        assert [task.result().status_code for task in tasks] == [200, 200]
    user.refresh_from_db()
    assert (user.first_name, user.status) == ("Joan", User.Status.BLOCKED)


@pytest.mark.parametrize("lost", ["client", "right", "secret"])
def test_a_client_that_loses_its_right_while_its_request_waits_has_written_nothing(
    several: list[Directory], lost: str
) -> None:
    path = f"/Users/{several[0].create().json()['id']}"
    user = User.objects.get()
    client = several[0].client
    with beside() as start, colleague() as other:
        other.execute("SELECT FROM users_user WHERE id = %s FOR UPDATE", [user.pk])
        task = start(several[0].patch, path, replaced("active", False))
        wait_until_blocked(other, 1, task)
        if lost == "client":
            client.remove()
        elif lost == "right":
            type(client).objects.filter(pk=client.pk).update(provisions_people=False)
        else:
            client.make_secret()
            client.save()
        other.rollback()
        answer = task.result()
    detail = "This client may no longer do this."
    assert (answer.status_code, answer.json()) == (401, error(401, detail))
    user.refresh_from_db()
    assert user.status == User.Status.ACTIVE


def test_who_asked_for_a_version_is_told(several: list[Directory]) -> None:
    answer = several[0].create()
    path, version = f"/Users/{answer.json()['id']}", answer["ETag"]
    with beside() as start, colleague() as other:
        other.execute("SELECT FROM users_user FOR UPDATE")
        tasks = [
            start(one.send, "PUT", path, person(name={"givenName": name, "familyName": "M"}), If_Match=version)
            for one, name in zip(several, ("Joan", "Jane"), strict=True)
        ]
        wait_until_blocked(other, 2, *tasks)
        other.rollback()
        answers = [task.result() for task in tasks]
    assert sorted(one.status_code for one in answers) == [200, 412]
    [refused] = [one.json() for one in answers if one.status_code == 412]
    assert refused == error(412, "The user has changed in the meantime.")
    [written] = [one.json()["name"]["givenName"] for one in answers if one.status_code == 200]
    assert User.objects.get().first_name == written


@pytest.mark.parametrize(
    "send",
    [
        lambda directory, path: directory.patch(path, replaced("active", False)),
        lambda directory, path: directory.send("DELETE", path),
    ],
)
def test_a_request_changes_nobody_whom_it_has_not_locked(
    several: list[Directory], send: Callable[[Directory, str], Any]
) -> None:
    """Staff delete the person just before it would lock them, and restore them just after that."""
    user = User.objects.get(uuid=several[0].create().json()["id"])

    def set_status(status: str) -> None:
        with colleague() as staff:
            staff.execute("UPDATE users_user SET status = %s WHERE id = %s", [status, user.pk])

    def around(execute: Callable[..., Any], query: str, *others: Any) -> Any:
        if not ("users_user" in query and "FOR NO KEY UPDATE" in query):
            return execute(query, *others)
        set_status("deleted")
        result = execute(query, *others)
        set_status("active")
        return result

    with connection.execute_wrapper(around):
        answer = send(several[1], f"/Users/{user.uuid}")
    assert (answer.status_code, answer.json()) == (404, error(404, "There is no such user."))
    user.refresh_from_db()
    assert user.status == User.Status.ACTIVE


def test_two_members_of_one_moment_are_both_added(several: list[Directory], olive: User, sam: User) -> None:
    path = f"/Groups/{group('Auditor').pk}"
    with beside() as start, colleague() as other:
        other.execute("SELECT FROM users_user FOR UPDATE")
        tasks = [
            start(one.patch, path, {"op": "add", "path": "members", "value": [{"value": str(who.uuid)}]})
            for one, who in zip(several, (olive, sam), strict=True)
        ]
        wait_until_blocked(other, 2, *tasks)
        other.rollback()
        assert [task.result().status_code for task in tasks] == [204, 204]
    assert {*group("Auditor").user_set.all()} == {olive, sam}
