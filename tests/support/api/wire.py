"""Records what the API answers to every request of the tests, and compares two recordings.

For changes that must not change the wire: record before and after, then compare.

    PYTHONHASHSEED=0 RECORD_WIRE=var/before.jsonl python -m pytest -n auto --dist loadgroup
    python -m tests.support.api.wire var/before.jsonl var/after.jsonl

Ids, times, tokens and cursors differ from run to run: each becomes its kind and the order of its first appearance in
the answer. Pages of the Back Office and static files are not recorded.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase

#: Environment variable with the path of the recording; each process of the tests appends to it.
RECORD_WIRE = "RECORD_WIRE"
_PAGES = ("/admin/", "/static/", "/docs")
_KINDS = {
    "token": r"eyJ[\w-]+\.[\w-]+\.[\w-]+|\b(?:session|warehouse)\.[0-9a-f]{32}\.[0-9a-f]{64}\.[\w-]+",
    "uuid": r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
    "moment": r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)",
    "cursor": r"(?<=page\[after\]=)[^&\"]+|(?<=page\[before\]=)[^&\"]+",
    "code": r"(?<=\"code\":\")[\w-]{30,}",
    "key": r"(?<=\"(?:kid|sid|jti)\":\")[\w-]+|(?<=\"n\":\")[\w-]+",
    "seconds": r"(?<=\"(?:exp|iat|nbf)\":)\d+(?:\.\d+)?",
}
_VARIES = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _KINDS.items()))


class Recording:
    """Middleware of the tests, outermost. Writes one line for each answer of the API."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if isinstance(response, HttpResponse) and not request.path_info.startswith(_PAGES):
            with open(os.environ[RECORD_WIRE], "a") as file:
                file.write(json.dumps(_line(request, response)) + "\n")
        return response


def _headers(response: HttpResponse) -> dict[str, str]:
    headers = {name: _steady(value) for name, value in sorted(response.items())}
    if headers.get("Content-Length") == str(len(response.content)):
        headers["Content-Length"] = "<that of the body>"  # tokens and cursors differ in length
    return headers


def _line(request: HttpRequest, response: HttpResponse) -> dict[str, Any]:
    return {
        "test": os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0].partition("@")[0],
        "request": _steady(f"{request.method} {request.get_full_path()}"),
        "status": response.status_code,
        "headers": _headers(response),
        "body": _steady(response.content.decode("utf-8", "backslashreplace")),
    }


def _steady(text: str) -> str:
    """The text without what differs from run to run."""
    seen: dict[str, dict[str, int]] = defaultdict(dict)

    def named(match: re.Match[str]) -> str:
        kind = str(match.lastgroup)
        return f"<{kind} {seen[kind].setdefault(match.group(), len(seen[kind]) + 1)}>"

    return _VARIES.sub(named, text)


# --- Comparing --------------------------------------------------------------------------------------------------
def _by_test(path: str) -> dict[str, list[str]]:
    """The answers of each test; those of concurrent requests come in any order."""
    found: dict[str, list[str]] = defaultdict(list)
    with open(path) as file:
        for line in map(json.loads, file):
            found[line.pop("test")].append(json.dumps(line, indent=1))
    return {test: sorted(answers) for test, answers in found.items()}


def _differences(before: dict[str, list[str]], after: dict[str, list[str]]) -> Iterator[str]:
    for test in sorted({*before, *after}):
        if before.get(test) != after.get(test):
            old, new = ("\n".join(answers.get(test, [])).splitlines() for answers in (before, after))
            yield f"\n{test}\n" + "\n".join(difflib.unified_diff(old, new, "before", "after", n=2, lineterm=""))


def main(before: str, after: str) -> int:
    """Prints how the answers differ. Returns 1 if they do."""
    old, new = _by_test(before), _by_test(after)
    different = list(_differences(old, new))
    sys.stdout.write("\n".join(different))
    counts = f"{sum(map(len, old.values()))} answers of {len(old)} tests before, {sum(map(len, new.values()))} after"
    sys.stdout.write(f"\n{counts}: {len(different)} tests differ.\n")
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
