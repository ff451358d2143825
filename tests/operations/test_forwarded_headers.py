"""What proxies really write about their clients: each form gives one address and one scheme."""

from __future__ import annotations

from typing import Any

import pytest

from config.environment import Environment
from config.server.proxies import ForwardedHeaders, PathPrefix
from tests.support.cases import each

PROXY = "10.0.0.5"
TRUSTED = ["10.0.0.0/8", "fd00::/8"]


def seen(environ: dict[str, Any], header: str = "X-Forwarded-For", trusted: list[str] = TRUSTED) -> tuple[str, str]:
    """The client's address and the scheme behind the middleware."""
    request = {"REMOTE_ADDR": PROXY, "wsgi.url_scheme": "http"} | environ
    ForwardedHeaders(lambda *_: [], trusted, header)(request, None)
    return request["REMOTE_ADDR"], request["wsgi.url_scheme"]


#: `X-Forwarded-For` → the client.
ADDRESSES = {
    "203.0.113.9": "203.0.113.9",
    "203.0.113.9:51234": "203.0.113.9",
    "2001:db8::9": "2001:db8::9",
    "2001:DB8:0::9": "2001:db8::9",
    "[2001:db8::9]": "2001:db8::9",
    "[2001:db8::9]:51234": "2001:db8::9",
    '"[2001:db8::9]:51234"': "2001:db8::9",
    "::ffff:203.0.113.9": "203.0.113.9",
    "[::ffff:203.0.113.9]:51234": "203.0.113.9",
    "203.0.113.66, 203.0.113.9:1, 10.1.2.3:80, [fd00::1]:80": "203.0.113.9",
    "203.0.113.66,203.0.113.9,::ffff:10.1.2.3": "203.0.113.9",
    "203.0.113.66, unknown": "unknown",
    "10.1.2.3, 10.1.2.4": "10.1.2.3",
    "": PROXY,
    " , ": PROXY,
}


@each(("chain", "address"), ADDRESSES.items())
def test_an_address_may_have_a_port_brackets_and_quotes(chain: str, address: str) -> None:
    assert seen({"HTTP_X_FORWARDED_FOR": chain}) == (address, "http")


@each(
    ("chain", "schemes", "scheme"),
    [
        ("203.0.113.9", "https", "https"),
        ("203.0.113.9", "HTTPS", "https"),
        ("203.0.113.9", "https, http", "http"),  # the client sent the first
        ("203.0.113.9, 10.1.2.3", "https, http", "https"),  # TLS ends at the outer of two proxies
        ("203.0.113.66, 203.0.113.9, 10.1.2.3", "https", "https"),
        ("203.0.113.9", "wss", "http"),
        ("203.0.113.9", "", "http"),
        ("", "https", "https"),
    ],
)
def test_the_scheme_is_the_clients(chain: str, schemes: str, scheme: str) -> None:
    assert seen({"HTTP_X_FORWARDED_FOR": chain, "HTTP_X_FORWARDED_PROTO": schemes})[1] == scheme


@each(
    ("text", "address", "scheme"),
    [
        ("for=203.0.113.9;proto=https", "203.0.113.9", "https"),
        ('For="203.0.113.9:51234"; Proto=HTTPS;by=10.0.0.5', "203.0.113.9", "https"),
        ('for="[2001:db8::9]:51234";host="a,b";proto=https', "2001:db8::9", "https"),
        ("for=203.0.113.66, for=203.0.113.9;proto=https,for=10.1.2.3;proto=http", "203.0.113.9", "https"),
        ("for=_hidden;proto=https", "_hidden", "https"),
        ("proto=https", "unknown", "https"),
        # What a client sent before what the proxy has appended.
        ('for=1.2.3.4;x=", for="[2001:db8::9]:80";proto=http', "2001:db8::9", "http"),
        ('for=1.2.3.4;x="\\\\, for=203.0.113.9', "203.0.113.9", "http"),
        ('"""",,;=for=for, for=203.0.113.9', "203.0.113.9", "http"),
        ("", PROXY, "http"),
    ],
)
def test_forwarded_is_read_where_the_operator_says_that_proxies_write_it(text: str, address: str, scheme: str) -> None:
    assert seen({"HTTP_FORWARDED": text}, "Forwarded") == (address, scheme)


def test_of_the_two_headers_only_that_of_the_proxies_counts() -> None:
    """The other one is the client's own."""
    both = {
        "HTTP_X_FORWARDED_FOR": "203.0.113.1",
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_FORWARDED": "for=203.0.113.2;proto=http",
    }
    assert seen(both) == ("203.0.113.1", "https")
    assert seen(both, "Forwarded") == ("203.0.113.2", "http")


@each("peer", ["203.0.113.5", "::ffff:203.0.113.5", "2001:db8::5", "", "unix"])
def test_nobody_else_is_believed(peer: str) -> None:
    forwarded = {"HTTP_X_FORWARDED_FOR": "203.0.113.9", "HTTP_X_FORWARDED_PROTO": "https", "REMOTE_ADDR": peer}
    assert seen(forwarded) == (peer, "http")


@each("trusted", ["10.0.0.5", "10.0.0.0/8", "::ffff:10.0.0.0/104", "::ffff:10.0.0.5"])
@each("peer", ["10.0.0.5", "::ffff:10.0.0.5", "::ffff:a00:5"])
def test_a_proxy_is_known_in_both_spellings_of_its_address(
    monkeypatch: pytest.MonkeyPatch, trusted: str, peer: str
) -> None:
    monkeypatch.setenv("X", trusted)
    networks = Environment().networks("X", default=[])
    assert seen({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": "203.0.113.9"}, trusted=networks)[0] == "203.0.113.9"


@each(
    ("path", "inside"),
    [
        ("/warehouse/users", "/users"),
        ("/warehouse/", "/"),
        ("/warehouse", "/"),
        ("/users", "/users"),
        ("/warehouses", "/warehouses"),
    ],
)
def test_the_prefix_may_be_passed_on_or_taken_off(path: str, inside: str) -> None:
    environ = {"PATH_INFO": path, "SCRIPT_NAME": ""}
    PathPrefix(lambda *_: [], "/warehouse")(environ, None)
    assert environ == {"PATH_INFO": inside, "SCRIPT_NAME": "/warehouse"}
