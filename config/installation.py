"""The installation's folder, database and secrets, from the environment and `.env` (`docs/settings.md`).

Without `DATABASE_URL` the embedded database is used, and a missing secret is generated once under `VAR_DIR`. No secret
has a default.
"""

import io
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

from config.database import addresses

BASE_DIR = Path(__file__).resolve().parent.parent

#: Optional file with environment variables. Those of the process take precedence.
ENV_FILE = BASE_DIR / ".env"
#: Environment variable with the embedded server's URL, set for child processes by the process that started it.
EMBEDDED_URL = "EMBEDDED_DATABASE_URL"


def read_env_file(path: Path) -> None:
    """Adds the variables of a file to the environment. Raises ImproperlyConfigured if it cannot be read as a whole."""
    if not path.exists():
        return
    try:
        text = path.read_text(encoding="utf-8-sig")  # editors on Windows begin a file with a byte order mark
    except (OSError, UnicodeError) as problem:
        raise ImproperlyConfigured(f"{path} cannot be read: {problem}") from None
    for number, line in enumerate(text.splitlines(), 1):
        if line and not re.match(r"#|(export )?[A-Za-z_0-9]+=", line):
            raise ImproperlyConfigured(
                f"{path}, line {number}: write NAME=value, without blanks before or after the name, or # and a remark."
            )
    environ.Env.read_env(io.StringIO(text))


def value_of(name: str) -> str | None:
    """The environment variable, or the content of the file that the variable with `_FILE` after its name names.

    Raises ImproperlyConfigured for a file that cannot be used, and for what some files leave in a value or around it.
    """
    value = os.environ.get(name)
    if path := os.environ.get(f"{name}_FILE"):
        if value:
            raise ImproperlyConfigured(f"{name} and {name}_FILE are both set: leave one of them out.")
        value = _content(f"{name}_FILE", Path(path))
    if value is None:
        return None
    if not value.isprintable():
        raise ImproperlyConfigured(
            f"{name} contains a line break or another invisible character: a file with it must have the line ends of "
            "Unix."
        )
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"`":
        raise ImproperlyConfigured(f"{name} is in quotes, which would be part of the value: write it without them.")
    return value


def _content(name: str, path: Path) -> str:
    """The text of a file without the line end that editors write after it. Messages do not repeat the text."""
    try:
        text = path.read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeError) as problem:
        reason = getattr(problem, "strerror", None) or "it is no text in UTF-8"
        raise ImproperlyConfigured(f"{name}: {path} cannot be read ({reason}).") from None
    if not text:
        raise ImproperlyConfigured(f"{name}: {path} is empty.")
    return text


class Variables(Mapping[str, str]):
    """The environment variables as `value_of` reads them. What is read from files is not put into the environment,
    which every program that is started inherits."""

    def __getitem__(self, name: str) -> str:
        if (value := value_of(name)) is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(os.environ)

    def __len__(self) -> int:
        return len(os.environ)


def var_dir() -> Path:
    """The folder for data, generated secrets and collected static files (`VAR_DIR`)."""
    return Path(value_of("VAR_DIR") or BASE_DIR / "var").resolve()


def is_embedded() -> bool:
    """True without `DATABASE_URL`: database and secrets are under `var_dir()`."""
    return not value_of("DATABASE_URL")


def database_url() -> str:
    """The database's URL for Django's settings. Raises ImproperlyConfigured for an invalid `DATABASE_URL`."""
    if is_embedded():
        return os.environ.get(EMBEDDED_URL) or f"postgres://postgres@/postgres?host={var_dir() / 'postgres'}"
    return optional_database_url("DATABASE_URL") or ""


def optional_database_url(name: str) -> str | None:
    """The URL in this setting, if it is set. Raises ImproperlyConfigured, without repeating it, if it is none."""
    given = value_of(name)
    if given and not addresses.is_valid(given):
        raise ImproperlyConfigured(f"{name} is not the address of a PostgreSQL database: {addresses.HOW_TO_WRITE}")
    return given or None


def required(name: str, embedded_default: Callable[[], str]) -> str:
    """The setting `name` from the environment, which has a default only with the embedded database.

    Raises ImproperlyConfigured, naming the setting, if it is missing although `DATABASE_URL` is set.
    """
    if value := value_of(name):
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


read_env_file(ENV_FILE)
