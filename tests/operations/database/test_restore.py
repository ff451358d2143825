"""What `manage.py backup` and `restore` refuse, in one line, and that whatever stops them changes nothing."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]
import psycopg
import pytest

from config.database import backup
from tests import later_release
from tests.support.oauth.held_tokens import Issued
from tests.support.servers import live
from tests.support.servers.databases import (
    command,
    counts,
    installation,
    later_installation,
    later_schema,
    manage,
    new_database,
    refused,
    restored,
    rows,
    run,
    schema,
)
from tests.support.waiting import MOST_SECONDS, until
from users.models import User
from users.models.oauth.signing_key import SigningKey
from users.oauth.key_ring import key_ring

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.live,
    pytest.mark.xdist_group("releases"),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def production(transactional_db: None) -> dict[str, str]:
    key_ring.read()  # so that there is one in the database
    return live.production_environment()


@pytest.fixture
def file(production: dict[str, str], pat: User, tmp_path: Path) -> Path:
    path = tmp_path / "site.dump"
    manage(production, "backup", path)
    return path


@pytest.fixture(scope="module")
def target() -> Iterator[dict[str, str]]:
    """A site of their own with an empty database: what is refused leaves it so."""
    with new_database("target") as url:
        yield installation(url)


@pytest.fixture
def stays_empty(target: dict[str, str]) -> Iterator[None]:
    yield
    assert counts(target["DATABASE_URL"]) == {}


# --- Writing ----------------------------------------------------------------------------------------------------
def test_a_file_that_exists_is_overwritten_only_with_the_option(
    production: dict[str, str], file: Path, pat: User
) -> None:
    before = file.read_bytes()
    pat.delete()

    assert refused(production, "backup", file) == f"{file} exists: give another name, or replace it with --overwrite."
    assert file.read_bytes() == before
    manage(production, "backup", file, "--overwrite")
    assert file.read_bytes() != before


def test_a_folder_that_is_not_there_is_said(production: dict[str, str], tmp_path: Path) -> None:
    assert refused(production, "backup", tmp_path / "nowhere" / "site.dump").startswith(
        "No backup was made: [Errno 2] No such file or directory"
    )


def test_a_database_without_our_tables_is_nothing_to_back_up(target: dict[str, str], tmp_path: Path) -> None:
    assert refused(target, "backup", tmp_path / "site.dump") == (
        "There is nothing to back up: this site has not used this database yet."
    )
    assert list(tmp_path.iterdir()) == []


def test_programs_that_are_missing_are_asked_for_by_their_package() -> None:
    with pytest.raises(backup.BackupError) as refusal:
        backup.client_programs(99)

    assert str(refusal.value).startswith("PostgreSQL 99 needs pg_dump, pg_restore and psql of version 99 or newer (th")
    assert "postgresql-client-99" in str(refusal.value)


@pytest.mark.parametrize("name", ["backup", "restore"])
def test_a_database_that_does_not_answer_is_said(target: dict[str, str], file: Path, name: str) -> None:
    nobody = target | {"DATABASE_URL": f"postgres://a:b@127.0.0.1:{live.free_port()}/x"}

    line = refused(nobody, name, file.with_suffix(".new") if name == "backup" else file)

    assert "the database does not answer (connection failed: " in line
    assert [path.name for path in file.parent.iterdir()] == ["site.dump"]


@contextmanager
def held_up(url: str, table: str) -> Iterator[psycopg.Connection[Any]]:
    """Locks the table for the duration of the block."""
    with psycopg.connect(url) as connection:
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield connection
        connection.rollback()


def waiting(url: str, program: str) -> list[Any]:
    """The backends of that program which wait for a lock."""
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock' AND datname = %s"
    return rows(url, query, program, url.partition("?")[0].rpartition("/")[2])


def _heed_ctrl_c() -> None:
    """Also where these tests themselves were started so that they do not, in the background of a shell."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_backup_leaves_nothing(
    production: dict[str, str], tmp_path: Path, ending: signal.Signals
) -> None:
    url = production["DATABASE_URL"].replace("//postgres:@", "//postgres:not-for-everyone@", 1)
    with held_up(url, "users_user"):
        backup = subprocess.Popen(
            command("backup", str(tmp_path / "site.dump")),
            env=production | {"DATABASE_URL": url},
            preexec_fn=_heed_ctrl_c,
        )
        until(lambda: waiting(url, "pg_dump"))
        (draft,) = tmp_path.iterdir()
        assert draft.name.endswith(".unfinished")
        (dumping,) = psutil.Process(backup.pid).children()
        assert dumping.name() == "pg_dump"
        assert "not-for-everyone" not in " ".join(dumping.cmdline())
        assert dumping.environ()["PGPASSWORD"] == "not-for-everyone"
        backup.send_signal(ending)
        assert backup.wait(timeout=MOST_SECONDS) == 128 + ending

    assert list(tmp_path.iterdir()) == []
    assert psutil.wait_procs([dumping], timeout=MOST_SECONDS)[1] == []


