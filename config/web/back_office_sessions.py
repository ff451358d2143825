"""The session store of the Back Office and of `/account/`. The table or a backup of it gives no access to a session.

The key of a row is a digest of the cookie, and its data is encrypted with `SECRET_KEY`.
"""

from __future__ import annotations

from typing import Any

from cryptography.fernet import InvalidToken
from django.contrib.sessions.backends import db
from django.utils import timezone

from config import encryption
from config.digests import digest

#: Session key: whether the person may not enter the Back Office. Their session never opens it, whatever they become.
ACCOUNT_ONLY = "account_only"
#: Session key: how a company account has started the session; missing if a password has.
COMPANY_ACCOUNT = "company_account"
#: The column's length in hexadecimal digits: 160 bits of SHA-256, more than the entropy of the cookie.
_DIGITS = 40


class SessionStore(db.SessionStore):
    """Django's database store with digests and encryption (`SESSION_ENGINE`)."""

    def encode(self, session_dict: dict[str, Any]) -> str:
        return _fernet().encrypt(self.serializer().dumps(session_dict)).decode()

    def decode(self, session_data: str | bytes) -> dict[str, Any]:
        """Empty for data that cannot be decrypted: that browser has to sign in again."""
        try:
            found: dict[str, Any] = self.serializer().loads(_fernet().decrypt(session_data))
        except InvalidToken:
            return {}
        return found

    def load(self) -> dict[str, Any]:
        return self._content(self._row().first())

    async def aload(self) -> dict[str, Any]:
        return self._content(await self._row().afirst())

    def exists(self, session_key: str) -> bool:
        return super().exists(_key_of(session_key))

    async def aexists(self, session_key: str) -> bool:
        return await super().aexists(_key_of(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        return _with_digest(super().create_model_instance(data))

    async def acreate_model_instance(self, data: dict[str, Any]) -> Any:
        return _with_digest(await super().acreate_model_instance(data))

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            super().delete(_key_of(key))

    async def adelete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            await super().adelete(_key_of(key))

    def _row(self) -> Any:
        """The unexpired session of this cookie: one or none."""
        return self.model.objects.filter(session_key=_key_of(self.session_key or ""), expire_date__gt=timezone.now())

    def _content(self, row: Any) -> dict[str, Any]:
        """The row's data. Without a row, the session key is reset, so that the next save creates a new session."""
        if row is None:
            self._session_key = None
            return {}
        return self.decode(row.session_data)


def reencrypt() -> tuple[int, int]:
    """See `config.encryption.reencrypt`."""
    rows = SessionStore.get_model_class().objects.all()
    return encryption.reencrypt(rows, "session_data", lambda row: _fernet().rotate(row.session_data).decode())


def _fernet() -> Any:
    return encryption.fernet("browser sessions")


def _with_digest(row: Any) -> Any:
    row.session_key = _key_of(row.session_key)
    return row


def _key_of(cookie: str) -> str:
    return digest(cookie)[:_DIGITS]
