"""Settings that would be ignored or misread stop the start, and say how to write them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import environ
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from config import installation
from config.environment import Environment, host_names, origin
from tests.support.cases import each
from tests.support.servers.live import production_environment

Setting = Callable[..., Any]


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Environment]:
    """An environment in which `X` has this value."""

    def env(value: str) -> Environment:
        monkeypatch.setenv("X", value)
        return Environment()

    return env


# --- TRUSTED_PROXIES ----------------------------------------------------------------------------------------------
HOW_TO_WRITE_NETWORKS = "Write the addresses and networks of your proxies, such as 10.0.0.5,192.168.1.0/24,fd00::/8."
NO_NETWORKS = {
    "*": "'*' does not appear to be an IPv4 or IPv6 network",
    "10.0.0.5,*": "'*' does not appear to be an IPv4 or IPv6 network",
    "127.0.0.1/8": "127.0.0.1/8 has host bits set",
    "10.0.0.0/8,fd00::1/8": "fd00::1/8 has host bits set",
    "10.0.0.5;10.0.0.6": "'10.0.0.5;10.0.0.6' does not appear to be an IPv4 or IPv6 network",
    "10.0.0.5 10.0.0.6": "'10.0.0.5 10.0.0.6' does not appear to be an IPv4 or IPv6 network",
    "10.0.0.5:443": "'10.0.0.5:443' does not appear to be an IPv4 or IPv6 network",
    "10.0.0.*": "'10.0.0.*' does not appear to be an IPv4 or IPv6 network",
    "10.0.0": "'10.0.0' does not appear to be an IPv4 or IPv6 network",
    "10.0.0.0/33": "'10.0.0.0/33' does not appear to be an IPv4 or IPv6 network",
    "proxy.example.test": "'proxy.example.test' does not appear to be an IPv4 or IPv6 network",
    "localhost": "'localhost' does not appear to be an IPv4 or IPv6 network",
    "0.0.0.0/0": "0.0.0.0/0 is everybody",
    "::/0": "::/0 is everybody",
    "10.0.0.5,0.0.0.0/0": "10.0.0.5,0.0.0.0/0 is everybody",
    "0.0.0.0/1,128.0.0.0/1": "0.0.0.0/1,128.0.0.0/1 is everybody",
    "::/1,8000::/1": "::/1,8000::/1 is everybody",
    "2000::/3": "2000::/3 is everybody",
    "::ffff:0:0/96": "::ffff:0:0/96 is everybody",
}


@pytest.mark.parametrize(("value", "problem"), NO_NETWORKS.items(), ids=NO_NETWORKS.keys())
def test_proxies_that_are_nobody_or_everybody_stop_the_start(
    env: Callable[[str], Environment], value: str, problem: str
) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        env(value).networks("X", default=[])
    assert str(refused.value) == f"X: {problem}. {HOW_TO_WRITE_NETWORKS}"


@pytest.mark.parametrize(
    ("value", "networks"),
    [
        ("", []),
        ("127.0.0.1", ["127.0.0.1/32"]),
        (" 10.0.0.5 , 192.168.1.0/24,", ["10.0.0.5/32", "192.168.1.0/24"]),
        ("::1,fd00::/8", ["::1/128", "fd00::/8"]),
        ("10.0.0.0/255.0.0.0", ["10.0.0.0/8"]),
        ("::ffff:10.0.0.0/104", ["10.0.0.0/8"]),
    ],
)
def test_proxies_are_addresses_and_networks(env: Callable[[str], Environment], value: str, networks: list[str]) -> None:
    assert env(value).networks("X", default=[]) == networks


# --- The others ---------------------------------------------------------------------------------------------------
HAS_INVISIBLE = "contains a line break or another invisible character: a file with it must have the line ends of Unix."
IS_QUOTED = "is in quotes, which would be part of the value: write it without them."
#: Name of a setting, a value that cannot be meant, and what is said of it.
REFUSED = [
    ("TRUSTED_PROXIES", "*", f"TRUSTED_PROXIES: {NO_NETWORKS['*']}. {HOW_TO_WRITE_NETWORKS}"),
    ("HTTPS", "ture", "HTTPS must be true or false, not 'ture'."),
    ("REQUIRE_TWO_FACTOR", "enabled", "REQUIRE_TWO_FACTOR must be true or false, not 'enabled'."),
    ("DEBUG", "", "DEBUG must be true or false, not ''."),
    ("PREPARED_STATEMENTS", "2", "PREPARED_STATEMENTS must be true or false, not '2'."),
    ("ACCESS_TOKEN_SECONDS", "0", "ACCESS_TOKEN_SECONDS must be between 1 and 2147483647, not 0."),
    ("REFRESH_TOKEN_SECONDS", "-1", "REFRESH_TOKEN_SECONDS must be between 1 and 2147483647, not -1."),
    ("WAREHOUSE_TOKEN_SECONDS", "7d", "WAREHOUSE_TOKEN_SECONDS must be a whole number, not '7d'."),
    ("AUDIT_DAYS", "0", "AUDIT_DAYS must be between 1 and 2147483647, not 0."),
    ("CLOCK_SKEW_SECONDS", "-5", "CLOCK_SKEW_SECONDS must be between 0 and 2147483647, not -5."),
    ("LOCK_TIMEOUT_SECONDS", "9999999", "LOCK_TIMEOUT_SECONDS must be between 0 and 2147483, not 9999999."),
    ("FORWARDED_HEADER", "X-Real-IP", "FORWARDED_HEADER must be one of X-Forwarded-For, Forwarded, not 'X-Real-IP'."),
    (
        "PATH_PREFIX",
        "/warehouse/",
        "PATH_PREFIX: '/warehouse/' is no path. Write it with a slash at its beginning and none at its end, such as "
        "/warehouse.",
    ),
    ("LOG_LEVEL", "LOUD", "LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL, not 'LOUD'."),
    *[
        (
            name,
            value,
            f"{name} must not be empty, nor have blanks around it: leave it out, or write it such as {example}.",
        )
        for name, value, example in (
            ("DEFAULT_CLIENT_ID", " ", "frontend"),
            ("DEFAULT_CLIENT_ID", " frontend", "frontend"),
            ("HOST", "127.0.0.1 ", "127.0.0.1"),
        )
    ],
    ("PORT", "8000\r", f"PORT {HAS_INVISIBLE}"),
    ("VAR_DIR", "'x'", f"VAR_DIR {IS_QUOTED}"),
    (
        "EMAIL_FROM",
        "the office",
        "EMAIL_FROM must be an e-mail address such as back-office@localhost, not 'the office'.",
    ),
    ("SIGN_IN_DOMAIN", "@staff", "SIGN_IN_DOMAIN must be a domain such as staff.invalid, not '@staff'."),
    (
        "APP_URL",
        "javascript:alert(1)",
        "APP_URL must be the address of a page such as https://app.example.com/, not 'javascript:alert(1)'.",
    ),
    (
        "ALLOWED_HOSTS",
        "https://a.example.test",
        "ALLOWED_HOSTS: 'https://a.example.test' is no host name. Write names without scheme, port and path, such as "
        "warehouse.example.com,10.0.0.5,[fd00::5]; .example.com is a name with all below it.",
    ),
    (
        "ISSUER",
        "https://a.example.test/",
        "ISSUER: 'https://a.example.test/' is no address of a site. Write scheme and host, and no slash or path after "
        "them, such as https://warehouse.example.com.",
    ),
    (
        "EMAIL_URL",
        "smpt://a:b@mail.example.test",
        "EMAIL_URL is not the address of a mail server: write it as smtp+tls://user:password@host:587 or "
        "smtp+ssl://user:password@host:465, special characters percent-encoded.",
    ),
]


#: `manage.py check` with each of these settings in turn, in processes that share the libraries. None reads a setting.
CHECK_EACH = """
import json, os, sys
import django.core.management, manage, pghistory, structlog
cases, sys.argv = json.loads(sys.argv[1]), ["manage.py", "check"]
for name, value in cases:
    if not (child := os.fork()):
        os.environ[name] = value
        sys.exit(manage.main())
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.thorough
def test_a_setting_that_cannot_be_meant_stops_every_command(db: None) -> None:
    command = [sys.executable, "-c", CHECK_EACH, json.dumps([(name, value) for name, value, _ in REFUSED])]
    stopped = subprocess.run(
        command, cwd=settings.BASE_DIR, env=production_environment(), capture_output=True, text=True
    )
    assert stopped.stderr.splitlines() == [line for _, _, line in REFUSED]
    assert stopped.stdout.splitlines() == ["1"] * len(REFUSED)


