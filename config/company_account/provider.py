"""Identity providers for staff (OpenID Connect), each from settings whose names begin with `OIDC_` and its own name."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from config.environment import Environment

#: Hosts that plain http may reach, for trials and tests.
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
#: In place of a warehouse: all of them, by rights that are not confined.
EVERYWHERE = "*"
#: The last part of each setting of a provider (`docs/company-account.md`).
SUFFIXES = (
    *("ISSUER", "CLIENT_ID", "CLIENT_SECRET", "LABEL", "SCOPES", "ENDPOINT_HOSTS"),
    *("LINKS_BY_EMAIL", "VERIFIED_CLAIM", "CREATES_USERS", "ROLES_CLAIM", "ROLES", "WAREHOUSES", "ONLY_WAY"),
    "SECOND_FACTORS",
)


@dataclass(frozen=True, eq=False)
class Provider:
    """An identity provider, as the operator has set it up."""

    #: Part of the settings' names and of our addresses.
    name: str
    #: Its Issuer Identifier, compared character by character (OpenID Connect Discovery section 4.3).
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    #: What staff call it, such as "Contoso".
    label: str
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    #: Hosts of its endpoints besides that of the issuer.
    endpoint_hosts: frozenset[str] = frozenset()
    #: Whether the first sign-in links the person who has the same e-mail, if the provider has verified it.
    links_by_email: bool = False
    #: The claim that says so by being true.
    verified_claim: str = "email_verified"
    #: Whether somebody unknown becomes a Back Office user, with mapped roles.
    creates_users: bool = False
    roles_claim: str = "groups"
    #: A value of that claim → the names of the roles that it gives.
    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)
    #: A value of that claim → the names or UUIDs of the warehouses to which it confines rights, or `EVERYWHERE`. If
    #: empty, staff confine people.
    warehouses: Mapping[str, frozenset[str]] = field(default_factory=dict)
    #: Whether whoever signs in here can no longer enter the Back Office by password.
    is_only_way: bool = False
    #: Values of `acr` and `amr` of which one counts as our second factor.
    second_factors: frozenset[str] = frozenset()
    #: Whether plain http is allowed, to this machine only.
    allows_loopback: bool = False

    @property
    def mapped_roles(self) -> frozenset[str]:
        """The roles that a sign-in gives and takes. All others are left to staff."""
        return frozenset().union(*self.roles.values())

    @property
    def mapped_warehouses(self) -> frozenset[str]:
        """The warehouses whose management a sign-in gives and takes, by name or UUID. All others are left to staff."""
        return frozenset().union(*self.warehouses.values()) - {EVERYWHERE}

    def owns(self, url: str) -> bool:
        """Whether the URL is at the provider: https, of the issuer's own host and port or of `endpoint_hosts`."""
        own, other = urlsplit(self.issuer), urlsplit(url)
        if not is_address(url, allows_loopback=self.allows_loopback):
            return False
        return (other.scheme, other.netloc) == (own.scheme, own.netloc) or (
            other.scheme == "https" and other.netloc in self.endpoint_hosts
        )


