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


def make_environment():
    """Creates `.venv`. Some systems ship Python without the parts that this takes."""
    print("Making .venv (once; it takes a minute) ...", flush=True)
    try:
        import venv

        venv.EnvBuilder(with_pip=True, clear=True, symlinks=True).create(VENV)
    except (ImportError, subprocess.CalledProcessError):
        sys.exit("This Python cannot make a virtual environment: install its venv package (Debian: python3-venv).")


def main(requirements):
    """Creates the environment if it is missing and installs `requirements` into it."""
    if not os.path.exists(os.path.join(VENV, "bin", "pip")):  # made last, so that half an environment is made anew
        make_environment()
    installed = subprocess.call([*PIP, "install", "--require-hashes", "-r", os.path.join(HERE, requirements)])
    if installed != 0:
        sys.exit("The packages of %s could not be installed: see pip's message above." % requirements)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit(130)
