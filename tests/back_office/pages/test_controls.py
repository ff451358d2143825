"""Every link and button of every page does something, for each role; `tests/browser/test_every_page.py` clicks them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from django.test import Client

from tests.support.api.client import sign_in
from tests.support.back_office.controls import Controls
from tests.support.back_office.pages import PAGES
from tests.support.back_office.roles import ROLE_OF
from tests.support.back_office.staff import make_role, member, signed_in
from users.models import Session, User

pytestmark = pytest.mark.thorough


@pytest.fixture
def paths(olive: User, pat: User, north: Any, pat_north: Any) -> dict[str, str]:
    """Each page with something to act upon: `pat` works in `north`, and has open sessions."""
    pat_north.activate()
    for _ in range(3):
        sign_in(pat.email)
    session = Session.objects.latest("created_at")
    return {name: path(pat=pat, north=north, session=session) for name, path in PAGES.items()}


def controls_of(client: Client, path: str) -> Controls | None:
    """None if this person may not see the page."""
    answer = client.get(path)
    if answer.status_code == 403:
        return None
    assert answer.status_code == 200, path
    return Controls(answer.content.decode(), path)


def targets(controls: Controls) -> set[str]:
    """Where the links of a page lead."""
    links = {urljoin(controls.path, one.href) for one in controls.found if one.tag == "a" and one.href}
    return {urlsplit(url)._replace(fragment="").geturl() for url in links if not url.startswith("mailto:")}


def of_each_kind(urls: set[str]) -> set[str]:
    """One of those that differ only in what they ask a list for, and are permitted or refused alike."""
    return set({(urlsplit(url).path, *sorted(parse_qs(urlsplit(url).query))): url for url in sorted(urls)}.values())


@pytest.mark.drill
@pytest.mark.parametrize("role", ROLE_OF)
def test_every_control_has_an_effect(paths: dict[str, str], olive: User, role: str, whole: bool) -> None:
    """In the short form, only an Administrator follows every link, and the others one of each kind."""
    if name := ROLE_OF[role]:
        make_role(name)
        member(olive, name)
    client = signed_in(olive)
    pages = [controls for path in paths.values() if (controls := controls_of(client, path))]
    others = set().union(*map(targets, pages)) - {page.path for page in pages}  # these have answered
    followed = others if whole or role == "A" else of_each_kind(others)
    answers = {url: client.get(url).status_code for url in followed}
    refused = {url for url, status in answers.items() if status not in (200, 302)}
    faults = {f"{page.path}: {fault}" for page in pages for fault in page.without_effect()}
    faults |= {f"{page.path}: {url} answers {answers[url]}" for page in pages for url in targets(page) & refused}
    assert "\n".join(sorted(faults)) == ""


def test_the_open_sessions_of_a_person_are_linked(paths: dict[str, str], as_ada: Client, pat: User) -> None:
    controls = controls_of(as_ada, paths["person"])
    assert controls is not None
    link = next(one for one in controls.found if one.name == "Sessions (3 open)")
    shown = as_ada.get(link.href)
    assert link.href == f"/admin/users/session/?user={pat.pk}&state=live"
    assert {session.user for session in shown.context["cl"].result_list} == {pat}
    assert len(shown.context["cl"].result_list) == 3
