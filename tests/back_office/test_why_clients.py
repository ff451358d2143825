"""The page *Why?* about clients: registered, secret, redirect addresses, reasons, keys."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from django.conf import settings
from django.test import Client as Browser

from tests.support.back_office.staff import member, signed_in
from tests.support.back_office.why import mends, shown, texts, unmet
from tests.support.oauth.held_tokens import Issued, post, service
from users.models import SigningKey, User
from users.models.oauth.client import Client
from users.sign_in.refusals import ClientReason, ClientState, client_reasons

CLIENT = "/admin/users/client/"
APP = "https://app.example.test/cb"
KEY = "There is a key to sign tokens with."
PUBLIC = "It is a public client, which needs no secret."


@pytest.fixture
def picking(db: None) -> dict[str, str]:
    return service("picking")


def test_a_confidential_client_is_shown_with_who_may_mend_what(as_ada: Browser, picking: dict[str, str]) -> None:
    page = shown(as_ada, client="picking")
    assert texts(page, "of_client") == [
        "The client is registered.",
        "There is a secret. Whether it is right is not known.",
        "0 wrong secrets lately.",
        "No redirect address is registered: people cannot sign in through it.",
        "It may not read why somebody may not work.",
        KEY,
    ]
    assert unmet(page, "of_client") == ["It may not read why somebody may not work."]
    client = Client.objects.get()
    assert mends(page, "of_client") == [
        ("Edit the client", f"{CLIENT}{client.pk}/change/"),  # of addresses, which it need not have
        ("Edit the client", f"{CLIENT}{client.pk}/change/"),
    ]
    assert "person" not in page or page["person"] is None
    client.reads_reasons, client.secret_digest = True, ""
    client.save()
    page = shown(as_ada, client="Picking")
    assert unmet(page, "of_client") == ["There is no secret."]
    (mend, _address) = mends(page, "of_client")
    assert mend == ("Make a new secret", f"{CLIENT}{client.pk}/secret/")
    assert as_ada.get(mend[1]).status_code == 200


def test_wrong_secrets_are_counted(as_ada: Browser, picking: dict[str, str]) -> None:
    for guess in range(2):
        post("/introspect", token="x", client_id="picking", client_secret=f"guess {guess}")
    assert "2 wrong secrets lately." in texts(shown(as_ada, client="picking"), "of_client")


def test_an_address_is_registered_character_by_character(as_ada: Browser) -> None:
    client = Client.objects.create(client_id="app", name="App", redirect_uris=[APP])
    page = shown(as_ada, client="app", redirect_uri=APP)
    assert (unmet(page, "of_client"), PUBLIC in texts(page, "of_client")) == ([], True)
    assert f"{APP} is registered." in texts(page, "of_client")
    page = shown(as_ada, client="app", redirect_uri=f"{APP}/")
    assert unmet(page, "of_client") == [f"{APP}/ is not registered."]
    assert mends(page, "of_client") == [("Edit the client", f"{CLIENT}{client.pk}/change/")]
    Client.objects.update(redirect_uris=[])
    assert unmet(shown(as_ada, client="app"), "of_client") == [
        "No redirect address is registered: people cannot sign in through it."
    ]


def test_a_removed_client_says_by_whom(as_ada: Browser, ada: User, picking: dict[str, str]) -> None:
    client = Client.objects.get()
    as_ada.post(f"{CLIENT}{client.pk}/delete/")
    page = shown(as_ada, client="picking")
    (condition,) = page["of_client"]
    assert (condition.is_met, condition.text, condition.change.who) == (False, "The client was removed.", ada.email)
    assert condition.mend == ("Register a client", f"{CLIENT}add/")
    assert as_ada.get(condition.mend[1]).status_code == 200


def test_the_default_client_is_mended_in_the_settings(as_ada: Browser) -> None:
    page = shown(as_ada, client=settings.DEFAULT_CLIENT_ID, redirect_uri=APP)
    assert texts(page, "of_client")[:2] == ["The client comes from the settings of the site.", PUBLIC]
    assert unmet(page, "of_client") == [
        f"{APP} is not registered. It belongs in the setting DEFAULT_CLIENT_REDIRECT_URIS."
    ]
    assert mends(page, "of_client") == []


def test_without_a_key_nothing_is_signed(as_ada: Browser, picking: dict[str, str]) -> None:
    SigningKey.objects.all().delete()
    assert "There is no key to sign tokens with." in unmet(shown(as_ada, client="picking"), "of_client")


def test_sessions_of_a_person_are_those_through_the_client(as_ada: Browser, issued: Issued) -> None:
    for client, number in (("frontend", "1 session is open."), ("picking", "0 sessions are open.")):
        page = shown(as_ada, person=issued.pat.pk, client=client)
        assert texts(page, "sessions") == [number]


def test_only_who_may_see_clients_may_ask_about_one(
    as_ada: Browser, make_user: Callable[..., User], picking: dict[str, str], pat: User
) -> None:
    manager = signed_in(member(make_user("mia.manager@example.test"), "Staff manager"))
    auditor = signed_in(member(make_user("aud.auditor@example.test"), "Auditor"))
    page = shown(manager, client="picking", person=pat.pk)
    assert (list(page["form"].fields), page["client"]) == (["person", "warehouse", "moment"], None)
    assert shown(manager, client="picking")["form"].errors == {"person": ["This field is required."]}
    page = shown(auditor, client="picking")
    assert (unmet(page, "of_client"), mends(page, "of_client")) == (["It may not read why somebody may not work."], [])
    assert shown(as_ada, client="nobody")["form"].errors == {
        "client": ["No client has the name or client ID “nobody”."]
    }


def test_the_reasons_of_every_state() -> None:
    for is_confidential, has_secret, uris, reads in product((True, False), (True, False), ([], [APP]), (True, False)):
        reasons = [*client_reasons(state := ClientState(is_confidential, has_secret, uris, reads))]
        found = {
            ClientReason.NO_SECRET: is_confidential and not has_secret,
            ClientReason.REDIRECT_NOT_REGISTERED: not uris and not is_confidential,
            ClientReason.MAY_NOT_READ_REASONS: is_confidential and not reads,
        }
        assert reasons == [reason for reason, is_so in found.items() if is_so]
        client = Client(is_confidential=is_confidential, redirect_uris=uris)
        is_refused = ClientReason.REDIRECT_NOT_REGISTERED in [*client_reasons(state, APP)]
        assert is_refused is not client.check_redirect_uri(APP)
