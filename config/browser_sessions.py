"""Sessions of the Back Office in the database, which give nothing away to who reads the table or a backup of it.

A row is found by the digest of its cookie, and what it holds is encrypted with `SECRET_KEY`.
"""

from __future__ import annotations

import hashlib
from typing import Any

from cryptography.fernet import InvalidToken
from django.contrib.sessions.backends import db
from django.utils import timezone

from config import secrets

#: As long as the column is: 160 of SHA-256's bits, more than the cookie itself has.
_DIGITS = 40


class SessionStore(db.SessionStore):
    """Django's own, but for what is written (`SESSION_ENGINE`)."""

    def encode(self, session_dict: dict[str, Any]) -> str:
        return _safe().encrypt(self.serializer().dumps(session_dict)).decode()

    def decode(self, session_data: str | bytes) -> dict[str, Any]:
        """Empty for what this `SECRET_KEY` does not open: that browser has to sign in again."""
        try:
            found: dict[str, Any] = self.serializer().loads(_safe().decrypt(session_data))
        except InvalidToken:
            return {}
        return found

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        row = super().create_model_instance(data)
        row.session_key = _digest(row.session_key)
        return row

    def exists(self, session_key: str) -> bool:
        return super().exists(_digest(session_key))

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            super().delete(_digest(key))

    def _get_session_from_db(self) -> Any:
        rows = self.model.objects.filter(session_key=_digest(self.session_key or ""))
        row = rows.filter(expire_date__gt=timezone.now()).first()
        if row is None:
            self._session_key = None
        return row


def _safe() -> Any:
    return secrets.safe("browser sessions")


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()[:_DIGITS]
