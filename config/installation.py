"""What this installation is: its folder, its database and its secrets, as the environment says (`docs/settings.md`).

Without `DATABASE_URL` the embedded database is used, and what is missing in the environment is made once under
`VAR_DIR`. There is no default secret anywhere.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent

#: Environment variable through which the process that started the embedded server tells its children the address.
EMBEDDED_URL = "EMBEDDED_DATABASE_URL"

#: Seconds after which libpq, also in `pg_dump` and the like, gives up connecting to a server that does not answer.
os.environ.setdefault("PGCONNECT_TIMEOUT", "5")


def var_dir() -> Path:
    """The folder of everything this installation makes: data, secrets, collected static files (`VAR_DIR`)."""
    return Path(os.environ.get("VAR_DIR") or BASE_DIR / "var").resolve()


def is_embedded() -> bool:
    """True when no `DATABASE_URL` is set, so that database and secrets live under `var_dir()`."""
    return not os.environ.get("DATABASE_URL")


def database_url() -> str:
    """The connection URL for Django's settings. Raises ImproperlyConfigured for a `DATABASE_URL` that is none."""
    if is_embedded():
        return os.environ.get(EMBEDDED_URL) or f"postgres://postgres@/postgres?host={var_dir() / 'postgres'}"
    given = os.environ["DATABASE_URL"]
    if not _names_a_database(given):
        raise ImproperlyConfigured(
            "DATABASE_URL is not the address of a PostgreSQL database: write it as "
            "postgres://user:password@host:5432/name, special characters percent-encoded."
        )
    return given


def _names_a_database(given: str) -> bool:
    try:
        parts = urlsplit(given)
        return parts.scheme in {"postgres", "postgresql"} and len(parts.path) > 1 and parts.port != 0
    except ValueError:  # a port that is no number, brackets that do not match
        return False


def required(name: str, embedded_default: Callable[[], str]) -> str:
    """The setting `name` from the environment; only with the embedded database may it be left out.

    Raises ImproperlyConfigured, naming the setting, when it is missing and `DATABASE_URL` is set.
    """
    if value := os.environ.get(name):
        return value
    if not is_embedded():
        raise ImproperlyConfigured(f"Set {name} in the environment: it is required when DATABASE_URL is set.")
    return embedded_default()


def secret_key() -> str:
    """Django's signing secret (`SECRET_KEY`)."""
    return required("SECRET_KEY", lambda: _read_or_create("secret_key", get_random_secret_key))


def _read_or_create(name: str, make: Callable[[], str]) -> str:
    """The text of a file under `VAR_DIR` that belongs to its maker alone (mode 600)."""
    path = var_dir() / name
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
