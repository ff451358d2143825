"""Settings and secrets: what an installation must say, what it gets without saying, and what stops it."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from config import encryption, installation
from config.environment import Environment
from tests.support.servers import live

REQUIRED = ["SECRET_KEY", "ALLOWED_HOSTS", "ISSUER"]


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of an installation where nothing is set."""
    for name in ["DATABASE_URL", *REQUIRED]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    return tmp_path / "var"


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation with a database of its own, and nothing else set."""
    monkeypatch.setenv("DATABASE_URL", "postgres://user:password@db.example.test/warehouses")
    for name in REQUIRED:
        monkeypatch.delenv(name, raising=False)


# --- Django's own opinion ---------------------------------------------------------------------------------------
@pytest.mark.thorough
def test_the_deployment_check_is_clean_with_production_settings(db: None) -> None:
    environment = live.production_environment() | {"SECRET_KEY": installation.get_random_secret_key()}
    del environment["HTTPS"]

    check = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert check.returncode == 0, check.stderr
    assert check.stdout.startswith("System check identified no issues")


def test_every_change_of_a_model_has_its_migration(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("makemigrations", "--check", "--dry-run")

    assert capsys.readouterr().out == "No changes detected\n"


# --- Required settings ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.usefixtures("production")
def test_a_missing_required_setting_names_itself(name: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        installation.required(name, lambda: pytest.fail("there is no default"))

    assert str(refusal.value) == f"Set {name} in the environment: it is required when DATABASE_URL is set."


@pytest.mark.usefixtures("production")
def test_no_secret_is_made_up_for_a_production_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))

    with pytest.raises(ImproperlyConfigured):
        installation.secret_key()

    assert not (tmp_path / "var").exists()


def test_an_empty_required_setting_is_a_missing_one(production: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "")

    with pytest.raises(ImproperlyConfigured, match="Set SECRET_KEY in the environment"):
        installation.secret_key()


# --- Secrets of the embedded trial --------------------------------------------------------------------------------
def test_a_secret_is_made_once_and_stays(embedded: Path) -> None:
    first = installation.secret_key()

    assert installation.secret_key() == first
    assert [path.name for path in embedded.iterdir()] == ["secret_key"]


def test_a_secret_belongs_to_its_maker_alone(embedded: Path) -> None:
    installation.secret_key()

    assert {stat.filemode(path.stat().st_mode) for path in embedded.iterdir()} == {"-rw-------"}


def test_no_two_installations_share_a_secret(embedded: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = installation.secret_key()
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "other"))

    assert installation.secret_key() != first


def test_the_environment_outranks_the_files(embedded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "from the environment")

    assert installation.secret_key() == "from the environment"
    assert not embedded.exists()


# --- What is kept encrypted ---------------------------------------------------------------------------------------
def test_what_is_kept_for_one_purpose_does_not_open_for_another() -> None:
    kept = encryption.fernet("imports").encrypt(b"a file")

    assert encryption.fernet("imports").decrypt(kept) == b"a file"
    with pytest.raises(InvalidToken):
        encryption.fernet("signing keys").decrypt(kept)


def test_a_new_secret_key_opens_what_the_one_before_it_kept(settings: Any) -> None:
    kept = encryption.fernet("imports").encrypt(b"a file")
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another " * 10

    assert encryption.fernet("imports").decrypt(kept) == b"a file"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(InvalidToken):
        encryption.fernet("imports").decrypt(kept)


# --- Values that cannot be used -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "mysql://user:secret@host/name",
        "postgres://",
        "postgres://user:secret@host:port/name",
        "postgres://user:secret[@host/name",
        "postgres://user:secret@host:5432",
        "postgres://user:secret@host1:5432,host2/name",
        "postgres://user:secret@host1:5432,host2:port/name",
    ],
)
def test_a_database_url_that_is_none_is_refused_and_not_repeated(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)

    with pytest.raises(ImproperlyConfigured) as refusal:
        installation.database_url()

    assert str(refusal.value) == (
        "DATABASE_URL is not the address of a PostgreSQL database: write it as "
        "postgres://user:password@host:5432/name, special characters percent-encoded; several servers as "
        "host1:5432,host2:5432, each with its port or none of them."
    )


@pytest.mark.parametrize("hosts", ["one:1,two:2,three:3", "one,two,three", "[::1]:5432", "/name?host=one,two&port=1,2"])
def test_a_database_url_may_name_several_servers(hosts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"postgres://user:secret@{hosts}{'' if '/' in hosts else '/name'}"
    monkeypatch.setenv("DATABASE_URL", url)

    assert installation.database_url() == url


def test_a_value_of_the_wrong_kind_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGE_LIMIT", "many")

    with pytest.raises(ImproperlyConfigured) as refusal:
        Environment().int("PAGE_LIMIT", default=1)

    assert str(refusal.value) == "PAGE_LIMIT must be a whole number, not 'many'."
