"""What proxies in front say is believed from those that `TRUSTED_PROXIES` names, and from nobody else."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS, PASSWORD, sign_in
from tests.support.servers import live
from tests.support.servers.live import live_server, production_environment
from tests.support.servers.proxies import FORWARDED, tls_server
from tests.support.waiting import MOST_SECONDS
from users.models import Session, User
from users.models.audit_event import AuditEvent
from warehouses.models import Warehouse

pytestmark = [pytest.mark.thorough, pytest.mark.live, pytest.mark.django_db(transaction=True)]

STRANGER = "198.51.100.1"
#: What might make a server name itself as somebody else wants.
SPOOFED = {
    "X-Forwarded-Host": "evil.example.test",
    "X-Forwarded-Server": "evil.example.test",
    "X-Forwarded-Port": "6666",
    "X-Forwarded-Prefix": "/evil",
    "X-Original-Host": "evil.example.test",
    "X-Original-URL": "/evil",
    "X-Rewrite-URL": "/evil",
    "X-HTTP-Method-Override": "DELETE",
    "Forwarded": "for=203.0.113.9;host=evil.example.test;proto=https",
}


#: These proxies are trusted: that from which tests call and another network, or somebody else.
OURS = "127.0.0.1,10.0.0.0/8"


@contextmanager
def server(folder: Path, trusted: str, **settings: str) -> Iterator[str]:
    environment = production_environment() | {"TRUSTED_PROXIES": trusted, "WORKERS": "1"} | settings
    with live_server(environment, folder / "log") as url:
        yield url


@pytest.fixture(scope="module")
def addresses(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Of two servers, by the proxies that they trust."""
    with ExitStack() as stack:
        yield {
            trusted: stack.enter_context(server(tmp_path_factory.mktemp("proxies"), trusted))
            for trusted in (OURS, STRANGER)
        }


def client_of(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=MOST_SECONDS)


def ask_for_a_token(client: httpx.Client, user: User, **headers: str) -> None:
    form = {"grant_type": "password", "username": user.email, "password": PASSWORD}
    assert client.post("/token", data=form, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("trusted", "scheme", "address"), [(OURS, "https", "203.0.113.9"), (STRANGER, "http", "127.0.0.1")]
)
def test_forwarded_headers(olive: User, addresses: dict[str, str], trusted: str, scheme: str, address: str) -> None:
    token = sign_in(olive.email)["access_token"]
    with client_of(addresses[trusted]) as client:
        headers = {"Authorization": f"Bearer {token}", **FORWARDED}
        listed = client.get(ASSIGNMENTS, headers=headers).json()
        assert listed["links"]["self"].startswith(f"{scheme}://127.0.0.1")
        ask_for_a_token(client, olive, **FORWARDED)
    assert Session.objects.latest("created_at").address == address


def test_an_address_that_a_client_made_up_is_not_taken_for_its_own(olive: User, addresses: dict[str, str]) -> None:
    """A proxy adds the address it sees at the end: the last one that is no proxy of ours counts."""
    chains = {
        "203.0.113.66, 203.0.113.9": "203.0.113.9",
        "203.0.113.66, 203.0.113.9, 127.0.0.1, 10.1.2.3": "203.0.113.9",
        "127.0.0.1, 203.0.113.9": "203.0.113.9",
        "localhost, 2001:db8::9": "2001:db8::9",
        "203.0.113.66, unknown": None,
        "203.0.113.66, <script>": None,
    }
    with client_of(addresses[OURS]) as client:
        for chain, address in chains.items():
            ask_for_a_token(client, olive, **{"X-Forwarded-For": chain})
            assert Session.objects.latest("created_at").address == address, chain
    assert {event.address for event in AuditEvent.objects.all()} == set(chains.values())