# --- Files that are refused -------------------------------------------------------------------------------------
def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size * 9 // 10)


def spoil(file: Path) -> None:
    """A bit among the rows of a table, which are compressed."""
    content = bytearray(file.read_bytes())
    zlib_stream = content.rindex(b"\x78\x9c")
    content[zlib_stream + 6] ^= 0x10
    file.write_bytes(content)


def write_text(file: Path) -> None:
    file.write_text("-- a database of olden times\n" * 100)


def empty(file: Path) -> None:
    os.truncate(file, 0)


@pytest.mark.parametrize("harm", [cut, spoil, write_text, empty])
def test_what_is_no_sound_backup_is_refused(
    target: dict[str, str], stays_empty: None, file: Path, harm: Callable[[Path], None]
) -> None:
    harm(file)

    line = refused(target, "restore", file)

    assert line.startswith(f"{file} cannot be restored. It is damaged, or no backup: pg_restore: error: ")


def test_a_dump_of_another_database_is_refused(target: dict[str, str], stays_empty: None, tmp_path: Path) -> None:
    path = tmp_path / "other.dump"
    with new_database("other") as url:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE django_migrations (app text, name text)")
            connection.execute("INSERT INTO django_migrations VALUES ('blog', '0001_initial')")
        backup.run("pg_dump", "--format=custom", f"--file={path}", f"--dbname={url}")

    assert refused(target, "restore", path) == (
        f"{path} cannot be restored. It is a dump of something else, not of this site."
    )


def test_a_file_that_is_not_there_is_said(target: dict[str, str], stays_empty: None, tmp_path: Path) -> None:
    assert refused(target, "restore", tmp_path) == f"There is no file {tmp_path}."


def test_a_backup_of_a_newer_release_is_refused(
    production: dict[str, str], target: dict[str, str], stays_empty: None, tmp_path: Path
) -> None:
    path, url = tmp_path / "site.dump", production["DATABASE_URL"]
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('users', '9999_flying', now())")
    try:
        manage(production, "backup", path)
    finally:
        with psycopg.connect(url) as connection:
            connection.execute("DELETE FROM django_migrations WHERE name = '9999_flying'")

    assert refused(target, "restore", path) == (
        "The backup is of a newer release: this one does not know users.9999_flying. "
        "Install the release it was made with, or a later one, and restore again."
    )


def test_another_secret_key_is_refused_unless_that_of_then_is_lost(target: dict[str, str], file: Path) -> None:
    other = target | {"SECRET_KEY": "another " * 10}

    assert refused(other, "restore", file).startswith("SECRET_KEY is not the one that the backup was made with: ")
    assert counts(target["DATABASE_URL"]) == {}
    with new_database("without_the_key") as url:
        told = manage(installation(url) | {"SECRET_KEY": other["SECRET_KEY"]}, "restore", file, "--new-secret-key")
        assert counts(url) == restored(counts(live.database_url()))
        assert told.endswith("until there is a key for it:\nmanage.py rotate_signing_key.\n")


def test_a_secret_key_that_was_rotated_since_then_is_no_obstacle(file: Path) -> None:
    """As long as that of then is among `SECRET_KEY_FALLBACKS`."""
    with new_database("rotated_key") as url:
        site = installation(url)
        rotated = {"SECRET_KEY": "another " * 10, "SECRET_KEY_FALLBACKS": site["SECRET_KEY"]}
        manage(site | rotated, "restore", file)
        assert counts(url) == restored(counts(live.database_url()))


