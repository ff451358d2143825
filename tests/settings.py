"""The site's settings, with a database of the tests' own: embedded in a throw-away folder, or `DATABASE_URL`'s server.

With `DATABASE_URL`, Django makes and drops a database beside the one it names; required settings get values here.
"""

import atexit
import os
import shutil
import tempfile

_folder = tempfile.mkdtemp(prefix="warehouse-test-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)  # runs after the embedded server has been stopped
os.environ["VAR_DIR"] = _folder
os.environ.setdefault("SECRET_KEY", "only-for-the-tests-" + "x" * 40)
os.environ.setdefault("ALLOWED_HOSTS", "testserver,localhost,127.0.0.1")
os.environ.setdefault("ISSUER", "https://bapi.example.test")
os.environ.setdefault("HTTPS", "false")

from config.database import embedded  # noqa: E402 (reads the environment set above)

embedded.start()

from config.settings import *  # noqa: E402, F403

MIDDLEWARE = ["tests.leaks.Overhearing", *MIDDLEWARE]  # noqa: F405
if "RECORD_WIRE" in os.environ:
    MIDDLEWARE = ["tests.wire.Recording", *MIDDLEWARE]

INSTALLED_APPS = ["tests.support", *INSTALLED_APPS]  # noqa: F405

PASSWORD_HASHERS = ["tests.support.hashing.CheapArgon2Hasher"]

EMAIL_DELAY_SECONDS = 0
SENDS_EMAIL = True  # Django's test runner keeps it all, whatever the environment says

STATIC_ROOT.mkdir()  # noqa: F405 (WhiteNoise warns about a missing folder; no test needs the files in it)
