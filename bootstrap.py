"""Makes `.venv` and installs one hash-pinned requirements file into it.

Written so that even an old Python 3 can read it and say which one is needed.
"""

import os
import subprocess
import sys

NEEDED = (3, 11)

if sys.version_info < NEEDED:
    sys.exit(
        "Python %d.%d or newer is needed, but %s is %s: install a newer one, then run `make PYTHON=python3.11 ...`."
        % (NEEDED[0], NEEDED[1], sys.executable, sys.version.split()[0])
    )

HERE = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(HERE, ".venv")
PIP = [os.path.join(VENV, "bin", "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]


def main(requirements):
    """Creates the environment if it is missing and installs `requirements` into it."""
    if not os.path.exists(PIP[0]):
        import venv

        print("Making .venv (once; it takes a minute) ...", flush=True)
        venv.EnvBuilder(with_pip=True, clear=True).create(VENV)
    installed = subprocess.call([*PIP, "install", "--require-hashes", "-r", os.path.join(HERE, requirements)])
    if installed != 0:
        sys.exit("The packages of %s could not be installed: see pip's message above." % requirements)


if __name__ == "__main__":
    main(sys.argv[1])
