"""After a full day of use no secret is in the database or the log: in clear, in base64 or in hexadecimal digits."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings

from assignments.models import WarehouseUserAssignment
from config.database import backup
from tests.support.oauth.code_flow import APP
from tests.support.servers import a_day, live
from users.models import User
from users.oauth.key_ring import key_ring
from warehouses.models import Warehouse

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]


def spellings(secret: str | bytes) -> Iterator[str]:
    """How a secret may stand in a text: as it is, in hex, and in base64 from wherever its bytes begin there."""
    raw = secret.encode() if isinstance(secret, str) else secret
    if isinstance(secret, str):
        yield secret
    yield raw.hex()
    for before in range(3):
        # The first and last letters depend on the neighbours.
        whole = b64encode(bytes(before) + raw).decode().rstrip("=")
        inner = whole[(before * 8 + 5) // 6 : -1]
        yield inner
        yield inner.translate(str.maketrans("+/", "-_"))


def found(secrets: dict[str, str | bytes], text: str) -> list[str]:
    """What each secret is whose text this is in, whatever the case of its letters."""
    small = text.lower()
    return [name for name, secret in secrets.items() if any(_is_in(small, one.lower()) for one in spellings(secret))]


def _is_in(text: str, spelling: str) -> bool:
    """Six digits stand by chance inside many a moment, id and hash: they count where they are a number of their own."""
    if re.fullmatch(r"\d{6}", spelling):
        return re.search(rf"(?<![0-9a-f.]){spelling}(?![0-9a-f]|\.\d)", text) is not None
    return spelling in text


def dump() -> str:
    """The whole database, as `pg_dump` writes it: schema and rows."""
    return backup.run("pg_dump", f"--dbname={live.database_url()}")


@pytest.mark.thorough
def test_no_secret_of_a_day_is_in_the_database_or_the_log(
    ada: User, pat: User, pat_north: WarehouseUserAssignment, tmp_path: Path
) -> None:
    pat_north.activate()
    port, log = live.free_port(), tmp_path / "serve.log"
    environment = live.production_environment() | {
        "DEFAULT_CLIENT_REDIRECT_URIS": APP,
        "EMAIL_URL": "consolemail://",
        "LOG_LEVEL": "DEBUG",
    }
    server = live.start(environment | {"PORT": str(port), "WORKERS": "2"}, log)
    day = a_day.Day(f"http://127.0.0.1:{port}", server)
    try:
        live.wait_until_ready(server, day.url, log)
        a_day.of_a_warehouse_user(day, pat)
        a_day.of_an_administrator(day, ada, pat)
        database = dump()
    finally:
        day.end()
    secrets: dict[str, str | bytes] = {**day.secrets, **_of_the_installation()}
    _check_that_it_was_a_day(day, database, log.read_text())
    assert found(secrets, database) == []
    assert found(secrets, log.read_text()) == []


def _of_the_installation() -> dict[str, str | bytes]:
    key = key_ring.current.private
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return {"signing key": der[-600:], "SECRET_KEY": settings.SECRET_KEY}


def _check_that_it_was_a_day(day: a_day.Day, database: str, log: str) -> None:
    """What stands there instead of the secrets, so that the search was of the right database and log."""
    kinds = {name.partition(" ")[0] for name in day.secrets}
    wanted = {"password", "code", "access_token", "refresh_token", "sessionid", "csrftoken", "secret", "key", "link"}
    assert wanted <= kinds
    for kind in ("code", "secret"):
        value = next(value for name, value in day.secrets.items() if name.startswith(f"{kind} "))
        assert hashlib.sha256(value.encode()).hexdigest() in database
    for text in ("argon2", "new.hand@example.test", "asked for it"):
        assert text in database
    for event in ("Successful Login", "Failed Login", "Client Secret Made", "Password Updated after Reset"):
        assert event in log


@pytest.mark.parametrize("letters", range(3))
def test_the_search_would_find_each_spelling(north: Warehouse, letters: int) -> None:
    """In a note of a warehouse: as it is, in hex, and in base64 behind other letters."""
    secret = "a-Secret-that-leaks?>"
    behind = "x" * letters + secret + "!"
    for text in (behind, secret.encode().hex().upper(), b64encode(behind.encode()).decode()):
        Warehouse.objects.filter(pk=north.pk).update(note=f"note: {text}.")
        assert found({"secret": secret, "another": "quite-Another-7!"}, dump()) == ["secret"]


def test_the_search_would_find_a_code_and_takes_no_part_of_a_number_for_one() -> None:
    code: dict[str, str | bytes] = {"code": "123456"}
    hidden = (
        "wrong: 123456.",
        "code=123456&next=",
        '{"code": "123456"}',
        "313233343536ff",
        b64encode(b"a 123456 b").decode(),
    )
    for text in hidden:
        assert found(code, text) == ["code"], text
    for text in (
        "11:45:16.123456+00",
        "4123456",
        "1234567",
        "8000-00a123456fc0",
        "ff123456",
        "123456e0",
        "123456.25 ms",
    ):
        assert found(code, text) == [], text
