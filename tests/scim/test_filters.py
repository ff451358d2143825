"""Filters find what the library's own comparison finds among the same resources, and refuse what no index answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from scim2_models import ScimFilter

from assignments.scim import attributes, groups, users
from assignments.scim.searchable import FILTERS_OF_ROLES, ORDERS_OF_PEOPLE, ORDERS_OF_ROLES
from tests.support.back_office.staff import group, member
from tests.support.cases import each
from tests.support.scim.directory import OURS, ROOT, Directory, error, register
from users.models import DirectoryEntry, User

NAMES = ["Ada", "ada", "Bo%", "B_b", "O'Neil", 'Qu"ote', "Back\\slash", "Żółć", "Straße", "🚚", "Miller", "null"]
TEXTS = {
    "userName": "userName",
    "externalId": "externalId",
    "name.familyName": "name.familyName",
    "name.givenName": "name.givenName",
    "emails.value": "emails.value",
    "emails": "emails",
}
TEXT_OPERATORS = ("eq", "ne", "co", "sw", "ew")


@pytest.fixture
def giving(scim: None, make_user: Callable[..., User]) -> Directory:
    """A directory, people of all kinds, and roles."""
    for number, name in enumerate(NAMES):
        user = make_user(
            f"p{number}.x@example.test",
            first_name=name,
            last_name=NAMES[-number],
            has_mailbox=number % 3 != 0,
            is_warehouse_user=number % 2 == 0,
            status=User.Status.BLOCKED if number % 4 == 0 else User.Status.ACTIVE,
        )
        if number % 2:
            DirectoryEntry.objects.create(
                user=user, user_name=f"{name}{number}", external_id=name if number > 3 else ""
            )
        if number % 5 == 0 and not user.is_warehouse_user:
            member(user, "Auditor")
    return Directory(*register(roles=("Auditor", "Staff manager")))


def asked(directory: Directory, kind: str, **query: Any) -> Any:
    return directory.browser.get(f"{ROOT}/{kind}", query, headers=directory.headers)


def agree(directory: Directory, kind: str, texts: list[str]) -> None:
    """Each filter finds what the library's `match` finds."""
    client = directory.client
    source: Any = users.People(client) if kind == "Users" else groups.Roles(client)
    with attributes.PROVIDER:
        resources = source.resources(source.rows())
        model = attributes.Person if kind == "Users" else attributes.DirectoryGroup
        for text in texts:
            parsed = ScimFilter[model](text)  # type: ignore[valid-type]
            expected = [one.id for one in resources if parsed.match(one)]
            rows = source.rows().filter(source.filters.condition_of(parsed))
            assert [one.id for one in source.resources(rows)] == expected, text


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.mark.thorough
def test_texts_are_compared_as_the_library_does_it(giving: Directory) -> None:
    values = [*NAMES, "p1", "@example.test", "P1.X@EXAMPLE.TEST", "a", "%", "_", "'", "\\", "nobody", "ż"]
    for name in TEXTS:
        agree(giving, "Users", [f"{name} {op} {quoted(value)}" for op in TEXT_OPERATORS for value in values])
        agree(giving, "Users", [f"{name} pr", f"not ({name} pr)", f"{name} eq null", f"{name} ne null"])


def test_flags_keys_and_groups_are_compared_as_the_library_does_it(giving: Directory) -> None:
    one = User.objects.first()
    assert one is not None
    auditor = group("Auditor").pk
    agree(
        giving,
        "Users",
        [
            *(f"active {op} {value}" for op in ("eq", "ne") for value in ("true", "false")),
            *(f"id {op} {quoted(str(one.uuid))}" for op in ("eq", "ne")),
            *(f"groups.value {op} {quoted(str(auditor))}" for op in ("eq",)),
            *(
                'id eq "x"',
                'groups.value eq "x"',
                'groups.value eq "0"',
                "id pr",
                "active pr",
                "not (id pr)",
                "active eq null",
            ),
            *("groups pr", "not (groups pr)", "emails.type pr", "emails.primary pr", f'groups[value eq "{auditor}"]'),
            *(f"{OURS}:isWarehouseUser eq true", 'emails.type eq "work"', "emails.primary eq true"),
        ],
    )
    agree(
        giving, "Groups", ['displayName eq "auditor"', 'displayName co "a"', 'displayName sw "staff"', "displayName pr"]
    )
    agree(giving, "Groups", [f'members.value eq "{member.uuid}"' for member in User.objects.all()])
    agree(giving, "Groups", [f'id eq "{auditor}"', f'id ne "{auditor}"', 'id eq "x"', "externalId pr"])
    agree(giving, "Groups", ["members pr", "not (members pr)"])


