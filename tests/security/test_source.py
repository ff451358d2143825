"""No secret is kept in the source: no private key, and nothing long and random that is called one."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from django.conf import settings

HOUSE = Path(settings.BASE_DIR)
#: What git is told to leave out, git itself, and the tests, whose secrets open nothing.
LEFT_OUT = (*(HOUSE / ".gitignore").read_text().replace("/\n", "\n").split(), ".git", "tests")
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
#: Something that is set, as code, JSON, YAML and environments spell it, and to what.
SET = re.compile(
    r"""[\w.-]*(?:secret|passw|token|key|credential)[\w.-]*["']?\]?\s*[:=]+\s*[brf]?["']?([\w+/=.~!@#$%^&*-]{20,})""",
    re.IGNORECASE,
)
#: Stands in the examples of the documentation in the place of a signature; in base64, "signature".
NO_SIGNATURE = "c2lnbmF0dXJl"
#: Of a character, in bits. Words have less, and digits in them nowhere.
RANDOM = 3.5


def sources() -> Iterator[Path]:
    """All files that are kept."""
    for path in HOUSE.iterdir():
        if not is_left_out(path.name):
            within = path.rglob("*") if path.is_dir() else [path]
            yield from (one for one in within if one.is_file() and not any(map(is_left_out, parts_of(one))))


def parts_of(path: Path) -> tuple[str, ...]:
    return path.relative_to(HOUSE).parts


def is_left_out(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in LEFT_OUT)


def secrets_in(text: str) -> list[str]:
    values = [value for value in SET.findall(text) if is_random(value) and NO_SIGNATURE not in value]
    return PRIVATE_KEY.findall(text) + values


def is_random(value: str) -> bool:
    """As made secrets are, unlike names, addresses and words."""
    shares = [count / len(value) for count in Counter(value).values()]
    entropy = -sum(share * math.log2(share) for share in shares)
    return entropy > RANDOM and len(re.findall(r"\d+", value)) > 1 and re.search(r"[a-z]", value, re.I) is not None


def test_no_secret_is_in_the_source() -> None:
    read = {path.relative_to(HOUSE).as_posix(): path.read_bytes().decode(errors="replace") for path in sources()}

    assert {
        "manage.py",
        "config/settings.py",
        "users/models/oauth/signing_key.py",
        "README.md",
        "Makefile",
        ".ci/run",
    } <= set(read)
    assert {name: found for name, text in read.items() if (found := secrets_in(text))} == {}


MADE = "q7Zr2Wm9xT4vLk8sB1nYc6Hd"


@pytest.mark.parametrize(
    "text",
    [
        f'SECRET_KEY = "{MADE}"',
        f"    SECRET_KEY={MADE}",
        f"environ['DB_PASSWORD'] = '{MADE}'",
        f'{{"client_secret": "{MADE}"}}',
        f'login(access_token="{MADE}")',
        f"api-key: {MADE}",
        'signing_key = b"3f0c9a5d7e8b4c1d9a2e6f7081b2c3d4"',
        "-----BEGIN PRIVATE KEY-----\nMII",
        "-----BEGIN RSA PRIVATE KEY-----\nMII",
    ],
)
def test_a_secret_would_be_found(text: str) -> None:
    assert len(secrets_in(f"first line\n{text}\nlast line")) == 1


@pytest.mark.parametrize(
    "text",
    [
        'SECRET_KEY = env.str("SECRET_KEY")',
        "token = AccessToken.objects.of_the_session_and_its_user",
        'PASSWORD = "correct-Horse-7!"',
        "tokens: dict[str, list[AccessToken]] = {}",
        f"a sentence about a {MADE}",
    ],
)
def test_a_name_or_a_word_is_no_secret(text: str) -> None:
    assert secrets_in(text) == []
