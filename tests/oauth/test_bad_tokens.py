"""Bad `Authorization` headers and forged tokens: each gets its documented answer, and nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assignments.models import WarehouseUserAssignment
from tests.support.api.bad_bodies import Watch
from tests.support.api.bad_tokens import FORGERIES, WRONG_CLAIMS, _claims, _signed, _subject, refused_everywhere
from tests.support.api.client import ASSIGNMENTS, INVALID_TOKEN, MISSING_TOKEN, Api, error, refusal, sign_in
from tests.support.cases import each
from users.models import Session, User

NOBODY = error(400, "Invalid access token.", "001")


MISSING_TOKENS = ["", " ", "Bearer", "Bearer ", " Bearer", "bearer", "Basic", "fake_token", "\xa0"]


@each("header", MISSING_TOKENS)
def test_a_header_without_a_second_part_is_a_missing_token(
    pat_north: WarehouseUserAssignment, nothing_changes: Watch, header: str
) -> None:
    with nothing_changes():
        refused_everywhere(header, MISSING_TOKEN)


INVALID_HEADERS = {
    "two spaces": "Bearer  x",
    "Basic": "Basic b2xpdmU6c2VjcmV0",
    "another scheme": "Token x",
    "scheme twice": "Bearer Bearer",
    "one part": "Bearer x",
    "two parts": "Bearer a.b",
    "empty parts": "Bearer ..",
    "four parts": "Bearer a.b.c.d",
    "five parts": "Bearer a.b.c.d.e",
    "no base64": "Bearer !.!.!",
    "not ASCII": "Bearer é.é.é",
    "NUL": "Bearer \0.\0.\0",
    "null": "Bearer null",
    "undefined": "Bearer undefined",
    "a megabyte": "Bearer " + "a" * 1_000_000,
    "a megabyte of dots": "Bearer " + "." * 1_000_000,
}


@each("header", INVALID_HEADERS.values(), ids=INVALID_HEADERS.keys())
def test_a_header_with_anything_else_is_an_invalid_token(
    pat_north: WarehouseUserAssignment, nothing_changes: Watch, header: str
) -> None:
    with nothing_changes():
        refused_everywhere(header, INVALID_TOKEN)


def test_a_good_token_of_another_scheme_or_with_a_third_part_is_refused(as_olive: Api, nothing_changes: Watch) -> None:
    with nothing_changes():
        for header in (f"Basic {as_olive.token}", f"Bearer {as_olive.token} x", f"Bearer x {as_olive.token}"):
            refused_everywhere(header, INVALID_TOKEN)


@pytest.mark.parametrize("spelling", ["Bearer {}", "bearer {}", "BEARER {}", "Bearer  {}", "Bearer\t{}", " Bearer {} "])
def test_the_scheme_is_read_in_any_case_and_with_any_blanks(as_olive: Api, spelling: str) -> None:
    answer = Api().get(ASSIGNMENTS, Authorization=spelling.format(as_olive.token))
    assert answer.status_code == 200


# --- Forged tokens ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_token_that_we_did_not_sign_is_invalid(
    as_olive: Api, pat_north: WarehouseUserAssignment, nothing_changes: Watch, forge: Callable[[str], str]
) -> None:
    forged = forge(as_olive.token or "")
    with nothing_changes():
        refused_everywhere(f"Bearer {forged}", INVALID_TOKEN)


def _with(token: str, changes: dict[str, Any]) -> str:
    return _signed({name: value for name, value in (_claims(token) | changes).items() if value is not None})


@pytest.mark.parametrize("changes", WRONG_CLAIMS.values(), ids=WRONG_CLAIMS.keys())
def test_a_token_that_is_not_for_here_and_now_is_invalid(
    as_olive: Api, pat_north: WarehouseUserAssignment, nothing_changes: Watch, changes: dict[str, Any]
) -> None:
    with nothing_changes():
        refused_everywhere(f"Bearer {_with(as_olive.token or '', changes)}", INVALID_TOKEN)


def test_a_token_with_the_session_of_another_person_is_invalid(
    as_olive: Api, sam: User, nothing_changes: Watch
) -> None:
    sign_in(sam.email)
    theirs = Session.objects.get(user=sam)
    with nothing_changes():
        for changes in ({"sid": str(theirs.pk)}, {"sub": _subject(id_user=sam.pk, uuid=str(sam.uuid))}):
            refused_everywhere(f"Bearer {_with(as_olive.token or '', changes)}", INVALID_TOKEN)


NOBODIES = {
    "no subject": None,
    "subject empty": "",
    "subject no JSON": "olive",
    "subject broken JSON": "{",
    "subject a list": "[]",
    "subject a number": "1",
    "subject null": "null",
    "subject an empty object": "{}",
    "subject a shop's customer": '{"customer_reference":"DE--1","id_customer":1}',
}


@pytest.mark.parametrize("subject", NOBODIES.values(), ids=NOBODIES.keys())
def test_a_good_token_that_names_neither_person_nor_warehouse_is_400(
    as_olive: Api, pat_north: WarehouseUserAssignment, nothing_changes: Watch, subject: str | None
) -> None:
    with nothing_changes():
        refused_everywhere(f"Bearer {_with(as_olive.token or '', {'sub': subject})}", NOBODY)


def test_a_refresh_token_is_no_access_token(pat: User, nothing_changes: Watch) -> None:
    refresh_token = sign_in(pat.email)["refresh_token"]
    with nothing_changes():
        refused_everywhere(f"Bearer {refresh_token}", INVALID_TOKEN)


def test_a_scope_that_is_not_ours_or_ill_typed_allows_nothing(as_olive: Api, nothing_changes: Watch) -> None:
    forbidden = error(403, "Unauthorized request.")
    with nothing_changes():
        for scopes in ([], ["x"], "back-office-user", {"back-office-user": 1}, [["back-office-user"]], [None], 1):
            answer = Api(_with(as_olive.token or "", {"scopes": scopes})).get(ASSIGNMENTS)
            assert refusal(answer) == [forbidden]
