"""The Content-Security-Policy: pages take all from this site and nothing inline, data takes nothing."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from users.models import User

DATA = {"base-uri 'none'", "default-src 'none'", "form-action 'none'", "frame-ancestors 'self'"}
STRICT = {
    "base-uri 'self'",
    "default-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'self'",
    "img-src 'self' data:",
    "object-src 'none'",
    "style-src 'self'",
}


def policy(client: Client, path: str) -> set[str]:
    return set(client.get(path)["Content-Security-Policy"].split("; "))


def test_the_documentation_runs_scripts_of_ours_only(client: Client) -> None:
    assert policy(client, "/docs") == {*STRICT, "script-src 'self'"}


@pytest.mark.parametrize("path", ["/users", "/schema", "/no-such-path", "/.well-known/jwks.json"])
def test_an_answer_of_the_api_may_load_and_run_nothing(client: Client, path: str) -> None:
    assert policy(client, path) == DATA


def test_the_back_office_may_evaluate_expressions_as_unfolds_alpine_must(db: None, client: Client) -> None:
    for path in ("/admin/login/", "/account/login/"):
        assert policy(client, path) == {*STRICT, "script-src 'self' 'unsafe-eval'"}


def test_no_page_carries_a_script_or_style_inline(client: Client, olive: User) -> None:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    client.force_login(olive, backend="django.contrib.auth.backends.ModelBackend")
    for path in ("/account/", "/admin/", "/admin/users/user/", f"/admin/users/user/{olive.pk}/change/", "/docs"):
        page = client.get(path).content.decode()
        assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>|<style|\son\w+=", page) == []
