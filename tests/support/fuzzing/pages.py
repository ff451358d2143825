"""Hostile input for every URL and every form of the Back Office, as one caller.

`fuzz` walks the URLconf, so that new pages take part by themselves. It asks each page for what it shows, then with
hostile paths, queries, headers and cookies, and submits each form of the page with one field hostile in turn. The seed
alone decides what is sent, and in which order. `tests/back_office/pages/test_fuzzed_pages.py` does so in process,
`tests/endurance/pages.py` for longer and over HTTP.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from random import Random
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

from django.contrib import admin
from django.db import connection
from django.urls import URLPattern, URLResolver, get_resolver

Value = str | bytes
Pairs = list[tuple[str, Value]]

# --- What is sent -----------------------------------------------------------------------------------------------
#: Each is what some parser, some column or some page cannot take.
HOSTILE: tuple[Value, ...] = (
    *("9" * 5_000, "-" + "9" * 5_000, "9223372036854775808", "-1", "0", "1.5", "1e400", "NaN", "²", "١٢٣"),
    *("\0", "1\0", "a\0b", b"\xed\xa0\x80", b"\xff\xfe", "\u202e\u200b", "\r\nX-Header: 1", "\x1b[2J"),
    *("", " ", ",", "1,2", ",".join("1" * 1_000), "x" * 20_000, "[", "(?", "\\", "%", "{}", "[]", "null", "True"),
    *("2026-02-30", "0000-00-00", "9999-12-31", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00~1~users.user"),
    *("~", "2026-01-01T00:00:00+00:00~" + "9" * 5_000 + "~x", "00000000-0000-0000-0000-000000000000", "_00", "_"),
    *("//evil.test/", "javascript:alert(1)", "https://[", "/admin/\0", "../../x", "<script>", "'", '"', "id", "__"),
)
#: Parameters of Django's admin, of Unfold and of our pages, besides those that a page's own links and forms show.
NAMES = (
    *("q", "o", "p", "e", "all", "_popup", "_to_field", "_facets", "_changelist_filters", "_q", "s", "action", "next"),
    *("after", "seen", "page", "side", "search", "sort", "format", "back", "ordering", "language", "pk__any_of"),
)
#: Route → queries without which there is nothing behind it.
NEEDED: dict[str, tuple[Pairs, ...]] = {
    "admin/users/user/why/": ([("person", "pat@fuzz.test"), ("warehouse", "Fuzz Dock")],),
    "admin/autocomplete/": (
        [("app_label", "users"), ("model_name", "session"), ("field_name", "user"), ("term", "p")],
        [*parse_qsl("app_label=assignments&model_name=warehouseuserassignment&field_name=warehouse&term=n&page=1")],
    ),
}
#: Lookups that each need a value of their own, and what else a field may be asked.
_LOOKUPS = ("regex", "year", "contains", "any_of", "isnull", "in", "range", "week_day", "exact", "date__year", "len")
HEADERS: tuple[dict[str, str], ...] = (
    {"Accept-Language": "de-" + "x" * 10_000},
    {"Accept-Language": "\xff;q=NaN,*;q=1e999"},
    {"Cookie": "sessionid=" + "x" * 4_000},
    {"Cookie": "sessionid=\xff\x01; messages=garbage; csrftoken=\x7f; django_language=../.."},
    {"Cookie": 'messages=[["__json_message",0,99,"x"]]:forged:signature; sessionid=;'},
    {"Referer": "http://[", "Origin": "null", "X-Forwarded-For": "\x01, 1.2.3.4.5"},
    {"Accept": "*/*;q=" + "9" * 5_000, "Range": "bytes=9-1,-", "If-Modified-Since": "0", "If-None-Match": "\xff"},
)
FORM = "application/x-www-form-urlencoded"
_BOUNDARY = "fuzz"
_MULTIPART = f"multipart/form-data; boundary={_BOUNDARY}"


@dataclass(frozen=True)
class Request:
    """One request, as it goes out: the path is quoted and has the query."""

    method: str
    path: str
    body: bytes = b""
    content_type: str = FORM
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        sent = f"{self.content_type} {self.body[:300]!r}" if self.method == "POST" else ""
        return f"{self.method} {self.path[:300]} {str(self.headers)[:200]} {sent}"


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str
    location: str
    text: str


#: Sends a request as the caller.
Send = Callable[[Request], Answer]
#: Every route.
ALL = slice(None)


@dataclass
class Tally:
    """How many requests there were, what was answered, which routes and forms took part, and what must not be."""

    statuses: Counter[int] = field(default_factory=Counter)
    shown: set[str] = field(default_factory=set)
    forms: Counter[str] = field(default_factory=Counter)
    accepted: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


# --- Where --------------------------------------------------------------------------------------------------------
def routes() -> list[str]:
    """Every route of the Back Office, such as `admin/users/user/<path:object_id>/change/`."""
    return sorted({route for route in _walk(get_resolver().url_patterns, "") if route.startswith("admin/")})


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[str]:
    for pattern in patterns:
        route = prefix + re.sub(r"\^?\(\?P<(\w+)>[^)]*\)", r"<\1>", str(pattern.pattern)).rstrip("$")
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, route)
        else:
            yield route


def _path(route: str, values: dict[str, Value]) -> str:
    """An address of this route; a parameter without a value is 1."""
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: quote(values.get(found[1], "1"), safe=""), route)


def good_values(route: str, rows: dict[str, Any]) -> dict[str, Value]:
    """What the parameters of a route may be so that there is something at its address.

    `rows` has one row of each model, by its path below `/admin/`.
    """
    own = "/".join(route.split("/")[1:3])
    key = getattr(rows.get(own), "pk", 1)
    subject = rows["warehouses/warehouse" if "/warehouse/<" in route else "users/user"]
    imported = "/import/<" in route
    return {
        "object_id": str(key),
        "pk": str(rows[f"import of {own}"].pk if imported else key),
        "uuid": str(getattr(subject, "uuid", "")),
        "name": "activate",
        "app_label": "users",
        "uidb64": "MQ",
    }


# --- What a page offers -------------------------------------------------------------------------------------------
@dataclass
class Form:
    """A form, as a browser would send it: names and values, and where a file is meant."""

    method: str
    action: str
    pairs: list[tuple[str, str]] = field(default_factory=list)
    files: set[str] = field(default_factory=set)

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(name for name, _ in self.pairs))


class Page(HTMLParser):
    """The forms and the query parameters that a page shows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._forms: dict[str, Form] = {}
        self._open = self._text = ""
        self._control: tuple[str, str] = ("", "")
        self._options: list[tuple[str, bool]] = []
        self.parameters: dict[str, None] = {}
        self.feed(text)

    @property
    def forms(self) -> list[Form]:
        return [one for one in self._forms.values() if one.pairs]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.parameters |= dict.fromkeys(name for name, _ in parse_qsl(urlsplit(given.get("href", "")).query))
        where = given.get("form", self._open), given.get("name", "")
        if tag == "form":
            self._open = given.get("id") or f"number {len(self._forms)}"
            self._forms[self._open] = Form(given.get("method", "get").upper(), given.get("action", ""))
        elif tag in ("select", "textarea"):
            self._control, self._options, self._text = where, [], ""
        elif tag == "option" and given.get("value"):
            self._options.append((given["value"], "selected" in given))
        elif tag in ("input", "button"):
            self._add_input(*where, given)

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = ""
        elif tag == "textarea":
            self._add(*self._control, self._text)
        elif tag == "select":
            first = [value for value, _ in self._options[:1]] or [""]
            for value in [value for value, is_chosen in self._options if is_chosen] or first:
                self._add(*self._control, value)

    def _add_input(self, where: str, name: str, given: dict[str, str]) -> None:
        if given.get("type") == "file" and where in self._forms:
            self._forms[where].files.add(name)
        chosen = given.get("type") not in ("checkbox", "radio") or "checked" in given
        if chosen or name == "_selected_action":
            self._add(where, name, given.get("value", ""))

    def _add(self, where: str, name: str, value: str) -> None:
        if where in self._forms and name:
            self._forms[where].pairs.append((name, value))


