"""The same journeys with a provider of Authlib's authorization server, which is not ours either."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from authlib.oidc.discovery import OpenIDProviderMetadata
from django.test import Client

from assignments.models import ManagedWarehouse
from config.company_account.provider import Provider
from tests.support.cases import each
from tests.support.company_account.authlib_provider import AuthlibProvider, serving
from tests.support.company_account.forger import CLIENT_ID, CLIENT_SECRET
from tests.support.company_account.site import link, page_text, refusals, with_providers
from tests.support.sign_in.login import is_in
from users.models import AuditEvent, CompanyAccount, CompanySession, User
from warehouses.models import Warehouse

AGAIN = "If you ask for help, name this code: CODE Back to the login page"
NOT_COMPLETED = (
    "Back Office The sign-in was not completed The answer of Authlib was not accepted, or came too late. Begin again "
    f"on the login page. {AGAIN}"
)
NOBODY = (
    "Back Office You cannot sign in with this account Authlib knows you, but this account opens nothing here. Ask an "
    f"administrator for access. {AGAIN}"
)
CANCELLED = (
    "Back Office The sign-in was cancelled Authlib did not let you in, or you stopped there. Begin again on the login "
    f"page. {AGAIN}"
)
Provide = Callable[..., Provider]


@pytest.fixture(scope="module")
def server() -> Iterator[AuthlibProvider]:
    with serving() as provider:
        yield provider


@pytest.fixture
def provide(settings: Any, server: AuthlibProvider, db: None) -> Iterator[Provide]:
    """Names the provider in the settings."""
    server.redirect_uri = f"{settings.ISSUER}/admin/company-account/authlib/callback/"

    def provide(**given: Any) -> Provider:
        usual: dict[str, Any] = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "allows_loopback": True}
        provider = Provider(**{"name": "authlib", "issuer": server.issuer, "label": "Authlib"} | usual | given)
        with_providers(settings, provider)
        return provider

    yield provide
    server.reset()


@pytest.fixture
def olive_there(server: AuthlibProvider, provide: Provide, olive: User) -> User:
    server.claims = {"sub": "olive-1", "email": olive.email, "email_verified": True}
    return olive


def sign_in(**query: str) -> Any:
    """From our page over the provider's back to ours, as a browser does it."""
    browser = Client()
    begun = browser.get("/admin/company-account/authlib/", query)
    assert begun.status_code == 302
    answer = httpx.get(begun["Location"])
    assert answer.status_code == 302, answer.text
    return browser.get(answer.headers["Location"].removeprefix("https://bapi.example.test"))


def refused(answer: Any, status: int, text: str, **event: str) -> None:
    assert (answer.status_code, page_text(answer)) == (status, text)
    assert refusals() == [{"provider": "Authlib", "username": "", **event}]
    assert not is_in(answer.client)
    assert not CompanySession.objects.exists()
    AuditEvent.objects.all().delete()


def test_its_metadata_is_what_the_specification_asks_for(server: AuthlibProvider) -> None:
    """But for https, as Authlib checks it."""
    metadata = server.metadata()
    https = {name: str(value).replace("http:", "https:") for name, value in metadata.items() if isinstance(value, str)}
    OpenIDProviderMetadata(metadata | https).validate()


def test_who_is_linked_is_signed_in_and_led_on(provide: Provide, olive_there: User) -> None:
    link(olive_there, provide(), "olive-1")
    answer = sign_in(next="/admin/users/user/")
    assert (answer.status_code, answer["Location"], is_in(answer.client)) == (302, "/admin/users/user/", True)


def test_the_first_sign_in_links_by_a_verified_e_mail(
    provide: Provide, olive_there: User, server: AuthlibProvider
) -> None:
    provide(links_by_email=True)
    assert is_in(sign_in().client)
    account = CompanyAccount.objects.get()
    assert (account.user, account.issuer, account.subject) == (olive_there, server.issuer, "olive-1")


