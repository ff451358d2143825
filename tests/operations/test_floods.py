"""Slow, many and large clients in front of nginx (`deploy/nginx.conf`): others are served, and what is held is bounded.

`make endurance` does the same with thousands, and measures (`tests/endurance/floods.py`).
"""

from __future__ import annotations

import json
import re
import select
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil  # type: ignore[import-untyped]
import pytest
from django.conf import settings

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS, JSON_API, sign_in
from tests.support.back_office.staff import signed_in
from tests.support.servers import nginx, slow
from tests.support.servers.live import free_port, patient_environment, running
from tests.support.waiting import MOST_SECONDS, until
from users.models import User
from warehouses.models import Warehouse

pytestmark = [pytest.mark.thorough, pytest.mark.live, pytest.mark.django_db(transaction=True)]

WORKERS = 2
#: Many more than there are workers, and fewer than nginx takes from one address.
MANY = 40
#: Another address than that of the honest.
FLOODER = "127.0.0.2"
LARGE_FILE = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
PEOPLE = "/admin/users/user/"
TIMEOUTS = ("client_header_timeout 10s", "client_body_timeout 10s", "send_timeout 30s", "keepalive_timeout 15s")


def timeouts_of(seconds: int) -> dict[str, str]:
    return {line: f"{line.partition(' ')[0]} {seconds}s" for line in TIMEOUTS}


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[psutil.Process, str]]:
    """The main process of a server that believes nginx, and where it listens."""
    own = {"WORKERS": str(WORKERS), "TRUSTED_PROXIES": "127.0.0.1"}
    with running(patient_environment() | own, tmp_path_factory.mktemp("floods") / "serve.log") as (main, url):
        yield main, urlsplit(url).netloc


