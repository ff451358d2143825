"""The site's settings, with a database of the tests' own: embedded in a throw-away folder, or `DATABASE_URL`'s server.

With `DATABASE_URL`, Django makes and drops a database beside the one it names; required settings get values here.
"""

import atexit
import os
import shutil
import sys
import tempfile

import psycopg

_folder = tempfile.mkdtemp(prefix="warehouse-test-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)  # runs after the embedded server has been stopped
os.environ["VAR_DIR"] = _folder
# What is compiled once, tests with their assertions too, is kept for all processes of this run and of the next ones.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
os.environ.setdefault("SECRET_KEY", "only-for-the-tests-" + "x" * 40)
os.environ.setdefault("ALLOWED_HOSTS", "testserver,localhost,127.0.0.1")
os.environ.setdefault("ISSUER", "https://bapi.example.test")
os.environ.setdefault("HTTPS", "false")

if "pytest" in sys.modules:  # and not to measure a site that has no SCIM
    # For a docstring of each of its fields, pydantic goes through all modules that are loaded: few as yet.
    import scim2_client.engines.wsgi  # noqa: F401
    import scim2_server.service  # noqa: F401

from config.database import embedded  # noqa: E402 (reads the environment set above)

if "PYTEST_XDIST_WORKER" not in os.environ:  # which has that of the first process
    embedded.start()
    if address := os.environ.get("EMBEDDED_DATABASE_URL"):
        # Nothing in it has to survive the machine, and nobody but the tests locks a table or moves a plan.
        with psycopg.connect(address, autocommit=True) as _operator:
            for name in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum"):
                _operator.execute(f"ALTER SYSTEM SET {name} = off")
            _operator.execute("SELECT pg_reload_conf()")

from config.settings import *  # noqa: E402, F403

MIDDLEWARE = ["tests.support.leaks.Overhearing", *MIDDLEWARE]  # noqa: F405
if "RECORD_WIRE" in os.environ:
    MIDDLEWARE = ["tests.support.api.wire.Recording", *MIDDLEWARE]

INSTALLED_APPS = ["tests.support", *INSTALLED_APPS]  # noqa: F405

EMAIL_DELAY_SECONDS = 0
SENDS_EMAIL = True  # Django's test runner keeps it all, whatever the environment says

STORAGES = STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}  # noqa: F405 (no manifest)
STATIC_ROOT.mkdir()  # noqa: F405 (WhiteNoise warns about a missing folder; no test needs the files in it)
