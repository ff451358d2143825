"""The floor: four works, done by as little Python as they need. No framework; hand-written SQL on the product's tables.

What it leaves out, and the product may not: every other route, parameter and refusal, security headers, the audit
event of a warehouse token, who is behind a change (the history's triggers run all the same). A quarter of its w1 is
PyJWT 2.15 looking at each character of the token.
"""

from __future__ import annotations

import base64
import gc
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

import jwt
import orjson
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.utils import base64url_encode
from psycopg import Connection
from psycopg_pool import ConnectionPool

from tests.benchmarks.floor import sql

ISSUER = os.environ["ISSUER"]
_private_key: Any = load_pem_private_key(os.environ["SIGNING_KEY"].encode(), password=None)
_public_key = _private_key.public_key()
_numbers = jwt.algorithms.RSAAlgorithm.to_jwk(_public_key, as_dict=True)
_thumbprint = hashlib.sha256(f'{{"e":"{_numbers["e"]}","kty":"RSA","n":"{_numbers["n"]}"}}'.encode()).digest()
_KID = base64url_encode(_thumbprint).decode()
_refresh_key = hashlib.sha256(("refresh-token" + "signer" + os.environ["SECRET_KEY"]).encode()).digest()
_WAREHOUSE_TOKEN_SECONDS = 604_800
_REFRESH_TOKEN_SECONDS = 2_678_400
_PAGE_LIMIT = 1_000

pool = ConnectionPool(os.environ["DATABASE_URL"], min_size=1, max_size=1, kwargs={"autocommit": True}, open=True)
pool.wait()


class RefusedError(Exception):
    """Ends the request with this status and an empty list of errors."""


class Caller(NamedTuple):
    """The person behind a token, and their session."""

    pk: int
    uuid: UUID
    is_warehouse_user: bool
    session: str
    client_id: str


class Call(NamedTuple):
    """What a work is given."""

    connection: Connection[Any]
    caller: Caller
    environ: dict[str, Any]

    @property
    def base(self) -> str:
        return f"http://{self.environ['HTTP_HOST']}"


Answer = tuple[int, str, Any]
JSON_API, JSON = "application/vnd.api+json", "application/json"


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path = environ["PATH_INFO"].split("/")
    work = WORKS.get((environ["REQUEST_METHOD"], path[1], len(path)))
    try:
        if work is None:
            raise RefusedError(404)
        with pool.connection() as connection:
            call = Call(connection, _caller(connection, environ.get("HTTP_AUTHORIZATION", "")), environ)
            status, content_type, document = work(call, *path[2:])
    except RefusedError as refusal:
        status, content_type, document = refusal.args[0], JSON_API, {"errors": []}
    body = orjson.dumps(document)
    start_response(
        f"{status} {HTTPStatus(status).phrase}", [("Content-Type", content_type), ("Content-Length", str(len(body)))]
    )
    return [body]


def _caller(connection: Connection[Any], header: str) -> Caller:
    """The live session's active person."""
    try:
        claims = jwt.decode(
            header.removeprefix("Bearer "),
            _public_key,
            ["RS256"],
            issuer=ISSUER,
            leeway=5,
            options={"verify_aud": False, "require": ["exp", "iat", "jti"]},
        )
        subject = orjson.loads(claims["sub"])
        found = connection.execute(sql.CALLER, (claims["sid"], claims["aud"], subject["uuid"])).fetchone()
    except (jwt.InvalidTokenError, KeyError, ValueError):
        raise RefusedError(401) from None
    if found is None:
        raise RefusedError(401)
    return Caller(found[0], found[1], found[2], claims["sid"], claims["aud"])


# --- w1, w2: the list -------------------------------------------------------------------------------------------
def list_assignments(call: Call) -> Answer:
    echo = call.environ["QUERY_STRING"]
    asked = dict(parse_qsl(echo))
    limit = int(asked.get("page[limit]", _PAGE_LIMIT))
    if call.caller.is_warehouse_user:
        rows = call.connection.execute(sql.OWN, (call.caller.pk, limit + 1)).fetchall()
    else:
        rows = call.connection.execute(sql.ALL, (limit + 1,)).fetchall()
    shows_users = asked.get("include") == "users"
    question = f"?{echo}" if echo else ""
    page = rows[:limit]
    document: dict[str, Any] = {
        "data": [_assignment(row, call.base, question, shows_users) for row in page],
        "links": {"self": f"{call.base}/warehouse-user-assignments{question}"},
    }
    if len(rows) > limit:
        after = base64.urlsafe_b64encode(orjson.dumps([[["id", False]], [page[-1][0]]])).decode().rstrip("=")
        document["links"]["next"] = f"{document['links']['self']}&page[after]={after}"
    if shows_users:
        users = {row[7]: row for row in page if row[11] != "deleted"}
        document["included"] = [_user(row, call.base, question) for row in users.values()]
    return 200, JSON_API, document


