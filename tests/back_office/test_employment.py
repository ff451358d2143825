"""The end of employment in the Back Office: who sets it, what is shown, who is found by it, and who must stay."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test import Client
from django.utils.timezone import localdate, localtime

from config.back_office.periods import beginning_of
from config.database.periods import database_now
from tests.support.api.client import ASSIGNMENTS, INVALID_TOKEN, Api, refusal, sign_in
from tests.support.back_office.staff import LIST, change, errors, group, member, rows, signed_in, told
from tests.support.cases import each
from tests.support.servers.concurrency import wait_until_blocked
from users.models import User

DAY = timedelta(days=1)
LAST = "This is the last active administrator whose employment has no end. Make somebody else an administrator first."


def end_of(day: date) -> datetime:
    return beginning_of(day + DAY)


def stored(person: User) -> datetime | None:
    return User.objects.get(pk=person.pk).employed_until


def set_end(person: User, end: datetime | None) -> None:
    User.objects.filter(pk=person.pk).update(employed_until=end)


def text_of(page: Any) -> str:
    return " ".join(page.content.decode().split())


# --- Setting it -------------------------------------------------------------------------------------------------
def test_the_form_takes_the_last_day_and_shows_it_again(as_ada: Client, pat: User) -> None:
    assert change(as_ada, pat, employed_until="2999-12-31").status_code == 302
    assert stored(pat) == end_of(date(2999, 12, 31))
    assert 'value="2999-12-31"' in as_ada.get(f"{LIST}{pat.pk}/change/").content.decode()
    assert change(as_ada, pat, employed_until="").status_code == 302
    assert stored(pat) is None
    history = as_ada.get(f"{LIST}{pat.pk}/history/").content.decode()
    assert history.count("Employed until") == 2


def test_a_moment_within_a_day_stays_if_the_day_is_not_changed(as_ada: Client, pat: User) -> None:
    noon = beginning_of(date(2999, 12, 31)) + timedelta(hours=12)
    set_end(pat, noon)
    assert change(as_ada, pat, employed_until="2999-12-31", first_name="Patricia").status_code == 302
    assert stored(pat) == noon
    assert User.objects.get(pk=pat.pk).first_name == "Patricia"


def test_a_person_is_hired_for_a_season(as_ada: Client) -> None:
    form = {"email": "season@example.test", "first_name": "Sea", "last_name": "Son", "language": "en_US"}
    form |= {"is_warehouse_user": "on", "has_mailbox": "on", "employed_until": "2999-08-31"}
    assert as_ada.post(f"{LIST}add/", form).status_code == 302
    assert User.objects.get(email="season@example.test").employed_until == end_of(date(2999, 8, 31))


@each("typed", ["tomorrow", "1850-01-01", "9999-12-31"])
def test_what_is_no_day_is_refused(as_ada: Client, pat: User, typed: str, nothing_changes: Any) -> None:
    with nothing_changes():
        assert set(errors(change(as_ada, pat, employed_until=typed))) == {"employed_until"}


def test_today_as_the_last_day_lets_work_on_and_yesterday_does_not(as_ada: Client, as_pat: Api, pat: User) -> None:
    change(as_ada, pat, employed_until=localdate().isoformat())
    assert as_pat.get(ASSIGNMENTS).status_code == 200
    change(as_ada, pat, employed_until=(localdate() - DAY).isoformat())
    assert refusal(as_pat.get(ASSIGNMENTS)) == [INVALID_TOKEN]


def test_a_later_day_lets_them_in_again_and_not_their_former_sessions(as_ada: Client, as_pat: Api, pat: User) -> None:
    set_end(pat, database_now() - DAY)
    assert change(as_ada, pat, employed_until="2999-12-31").status_code == 302
    assert refusal(as_pat.get(ASSIGNMENTS)) == [INVALID_TOKEN]
    assert pat.sessions.get().end_reason == "employed again"
    assert Api(sign_in(pat.email)["access_token"]).get(ASSIGNMENTS).status_code == 200


# --- Who may ----------------------------------------------------------------------------------------------------
def test_nobody_sets_their_own_end(as_manager: Client, manager: User) -> None:
    assert change(as_manager, manager, employed_until="2999-12-31", first_name="Monika").status_code == 302
    assert stored(manager) is None
    assert User.objects.get(pk=manager.pk).first_name == "Monika"


def test_nobody_sets_the_end_of_who_may_do_more(as_manager: Client, ada: User, nothing_changes: Any) -> None:
    with nothing_changes():
        assert change(as_manager, ada, employed_until="2999-12-31").status_code == 403


def test_an_auditor_sees_it_and_sets_none(olive: User, pat: User, nothing_changes: Any) -> None:
    set_end(pat, end_of(date(2999, 12, 31)))
    auditor = signed_in(member(olive, "Auditor"))
    assert "until 31 Dec 2999" in text_of(auditor.get(f"{LIST}{pat.pk}/change/"))
    with nothing_changes():
        assert change(auditor, pat, employed_until="").status_code == 403


# --- The last administrator -------------------------------------------------------------------------------------
@pytest.fixture
def as_boss(ada: User, olive: User) -> Client:
    """Of an administrator whose own employment ends some day. The one without an end is Ada."""
    boss = member(olive, "Administrator")
    boss.is_superuser = True
    boss.save()
    set_end(boss, database_now() + 30 * DAY)
    return signed_in(User.objects.get(pk=boss.pk))


@each(
    "changes",
    [{"employed_until": "2999-12-31"}, {"employed_until": "2001-01-01"}, {"status": "blocked"}, {"is_superuser": None}],
)
def test_an_administrator_without_an_end_must_remain(
    as_boss: Client, ada: User, changes: dict[str, Any], nothing_changes: Any
) -> None:
    with nothing_changes():
        answer = change(as_boss, ada, groups=[group("Auditor").pk], **changes)
        assert errors(answer)["__all__"] == [LAST]
        assert told(as_boss.post(f"{LIST}{ada.pk}/switch/deactivate/")) == [f"User was not deactivated. {LAST}"]


def test_of_two_without_an_end_one_may_get_one(as_boss: Client, ada: User, make_user: Callable[..., User]) -> None:
    member(make_user("second.admin@example.test"), "Administrator")
    assert change(as_boss, ada, employed_until="2999-12-31").status_code == 302
    assert stored(ada) == end_of(date(2999, 12, 31))


@pytest.mark.django_db(transaction=True)
def test_two_who_give_each_other_an_end_at_once_do_not_both_get_one(ada: User, make_user: Callable[..., User]) -> None:
    other = make_user("second.admin@example.test", is_superuser=True)
    answers: list[Any] = []

    def second() -> None:
        try:
            answers.append(change(signed_in(other), ada, employed_until="2999-12-31"))
        finally:
            connections.close_all()

    thread = threading.Thread(target=second)
    with transaction.atomic():
        assert change(signed_in(ada), other, employed_until="2999-12-31").status_code == 302
        thread.start()
        wait_until_blocked(connection.connection)
    thread.join()
    assert errors(answers[0])["__all__"] == [LAST]
    assert [stored(one) for one in (ada, other)] == [None, end_of(date(2999, 12, 31))]


# --- Showing it -------------------------------------------------------------------------------------------------
def status_of(client: Client, person: User) -> str:
    page = client.get(f"{LIST}{person.pk}/view/")
    return str(page.context["state"])


def test_the_status_says_when_it_ends_and_that_it_has_ended(as_ada: Client, pat: User) -> None:
    assert "Active" in status_of(as_ada, pat)
    assert "Employment" not in text_of(as_ada.get(f"{LIST}{pat.pk}/view/"))
    for days, words in (
        (40, "Active"),
        (1, "Active, employment ends tomorrow"),
        (5, "Active, employment ends in 5 days"),
    ):
        set_end(pat, end_of(localdate() + days * DAY))
        assert words in status_of(as_ada, pat)
        assert words in text_of(as_ada.get(LIST))
    set_end(pat, end_of(date(2026, 3, 31)))
    for page in (as_ada.get(LIST), as_ada.get(f"{LIST}{pat.pk}/view/")):
        assert "Employment ended on 31 Mar 2026" in text_of(page)
    assert "until 31 Mar 2026 (over)" in text_of(as_ada.get(f"{LIST}{pat.pk}/view/"))


def test_no_password_is_set_for_who_has_left(as_ada: Client, pat: User, nothing_changes: Any) -> None:
    set_end(pat, database_now() - DAY)
    with nothing_changes():
        answer = as_ada.post(f"{LIST}{pat.pk}/temporary-password/")
    assert told(answer) == ["The employment of this user has ended. Enter a later end first."]


# --- Finding ----------------------------------------------------------------------------------------------------
def test_lists_find_whose_employment_ends_soon_or_has_ended(as_ada: Client, make_user: Callable[..., User]) -> None:
    today = localtime(database_now()).date()
    for name, days in (("long.ago", -300), ("yester.day", -1), ("to.day", 0), ("in.seven", 7), ("in.eight", 8)):
        set_end(make_user(f"{name}@example.test"), end_of(today + days * DAY))
    found = {
        one: [email.partition("@")[0] for email in rows(as_ada.get(f"{LIST}?employment={one}"))]
        for one in ("ending", "ended")
    }
    assert found == {"ending": ["in.seven", "to.day"], "ended": ["long.ago", "yester.day"]}
