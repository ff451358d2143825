"""Forms of `/token` that are right and wrong."""

from __future__ import annotations

from tests.support.api.client import PASSWORD

MALFORMED = (
    "The request is missing a required parameter, includes an invalid parameter value, "
    "includes a parameter more than once, or is otherwise malformed."
)

EMAIL = "olive.office@example.test"

GOOD = {"grant_type": "password", "username": EMAIL, "password": PASSWORD}
