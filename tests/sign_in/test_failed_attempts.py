"""Nine failures within 900 seconds close an account to an address for 360 seconds (contract 0.4, "Throttling")."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axes.models import AccessFailureLog
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.support.api.client import PASSWORD
from tests.support.sign_in.failed_attempts import (
    WRONG,
    asking_for_a_password,
    at_the_api,
    at_the_back_office,
    pass_time,
)
from tests.support.sign_in.login import delivered
from users.models import User
from users.sign_in.account_recovery import unlock_sign_in

SIGN_INS: list[Callable[..., Any]] = [at_the_api, at_the_back_office]


@pytest.fixture(params=SIGN_INS, ids=lambda one: one.__name__)
def try_sign_in(request: Any) -> Callable[..., Any]:
    return request.param


def test_nine_failures_close_the_account_even_to_the_right_password(
    try_sign_in: Callable[..., Any], olive: User
) -> None:
    assert {try_sign_in(olive.email).status_code for _ in range(9)} <= {200, 400}
    answer = try_sign_in(olive.email, PASSWORD)
    assert answer.status_code == 429
    assert 350 < int(answer["Retry-After"]) <= 360


def test_the_eighth_closes_nothing(try_sign_in: Callable[..., Any], olive: User) -> None:
    for _ in range(8):
        try_sign_in(olive.email)
    assert try_sign_in(olive.email, PASSWORD).status_code in (200, 302)


def test_unknown_and_warehouse_accounts_are_closed_the_same_way(olive: User, pat: User) -> None:
    answers = []
    for email, password in ((olive.email, WRONG), ("nobody@example.test", WRONG), (pat.email, PASSWORD)):
        for _ in range(9):
            assert at_the_back_office(email, password).status_code == 200
        answers.append(at_the_back_office(email, password))
    assert {answer.status_code for answer in answers} == {429}
    assert len({answer.content for answer in answers}) == 1


def test_the_api_and_the_back_office_count_together(olive: User) -> None:
    for _ in range(5):
        at_the_api(olive.email)
    for _ in range(4):
        at_the_back_office(olive.email)
    assert (at_the_api(olive.email).status_code, at_the_back_office(olive.email).status_code) == (429, 429)


def test_the_case_of_letters_opens_no_way_around(try_sign_in: Callable[..., Any], olive: User) -> None:
    for attempt in range(9):
        try_sign_in(olive.email.upper() if attempt % 2 else olive.email)
    assert try_sign_in("Olive.Office@Example.Test", PASSWORD).status_code == 429


def test_wrong_current_passwords_count_too(olive: User) -> None:
    """Whoever finds a browser signed in finds out no password there."""
    inside = Client(REMOTE_ADDR="192.0.2.7")
    inside.force_login(olive)
    form = {"old_password": WRONG, "new_password1": "another-Horse-8!", "new_password2": "another-Horse-8!"}
    for _ in range(9):
        assert inside.post("/admin/password_change/", form).status_code == 200
    answer = inside.post("/admin/password_change/", form | {"old_password": PASSWORD})
    assert (answer.status_code, int(answer["Retry-After"]) > 350) == (429, True)
    assert {one(olive.email, PASSWORD).status_code for one in SIGN_INS} == {429}
    assert User.objects.get(pk=olive.pk).check_password(PASSWORD)


def test_other_accounts_and_other_addresses_stay_open(try_sign_in: Callable[..., Any], olive: User, pat: User) -> None:
    for _ in range(10):
        try_sign_in(olive.email)
    assert try_sign_in(olive.email, PASSWORD, address="192.0.2.8").status_code in (200, 302)
    assert at_the_api(pat.email, PASSWORD).status_code == 200


@pytest.mark.parametrize(
    ("guesser", "neighbour", "status"),
    [
        ("2001:db8:1:2:{:x}::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", 429),
        ("2001:db8:1:2:{:x}::1", "2001:db8:1:3::1", 200),
        ("::ffff:192.0.2.{}", "::ffff:198.51.100.1", 200),
    ],
    ids=["one network", "the next network", "IPv4 written as IPv6"],
)
def test_whoever_has_a_network_of_addresses_has_one(olive: User, guesser: str, neighbour: str, status: int) -> None:
    """The smallest network that IPv6 gives anybody is a /64 (RFC 6177)."""
    for number in range(9):
        at_the_api(olive.email, address=guesser.format(number + 1))
    assert at_the_api(olive.email, PASSWORD, address=neighbour).status_code == status


def test_an_ipv4_address_counts_as_one_however_it_is_written(olive: User) -> None:
    for number in range(9):
        at_the_api(olive.email, address="::ffff:192.0.2.7" if number % 2 else "192.0.2.7")
    assert at_the_api(olive.email, PASSWORD).status_code == 429


def test_failures_older_than_the_window_do_not_count(try_sign_in: Callable[..., Any], olive: User) -> None:
    for _ in range(8):
        try_sign_in(olive.email)
    pass_time(900)
    try_sign_in(olive.email)
    assert try_sign_in(olive.email, PASSWORD).status_code in (200, 302)


def test_the_window_slides(olive: User) -> None:
    for _ in range(4):
        at_the_api(olive.email)
    pass_time(880)
    for _ in range(5):
        at_the_api(olive.email)
    assert at_the_api(olive.email, PASSWORD).status_code == 429


def test_the_block_ends_by_itself_and_counting_begins_anew(try_sign_in: Callable[..., Any], olive: User) -> None:
    for _ in range(9):
        try_sign_in(olive.email)
    pass_time(360)
    assert {try_sign_in(olive.email).status_code for _ in range(8)} <= {200, 400}
    assert try_sign_in(olive.email, PASSWORD).status_code in (200, 302)


def test_trying_while_it_is_closed_does_not_keep_it_closed(try_sign_in: Callable[..., Any], olive: User) -> None:
    for _ in range(9):
        try_sign_in(olive.email)
    pass_time(350)
    for _ in range(9):
        answer = try_sign_in(olive.email)
        assert (answer.status_code, int(answer["Retry-After"]) <= 10) == (429, True)
    pass_time(10)
    assert try_sign_in(olive.email, PASSWORD).status_code in (200, 302)


def test_unlocking_opens_the_account_at_once(try_sign_in: Callable[..., Any], olive: User) -> None:
    for _ in range(9):
        try_sign_in(olive.email)
    assert unlock_sign_in(olive) == 9
    assert try_sign_in(olive.email, PASSWORD).status_code in (200, 302)


def test_staff_unlock_on_the_persons_page(olive: User, pat: User, client: Client) -> None:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    client.force_login(User.objects.get(pk=olive.pk))
    for _ in range(9):
        at_the_api(pat.email)
    assert "Unlock sign-in" in client.get(f"/admin/users/user/{pat.pk}/view/").content.decode()
    for words in ("The sign-in is unlocked", "There was nothing to unlock"):
        page = client.post(f"/admin/users/user/{pat.pk}/unlock-sign-in/", follow=True)
        assert words in page.content.decode()
    assert at_the_api(pat.email, PASSWORD).status_code == 200


def test_the_api_says_when_to_try_again_in_the_shape_of_oauth(olive: User) -> None:
    for _ in range(9):
        at_the_api(olive.email)
    answer = at_the_api(olive.email, PASSWORD)
    seconds = answer["Retry-After"]
    assert answer.json() == {
        "error": "invalid_grant",
        "error_description": f"Too many failed sign-ins. Please try again in {seconds} seconds.",
    }
    assert (answer["Cache-Control"], answer["Content-Type"]) == ("no-store", "application/json")
    assert "WWW-Authenticate" not in answer


def test_the_back_office_says_when_to_try_again_on_a_page(olive: User) -> None:
    for _ in range(9):
        at_the_back_office(olive.email)
    page = at_the_back_office(olive.email).content.decode()
    assert "Too many attempts" in page
    assert "Please try again in 6 minutes." in page


def test_asking_for_a_new_password_is_throttled_by_itself(olive: User) -> None:
    assert {asking_for_a_password(olive.email).status_code for _ in range(9)} == {302}
    answer = asking_for_a_password(olive.email)
    assert (answer.status_code, int(answer["Retry-After"]) <= 360, len(delivered())) == (429, True, 9)
    assert at_the_back_office(olive.email, PASSWORD).status_code == 302


def test_a_proxy_that_hides_the_address_breaks_nothing(try_sign_in: Callable[..., Any], olive: User) -> None:
    for _ in range(9):
        assert try_sign_in(olive.email, address="unknown").status_code in (200, 400)
    assert try_sign_in(olive.email, PASSWORD, address="").status_code == 429


def test_a_giant_name_breaks_nothing(try_sign_in: Callable[..., Any], db: None) -> None:
    assert try_sign_in("x" * 5_000 + "@example.test").status_code in (200, 400)


def test_a_sign_in_pays_one_query_for_it(olive: User) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert at_the_api(olive.email, PASSWORD).status_code == 200
    assert len([query for query in queries if "axes_" in query["sql"]]) == 1


def test_failures_at_the_same_time_are_all_counted(transactional_db: None, make_user: Callable[..., User]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connections

    def fail(_: int) -> int:
        try:
            return at_the_api("nobody@example.test").status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(fail, range(9))) == {400}
    assert list(AccessFailureLog.objects.filter(locked_out=True).values_list("username", flat=True)) == [
        "nobody@example.test"
    ]
    assert at_the_api("nobody@example.test").status_code == 429
