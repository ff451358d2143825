"""Slow, many and large clients, to the real server over real sockets: others are served, and what is held is bounded.

`make endurance` does the same with thousands, and measures (`tests/endurance/floods.py`).
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil  # type: ignore[import-untyped]
import pytest
from django.conf import settings
from openpyxl import load_workbook

from assignments.models import WarehouseUserAssignment
from config.bodies import LARGE_BODIES
from config.server import SEND_BYTES
from config.streams import MOST_STREAMS
from tests import slow
from tests.back_office import signed_in
from tests.burst import burst
from tests.client import ASSIGNMENTS, JSON_API, PASSWORD, error, sign_in
from tests.live import live_server, production_environment
from users.models import User
from warehouses.models import Warehouse

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]

PATIENCE_SECONDS = 6
WORKERS = 2
#: Many more than there are workers.
MANY = 40
#: Another address than that of the honest.
FLOODER = "127.0.0.2"
#: In which an honest caller is answered, whatever others do: less than the patience with them.
AT_ONCE_SECONDS = 4.5
#: In bytes, with the file that it may bring along.
MOST_OF_A_FORM = settings.MAX_BODY_BYTES + settings.MAX_UPLOAD_BYTES
TOO_SLOW = error(408, "The request body did not arrive in time.")
DASHBOARD = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"


@pytest.fixture(scope="module")
def patient_url(
    live_url: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[str]:
    """A server with two workers and little patience; a test may name further settings as its parameter."""
    log = tmp_path_factory.mktemp("floods") / "serve.log"
    own = {"WORKERS": str(WORKERS), "PATIENCE_SECONDS": str(PATIENCE_SECONDS)} | getattr(request, "param", {})
    with live_server(production_environment() | own, log) as url:
        yield url


@pytest.fixture
def honest(patient_url: str, olive: User) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {sign_in(olive.email)['access_token']}", "Content-Type": JSON_API}
    with httpx.Client(base_url=patient_url, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
def is_served(honest: httpx.Client, pat_north: WarehouseUserAssignment) -> Callable[[], None]:
    """Asserts that someone who reads and writes is answered at once, by either worker."""

    def is_served() -> None:
        for _ in range(4 * WORKERS):
            began = time.monotonic()
            with httpx.Client(base_url=honest.base_url, headers=honest.headers, timeout=30) as client:
                assert client.get(ASSIGNMENTS).status_code == 200
                body = {"data": {"attributes": {"isActive": True}}}
                assert client.patch(f"{ASSIGNMENTS}/{pat_north.uuid}", json=body).status_code == 200
            assert time.monotonic() - began < AT_ONCE_SECONDS

    return is_served


# --- Slow senders -------------------------------------------------------------------------------------------------
BODIES = {
    "nothing of it": (("Content-Length: 500",), b""),
    "half of it": (("Content-Length: 500",), b"x" * 250),
    "in chunks": (("Transfer-Encoding: chunked",), b"5\r\nhello\r\n"),
}


@pytest.mark.parametrize(("headers", "sent"), BODIES.values(), ids=BODIES.keys())
def test_bodies_that_never_come_hold_nobody_and_are_given_up(
    patient_url: str, is_served: Callable[[], None], headers: tuple[str, ...], sent: bytes
) -> None:
    beginning = slow.head(f"POST {ASSIGNMENTS}", patient_url, "Content-Type: application/json", *headers) + sent
    began = time.monotonic()
    with slow.sockets(patient_url, MANY, beginning) as senders:
        is_served()
        refused = [slow.refusal(sender, began) for sender in senders]

    assert {answer.status for answer in refused} == {408}
    assert {json.dumps(json.loads(answer.content)) for answer in refused} == {json.dumps({"errors": [TOO_SLOW]})}
    assert PATIENCE_SECONDS <= max(answer.seconds for answer in refused) < PATIENCE_SECONDS + 10


FAMILIES = {
    "/warehouse-tokens": [{"message": TOO_SLOW["detail"], "status": 408, "code": None}],
    "/token": {"error": "invalid_request", "error_description": TOO_SLOW["detail"]},
}


@pytest.mark.parametrize(("path", "document"), FAMILIES.items(), ids=FAMILIES.keys())
def test_each_family_says_in_its_own_words_that_it_waited_too_long(
    patient_url: str, path: str, document: object
) -> None:
    beginning = slow.head(f"POST {path}", patient_url, "Content-Length: 5")
    with slow.sockets(patient_url, 1, beginning) as (sender,):
        assert json.loads(slow.refusal(sender, 0).content) == document


def test_a_body_that_trickles_gets_no_more_time_than_its_bytes_buy(
    patient_url: str, is_served: Callable[[], None]
) -> None:
    beginning = slow.head("POST /token", patient_url, "Content-Length: 500")
    began = time.monotonic()
    with slow.sockets(patient_url, MANY, beginning) as senders:
        while time.monotonic() < began + PATIENCE_SECONDS * 0.7:
            for sender in senders:
                sender.sendall(b"x")
            time.sleep(0.2)
        is_served()
        assert {slow.refusal(sender, began).status for sender in senders} == {408}
    assert time.monotonic() - began < PATIENCE_SECONDS + 10


def test_a_slow_line_has_time_for_what_it_does_send(honest: httpx.Client, pat_north: WarehouseUserAssignment) -> None:
    """Longer than the patience with one who sends nothing: 400 kB buy six seconds more."""

    def slowly() -> Iterator[bytes]:
        yield b'{"data":{"attributes":{"isActive":true'
        for _ in range(5):
            yield b" " * 80_000
            time.sleep(PATIENCE_SECONDS / 4)
        yield b"}}}"

    answer = honest.patch(f"{ASSIGNMENTS}/{pat_north.uuid}", content=slowly())

    assert (answer.status_code, answer.json()["data"]["attributes"]["isActive"]) == (200, True)


def test_heads_that_never_end_hold_nobody_and_are_given_up(patient_url: str, is_served: Callable[[], None]) -> None:
    beginning = slow.head(f"GET {ASSIGNMENTS}", patient_url)[:-2] + b"X-Slow: 1"
    began = time.monotonic()
    with slow.sockets(patient_url, MANY, beginning) as senders:
        is_served()
        assert {slow.refusal(sender, began).status for sender in senders} <= {0, 408}
    assert time.monotonic() - began < PATIENCE_SECONDS + 10


def test_a_sender_who_leaves_in_the_middle_is_forgotten(
    patient_url: str, is_served: Callable[[], None], tmp_path: Path
) -> None:
    beginning = slow.head("POST /token", patient_url, "Content-Length: 500") + b"x"
    with slow.sockets(patient_url, MANY, beginning):
        pass
    is_served()


# --- Slow readers -------------------------------------------------------------------------------------------------
def test_readers_who_take_nothing_of_a_file_hold_nobody(patient_url: str, is_served: Callable[[], None]) -> None:
    asked = slow.head(f"GET {DASHBOARD}", patient_url)
    with slow.sockets(patient_url, MANY, asked, receive_bytes=4_096) as readers:
        is_served()
        assert {reader.recv(15) for reader in readers} == {b"HTTP/1.1 200 OK"}


def test_of_a_file_that_nobody_takes_little_lies_in_the_kernel(patient_url: str) -> None:
    """Left to itself it holds all 1.5 MB of it, for each reader."""
    asked = slow.head(f"GET {DASHBOARD}", patient_url)
    with slow.sockets(patient_url, MANY, asked, receive_bytes=4_096) as readers:
        assert {reader.recv(15) for reader in readers} == {b"HTTP/1.1 200 OK"}
        waiting = _unsent_bytes(urlsplit(patient_url).port)

    assert 0 < max(waiting) < 2 * SEND_BYTES


def _unsent_bytes(port: int | None) -> list[int]:
    """Of each connection to this port, from the kernel's table (proc_pid_net(5))."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    unsent = [int(line[4].partition(":")[0], 16) for line in lines if line[1].endswith(f":{port:04X}")]
    return [waiting for waiting in unsent if waiting]


