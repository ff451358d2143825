"""Every figure of a page links to a list of exactly what it counts."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from tests.support.api.client import sign_in
from tests.support.waiting import past_midnight
from users.models import Session, User
from warehouses.models import Warehouse

USERS, WAREHOUSES = "/admin/users/user/", "/admin/warehouses/warehouse/"
BACKEND = "django.contrib.auth.backends.ModelBackend"
_FIGURE = re.compile(r'<a class="text-link" data-figure="(\d+)" href="([^"]+)"')


@pytest.fixture
def office(olive: User, client: Client) -> Client:
    cache.clear()
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    client.force_login(User.objects.get(pk=olive.pk), backend=BACKEND)
    return client


@pytest.fixture
def world(
    make_user: Any, assign: Any, pat: User, sam: User, north: Warehouse, river: Warehouse, mill: Warehouse
) -> None:
    """People of each kind: at work, idle, deactivated, deleted, without a warehouse; sessions open and ended."""
    names = ("ann.active", "bob.blocked", "dee.deleted", "olaf.office", "mia.mill")
    people = [make_user(f"{name}@example.test", is_warehouse_user=True) for name in names]
    for person in (pat, *people):
        assign(person, mill if person.email.startswith("mia") else north, is_active=True)
        assign(person, river)
    for person in [*people, people[0]]:
        sign_in(person.email)
    newest, *others = Session.objects.order_by("-created_at")
    Session.objects.filter(pk=newest.pk).update(ended_at=timezone.now())
    Session.objects.filter(pk=others[0].pk).update(created_at=timezone.now() - timedelta(days=2))
    User.objects.filter(pk=people[1].pk).update(status=User.Status.BLOCKED)
    User.objects.filter(pk=people[2].pk).update(status=User.Status.DELETED)
    User.objects.filter(pk=people[3].pk).update(is_warehouse_user=False)
    wrong = {"grant_type": "password", "username": pat.email, "password": "wrong-Horse-7!"}
    Client().post("/token", wrong, content_type="application/json")


def figures(page: str) -> list[tuple[int, str]]:
    return [(int(number), unescape(url)) for number, url in _FIGURE.findall(page)]


@pytest.mark.thorough
@pytest.mark.parametrize("language", ["en_US", "de_DE"])
def test_each_link_leads_to_as_many_rows_as_the_figure_says(
    office: Client, olive: User, world: None, pat: User, north: Warehouse, language: str
) -> None:
    past_midnight()
    User.objects.filter(pk=olive.pk).update(language=language)
    pages = {
        "/admin/": 5 + 1 + 2 * 14,
        WAREHOUSES: 2 * 3,
        f"{WAREHOUSES}{north.pk}/view/": 2,
        f"{USERS}{pat.pk}/view/": 1,
        f"{USERS}?status=all": 7,
    }
    followed: set[tuple[int, str]] = set()
    for path, number in pages.items():
        found = figures(office.get(path).content.decode())
        assert len(found) == number, path
        followed.update(found)
    assert len({number for number, _url in followed}) > 3
    assert 1 in {number for number, url in followed if "failed_login" in url}
    for number, url in sorted(followed):
        answer = office.get(url)
        assert answer.status_code == 200, url
        assert len(answer.context["cl"].result_list) == number, url


def test_the_button_of_open_sessions_leads_to_them(office: Client, pat: User) -> None:
    sign_in(pat.email)
    sign_in(pat.email)
    Session.objects.filter(pk=Session.objects.first().pk).update(ended_at=timezone.now())
    page = office.get(f"{USERS}{pat.pk}/view/").content.decode()
    (url,) = re.findall(r'href="(/admin/users/session/[^"]+)"[^>]*>\s*Sessions \(1 open\)', page)
    assert len(office.get(unescape(url)).context["cl"].result_list) == 1


def test_a_figure_is_no_link_for_whoever_may_not_view_what_it_counts(
    make_user: Any, pat_north: Any, client: Client
) -> None:
    clerk = make_user("cleo.clerk@example.test")
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["view_warehouse", "view_user"]))
    client.force_login(clerk, backend=BACKEND)
    for path in (WAREHOUSES, USERS, f"{WAREHOUSES}{pat_north.warehouse_id}/view/"):
        assert figures(client.get(path).content.decode()) == []
