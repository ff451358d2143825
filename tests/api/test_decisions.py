"""OpenID AuthZEN Authorization API 1.0: whether a person may work in a warehouse now, for programs without a token."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.conf import settings
from pytest_django import DjangoAssertNumQueries

from assignments.access.decision import Reason
from assignments.access.evaluation import MAX_EVALUATIONS, MISSING
from assignments.models import WarehouseUserAssignment
from tests.support.api.client import Api
from tests.support.api.questions import JSON, MANY, ONE, gate, question, told
from tests.support.cases import each
from tests.support.oauth.held_tokens import service
from tests.support.oauth.introspection import BAD_CLIENT, CHALLENGE
from tests.support.waiting import MOST_SECONDS
from users.models import User
from users.models.audit_event import AuditEvent
from users.models.oauth.client import Client
from warehouses.models import Warehouse

YES, NO = {"decision": True}, {"decision": False}
#: Examples of the specification (sections 6.1, 7.1 and 10.1.4).
ALICE = {"type": "user", "id": "alice@example.com"}
PUBLISHED = {
    "subject": ALICE,
    "resource": {"type": "account", "id": "123"},
    "action": {"name": "can_read", "properties": {"method": "GET"}},
    "context": {"time": "1985-10-26T01:22-07:00"},
}
DOCUMENTS = [{"resource": {"type": "document", "id": name}} for name in ("boxcarring.md", "subject-search.md")]


def no(reason: Reason) -> dict[str, Any]:
    return NO | {"context": {"reason": reason}}


@pytest.fixture
def asker(db: None) -> Api:
    return gate(**service("gate"))


@pytest.fixture
def told_why(asker: Api) -> Api:
    """The same, who may read reasons."""
    Client.objects.filter(client_id="gate").update(reads_reasons=True)
    return asker


@pytest.fixture
def working(pat_north: WarehouseUserAssignment) -> dict[str, Any]:
    """A question that is answered with yes."""
    pat_north.activate()
    return question(pat_north.user.uuid, pat_north.warehouse.uuid)


# --- One question -----------------------------------------------------------------------------------------------
def test_who_works_there_may_and_others_may_not(
    asker: Api, working: dict[str, Any], pat: User, sam: User, north: Warehouse, river: Warehouse
) -> None:
    assert told(asker, working) == YES
    for person, warehouse in (
        (pat.uuid, river.uuid),
        (sam.uuid, north.uuid),
        (uuid4(), north.uuid),
        (pat.uuid, uuid4()),
        (pat.email, north.name),
        ("", "\0"),
    ):
        assert told(asker, question(person, warehouse)) == NO


def test_only_a_client_that_may_read_reasons_is_told_why(
    told_why: Api, working: dict[str, Any], pat: User, river: Warehouse
) -> None:
    assert told(told_why, working) == YES
    assert told(told_why, question(pat.uuid, river.uuid)) == no(Reason.NOT_ASSIGNED)
    assert told(told_why, question(uuid4(), river.uuid)) == no(Reason.UNKNOWN_PERSON)
    assert told(told_why, working | {"action": {"name": "sleep"}}) == no(Reason.UNSUPPORTED)
    Client.objects.update(reads_reasons=False)
    assert told(told_why, question(pat.uuid, river.uuid)) == NO


def test_a_question_about_something_else_is_answered_with_no(asker: Api, working: dict[str, Any]) -> None:
    assert told(asker, PUBLISHED) == NO
    for name, other in (("subject", "user"), ("resource", "place")):
        assert told(asker, working | {name: working[name] | {"type": other}}) == NO
    assert told(asker, working | {"action": {"name": "Work"}}) == NO


def test_properties_context_and_unknown_members_are_ignored(asker: Api, working: dict[str, Any]) -> None:
    more = {"properties": {"role": "manager"}, "later": [1]}
    asked = {name: entity | more for name, entity in working.items()} | {"context": {"ip": "x"}, "later": {"a": None}}
    assert told(asker, asked) == YES
    assert told(asker, asked | {"evaluations": [{}], "options": 1}) == YES


@pytest.mark.parametrize("path", [ONE, MANY])
def test_asking_is_one_query_for_the_client_and_one_for_all_decisions(
    asker: Api, working: dict[str, Any], path: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    asked = working if path == ONE else working | {"evaluations": [{}] * 500}
    with django_assert_num_queries(2) as queries:
        told(asker, asked, path)
    assert "users_client" in queries[0]["sql"]


@pytest.mark.parametrize("path", [ONE, MANY])
def test_the_request_id_comes_back_as_it_was_sent(asker: Api, working: dict[str, Any], path: str) -> None:
    for sent in ("bfe9eb29-ab87-4ca3-be83-a1d5d8305716", "any text, {even} this; " + "x" * 500):
        for api, body in ((asker, working), (asker, {}), (Api(), working)):
            answer = api.call("POST", path, body, content_type=JSON, **{"X-Request-ID": sent})
            assert answer["X-Request-ID"] == sent
    made = [asker.call("POST", path, working, content_type=JSON)["X-Request-ID"] for _ in range(2)]
    assert [re.fullmatch("[0-9a-f]{32}", one) is not None for one in made] == [True, True]
    assert made[0] != made[1]


@pytest.mark.django_db(transaction=True)
def test_a_request_id_that_is_no_text_of_ascii_is_replaced_as_in_the_log(live_url: str) -> None:
    """Over HTTP: by the id of the log line and of the security event."""
    with httpx.Client(base_url=live_url, timeout=MOST_SECONDS) as client:
        for sent in ("Tür-7".encode(), "Tür-7".encode("latin-1"), b"gate-\xff", b"gate-7"):
            answer = client.post(ONE, json={}, headers=[(b"X-Request-ID", sent)], auth=("picking", "wrong"))
            assert (answer.status_code, answer.json()) == (401, BAD_CLIENT)
            event = AuditEvent.objects.latest("id")
            assert (event.tag, event.request_id) == ("client_refused", answer.headers["X-Request-ID"])
            assert (event.request_id == "gate-7") == (sent == b"gate-7")


# --- Many questions ---------------------------------------------------------------------------------------------
@pytest.fixture
def three(
    working: dict[str, Any], make_user: Callable[..., User], assign: Callable[..., Any], sam: User, north: Warehouse
) -> dict[str, Any]:
    """Of three people, the second may not; with the action and the warehouse as default values."""
    wanda = make_user("wanda.wheels@example.test", is_warehouse_user=True)
    assign(wanda, north, is_active=True)
    subjects = (working["subject"], *({"type": "person", "id": str(one.uuid)} for one in (sam, wanda)))
    defaults = {name: working[name] for name in ("action", "resource")}
    return defaults | {"evaluations": [{"subject": subject} for subject in subjects]}


def test_many_are_answered_in_their_order(told_why: Api, three: dict[str, Any]) -> None:
    assert told(told_why, three, MANY) == {"evaluations": [YES, no(Reason.NOT_ASSIGNED), YES]}


@each(
    ("semantic", "answers"),
    [("execute_all", [YES, NO, YES]), ("deny_on_first_deny", [YES, NO]), ("permit_on_first_permit", [YES])],
)
def test_the_semantics_end_the_answers(asker: Api, three: dict[str, Any], semantic: str, answers: list[Any]) -> None:
    """As in the examples of the specification (section 7.1.2.1)."""
    options = {"evaluations_semantic": semantic, "another_option": "value"}
    assert told(asker, three | {"options": options}, MANY) == {"evaluations": answers}


def test_the_published_examples_are_answered(asker: Api) -> None:
    complete = [PUBLISHED | document for document in DOCUMENTS]
    assert told(asker, {"evaluations": complete}, MANY) == {"evaluations": [NO, NO]}
    defaults = {"subject": ALICE, "action": {"name": "can_read"}, "context": {"time": "2024-05-31T15:22-07:00"}}
    overriding = [*DOCUMENTS, {"action": {"name": "can_edit"}} | DOCUMENTS[0]]
    assert told(asker, defaults | {"evaluations": overriding}, MANY) == {"evaluations": [NO] * 3}


def test_a_question_s_own_members_replace_the_defaults_as_a_whole(asker: Api, working: dict[str, Any]) -> None:
    items: list[Any] = [{}, {"subject": {"id": working["subject"]["id"]}}, {"action": {"name": "sleep"}}]
    lacking = NO | {"context": {"error": {"status": 400, "message": "`subject.type` is missing."}}}
    assert told(asker, working | {"evaluations": items}, MANY) == {"evaluations": [YES, lacking, NO]}


@each("missing", MISSING)
def test_a_question_that_lacks_something_is_denied_and_the_others_are_answered(
    asker: Api, working: dict[str, Any], missing: str
) -> None:
    lacking = without(working, missing)
    denied = NO | {"context": {"error": {"status": 400, "message": missing}}}
    assert told(asker, {"evaluations": [working, lacking, working]}, MANY) == {"evaluations": [YES, denied, YES]}
    first = {"evaluations": [lacking, working], "options": {"evaluations_semantic": "deny_on_first_deny"}}
    assert told(asker, first, MANY) == {"evaluations": [denied]}


def test_without_questions_the_body_is_one(asker: Api, working: dict[str, Any]) -> None:
    assert told(asker, working, MANY) == YES
    assert told(asker, working | {"evaluations": []}, MANY) == YES


# --- What cannot be answered ------------------------------------------------------------------------------------
def without(asked: dict[str, Any], missing: str) -> dict[str, Any]:
    entity, _, member = missing.split("`")[1].partition(".")
    changed = {name: dict(members) for name, members in asked.items()}
    (changed[entity] if member else changed).pop(member or entity)
    return changed


def assert_refused(asker: Api, path: str, body: Any, words: str, content_type: str = JSON) -> None:
    answer = asker.call("POST", path, body, content_type=content_type)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request", "error_description": words})
    assert answer["Cache-Control"] == "no-store"


@each("missing", MISSING)
def test_a_question_alone_that_lacks_something_is_refused(
    asker: Api, working: dict[str, Any], nothing_changes: Any, missing: str
) -> None:
    with nothing_changes():
        for path in (ONE, MANY):
            assert_refused(asker, path, without(working, missing), missing)


@each(
    ("change", "words"),
    [
        ({"subject": "alice"}, "`subject` must be an object."),
        ({"subject": None}, "`subject` must be an object."),
        ({"subject": {"type": 1, "id": "x"}}, "`subject.type` must be a text."),
        ({"resource": {"type": "warehouse", "id": None}}, "`resource.id` must be a text."),
        ({"action": {"name": 123}}, "`action.name` must be a text."),
        ({"action": {"name": "work", "properties": []}}, "`properties` must be an object."),
        ({"context": "now"}, "`context` must be an object."),
    ],
)
def test_a_member_of_the_wrong_type_is_refused_wherever_it_is(
    asker: Api, working: dict[str, Any], nothing_changes: Any, change: dict[str, Any], words: str
) -> None:
    with nothing_changes():
        assert_refused(asker, ONE, working | change, words)
        assert_refused(asker, MANY, working | change | {"evaluations": [working]}, words)
        assert_refused(asker, MANY, working | {"evaluations": [working, change]}, words)


_UNKNOWN: list[Any] = ["first", "", None, []]
_UNREADABLE = "The body must be JSON, without repeated members."


@each(
    ("body", "words"),
    [
        (b"", "The body must be sent as application/json."),  # an empty one comes without a type
        (b" ", _UNREADABLE),
        (b"{", _UNREADABLE),
        (b"subject=x", _UNREADABLE),
        (b'{"subject":{},"subject":{}}', _UNREADABLE),
        (b'{"a":' * 2_000 + b"1" + b"}" * 2_000, _UNREADABLE),
        (b"\xff", _UNREADABLE),
        (b"[]", "The body must be an object."),
        (b"null", "The body must be an object."),
    ],
)
@each("path", [ONE, MANY])
def test_a_body_that_is_no_object_is_refused(
    asker: Api, nothing_changes: Any, path: str, body: bytes, words: str
) -> None:
    with nothing_changes():
        assert_refused(asker, path, body, words)


@each(
    ("change", "words"),
    [
        ({"evaluations": {}}, "`evaluations` must be an array."),
        ({"evaluations": None}, "`evaluations` must be an array."),
        ({"evaluations": [1]}, "An item of `evaluations` must be an object."),
        ({"evaluations": [{}] * (MAX_EVALUATIONS + 1)}, "`evaluations` must have at most 1000 items."),
        ({"options": []}, "`options` must be an object."),
        *(
            (
                {"options": {"evaluations_semantic": semantic}},
                "`options.evaluations_semantic` must be one of: "
                "execute_all, deny_on_first_deny, permit_on_first_permit.",
            )
            for semantic in _UNKNOWN
        ),
    ],
)
def test_many_that_cannot_be_read_are_refused_as_a_whole(
    asker: Api, working: dict[str, Any], nothing_changes: Any, change: dict[str, Any], words: str
) -> None:
    with nothing_changes():
        assert_refused(asker, MANY, working | change, words)


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/vnd.api+json"]
)
def test_another_type_of_content_is_refused(asker: Api, working: dict[str, Any], content_type: str) -> None:
    words = "The body must be sent as application/json."
    assert_refused(asker, ONE, json.dumps(working).encode(), words, content_type=content_type)
    answer = asker.call("POST", ONE, working, content_type="application/json; charset=utf-8")
    assert answer.json() == YES


# --- Who may ask ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", [ONE, MANY])
def test_nobody_else_may_ask(working: dict[str, Any], as_olive: Api, path: str, nothing_changes: Any) -> None:
    """The body does not prove who asks, and is not read before that is known."""
    secret = service("gate")["client_secret"]
    with nothing_changes():
        for api in (Api(), as_olive, gate("gate", "wrong"), gate("gate", ""), gate("frontend", "x"), gate("x", secret)):
            for body in (working, working | {"client_id": "gate", "client_secret": secret}, b"{"):
                answer = api.call("POST", path, body, content_type=JSON)
                assert (answer.status_code, answer.json()) == (401, BAD_CLIENT)
                assert (answer["WWW-Authenticate"], answer["Cache-Control"]) == (CHALLENGE, "no-store")


def test_nine_wrong_secrets_close_the_client_to_guessing_but_not_to_the_right_one(working: dict[str, Any]) -> None:
    """Counted together with those at `/introspect`."""
    secret = service("gate")["client_secret"]
    answers = [gate("gate", f"guess {n}").call("POST", ONE, working, content_type=JSON) for n in range(11)]
    assert [answer.status_code for answer in answers] == [401] * 9 + [429] * 2
    assert 0 < int(answers[-1]["Retry-After"]) <= 360
    assert set(AuditEvent.objects.filter(tag="client_refused").values_list("path", flat=True)) == {ONE}
    assert told(gate("gate", secret), working) == YES


# --- Where it is ------------------------------------------------------------------------------------------------
def test_the_metadata_says_where_to_ask() -> None:
    answer = Api().get("/.well-known/authzen-configuration")
    assert (answer.status_code, answer["Content-Type"]) == (200, JSON)
    assert answer.json() == {
        "policy_decision_point": settings.ISSUER,
        "access_evaluation_endpoint": settings.ISSUER + ONE,
        "access_evaluations_endpoint": settings.ISSUER + MANY,
    }