def test_an_unverified_e_mail_takes_nobody_over(
    provide: Provide, olive_there: User, server: AuthlibProvider, nothing_changes: Callable[[], Any]
) -> None:
    provide(links_by_email=True)
    server.wrong = {"email_verified": False}
    with nothing_changes():
        answer = sign_in()
    reason = "nobody is linked with this account, and its e-mail is not verified"
    refused(answer, 403, NOBODY, reason=reason)
    assert not CompanyAccount.objects.exists()


def test_groups_give_roles_and_warehouses(provide: Provide, server: AuthlibProvider) -> None:
    Warehouse.objects.create(name="North Dock")
    groups = {"wh-north": frozenset({"Site manager"})}, {"wh-north": frozenset({"North Dock"})}
    provide(creates_users=True, roles=groups[0], warehouses=groups[1])
    names = {"given_name": "Nina", "family_name": "New", "groups": ["wh-north", "canteen"]}
    server.claims = {"sub": "nina-1", "email": "nina.new@example.test", "email_verified": True} | names
    assert is_in(sign_in().client)
    nina = User.objects.get(email="nina.new@example.test")
    assert (nina.roles, nina.is_confined) == (["Site manager"], True)
    assert ManagedWarehouse.objects.get(user=nina).warehouse.name == "North Dock"


#: What is wrong → claims of the ID token, and the one that the event names.
WRONG_CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "another audience": ({"aud": "another"}, "aud"),
    "a further audience": ({"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID}, "aud"),
    "another nonce": ({"nonce": "of-another-sign-in"}, "nonce"),
    "another issuer": ({"iss": "https://evil.example.test"}, "iss"),
    "expired": ({"exp": 1}, "exp"),
    "of another access token": ({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "at_hash"),
}


@each(("wrong", "claim"), WRONG_CLAIMS.values(), WRONG_CLAIMS)
def test_a_wrong_claim_signs_nobody_in(
    wrong: dict[str, Any],
    claim: str,
    provide: Provide,
    olive_there: User,
    server: AuthlibProvider,
    nothing_changes: Callable[[], Any],
) -> None:
    link(olive_there, provide(), "olive-1")
    server.wrong = wrong
    with nothing_changes():
        answer = sign_in()
    refused(answer, 400, NOT_COMPLETED, reason="a claim of its token is wrong or missing", claim=claim)


def test_an_answer_of_another_issuer_signs_nobody_in(
    provide: Provide, olive_there: User, server: AuthlibProvider, nothing_changes: Callable[[], Any]
) -> None:
    """RFC 9207."""
    link(olive_there, provide(), "olive-1")
    server.answers_as = "https://evil.example.test"
    with nothing_changes():
        answer = sign_in()
    refused(answer, 400, NOT_COMPLETED, reason="the answer names another issuer than the one that was asked")


def test_who_declines_is_told_so(provide: Provide, server: AuthlibProvider) -> None:
    provide()
    refused(sign_in(), 403, CANCELLED, reason="the provider or the person declined", error="access_denied")


def test_a_wrong_secret_signs_nobody_in(
    provide: Provide, olive_there: User, nothing_changes: Callable[[], Any]
) -> None:
    link(olive_there, provide(client_secret="another"), "olive-1")
    with nothing_changes():
        answer = sign_in()
    refused(answer, 400, NOT_COMPLETED, reason="it refused the code or the client", error="invalid_client")


def test_who_confirms_goes_on(provide: Provide, olive_there: User, server: AuthlibProvider) -> None:
    """It says by itself when the person signed in."""
    link(olive_there, provide(), "olive-1")
    page = "/admin/auth/group/"
    assert sign_in(again="1", next=page)["Location"] == page
    server.wrong = {"auth_time": int(time.time()) - 3_600}
    answer = sign_in(again="1", next=page)
    assert (answer.status_code, refusals()[0]["reason"]) == (403, "the provider did not ask the person to sign in anew")
