"""People as a directory creates, reads, replaces, changes and deletes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.api.client import PASSWORD, sign_in
from tests.support.cases import each
from tests.support.scim.directory import OURS, ROOT, USER, Directory, error, person, register
from users.models import DirectoryEntry, User

Watch = Callable[[], Any]
EMAIL = "jo.miller@example.test"
TAKEN = error(409, "Another user has this userName or e-mail.", "uniqueness")
DELETED = error(409, "A deleted user has this name or e-mail. Staff can restore them in the Back Office.", "uniqueness")
MISSING = error(404, "There is no such user.")


def jo() -> Any:
    return User.objects.get(email=EMAIL)


def path_of(user: User) -> str:
    return f"/Users/{user.uuid}"


def entry_of(user: User) -> tuple[str, str]:
    return DirectoryEntry.objects.values_list("user_name", "external_id").get(user=user)


# --- Create and read --------------------------------------------------------------------------------------------
def test_a_created_person_is_answered_whole_and_read_the_same(directory: Directory) -> None:
    answer = directory.create(externalId="00u1")
    user = jo()
    location = f"http://testserver{ROOT}{path_of(user)}"
    body = answer.json()
    meta = body.pop("meta")
    assert body == {
        "schemas": [USER],
        "id": str(user.uuid),
        "externalId": "00u1",
        "userName": EMAIL,
        "name": {"givenName": "Jo", "familyName": "Miller"},
        "active": True,
        "emails": [{"value": EMAIL, "type": "work", "primary": True}],
    }
    assert (meta["resourceType"], meta["location"]) == ("User", location)
    assert (answer.status_code, answer["Location"], answer["ETag"]) == (201, location, meta["version"])
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("application/scim+json", "no-store")
    read = directory.get(path_of(user))
    assert (read.status_code, read.json(), read["ETag"]) == (200, body | {"meta": meta}, meta["version"])


def test_who_is_created_can_work_nowhere_until_told(directory: Directory) -> None:
    directory.create()
    user = jo()
    assert (user.status, user.is_warehouse_user, user.is_superuser, user.is_confined) == (
        User.Status.ACTIVE,
        False,
        False,
        False,
    )
    assert (user.roles, user.language, user.has_usable_password(), user.has_mailbox) == ([], "en_US", False, True)


def test_a_name_in_the_directory_may_differ_from_the_e_mail(directory: Directory) -> None:
    body = directory.create("jmiller", emails=[{"value": "Jo.Miller@Example.test"}]).json()
    user = User.objects.get(email__iexact=EMAIL)
    assert (body["userName"], body["emails"][0]["value"]) == ("jmiller", user.email)
    assert entry_of(user) == ("jmiller", "")
    found = [directory.find(f'userName eq "{name}"') for name in ("JMILLER", EMAIL)]
    assert [[one["id"] for one in resources] for resources in found] == [[str(user.uuid)], []]


@each(
    ("user_name", "given", "email"),
    [
        ("jo.miller@example.test", "Jo", "jo.miller@example.test"),
        ("jmiller", "Jo", "jo.miller@staff.invalid"),
        ("jürgen", "Jürgen", "juergen.miller@staff.invalid"),
    ],
)
def test_without_an_e_mail_somebody_has_a_name_to_sign_in_with_and_no_mailbox(
    directory: Directory, user_name: str, given: str, email: str
) -> None:
    name = {"givenName": given, "familyName": "Miller"}
    answer = directory.create(user_name, emails=None, name=name)
    user = User.objects.get()
    assert (answer.status_code, "emails" in answer.json()) == (201, False)
    assert (user.email, user.has_mailbox, answer.json()["userName"]) == (email, False, user_name)
    assert directory.find("emails pr") == []


@each(
    ("emails", "chosen"),
    [
        ([{"value": "a@example.test", "type": "home"}, {"value": "b@example.test", "type": "work"}], "b@example.test"),
        ([{"value": "a@example.test"}, {"value": "b@example.test"}], "a@example.test"),
        (
            [
                {"value": "a@example.test", "type": "work"},
                {"value": "b@example.test", "type": "home", "primary": True},
            ],
            "b@example.test",
        ),
        ([{"type": "work"}, {"value": "b@example.test"}], "b@example.test"),
    ],
)
def test_of_several_e_mails_one_is_taken(directory: Directory, emails: list[Any], chosen: str) -> None:
    body = directory.create("jo", emails=emails).json()
    assert body["emails"] == [{"value": chosen, "type": "work", "primary": True}]


def _required(name: str) -> str:
    return f"Field {name!r} is required but value is missing, null or empty"


def _longest(name: str, most: int, number: int) -> str:
    return f"{name}: Ensure this value has at most {most} characters (it has {number})."


_NO_BOOLEAN = "Input should be a valid boolean, unable to interpret input"
_LONG = "emails or userName: Enter a valid email address. " + _longest("emails or userName", 254, 300)


@each(
    ("attributes", "detail"),
    [
        ({"userName": None}, _required("userName")),
        ({"userName": ""}, "userName: This field cannot be blank."),
        ({"userName": 7}, "Input should be a valid string: userName"),
        ({"userName": "j" * 300}, _longest("userName", 254, 300)),
        ({"externalId": "j" * 300}, _longest("externalId", 255, 300)),
        ({"name": None}, _required("name")),
        ({"name": {"givenName": "Jo"}}, f"{_required('familyName')}: name"),
        ({"name": {"givenName": " ", "familyName": "Miller"}}, "name.givenName: This field cannot be blank."),
        ({"name": {"givenName": "J" * 200, "familyName": "Miller"}}, _longest("name.givenName", 45, 200)),
        ({"emails": [{"value": "no e-mail"}]}, "emails or userName: Enter a valid email address."),
        ({"emails": [{"value": "j" * 300}]}, _LONG),
        ({"emails": EMAIL}, "Input should be a valid array: emails"),
        ({"emails": [EMAIL]}, "Input should be an object: emails[0]"),
        ({"active": None}, _required("active")),
        ({"active": "perhaps"}, f"{_NO_BOOLEAN}: active"),
        ({OURS: {"language": "tlh"}}, "language: Value 'tlh' is not a valid choice."),
        ({OURS: {"isWarehouseUser": "perhaps"}}, f"{_NO_BOOLEAN}: {OURS}:isWarehouseUser"),
    ],
)
def test_what_cannot_be_a_person_is_refused(
    directory: Directory, nothing_changes: Watch, attributes: dict[str, Any], detail: str
) -> None:
    with nothing_changes():
        answer = directory.create(**attributes)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/scim+json")
    assert answer.json() == error(400, detail, "invalidValue")


def test_what_says_that_it_is_no_user_is_refused(directory: Directory, nothing_changes: Watch) -> None:
    with nothing_changes():
        answer = directory.create(schemas=["urn:example"])
        assert answer.json() == error(400, f"schemas must contain the base schema {USER!r}", "invalidSyntax")


def test_invisible_characters_are_left_out_as_everywhere(directory: Directory) -> None:
    name = {"givenName": "J\x00o\u200b", "familyName": " Mil  ler "}
    body = directory.create("jo\x00", emails=[{"value": EMAIL}], name=name, externalId="\x00").json()
    assert (body["userName"], body["name"]) == ("jo", {"givenName": "Jo", "familyName": "Mil ler"})
    assert "externalId" not in body


@each("attributes", [{}, {"userName": EMAIL.upper()}, {"userName": "else"}, {"emails": None}])
def test_nobody_is_created_twice(directory: Directory, nothing_changes: Watch, attributes: dict[str, Any]) -> None:
    directory.create()
    with nothing_changes():
        answer = directory.create(**attributes)
        assert (answer.status_code, answer.json()) == (409, TAKEN)


def test_a_name_of_the_directory_is_taken_like_an_e_mail(directory: Directory, nothing_changes: Watch) -> None:
    directory.create("jmiller", emails=[{"value": EMAIL}])
    with nothing_changes():
        for name in ("jmiller", "JMiller"):
            answer = directory.create(name, emails=[{"value": "other@example.test"}])
            assert (answer.status_code, answer.json()) == (409, TAKEN)


def test_who_is_not_there_is_404(directory: Directory, nothing_changes: Watch) -> None:
    directory.create()
    user = jo()
    User.objects.filter(pk=user.pk).update(status=User.Status.DELETED)
    with nothing_changes():
        for name in (user.uuid, "0198c0de-0000-7000-8000-000000000000", "1", "x", "%00", "a" * 3000):
            path = f"/Users/{name}"
            change = {"op": "replace", "path": "active", "value": False}
            answers = [
                directory.get(path),
                directory.send("PUT", path, person()),
                directory.patch(path, change),
                directory.send("DELETE", path),
            ]
            assert [(one.status_code, one.json()) for one in answers] == [(404, MISSING)] * 4, name


# --- Replace ----------------------------------------------------------------------------------------------------
def test_a_replaced_person_is_what_was_sent(directory: Directory) -> None:
    directory.create(externalId="00u1", **{OURS: {"isWarehouseUser": True, "language": "de_DE"}})
    user = jo()
    sent = person(
        "jo.mueller@example.test",
        name={"givenName": "Jo", "familyName": "Müller"},
        active=False,
        **{OURS: {"isWarehouseUser": False, "language": None}},
    )
    answer = directory.send("PUT", path_of(user), sent)
    user.refresh_from_db()
    assert answer.status_code == 200
    assert (user.email, user.last_name, user.status) == ("jo.mueller@example.test", "Müller", User.Status.BLOCKED)
    assert (user.is_warehouse_user, user.language) == (False, "en_US")
    assert answer.json() == directory.get(path_of(user)).json()
    assert ("externalId" in answer.json(), answer.json()["userName"]) == (False, "jo.mueller@example.test")


def test_a_put_that_says_nothing_of_our_extension_leaves_it(directory: Directory, north: Any) -> None:
    extension = {"isWarehouseUser": True, "language": "de_DE", "warehouses": [{"value": "North Dock"}]}
    before = directory.create(**{OURS: extension}).json()
    answer = directory.send("PUT", path_of(jo()), person(name={"givenName": "Jo", "familyName": "Moeller"}))
    assert answer.json()[OURS] == before[OURS]
    assert [one["value"] for one in before[OURS]["warehouses"]] == [str(north.uuid)]


def test_a_put_that_names_a_part_of_our_extension_leaves_the_rest(directory: Directory, north: Any) -> None:
    """Else a directory that maps `isWarehouseUser` alone would take everybody's warehouses."""
    extension = {"isWarehouseUser": True, "language": "de_DE", "warehouses": [{"value": "North Dock"}]}
    before = directory.create(**{OURS: extension}).json()[OURS]
    path = path_of(jo())
    assert directory.send("PUT", path, person(**{OURS: {"isWarehouseUser": True}})).json()[OURS] == before
    emptied = directory.send("PUT", path, person(**{OURS: {"warehouses": []}})).json()[OURS]
    assert emptied == {"isWarehouseUser": True, "language": "de_DE"}