def test_a_proxy_with_an_ipv4_address_is_known_at_a_socket_of_ipv6(olive: User, tmp_path: Path) -> None:
    """Where it calls as `::ffff:127.0.0.1`."""
    with server(tmp_path, "127.0.0.1", HOST="::") as url, client_of(url) as client:
        ask_for_a_token(client, olive, **{"X-Forwarded-For": "203.0.113.9"})
    assert Session.objects.latest("created_at").address == "203.0.113.9"


@pytest.mark.parametrize("trusted", [OURS, STRANGER])
def test_no_header_makes_the_site_name_itself_otherwise(
    olive: User, pat: User, north: Warehouse, addresses: dict[str, str], trusted: str
) -> None:
    """Links, redirects, documents, and the e-mail with a link to a new password."""
    token = sign_in(olive.email)["access_token"]
    attributes = {"userUuid": str(pat.uuid), "warehouse": {"uuid": str(north.uuid)}}
    body = {"data": {"type": "warehouse-user-assignments", "attributes": attributes}}
    with client_of(addresses[trusted]) as client:
        client.headers.update(SPOOFED | {"Authorization": f"Bearer {token}"})
        answers = [
            client.post(ASSIGNMENTS, json=body),
            *(client.get(path) for path in (ASSIGNMENTS, "/users?page[limit]=1", "/schema", "/docs", "/")),
            *(client.get(path) for path in ("/admin", "/admin/users/user/", "/admin/login/?next=//evil.example.test/")),
            client.get("/.well-known/oauth-authorization-server"),
        ]
        assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 200, 302, 302, 302, 200, 200]
        for answer in answers:
            told = answer.text.replace("next=//evil.example.test/", "") + str(answer.headers)
            assert not re.search(r"evil\.|/evil|:6666", told), answer.url  # "6666" alone may be in an ID
    assert WarehouseUserAssignment.objects.count() == 1


@pytest.mark.parametrize("trusted", ["127.0.0.1", STRANGER])
def test_over_tls_the_way_there_is_not_bent(olive: User, tmp_path: Path, trusted: str) -> None:
    with tls_server(tmp_path, trusted) as client:
        plain = client.get("/users", headers=SPOOFED | {"X-Forwarded-For": "203.0.113.9"})
        port = urlsplit(str(client.base_url)).port
        assert (plain.status_code, plain.headers["Location"]) == (301, f"https://127.0.0.1:{port}/users")
        claimed = client.get("/users", headers=SPOOFED | FORWARDED)
        assert claimed.status_code == (401 if trusted == "127.0.0.1" else 301)


def test_a_link_to_a_new_password_leads_to_the_issuer_whatever_the_request_says(olive: User, tmp_path: Path) -> None:
    log, port = tmp_path / "log", live.free_port()
    own = {"TRUSTED_PROXIES": "127.0.0.1", "EMAIL_URL": "consolemail://", "PORT": str(port), "WORKERS": "1"}
    process = live.start(production_environment() | own, log)
    try:
        url = f"http://127.0.0.1:{port}"
        live.wait_until_ready(process, url, log)
        with httpx.Client(base_url=url, timeout=MOST_SECONDS, headers=SPOOFED | FORWARDED) as client:
            page = client.get("/admin/password_reset/").text
            (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
            sent = {"email": olive.email, "csrfmiddlewaretoken": token}
            headers = {"Referer": f"https://127.0.0.1:{port}/admin/password_reset/"}
            assert client.post("/admin/password_reset/", data=sent, headers=headers).status_code == 302
        assert process.stdout is not None
        mail = "".join(iter(process.stdout.readline, "---" + "-" * 76 + "\n"))
    finally:
        process.terminate()
        process.communicate(timeout=MOST_SECONDS)
    assert re.search(r"^https://bapi\.example\.test/admin/reset/", mail, re.MULTILINE)
    assert not re.search(r"evil\.|/evil", mail)


def test_a_target_with_a_host_of_its_own_changes_nothing(live_url: str, olive: User) -> None:
    """A host in the target is passed over; one in `Host` that is not ours is refused."""
    for line, host, status in (
        ("GET http://evil.example.test/schema HTTP/1.1", "127.0.0.1", {"200"}),
        ("GET //evil.example.test/schema HTTP/1.1", "127.0.0.1", {"404"}),
        ("GET /schema HTTP/1.1", "evil.example.test", {"400"}),
        ("GET /schema HTTP/1.1", "127.0.0.1\r\nHost: evil.example.test", {"400"}),
    ):
        answer = _said_to(live_url, f"{line}\r\nHost: {host}\r\nConnection: close\r\n\r\n")
        assert answer.split()[1] in status, (line, host, answer[:300])
        assert "evil.example.test" not in answer


def _said_to(url: str, request: str) -> str:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=MOST_SECONDS) as connection:
        connection.sendall(request.encode())
        return b"".join(iter(lambda: connection.recv(65_536), b"")).decode(errors="replace")


