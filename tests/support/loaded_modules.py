"""Which modules a server has loaded once it could answer."""

from __future__ import annotations

import json
import subprocess
import sys

from django.conf import settings

_PROGRAM = """
import json, re, sys
import django
django.setup()
from django.urls import get_resolver
from django.core.handlers.wsgi import WSGIHandler
get_resolver().url_patterns
WSGIHandler()
print(json.dumps(sorted(filter(re.compile(sys.argv[1]).match, sys.modules))))
"""


def loaded(names: str, **environment: str) -> list[str]:
    """The modules whose names match the regular expression, of a site with these settings and no database."""
    needed = {"DJANGO_SETTINGS_MODULE": "config.settings", "PATH": "", "VAR_DIR": str(settings.VAR_DIR)}
    needed |= {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none", "SECRET_KEY": "x" * 50}
    needed |= {"ALLOWED_HOSTS": "localhost", "ISSUER": "https://bapi.example.test"}
    found = subprocess.run(
        [sys.executable, "-c", _PROGRAM, names],
        cwd=settings.BASE_DIR,
        env=needed | environment,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    return list(json.loads(found.stdout))