def test_nobody_is_given_the_name_of_another(directory: Directory, olive: User, nothing_changes: Watch) -> None:
    directory.create()
    path = path_of(jo())
    with nothing_changes():
        answers = [
            directory.send("PUT", path, person(olive.email)),
            directory.send("PUT", path, person(emails=[{"value": olive.email.upper()}])),
            directory.patch(path, {"op": "replace", "path": "userName", "value": olive.email}),
            directory.patch(path, {"op": "replace", "path": 'emails[type eq "work"].value', "value": olive.email}),
        ]
        assert [(one.status_code, one.json()) for one in answers] == [(409, TAKEN)] * 4


# --- Delete -----------------------------------------------------------------------------------------------------
def test_who_is_deleted_is_kept_for_the_history_and_seen_no_more(directory: Directory) -> None:
    directory.create(externalId="00u1")
    user = jo()
    answer = directory.send("DELETE", path_of(user))
    user.refresh_from_db()
    assert (answer.status_code, answer.content, user.status) == (204, b"", User.Status.DELETED)
    assert entry_of(user) == (EMAIL, "00u1")
    assert directory.find(f'userName eq "{EMAIL}"') == []
    again = directory.send("DELETE", path_of(user))
    assert (again.status_code, again.json()) == (404, MISSING)