# --- Under a path -------------------------------------------------------------------------------------------------
#: Addresses in pages, as attributes.
_ADDRESS = re.compile(r'\s(?:href|src|action|formaction|data-[a-z-]*(?:url|href))="([^"]*)"')


@pytest.fixture(scope="module")
def site(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server(tmp_path_factory.mktemp("path"), STRANGER, PATH_PREFIX="/site") as url:
        yield f"{url}/site"


def test_under_a_path_the_api_names_its_resources_there(olive: User, pat: User, north: Warehouse, site: str) -> None:
    attributes = {"userUuid": str(pat.uuid), "warehouse": {"uuid": str(north.uuid)}}
    body = {"data": {"type": "warehouse-user-assignments", "attributes": attributes}}
    with client_of(site) as client:
        form = {"grant_type": "password", "username": olive.email, "password": PASSWORD}
        client.headers["Authorization"] = f"Bearer {client.post('/token', data=form).json()['access_token']}"
        made = client.post(ASSIGNMENTS, json=body)
        path = f"{site}{ASSIGNMENTS}/{made.json()['data']['id']}"
        assert (made.headers["Location"], made.json()["data"]["links"]["self"]) == (path, path)
        listed = client.get(f"{ASSIGNMENTS}?page[limit]=1&include=users").json()
        links = [*listed["links"].values(), *(row["links"]["self"] for row in (*listed["data"], *listed["included"]))]
        assert [link for link in links if not link.startswith(f"{site}/")] == []
        metadata = client.get("/.well-known/oauth-authorization-server").json()
        assert metadata["token_endpoint"] == "https://bapi.example.test/site/token"
        # A load balancer need not know.
        assert client.get(f"{site.removesuffix('/site')}/health/live").status_code == 200


def test_under_a_path_the_pages_and_cookies_stay_there(olive: User, site: str) -> None:
    with client_of(site) as client:
        assert [client.get(path).headers["Location"] for path in ("", "/", "/admin")] == ["/site/admin/"] * 3
        assert client.get("/admin/").headers["Location"] == "/site/admin/login/?next=/site/admin/"
        page = client.get("/admin/login/")
        (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        sent = {"username": olive.email, "password": PASSWORD, "csrfmiddlewaretoken": token}
        entered = client.post("/admin/login/", data=sent, headers={"Referer": f"{site}/admin/login/"})
        assert entered.headers["Location"] == "/site/admin/"
        cookies = [*page.headers.get_list("Set-Cookie"), *entered.headers.get_list("Set-Cookie")]
        assert {re.findall(r"(?i)path=([^;]*)", cookie)[0] for cookie in cookies} == {"/site"}
        pages = [client.get(path).text for path in ("/admin/", "/admin/users/user/", "/admin/users/user/add/", "/docs")]
        addresses = {address for page in pages for address in _ADDRESS.findall(page) if address.startswith("/")}
        assert [address for address in addresses if not address.startswith("/site/")] == []
        files = [address.removeprefix("/site") for address in addresses if "/static/" in address]
        assert (len(files) > 10, {client.get(file).status_code for file in files}) == (True, {200})
