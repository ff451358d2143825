"""What Back Office staff do to people with one click or many: who is left out, what ends, and what is counted."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS, INVALID_TOKEN, Api, refusal
from tests.support.back_office.staff import LIST, bulk, change, member, switch, told
from users.account_actions import DEACTIVATE, DELETE, MAKE_WAREHOUSE_USER, LastAdministratorError
from users.models import User
from warehouses.models import Warehouse


# --- Activate, deactivate, delete -------------------------------------------------------------------------------
def test_a_user_is_deactivated_and_activated_with_one_click(as_manager: Client, as_pat: Api, pat: User) -> None:
    answer = as_manager.post(f"{LIST}{pat.pk}/switch/deactivate/?q=pat")
    assert (answer["Location"], told(answer)) == (f"{LIST}?q=pat", ["User was deactivated successfully."])
    assert refusal(as_pat.get(ASSIGNMENTS)) == [INVALID_TOKEN]
    assert told(switch(as_manager, pat, "activate")) == ["User was activated successfully."]
    pat.refresh_from_db()
    assert pat.is_active


def test_a_switch_needs_a_post_with_a_csrf_token(ada: User, pat: User, nothing_changes: Any) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    path = f"{LIST}{pat.pk}/switch/deactivate/"
    with nothing_changes():
        assert strict.post(path).status_code == 403
        assert strict.get(path).status_code == 405


def test_nobody_deactivates_or_deletes_themselves(as_ada: Client, ada: User, nothing_changes: Any) -> None:
    why = "You cannot do this to yourself. Ask a colleague."
    with nothing_changes():
        assert told(switch(as_ada, ada, "deactivate")) == [f"User was not deactivated. {why}"]
        assert why in as_ada.get(f"{LIST}{ada.pk}/delete/").content.decode()
        assert told(as_ada.post(f"{LIST}{ada.pk}/delete/")) == [f"User was not deleted. {why}"]


def test_deleting_says_what_ends_and_keeps_the_rest(
    as_manager: Client, as_pat: Api, pat: User, pat_north: WarehouseUserAssignment
) -> None:
    pat_north.activate()
    as_pat.post("/warehouse-tokens")
    page = unescape(as_manager.get(f"{LIST}{pat.pk}/delete/").content.decode())
    for words in ("Delete User", "You are trying to delete user:", "1 open session<", "1 warehouse token<"):
        assert words in page, words
    assert "Kept for the history: the user and 1 assignment." in page
    answer = as_manager.post(f"{LIST}{pat.pk}/delete/", {"change_reason": "left"})
    assert (answer["Location"], told(answer)) == (LIST, ["User was deleted successfully."])
    pat.refresh_from_db()
    assert pat.is_deleted
    assert refusal(as_pat.get(ASSIGNMENTS)) == [INVALID_TOKEN]
    assert pat.sessions.get().end_reason == "deleted in the Back Office"
    assert pat.assignments.count() == 1
    assert pat.events.latest("pgh_id").pgh_context["reason"] == "left"  # type: ignore[attr-defined]


def test_a_deleted_person_is_brought_back_on_their_page_only(as_ada: Client, pat: User) -> None:
    User.objects.filter(pk=pat.pk).update(status="deleted")
    assert "deleted" in told(switch(as_ada, pat, "activate"))[0]
    pat.refresh_from_db()
    assert pat.is_deleted
    assert change(as_ada, pat, status="active").status_code == 302
    pat.refresh_from_db()
    assert pat.is_active


@pytest.mark.parametrize("change_", [DEACTIVATE, DELETE, MAKE_WAREHOUSE_USER])
def test_the_last_administrator_is_safe_in_the_write_method_itself(
    ada: User, make_user: Callable[..., User], change_: Any, nothing_changes: Any
) -> None:
    outsider = make_user("root.outside@example.test", is_superuser=True, status="blocked")
    with nothing_changes(), pytest.raises(LastAdministratorError):
        change_.apply([ada.pk], outsider)


@pytest.mark.django_db(transaction=True)
def test_two_administrators_who_remove_each_other_at_once_leave_one(make_user: Callable[..., User]) -> None:
    first, second = (make_user(f"{name}.admin@example.test", is_superuser=True) for name in ("ann", "bob"))
    barrier = Barrier(2)
    refused: list[Exception] = []

    def remove(target: User, by: User) -> None:
        barrier.wait()
        try:
            DEACTIVATE.apply([target.pk], by)
        except LastAdministratorError as problem:
            refused.append(problem)
        finally:
            connection.close()

    threads = [Thread(target=remove, args=pair) for pair in ((first, second), (second, first))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert User.objects.administrators().count() == 1


# --- Many at once -----------------------------------------------------------------------------------------------
def test_a_bulk_change_asks_first_and_says_who_is_left_out(
    as_ada: Client, ada: User, pat: User, sam: User, as_pat: Api, olive: User, nothing_changes: Any
) -> None:
    User.objects.filter(pk=sam.pk).update(status="deleted")
    User.objects.filter(pk=olive.pk).update(status="blocked")
    chosen = {"action": "deactivate", "_selected_action": [ada.pk, pat.pk, sam.pk, olive.pk], "index": 0}
    with nothing_changes():
        page = unescape(as_ada.post(f"{LIST}?status=all", chosen).content.decode())
    for words in (
        "Deactivate: 1 user",
        "Pat Picker (pat.picker@example.test)",
        "1 open session will end.",
        "You cannot do this to yourself.",
        "This user is deleted.",
        "Nothing to do",
    ):
        assert words in page, words


def test_a_bulk_change_is_done_in_one_go_and_counted(
    as_ada: Client, ada: User, pat: User, sam: User, as_pat: Api
) -> None:
    answer = bulk(as_ada, "deactivate", ada, pat, sam, change_reason="season over")
    assert told(answer)[:2] == [
        "2 users were deactivated. 1 session was ended.",
        "1 left as is: You cannot do this to yourself. Ask a colleague.",
    ]
    assert set(User.objects.filter(status="blocked")) == {pat, sam}
    assert refusal(as_pat.get(ASSIGNMENTS)) == [INVALID_TOKEN]
    assert pat.events.latest("pgh_id").pgh_context["reason"] == "season over"  # type: ignore[attr-defined]


def test_the_flag_is_switched_for_many(as_ada: Client, olive: User, pat: User) -> None:
    assert told(bulk(as_ada, "make-warehouse-user", olive))[0] == "1 user is a warehouse user now."
    told_then = told(bulk(as_ada, "unmake-warehouse-user", olive, pat))
    assert told_then[0] == "2 users are no longer warehouse users."
    assert not User.objects.filter(is_warehouse_user=True).exists()


def test_warehouses_are_assigned_to_many(
    as_manager: Client, pat: User, sam: User, olive: User, north: Warehouse, river: Warehouse, pat_north: Any
) -> None:
    member(olive, "Auditor")
    answer = bulk(as_manager, "assign-warehouses", pat, sam, olive, warehouses=[north.pk, river.pk])
    assert told(answer)[0] == "2 users now have these warehouses. 3 new assignments."
    assert "Only warehouse users can be assigned to warehouses." in told(answer)[1]
    assert WarehouseUserAssignment.objects.count() == 4
    assert not WarehouseUserAssignment.objects.filter(is_active=True).exists()


def test_assigning_without_a_warehouse_asks_again(as_manager: Client, pat: User, nothing_changes: Any) -> None:
    with nothing_changes():
        answer = bulk(as_manager, "assign-warehouses", pat)
    assert "This field is required." in answer.content.decode()
    assert answer.context["people"] == str(pat.pk)


def test_sessions_of_many_are_ended(as_manager: Client, as_pat: Api, pat: User, sam: User) -> None:
    assert told(bulk(as_manager, "end-sessions", pat, sam))[0] == "2 users were signed out. 1 session was ended."
    assert refusal(as_pat.get(ASSIGNMENTS)) == [INVALID_TOKEN]


def test_all_that_match_a_search_can_be_chosen(
    as_ada: Client, make_user: Callable[..., User], pat: User, django_assert_num_queries: Any
) -> None:
    people = [make_user(f"many.n{n}@example.test", is_warehouse_user=True) for n in range(60)]
    chosen = {"action": "deactivate", "select_across": "1", "_selected_action": [people[0].pk], "index": 0}
    asked = as_ada.post(f"{LIST}?q=many", chosen)
    assert asked.context["title"] == "Deactivate: 60 users"
    assert "and 40 more" in asked.content.decode()
    answer = as_ada.post(f"{LIST}bulk/deactivate/", {"people": asked.context["people"], "back": "q=many"})
    assert (answer["Location"], told(answer)[0]) == (f"{LIST}?q=many", "60 users were deactivated.")
    assert User.objects.filter(status="blocked").count() == 60


def test_more_than_can_be_looked_at_are_refused(
    as_ada: Client, pat: User, sam: User, monkeypatch: Any, nothing_changes: Any
) -> None:
    monkeypatch.setattr("users.admin.user.bulk_actions.MAX_PEOPLE", 1)
    chosen = {"action": "deactivate", "select_across": "1", "_selected_action": [pat.pk], "index": 0}
    with nothing_changes():
        answer = as_ada.post(LIST, chosen)
    assert told(answer) == ["Choose at most 1 users: search or filter first."]


def test_an_e_mail_or_name_is_text_everywhere(as_ada: Client, pat: User) -> None:
    User.objects.filter(pk=pat.pk).update(first_name="<img src=x onerror=alert(1)>")
    for path in ("", f"{pat.pk}/change/", f"{pat.pk}/delete/"):
        assert "<img src=x" not in as_ada.get(f"{LIST}{path}").content.decode()
    asked = as_ada.post(LIST, {"action": "deactivate", "_selected_action": [pat.pk], "index": 0})
    assert "<img src=x" not in asked.content.decode()
