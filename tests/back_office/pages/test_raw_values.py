"""No page shows a value as Python or PostgreSQL writes it: no ISO time, None, name of an enumeration, or id."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.support.api.client import sign_in
from tests.support.back_office.pages import PAGES
from tests.support.back_office.staff import make_role, member, signed_in
from tests.support.back_office.words import Words
from users import roles
from users.models import Session, User
from warehouses.models import Warehouse

pytestmark = pytest.mark.thorough

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
RAW = re.compile(
    rf"\d{{4}}-\d\d-\d\d|\d\d:\d\d:\d\d[.+]|[+-]00:00|\b(None|True|False|null|nan)\b|{_UUID}|"
    r"<\w+[ :]|\w+ object \(|datetime\.|\b[A-Z]\w+\.[A-Z_]{3,}\b|__proxy__"
)
#: Where a UUID is meant: to be copied, or to name what has no other name.
WITH_UUID = {"warehouse", "view warehouse", "security events", "security event", "session", "history"}


def stored_choices() -> set[str]:
    """The values of all choices that are shown by another text in both languages."""
    return {
        str(value)
        for model in apps.get_models()
        for field in model._meta.fields
        for value, label in field.flatchoices
        if str(value).isidentifier() and str(value) != str(label)
    }


@pytest.fixture
def paths(olive: User, pat: User, sam: User, north: Warehouse, pat_north: Any, sam_north: Any) -> dict[str, str]:
    """Each page, of rows in which each kind of value is there, and each that may be missing is missing somewhere."""
    pat_north.activate()
    sam_north.activate()
    sam_north.deactivate()
    User.objects.filter(pk=pat.pk).update(last_login=timezone.now(), language="de_DE")
    User.objects.filter(pk=sam.pk).update(status="blocked")
    for _ in range(3):
        sign_in(pat.email)
    expired, ended, live = Session.objects.order_by("created_at")
    Session.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(days=1))
    Session.objects.filter(pk=ended.pk).end_all("ended in the Back Office")
    found = {name: path(pat=pat, north=north, session=live) for name, path in PAGES.items()}
    more = {"ended session": ended, "expired session": expired}
    found |= {name: PAGES["session"](session=session) for name, session in more.items()}
    model = {"assignment": (pat_north, "change"), "changes of an assignment": (pat_north, "history")}
    model |= {"changes of a session": (ended, "history"), "never signed in": (sam, "change")}
    for name, (row, page) in model.items():
        found[name] = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{page}", args=[row.pk])
    return found


@pytest.mark.drill
@pytest.mark.parametrize("role", roles.ROLES)
def test_no_page_shows_a_raw_value(paths: dict[str, str], olive: User, role: str, whole: bool) -> None:
    """In both languages; in the short form as who may see everything, and as the others in German."""
    make_role(role)
    member(olive, role)
    found = []
    for language in ("de_DE", "en_US") if whole or role == roles.ADMINISTRATOR else ("de_DE",):
        User.objects.filter(pk=olive.pk).update(language=language)
        found += [f"{fault} ({language})" for fault in sorted(_raw_values(signed_in(olive), paths))]
    assert "\n".join(found) == ""


def _raw_values(client: Client, paths: dict[str, str]) -> Iterator[str]:
    """Each with the name of its page."""
    stored = stored_choices()
    for name, path in paths.items():
        answer = client.get(path)
        if answer.status_code == 403:
            continue
        assert answer.status_code == 200
        for text in Words(answer.content.decode()).texts:
            raw = RAW.search(text)
            is_meant = raw and re.fullmatch(_UUID, raw.group()) and name.removeprefix("ended ") in WITH_UUID
            if text in stored or (raw and not is_meant):
                yield f"{name}: {text}"
