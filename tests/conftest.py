"""People, warehouses and assignments that most tests start from, named as in the contract's examples."""

from __future__ import annotations

import gc
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings
from django.utils import translation

from assignments.models import WarehouseGrant, WarehouseUserAssignment
from config.web.call_stack import in_one_chunk
from tests.support import confinement, hashing, initial_data, middleware_chain, migrated, rendered_templates, underway
from tests.support.api.client import PASSWORD, Api, sign_in
from tests.support.back_office.staff import ada, as_ada, as_manager, manager  # noqa: F401 (fixtures)
from tests.support.clock import clock  # noqa: F401 (a fixture)
from tests.support.confinement import Site
from tests.support.leaks import no_secret_is_written  # noqa: F401 (a fixture)
from tests.support.oauth.code_flow import app, partner  # noqa: F401 (fixtures)
from tests.support.oauth.held_tokens import issued  # noqa: F401 (a fixture)
from tests.support.scim.site import scim  # noqa: F401 (a fixture)
from tests.support.servers.live import live_url  # noqa: F401 (a fixture)
from tests.support.stored_rows import Rows, stored_rows
from users.models import Session, SigningKey, User, totp_device
from users.models.oauth.authorization_code import AuthorizationCode
from users.models.oauth.client import Client
from users.oauth.key_ring import key_ring
from warehouses.models import Warehouse

#: How many tests marked `thorough` this run leaves out.
LEFT_OUT = pytest.StashKey[int]()


def pytest_sessionstart(session: pytest.Session) -> None:
    if session.config.pluginmanager.has_plugin("dsession"):  # the first process of pytest-xdist
        migrated.begin()


def pytest_unconfigure() -> None:
    migrated.end()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        settings.DATABASES["default"]["TEST"]["TEMPLATE"] = migrated.wait()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The roles of the migrations and one signing key, there before each test (`tests.support.initial_data`).

    Servers that tests share know the key by then, and no test meets the moment when keys are read again.
    """
    with django_db_blocker.unblock():
        key_ring.read()
        initial_data.remember()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("users.oauth.key_ring.REREAD_SECONDS", math.inf)
        yield


@pytest.fixture(autouse=True)
def _own_language() -> None:
    """A request leaves its language active."""
    translation.deactivate()


@pytest.fixture(scope="session", autouse=True)
def _pages_only(django_test_environment: None) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        rendered_templates.note_pages_only(patch)
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--whole", action="store_true", help="drills in their long form, as in `make endurance`")


@pytest.fixture(scope="session")
def whole(request: pytest.FixtureRequest) -> bool:
    """Whether a drill (the marker `drill`) is run in its long form, for which `make test` has no time."""
    return bool(request.config.getoption("--whole"))


def pytest_configure() -> None:
    """Benchmarks and `make endurance`, which have the same settings, hash as the site does."""
    settings.PASSWORD_HASHERS = hashing.CHEAP
    totp_device.RECOVERY_DIGEST_COST = hashing.CHEAP_RECOVERY_DIGEST_COST
    middleware_chain.share()


def pytest_collection_finish() -> None:
    """The garbage collector need not look again at what was loaded, nor as often as for a small program."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Runs each test in one chunk of CPython's call stack, as `CallStackMiddleware` does the calls of a page."""
    pyfuncitem.obj = in_one_chunk(pyfuncitem.obj)
    return (yield)


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in its own hook of this name
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What shares a server stays in one process, and so does each file whose tests have a server.

    A file that names a group itself (`xdist_group`) shares what is made once for that group.
    The files whose tests have a browser are in two groups: each group starts one, which keeps what it has compiled.
    pytest-xdist begins with the groups of most tests, and with tests that are in none at last.
    """
    in_browser = list(dict.fromkeys(item.path for item in items if "tests/browser" in item.path.as_posix()))
    for item in items:
        if "live_url" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("live"))
        elif item.path in in_browser:
            item.add_marker(pytest.mark.xdist_group(f"browser {in_browser.index(item.path) % 2}"))
        elif item.get_closest_marker("live") and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Counts them. Processes of pytest-xdist choose tests themselves, and would tell nobody what they leave out."""
    config = items[0].config
    config.stash[LEFT_OUT] = sum(item.get_closest_marker("thorough") is not None for item in items)
    if hasattr(config, "workeroutput"):
        config.workeroutput["left_out"] = config.stash[LEFT_OUT]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Each process has left out the same."""
    node.config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if left_out := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_sep(
            "=", f"{left_out} thorough tests were left out: `make test-all` runs all", yellow=True
        )


@pytest.fixture(autouse=True)
def _threads_end_with_their_test() -> Iterator[None]:
    """Else an e-mail could come during the next test."""
    yield
    underway.wait_for_threads()


@pytest.fixture
def real_hashing(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords and recovery codes are hashed as the site does it, in 30 ms each: for tests of them and of times."""
    settings.PASSWORD_HASHERS = hashing.REAL
    monkeypatch.setattr(totp_device, "RECOVERY_DIGEST_COST", hashing.REAL_RECOVERY_DIGEST_COST)