def _assignment(row: Any, base: str, question: str, shows_users: bool = False) -> dict[str, Any]:
    uuid, user = str(row[1]), str(row[7])
    resource = {
        "type": "warehouse-user-assignments",
        "id": uuid,
        "attributes": {
            "userUuid": user,
            "isActive": row[2],
            "warehouse": {"name": row[5], "uuid": str(row[4]), "isActive": row[6]},
        },
        "links": {"self": f"{base}/warehouse-user-assignments/{uuid}{question}"},
    }
    if shows_users:
        shown = [{"type": "users", "id": user}] if row[11] != "deleted" else []
        resource["relationships"] = {"users": {"data": shown}}
    return resource


def _user(row: Any, base: str, question: str) -> dict[str, Any]:
    return {
        "type": "users",
        "id": str(row[7]),
        "attributes": {"username": row[8], "firstName": row[9], "lastName": row[10]},
        "links": {"self": f"{base}/users/{row[7]}{question}"},
    }


# --- w3: the switch ---------------------------------------------------------------------------------------------
def switch(call: Call, uuid: str) -> Answer:
    owner = call.caller.pk if call.caller.is_warehouse_user else None
    row = call.connection.execute(sql.ONE, (uuid, owner, owner)).fetchone()
    if row is None:
        raise RefusedError(404)
    attributes = orjson.loads(call.environ["wsgi.input"].read())["data"]["attributes"]
    is_active = attributes.get("isActive", row[2])
    if is_active != row[2]:
        with call.connection.transaction():
            if call.connection.execute(sql.LOCK, (row[3],)).fetchone() is None:
                raise RefusedError(400)
            if is_active:
                call.connection.execute(sql.CLEAR, (row[3], row[0]))
            if call.connection.execute(sql.SET, (is_active, is_active, row[0])).rowcount == 0:
                raise RefusedError(404)
    return 200, JSON_API, {"data": _assignment((*row[:2], is_active, *row[3:]), call.base, "")}


# --- w4: the warehouse token ------------------------------------------------------------------------------------
def issue(call: Call) -> Answer:
    caller = call.caller
    place = call.connection.execute(sql.STANDS, (caller.pk,)).fetchone()
    if place is None:
        raise RefusedError(403)
    assignment, assignment_uuid, activation, warehouse, warehouse_uuid = place
    grant, secret = uuid4(), secrets.token_hex(32)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    call.connection.execute(sql.GRANT, (grant, _REFRESH_TOKEN_SECONDS, digest, caller.session, assignment, activation))
    now = time.time()
    claims = {
        "iss": ISSUER,
        "aud": caller.client_id,
        "iat": now,
        "nbf": now,
        "exp": now + _WAREHOUSE_TOKEN_SECONDS,
        "jti": grant.hex + secrets.token_hex(24),
        "sub": f'{{"id_warehouse":{warehouse}}}',
        "sid": caller.session,
        "act": str(caller.uuid),
        "assignment": str(assignment_uuid),
        "warehouse": str(warehouse_uuid),
        "scopes": ["warehouse"],
    }
    answer = {
        "tokenType": "Bearer",
        "expiresIn": _WAREHOUSE_TOKEN_SECONDS,
        "accessToken": jwt.encode(claims, _private_key, "RS256", headers={"kid": _KID}),
        "refreshToken": _refresh_token(grant, secret),
    }
    return 201, JSON, [answer]


def _refresh_token(grant: UUID, secret: str) -> str:
    token = f"warehouse.{grant.hex}.{secret}"
    signature = hmac.new(_refresh_key, token.encode(), hashlib.sha256).digest()
    return f"{token}.{base64url_encode(signature).decode()}"


#: By method, first part of the path, and how many parts it has.
WORKS: dict[tuple[str, str, int], Callable[..., Answer]] = {
    ("GET", "warehouse-user-assignments", 2): list_assignments,
    ("PATCH", "warehouse-user-assignments", 3): switch,
    ("POST", "warehouse-tokens", 2): issue,
}

gc.freeze()