@each("name", ["SECRET_KEY", "DATABASE_URL", "ISSUER", "ALLOWED_HOSTS", "VAR_DIR", "EMAIL_URL", "HTTPS"])
def test_what_a_file_leaves_around_a_value_is_refused_and_not_repeated(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value, words in (("v\r", HAS_INVISIBLE), ("\ufeffv", HAS_INVISIBLE), ("'v'", IS_QUOTED), ('"v"', IS_QUOTED)):
        monkeypatch.setenv(name, value)
        for read in (installation.value_of, Environment().str):
            with pytest.raises(ImproperlyConfigured, match=f"^{re.escape(f'{name} {words}')}$"):
                read(name)


@pytest.mark.parametrize(
    ("text", "value"), [("True", True), (" on ", True), ("YES", True), ("1", True), ("no", False), ("0", False)]
)
def test_booleans_have_many_spellings(env: Callable[[str], Environment], text: str, value: bool) -> None:
    assert env(text).bool("X", default=not value) is value


def test_a_level_may_be_in_small_letters(env: Callable[[str], Environment]) -> None:
    assert env("debug").log_level("X", default="INFO") == "DEBUG"


@pytest.mark.parametrize("address", ["office@example.test", "The office <office@example.test>"])
def test_a_sender_may_have_a_name(env: Callable[[str], Environment], address: str) -> None:
    assert env(address).email_address("X", default="back-office@localhost") == address


HOSTS = "warehouse.example.test, .example.test,localhost,10.0.0.5,[fd00::5],WAREHOUSE"
NO_HOSTS = (
    "*",
    "https://a.test",
    "a.test:8000",
    "a.test/x",
    "a test",
    "a;b",
    "*.a.test",
    "::1",
    "[::1",
    "a_b.test",
    ",",
)


def test_hosts_are_names_and_addresses() -> None:
    assert host_names("X", HOSTS) == HOSTS.replace(" ", "").split(",")


@pytest.mark.parametrize("text", NO_HOSTS)
def test_a_host_that_no_request_can_name_and_all_at_once_are_refused(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=re.escape(f"X: {text!r} is no host name.")):
        host_names("X", text)


@pytest.mark.parametrize("address", ["https://a.test", "http://127.0.0.1:8000", "http://[::1]:8000"])
def test_an_issuer_is_scheme_and_host(address: str) -> None:
    assert origin("X", address) == address


@pytest.mark.parametrize(
    "address",
    [
        *("a.test", "//a.test", "https://a.test/", "https://a.test/sso", "https://a.test?x", "https://a.test#x"),
        *("ftp://a.test", "https://", "https://u:p@a.test", "https://a.test:x", "https://a.test:0", "https://[::1"),
        *("https://a.test\n", " https://a.test", "https://a b.test", "https://.a.test", "https://a..test"),
    ],
)
def test_an_issuer_with_anything_else_is_refused(address: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="is no address of a site"):
        origin("X", address)


@pytest.mark.parametrize(
    "url", ["smtps://", "smtp://:25", "smtp+ssl://user:secret@mail.example.test:port", "mail.example.test", "x://h"]
)
def test_a_mail_server_that_is_none_is_refused_and_not_repeated(env: Callable[[str], Environment], url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="is not the address of a mail server") as refused:
        env(url).mail_server("X", default="dummymail://")
    assert url not in str(refused.value)


def test_a_mail_server_is_taken_apart(env: Callable[[str], Environment]) -> None:
    server = env("smtp+tls://me:my%20word@mail.example.test:587").mail_server("X", default="dummymail://")
    assert (server["EMAIL_HOST"], server["EMAIL_PORT"], server["EMAIL_USE_TLS"]) == ("mail.example.test", 587, True)
    assert (server["EMAIL_HOST_USER"], server["EMAIL_HOST_PASSWORD"]) == ("me", "my word")


def test_an_empty_folder_of_the_installation_is_as_if_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAR_DIR", "")
    assert installation.var_dir() == settings.BASE_DIR / "var"


# --- Secrets in files -----------------------------------------------------------------------------------------------
@each("name", ["SECRET_KEY", "SECRET_KEY_FALLBACKS", "DATABASE_URL", "EMAIL_URL"])
def test_a_value_may_be_in_a_file_and_is_not_put_into_the_environment(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / name
    monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(f"{name}_FILE", str(file))
    for text in ("a=b ü", "a=b ü\n", "a=b ü\r\n"):
        file.write_bytes(text.encode())
        assert (installation.value_of(name), Environment().str(name)) == ("a=b ü", "a=b ü")
    assert name not in os.environ
    monkeypatch.setenv(name, "")
    assert installation.value_of(name) == "a=b ü"


@each("name", ["SECRET_KEY", "SECRET_KEY_FALLBACKS", "DATABASE_URL", "EMAIL_URL"])
def test_a_file_that_gives_no_value_is_named_and_its_content_is_not_repeated(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / name
    cases = [
        (None, "", f"{name}_FILE: {file} cannot be read (No such file or directory)."),
        (b"", "", f"{name}_FILE: {file} is empty."),
        (b"\n", "", f"{name}_FILE: {file} is empty."),
        (b"\xff\xfe", "", f"{name}_FILE: {file} cannot be read (it is no text in UTF-8)."),
        (b"one\ntwo\n", "", f"{name} {HAS_INVISIBLE}"),
        (b"'secret'\n", "", f"{name} {IS_QUOTED}"),
        (b"secret", "secret too", f"{name} and {name}_FILE are both set: leave one of them out."),
    ]
    monkeypatch.setenv(f"{name}_FILE", str(file))
    for content, given, line in cases:
        monkeypatch.setenv(name, given)
        if content is not None:
            file.write_bytes(content)
        for read in (installation.value_of, Environment().str):
            with pytest.raises(ImproperlyConfigured) as refused:
                read(name)
            assert str(refused.value) == line


@pytest.mark.thorough
def test_an_installation_may_have_all_its_secrets_in_files(db: None, tmp_path: Path) -> None:
    environment = production_environment() | {"EMAIL_URL": "smtp+tls://me:word@mail.example.test:587"}
    environment["SECRET_KEY_FALLBACKS"] = "former-1,former-2"
    names = ("SECRET_KEY", "SECRET_KEY_FALLBACKS", "DATABASE_URL", "EMAIL_URL")
    for name in names:
        (tmp_path / name).write_text(environment.pop(name) + "\n")
        environment[f"{name}_FILE"] = str(tmp_path / name)
    program = (
        "from config import settings as s; "
        "print([s.SECRET_KEY, *s.SECRET_KEY_FALLBACKS, s.DATABASES['default']['NAME'], s.EMAIL_HOST_PASSWORD])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True
    )
    expected = [settings.SECRET_KEY, "former-1", "former-2", settings.DATABASES["default"]["NAME"], "word"]
    assert (done.stdout, done.stderr) == (f"{expected}\n", "")
    (tmp_path / "EMAIL_URL").unlink()
    command = [sys.executable, "manage.py", "check", "--deploy"]
    stopped = subprocess.run(command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True)
    line = f"EMAIL_URL_FILE: {tmp_path / 'EMAIL_URL'} cannot be read (No such file or directory)."
    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (1, "", f"{line}\n")


# --- The file .env ------------------------------------------------------------------------------------------------
@pytest.mark.thorough
def test_a_file_beside_manage_py_adds_what_the_environment_does_not_say(db: None, tmp_path: Path) -> None:
    shutil.copy(settings.BASE_DIR / "manage.py", tmp_path)
    shutil.copytree(settings.BASE_DIR / "config", tmp_path / "config")
    for name in ("users", "warehouses", "assignments", "templates"):
        (tmp_path / name).symlink_to(settings.BASE_DIR / name)
    (tmp_path / ".env").write_text("LOG_LEVEL=LOUD\nPORT=no number\n")
    environment = production_environment() | {"PORT": "8000"}
    command = [sys.executable, str(tmp_path / "manage.py"), "check", "--deploy"]
    stopped = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    line = "LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL, not 'LOUD'."
    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (1, "", f"{line}\n")


def test_the_file_may_come_from_windows_and_have_quotes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environ.Env, "ENVIRON", given := {"B_OF_TEST": "mine"})
    file = tmp_path / ".env"
    file.write_bytes(b"\xef\xbb\xbf# ours\r\nA_OF_TEST=\"a b\"\r\n\r\nexport B_OF_TEST=theirs\r\nC_OF_TEST='x=1'\r\n")
    installation.read_env_file(file)
    assert given == {"A_OF_TEST": "a b", "B_OF_TEST": "mine", "C_OF_TEST": "x=1"}


@each("line", ["A_OF_TEST = 1", " A_OF_TEST=1", "secret", "A-OF-TEST=1", "=1"])
def test_a_line_that_cannot_be_read_is_named_and_not_repeated(tmp_path: Path, line: str) -> None:
    file = tmp_path / ".env"
    file.write_text(f"# ours\n{line}\n")
    with pytest.raises(ImproperlyConfigured) as refused:
        installation.read_env_file(file)
    how = "write NAME=value, without blanks before or after the name, or # and a remark."
    assert str(refused.value) == f"{file}, line 2: {how}"
    assert "A_OF_TEST" not in os.environ


def test_a_file_that_is_no_text_is_refused_and_a_missing_one_is_not(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    installation.read_env_file(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ImproperlyConfigured, match=re.escape(f"{file} cannot be read: ")):
        installation.read_env_file(file)