# --- Fuzzing ------------------------------------------------------------------------------------------------------
def fuzz(
    send: Send, rows: Callable[[], dict[str, Any]], *, seed: int, cases: int = 1, share: float = 1.0, which: slice = ALL
) -> Tally:
    """These routes as they are meant; then so many hostile values for each parameter and field, and for each path.

    Of these only a share is sent. `rows` is asked before each route for what must be there: see `good_values`.
    """
    fuzzer = _Fuzzer(send, Random(seed), cases, share)
    for route in routes()[which]:
        fuzzer.try_route(route, good_values(route, rows()))
    return fuzzer.tally


class _Fuzzer:
    def __init__(self, send: Send, random: Random, cases: int, share: float) -> None:
        self._send, self._random, self._cases, self._share = send, random, cases, share
        self.tally = Tally()

    def try_route(self, route: str, values: dict[str, Value]) -> None:
        path = _path(route, values)
        answer = self._ask(Request("GET", path))
        if answer.status == 200:
            self.tally.shown.add(route)
        page = Page(answer.text if "html" in answer.content_type else "")
        for request in (*self._paths(route, values), *self._queries(route, path, page), *self._bodies(path)):
            if self._random.random() < self._share:
                self._ask(request)
        for form in page.forms:
            self._submit(path, form)

    def _ask(self, request: Request) -> Answer:
        before = fingerprint() if request.method == "POST" else ()
        answer = self._send(request)
        self.tally.statuses[answer.status] += 1
        wrong = [*_wrong_with(answer)]
        if request.method == "POST" and answer.status >= 400 and fingerprint() != before:
            wrong.append("was refused, but changed something")
        self.tally.problems += [f"{answer.status} {what}: {request}" for what in wrong]
        return answer

    def _hostile(self) -> Value:
        return self._random.choice(HOSTILE)

    # --- Addresses ---
    def _paths(self, route: str, values: dict[str, Value]) -> Iterator[Request]:
        for name in re.findall(r"<(?:\w+:)?(\w+)>", route):
            for _ in range(self._cases):
                method = self._random.choice(("GET", "POST"))
                yield Request(method, _path(route, values | {name: self._hostile()}), b"post=yes")

    def _queries(self, route: str, path: str, page: Page) -> Iterator[Request]:
        """All parameters of the page hostile at once, then each of them, and some that it may not have."""
        own = [*page.parameters, *(name for form in page.forms if form.method == "GET" for name in form.names)]
        yield _get(path, [(name, self._hostile()) for name in own])
        for known in NEEDED.get(route, ()):
            yield from (_get(path, pairs) for pairs in self._each_hostile(known))
        for name in (*own, *self._random.sample(NAMES, self._cases)):
            yield from (_get(path, [(name, self._hostile())]) for _ in range(self._cases))
        if asked := _lookups(path):
            yield from (_get(path, [(name, self._hostile())]) for name in self._random.sample(asked, 2 * self._cases))
        yield Request("GET", path, headers=self._random.choice(HEADERS))

    def _each_hostile(self, pairs: Pairs) -> Iterator[Pairs]:
        for name in dict.fromkeys(name for name, _ in pairs):
            others = [pair for pair in pairs if pair[0] != name]
            yield from ([*others, (name, self._hostile())] for _ in range(self._cases))

    # --- Forms ---
    def _bodies(self, path: str) -> Iterator[Request]:
        """What is no form at all, for any address."""
        yield self._random.choice(
            (
                Request("POST", path, b"--fuzz\r\nContent-Disposition: form-data; name=", _MULTIPART),
                Request("POST", path, b"--fuzz\r\n\r\n\0\r\n--fuzz--", "multipart/form-data"),
                Request("POST", path, b"x", "multipart/form-data; boundary=" + "x" * 300),
                Request("POST", path, b'{"a": [', "application/json"),
                Request("POST", path, b"a=%ff&%00=%00&=&a", FORM + "; charset=utf-16"),
                Request("POST", path, b"a=1", FORM + "; charset=no-such-charset"),
                Request("POST", path, urlencode([(f"name{n}", n) for n in range(1_001)]).encode()),
                Request("POST", path, b"change_reason=" + b"x" * 2_000_000),
                Request("POST", path, b"", "text/plain"),
            )
        )

    def _submit(self, path: str, form: Form) -> None:
        """As it is, then with each field hostile in turn."""
        address = urlsplit(urljoin(path, form.action))
        if form.method != "POST" or not address.path.startswith("/admin/"):
            return
        request = Request("POST", address.path + (f"?{address.query}" if address.query else ""))
        name = f"{re.sub(r'[0-9a-f-]{36}|[0-9]+', '…', address.path)} {' '.join(form.names)}"
        if name in self.tally.forms:
            return  # on every page, such as the one that signs out
        if self._ask(_with_body(request, [*form.pairs], form.files)).status < 400:
            self.tally.accepted.add(name)
        for body in self._variants(form):
            if self._random.random() < self._share:
                self.tally.forms[name] += 1
                self._ask(_with_body(request, body, form.files))

    def _variants(self, form: Form) -> Iterator[Pairs]:
        pairs: Pairs = [*form.pairs]
        yield from self._each_hostile(pairs)
        for name in form.names:
            others = [pair for pair in pairs if pair[0] != name]
            other_kind = _AS_TEXT if name in form.files else _AS_FILE
            yield self._random.choice(
                (
                    others,
                    [*others, (name, self._hostile()), (name, self._hostile())],
                    [*others, (name, self._hostile()), (other_kind, name)],
                )
            )


