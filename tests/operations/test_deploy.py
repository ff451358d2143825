"""`deploy/`: files that work as they stand but for the lines marked SET, and hold no secret."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from copy import deepcopy
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from config.installation import BASE_DIR
from tests.support.deployment import DEPLOY, documents, files, inner, program, version
from tests.support.docs import table
from tests.support.servers import nginx

COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
CONTAINERFILE = (DEPLOY / "Containerfile").read_text()
SYSTEMD = DEPLOY / "systemd"
#: Variables of other programs, by what they begin with.
FOREIGN = re.compile(r"POSTGRES_|SITE_HOST$|PATH$|PYTHONDONTWRITEBYTECODE$")
IMAGE = re.compile(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}")


# --- All files ----------------------------------------------------------------------------------------------------
def environment_names() -> set[str]:
    """Names of the environment variables that the files of `deploy/` give to the site."""
    services = COMPOSE["services"].values()
    named = {name for service in services for name in service.get("environment", {})}
    containers = [one for document in documents("kubernetes") for one in inner(document) if "envFrom" in one]
    named |= {variable["name"] for one in containers for variable in one.get("env", [])}
    named |= set(re.findall(r"^(\w+)=", (DEPLOY / "kubernetes" / "settings.env").read_text(), re.M))
    units = "\n".join(path.read_text() for path in files() if path.is_relative_to(SYSTEMD))
    for line in re.findall(r"^Environment=(.+)$", units, re.M):
        named |= set(re.findall(r"(\w+)=", line))
    (image,) = re.findall(r"^ENV (.+(?:\\\n.+)*)", CONTAINERFILE, re.M)
    return named | set(re.findall(r"(\w+)=", image))


def test_every_environment_variable_is_a_setting_in_the_docs() -> None:
    settings = {row["Setting"] for row in table("settings.md", "Settings")}
    named = {name.removesuffix("_FILE") for name in environment_names() if not FOREIGN.match(name)}
    assert len(named) > 8
    assert named - settings == set()


def test_no_file_holds_a_secret() -> None:
    assigned = r"(?:password|passwd|pass|secret[\w-]*key|secret|token)['\"]?\s*[:=]\s*['\"]?[\w+/-]{8,}"
    secret = re.compile(f"BEGIN [A-Z ]*PRIVATE KEY|{assigned}", re.IGNORECASE)
    allowed = re.compile(r"SecretKey|secretName|pgpass:|_FILE|secret_key, path|LoadCredential=|: service_")
    found = [
        (path.name, line)
        for path in files()
        for line in path.read_text().splitlines()
        if secret.search(line) and not allowed.search(line)
    ]
    assert found == []


def test_images_of_others_are_pinned() -> None:
    ours = f"warehouse:{version()}"
    images = [service["image"] for service in COMPOSE["services"].values()]
    images += re.findall(r"^ARG BASE=(.+)$", CONTAINERFILE, re.M)
    assert ours in images
    assert [image for image in images if image != ours and not IMAGE.fullmatch(image)] == []
    assert re.findall(r"^FROM (\S+)", CONTAINERFILE, re.M) == ["${BASE}", "python", "python"]


# --- The container ------------------------------------------------------------------------------------------------
def test_the_image_has_each_folder_of_the_code_and_nothing_else() -> None:
    copied = set(re.findall(r"^COPY (\S+) \S+$", CONTAINERFILE, re.M))
    ignored = (BASE_DIR / ".containerignore").read_text().splitlines()
    apps = {path.parent.name for path in BASE_DIR.glob("*/__init__.py")} - {"tests"}
    assert copied == apps | {"templates", "manage.py", "requirements.txt"}
    assert {line[1:] for line in ignored if line.startswith("!")} == copied
    assert (BASE_DIR / ".dockerignore").readlink() == Path(".containerignore")


def test_the_image_takes_packages_by_their_hashes_and_runs_as_a_user_with_a_number() -> None:
    last = CONTAINERFILE.rsplit("\nFROM ", 1)[1]
    assert re.search(r"--only-binary :all: \\\n\s+--require-hashes -r requirements.txt", CONTAINERFILE)
    assert re.findall(r"^USER (.+)$", last, re.M) == ["10001:10001"]
    assert re.search(r"^HEALTHCHECK .+\\\n\s+CMD \[.*/health/ready", last, re.M)
    assert not re.search(r"\bpip\b|python3-venv|RUN apt-get", last)


def test_every_service_is_confined_and_waits_for_what_it_needs() -> None:
    services = deepcopy(COMPOSE["services"])
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    addresses = [services[name].pop("networks")["default"]["ipv4_address"] for name in ("app1", "app2")]
    (network,) = COMPOSE["networks"]["default"]["ipam"]["config"]
    assert all(ip_address(one) in ip_network(network["subnet"]) for one in addresses)
    assert not any(ip_address(one) in ip_network(network["ip_range"]) for one in addresses)
    assert services["app1"] == services["app2"]
    assert services["app1"]["environment"]["TRUSTED_PROXIES"] == network["subnet"]
    assert list(services["app1"]["depends_on"]) == ["migrate"]
    assert list(services["migrate"]["depends_on"]) == ["database"]
    assert list(services["nginx"]["depends_on"]) == ["app1", "app2"]
    mounted = {volume.split(":")[0] for one in services.values() for volume in one.get("volumes", [])}
    assert {name for name in mounted if not name.startswith("./")} == set(COMPOSE["volumes"])


def test_nginx_of_compose_reads_our_configuration(tmp_path: Path) -> None:
    """The script of the service, with its paths below a folder of the test, and servers that have an address here."""
    key, certificate = nginx.make_certificate(tmp_path)
    (script,) = [part for part in COMPOSE["services"]["nginx"]["command"] if "sed" in part]
    for old, new in {
        "exec nginx -c /tmp/nginx.conf -g 'daemon off;'": "",
        "/tmp/": f"{tmp_path}/",
        " /nginx.conf >": f" {nginx.CONFIGURATION} >",
        "/tls/certificate.pem": str(certificate),
        "/tls/key.pem": str(key),
        "app1:": "127.0.0.2:",
        "app2:": "127.0.0.3:",
    }.items():
        assert old in script
        script = script.replace(old, new)
    subprocess.run(["sh", "-ec", script], check=True)
    text = (tmp_path / "nginx.conf").read_text()
    assert re.findall(r"^\s+(?:listen|server) ([\w.:\[\]]+)", text, re.M) == [
        *("127.0.0.2:8000", "127.0.0.3:8000"),
        *("8080", "[::]:8080", "8443", "[::]:8443"),
    ]
    assert not re.search(r"/var/|/run/|/etc/|^user", re.sub("#.*", "", text), re.M)
    assert nginx.check(tmp_path / "nginx.conf") == ""


def test_secrets_are_made_once_each_for_one_user(tmp_path: Path) -> None:
    def make() -> dict[str, str]:
        environment = {"PATH": os.environ["PATH"], "SITE_HOST": "warehouse.example.test"}
        subprocess.run([sys.executable, DEPLOY / "make_secrets.py", tmp_path], check=True, env=environment)
        return {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}

    made = make()
    assert make() == made
    assert set(made) == {
        *("site/secret_key", "site/database_url", "database/password"),
        *("tls/key.pem", "tls/certificate.pem"),
    }
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in made} == {0o400}
    assert made["site/database_url"] == f"postgres://warehouse:{made['database/password']}@database:5432/warehouse"
    assert len(made["site/secret_key"]) >= 50
    key = load_pem_private_key(made["tls/key.pem"].encode(), None).public_key()
    certificate = x509.load_pem_x509_certificate(made["tls/certificate.pem"].encode())
    pem, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    assert certificate.public_key().public_bytes(pem, form) == key.public_bytes(pem, form)


# --- systemd ------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the units that names programs which are here."""
    folder = tmp_path_factory.mktemp("units")
    for path in SYSTEMD.rglob("*"):
        if path.is_file():
            text = path.read_text().replace("/opt/warehouse/.venv/bin/python", sys.executable)
            copy = folder / path.relative_to(SYSTEMD)
            copy.parent.mkdir(exist_ok=True)
            copy.write_text(text.replace("/usr/bin/curl", sys.executable))
    return folder


