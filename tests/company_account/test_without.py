"""Without a provider in the settings nothing of company accounts is there; with one, its settings must be meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from config.company_account.provider import SUFFIXES, Provider, company_accounts, is_address
from config.environment import Environment
from tests.support.cases import each
from tests.support.company_account.forger import Forger, Walk, serving
from tests.support.company_account.site import link, page_text
from tests.support.docs import table
from tests.support.loaded_modules import loaded
from users.models import User

#: `requests` is loaded by Django REST Framework, wherever it is installed.
OURS = r"authlib.integrations.(base|django|requests)_client|users.company_account"


# --- Without ----------------------------------------------------------------------------------------------------
@pytest.mark.thorough
def test_nothing_of_it_is_loaded() -> None:
    assert loaded(OURS) == []


def test_the_login_page_is_what_it_was(db: None, provided: Callable[..., Any]) -> None:
    """With a provider, its buttons are all that is added."""
    before = Client().get("/admin/login/").content
    provided()
    after = Client().get("/admin/login/").content
    assert (b"Forger" in before, b"Forger" in after) == (False, True)
    added = re.compile(rb'<div id="company-accounts".*?</div>\s*(?=<form)', re.DOTALL)
    hidden = re.compile(rb'(csrfmiddlewaretoken" value=")\w+')
    assert hidden.sub(rb"\1", added.sub(b"", after)) == hidden.sub(rb"\1", before)


def test_its_pages_are_not_there(as_ada: Client) -> None:
    for path in ("/admin/company-account/forger/", "/admin/company-account/forger/callback/"):
        assert as_ada.get(path).status_code == 404
    assert Client().post("/oidc/backchannel-logout").status_code == 404


# --- Addresses --------------------------------------------------------------------------------------------------
def test_no_address_that_somebody_gives_is_called(
    provided: Callable[..., Any], walk: Walk, olive_there: User, forger: Forger, settings: Any
) -> None:
    link(olive_there, provided(), "olive-1")
    settings.ALLOWED_HOSTS = ["*"]
    with serving() as trap:
        foreign = {name: trap.issuer for name in ("Origin", "Referer", "X-Forwarded-Host", "Forwarded")}
        walk.browser = Client(headers=foreign | {"Host": trap.issuer.removeprefix("http://")})
        addresses = ("next", "issuer", "iss", "redirect_uri", "request_uri", "target_link_uri", "login_hint")
        answer = walk.begin(**dict.fromkeys(addresses, trap.issuer))
        assert answer["Location"].startswith(f"{forger.issuer}/authorize?")
        assert walk.asked["redirect_uri"] == "https://bapi.example.test/admin/company-account/forger/callback/"
        named = ("jwks_uri", "token_endpoint", "userinfo_endpoint", "session_state", "code")
        refused = walk.answer(**dict.fromkeys(named, trap.issuer))
        assert (refused.status_code, page_text(refused)) == (
            400,
            "Back Office The sign-in was not completed The answer of Forger was not accepted, or came too late. Begin "
            "again on the login page. If you ask for help, name this code: CODE Back to the login page",
        )
        sources = {"_claim_names": {"groups": "one"}, "_claim_sources": {"one": {"endpoint": trap.issuer}}}
        forger.forge = lambda claims: claims | sources | {"picture": trap.issuer, "profile": trap.issuer}
        forger.header = {"jku": f"{trap.issuer}/jwks", "x5u": f"{trap.issuer}/x5u"}
        walk.begin()
        assert walk.answer().status_code == 302
        logout = forger.signed({"iss": forger.issuer, "sub": "olive-1", "sources": trap.issuer}, **forger.header)
        assert Client().post("/oidc/backchannel-logout", {"logout_token": logout}).status_code == 400
        assert trap.calls == []


@each(
    "address",
    [
        *("http://login.example.test", "ftp://login.example.test", "//login.example.test", "login.example.test", ""),
        *("https://", "https://a@login.example.test", "https://login.example.test#a", "https://login.example.test\\@b"),
        *("https://login.example.test:port", "https://login.exa\u200bmple.test", "https://login example.test"),
        *("http://127.0.0.1.example.test", "http://localhost@evil.example.test", "https://[::1", "http://10.0.0.1"),
    ],
)
def test_what_is_no_https_address_is_refused(address: str) -> None:
    assert not is_address(address, allows_loopback=True)


def test_plain_http_is_for_this_machine_and_only_if_allowed() -> None:
    for address in ("http://localhost:1", "http://127.0.0.1/a", "http://[::1]:8080"):
        assert [is_address(address, allows_loopback=allowed) for allowed in (True, False)] == [True, False]


def test_only_the_issuers_own_host_and_those_named_are_the_providers() -> None:
    hosts = frozenset({"oauth2.example.test"})
    provider = Provider("a", "https://login.example.test/tenant", "b", "c", "A", endpoint_hosts=hosts)
    own = ["https://login.example.test/x", "https://oauth2.example.test/token"]
    others = ["https://login.example.test:8443/", "https://login.example.test.evil.test/", "http://login.example.test/"]
    others += [
        "http://oauth2.example.test/token",
        "https://OAUTH2.example.test@evil.test/",
        "https://sub.oauth2.example.test",
    ]
    assert [[provider.owns(url) for url in urls] for urls in (own, others)] == [[True] * 2, [False] * 6]


# --- Settings ---------------------------------------------------------------------------------------------------
NEEDED = {
    "OIDC_PROVIDERS": "entra",
    "OIDC_ENTRA_ISSUER": "https://login.example.test/tenant",
    "OIDC_ENTRA_CLIENT_ID": "back-office",
    "OIDC_ENTRA_CLIENT_SECRET": "a secret",
}
WRONG: dict[str, tuple[dict[str, str], str]] = {
    "no issuer": (
        {"OIDC_ENTRA_ISSUER": ""},
        "Set OIDC_ENTRA_ISSUER in the environment: OIDC_PROVIDERS names its provider.",
    ),
    "no secret": (
        {"OIDC_ENTRA_CLIENT_SECRET": ""},
        "Set OIDC_ENTRA_CLIENT_SECRET in the environment: OIDC_PROVIDERS names its provider.",
    ),
    "plain http": (
        {"OIDC_ENTRA_ISSUER": "http://login.example.test"},
        "OIDC_ENTRA_ISSUER must be an https address without ? and #, not 'http://login.example.test'.",
    ),
    "plain http on this machine": (
        {"OIDC_ENTRA_ISSUER": "http://localhost:1"},
        "OIDC_ENTRA_ISSUER must be an https address without ? and #, not 'http://localhost:1'.",
    ),
    "a name that is none": (
        {"OIDC_PROVIDERS": "Entra ID"},
        "OIDC_PROVIDERS: 'Entra ID' must be small letters and digits, such as entra.",
    ),
    "twice": (
        {"OIDC_PROVIDERS": "entra,entra"},
        "OIDC_PROVIDERS: a provider is named twice, or two have the same issuer.",
    ),
    "a misspelt setting": (
        {"OIDC_ENTRA_LINK_BY_EMAIL": "true"},
        f"OIDC_ENTRA_LINK_BY_EMAIL is no setting. A provider has: {', '.join(SUFFIXES)}.",
    ),
    "a misspelt boolean": (
        {"OIDC_ENTRA_LINKS_BY_EMAIL": "ture"},
        "OIDC_ENTRA_LINKS_BY_EMAIL must be true or false, not 'ture'.",
    ),
    "roles in another form": (
        {"OIDC_ENTRA_ROLES": "wh-admins=Administrator"},
        'OIDC_ENTRA_ROLES must be JSON such as {"warehouse-admins": "Administrator"}.',
    ),
    "warehouses in another form": (
        {"OIDC_ENTRA_WAREHOUSES": '{"berlin-managers": {"name": "Berlin"}}'},
        'OIDC_ENTRA_WAREHOUSES must be JSON such as {"berlin-managers": "Berlin", "warehouse-admins": "*"}.',
    ),
    "a warehouse without a name": (
        {"OIDC_ENTRA_WAREHOUSES": '{"berlin-managers": [" "]}'},
        'OIDC_ENTRA_WAREHOUSES must be JSON such as {"berlin-managers": "Berlin", "warehouse-admins": "*"}.',
    ),
    "new users without roles": (
        {"OIDC_ENTRA_CREATES_USERS": "true"},
        "OIDC_ENTRA_CREATES_USERS needs OIDC_ENTRA_ROLES: a new user must have a role.",
    ),
    "no openid": ({"OIDC_ENTRA_SCOPES": "email"}, "OIDC_ENTRA_SCOPES must contain openid."),
    "the only way, and nobody who always gets in": (
        {"COMPANY_ACCOUNT_ONLY": "true"},
        "Set BREAK_GLASS_EMAIL: one administrator must be able to sign in by password when a provider is down.",
    ),
    "the only way of one provider": (
        {"OIDC_ENTRA_ONLY_WAY": "true"},
        "Set BREAK_GLASS_EMAIL: one administrator must be able to sign in by password when a provider is down.",
    ),
    "the only way, and no provider": (
        {"OIDC_PROVIDERS": "", "COMPANY_ACCOUNT_ONLY": "true", "BREAK_GLASS_EMAIL": "ada@example.test"},
        "COMPANY_ACCOUNT_ONLY is set, and OIDC_PROVIDERS names no provider.",
    ),
    "somebody who is nobody": (
        {"BREAK_GLASS_EMAIL": "ada"},
        "BREAK_GLASS_EMAIL must be an e-mail address such as ada@example.com, not 'ada'.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), WRONG.values(), ids=WRONG)
def test_a_setting_that_cannot_be_meant_stops_the_start(
    changes: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (NEEDED | changes).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured) as refusal:
        company_accounts(Environment())
    assert str(refusal.value) == message


def test_a_provider_is_read_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from a file\n")
    given = {"CLIENT_SECRET_FILE": str(secret), "LABEL": "Contoso", "SCOPES": "openid, groups", "SECOND_FACTORS": "mfa"}
    given |= {"ROLES": '{"a": "Auditor", "b": ["Auditor", "Administrator"]}', "ONLY_WAY": "true"}
    given |= {"WAREHOUSES": '{"a": ["Berlin", "Hamburg"], "b": "*"}'}
    for name, value in (NEEDED | {f"OIDC_ENTRA_{suffix}": text for suffix, text in given.items()}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("OIDC_ENTRA_CLIENT_SECRET")
    monkeypatch.setenv("BREAK_GLASS_EMAIL", "Ada <ada@example.test>")
    providers, for_all, break_glass = company_accounts(Environment())
    entra = providers["entra"]
    assert (for_all, break_glass, entra.client_secret, entra.label) == (
        False,
        "ada@example.test",
        "from a file",
        "Contoso",
    )
    assert (entra.scopes, entra.second_factors) == (("openid", "groups"), {"mfa"})
    assert (entra.mapped_warehouses, entra.warehouses["b"]) == ({"Berlin", "Hamburg"}, {"*"})
    assert (entra.mapped_roles, entra.is_only_way) == ({"Auditor", "Administrator"}, True)
    assert "from a file" not in repr(entra)


def test_the_docs_list_every_setting_of_a_provider() -> None:
    rows = table("company-account.md", "2. Name it in the settings")
    assert [row["Setting of a provider"] for row in rows] == [f"OIDC_ENTRA_{suffix}" for suffix in SUFFIXES]
    assert [row for row in rows if not (row["Default"] and row["Meaning"])] == []
