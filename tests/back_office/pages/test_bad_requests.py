"""What makes no sense in an address or a form of the Back Office is refused with a page, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from assignments.models import WarehouseUserAssignment
from config.identifiers import parse_key
from tests.support.api.client import sign_in
from tests.support.back_office.staff import LIST, told
from tests.support.cases import each
from users.models import Session, User
from warehouses.models import Warehouse

pytestmark = pytest.mark.thorough

#: Past what Python reads as a number.
DIGITS = "9" * 5_000
ASSIGNMENTS = "/admin/assignments/warehouseuserassignment/"
SESSIONS = "/admin/users/session/"
EVENTS = "/admin/users/auditevent/"
WAREHOUSES = "/admin/warehouses/warehouse/"
UNREADABLE = "The selection could not be read. Nothing was changed; please select again."


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("0", 0),
        ("007", 7),
        (str(2**63 - 1), 2**63 - 1),
        *dict.fromkeys(
            [str(2**63), DIGITS, "-1", "+1", "1.0", "1e3", " 1", "1_0", "²", "\u0661", "1\0", "x", "", None]
        ).items(),
    ],
)
def test_a_key_is_ascii_digits_that_a_column_can_hold(text: str | None, key: int | None) -> None:
    assert parse_key(text) == key


def test_no_address_asks_for_a_row_by_its_type(as_ada: Client) -> None:
    """Some types have no table."""
    for kind in ContentType.objects.all():
        assert as_ada.get(f"/admin/r/{kind.pk}/1/").status_code == 404, kind


# --- Lists ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model._meta.label)
def test_a_list_is_narrowed_by_its_filters_and_by_nothing_else(as_ada: Client, model: Any) -> None:
    page = f"/admin/{model._meta.label_lower.replace('.', '/')}/"
    fields = [field.name for field in model._meta.get_fields() if not field.is_relation]
    for lookup in ("", "__regex", "__year", "__contains", "__any_of", "__startswith"):
        for name in (*fields, "pk"):
            if f"{name}{lookup}" not in DECLARED.get(page, ()):
                answer = as_ada.get(page, {f"{name}{lookup}": "0"})
                assert (answer.status_code, answer["Location"]) == (302, f"{page}?e=1"), f"{name}{lookup}"


#: Of filters that are named as columns are.
DECLARED = {
    LIST: ("status",),
    EVENTS: ("event", "level"),
    WAREHOUSES: ("is_active",),
    ASSIGNMENTS: ("is_active__exact", "is_active__isnull"),
}


@pytest.mark.parametrize(
    ("page", "question"),
    [
        (LIST, {"groups__permissions__codename__startswith": "x"}),
        (SESSIONS, {"user__password__startswith": "argon2"}),
        (ASSIGNMENTS, {"user__password__regex": "["}),
    ],
)
def test_a_list_discloses_nothing_about_related_rows(as_ada: Client, page: str, question: Any) -> None:
    assert as_ada.get(page, question).status_code == 400


@each("value", [DIGITS, "a\0b"])
@each(
    "page",
    [
        f"{LIST}?status= kind= assigned= working= missing= q= o= p= all= e= _popup= _to_field= _facets=",
        f"{LIST}export/?status= kind= assigned= working= missing= q= format=",
        f"{SESSIONS}?state= user= q= o= p=",
        f"{EVENTS}?event= level= since= until= q= o= p=",
        f"{WAREHOUSES}?is_active= q= o= p=",
        f"{ASSIGNMENTS}?is_active__exact= warehouse__id__exact= warehouse__isnull= q= p=",
    ],
)
def test_every_question_that_a_list_offers_takes_anything(as_ada: Client, page: str, value: str) -> None:
    path, _, names = page.partition("?")
    for name in names.split():
        answer = as_ada.get(path, {name.rstrip("="): value.encode(errors="surrogatepass")})
        assert answer.status_code in (200, 302, 400), name
        assert answer.get("Location", "").startswith((path.removesuffix("export/"), "")), name


@pytest.mark.parametrize("value", ["", "uuid", "password", DIGITS])
def test_a_page_of_one_row_is_not_asked_by_another_column(as_ada: Client, pat_north: Any, value: str) -> None:
    for path in (f"{LIST}{pat_north.user.pk}/change/", f"{WAREHOUSES}{pat_north.warehouse.pk}/change/"):
        assert as_ada.get(path, {"_to_field": value}).status_code == (400 if value else 200)


# --- Selections -------------------------------------------------------------------------------------------------
@each("key", [DIGITS, "x", "a\0b", "", "1.5", "\u0663x"])
@each(("page", "action"), [(LIST, "deactivate"), (SESSIONS, "end_selected"), (ASSIGNMENTS, "delete_selected")])
def test_what_is_no_key_selects_nothing(
    as_ada: Client, pat_north: Any, nothing_changes: Callable[[], Any], page: str, action: str, key: str
) -> None:
    sign_in(pat_north.user.email)
    with nothing_changes():
        answer = as_ada.post(page, {"action": action, "_selected_action": key, "index": 0})
    assert (answer.status_code, answer["Location"], told(answer)) == (302, page, [UNREADABLE])


@pytest.mark.parametrize("action", [DIGITS, "a\0b", "no_such"])
def test_an_action_that_there_is_not_does_nothing(
    as_ada: Client, pat: User, nothing_changes: Callable[[], Any], action: str
) -> None:
    with nothing_changes():
        answer = as_ada.post(LIST, {"action": action, "_selected_action": pat.pk, "index": DIGITS})
    assert (answer.status_code, told(answer)) == (302, ["No action selected."])


@each("name", ["assign", "deassign", "current", "seen", "ticked"])
@each("value", [DIGITS, f"1,{DIGITS}", "a\0b", str(2**63)])
def test_an_assign_page_refuses_what_is_no_selection(
    as_ada: Client, pat_north: Any, nothing_changes: Callable[[], Any], name: str, value: str
) -> None:
    page = f"{ASSIGNMENTS}user/{pat_north.user.uuid}/"
    with nothing_changes():
        answer = as_ada.post(page, {name: value})
    assert (answer.status_code, answer["Location"], told(answer)) == (302, page, [UNREADABLE])


@pytest.mark.parametrize("value", [DIGITS, "a\0b"])
def test_the_rows_of_an_assign_page_take_anything(as_ada: Client, pat_north: Any, value: str) -> None:
    for part in ("", "rows/", "changes/"):
        for name in ("page", "side", "search", "sort", "seen", "all"):
            answer = as_ada.get(f"{ASSIGNMENTS}user/{pat_north.user.uuid}/{part}", {name: value})
            assert answer.status_code == 200, (part, name)


def test_a_bulk_change_leaves_out_what_is_no_key(as_ada: Client, pat: User, nothing_changes: Callable[[], Any]) -> None:
    with nothing_changes():
        answer = as_ada.post(f"{LIST}bulk/deactivate/", {"people": f"{DIGITS},x,\0,\u0661", "back": ""})
    assert (answer.status_code, told(answer)) == (302, ["0 users were deactivated."])


# --- History ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("person", str(2**63), "No person has the name, e-mail or ID “9223372036854775808”."),
        ("actor", str(2**63), "No person has the name, e-mail or ID “9223372036854775808”."),
        ("warehouse", str(2**63), "No warehouse has the name or ID “9223372036854775808”."),
        *((name, DIGITS, "at most 255 characters (it has 5000)") for name in ("person", "actor", "warehouse")),
    ],
)
def test_history_says_of_a_number_that_is_nobodys_that_there_is_none(
    as_ada: Client, name: str, value: str, message: str
) -> None:
    answer = as_ada.get("/admin/history/", {name: value})
    assert (answer.status_code, answer.context["changes"]) == (200, [])
    assert message in str(answer.context["form"].errors[name])


@each("name", ["person", "actor", "warehouse", "kind", "since", "until", "after"])
def test_history_takes_anything(as_ada: Client, north: Warehouse, name: str) -> None:
    for page in ("/admin/history/", f"{WAREHOUSES}{north.pk}/history/"):
        for value in ("a\0b", "0001-01-01T00:00:00+14:00~1~x", f"2026-01-01T00:00:00+00:00~{DIGITS}~x"):
            assert as_ada.get(page, {name: value.encode(errors="surrogatepass")}).status_code == 200


# --- Values that only PostgreSQL refuses ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "question"),
    [
        (EVENTS, {"event": "a\0b"}),
    ],
)
def test_what_postgresql_cannot_read_is_a_bad_request_in_the_persons_language(
    as_ada: Client, ada: User, path: str, question: Any
) -> None:
    User.objects.filter(pk=ada.pk).update(language="de_DE")
    answer = as_ada.get(path, question)
    assert (answer.status_code, answer["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert "Das kann nicht gelesen werden" in answer.content.decode()
    assert 'href="/admin/"' in answer.content.decode()


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded; charset=utf-16", "multipart/form-data; boundary=\xff"]
)
def test_a_body_that_cannot_be_read_is_a_bad_request(ada: User, nothing_changes: Callable[[], Any], kind: str) -> None:
    browser = Client(enforce_csrf_checks=True, raise_request_exception=False)
    browser.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    browser.get("/admin/")
    with nothing_changes():
        answer = browser.generic("POST", LIST, b"a=1", content_type=kind)
    assert (answer.status_code, "This cannot be read" in answer.content.decode()) == (400, True)


@pytest.mark.parametrize("key", [DIGITS, "a%00b", "%ED%A0%80", "_00"])
def test_an_address_of_no_row_is_answered_as_one_of_a_missing_row(
    as_ada: Client, pat_north: WarehouseUserAssignment, nothing_changes: Callable[[], Any], key: str
) -> None:
    sign_in(pat_north.user.email)
    assert Session.objects.exists()
    assert Group.objects.exists()
    with nothing_changes():
        for model in admin.site._registry:
            for page in ("", "change/", "delete/", "history/"):
                path = f"/admin/{model._meta.label_lower.replace('.', '/')}/{key}/{page}"
                for answer in (as_ada.get(path), as_ada.post(path, {"post": "yes"})):
                    assert answer.status_code in (302, 403, 404), path
