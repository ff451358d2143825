"""What a directory, or whoever has its secret, must not be able to do: each with the whole answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.back_office.staff import group, member
from tests.support.cases import each
from tests.support.company_account.forger import serving
from tests.support.scim.directory import GROUP, OURS, USER, Directory, error, person, register
from users.models import User

Watch = Callable[[], Any]
EMAIL = "jo.miller@example.test"
ABOVE = error(403, "This user may do more than this client may give: staff change them.")
MEMBER_ABOVE = error(403, "A member may do more than this client may give: staff change them.")
TAKEN = error(409, "Another user has this userName or e-mail.", "uniqueness")


@pytest.fixture
def giving(scim: None) -> Directory:
    """A directory that gives one role."""
    return Directory(*register(roles=("Auditor",)))


def path_of(user: User) -> str:
    return f"/Users/{user.uuid}"


# --- Mass assignment --------------------------------------------------------------------------------------------
#: Attributes that no directory gives, as columns and as attributes are called.
FOREIGN: dict[str, Any] = {
    "isSuperuser": True,
    "is_superuser": True,
    "isStaff": True,
    "isConfined": True,
    "is_confined": True,
    "companyAccountOnly": True,
    "roles": [{"value": "Administrator"}],
    "groups": [{"value": "1"}],
    "entitlements": [{"value": "superuser"}],
    "status": "deleted",
    "id": "0198c0de-0000-7000-8000-000000000000",
    "uuid": "0198c0de-0000-7000-8000-000000000000",
    "pk": 1,
    "meta": {"created": "1999-01-01T00:00:00Z", "resourceType": "Group", "version": 'W/"x"'},
    "employedUntil": "1999-01-01T00:00:00Z",
    "hasMailbox": False,
    "new_digest": "x",
    "group_names": ["Administrator"],
    "__class__": "x",
    "__schema__": "x",
}


def _columns(user: User) -> dict[str, Any]:
    return {name: value for name, value in User.objects.filter(pk=user.pk).values()[0].items() if name != "id"}


@pytest.mark.thorough
def test_no_other_attribute_of_a_person_is_given(directory: Directory) -> None:
    directory.create("plain@example.test")
    plain = _columns(User.objects.get())
    own = {"uuid", "email", "created_at", "updated_at", "password"}
    for number, (name, value) in enumerate(FOREIGN.items()):
        within = {OURS: {name: value}}, {"name": person()["name"] | {name: value}}
        for where, sent in enumerate(({name: value}, *within)):
            email = f"p{number}.{where}@example.test"
            answer = directory.create(email, **sent)
            assert answer.status_code in (201, 400), (sent, answer.content)
            for user in User.objects.filter(email=email):
                found = _columns(user)
                assert {key for key in plain if found[key] != plain[key]} <= own, sent
                assert found["password"].startswith("!")
                assert (user.roles, str(user.uuid) == FOREIGN["uuid"], user.created_at.year > 2000) == ([], False, True)


@pytest.mark.thorough
def test_no_other_attribute_of_a_person_is_changed(directory: Directory, nothing_changes: Watch) -> None:
    directory.create()
    path = path_of(User.objects.get())
    with nothing_changes():
        for name, value in FOREIGN.items():
            answers = [
                directory.send("PUT", path, person() | {name: value}),
                directory.patch(path, {"op": "replace", "path": name, "value": value}),
                directory.patch(path, {"op": "add", "value": {name: value}}),
                directory.patch(path, {"op": "replace", "path": f"{OURS}:{name}", "value": value}),
                directory.patch(path, {"op": "remove", "path": name}),
            ]
            assert {one.status_code for one in answers} <= {200, 400}, (name, [one.content for one in answers])
            for one in answers:
                assert one.json()["schemas"][0] in (USER, error(400, "")["schemas"][0])


# --- A client that raises itself or others ----------------------------------------------------------------------
CHANGES: dict[str, dict[str, Any]] = {
    "the e-mail": {"op": "replace", "path": 'emails[type eq "work"].value', "value": "mine@example.test"},
    "the user name": {"op": "replace", "path": "userName", "value": "mine@example.test"},
    "the external id": {"op": "add", "path": "externalId", "value": "00u1"},
    "the state": {"op": "replace", "path": "active", "value": False},
    "the kind": {"op": "add", "path": f"{OURS}:isWarehouseUser", "value": True},
    "the language": {"op": "add", "path": f"{OURS}:language", "value": "de_DE"},
}


@each("names", [("Administrator",), ("Administrator", "Auditor"), ("Staff manager",), None])
def test_people_above_the_client_are_not_touched(
    giving: Directory, olive: User, nothing_changes: Watch, names: tuple[str, ...] | None
) -> None:
    if names:
        member(olive, *names)
    else:
        User.objects.filter(pk=olive.pk).update(is_superuser=True)
    path = path_of(olive)
    with nothing_changes():
        for name, change in CHANGES.items():
            answer = giving.patch(path, change)
            assert (answer.status_code, answer.json()) == (403, ABOVE), name
        assert giving.send("PUT", path, person("mine@example.test")).json() == ABOVE
        assert giving.send("DELETE", path).json() == ABOVE
        assert giving.patch(f"/Groups/{group('Auditor').pk}", _adding(olive)).status_code in (204, 403)


def _adding(*people: User) -> dict[str, Any]:
    return {"op": "add", "path": "members", "value": [{"value": str(one.uuid)} for one in people]}


def test_who_has_only_the_clients_roles_is_changed(giving: Directory, olive: User) -> None:
    member(olive, "Auditor")
    assert giving.patch(path_of(olive), CHANGES["the language"]).status_code == 200


def test_a_client_gives_no_role_that_is_not_its_own(giving: Directory, olive: User, nothing_changes: Watch) -> None:
    administrator = group("Administrator")
    missing = error(404, "There is no such group.")
    with nothing_changes():
        for path in (f"/Groups/{administrator.pk}", "/Groups/Administrator"):
            answer = giving.patch(path, _adding(olive))
            assert (answer.status_code, answer.json()) == (404, missing)
        answers = [
            giving.patch(path_of(olive), {"op": "add", "path": "groups", "value": [{"value": str(administrator.pk)}]}),
            giving.patch(path_of(olive), {"op": "add", "value": {"groups": [{"value": str(administrator.pk)}]}}),
        ]
        assert {one.status_code for one in answers} <= {200, 400}
    olive.refresh_from_db()
    assert olive.roles == []


@each("name", ["Administrator\u200b", "\u0410dministrator", "ADMINISTRATOR", "Administrator,Auditor", "'; --", "[x]"])
def test_a_crafted_name_gives_no_right(giving: Directory, olive: User, name: str) -> None:
    sent = {"schemas": [GROUP], "displayName": name, "members": _adding(olive)["value"], "permissions": [1]}
    answer = giving.send("POST", "/Groups", sent)
    assert answer.status_code in (201, 400, 409)
    olive.refresh_from_db()
    assert (olive.is_superuser, "Administrator" in olive.roles, olive.get_all_permissions()) == (False, False, set())


# --- Takeover ---------------------------------------------------------------------------------------------------
def test_nobody_is_taken_over_by_a_name(directory: Directory, olive: User, nothing_changes: Watch) -> None:
    directory.create("jmiller", emails=[{"value": EMAIL}], externalId="00u1")
    path = path_of(User.objects.get(email=EMAIL))
    ways = [olive.email, olive.email.upper(), f" {olive.email} ", olive.email.replace("@", "\u200b@")]
    with nothing_changes():
        for name in ways:
            answers = [
                directory.create(name),
                directory.create("new", emails=[{"value": name}]),
                directory.create(name, emails=[{"value": "new@example.test"}]),
                directory.patch(path, {"op": "replace", "path": "userName", "value": name}),
                directory.patch(path, {"op": "replace", "path": "emails", "value": [{"value": name}]}),
                directory.patch(path, {"op": "replace", "value": {"userName": name}}),
            ]
            assert [(one.status_code, one.json()) for one in answers] == [(409, TAKEN)] * 6, name


def test_another_directorys_identifier_opens_nothing(directory: Directory, olive: User) -> None:
    """It is no key: two people may have the same one, and neither is found instead of the other."""
    directory.create(externalId="00u1")
    other = Directory(*register("fabrikam"))
    answer = other.create("eve@example.test", externalId="00u1")
    assert answer.status_code == 201
    assert [one["userName"] for one in other.find('externalId eq "00u1"')] == [EMAIL, "eve@example.test"]
    assert other.get("/Users/00u1").status_code == 404


# --- Requests that are no honest ones ---------------------------------------------------------------------------
@each(
    "body",
    [
        *(b"", b"{", b"\xff", b"[]", b"null", b'"x"', b"7"),
        *(b"[" * 100_000, b'{"a":' * 100_000),
        json.dumps(person()).encode() + b"x",
        b'{"schemas": "' + USER.encode() + b'"}',
    ],
)
def test_what_is_no_resource_is_refused(directory: Directory, nothing_changes: Watch, body: bytes) -> None:
    with nothing_changes():
        for method, path in (("POST", "/Users"), ("POST", "/Groups"), ("POST", "/Bulk"), ("POST", "/Users/.search")):
            answer = directory.send(method, path, body)
            found = answer.json()
            assert (answer.status_code, answer["Content-Type"]) == (400, "application/scim+json"), (path, found)
            assert found == error(400, found["detail"], found["scimType"]), path
            assert found["scimType"] in ("invalidSyntax", "invalidValue")


def test_of_an_attribute_that_is_sent_twice_one_counts_for_all_checks(directory: Directory, olive: User) -> None:
    twice = json.dumps(person())[:-1] + f', "userName": "{olive.email}", "active": false}}'
    answer = directory.send("POST", "/Users", twice)
    assert (answer.status_code, answer.json()) == (409, TAKEN)
    spelt = json.dumps(person())[:-1] + f', "USERNAME": "{olive.email}"}}'
    answer = directory.send("POST", "/Users", spelt)
    assert answer.status_code in (201, 400, 409)
    assert User.objects.filter(email=olive.email).count() == 1


@each("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_another_type_of_content_is_refused(directory: Directory, nothing_changes: Watch, kind: str) -> None:
    with nothing_changes():
        answer = directory.browser.generic(
            "POST", "/scim/v2/Users", json.dumps(person()), content_type=kind, headers=directory.headers
        )
    assert (answer.status_code, answer.json()) == (415, error(415, answer.json()["detail"]))


def test_a_huge_body_is_refused_before_it_is_read(directory: Directory, nothing_changes: Watch) -> None:
    with nothing_changes():
        for path in ("/Users", "/Bulk"):
            answer = directory.send("POST", path, b'{"x": "' + b"a" * 11_000_000 + b'"}')
            assert (answer.status_code, answer.json()) == (413, error(413, answer.json()["detail"])), path


@each(
    ("method", "path", "allowed"),
    [
        ("PUT", "/Users", "GET, POST"),
        ("DELETE", "/Users", "GET, POST"),
        ("PATCH", "/Groups", "GET, POST"),
        ("GET", "/Bulk", "POST"),
        ("POST", "/ServiceProviderConfig", "GET"),
        ("DELETE", "/Schemas", "GET"),
    ],
)
def test_another_method_is_refused(
    directory: Directory, nothing_changes: Watch, method: str, path: str, allowed: str
) -> None:
    with nothing_changes():
        answer = directory.send(method, path, person())
    assert (answer.status_code, answer.json()) == (405, error(405, answer.json()["detail"]))
    assert {*answer["Allow"].split(", ")} == {*allowed.split(", ")}


@each("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_client_is_nobody_and_has_no_me(directory: Directory, nothing_changes: Watch, method: str) -> None:
    with nothing_changes():
        answer = directory.send(method, "/Me", person())
        assert (answer.status_code, answer.json()) == (
            501,
            error(501, f"{'POST ' if method == 'POST' else ''}/Me is not supported"),
        )


@each("path", ["/Nothing", "/Users/x/y", "/../admin/", "/Users/%2e%2e", "/Schemas/x"])
def test_another_path_is_404(directory: Directory, nothing_changes: Watch, path: str) -> None:
    with nothing_changes():
        answer = directory.get(path)
        assert (answer.status_code, answer.json()) == (404, error(404, answer.json()["detail"]))


def test_no_address_that_a_directory_gives_is_called(directory: Directory, olive: User) -> None:
    with serving() as trap:
        url = trap.issuer
        reference = {"value": str(olive.uuid), "$ref": f"{url}/Users/1", "type": "User"}
        directory.create("a", externalId=url, profileUrl=url, photos=[{"value": url}], meta={"location": url})
        directory.send("POST", "/Groups", {"schemas": [GROUP, url], "displayName": "Crew", "members": [reference]})
        directory.send("POST", "/Users", person() | {"schemas": [USER, url], url: {"x": url}})
        directory.patch(path_of(olive), {"op": "add", "path": f"{url}:x", "value": url})
        directory.get(f"/Users?filter=externalId eq {url!r}", Referer=url, X_Forwarded_Host=url, Origin=url)
        assert trap.calls == []
