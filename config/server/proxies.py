"""WSGI middleware for proxies in front: the client's address and scheme, and the path of the site."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from config.server.wsgi_middleware import Application

#: A parameter of an element of `Forwarded` (RFC 7239 section 4).
_PARAMETER = re.compile(r'([\w-]+)=(?:"([^"]*)"|([^;,"\s]*))\s*(?:;|$)')
#: An element of `Forwarded`, in the text read backwards: a quote that a client left open cannot reach the proxy's own.
_ELEMENT = re.compile(r'(?:[^,"]|"[^"]*")+')
#: An address with a port, and an IPv6 address in brackets.
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\w+)?|([0-9.]+):\w+")


@dataclass(frozen=True)
class Hop:
    """What one proxy says about the side from which a request came to it."""

    node: str
    scheme: str


class ForwardedHeaders:
    """Takes address and scheme from `X-Forwarded-For` and `X-Forwarded-Proto`, or from `Forwarded` (RFC 7239).

    Only of requests by a trusted proxy, and only from the one header that it writes: a client may send the other.
    Each proxy appends what it sees, so the last address that is no trusted proxy is the client's.
    """

    def __init__(self, application: Application, trusted: Iterable[str], header: str) -> None:
        self._application = application
        self._trusted = [ip_network(network) for network in trusted]
        self._hops = hops_of_forwarded if header == "Forwarded" else hops_of_x_forwarded

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if self._is_trusted(environ.get("REMOTE_ADDR", "")) and (hops := self._hops(environ)):
            client = next((hop for hop in reversed(hops) if not self._is_trusted(hop.node)), hops[0])
            if client.node:
                environ["REMOTE_ADDR"] = str(address_of(client.node) or client.node)
            if client.scheme in ("http", "https"):
                environ["wsgi.url_scheme"] = client.scheme
        return self._application(environ, start_response)

    def _is_trusted(self, node: str) -> bool:
        address = address_of(node)
        return address is not None and any(address in network for network in self._trusted)


def hops_of_x_forwarded(environ: dict[str, Any]) -> list[Hop]:
    """The client first. Without an address for each scheme, both lists are read from their ends."""
    nodes = _listed(environ.get("HTTP_X_FORWARDED_FOR", ""))
    schemes = [scheme.lower() for scheme in _listed(environ.get("HTTP_X_FORWARDED_PROTO", ""))]
    if not nodes:
        return [Hop("", schemes[-1])] if schemes else []
    schemes = (schemes[:1] * len(nodes) + schemes)[-len(nodes) :]
    return [Hop(node, scheme) for node, scheme in zip(nodes, schemes or [""] * len(nodes), strict=True)]


def hops_of_forwarded(environ: dict[str, Any]) -> list[Hop]:
    """The client first."""
    elements = [backwards[::-1] for backwards in _ELEMENT.findall(environ.get("HTTP_FORWARDED", "")[::-1])]
    return [_hop_of_element(element) for element in reversed(elements) if element.strip()]


def _hop_of_element(element: str) -> Hop:
    found = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(element)}
    return Hop(found.get("for", "unknown"), found.get("proto", "").lower())


def _listed(text: str) -> list[str]:
    return [entry.strip().strip('"') for entry in text.split(",") if entry.strip()]


def address_of(node: str) -> IPv4Address | IPv6Address | None:
    """The address of a node, with a port or without. An IPv4-mapped one is returned as IPv4. None if it is hidden."""
    match = _WITH_PORT.fullmatch(node)
    try:
        address = ip_address((match[1] or match[2]) if match else node)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


class PathPrefix:
    """Serves the site under a path. The proxy may pass it on or take it off: both come to the same page."""

    def __init__(self, application: Application, prefix: str) -> None:
        self._application, self._prefix = application, prefix

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == self._prefix or path.startswith(f"{self._prefix}/"):
            environ["PATH_INFO"] = path.removeprefix(self._prefix) or "/"
        environ["SCRIPT_NAME"] = self._prefix
        return self._application(environ, start_response)