@pytest.mark.parametrize("patient_url", [{"MAX_WAIT_SECONDS": "60"}], indirect=True, ids=["a slow machine, too"])
def test_readers_who_take_nothing_of_a_list_hold_nobody(
    patient_url: str, honest: httpx.Client, is_served: Callable[[], None]
) -> None:
    Warehouse.objects.bulk_create([Warehouse(name=f"{number} {'x' * 200}") for number in range(1_000)])
    asked = slow.head("GET /warehouses", patient_url, f"Authorization: {honest.headers['Authorization']}")
    with slow.sockets(patient_url, MANY, asked, receive_bytes=4_096, source=FLOODER) as readers:
        is_served()
        assert {reader.recv(15) for reader in readers} == {b"HTTP/1.1 200 OK"}


def test_a_file_arrives_whole(honest: httpx.Client) -> None:
    answer = honest.get(DASHBOARD)

    assert len(answer.content) == int(answer.headers["Content-Length"]) > 1_000_000


@pytest.fixture
def office(patient_url: str, ada: User) -> Iterator[httpx.Client]:
    """The Back Office in the browser of one who may do everything."""
    cookies = {name: morsel.value for name, morsel in signed_in(ada).cookies.items()}
    with httpx.Client(base_url=patient_url, cookies=cookies, timeout=30) as client:
        yield client


