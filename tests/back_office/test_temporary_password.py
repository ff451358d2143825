"""Staff set a temporary password: shown once, as a slip; for 72 hours; to be changed before anything else."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from tests.support.api.client import ASSIGNMENTS, PASSWORD, Api
from tests.support.back_office.staff import LIST, NEW_PASSWORD, change, member, signed_in, told
from tests.support.cases import each
from tests.support.sign_in.login import LOGIN
from tests.support.waiting import MOST_SECONDS
from users.account_actions import DEACTIVATE
from users.models import User
from users.models.audit_event import AuditEvent
from users.saving import save_many

CHANGED = "Somebody has changed this user meanwhile, so no password was set. Please look again."


def path_of(person: User) -> str:
    return f"{LIST}{person.pk}/temporary-password/"


def seen(client: Client, person: User) -> dict[str, str]:
    return {"seen": client.get(path_of(person)).context["seen"]}


def password_in(answer: Any) -> str:
    assert answer.status_code == 200
    (found,) = re.findall(r'<dd class="slip-password">([a-z2-9]{4}(?:-[a-z2-9]{4}){3})</dd>', answer.content.decode())
    return str(found)


def set_for(client: Client, person: User) -> str:
    return password_in(client.post(path_of(person), seen(client, person)))


def expire(person: User) -> None:
    User.objects.filter(pk=person.pk).update(must_change_password_by=Now() - timedelta(seconds=1))


# --- The slip ---------------------------------------------------------------------------------------------------
def test_it_is_shown_as_a_slip_that_no_cache_keeps(as_manager: Client, pat: User, settings: Any) -> None:
    settings.APP_URL = "https://app.example.test/"
    assert f'href="{path_of(pat)}"' in as_manager.get(f"{LIST}{pat.pk}/view/").content.decode()
    answer = as_manager.post(path_of(pat), seen(as_manager, pat))
    assert "no-store" in answer["Cache-Control"]
    for words in ("Pat Picker", pat.email, "https://bapi.example.test/account/", "https://app.example.test/"):
        assert words in answer.content.decode()
    assert answer.content.decode().count("<svg") >= 2


def test_it_replaces_the_password_for_72_hours_and_ends_all_sessions(
    as_manager: Client, pat: User, as_pat: Api
) -> None:
    password = set_for(as_manager, pat)
    pat.refresh_from_db()
    assert pat.check_password(password)
    assert not pat.check_password(PASSWORD)
    assert as_pat.get(ASSIGNMENTS).status_code == 401
    assert pat.must_change_password_by
    assert pat.password_changed_at
    assert timedelta(hours=72) <= pat.must_change_password_by - pat.password_changed_at < timedelta(hours=73)


def test_it_is_kept_nowhere(as_manager: Client, pat: User, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="security"):
        password = set_for(as_manager, pat)
    history, page = (as_manager.get(f"{LIST}{pat.pk}/{name}/").content.decode() for name in ("history", "view"))
    session, events = dict(as_manager.session), list(AuditEvent.objects.values())
    for place in (session, events, caplog.text, history, page, list(pat.events.values())):  # type: ignore[attr-defined]
        assert password not in str(place)
    assert "Temporary password, must be changed by" in history
    (event,) = AuditEvent.objects.filter(tag="temporary_password_set")
    assert (event.username, event.details) == (pat.email, {"by": "mona.manager@example.test"})


def test_the_persons_page_says_until_when(as_manager: Client, pat: User) -> None:
    set_for(as_manager, pat)
    assert "Must change the temporary password by" in as_manager.get(f"{LIST}{pat.pk}/view/").content.decode()
    expire(pat)
    assert "The temporary password expired on" in as_manager.get(f"{LIST}{pat.pk}/view/").content.decode()


def test_the_slip_is_in_the_language_of_who_gets_it(as_manager: Client, pat: User) -> None:
    User.objects.filter(pk=pat.pk).update(language="de_DE")
    page = as_manager.post(path_of(pat), seen(as_manager, pat)).content.decode()
    assert "Anmeldename" in page
    assert "Print it or write it down now" in page


# --- Who may ----------------------------------------------------------------------------------------------------
@each(
    ("changes", "words"),
    [
        ({"status": "blocked"}, "This user is deactivated. Activate them first."),
        ({"status": "deleted"}, "This user is deleted. Restore them first."),
    ],
)
def test_who_may_not_sign_in_gets_none(
    as_manager: Client, pat: User, nothing_changes: Any, changes: dict[str, Any], words: str
) -> None:
    User.objects.filter(pk=pat.pk).update(**changes)
    with nothing_changes():
        answer = as_manager.post(path_of(pat), {"seen": ""})
    assert (answer["Location"], told(answer)) == (f"{LIST}{pat.pk}/view/", [words])


def test_nobody_sets_their_own(as_manager: Client, manager: User, nothing_changes: Any) -> None:
    with nothing_changes():
        answer = as_manager.post(path_of(manager), {"seen": ""})
    assert told(answer) == ["You cannot do this to yourself. Ask a colleague."]


def test_a_manager_sets_none_for_who_may_do_more(
    as_manager: Client, make_user: Callable[..., User], nothing_changes: Any
) -> None:
    chief = member(make_user("chris.chief@example.test"), "Administrator")
    with nothing_changes():
        assert as_manager.get(path_of(chief)).status_code == 403
        assert as_manager.post(path_of(chief), {"seen": ""}).status_code == 403
        assert as_manager.post(f"{LIST}999999/temporary-password/").status_code == 404


# --- At the same moment -----------------------------------------------------------------------------------------
@each("between", ["password", "block"])
def test_a_page_that_is_outdated_sets_nothing(as_manager: Client, ada: User, pat: User, between: str) -> None:
    shown = seen(as_manager, pat)
    if between == "password":
        set_for(signed_in(ada), pat)
        words = CHANGED
    else:
        DEACTIVATE.apply([pat.pk], ada)
        words = "This user is deactivated. Activate them first."
    before = User.objects.values().get(pk=pat.pk)
    answer = as_manager.post(path_of(pat), shown)
    assert told(answer) == [words]
    assert User.objects.values().get(pk=pat.pk) == before


@pytest.mark.django_db(transaction=True)
def test_of_two_who_set_one_at_once_one_gets_a_slip(
    as_manager: Client, as_ada: Client, pat: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have read the person before one of them writes."""
    both = Barrier(2, timeout=MOST_SECONDS)
    write = User.set_temporary_password

    def together(person: User, digest: str) -> None:
        both.wait()
        write(person, digest)

    monkeypatch.setattr(User, "set_temporary_password", together)
    shown = {client: seen(client, pat) for client in (as_manager, as_ada)}

    def post(client: Client) -> Any:
        answer = client.post(path_of(pat), shown[client])
        connection.close()
        return answer

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(post, shown))
    (slip,) = [answer for answer in answers if answer.status_code == 200]
    (refused,) = [answer for answer in answers if answer.status_code == 302]
    assert told(refused) == [CHANGED]
    assert User.objects.get(pk=pat.pk).check_password(password_in(slip))


