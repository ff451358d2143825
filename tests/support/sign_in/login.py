"""The Back Office's sign-in, as a browser walks through it."""

from __future__ import annotations

import re
from typing import Any

from django.core import mail
from django.test import Client

from tests.support import underway
from tests.support.api.client import PASSWORD

LOGIN = "/admin/login/"

RESET = "/admin/password_reset/"

OWN_PASSWORD = "/admin/password_change/"

NEW_PASSWORD = "another-Horse-8!"


def log_in(email: str, password: str = PASSWORD, client: Client | None = None) -> Any:
    return (client or Client()).post(LOGIN, {"username": email, "password": password})


def text(answer: Any) -> str:
    """The page without what is different on each: the form's secret, and the e-mail typed in."""
    page = re.sub(r'name="csrfmiddlewaretoken" value="\w+"|value="[^"]*@[^"]*"', "", answer.content.decode())
    return page.replace("&#x27;", "'")


def is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def change_password(client: Client, old: str = PASSWORD, new: str = NEW_PASSWORD, again: str = NEW_PASSWORD) -> Any:
    return client.post(OWN_PASSWORD, {"old_password": old, "new_password1": new, "new_password2": again}, follow=True)


def delivered() -> list[Any]:
    """All e-mail, once it is on its way."""
    underway.wait_for_threads()
    return mail.outbox


def link_for(email: str) -> str:
    """The path in the e-mail that a request brings."""
    Client().post(RESET, {"email": email})
    (found,) = re.findall(r"https://bapi\.example\.test(/admin/reset/\S+)", str(delivered()[-1].body))
    return found


def choose(client: Client, path: str, new: str = NEW_PASSWORD, again: str = NEW_PASSWORD) -> Any:
    form = client.get(path, follow=True)
    return client.post(form.request["PATH_INFO"], {"new_password1": new, "new_password2": again}, follow=True)
