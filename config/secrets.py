"""Secrets: taken from the environment, or, with the embedded database only, made once under `VAR_DIR`.

There is no default secret anywhere. A file made here belongs to its maker alone (mode 600).
"""

import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

from config import database

#: The least that RS256 allows (RFC 7518 section 3.3).
_KEY_BITS = 2048
#: One private key in a text that may hold several.
PEM = re.compile(r"-----BEGIN .+?-----END [A-Z ]+-----", re.DOTALL)


def required(name: str, embedded_default: Callable[[], str]) -> str:
    """The setting `name` from the environment; only with the embedded database may it be left out.

    Raises ImproperlyConfigured, naming the setting, when it is missing and `DATABASE_URL` is set.
    """
    if value := os.environ.get(name):
        return value
    if not database.is_embedded():
        raise ImproperlyConfigured(f"Set {name} in the environment: it is required when DATABASE_URL is set.")
    return embedded_default()


def secret_key() -> str:
    """Django's signing secret (`SECRET_KEY`)."""
    return required("SECRET_KEY", lambda: _read_or_create("secret_key", get_random_secret_key))


def signing_keys() -> str:
    """RSA private keys in PEM (`SIGNING_KEYS`), one after the other: the first signs, all of them verify."""
    pems = required("SIGNING_KEYS", lambda: _read_or_create("signing_keys.pem", new_signing_key))
    _refuse_unreadable_keys(pems)
    return pems


def _refuse_unreadable_keys(pems: str) -> None:
    try:
        keys = [serialization.load_pem_private_key(pem.encode(), password=None) for pem in PEM.findall(pems)]
    except (ValueError, TypeError):  # damaged; protected by a pass phrase
        keys = []
    if not keys or not all(isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _KEY_BITS for key in keys):
        raise ImproperlyConfigured(
            f"SIGNING_KEYS must hold RSA private keys of at least {_KEY_BITS} bits in PEM, without a pass phrase "
            f"and with their line breaks: `openssl genrsa {_KEY_BITS}` makes one."
        )


def new_signing_key() -> str:
    """A new RSA key for RS256, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _read_or_create(name: str, make: Callable[[], str]) -> str:
    path = database.var_dir() / name
    if not path.exists():
        _create_once(path, make())
    return path.read_text()


def _create_once(path: Path, text: str) -> None:
    """Writes the file whole or not at all; when two processes race, the first one's file stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent)  # mkstemp makes it with mode 600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(draft)