@pytest.mark.django_db(transaction=True)
def test_a_block_in_between_wins(as_manager: Client, ada: User, pat: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the page has found the person active, and before it writes."""
    write = User.set_temporary_password

    def after_block(person: User, digest: str) -> None:
        with ThreadPoolExecutor(1) as other:
            other.submit(_block, pat, ada).result()
        write(person, digest)

    monkeypatch.setattr(User, "set_temporary_password", after_block)
    answer = as_manager.post(path_of(pat), seen(as_manager, pat))
    assert told(answer) == [CHANGED]
    pat.refresh_from_db()
    assert (pat.status, pat.must_change_password_by) == ("blocked", None)
    assert pat.check_password(PASSWORD)


def _block(person: User, by: User) -> None:
    DEACTIVATE.apply([person.pk], by)
    connection.close()


# --- Its end ----------------------------------------------------------------------------------------------------
def _by_form(manager: Client, person: User) -> None:
    change(manager, person, password1=NEW_PASSWORD, password2=NEW_PASSWORD)


def _by_import(manager: Client, person: User) -> None:
    known: Any = User.objects.get(pk=person.pk)
    known.group_names, known.new_digest = (), "!digest"
    save_many([], [known], {})


def _by_themselves(manager: Client, person: User) -> None:
    known = User.objects.get(pk=person.pk)
    known.set_password(NEW_PASSWORD)
    known.save(update_fields=["password"])


@each("way", [_by_form, _by_import, _by_themselves])
def test_any_other_password_ends_it(as_manager: Client, pat: User, way: Callable[[Client, User], None]) -> None:
    set_for(as_manager, pat)
    pat.refresh_from_db()
    way(as_manager, pat)
    pat.refresh_from_db()
    assert pat.must_change_password_by is None


def test_another_change_of_the_person_does_not_end_it(as_manager: Client, pat: User) -> None:
    set_for(as_manager, pat)
    pat.refresh_from_db()
    change(as_manager, pat, first_name="Patricia")
    pat.refresh_from_db()
    assert (pat.first_name, pat.must_change_password) == ("Patricia", True)


def test_after_its_time_it_is_refused_like_a_wrong_one_and_the_log_says_why(as_ada: Client, olive: User) -> None:
    password = set_for(as_ada, olive)
    expire(olive)

    def page(text: str) -> str:
        answer = Client().post(LOGIN, {"username": olive.email, "password": text})
        assert answer.status_code == 200
        return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())

    assert page(password) == page("wrong-Horse-7!")
    (event,) = AuditEvent.objects.filter(tag="temporary_password_expired")
    assert (event.level, event.username) == ("warning", olive.email)
