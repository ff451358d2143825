"""The page *Why?*, as tests read it."""

from __future__ import annotations

from typing import Any

from django.test import Client as Browser

PAGE = "/admin/users/user/why/"


def answered(browser: Browser, **asked: Any) -> dict[str, Any]:
    """What the page is made of. `states` are that of a moment, if it was asked about one, and that of now."""
    answer = browser.get(PAGE, asked)
    assert answer.status_code == 200
    found: Any = answer.context_data
    return found


def shown(browser: Browser, **asked: Any) -> dict[str, Any]:
    """The page about somebody, or a client, as it is now."""
    found = answered(browser, **asked)
    return {**found, **(found.get("states") or [{}])[-1]}


def texts(page: dict[str, Any], part: str) -> list[str]:
    return [condition.text for condition in page[part]]


def unmet(page: dict[str, Any], part: str) -> list[str]:
    return [condition.text for condition in page[part] if condition.is_met is False]


def the_one(page: dict[str, Any], part: str) -> Any:
    (condition,) = [condition for condition in page[part] if condition.is_met is False]
    return condition


def mends(page: dict[str, Any], part: str) -> list[tuple[str, str]]:
    return [condition.mend for condition in page[part] if condition.mend]
