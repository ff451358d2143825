"""German is complete: every text of ours in the source has its German, and no page shows English besides."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils.translation import trans_real
from django.utils.translation.template import templatize

from tests.support.api.client import sign_in
from tests.support.back_office.pages import PAGES
from tests.support.back_office.staff import change, told
from tests.support.back_office.words import Words
from tests.support.cases import each
from users.models import Session, User

FOLDERS = ("config", "users", "warehouses", "assignments", "templates")
#: Position of each text among the arguments of a function; a context comes before it.
FUNCTIONS = {
    "_": (0,),
    "gettext_noop": (0,),
    "gettext": (0,),
    "gettext_lazy": (0,),
    "ngettext": (0,),  # the catalogue knows a text by its singular
    "ngettext_lazy": (0,),
    "pgettext": (1,),
    "pgettext_lazy": (1,),
    "npgettext": (1,),
    "npgettext_lazy": (1,),
}
_IN_TEMPLATE = re.compile(r"\b(n?p?gettext)\(((?:.|\n)*?)\)(?=\s|$|X|[^\w'\"])")


def texts_of_python(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and (name := _name_of(node.func)) in FUNCTIONS:
            for position in FUNCTIONS[name]:
                if position < len(node.args) and isinstance(text := node.args[position], ast.Constant):
                    yield str(text.value)


def _name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def texts_of_template(path: Path) -> Iterator[str]:
    for name, arguments in _IN_TEMPLATE.findall(templatize(path.read_text(), origin=str(path))):
        found = re.findall(r"u?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\"\"\"(?:.|\n)*?\"\"\")", arguments)
        for position in FUNCTIONS[name]:
            if position < len(found):
                yield ast.literal_eval(found[position])


def texts() -> Iterator[tuple[str, str]]:
    """Every translatable text with the file it stands in."""
    for folder in FOLDERS:
        for path in sorted((settings.BASE_DIR / folder).rglob("*")):
            where = str(path.relative_to(settings.BASE_DIR))
            if path.suffix == ".py" and "migrations" not in path.parts:
                yield from ((text, where) for text in texts_of_python(path))
            elif path.suffix in (".html", ".txt"):
                yield from ((text, where) for text in texts_of_template(path))


@pytest.fixture(scope="module")
def german() -> set[str]:
    """The texts that have a German translation: ours, Django's, and those of the packages we use."""
    catalog = trans_real.translation("de")._catalog  # type: ignore[attr-defined]
    keys = (key if isinstance(key, str) else key[0] for catalogue in catalog._catalogs for key in catalogue)
    return {key.rpartition("\x04")[2] for key in keys}


def test_every_text_has_its_german(german: set[str]) -> None:
    missing = {(text, where) for text, where in texts() if text not in german}
    assert missing == set()


def test_the_catalogues_are_compiled_from_what_is_written() -> None:
    """A text changed in a `.po` file and not compiled would never be seen."""
    for source in settings.BASE_DIR.glob("**/locale/de/LC_MESSAGES/django.po"):
        if ".venv" in source.parts:
            continue
        written = set(re.findall(r'^msgid "(.+)"$', source.read_text(), re.MULTILINE))
        compiled = source.with_suffix(".mo").read_bytes().decode(errors="replace")
        assert {text for text in written if ast.literal_eval(f'"{text}"') not in compiled} == set(), source


# --- What a person sees -----------------------------------------------------------------------------------------
#: The same in both languages: names, and words that German has taken over.
SAME = re.compile(
    r"Back Office|Name|Status|Person|E-Mail|CSV|XLSX|\+|Pat.*|Picker|Olive.*|Office|North.*|English|Deutsch|"
    r"Pat Picker|frontend|.*@example\.test.*|.*\b\d\d:\d\d.*|API|Administrator|Auditor|Browser|System|Esc|Tab|O|"
    r"Clients?( \| Back Office)?|https://.*|\W*[\d.]*\W*|([A-Z2-7]{4} ?)+|[0-9a-f-]{36}|.*\b[0-9a-f]{32}",
    re.IGNORECASE,
)


def test_the_page_after_signing_out_is_in_one_language(client: Client, olive: User) -> None:
    shown = {}
    for language in ("en_US", "de_DE"):
        User.objects.filter(pk=olive.pk).update(language=language)
        client.force_login(olive, backend="django.contrib.auth.backends.ModelBackend")
        answer = client.post("/admin/logout/")
        assert answer.status_code == 200
        shown[language] = Words(answer.content.decode()).texts
    assert "Sie sind in diesem Browser vom Back Office abgemeldet." in shown["de_DE"]
    assert {text for text in shown["en_US"] & shown["de_DE"] if not SAME.fullmatch(text)} == set()


def test_whoever_changes_their_language_is_told_so_in_the_new_one(as_ada: Client, ada: User) -> None:
    for language, words in (("de_DE", "Der Benutzer wurde geändert."), ("en_US", "User was updated")):
        answer = change(as_ada, User.objects.get(pk=ada.pk), language=language)
        assert answer.status_code == 302
        assert told(answer)[0].startswith(words)


@pytest.mark.thorough
@each("name", PAGES)
def test_no_page_shows_english_to_a_german(
    client: Client, olive: User, pat: User, north: Any, pat_north: Any, name: str
) -> None:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    pat_north.activate()
    sign_in(pat.email)
    path = PAGES[name](pat=pat, north=north, session=Session.objects.get())
    client.force_login(olive, backend="django.contrib.auth.backends.ModelBackend")
    shown = {}
    for language in ("en_US", "de_DE"):
        User.objects.filter(pk=olive.pk).update(language=language)
        answer = client.get(path)
        assert answer.status_code == 200
        shown[language] = Words(answer.content.decode()).texts
    assert {text for text in shown["en_US"] & shown["de_DE"] if not SAME.fullmatch(text)} == set()
