"""Only the site's own static files are served: no list of a folder, and nothing of how the site is installed."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.support.waiting import MOST_SECONDS

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]

FOLDERS = ("", "config", "config/", "unfold/css/", "drf_spectacular_sidecar/swagger-ui-dist/")
OUTSIDE = ("manage.py", "var/secret_key", "config/settings.py", ".git/config", ".env", "README.md", "requirements.txt")
WAYS_OUT = ("../", "..%2f", "%2e%2e/", "..%5c", "....//", "%252e%252e%252f", "/", "..;/")


def asked(url: str | httpx.URL, method: str = "GET", **more: Any) -> httpx.Response:
    return httpx.request(method, url, timeout=MOST_SECONDS, **more)


def test_a_file_of_ours_is_served(live_url: str) -> None:
    assert asked(f"{live_url}/static/config/docs.css").status_code == 200


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_folder_is_listed(live_url: str, folder: str) -> None:
    answer = asked(f"{live_url}/static/{folder}")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "007")


def test_nothing_of_the_installation_is_served(live_url: str) -> None:
    """ASVS 4.3.2. The way is sent as it stands: a client would tidy it up."""
    with httpx.Client(base_url=live_url, timeout=MOST_SECONDS) as client:
        for file in OUTSIDE:
            for way in ("", "static/", *(f"static/{out * deep}" for out in WAYS_OUT for deep in (1, 2, 4))):
                answer = client.send(client.build_request("GET", "/", extensions={"target": f"/{way}{file}".encode()}))
                assert answer.status_code in (400, 404), (way, file)
                assert "errors" in answer.json() or answer.status_code == 400, (way, file)


@pytest.mark.parametrize(
    "part", ["bytes=0-9", "bytes=0-", "bytes=-10", "bytes=9999999-", "bytes=0-1,4-5", "bytes=x", "x"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_whoever_asks_for_a_part_of_a_file_gets_all_of_it(live_url: str, method: str, part: str) -> None:
    """The server may ignore `Range` (RFC 9110 section 14.2)."""
    url = f"{live_url}/static/config/docs.css"
    whole, answer = asked(url, method), asked(url, method, headers={"Range": part})
    assert (answer.status_code, answer.content) == (200, whole.content)
    assert answer.headers["Content-Length"] == whole.headers["Content-Length"]
    assert "Content-Range" not in answer.headers


@pytest.mark.parametrize("page", ["/admin/login/", "/docs"])
def test_files_that_a_page_names_are_kept_for_a_year(live_url: str, page: str) -> None:
    """Their names carry a hash of their content: a browser asks once, and never again."""
    named = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', asked(live_url + page).text))
    assert len(named) > 3
    for path in named:
        assert re.search(r"\.[0-9a-f]{12}\.\w+$", path), path
        answer = asked(live_url + path)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "max-age=31536000, public, immutable"
        for file in re.findall(r'url\("?([^")]+)', answer.text) if path.endswith(".css") else ():
            if not file.startswith("data:"):
                kept = asked(httpx.URL(live_url + path).join(file))
                assert (kept.status_code, "immutable" in kept.headers["Cache-Control"]) == (200, True), file


def test_a_file_asked_for_by_its_plain_name_is_kept_for_a_minute(live_url: str) -> None:
    assert asked(f"{live_url}/static/config/docs.css").headers["Cache-Control"] == "max-age=60, public"