def test_conditions_are_joined_as_the_library_does_it(giving: Directory) -> None:
    agree(
        giving,
        "Users",
        [
            'active eq true and name.givenName co "a"',
            'active eq true or name.givenName co "a"',
            'not (active eq true and name.givenName co "a")',
            'not (active eq true) and (userName co "x" or externalId pr)',
            'active eq true and userName co "1" or name.familyName eq "Miller"',
            'emails[type eq "work" and value co "p1"]',
            'emails[value co "p1"]',
            'emails[not (value co "p1")] and active eq true',
            'urn:ietf:params:scim:schemas:core:2.0:User:userName co "x"',
            'USERNAME CO "x" AND ACTIVE EQ true',
        ],
    )


@each(
    "text",
    [
        *('name.formatted eq "x"', 'displayName eq "x"', "title pr", 'meta.created gt "2020-01-01T00:00:00Z"'),
        *('password eq "x"', "password pr", "isSuperuser eq true", 'directory_entry__user_name eq "x"'),
        *("active gt true", 'active eq "true"', 'active co "t"', "active eq 1", 'id co "x"', 'id gt "x"', "id eq 1"),
        *("userName eq 1", "userName eq true", "userName gt null", "userName co null", 'userName eq "a\\u0000"'),
        *("userName eq", "userName", "eq", "(", ")", "userName eq 'x'", 'userName eq "x', "userName xx 1", ""),
        *('userName eq "x"; DROP TABLE users_user', 'userName eq "x" --', "emails[", "not active", "((((" * 300),
        "(" * 3000 + 'userName eq "x"' + ")" * 3000,
        'userName eq "' + "x" * 2_000 + '"',
        " or ".join(['userName eq "x"'] * 200),
        *(
            '$where eq "x"',
            'userName[value eq "x"]',
            "password[x pr]",
            'emails[type eq "work"',
            "\x00",
            "userName pr\x00",
        ),
    ],
)
def test_what_no_index_answers_is_refused_and_says_what_can_be_asked(giving: Directory, text: str) -> None:
    answer = asked(giving, "Users", filter=text)
    body = answer.json()
    if text == "":
        assert answer.status_code in (200, 400)
        return
    assert (answer.status_code, body) == (400, error(400, body["detail"], "invalidFilter")), text[:80]
    assert body["detail"]


def test_what_can_be_asked_is_told(giving: Directory) -> None:
    answer = asked(giving, "Groups", filter="meta.version pr")
    detail = f"meta.version cannot be asked for. What can: {', '.join(FILTERS_OF_ROLES.conditions)}."
    assert (answer.status_code, answer.json()) == (400, error(400, detail, "invalidFilter"))


def test_roles_of_others_are_not_asked_for(giving: Directory) -> None:
    member(User.objects.all()[0], "Administrator")
    for text in (f'groups.value eq "{group("Administrator").pk}"', f'groups eq "{group("Administrator").pk}"'):
        assert giving.find(text) == []
    assert len(giving.find("groups pr")) == group("Auditor").user_set.count()


@pytest.mark.parametrize("value", ["' OR 1=1 --", '\\" or userName pr or userName eq \\"', "%", "_", "\\\\", "*", "$1"])
def test_a_value_is_only_a_value(giving: Directory, value: str) -> None:
    for name in ("userName", "externalId", "id", "emails.value", "name.familyName", "groups.value"):
        answer = asked(giving, "Users", filter=f'{name} eq "{value}"')
        assert (answer.status_code, answer.json().get("totalResults")) == (200, 0), (name, answer.content)