def _get(path: str, pairs: Pairs) -> Request:
    return Request("GET", f"{path}?{urlencode(pairs)}")


#: A pair of this name says that the field named is sent as a file, or as text where a file is meant.
_AS_FILE, _AS_TEXT = "\0file", "\0text"


def _with_body(request: Request, pairs: Pairs, files: set[str]) -> Request:
    sent = [pair for pair in pairs if pair[0] not in (_AS_FILE, _AS_TEXT)]
    as_files = files | {str(name) for mark, name in pairs if mark == _AS_FILE}
    as_files -= {str(name) for mark, name in pairs if mark == _AS_TEXT}
    if not files and not as_files:
        return replace(request, body=urlencode(sent).encode())
    return replace(request, body=_multipart(sent, as_files), content_type=_MULTIPART)


def _multipart(pairs: Pairs, files: set[str]) -> bytes:
    lines = []
    for name, value in pairs:
        file = '; filename="a.csv"\r\nContent-Type: text/csv' if name in files else ""
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        lines.append(head.encode() + (value if isinstance(value, bytes) else value.encode()))
    return b"\r\n".join([*lines, f"--{_BOUNDARY}--\r\n".encode()])


def _lookups(path: str) -> list[str]:
    """What a list might be asked about the fields of its model and of those it points at."""
    lists = {f"/admin/{one._meta.label_lower.replace('.', '/')}/": one for one in admin.site._registry}
    if path not in lists:
        return []
    fields: list[Any] = [*lists[path]._meta.get_fields()]
    far = [
        (one.name, other.name) for one in fields if one.related_model for other in one.related_model._meta.get_fields()
    ]
    names = ["pk", *(one.name for one in fields), *map("__".join, far)]
    return [f"{name}__{lookup}" for name in names for lookup in _LOOKUPS]


