"""Encryption of stored data, with one key for each purpose, derived from `SECRET_KEY` by HKDF (RFC 5869)."""

import base64
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import models
from django.utils.encoding import force_bytes

#: The nonce length of AES-GCM (NIST SP 800-38D section 8.2).
_NONCE_BYTES = 12


def fernet(purpose: str) -> MultiFernet:
    """Fernet with this purpose's key; also decrypts with the keys of `SECRET_KEY_FALLBACKS`.

    Decryption of anything else raises cryptography.fernet.InvalidToken.
    """
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in _keys(purpose)])


def seal(purpose: str, content: bytes, owner: str) -> str:
    """AES-256-GCM with `owner` as associated data, for columns too short for Fernet.

    The result is base64 of the content and 28 bytes.
    """
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(next(_keys(purpose))).encrypt(nonce, content, owner.encode())
    return base64.urlsafe_b64encode(nonce + sealed).decode()


def unseal(purpose: str, sealed: str, owner: str) -> bytes:
    """Decrypts the result of `seal`, also with the keys of `SECRET_KEY_FALLBACKS`. Raises InvalidTag."""
    try:
        raw = base64.urlsafe_b64decode(sealed)
    except ValueError:
        raise InvalidTag from None
    for key in _keys(purpose):
        with suppress(InvalidTag, ValueError):
            return AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], owner.encode())
    raise InvalidTag


def reencrypt(rows: models.QuerySet[Any], column: str, reencrypted: Callable[[Any], Any]) -> tuple[int, int]:
    """Encrypts a column with the current `SECRET_KEY`. A value that another process writes at the same time is kept.

    `reencrypted` returns the column's new value for a row. Returns the numbers of rows that were written, and of rows
    that neither `SECRET_KEY` nor one of `SECRET_KEY_FALLBACKS` decrypts.
    """
    written = unreadable = 0
    for row in rows.iterator(chunk_size=100):
        try:
            value = reencrypted(row)
        except (InvalidTag, InvalidToken):
            unreadable += 1
        else:
            written += rows.filter(**{"pk": row.pk, column: getattr(row, column)}).update(**{column: value})
    return written, unreadable


def _keys(purpose: str) -> Iterator[bytes]:
    """A 32-byte key for this purpose from each secret, the current one first."""
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        derivation = HKDF(hashes.SHA256(), length=32, salt=None, info=purpose.encode())
        yield derivation.derive(force_bytes(secret))
