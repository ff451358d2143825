"""Typed, validated environment variables, based on django-environ.

An invalid value raises ImproperlyConfigured at start. The message names the setting, the value and the expected form.
"""

from __future__ import annotations

import builtins
import re
from email.utils import parseaddr
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

from config import installation

Network = IPv4Network | IPv6Network

#: PostgreSQL's maximum `integer`, the type of its timeouts in milliseconds.
MAX_INTEGER = 2_147_483_647

_TYPES = {"int": "a whole number", "bool": "true or false"}
_BOOLEANS = {
    **dict.fromkeys(("true", "on", "ok", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "off", "no", "n", "0"), False),
}
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class Environment(environ.Env):
    """Each method raises ImproperlyConfigured for an invalid value."""

    ENVIRON = installation.Variables()

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        """Raises ImproperlyConfigured for a value of the wrong type."""
        try:
            return super().get_value(var, *args, **kwargs)
        except ValueError:
            name = kwargs.get("cast", str).__name__
            raise ImproperlyConfigured(f"{var} must be {_TYPES.get(name, name)}, not {self.ENVIRON[var]!r}.") from None

    @classmethod
    def parse_value(cls, value: str, cast: Any) -> Any:
        """Raises ValueError. django-environ reads a misspelt boolean as false."""
        if cast is bool:
            return _boolean(value)
        if cast is list:
            return _entries(value)
        return super().parse_value(value, cast)

    def int(
        self, var: str, default: builtins.int, *, minimum: builtins.int = 1, maximum: builtins.int = MAX_INTEGER
    ) -> builtins.int:
        """An integer between bounds, inclusive."""
        value: builtins.int = super().int(var, default=default)
        if not minimum <= value <= maximum:
            raise ImproperlyConfigured(f"{var} must be between {minimum} and {maximum}, not {value}.")
        return value

    def timeout(self, var: str, default: builtins.int) -> builtins.int:
        """A timeout of PostgreSQL in seconds; 0 disables it."""
        return self.int(var, default=default, minimum=0, maximum=MAX_INTEGER // 1_000)

    def name(self, var: str, default: str) -> str:
        """A text without blanks around it."""
        value = str(self.str(var, default=default))
        if not value or value != value.strip():
            raise ImproperlyConfigured(
                f"{var} must not be empty, nor have blanks around it: leave it out, or write it such as {default}."
            )
        return value

    def log_level(self, var: str, default: str) -> str:
        """A level of the standard library's logging, in upper or lower case."""
        return self.choice(var, LOG_LEVELS, default=default)

    def choice(self, var: str, choices: tuple[str, ...], *, default: str) -> str:
        """One of these texts, in upper or lower case."""
        value = str(self.str(var, default=default))
        for one in choices:
            if one.lower() == value.lower():
                return one
        raise ImproperlyConfigured(f"{var} must be one of {', '.join(choices)}, not {value!r}.")

    def path_prefix(self, var: str, default: str) -> str:
        """A path with a slash at its beginning and none at its end, or an empty text."""
        path = str(self.str(var, default=default))
        if path and not re.fullmatch(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+", path):
            raise ImproperlyConfigured(
                f"{var}: {path!r} is no path. Write it with a slash at its beginning and none at its end, such as "
                "/warehouse."
            )
        return path

    def time_zone(self, var: str, default: str) -> str:
        """The name of a time zone in the IANA database."""
        name = str(self.str(var, default=default))
        try:
            return ZoneInfo(name).key
        except (ValueError, OSError, ZoneInfoNotFoundError):  # malformed, a folder, or unknown
            raise ImproperlyConfigured(f"{var} must be a time zone such as Europe/Berlin, not {name!r}.") from None

    def networks(self, var: str, default: list[str]) -> list[str]:
        """IP addresses and networks, together not all addresses."""
        entries = self.list(var, default=default)
        networks = [_network(var, entry) for entry in entries]
        if _is_everything(networks):
            raise ImproperlyConfigured(f"{var}: {','.join(entries)} is everybody. {_HOW_TO_WRITE_NETWORKS}")
        return [str(network) for network in networks]

    def mail_server(self, var: str, default: str) -> dict[str, Any]:
        """Django's e-mail settings from a URL. Messages do not repeat the URL, which contains a password."""
        url = self.str(var, default=default)
        try:
            server = dict(self.email_url_config(url))
        except (ImproperlyConfigured, ValueError):  # unknown scheme or invalid port
            server = {}
        if not server or (".smtp." in server["EMAIL_BACKEND"] and not server["EMAIL_HOST"]):
            raise ImproperlyConfigured(
                f"{var} is not the address of a mail server: write it as smtp+tls://user:password@host:587 or "
                "smtp+ssl://user:password@host:465, special characters percent-encoded."
            )
        return server

    def email_address(self, var: str, default: str) -> str:
        """An e-mail address, or a name with the address in angle brackets. The default is taken as it is."""
        address = str(self.str(var, default=default))
        try:
            if address != default:
                validate_email(parseaddr(address)[1])
        except ValidationError:
            example = default or "ada@example.com"
            raise ImproperlyConfigured(f"{var} must be an e-mail address such as {example}, not {address!r}.") from None
        return address

    def domain(self, var: str, default: str) -> str:
        """The part of an e-mail address after the @, in lower case."""
        domain = str(self.str(var, default=default)).lower()
        try:
            validate_email(f"name@{domain}")
        except ValidationError:
            raise ImproperlyConfigured(f"{var} must be a domain such as {default}, not {domain!r}.") from None
        return domain

    def web_address(self, var: str, default: str) -> str:
        """An http or https URL of a page, or ""; the default is taken as it is."""
        address = str(self.str(var, default=default))
        if address not in ("", default) and not _PAGE.fullmatch(address):
            raise ImproperlyConfigured(
                f"{var} must be the address of a page such as https://app.example.com/, not {address!r}."
            )
        return address


def _boolean(text: str) -> bool:
    try:
        return _BOOLEANS[text.strip().lower()]
    except KeyError:
        raise ValueError(text) from None


def _entries(text: str) -> list[str]:
    """The entries of a comma list, without surrounding blanks."""
    return [entry.strip() for entry in text.split(",") if entry.strip()]


# --- Networks ---------------------------------------------------------------------------------------------------
_HOW_TO_WRITE_NETWORKS = "Write the addresses and networks of your proxies, such as 10.0.0.5,192.168.1.0/24,fd00::/8."


def _network(var: str, entry: str) -> Network:
    try:
        network = ip_network(entry)
    except ValueError as problem:  # its message names the entry, and host bits that are set
        raise ImproperlyConfigured(f"{var}: {problem}. {_HOW_TO_WRITE_NETWORKS}") from None
    mapped = isinstance(network, IPv6Network) and network.prefixlen >= 96 and network.network_address.ipv4_mapped
    return ip_network(f"{mapped}/{network.prefixlen - 96}") if mapped else network


#: Networks that must not be trusted as a whole: IPv4, IPv4-mapped, and global unicast IPv6 (RFC 4291 section 2.5).
_EVERYTHING = [ip_network(network) for network in ("0.0.0.0/0", "::ffff:0:0/96", "2000::/3")]


def _is_everything(networks: list[Network]) -> bool:
    """Whether the networks together contain all addresses of a kind."""
    return any(
        everything.subnet_of(joined)  # type: ignore[arg-type] # of the same version
        for everything in _EVERYTHING
        for joined in collapse_addresses([one for one in networks if one.version == everything.version])  # type: ignore[type-var]
    )


# --- Required settings (`config.installation.required`) --------------------------------------------------------------
#: A host name or an IPv6 address in brackets, as in the `Host` header.
_HOST = r"(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])"
_HOST_NAME = re.compile(rf"\.?{_HOST}", re.IGNORECASE)
_ORIGIN = re.compile(rf"https?://{_HOST}(?::[1-9][0-9]{{0,4}})?", re.IGNORECASE)
_PAGE = re.compile(rf"{_ORIGIN.pattern}(?:/\S*)?", re.IGNORECASE)


def host_names(var: str, text: str) -> list[str]:
    """The entries of `ALLOWED_HOSTS`. Raises ImproperlyConfigured for one that is no host name, and for `*`."""
    names = _entries(text)
    if bad := [name for name in names if not _HOST_NAME.fullmatch(name)] or ([] if names else [text]):
        raise ImproperlyConfigured(
            f"{var}: {bad[0]!r} is no host name. Write names without scheme, port and path, such as "
            "warehouse.example.com,10.0.0.5,[fd00::5]; .example.com is a name with all below it."
        )
    return names


def origin(var: str, text: str) -> str:
    """A URL of scheme and host only. Raises ImproperlyConfigured for anything else."""
    if not _ORIGIN.fullmatch(text):
        raise ImproperlyConfigured(
            f"{var}: {text!r} is no address of a site. Write scheme and host, and no slash or path after them, such as "
            "https://warehouse.example.com."
        )
    return text
