"""Whatever stands in an address or a form of the Back Office is answered with a page, to everybody, never with a 500.

`make endurance PARTS=pages` does the same for longer and over HTTP.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Browser

from tests.support.api.permissions import undone
from tests.support.fuzzing import callers
from tests.support.fuzzing.pages import Answer, Page, Request, fuzz, routes
from users.models import User

pytestmark = pytest.mark.thorough

SEED = int(os.environ.get("FUZZ_SEED", "1"))
#: The share of what might be sent, in the short form and in the long one. Most of it is sent as who may see most.
SHARES = {False: {"superuser": 0.04}, True: {"superuser": 0.3}}
FEW = {False: 0.02, True: 0.05}
#: In the short form, each caller but that one tries a quarter of the routes, each caller another quarter than the next.
STEP = {False: 4, True: 1}
#: Caller → of how many routes they must be shown a page, and how many forms must take what is no attack: else nothing
#: was really tried.
TRIED = {
    "superuser": (55, 18),
    "Administrator": (55, 18),
    "Staff manager": (35, 10),
    "Site manager": (35, 8),
    "Warehouse manager": (25, 6),
    "Auditor": (35, 6),
    "no role": (5, 2),
    "warehouse user": (1, 0),
    "nobody": (1, 0),
}


def sender(person: User | None) -> Callable[[Request], Answer]:
    """Sends as this person. What a request writes is taken back, so that the next one finds the same rows."""
    cookies = callers.cookies_of(person)
    token = {"X-CSRFToken": cookies["csrftoken"]}

    def send(request: Request) -> Answer:
        browser = Browser(raise_request_exception=False, enforce_csrf_checks=True)
        browser.cookies.load(cookies)
        with undone():
            answer: Any = browser.generic(
                request.method,
                request.path,
                request.body,
                content_type=request.content_type,
                headers=token | request.headers,
            )
            content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        sort, place = answer.get("Content-Type", ""), answer.get("Location", "")
        return Answer(answer.status_code, sort, place, content.decode(errors="replace"))

    return send


@pytest.mark.drill
@pytest.mark.parametrize("kind", callers.CALLERS)
def test_every_page_and_form_answers_hostile_input_with_a_page(db: None, kind: str, whole: bool) -> None:
    caller = callers.caller(kind)
    rows = callers.rows(caller)
    print(f"FUZZ_SEED={SEED}")  # noqa: T201 (what failed is repeated with it)
    step = 1 if kind == "superuser" else STEP[whole]
    every = slice(callers.CALLERS.index(kind) % step, None, step)
    share = SHARES[whole].get(kind, FEW[whole])
    tally = fuzz(sender(caller), lambda: rows, seed=SEED, share=share, which=every)
    pages, forms = (least // (2 * step - 1) for least in TRIED[kind])
    assert tally.problems == []
    assert sum(tally.statuses.values()) >= len(routes()[every])
    assert (len(tally.shown) >= pages, len(tally.accepted) >= forms) == (True, True), (tally.shown, tally.accepted)


def test_a_page_is_read_as_a_browser_would_send_it() -> None:
    page = Page(
        '<a href="?status=all&amp;o=1">x</a><form method="post" action="go/" id="one"><input name="a" value="1">'
        '<input type="checkbox" name="b" value="2"><input type="checkbox" name="c" value="3" checked>'
        '<select name="d"><option value="">-</option><option value="4">x</option><option value="5" selected>y</option>'
        '</select><textarea name="e">…</textarea><input type="file" name="f"></form><input name="g" form="one">'
    )
    (form,) = page.forms
    assert [*page.parameters] == ["status", "o"]
    assert (form.method, form.action, form.files) == ("POST", "go/", {"f"})
    assert form.pairs == [("a", "1"), ("c", "3"), ("d", "5"), ("e", "…"), ("f", ""), ("g", "")]