def is_address(url: str, *, allows_loopback: bool) -> bool:
    """Whether the text is an https URL without user information or fragment. Plain http is for loopback hosts only."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 (raises ValueError for an invalid port)
    except ValueError:
        return False
    if not (url.isascii() and url.isprintable()) or re.search(r"[\s\\#]", url) or "@" in parts.netloc:
        return False
    is_loopback = parts.scheme == "http" and parts.hostname in _LOOPBACK
    return bool(parts.hostname) and (parts.scheme == "https" or (is_loopback and allows_loopback))


def company_accounts(env: Environment) -> tuple[dict[str, Provider], bool, str]:
    """The settings `OIDC_PROVIDERS`, `COMPANY_ACCOUNT_ONLY` and `BREAK_GLASS_EMAIL`.

    Raises ImproperlyConfigured for what cannot be meant, and if nobody could sign in while a provider is down.
    """
    allows_loopback = env.bool("OIDC_ALLOW_LOOPBACK", default=False)
    names = env.list("OIDC_PROVIDERS", default=[])
    providers = {name: _read(name, env, allows_loopback=allows_loopback) for name in names}
    if len({one.issuer for one in providers.values()}) < len(names):
        raise ImproperlyConfigured("OIDC_PROVIDERS: a provider is named twice, or two have the same issuer.")
    for_all = env.bool("COMPANY_ACCOUNT_ONLY", default=False)
    break_glass = parseaddr(env.email_address("BREAK_GLASS_EMAIL", default=""))[1]
    if for_all and not providers:
        raise ImproperlyConfigured("COMPANY_ACCOUNT_ONLY is set, and OIDC_PROVIDERS names no provider.")
    if (for_all or any(one.is_only_way for one in providers.values())) and not break_glass:
        raise ImproperlyConfigured(
            "Set BREAK_GLASS_EMAIL: one administrator must be able to sign in by password when a provider is down."
        )
    return providers, for_all, break_glass


def _read(name: str, env: Environment, *, allows_loopback: bool) -> Provider:
    if not re.fullmatch(r"[a-z][a-z0-9]{0,19}", name):
        raise ImproperlyConfigured(f"OIDC_PROVIDERS: {name!r} must be small letters and digits, such as entra.")
    prefix = f"OIDC_{name.upper()}_"
    _refuse_misspelt(prefix)
    issuer = _required(env, f"{prefix}ISSUER")
    if not is_address(issuer, allows_loopback=allows_loopback) or "?" in issuer:
        raise ImproperlyConfigured(f"{prefix}ISSUER must be an https address without ? and #, not {issuer!r}.")
    provider = Provider(
        name=name,
        issuer=issuer,
        client_id=_required(env, f"{prefix}CLIENT_ID"),
        client_secret=_required(env, f"{prefix}CLIENT_SECRET"),
        label=env.name(f"{prefix}LABEL", default=name.title()),
        scopes=tuple(env.list(f"{prefix}SCOPES", default=["openid", "profile", "email"])),
        endpoint_hosts=frozenset(env.list(f"{prefix}ENDPOINT_HOSTS", default=[])),
        links_by_email=env.bool(f"{prefix}LINKS_BY_EMAIL", default=False),
        verified_claim=env.name(f"{prefix}VERIFIED_CLAIM", default="email_verified"),
        creates_users=env.bool(f"{prefix}CREATES_USERS", default=False),
        roles_claim=env.name(f"{prefix}ROLES_CLAIM", default="groups"),
        roles=_map(env, f"{prefix}ROLES", {"warehouse-admins": "Administrator"}),
        warehouses=_map(env, f"{prefix}WAREHOUSES", {"berlin-managers": "Berlin", "warehouse-admins": EVERYWHERE}),
        is_only_way=env.bool(f"{prefix}ONLY_WAY", default=False),
        second_factors=frozenset(env.list(f"{prefix}SECOND_FACTORS", default=[])),
        allows_loopback=allows_loopback,
    )
    if "openid" not in provider.scopes:
        raise ImproperlyConfigured(f"{prefix}SCOPES must contain openid.")
    if provider.creates_users and not provider.roles:
        raise ImproperlyConfigured(f"{prefix}CREATES_USERS needs {prefix}ROLES: a new user must have a role.")
    return provider


def _required(env: Environment, name: str) -> str:
    if value := str(env.str(name, default="")):
        return value
    raise ImproperlyConfigured(f"Set {name} in the environment: OIDC_PROVIDERS names its provider.")


def _refuse_misspelt(prefix: str) -> None:
    known = {f"{prefix}{suffix}{of}" for suffix in SUFFIXES for of in ("", "_FILE")}
    if unknown := sorted(name for name in os.environ if name.startswith(prefix) and name not in known):
        raise ImproperlyConfigured(f"{unknown[0]} is no setting. A provider has: {', '.join(SUFFIXES)}.")


def _map(env: Environment, name: str, example: dict[str, str]) -> dict[str, frozenset[str]]:
    """`{"group": "Name"}` or `{"group": ["Name", "Another"]}`."""
    try:
        given: Any = json.loads(str(env.str(name, default="{}")))
        found = {group: [names] if isinstance(names, str) else names for group, names in given.items()}
        is_valid = all(isinstance(names, list) for names in found.values())
        is_valid = is_valid and all(isinstance(one, str) and one.strip() for names in found.values() for one in names)
    except (ValueError, AttributeError, TypeError):
        is_valid = False
    if not is_valid:
        raise ImproperlyConfigured(f"{name} must be JSON such as {json.dumps(example)}.")
    return {group: frozenset(names) for group, names in found.items()}
