"""Sessions in the Back Office: who is signed in, from what, and how staff end that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS, INVALID_TOKEN, Api, refusal, sign_in
from tests.support.back_office.staff import member, signed_in, told
from users.models import Session, User
from users.sign_in.user_agent import in_plain_words

LIST = "/admin/users/session/"
PHONE = (
    "Mozilla/5.0 (Linux; Android 14; TC22) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36"
)


def listed(client: Client, **query: Any) -> list[Session]:
    return list(client.get(LIST, query).context["cl"].result_list)


def test_the_list_shows_who_is_signed_in_with_what_and_where_they_work(
    as_manager: Client, as_pat: Api, pat: User, pat_north: WarehouseUserAssignment
) -> None:
    Session.objects.update(user_agent=PHONE, address="192.0.2.7")
    pat_north.activate()
    as_pat.post("/warehouse-tokens")
    page = unescape(as_manager.get(LIST).content.decode())
    row = next(part for part in page.split("<tbody") if pat.email in part)
    for shown in ("frontend", "192.0.2.7", "Chrome on Android", "North Dock", "Open", "End session"):
        assert shown in row, shown
    pat_north.deactivate()
    row = next(part for part in as_manager.get(LIST).content.decode().split("<tbody") if pat.email in part)
    assert "North Dock" not in row  # the token does not hold any more


def test_one_click_ends_a_session_and_the_api_answers_401(as_manager: Client, as_pat: Api, pat: User) -> None:
    session = Session.objects.get()
    other = sign_in(pat.email)["access_token"]
    assert as_pat.get(ASSIGNMENTS).status_code == 200
    answer = as_manager.post(f"{LIST}{session.pk}/end/?q=pat", {"change_reason": "phone lost"})
    assert (answer["Location"], told(answer)) == (f"{LIST}?q=pat", ["1 session was ended."])
    assert refusal(as_pat.get(ASSIGNMENTS)) == [INVALID_TOKEN]
    assert Api(other).get(ASSIGNMENTS).status_code == 200
    session.refresh_from_db()
    assert session.end_reason == "ended in the Back Office"
    assert session.events.latest("pgh_id").pgh_context["reason"] == "phone lost"


def test_ending_again_changes_nothing(as_manager: Client, as_pat: Api, nothing_changes: Any) -> None:
    session = Session.objects.get()
    session.end("lost")
    with nothing_changes():
        assert told(as_manager.post(f"{LIST}{session.pk}/end/")) == ["0 sessions were ended."]


def test_many_are_ended_after_a_page_that_says_how_many(
    as_manager: Client, as_pat: Api, sam: User, pat_north: WarehouseUserAssignment, nothing_changes: Any
) -> None:
    pat_north.activate()
    as_pat.post("/warehouse-tokens")
    token = sign_in(sam.email)["access_token"]
    chosen = {"action": "end_selected", "_selected_action": [one.pk for one in Session.objects.all()], "index": 0}
    with nothing_changes():
        asked = as_manager.post(LIST, chosen)
    page = asked.content.decode()
    for words in ("End 2 sessions", "2 users<", "1 warehouse token<"):
        assert words in page, words
    answer = as_manager.post(f"{LIST}end/", {"keys": asked.context["keys"], "back": ""})
    assert told(answer) == ["2 sessions were ended."]
    for api in (as_pat, Api(token)):
        assert refusal(api.get(ASSIGNMENTS)) == [INVALID_TOKEN]


def test_sign_out_everywhere_ends_all_of_one_person(as_manager: Client, as_pat: Api, pat: User, sam: User) -> None:
    others = Api(sign_in(sam.email)["access_token"])
    second = Api(sign_in(pat.email)["access_token"])
    page = as_manager.get(f"/admin/users/user/{pat.pk}/view/").content.decode()
    assert "Sessions (2 open)" in page
    assert "Sign out everywhere" in page
    assert told(as_manager.post(f"/admin/users/user/{pat.pk}/sign-out/")) == ["2 sessions were ended."]
    for api in (as_pat, second):
        assert refusal(api.get(ASSIGNMENTS)) == [INVALID_TOKEN]
    assert others.get(ASSIGNMENTS).status_code == 200


def test_filters_and_search_narrow(as_manager: Client, as_pat: Api, pat: User, sam: User) -> None:
    sign_in(sam.email)
    mine, theirs = Session.objects.get(user=pat), Session.objects.get(user=sam)
    theirs.end("lost")
    for query, found in (
        ({}, [theirs, mine]),
        ({"state": "live"}, [mine]),
        ({"state": "ended"}, [theirs]),
        ({"user": pat.pk}, [mine]),
        ({"q": "SAM.st"}, [theirs]),
        ({"q": "tacker"}, [theirs]),
        ({"q": "tacker@example.com"}, []),
    ):
        assert listed(as_manager, **query) == found, query
    Session.objects.filter(pk=mine.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert listed(as_manager, state="live") == []


def test_the_list_costs_the_same_for_any_number_of_sessions(
    as_manager: Client, make_user: Callable[..., User], pat: User, django_assert_num_queries: Any
) -> None:
    def load() -> None:
        with django_assert_num_queries(6):  # session, person, their rights (two), how many, the page
            assert as_manager.get(LIST).status_code == 200

    sign_in(pat.email)
    load()
    for _ in range(12):
        sign_in(pat.email)
    load()


def test_a_session_is_read_only(as_manager: Client, as_pat: Api, nothing_changes: Any) -> None:
    session = Session.objects.get()
    page = as_manager.get(f"{LIST}{session.pk}/change/").content.decode()
    assert "frontend" in page
    for secret in ("refresh_digest", session.refresh_digest):
        assert secret not in page
    with nothing_changes():
        assert as_manager.post(f"{LIST}{session.pk}/change/", {"client_id": "x"}).status_code == 403
        assert as_manager.post(f"{LIST}{session.pk}/delete/").status_code == 403
        assert as_manager.get(f"{LIST}add/").status_code == 403
        assert as_manager.get(f"{LIST}{session.pk}/end/").status_code == 405


def test_an_auditor_sees_sessions_and_ends_none(olive: User, as_pat: Api, pat: User, nothing_changes: Any) -> None:
    as_auditor = signed_in(member(olive, "Auditor"))
    session = Session.objects.get()
    page = as_auditor.get(LIST).content.decode()
    assert pat.email in page
    assert "End session" not in page
    with nothing_changes():
        assert as_auditor.post(f"{LIST}{session.pk}/end/").status_code == 403
        assert as_auditor.post(f"{LIST}end/", {"keys": session.pk.hex}).status_code == 403


def test_a_sign_in_counts_as_the_last_login(as_pat: Api, pat: User) -> None:
    pat.refresh_from_db()
    assert pat.last_login == Session.objects.get().created_at


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (PHONE, "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/130.0 Safari/537.36 Edg/130.0", "Edge on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0", "Firefox on Linux"),
        ("Handheld 9", "Handheld 9"),
        ("", ""),
    ],
)
def test_a_browser_is_named_in_plain_words(header: str, words: str) -> None:
    assert in_plain_words(header) == words
