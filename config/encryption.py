"""Encryption of what is kept in the database, with keys derived from `SECRET_KEY`, one for each purpose."""

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

#: What AES-GCM wants (NIST SP 800-38D section 8.2).
_NONCE_BYTES = 12


def fernet(purpose: str) -> MultiFernet:
    """Authenticated encryption (Fernet) with a key derived from `SECRET_KEY` for this purpose alone.

    Decrypts what was encrypted under one of `SECRET_KEY_FALLBACKS` too. Anything else raises
    cryptography.fernet.InvalidToken.
    """
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in _keys(purpose)])


def seal(purpose: str, content: bytes, owner: str) -> str:
    """Encrypts a few bytes for a column that is too short for `fernet`; it opens for its owner only.

    AES-256-GCM: 28 bytes longer than the content, in base64.
    """
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(next(_keys(purpose))).encrypt(nonce, content, owner.encode())
    return base64.urlsafe_b64encode(nonce + sealed).decode()


def unseal(purpose: str, sealed: str, owner: str) -> bytes:
    """What was sealed, under one of `SECRET_KEY_FALLBACKS` too. Raises InvalidTag where nothing was."""
    try:
        kept = base64.urlsafe_b64decode(sealed)
    except ValueError:
        raise InvalidTag from None
    for key in _keys(purpose):
        with suppress(InvalidTag, ValueError):
            return AESGCM(key).decrypt(kept[:_NONCE_BYTES], kept[_NONCE_BYTES:], owner.encode())
    raise InvalidTag


def reencrypt(rows: models.QuerySet[Any], column: str, encrypted_anew: Callable[[Any], Any]) -> tuple[int, int]:
    """Encrypts a column with the current `SECRET_KEY`; what another process writes at the same moment stays.

    `encrypted_anew` gives the column's new value for a row. Returns how many rows were written, and how many neither
    `SECRET_KEY` nor one of `SECRET_KEY_FALLBACKS` opens.
    """
    written = unreadable = 0
    for row in rows.iterator(chunk_size=100):
        try:
            value = encrypted_anew(row)
        except (InvalidTag, InvalidToken):
            unreadable += 1
        else:
            written += rows.filter(**{"pk": row.pk, column: getattr(row, column)}).update(**{column: value})
    return written, unreadable


def _keys(purpose: str) -> Iterator[bytes]:
    """32 bytes made of each secret for this purpose alone, the current one first."""
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        derivation = HKDF(hashes.SHA256(), length=32, salt=None, info=purpose.encode())
        yield derivation.derive(force_bytes(secret))