def test_only_staff_restore_a_deleted_person(directory: Directory, nothing_changes: Watch) -> None:
    directory.create("jmiller", emails=[{"value": EMAIL}])
    directory.send("DELETE", path_of(jo()))
    with nothing_changes():
        answers = [directory.create(), directory.create("jmiller", emails=[{"value": "new@example.test"}])]
        assert [(one.status_code, one.json()) for one in answers] == [(409, DELETED)] * 2


# --- Passwords --------------------------------------------------------------------------------------------------
def test_a_password_is_not_taken_unless_a_setting_allows_it(directory: Directory) -> None:
    answer = directory.create(password=PASSWORD)
    assert (answer.status_code, jo().has_usable_password(), PASSWORD in answer.content.decode()) == (201, False, False)


def test_a_password_is_taken_on_create_alone_and_never_shown(directory: Directory, settings: Any) -> None:
    settings.SCIM_TAKES_PASSWORDS = True
    extension = {OURS: {"isWarehouseUser": True}}
    answer = directory.create(password=PASSWORD, **extension)
    user = jo()
    digest = user.password
    assert (answer.status_code, user.check_password(PASSWORD)) == (201, True)
    assert sign_in(EMAIL)["access_token"]
    answers = [
        directory.send("PUT", path_of(user), person(password="another-Horse-8!", **extension)),
        directory.patch(path_of(user), {"op": "replace", "path": "password", "value": "another-Horse-8!"}),
        directory.get(f"{path_of(user)}?attributes=password"),
        directory.get("/Users?attributes=password,userName"),
    ]
    assert [one.status_code for one in answers] == [200] * 4
    user.refresh_from_db()
    assert user.password == digest
    for one in (answer, *answers):
        assert not any(secret in one.content.decode() for secret in (PASSWORD, "another-Horse", digest, "password"))


