"""The installation's folder, database and secrets, from the environment (`docs/settings.md`).

Without `DATABASE_URL` the embedded database is used, and a missing secret is generated once under `VAR_DIR`. No secret
has a default.
"""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent

#: Environment variable with the embedded server's URL, set for child processes by the process that started it.
EMBEDDED_URL = "EMBEDDED_DATABASE_URL"

#: Connection timeout of libpq in seconds, in `pg_dump` and `pg_restore` too.
os.environ.setdefault("PGCONNECT_TIMEOUT", "5")
#: libpq gives up a host that does not answer after 15 seconds instead of 15 minutes. `DATABASE_URL` can override these
#: parameters. They are in seconds, `tcp_user_timeout` in milliseconds.
LIBPQ_DEFAULTS = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
}


def var_dir() -> Path:
    """The folder for data, generated secrets and collected static files (`VAR_DIR`)."""
    return Path(os.environ.get("VAR_DIR") or BASE_DIR / "var").resolve()


def is_embedded() -> bool:
    """True without `DATABASE_URL`: database and secrets are under `var_dir()`."""
    return not os.environ.get("DATABASE_URL")


def database_url() -> str:
    """The database's URL for Django's settings. Raises ImproperlyConfigured for an invalid `DATABASE_URL`."""
    if is_embedded():
        return os.environ.get(EMBEDDED_URL) or f"postgres://postgres@/postgres?host={var_dir() / 'postgres'}"
    given = os.environ["DATABASE_URL"]
    if not _is_valid(given):
        raise ImproperlyConfigured(
            "DATABASE_URL is not the address of a PostgreSQL database: write it as "
            "postgres://user:password@host:5432/name, special characters percent-encoded."
        )
    return given


def _is_valid(given: str) -> bool:
    try:
        parts = urlsplit(given)
        return parts.scheme in {"postgres", "postgresql"} and len(parts.path) > 1 and parts.port != 0
    except ValueError:  # an invalid port, or brackets that do not match
        return False


def required(name: str, embedded_default: Callable[[], str]) -> str:
    """The setting `name` from the environment, which has a default only with the embedded database.

    Raises ImproperlyConfigured, naming the setting, if it is missing although `DATABASE_URL` is set.
    """
    if value := os.environ.get(name):
        return value
    if not is_embedded():
        raise ImproperlyConfigured(f"Set {name} in the environment: it is required when DATABASE_URL is set.")
    return embedded_default()


def secret_key() -> str:
    """Django's signing secret (`SECRET_KEY`)."""
    return required("SECRET_KEY", _generated_secret_key)


def _generated_secret_key() -> str:
    """The secret in a file under `VAR_DIR`, created atomically with mode 600. If two processes race, the first wins."""
    path = var_dir() / "secret_key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=path.parent)  # with mode 600
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(get_random_secret_key())
            with suppress(FileExistsError):
                os.link(draft, path)
        finally:
            os.unlink(draft)
    return path.read_text()