PEOPLE = "/admin/users/user/"


@pytest.fixture
def many_people(db: None) -> None:
    """More than the kernels of both sides hold of their export."""
    User.objects.bulk_create(
        User(email=f"{number}@example.test", first_name="x" * 45, last_name="y" * 200) for number in range(20_000)
    )


def test_readers_who_take_nothing_of_an_export_hold_nobody(
    patient_url: str, office: httpx.Client, is_served: Callable[[], None], many_people: None
) -> None:
    """There are only so many places for them: the next is told so."""
    cookies = "; ".join(f"{name}={value}" for name, value in office.cookies.items())
    asked = slow.head(f"GET {PEOPLE}export/?format=csv", patient_url, f"Cookie: {cookies}")
    with slow.sockets(patient_url, MANY, asked, receive_bytes=4_096) as readers:
        told = Counter(reader.recv(12) for reader in readers)
        is_served()

    assert set(told) == {b"HTTP/1.1 200", b"HTTP/1.1 503"}
    assert told[b"HTTP/1.1 200"] <= WORKERS * MOST_STREAMS


def test_readers_of_static_files_take_no_place_of_an_export(
    patient_url: str, office: httpx.Client, many_people: None
) -> None:
    """Nobody need sign in for a static file, or a part of one."""
    asked = slow.head(f"GET {DASHBOARD}", patient_url, "Range: bytes=0-1400000")
    with slow.sockets(patient_url, MANY, asked, receive_bytes=4_096, source=FLOODER) as readers:
        told = {reader.recv(15) for reader in readers}
        exports = [office.get(f"{PEOPLE}export/", params={"format": "csv"}) for _ in range(2 * WORKERS)]

    assert {export.status_code for export in exports} == {200}
    assert {export.text.count("\n") for export in exports} == {1 + User.objects.count()}
    assert told == {b"HTTP/1.1 200 OK"}


def test_an_export_begins_before_it_ends_and_arrives_whole(office: httpx.Client, many_people: None) -> None:
    with office.stream("GET", f"{PEOPLE}export/", params={"format": "csv"}) as answer:
        assert (answer.status_code, "Content-Length" in answer.headers) == (200, False)
        lines = sum(1 for _ in answer.iter_lines())

    assert lines == 1 + User.objects.count()