@pytest.fixture(scope="module")
def patient(server: tuple[psutil.Process, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """nginx that waits for slow clients longer than any honest one waits for an answer."""
    with nginx.proxy(nginx.folder(tmp_path_factory), server[1], replaced=timeouts_of(120)) as proxy:
        yield proxy.url


@pytest.fixture(scope="module")
def impatient(server: tuple[psutil.Process, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """nginx that waits for one second."""
    with nginx.proxy(nginx.folder(tmp_path_factory), server[1], replaced=timeouts_of(1)) as proxy:
        yield proxy.url


@pytest.fixture
def honest(patient: str, olive: User) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {sign_in(olive.email)['access_token']}", "Content-Type": JSON_API}
    with httpx.Client(base_url=patient, headers=headers, timeout=MOST_SECONDS) as client:
        yield client


@pytest.fixture
def is_served(honest: httpx.Client, pat_north: WarehouseUserAssignment) -> Callable[[], None]:
    """Asserts that someone who reads and writes is answered, by either worker."""

    def is_served() -> None:
        for _ in range(4 * WORKERS):
            assert honest.get(ASSIGNMENTS).status_code == 200
            body = {"data": {"attributes": {"isActive": True}}}
            assert honest.patch(f"{ASSIGNMENTS}/{pat_north.uuid}", json=body).status_code == 200

    return is_served


# --- Slow senders -------------------------------------------------------------------------------------------------
def _body(sent: bytes, *headers: str) -> bytes:
    return slow.head("POST /token", "http://127.0.0.1", "Content-Type: application/json", *headers) + sent


#: What each has sent at first, and what it sends each second.
SLOW = {
    "nothing": (b"", b""),
    "a first line that trickles": (b"GET /users?q=", b"x"),
    "a header that trickles": (b"GET /users HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ", b"x"),
    "a header at a time": (b"GET /users HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"X-Slow: 1\r\n"),
    "nothing of a body": (_body(b"", "Content-Length: 500"), b""),
    "half of a body": (_body(b"x" * 250, "Content-Length: 500"), b""),
    "a body in chunks": (_body(b"5\r\nhello\r\n", "Transfer-Encoding: chunked"), b""),
    "half of a large body": (_body(b"x" * 100_000, "Content-Length: 200000"), b""),
}


def test_slow_senders_of_every_kind_hold_nobody(patient: str, is_served: Callable[[], None]) -> None:
    for beginning, _piece in SLOW.values():
        with slow.sockets(patient, MANY, beginning, source=FLOODER) as senders:
            is_served()
            assert not any(_is_closed(sender) for sender in senders)


def _is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False


@pytest.mark.parametrize(("beginning", "piece"), SLOW.values(), ids=SLOW.keys())
def test_slow_senders_are_given_up(impatient: str, beginning: bytes, piece: bytes) -> None:
    with slow.sockets(impatient, MANY, beginning, source=FLOODER) as senders:
        told = slow.trickle(senders, piece, 0, most_seconds=float("inf"))
    assert Counter(answer.status for answer in told) == {0: MANY}


def test_a_sender_who_leaves_in_the_middle_is_forgotten(patient: str, is_served: Callable[[], None]) -> None:
    with slow.sockets(patient, MANY, _body(b"x", "Content-Length: 500"), source=FLOODER):
        pass
    is_served()


# --- Slow readers -------------------------------------------------------------------------------------------------
def test_readers_who_take_nothing_hold_nobody_and_little_lies_in_the_kernel(
    patient: str, honest: httpx.Client, is_served: Callable[[], None]
) -> None:
    """Of a file of 1.5 MB, and of a list that a worker has made for each of them."""
    Warehouse.objects.bulk_create([Warehouse(name=f"{number} {'x' * 200}") for number in range(1_000)])
    for path, source in ((LARGE_FILE, FLOODER), ("/warehouses", "127.0.0.3")):
        asked = slow.head(f"GET {path}", patient, f"Authorization: {honest.headers['Authorization']}")
        with slow.sockets(patient, MANY, asked, receive_bytes=4_096, source=source) as readers:
            is_served()
            assert {reader.recv(15) for reader in readers} == {b"HTTP/1.1 200 OK"}
            assert 0 < max(_unsent_bytes(urlsplit(patient).port)) < 2 * nginx.SEND_BYTES


def _unsent_bytes(port: int | None) -> list[int]:
    """Of each connection to this port, from the kernel's table (proc_pid_net(5))."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    unsent = [int(line[4].partition(":")[0], 16) for line in lines if line[1].endswith(f":{port:04X}")]
    return [waiting for waiting in unsent if waiting]


def test_readers_who_take_nothing_are_left(impatient: str) -> None:
    asked = slow.head(f"GET {LARGE_FILE}", impatient)
    with slow.sockets(impatient, MANY, asked, receive_bytes=4_096, source=FLOODER) as readers:
        assert {reader.recv(15) for reader in readers} == {b"HTTP/1.1 200 OK"}
        until(lambda: not _unsent_bytes(urlsplit(impatient).port))


# --- Many requests ------------------------------------------------------------------------------------------------
def test_one_address_that_asks_for_too_much_is_refused_and_others_are_served(
    patient: str, is_served: Callable[[], None]
) -> None:
    asked = slow.head("GET /.well-known/jwks.json", patient, "Connection: close")
    told: Counter[int] = Counter()

    def is_refused() -> bool:
        """A machine may be so busy that it asks for no more than it may."""
        with slow.sockets(patient, 900, asked, source=FLOODER) as flood:
            is_served()
            told.update(slow.refusal(sender, 0).status for sender in flood)
        return 429 in told

    until(is_refused)
    assert set(told) == {200, 429}


def test_a_shift_that_signs_in_at_once_behind_one_address_is_let_in(patient: str) -> None:
    """400 is the site's own answer, and spares the test the cost of passwords."""
    with ThreadPoolExecutor(40) as threads:
        told = threads.map(lambda _: httpx.post(f"{patient}/token", data={}, timeout=MOST_SECONDS), range(40))
        assert {answer.status_code for answer in told} == {400}


# --- What nginx refuses -------------------------------------------------------------------------------------------
TOO_LARGE = "The request body is larger than this server accepts."
SHAPES = {
    ASSIGNMENTS: {
        "errors": [
            {"status": "413", "title": "Request Entity Too Large", "detail": TOO_LARGE, "message": TOO_LARGE},
        ]
    },
    "/token?x=/users": {"error": "invalid_request", "error_description": TOO_LARGE},
    "/warehouse-tokens/": [{"message": TOO_LARGE, "status": 413, "code": None}],
}


@pytest.mark.parametrize(("path", "document"), SHAPES.items(), ids=SHAPES.keys())
@pytest.mark.parametrize("header", ["Content-Length: 50000000", "Transfer-Encoding: chunked"])
def test_a_body_that_is_too_large_is_refused_in_the_shape_of_its_family(
    patient: str, path: str, document: object, header: str
) -> None:
    """Before it is sent; in chunks, after the first byte too many."""
    body = b"%x\r\n" % 10_000_000 + b"x" * (settings.MAX_BODY_BYTES + 1) if "chunked" in header else b""
    beginning = slow.head(f"POST {path}", patient, "Connection: close", header) + body
    with slow.sockets(patient, 1, beginning) as (sender,):
        told = slow.refusal(sender, 0)
    assert (told.status, json.loads(told.content)) == (413, document)
    assert b"cache-control: no-store" in told.head.lower()


#: A request line and a header, and the status of what is no HTTP or too much of it.
BROKEN = {
    "no HTTP": (b"hello", b"", 400),
    "control characters in a header": (b"GET /users HTTP/1.1", b"X: \x00\x01", 400),
    "absurd Content-Length": (b"POST /users HTTP/1.1", b"Content-Length: " + b"9" * 30, 400),
    "negative Content-Length": (b"POST /users HTTP/1.1", b"Content-Length: -1", 400),
    "two Content-Lengths": (b"POST /users HTTP/1.1", b"Content-Length: 1\r\nContent-Length: 2", 400),
    "a chunk that is none": (b"POST /users HTTP/1.1", b"Transfer-Encoding: chunked\r\n\r\nzz", 400),
    "a second chunk that is none": (b"POST /users HTTP/1.1", b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\nzz", 400),
    "a large header": (b"GET /users HTTP/1.1", b"X: " + b"x" * 100_000, 431),
    "300 kB of query": (b"GET /users?x=" + b"a" * 300_000 + b" HTTP/1.1", b"X: 1", 431),
    "HTTP/2": (b"PRI * HTTP/2.0", b"", 400),
}


@pytest.mark.parametrize(("line", "header", "status"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_http_is_refused_in_json(patient: str, line: bytes, header: bytes, status: int) -> None:
    sent = line + b"\r\nHost: 127.0.0.1\r\nConnection: close\r\n" + header + b"\r\n\r\n"
    with slow.sockets(patient, 1, sent) as (sender,):
        told = slow.refusal(sender, 0)
    assert (told.status, json.loads(told.content)["errors"][0]["status"]) == (status, str(status))


BUSY = "More is asked of this server than it can do at the moment. Please try again."


def test_where_no_server_answers_callers_are_asked_to_retry(tmp_path_factory: pytest.TempPathFactory) -> None:
    with nginx.proxy(nginx.folder(tmp_path_factory), f"127.0.0.1:{free_port()}", status=503) as proxy:
        answer = httpx.post(f"{proxy.url}/token", timeout=MOST_SECONDS)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json() == {"error": "server_error", "error_description": BUSY}


# --- Large --------------------------------------------------------------------------------------------------------
def test_a_body_of_nearly_the_limit_is_read_whole(honest: httpx.Client, pat_north: WarehouseUserAssignment) -> None:
    padded = json.dumps({"data": {"attributes": {"isActive": True, "padding": "x" * 1_000_000}}})

    answer = honest.patch(f"{ASSIGNMENTS}/{pat_north.uuid}", content=padded)

    assert (answer.status_code, answer.json()["data"]["attributes"]["isActive"]) == (200, True)


def test_a_body_in_chunks_is_read_whole_without_its_trailers(patient: str, honest: httpx.Client, olive: User) -> None:
    form = f"grant_type=password&username={olive.email}&password=correct-Horse-7!".encode()
    kind = "Content-Type: application/x-www-form-urlencoded"
    body = b"%x\r\n%s\r\n0\r\nX-Checksum: 1\r\n\r\n" % (len(form), form)
    asked = slow.head("POST /token", patient, kind, "Transfer-Encoding: chunked", "Connection: close") + body
    with slow.sockets(patient, 1, asked) as (sender,):
        assert slow.refusal(sender, 0).status == 200


@pytest.fixture
def office(patient: str, ada: User) -> Iterator[httpx.Client]:
    """The Back Office in the browser of one who may do everything."""
    cookies = {name: morsel.value for name, morsel in signed_in(ada).cookies.items()}
    with httpx.Client(base_url=patient, cookies=cookies, timeout=MOST_SECONDS) as client:
        yield client


@pytest.mark.parametrize(("megabytes", "status"), [(3, 302), (8, 200)], ids=["at most", "more"])
def test_a_sheet_is_accepted_up_to_its_limit_and_a_page_refuses_more(
    office: httpx.Client, megabytes: int, status: int
) -> None:
    office.get(f"{PEOPLE}import/")
    content = b"email,first_name,last_name\n" + b"\n" * (megabytes * 1024 * 1024)

    answer = office.post(
        f"{PEOPLE}import/",
        data={"csrfmiddlewaretoken": office.cookies["csrftoken"]},
        files={"file": ("people.csv", content)},
    )

    assert answer.status_code == status
    assert ("The file is too large: at most 5 MB." in answer.text) is (status == 200)


def test_a_file_without_end_is_not_received_for_ever(patient: str) -> None:
    """However fast it comes, and from whomever: after 24 MB it is refused."""
    boundary = "Content-Type: multipart/form-data; boundary=x", "Transfer-Encoding: chunked"
    beginning = slow.head(f"POST {PEOPLE}import/", patient, *boundary)
    sent, chunk = 0, b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    with slow.sockets(patient, 1, beginning) as (sender,), suppress(ConnectionError):
        while not select.select([sender], [], [], 0)[0]:
            sender.sendall(chunk)
            sent += 65_536
        assert sender.recv(12) == b"HTTP/1.1 413"
    assert sent > 24 * 2**20


def test_large_bodies_leave_no_file_open(server: tuple[psutil.Process, str], honest: httpx.Client) -> None:
    def open_files() -> int:
        return sum(len(process.open_files()) for process in server[0].children())

    before = open_files()
    for _ in range(20):
        assert honest.post(ASSIGNMENTS, content=b" " * 200_000).status_code == 400

    assert open_files() <= before


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_export_arrives_whole(office: httpx.Client, kind: str) -> None:
    page = f"{PEOPLE}export/"
    (token,) = set(re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', office.get(page).text))
    asked = office.post(page, params={"format": kind}, data={"csrfmiddlewaretoken": token})
    job = asked.headers["Location"]
    until(lambda: not office.get(f"{job}progress/").json()["running"])
    answer = office.get(f"{job}file/")

    assert answer.content.startswith(b"\xef\xbb\xbf" if kind == "csv" else b"PK")
    if kind == "csv":
        assert answer.text.count("\n") == 1 + User.objects.count()


# --- Who asks -----------------------------------------------------------------------------------------------------
def test_the_callers_own_address_is_forwarded_whatever_the_caller_claims(patient: str, olive: User) -> None:
    """With an underscore it would have the same name in WSGI."""
    form = {"grant_type": "password", "username": olive.email, "password": "correct-Horse-7!"}
    claimed = {"X-Forwarded-For": "203.0.113.9", "X_Forwarded_For": "203.0.113.66"}
    with httpx.Client(transport=httpx.HTTPTransport(local_address=FLOODER), timeout=MOST_SECONDS) as client:
        assert client.post(f"{patient}/token", data=form, headers=claimed).status_code == 200
    assert set(olive.sessions.values_list("address", flat=True)) == {FLOODER}


def test_static_files_are_kept_by_nginx_with_the_headers_of_the_site(
    server: tuple[psutil.Process, str], patient: str
) -> None:
    path = "/static/config/docs.css"
    bare, first, second = (
        httpx.get(f"{url}{path}", timeout=MOST_SECONDS) for url in (f"http://{server[1]}", patient, patient)
    )
    for name in ("Content-Security-Policy", "X-Content-Type-Options", "Cache-Control", "Permissions-Policy"):
        assert bare.headers[name] == first.headers[name] == second.headers[name]


# --- The file itself ----------------------------------------------------------------------------------------------
def test_nginx_accepts_the_configuration_with_its_certificates(tmp_path: Path) -> None:
    key, certificate = nginx.make_certificate(tmp_path)
    own = {"/etc/ssl/private/warehouse.key": str(key), "/etc/ssl/certs/warehouse.pem": str(certificate)}
    (tmp_path / "nginx.conf").write_text(nginx.configuration(tmp_path, own))
    assert nginx.check(tmp_path / "nginx.conf") == ""