def test_a_server_with_another_secret_key_spoils_no_backup(
    production: dict[str, str], pat: User, tmp_path: Path
) -> None:
    """Whoever asks it: the right server goes on, and with the right key the backup is restored."""
    before = list(SigningKey.objects.values())
    other = production | {"SECRET_KEY": "another " * 10}
    port = live.free_port()
    server = live.start(other | {"PORT": str(port), "WORKERS": "1"}, tmp_path / "other.log")
    try:
        live.wait_until_started(server, tmp_path / "other.log")
        live.wait_until_it_listens(f"http://127.0.0.1:{port}")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=MOST_SECONDS) as client:
            asked = ("/.well-known/jwks.json", "/health/ready")
            assert [client.get(path).status_code for path in asked] == [503, 503]
    finally:
        server.terminate()
        server.communicate(timeout=MOST_SECONDS)
    assert list(SigningKey.objects.values()) == before
    manage(other, "backup", tmp_path / "site.dump")
    with new_database("with_the_right_key") as url:
        manage(installation(url), "restore", tmp_path / "site.dump")
        assert counts(url) == restored(counts(production["DATABASE_URL"]))


def test_a_full_database_is_refused(production: dict[str, str], file: Path) -> None:
    before = counts(production["DATABASE_URL"])

    assert refused(production, "restore", file) == (
        f"The database is not empty: it holds {sum(before.values()):,} rows in {len(before)} tables. "
        "Restore into an empty one, or say --replace to delete all of that. Nothing has changed."
    )
    assert counts(production["DATABASE_URL"]) == before


# --- All or nothing ---------------------------------------------------------------------------------------------
def end_backend(restore: subprocess.Popen[str], url: str, pid: int) -> None:
    rows(url, "SELECT pg_terminate_backend(%s, 60_000)", pid)
    told, complaint = restore.communicate(timeout=MOST_SECONDS)
    assert (restore.returncode, told) == (1, "")
    assert complaint.startswith("CommandError: Nothing was restored, and nothing has changed: ")


def kill_command(restore: subprocess.Popen[str], url: str, pid: int) -> None:
    """What it had sent so far goes on; the word that it was all never comes."""
    restore.kill()
    restore.communicate()


@pytest.mark.parametrize("stop", [end_backend, kill_command])
def test_a_restore_that_is_stopped_changes_nothing(
    file: Path, stop: Callable[[subprocess.Popen[str], str, int], None]
) -> None:
    with new_database("all_or_nothing") as url:
        manage(installation(url), "restore", file)
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE users_user SET first_name = 'Later'")
        before = (counts(url), schema(url))

        with held_up(url, "users_user"):
            arguments = command("restore", str(file), "--replace")
            pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
            restore = subprocess.Popen(arguments, env=installation(url), **pipes)
            ((pid,),) = until(lambda: waiting(url, "psql"))
            stop(restore, url, pid)
        until(lambda: not rows(url, "SELECT FROM pg_stat_activity WHERE pid = %s", pid))

        assert (counts(url), schema(url)) == before
        assert rows(url, "SELECT DISTINCT first_name FROM users_user") == [("Later",)]


# --- What comes after it ----------------------------------------------------------------------------------------
@pytest.fixture
def older(production: dict[str, str], issued: Issued, tmp_path: Path) -> Path:
    """A backup of this release. A migration of the later one is bound to fail: the index that it makes is there."""
    path, url = tmp_path / "older.dump", production["DATABASE_URL"]
    with psycopg.connect(url) as connection:
        connection.execute("CREATE INDEX import_later_by_created_at ON spreadsheets_import (created_at)")
    try:
        manage(production, "backup", path)
    finally:
        with psycopg.connect(url) as connection:
            connection.execute("DROP INDEX import_later_by_created_at")
    return path


@pytest.mark.parametrize(
    ("options", "done", "alive"),
    [((), "", 1), (("--end-sessions",), ", and all sessions have ended", 0)],
)
def test_a_migration_that_fails_after_a_restore_says_what_is_there_and_how_to_go_on(
    older: Path, options: tuple[str, ...], done: str, alive: int
) -> None:
    with new_database("half_way") as url:
        status, told, complaint = run(later_installation(url), "restore", older, *options)

        assert (status, told) == (
            1,
            f"The backup is of an earlier release: {later_release.MIGRATIONS} migrations follow.\n",
        )
        assert complaint == (
            f"CommandError: All of the backup is in the database{done}, but could not be brought up to this release: "
            'relation "import_later_by_created_at" already exists. When the cause is gone, run manage.py migrate, or '
            "start the site, which does so too; there is no need to restore again.\n"
        )
        assert rows(url, "SELECT count(*) FROM users_session WHERE ended_at IS NULL") == [(alive,)]
        with psycopg.connect(url) as connection:
            connection.execute("DROP INDEX import_later_by_created_at")
        manage(later_installation(url), "migrate", "-v0")
        assert schema(url) == later_schema()