def test_an_export_to_excel_arrives_whole(office: httpx.Client) -> None:
    page = f"{PEOPLE}export/"
    (token,) = set(re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', office.get(page).text))
    asked = office.post(page, params={"format": "xlsx"}, data={"csrfmiddlewaretoken": token})
    job = asked.headers["Location"]
    while office.get(f"{job}progress/").json()["running"]:
        pass
    answer = office.get(f"{job}file/")

    assert load_workbook(BytesIO(answer.content)).active.max_row == 1 + User.objects.count()


# --- Many -----------------------------------------------------------------------------------------------------------
def test_idle_connections_hold_nobody_and_are_closed(patient_url: str, is_served: Callable[[], None]) -> None:
    with slow.sockets(patient_url, 400, b"") as idle:
        is_served()
        began = time.monotonic()
        assert {slow.refusal(connection, began).status for connection in idle} <= {0, 408}
    assert time.monotonic() - began < PATIENCE_SECONDS + 10


def test_the_server_speaks_no_http_2(patient_url: str) -> None:
    """One connection of it could ask for 200 things at once, and send headers of 16 MB."""
    with slow.sockets(patient_url, 1, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") as (sender,):
        assert slow.refusal(sender, 0).status in (0, 400, 505)


MORE_THAN_IT_CAN_DO = {"per_second": 200, "seconds": 3}
BUSY = "More is asked of this server than it can do at the moment. Please try again."


def test_of_more_than_it_can_do_the_server_refuses_what_comes_too_late_and_serves_those_who_ask_little(
    patient_url: str, honest: httpx.Client, pat: User
) -> None:
    body = f"grant_type=password&username={pat.email}&password={PASSWORD}".encode()
    kind = ("Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}", "Connection: close")
    signing_in = slow.head("POST /token", patient_url, *kind) + body
    with ThreadPoolExecutor(1) as threads:
        flood = threads.submit(burst, patient_url, signing_in, source=FLOODER, **MORE_THAN_IT_CAN_DO)
        served = [honest.get(ASSIGNMENTS).status_code for _ in iter(flood.done, True)]
    told = Counter(answer.status for answer in flood.result())
    refused = [answer for answer in flood.result() if answer.status == 503]

    assert set(served) == {200}
    assert set(told) == {200, 503}
    assert told[503] > told[200]
    assert {b"retry-after: 1" in answer.head.lower() for answer in refused} == {True}
    assert [json.loads(content) for content in {answer.content for answer in refused}] == [
        {"error": "server_error", "error_description": BUSY}
    ]
    with httpx.Client(base_url=patient_url, transport=httpx.HTTPTransport(local_address=FLOODER)) as later:
        assert {later.get("/.well-known/jwks.json").status_code for _ in range(50)} == {200}


# --- Large ----------------------------------------------------------------------------------------------------------
def test_a_body_of_nearly_the_limit_is_read_whole(honest: httpx.Client, pat_north: WarehouseUserAssignment) -> None:
    """It lies in a file meanwhile."""
    padded = json.dumps({"data": {"attributes": {"isActive": True, "padding": "x" * 1_000_000}}})

    answer = honest.patch(f"{ASSIGNMENTS}/{pat_north.uuid}", content=padded)

    assert (answer.status_code, answer.json()["data"]["attributes"]["isActive"]) == (200, True)


@pytest.mark.parametrize(("megabytes", "status"), [(3, 302), (8, 200)], ids=["at most", "more"])
def test_a_sheet_is_taken_up_to_its_limit_and_a_page_tells_of_more(
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


def test_a_file_without_end_is_not_received_for_ever(patient_url: str) -> None:
    """However fast it comes, and from whomever: four times of what is taken, and it is cut off."""
    boundary = "Content-Type: multipart/form-data; boundary=x", "Transfer-Encoding: chunked"
    beginning = slow.head(f"POST {PEOPLE}import/", patient_url, *boundary)
    sent, chunk = 0, b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    with slow.sockets(patient_url, 1, beginning) as (sender,), suppress(ConnectionError):
        while sent < 6 * MOST_OF_A_FORM:
            sender.sendall(chunk)
            sent += 65_536
    assert 4 * MOST_OF_A_FORM < sent < 6 * MOST_OF_A_FORM  # the kernel takes some more


def test_only_so_many_large_bodies_are_kept_and_more_are_told_to_come_again(
    patient_url: str, is_served: Callable[[], None]
) -> None:
    """Each is a file, of which a process may open only so many."""
    beginning = slow.head("POST /token", patient_url, "Content-Length: 200000") + b"x" * 100_000
    with slow.sockets(patient_url, (LARGE_BODIES + 40) * WORKERS, beginning) as senders:
        is_served()
        told = Counter(slow.refusal(sender, 0).status for sender in senders)

    assert set(told) == {408, 503}
    assert told[408] <= LARGE_BODIES * WORKERS


def test_large_bodies_leave_no_file_open(patient_url: str, honest: httpx.Client, tmp_path: Path) -> None:
    before = _open_files(patient_url)
    for _ in range(20):
        assert honest.post(ASSIGNMENTS, content=b" " * 200_000).status_code == 400

    assert _open_files(patient_url) <= before


def _open_files(url: str) -> int:
    """Of the server's processes, besides sockets."""
    port = int(url.rpartition(":")[2])
    (main,) = {
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if "serve" in (process.info["cmdline"] or []) and process.environ().get("PORT") == str(port)
        if not any("serve" in parent.cmdline() for parent in process.parents())
    }
    return sum(len(process.open_files()) for process in psutil.Process(main).children())
