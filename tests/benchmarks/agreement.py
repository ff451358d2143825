"""Do all sites give the same answers? Nothing is measured before they do.

The floor's lists and switches must equal the product's to the last member. The stock site's may differ in what its
library decides, and is compared without it: links, counts and `jsonapi` of the document, a relationship as one object
instead of a list of one, relationships nobody asked for, the order of what is included. Tokens may differ in what is
random or the time, and in how JSON inside `sub` is spaced.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jwt

from tests.benchmarks.client import Answer, ask
from tests.benchmarks.folder import PASSWORD
from tests.benchmarks.sites import FLOOR, Site
from tests.benchmarks.works import WORKS, Callers, Work, form, stand_in_first

#: Requests of each work that are compared: as many people, or the one list; a switch there and back.
_SOME = 3


class DisagreementError(Exception):
    """Two sites answer differently."""


def check(sites: list[Site], callers: Callers) -> None:
    """Compares the first site, the product, with the others. Raises DisagreementError with the two answers."""
    few = replace(callers, people=callers.people[:_SOME])
    product, *others = sites
    for work in WORKS:
        expected = _answers(product, work, few)
        for site in others:
            found = _answers(site, work, few)
            if site.name == FLOOR:
                _hold(product, found)
            _compare(work, site, expected, found)


def _answers(site: Site, work: Work, callers: Callers) -> list[Answer]:
    if work.changes:
        stand_in_first(site, callers)
    return [ask(site, request) for request in work.requests(callers)]


def _hold(product: Site, answers: list[Answer]) -> None:
    """The product itself must say that a warehouse token of the floor holds: the row behind it is as it should be."""
    for answer in answers:
        if (document := json.loads(answer.body)) and isinstance(document, list):
            token = document[0]["accessToken"]
            asked = form("/introspect", token=token, client_id="picking", client_secret=PASSWORD)
            if not json.loads(ask(product, asked).body)["active"]:
                raise DisagreementError(f"The product refuses the floor's warehouse token {token}.")


def _compare(work: Work, site: Site, expected: list[Answer], found: list[Answer]) -> None:
    read = _whole if site.name == FLOOR else _essence
    for ours, theirs in zip(map(read, expected), map(read, found), strict=True):
        if ours != theirs:
            raise DisagreementError(f"{work.name}: the product answers\n{ours}\nand {site.name}\n{theirs}")


def _whole(answer: Answer) -> Any:
    document = json.loads(answer.body)
    told = document if isinstance(document, dict) else _token(document)
    return answer.status, answer.headers["content-type"], told


def _essence(answer: Answer) -> Any:
    """Without what a JSON:API library decides by itself."""
    status, content_type, document = _whole(answer)
    if "data" not in document:
        return status, content_type, document
    rows = document["data"] if isinstance(document["data"], list) else [document["data"]]
    included = sorted(document.get("included", []), key=lambda row: row["id"])
    return status, content_type, [_resource(row, bool(included)) for row in rows], [_resource(row) for row in included]


def _resource(row: dict[str, Any], has_relationships: bool = False) -> dict[str, Any]:
    resource = {name: row[name] for name in ("type", "id", "attributes")}
    if has_relationships:
        resource["relationships"] = {name: _listed(one["data"]) for name, one in row["relationships"].items()}
    return resource


def _listed(data: Any) -> list[Any]:
    return data if isinstance(data, list) else [data]


def _token(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """What a warehouse token says, without what is random or the time."""
    (answer,) = answers
    claims = jwt.decode(answer["accessToken"], options={"verify_signature": False})
    lifetime = round(claims.pop("exp") - claims.pop("iat"))
    claims |= {"sub": json.loads(claims["sub"]), "jti": len(claims["jti"]), "nbf": bool(claims["nbf"])}
    kind, *rest = answer["refreshToken"].split(".")
    shape = [kind, *map(len, rest)]
    return answer | {"accessToken": claims, "refreshToken": shape, "lifetime": lifetime}
