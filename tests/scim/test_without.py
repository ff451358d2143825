"""Without `SCIM_ENABLED` nothing of SCIM is loaded: its libraries cost memory and time at each start."""

from __future__ import annotations

import subprocess
import sys

from django.conf import settings as site

LOADED = """
import re
import sys
import django
django.setup()
from django.urls import get_resolver
from django.core.handlers.wsgi import WSGIHandler
get_resolver().url_patterns
WSGIHandler()
ours = re.compile(r"(scim2_\\w+|pydantic|assignments[.]scim)$")
print(sorted(filter(ours.match, sys.modules)))
"""


def loaded(**environment: str) -> str:
    needed = {"DJANGO_SETTINGS_MODULE": "config.settings", "PATH": "", "VAR_DIR": str(site.VAR_DIR)}
    needed |= {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none", "SECRET_KEY": "x" * 50}
    needed |= {"ALLOWED_HOSTS": "localhost", "ISSUER": "https://bapi.example.test"}
    found = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=site.BASE_DIR, env=needed | environment, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_nothing_of_it_is_loaded() -> None:
    assert loaded() == "[]\n"


def test_with_it_something_is() -> None:
    assert loaded(SCIM_ENABLED="true") == "['assignments.scim', 'pydantic', 'scim2_models', 'scim2_server']\n"
