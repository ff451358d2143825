"""The environment, read with the kind of value each setting wants. A value that cannot be meant stops the start.

What would be ignored or taken for something else is refused with ImproperlyConfigured, which names the setting, the bad
value and how to write it.
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

Network = IPv4Network | IPv6Network

#: PostgreSQL's greatest `integer`. Its timeouts are such a number of milliseconds.
MAX_INTEGER = 2_147_483_647

_KINDS = {"int": "a whole number", "bool": "true or false"}
_BOOLEANS = {
    **dict.fromkeys(("true", "on", "ok", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "off", "no", "n", "0"), False),
}
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class Environment(environ.Env):
    """django-environ's, but strict. Each method raises ImproperlyConfigured for a value that cannot be used."""

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        """A value of the wrong kind stops the start and names its variable."""
        try:
            return super().get_value(var, *args, **kwargs)
        except ValueError:
            kind = kwargs.get("cast", str).__name__
            raise ImproperlyConfigured(f"{var} must be {_KINDS.get(kind, kind)}, not {self.ENVIRON[var]!r}.") from None

    @classmethod
    def parse_value(cls, value: str, cast: Any) -> Any:
        """Raises ValueError. The library takes a misspelt boolean for false."""
        if cast is bool:
            return _boolean(value)
        if cast is list:
            return _entries(value)
        return super().parse_value(value, cast)

    def int(
        self, var: str, default: builtins.int, *, minimum: builtins.int = 1, maximum: builtins.int = MAX_INTEGER
    ) -> builtins.int:
        """A whole number within bounds."""
        value: builtins.int = super().int(var, default=default)
        if not minimum <= value <= maximum:
            raise ImproperlyConfigured(f"{var} must be between {minimum} and {maximum}, not {value}.")
        return value

    def timeout(self, var: str, default: builtins.int) -> builtins.int:
        """Seconds that PostgreSQL is given for something; 0 is for ever."""
        return self.int(var, default=default, minimum=0, maximum=MAX_INTEGER // 1_000)

    def name(self, var: str, default: str) -> str:
        """A text that is not blank."""
        value = str(self.str(var, default=default))
        if not value.strip():
            raise ImproperlyConfigured(f"{var} must not be empty: leave it out, or write it such as {default}.")
        return value

    def log_level(self, var: str, default: str) -> str:
        """A level of the standard library's logging, in any case of letters."""
        level = str(self.str(var, default=default))
        if level.upper() not in LOG_LEVELS:
            raise ImproperlyConfigured(f"{var} must be one of {', '.join(LOG_LEVELS)}, not {level!r}.")
        return level.upper()

    def time_zone(self, var: str, default: str) -> str:
        """The name of a zone in the IANA database."""
        name = str(self.str(var, default=default))
        try:
            return ZoneInfo(name).key
        except (ValueError, OSError, ZoneInfoNotFoundError):  # no name, a folder of zones, a name of none
            raise ImproperlyConfigured(f"{var} must be a time zone such as Europe/Berlin, not {name!r}.") from None

    def networks(self, var: str, default: list[str]) -> list[str]:
        """IP addresses and networks, which must not be everybody's; IPv4 also as a socket of IPv6 tells of it."""
        entries = self.list(var, default=default)
        networks = [_network(var, entry) for entry in entries]
        if _is_everything(networks):
            raise ImproperlyConfigured(f"{var}: {','.join(entries)} is everybody. {_HOW_TO_WRITE_NETWORKS}")
        return [str(form) for network in networks for form in _forms(network)]

    def mail_server(self, var: str, default: str) -> dict[str, Any]:
        """Django's settings of an e-mail URL, which is not repeated: a password stands in it."""
        try:
            server = dict(self.email_url(var, default=default))
        except (ImproperlyConfigured, ValueError):  # another scheme, a port that is no number
            server = {}
        if not server or (".smtp." in server["EMAIL_BACKEND"] and not server["EMAIL_HOST"]):
            raise ImproperlyConfigured(
                f"{var} is not the address of a mail server: write it as smtp+tls://user:password@host:587 or "
                "smtp+ssl://user:password@host:465, special characters percent-encoded."
            )
        return server

    def email_address(self, var: str, default: str) -> str:
        """An address, or a name with an address in angle brackets."""
        address = str(self.str(var, default=default))
        try:
            validate_email(parseaddr(address)[1])
        except ValidationError:
            raise ImproperlyConfigured(f"{var} must be an e-mail address such as {default}, not {address!r}.") from None
        return address


def _boolean(text: str) -> bool:
    try:
        return _BOOLEANS[text.strip().lower()]
    except KeyError:
        raise ValueError(text) from None


def _entries(text: str) -> list[str]:
    """Of a comma list, which may have blanks in it."""
    return [entry.strip() for entry in text.split(",") if entry.strip()]


# --- Networks ---------------------------------------------------------------------------------------------------
_HOW_TO_WRITE_NETWORKS = "Write the addresses and networks of your proxies, such as 10.0.0.5,192.168.1.0/24,fd00::/8."


def _network(var: str, entry: str) -> Network:
    try:
        return ip_network(entry)
    except ValueError as problem:  # which names the entry, and tells of bits set behind the network's own
        raise ImproperlyConfigured(f"{var}: {problem}. {_HOW_TO_WRITE_NETWORKS}") from None


def _forms(network: Network) -> list[Network]:
    """A caller with an IPv4 address has another one at `HOST=::` (RFC 4291 section 2.5.5.2)."""
    if isinstance(network, IPv6Network):
        return [network]
    return [network, ip_network(f"::ffff:{network.network_address}/{96 + network.prefixlen}")]


#: What nobody may name: every IPv4 address, also as IPv6 writes them (RFC 4291 section 2.5.5.2), and every IPv6 address
#: that the internet has (RFC 4291 section 2.5.4).
_EVERYTHING = [ip_network(all_of) for all_of in ("0.0.0.0/0", "::ffff:0:0/96", "2000::/3")]


def _is_everything(networks: list[Network]) -> bool:
    """Whether one of them, or some of them together, leave nobody out."""
    return any(
        everything.subnet_of(joined)  # type: ignore[arg-type] # of the same version
        for everything in _EVERYTHING
        for joined in collapse_addresses([one for one in networks if one.version == everything.version])  # type: ignore[type-var]
    )


# --- Settings that must be there (`config.installation.required`) ----------------------------------------------------
#: A name, or an IPv6 address in brackets, as Django takes it from the `Host` header.
_HOST = r"(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])"
_HOST_NAME = re.compile(rf"\.?{_HOST}", re.IGNORECASE)
_ORIGIN = re.compile(rf"https?://{_HOST}(?::[1-9][0-9]{{0,4}})?", re.IGNORECASE)


def host_names(var: str, text: str) -> list[str]:
    """The entries of `ALLOWED_HOSTS`. Raises ImproperlyConfigured for one that no request could name, and for `*`."""
    names = _entries(text)
    if bad := [name for name in names if not _HOST_NAME.fullmatch(name)] or ([] if names else [text]):
        raise ImproperlyConfigured(
            f"{var}: {bad[0]!r} is no host name. Write names without scheme, port and path, such as "
            "warehouse.example.com,10.0.0.5,[fd00::5]; .example.com is a name with all below it."
        )
    return names


def origin(var: str, text: str) -> str:
    """A site's address with nothing after its host. Raises ImproperlyConfigured for anything else."""
    if not _ORIGIN.fullmatch(text):
        raise ImproperlyConfigured(
            f"{var}: {text!r} is no address of a site. Write scheme and host, and no slash or path after them, such as "
            "https://warehouse.example.com."
        )
    return text