# --- What must not be ---------------------------------------------------------------------------------------------
def _wrong_with(answer: Answer) -> Iterator[str]:
    if answer.status >= 500:
        yield "a server error"
    if "Traceback (most recent call last)" in answer.text or "Exception Type" in answer.text:
        yield "shows a traceback"
    if re.match(r"[/\\]{2}|\w[\w+.-]*:", answer.location):
        yield f"leads away, to {answer.location[:100]!r}"
    if answer.status == 200 and not answer.content_type.startswith(_KINDS):
        yield f"is no page but {answer.content_type!r}"


#: Pages, answers to their scripts, and downloads.
_KINDS = ("text/html", "application/json", "text/javascript", "text/csv", "application/vnd.openxmlformats")


def fingerprint() -> tuple[object, ...]:
    """Tells apart any two states of what people keep here; what is kept of requests themselves is left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT " + ", ".join(f"(SELECT sum(hashtextextended(t::text, 0)) FROM {table} t)" for table in _tables())
        )
        return tuple(cursor.fetchone() or ())


def _tables() -> Sequence[str]:
    kept: list[Any] = [model for model in admin.site._registry if model._meta.model_name != "auditevent"]
    joined = [one.remote_field.through for model in kept for one in model._meta.many_to_many]
    return [f'"{model._meta.db_table}"' for model in (*kept, *joined)]
