"""Who may call what: the table, and requests that are taken back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

#: Bad: a broken or expired token, one of an ended session, one of a blocked user. Office: a Back Office user.
#: Own and other: a warehouse user at an own and at somebody else's row. Bearer: of a warehouse token.
#: Client and wrong: a confidential client with its secret, and with a wrong one. Routes of OAuth are sent what they
#: accept, so that a refusal is one of the caller. Mine and cut: a Back Office user who is confined to
#: some warehouses, at a row there and at one elsewhere.
MATRIX = """
    method  route                                   nobody bad    office own    other  bearer client wrong  mine   cut
    GET     warehouse-user-assignments              401    401    200    200    200    403    401    401    200    200
    POST    warehouse-user-assignments              401    401    201    403    403    403    401    401    201    400
    PUT     warehouse-user-assignments              405    401    405    405    405    405    401    401    405    405
    PATCH   warehouse-user-assignments              405    401    405    405    405    405    401    401    405    405
    DELETE  warehouse-user-assignments              405    401    405    405    405    405    401    401    405    405
    GET     warehouse-user-assignments/{uuid}       401    401    200    200    404    403    401    401    200    404
    POST    warehouse-user-assignments/{uuid}       405    401    405    405    405    405    401    401    405    405
    PUT     warehouse-user-assignments/{uuid}       405    401    405    405    405    405    401    401    405    405
    PATCH   warehouse-user-assignments/{uuid}       401    401    200    200    404    403    401    401    200    404
    DELETE  warehouse-user-assignments/{uuid}       401    401    204    403    403    403    401    401    204    404
    GET     warehouse-tokens                        405    401    405    405    405    405    401    401    405    405
    POST    warehouse-tokens                        401    401    403    201    201    403    401    401    403    403
    PUT     warehouse-tokens                        405    401    405    405    405    405    401    401    405    405
    PATCH   warehouse-tokens                        405    401    405    405    405    405    401    401    405    405
    DELETE  warehouse-tokens                        405    401    405    405    405    405    401    401    405    405
    GET     users                                   401    401    200    200    200    403    401    401    200    200
    POST    users                                   405    401    405    405    405    405    401    401    405    405
    PUT     users                                   405    401    405    405    405    405    401    401    405    405
    PATCH   users                                   405    401    405    405    405    405    401    401    405    405
    DELETE  users                                   405    401    405    405    405    405    401    401    405    405
    GET     users/{uuid}                            401    401    200    200    404    403    401    401    200    404
    POST    users/{uuid}                            405    401    405    405    405    405    401    401    405    405
    PUT     users/{uuid}                            405    401    405    405    405    405    401    401    405    405
    PATCH   users/{uuid}                            405    401    405    405    405    405    401    401    405    405
    DELETE  users/{uuid}                            405    401    405    405    405    405    401    401    405    405
    GET     warehouses                              401    401    200    200    200    403    401    401    200    200
    POST    warehouses                              405    401    405    405    405    405    401    401    405    405
    PUT     warehouses                              405    401    405    405    405    405    401    401    405    405
    PATCH   warehouses                              405    401    405    405    405    405    401    401    405    405
    DELETE  warehouses                              405    401    405    405    405    405    401    401    405    405
    GET     warehouses/{uuid}                       401    401    200    200    404    403    401    401    200    404
    POST    warehouses/{uuid}                       405    401    405    405    405    405    401    401    405    405
    PUT     warehouses/{uuid}                       405    401    405    405    405    405    401    401    405    405
    PATCH   warehouses/{uuid}                       405    401    405    405    405    405    401    401    405    405
    DELETE  warehouses/{uuid}                       405    401    405    405    405    405    401    401    405    405
    GET     token                                   405    405    405    405    405    405    405    405    405    405
    POST    token                                   200    200    200    200    200    200    200    400    200    200
    PUT     token                                   405    405    405    405    405    405    405    405    405    405
    PATCH   token                                   405    405    405    405    405    405    405    405    405    405
    DELETE  token                                   405    405    405    405    405    405    405    405    405    405
    GET     authorize                               405    405    405    405    405    405    405    405    405    405
    POST    authorize                               200    200    200    200    200    200    200    200    200    200
    PUT     authorize                               405    405    405    405    405    405    405    405    405    405
    PATCH   authorize                               405    405    405    405    405    405    405    405    405    405
    DELETE  authorize                               405    405    405    405    405    405    405    405    405    405
    GET     revoke                                  405    405    405    405    405    405    405    405    405    405
    POST    revoke                                  200    200    200    200    200    200    200    401    200    200
    PUT     revoke                                  405    405    405    405    405    405    405    405    405    405
    PATCH   revoke                                  405    405    405    405    405    405    405    405    405    405
    DELETE  revoke                                  405    405    405    405    405    405    405    405    405    405
    GET     introspect                              405    405    405    405    405    405    405    405    405    405
    POST    introspect                              401    401    401    401    401    401    200    401    401    401
    PUT     introspect                              405    405    405    405    405    405    405    405    405    405
    PATCH   introspect                              405    405    405    405    405    405    405    405    405    405
    DELETE  introspect                              405    405    405    405    405    405    405    405    405    405
    GET     access/v1/evaluation                    405    405    405    405    405    405    405    405    405    405
    POST    access/v1/evaluation                    401    401    401    401    401    401    200    401    401    401
    PUT     access/v1/evaluation                    405    405    405    405    405    405    405    405    405    405
    PATCH   access/v1/evaluation                    405    405    405    405    405    405    405    405    405    405
    DELETE  access/v1/evaluation                    405    405    405    405    405    405    405    405    405    405
    GET     access/v1/evaluations                   405    405    405    405    405    405    405    405    405    405
    POST    access/v1/evaluations                   401    401    401    401    401    401    200    401    401    401
    PUT     access/v1/evaluations                   405    405    405    405    405    405    405    405    405    405
    PATCH   access/v1/evaluations                   405    405    405    405    405    405    405    405    405    405
    DELETE  access/v1/evaluations                   405    405    405    405    405    405    405    405    405    405
    GET     .well-known/oauth-authorization-server  200    200    200    200    200    200    200    200    200    200
    POST    .well-known/oauth-authorization-server  405    405    405    405    405    405    405    405    405    405
    PUT     .well-known/oauth-authorization-server  405    405    405    405    405    405    405    405    405    405
    PATCH   .well-known/oauth-authorization-server  405    405    405    405    405    405    405    405    405    405
    DELETE  .well-known/oauth-authorization-server  405    405    405    405    405    405    405    405    405    405
    GET     .well-known/authzen-configuration       200    200    200    200    200    200    200    200    200    200
    POST    .well-known/authzen-configuration       405    405    405    405    405    405    405    405    405    405
    PUT     .well-known/authzen-configuration       405    405    405    405    405    405    405    405    405    405
    PATCH   .well-known/authzen-configuration       405    405    405    405    405    405    405    405    405    405
    DELETE  .well-known/authzen-configuration       405    405    405    405    405    405    405    405    405    405
    GET     .well-known/jwks.json                   200    200    200    200    200    200    200    200    200    200
    POST    .well-known/jwks.json                   405    405    405    405    405    405    405    405    405    405
    PUT     .well-known/jwks.json                   405    405    405    405    405    405    405    405    405    405
    PATCH   .well-known/jwks.json                   405    405    405    405    405    405    405    405    405    405
    DELETE  .well-known/jwks.json                   405    405    405    405    405    405    405    405    405    405
    GET     health/live                             200    200    200    200    200    200    200    200    200    200
    POST    health/live                             405    405    405    405    405    405    405    405    405    405
    PUT     health/live                             405    405    405    405    405    405    405    405    405    405
    PATCH   health/live                             405    405    405    405    405    405    405    405    405    405
    DELETE  health/live                             405    405    405    405    405    405    405    405    405    405
    GET     health/ready                            200    200    200    200    200    200    200    200    200    200
    POST    health/ready                            405    405    405    405    405    405    405    405    405    405
    PUT     health/ready                            405    405    405    405    405    405    405    405    405    405
    PATCH   health/ready                            405    405    405    405    405    405    405    405    405    405
    DELETE  health/ready                            405    405    405    405    405    405    405    405    405    405
    GET     schema                                  200    200    200    200    200    200    200    200    200    200
    POST    schema                                  405    405    405    405    405    405    405    405    405    405
    PUT     schema                                  405    405    405    405    405    405    405    405    405    405
    PATCH   schema                                  405    405    405    405    405    405    405    405    405    405
    DELETE  schema                                  405    405    405    405    405    405    405    405    405    405
    GET     docs                                    200    200    200    200    200    200    200    200    200    200
    POST    docs                                    405    405    405    405    405    405    405    405    405    405
    PUT     docs                                    405    405    405    405    405    405    405    405    405    405
    PATCH   docs                                    405    405    405    405    405    405    405    405    405    405
    DELETE  docs                                    405    405    405    405    405    405    405    405    405    405
    GET     (any other path)                        404    401    404    404    404    404    401    401    404    404
    POST    (any other path)                        404    401    404    404    404    404    401    401    404    404
    PUT     (any other path)                        404    401    404    404    404    404    401    401    404    404
    PATCH   (any other path)                        404    401    404    404    404    404    401    401    404    404
    DELETE  (any other path)                        404    401    404    404    404    404    401    401    404    404
"""

_COLUMNS = ("nobody", "bad", "office", "own", "other", "bearer", "client", "wrong", "mine", "cut")

_CALLERS = ("nobody", "broken", "expired", "ended", "blocked", *_COLUMNS[2:])


def cells() -> Iterator[tuple[str, str, str, int]]:
    """Method, route, caller and status of each cell."""
    for line in MATRIX.strip().splitlines()[1:]:
        method, *rest = line.split()
        route, numbers = " ".join(rest[: -len(_COLUMNS)]), map(int, rest[-len(_COLUMNS) :])
        row = dict(zip(_COLUMNS, numbers, strict=True))
        for caller in _CALLERS:
            yield method, route, caller, row.get(caller, row["bad"])


def undone() -> Any:
    """A block whose writes are taken back, so that every cell starts from the same rows."""
    from django.db import transaction

    class Undone(transaction.Atomic):
        def __exit__(self, *raised: Any) -> None:
            transaction.set_rollback(True)
            super().__exit__(*raised)

    return Undone(using=None, savepoint=True, durable=False)
