"""Signing in by company account, in a browser, with a certified provider and with one that forges its tokens."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PATIENCE
from tests.support.api.client import PASSWORD
from tests.support.back_office.staff import member
from tests.support.company_account.certified import certified
from tests.support.company_account.forger import CLIENT_ID, CLIENT_SECRET, Forger, serving
from tests.support.company_account.site import refusals
from tests.support.servers.live import free_port, live_server, production_environment
from users.models import AuditEvent, CompanyAccount, User
from warehouses.models import Warehouse

pytestmark = [pytest.mark.thorough, pytest.mark.live, pytest.mark.usefixtures("transactional_db")]

CALLBACK = "/admin/company-account/{}/callback/"
OLIVE = {"email": "olive.office@example.test", "email_verified": True, "given_name": "Olive", "family_name": "Office"}
ACCOUNTS: dict[str, dict[str, Any]] = {
    "olive": OLIVE | {"groups": ["wh-auditors"]},
    "mallory": OLIVE | {"email_verified": False, "groups": ["wh-auditors"]},
    "nina": {"email": "nina.new@example.test", "email_verified": True, "given_name": "Nina", "family_name": "New"}
    | {"groups": ["wh-auditors", "wh-cleaners"]},
    "mia": {"email": "mia.new@example.test", "email_verified": True, "given_name": "Mia", "family_name": "North"}
    | {"groups": ["wh-north"]},
    "eve": {"email": "eve.else@example.test", "email_verified": True, "groups": ["Administrator"]},
}


@dataclass
class Site:
    """The site with its two providers, and one that is down."""

    url: str
    certified: subprocess.Popen[str]
    forger: Forger
    log: Path


@pytest.fixture(scope="module")
def site(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("company-account")
    (folder / "secret").write_text(CLIENT_SECRET)
    port, provider = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    client = {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "redirect_uris": [url + CALLBACK.format("contoso")],
        "post_logout_redirect_uris": [f"{url}/admin/login/"],
        "backchannel_logout_uri": f"{url}/oidc/backchannel-logout",
        "backchannel_logout_session_required": True,
    }
    with serving() as forger, certified(provider, client, ACCOUNTS) as process:
        environment = {
            "PORT": str(port),
            "ISSUER": url,
            "OIDC_PROVIDERS": "contoso,forger,gone",
            "OIDC_ALLOW_LOOPBACK": "true",
            "BREAK_GLASS_EMAIL": "nobody.here@example.test",
            "OIDC_CONTOSO_ISSUER": f"http://127.0.0.1:{provider}",
            "OIDC_CONTOSO_CLIENT_ID": CLIENT_ID,
            "OIDC_CONTOSO_CLIENT_SECRET_FILE": str(folder / "secret"),
            "OIDC_CONTOSO_LINKS_BY_EMAIL": "true",
            "OIDC_CONTOSO_CREATES_USERS": "true",
            "OIDC_CONTOSO_ROLES": json.dumps({"wh-auditors": "Auditor", "wh-north": "Site manager"}),
            "OIDC_CONTOSO_WAREHOUSES": json.dumps({"wh-auditors": "*", "wh-north": "North Dock"}),
            "OIDC_FORGER_ISSUER": forger.issuer,
            "OIDC_FORGER_CLIENT_ID": CLIENT_ID,
            "OIDC_FORGER_CLIENT_SECRET": CLIENT_SECRET,
            "OIDC_FORGER_LINKS_BY_EMAIL": "true",
            "OIDC_GONE_ISSUER": f"http://127.0.0.1:{free_port()}",
            "OIDC_GONE_CLIENT_ID": CLIENT_ID,
            "OIDC_GONE_CLIENT_SECRET": CLIENT_SECRET,
            "OIDC_GONE_LINKS_BY_EMAIL": "true",
        }
        with live_server(production_environment() | environment, folder / "serve.log") as served:
            yield Site(served, process, forger, folder / "serve.log")


@pytest.fixture
def open_site(site: Site, browser: Browser) -> Iterator[Callable[[], Page]]:
    """Opens a page in a browser of its own."""
    contexts = []

    def open_site() -> Page:
        context = browser.new_context(base_url=site.url, locale="en-US")
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        return context.new_page()

    yield open_site
    for context in contexts:
        context.close()


@pytest.fixture
def office(make_user: Callable[..., User]) -> User:
    """The Back Office user who has an account at both providers."""
    return member(make_user(OLIVE["email"]), "Auditor")


def sign_in(page: Page, account: str, path: str = "/admin/") -> None:
    """Over the login page and the pages of the certified provider."""
    page.goto(path)
    page.get_by_role("link", name="Sign in with Contoso").click()
    page.locator("[name=login]").fill(account)
    page.locator("[name=password]").fill("whatever")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


def test_the_first_sign_in_links_and_leads_to_the_page(site: Site, open_site: Callable[[], Page], office: User) -> None:
    page = open_site()
    sign_in(page, "olive", "/admin/users/user/")
    expect(page).to_have_url(f"{site.url}/admin/users/user/")
    account = CompanyAccount.objects.get()
    assert (account.user, account.subject) == (office, "olive")
    page.goto(f"/admin/users/user/{office.pk}/view/")
    expect(page.get_by_text("Contoso, linked")).to_be_visible()
    expect(page.get_by_text("Auditor (from Contoso)")).to_be_visible()


def test_groups_become_mapped_roles_of_somebody_new(site: Site, open_site: Callable[[], Page]) -> None:
    page = open_site()
    sign_in(page, "nina")
    expect(page).to_have_url(f"{site.url}/admin/")
    nina = User.objects.get(email="nina.new@example.test")
    assert (nina.get_full_name(), nina.roles) == ("Nina New", ["Auditor"])


def test_groups_confine_somebody_new_to_their_warehouses(site: Site, open_site: Callable[[], Page]) -> None:
    for name in ("North Dock", "River Annex"):
        Warehouse.objects.create(name=name)
    page = open_site()
    sign_in(page, "mia", "/admin/warehouses/warehouse/")
    expect(page.locator("#result_list").get_by_text("North Dock")).to_be_visible()
    expect(page.get_by_text("River Annex")).to_have_count(0)
    page.goto(f"/admin/users/user/{User.objects.get().pk}/view/")
    expect(page.get_by_text("Site manager (from Contoso)")).to_be_visible()
    expect(page.get_by_text("North Dock (from Contoso)")).to_be_visible()


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        ("mallory", "nobody is linked with this account, and its e-mail is not verified"),
        ("eve", "nobody is linked with this account, and no group of it gives a role"),
    ],
)
def test_an_unverified_e_mail_and_a_crafted_group_open_nothing(
    account: str, reason: str, open_site: Callable[[], Page], office: User
) -> None:
    page = open_site()
    sign_in(page, account)
    expect(page.get_by_role("heading", name="You cannot sign in with this account")).to_be_visible()
    code = page.locator("#failure-code").inner_text()
    event = AuditEvent.objects.get(tag="company_sign_in_failed")
    assert (event.request_id, event.details) == (code, {"provider": "Contoso", "reason": reason})
    assert (User.objects.get(), CompanyAccount.objects.count()) == (office, 0)
    page.goto("/admin/")
    expect(page.get_by_role("link", name="Sign in with Contoso")).to_be_visible()


def test_who_signs_out_at_the_provider_is_signed_out_here(
    site: Site, open_site: Callable[[], Page], office: User
) -> None:
    page, elsewhere = open_site(), open_site()
    sign_in(page, "olive")
    sign_in(elsewhere, "olive")
    expect(page).to_have_url(f"{site.url}/admin/")
    expect(elsewhere).to_have_url(f"{site.url}/admin/")
    other_tab = page.context.new_page()
    other_tab.goto(f"{CompanyAccount.objects.get().issuer}/session/end")
    other_tab.get_by_role("button", name="Yes, sign me out").click()
    expect(other_tab.get_by_text("Sign-out Success")).to_be_visible()
    page.reload()
    expect(page.get_by_role("link", name="Sign in with Contoso")).to_be_visible()
    elsewhere.reload()
    expect(elsewhere).to_have_url(f"{site.url}/admin/")
    assert AuditEvent.objects.get(tag="company_logout").details == {"provider": "Contoso", "sessions": 1}


def test_who_signs_out_here_may_sign_out_there(site: Site, open_site: Callable[[], Page], office: User) -> None:
    page = open_site()
    sign_in(page, "olive")
    page.locator("[aria-controls=user-links]").click()
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("link", name="Sign out at Contoso, too").click()
    page.get_by_role("button", name="Yes, sign me out").click()
    expect(page.get_by_role("link", name="Sign in with Contoso")).to_be_visible()
    page.get_by_role("link", name="Sign in with Contoso").click()
    expect(page.locator("[name=login]")).to_be_visible()


def test_the_log_says_from_the_start_that_nobody_could_break_the_glass(site: Site) -> None:
    assert "BREAK_GLASS_EMAIL: nobody.here@example.test is no active administrator" in site.log.read_text()


# --- With tokens that no certified provider makes -----------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "answer", "event"),
    [
        ({"aud": "another"}, {}, {"claim": "aud"}),
        ({"nonce": "of-another"}, {}, {"claim": "nonce"}),
        ({"iss": "https://evil.example.test"}, {}, {"claim": "iss"}),
        ({"exp": 1}, {}, {"claim": "exp"}),
        ({}, {"iss": "https://evil.example.test"}, {}),
    ],
    ids=["audience", "nonce", "issuer", "expired", "mix-up"],
)
def test_a_wrong_token_signs_nobody_in(
    changes: dict[str, Any],
    answer: dict[str, str],
    event: dict[str, str],
    site: Site,
    open_site: Callable[[], Page],
    office: User,
) -> None:
    site.forger.claims = {"sub": "olive-1"} | OLIVE
    site.forger.forge, site.forger.answer = lambda claims: claims | changes, answer
    page = open_site()
    page.goto("/admin/login/")
    page.get_by_role("link", name="Sign in with Forger").click()
    expect(page.get_by_role("heading", name="The sign-in was not completed")).to_be_visible()
    (refusal,) = refusals()
    assert refusal.get("claim") == event.get("claim")
    assert CompanyAccount.objects.count() == 0
    page.get_by_role("link", name="Back to the login page").click()
    expect(page.get_by_label("Password")).to_be_visible()


def test_when_the_provider_is_down_a_page_says_so_and_passwords_work(
    site: Site, open_site: Callable[[], Page], office: User
) -> None:
    """One whose metadata no worker has: else the browser is sent to it, and says itself that nothing is there."""
    page = open_site()
    page.goto("/admin/login/")
    page.get_by_role("link", name="Sign in with Gone").click()
    expect(page.get_by_role("heading", name="The company account is not available")).to_be_visible()
    page.get_by_role("link", name="Back to the login page").click()
    page.get_by_label("Email Address").fill(office.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Login").click()
    expect(page).to_have_url(f"{site.url}/admin/")