def test_systemd_accepts_the_units(units: Path) -> None:
    names = sorted(str(path) for path in units.iterdir() if path.suffix in {".service", ".timer"})
    assert len(names) == 4
    command = [program("systemd-analyze", "systemd"), "verify", "--man=no", *names]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_units_can_do_little_besides_their_work(units: Path) -> None:
    analyze = program("systemd-analyze", "systemd")
    for unit in sorted(units.glob("*.service")):
        command = [analyze, "security", "--offline=true", "--threshold=25", "--no-pager", "--json=short", str(unit)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, f"{unit.name} is exposed more than 2.5 (systemd-analyze security)"
        assert len(json.loads(done.stdout)) > 50


# --- PostgreSQL ---------------------------------------------------------------------------------------------------
def test_haproxy_accepts_its_configuration() -> None:
    command = [program("haproxy", "haproxy"), "-c", "-q", "-f", str(DEPLOY / "patroni" / "haproxy.cfg")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_patroni_acknowledges_only_what_two_nodes_have() -> None:
    node = yaml.safe_load((DEPLOY / "patroni" / "patroni.yml").read_text())
    shared = node["bootstrap"]["dcs"]
    for name in ("synchronous_mode", "synchronous_mode_strict", "failsafe_mode"):
        assert shared[name] is True
    assert shared["ttl"] >= shared["loop_wait"] + 2 * shared["retry_timeout"]
    assert node["watchdog"]["safety_margin"] < shared["ttl"]
    assert "password" not in str(node["postgresql"]["authentication"])