@each(
    ("password", "detail"),
    [
        ("short", "This password is too short. It must contain at least 12 characters."),
        ("jo.miller@example.test", "The password is too similar to the E-mail."),
        ("password1234", "This password is too common."),
    ],
)
def test_a_password_that_the_rules_forbid_is_refused(
    directory: Directory, settings: Any, nothing_changes: Watch, password: str, detail: str
) -> None:
    settings.SCIM_TAKES_PASSWORDS = True
    with nothing_changes():
        answer = directory.create(password=password)
        assert (answer.status_code, answer.json()) == (400, error(400, detail, "invalidValue"))


@pytest.mark.usefixtures("north")
def test_every_directory_sees_the_same_people(directory: Directory) -> None:
    other = Directory(*register("fabrikam"))
    created = directory.create(externalId="00u1").json()
    assert other.get(f"/Users/{created['id']}").json() == created


@each(
    ("operation", "detail"),
    [
        (
            {"op": "add", "path": f"{OURS}:warehouses", "value": [{"value": "North Dock", "startsAt": "x"}]},
            "Input should be a valid datetime or date, input is too short: startsAt",
        ),
        (
            {"op": "replace", "path": "active", "value": "maybe"},
            "Input should be a valid boolean, unable to interpret input: active",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_plain_words(
    directory: Directory, pat: User, nothing_changes: Watch, operation: dict[str, Any], detail: str
) -> None:
    with nothing_changes():
        answer = directory.patch(path_of(pat), operation)
    assert (answer.status_code, answer.json()) == (400, error(400, detail, "invalidValue"))


def test_the_directory_finds_whom_it_has_created_when_staff_correct_the_e_mail(directory: Directory) -> None:
    directory.create()
    user = jo()
    user.email = "jo.smith@example.test"
    user.save()
    assert [one["id"] for one in directory.find(f'userName eq "{EMAIL}"')] == [str(user.uuid)]
    answer = directory.create()
    assert (answer.status_code, answer.json(), User.objects.count()) == (409, TAKEN, 1)