def test_half_a_character_is_no_text(giving: Directory) -> None:
    answer = asked(giving, "Users", filter='userName eq "\\ud800"')
    detail = "This attribute is compared with a text, in double quotes."
    assert (answer.status_code, answer.json()) == (400, error(400, detail, "invalidFilter"))


# --- Pages and orders -------------------------------------------------------------------------------------------
def test_pages_join_to_the_whole(giving: Directory) -> None:
    whole = [one["id"] for one in asked(giving, "Users", count=100).json()["Resources"]]
    assert len(whole) == len(NAMES)
    pages: list[str] = []
    for start in range(1, len(NAMES) + 2, 5):
        body = asked(giving, "Users", startIndex=start, count=5).json()
        assert (body["totalResults"], body.get("startIndex")) == (len(NAMES), start)
        pages += [one["id"] for one in body.get("Resources", [])]
    assert pages == whole


@each(
    ("query", "number"),
    [
        ({"count": 0}, 0),
        ({"count": -1}, 0),
        ({"count": 100_000}, len(NAMES)),
        ({"startIndex": 0}, len(NAMES)),
        ({"startIndex": -5, "count": 2}, 2),
        ({"startIndex": 10**6}, 0),
        ({"startIndex": 10**18}, 0),
        ({"startIndex": 10**24}, 0),
    ],
)
def test_limits_of_pages_are_as_the_rfc_has_them(giving: Directory, query: dict[str, int], number: int) -> None:
    answer = asked(giving, "Users", **query)
    body = answer.json()
    assert (answer.status_code, body.get("totalResults")) == (200, len(NAMES)), body
    assert len(body.get("Resources", [])) == number


@each("query", [{"count": "x"}, {"startIndex": "x"}, {"sortBy": "title"}, {"sortBy": "password"}, {"sortBy": "-id"}])
def test_what_is_no_page_is_refused(giving: Directory, query: dict[str, str]) -> None:
    answer = asked(giving, "Users", **query)
    body = answer.json()
    assert (answer.status_code, body) == (400, error(400, body["detail"], body["scimType"]))


def test_each_order_goes_both_ways(giving: Directory) -> None:
    for kind, orders in (("Users", ORDERS_OF_PEOPLE), ("Groups", ORDERS_OF_ROLES)):
        for name in orders:
            up, down = (
                [one["id"] for one in asked(giving, kind, sortBy=name, sortOrder=order).json()["Resources"]]
                for order in ("ascending", "descending")
            )
            assert (len(up) > 1, {*up} == {*down}) == (True, True), name
            if name in ("id", "username", "displayname"):
                assert up == down[::-1], name


def test_attributes_are_chosen_and_left_out(giving: Directory) -> None:
    [one] = asked(giving, "Users", attributes="userName,name.familyName", count=1).json()["Resources"]
    assert {*one} == {"schemas", "id", "userName", "name"}
    assert {*one["name"]} == {"familyName"}
    [one] = asked(giving, "Users", excludedAttributes="name,meta", count=1).json()["Resources"]
    assert {"name", "meta"} & {*one} == set()
    assert {"id", "schemas"} <= {*one}


def test_everything_is_searched_at_the_root(giving: Directory) -> None:
    body = asked(giving, "", count=100).json()
    assert body["totalResults"] == len(NAMES) + 2
    kinds = [one["meta"]["resourceType"] for one in body["Resources"]]
    assert kinds == ["User"] * len(NAMES) + ["Group"] * 2
    page = asked(giving, "", startIndex=len(NAMES), count=2).json()["Resources"]
    assert [one["meta"]["resourceType"] for one in page] == ["User", "Group"]
    answer = asked(giving, "", filter="id pr")
    assert (answer.status_code, answer.json()["status"]) == (501, "501")