@pytest.fixture(autouse=True)
def _hash_as_servers_do(request: pytest.FixtureRequest) -> None:
    """A server in a process of its own would hash a password of a live test anew that was hashed for less."""
    if request.node.get_closest_marker("live"):
        request.getfixturevalue("real_hashing")


@pytest.fixture
def password_hash(_hash_as_servers_do: None) -> str:
    """The hash of `PASSWORD`, made once for everybody."""
    return hashing.hashed(PASSWORD)


@pytest.fixture
def make_user(db: None, password_hash: str) -> Callable[..., User]:
    def make(email: str, **fields: Any) -> User:
        first, last = (part.title() for part in email.partition("@")[0].split("."))
        return User.objects.create(
            **{"email": email, "first_name": first, "last_name": last, "password": password_hash} | fields
        )

    return make


@pytest.fixture
def olive(make_user: Callable[..., User]) -> User:
    """A Back Office user."""
    return make_user("olive.office@example.test")


@pytest.fixture
def pat(make_user: Callable[..., User]) -> User:
    """A warehouse user."""
    return make_user("pat.picker@example.test", is_warehouse_user=True)


@pytest.fixture
def sam(make_user: Callable[..., User]) -> User:
    """Another warehouse user."""
    return make_user("sam.stacker@example.test", is_warehouse_user=True)


@pytest.fixture
def north(db: None) -> Warehouse:
    return Warehouse.objects.create(name="North Dock")


@pytest.fixture
def river(db: None) -> Warehouse:
    return Warehouse.objects.create(name="River Annex")


@pytest.fixture
def mill(db: None) -> Warehouse:
    """An inactive warehouse."""
    return Warehouse.objects.create(name="Old Mill", is_active=False)


@pytest.fixture
def assign() -> Callable[..., WarehouseUserAssignment]:
    """The write method, with people and warehouses instead of their uuids."""

    def assign(user: User, warehouse: Warehouse, *, is_active: bool = False) -> WarehouseUserAssignment:
        return WarehouseUserAssignment.objects.assign(
            user_uuid=str(user.uuid), warehouse_uuid=str(warehouse.uuid), is_active=is_active
        )

    return assign


@pytest.fixture
def pat_north(assign: Callable[..., WarehouseUserAssignment], pat: User, north: Warehouse) -> WarehouseUserAssignment:
    return assign(pat, north)


@pytest.fixture
def pat_river(assign: Callable[..., WarehouseUserAssignment], pat: User, river: Warehouse) -> WarehouseUserAssignment:
    return assign(pat, river)


@pytest.fixture
def sam_north(assign: Callable[..., WarehouseUserAssignment], sam: User, north: Warehouse) -> WarehouseUserAssignment:
    return assign(sam, north)


@pytest.fixture
def site(make_user: Callable[..., User]) -> Site:
    """A site manager who is confined to one warehouse, and what is in it and elsewhere."""
    return confinement.build(make_user)


@pytest.fixture
def as_olive(olive: User) -> Api:
    return Api(sign_in(olive.email)["access_token"])


@pytest.fixture
def as_pat(pat: User) -> Api:
    return Api(sign_in(pat.email)["access_token"])


@pytest.fixture
def anonymous(db: None) -> Api:
    return Api()


def make_client(**fields: Any) -> Client:
    """A registered client: an app in a browser, unless told otherwise."""
    scanner = {
        "client_id": "pat-scanner",
        "name": "Pat's scanner",
        "redirect_uris": ["https://scan.example.test/cb"],
        "allowed_origins": ["https://scan.example.test"],
    }
    return Client.objects.create(**scanner | fields)


@pytest.fixture
def scanner(db: None) -> Client:
    return make_client()


def snapshot() -> Rows:
    """Everything that a refused request must leave as it was."""
    models = User, Warehouse, WarehouseUserAssignment, WarehouseGrant, Session, SigningKey, Client, AuthorizationCode
    return stored_rows(model._meta.db_table for model in models)


@pytest.fixture
def nothing_changes() -> Callable[[], Any]:
    """`with nothing_changes():` fails if any row of ours was added, changed or removed inside."""

    @contextmanager
    def watch() -> Iterator[None]:
        before = snapshot()
        yield
        assert snapshot() == before

    return watch
