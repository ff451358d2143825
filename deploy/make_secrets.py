"""Makes the secrets of `compose.yaml` that are missing, each for one user only, and a certificate to start with.

In the folder that is named, or `/secrets`.
"""

from __future__ import annotations

import os
import secrets
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

#: User numbers in the containers: the site's (`Containerfile`), PostgreSQL's and nginx's (their images).
SITE, DATABASE, NGINX = 10_001, 999, 101
YEAR = timedelta(days=365)


def write(path: Path, content: str, owner: int) -> None:
    """An unfinished file is never taken for a secret."""
    draft = path.with_suffix(".unfinished")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as file:
        file.write(content)
    if os.geteuid() == 0:
        os.chown(draft, owner, owner)
    draft.replace(path)


def certificate(name: str) -> tuple[str, str]:
    """A certificate that its own key signs, and the key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(names, names, key.public_key(), x509.random_serial_number(), now, now + YEAR)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    return (
        made.public_bytes(pem).decode(),
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain).decode(),
    )


def main(folder: Path) -> None:
    password, url = folder / "database" / "password", folder / "site" / "database_url"
    key, chain = folder / "tls" / "key.pem", folder / "tls" / "certificate.pem"
    for one in (password, url, key):
        one.parent.mkdir(exist_ok=True)
    if not (folder / "site" / "secret_key").exists():
        write(folder / "site" / "secret_key", secrets.token_urlsafe(48), SITE)
    if not (password.exists() and url.exists()):
        word = secrets.token_urlsafe(32)
        write(password, word, DATABASE)
        write(url, f"postgres://warehouse:{word}@database:5432/warehouse", SITE)
    if not (key.exists() and chain.exists()):
        public, private = certificate(os.environ.get("SITE_HOST", "localhost"))
        write(key, private, NGINX)
        write(chain, public, NGINX)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "/secrets"))
