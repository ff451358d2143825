"""The rows behind SCIM, for scim2-server: a transaction for each operation, and refusals in SCIM's words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from psycopg.errors import UniqueViolation
from scim2_models import (
    ForbiddenException,
    InvalidPathException,
    InvalidValueException,
    NotImplementedException,
    SearchRequest,
    UnauthorizedException,
    UniquenessException,
)
from scim2_server.storage import ScimStorage, SearchPage

from assignments.scim.groups import Roles
from assignments.scim.users import People
from config.audit.log import audit
from config.rule_errors import RuleError
from users.account_actions import LastAdministratorError
from users.models.oauth.client import Client, ClientChangedError

#: The highest `startIndex` that is told from others.
MAX_INDEX = 1_000_000_000


class Storage(ScimStorage):
    """The rows of one client, in one transaction for each operation."""

    def __init__(self, client: Client) -> None:
        self._client, self._has_written = client, False
        self._kinds: dict[str, Any] = {"User": People(client), "Group": Roles(client)}

    def get(self, resource_type: Any, resource_id: str, *, response_parameters: Any = None) -> Any:
        return self._kind(resource_type).get(resource_id, only=response_parameters)

    def search(
        self, resource_types: list[Any], search_request: SearchRequest[Any], *, position: Any = None
    ) -> SearchPage:
        if len(resource_types) > 1 and (search_request.filter or search_request.sort_by):
            raise NotImplementedException(detail="Filter and sort one kind of resource: /Users or /Groups.")
        search_request.start_index = min(search_request.start_index or 1, MAX_INDEX)
        first, left = search_request.start_index - 1, search_request.count or 0
        total = 0
        resources: list[Any] = []
        for kind in map(self._kind, resource_types):
            rows = _found(kind, search_request)
            number = rows.count()
            keys = rows.values("pk")[first : first + left]  # alone, so that an index has all that is passed over
            page = kind.resources(rows.filter(pk__in=keys), only=search_request) if left else []
            first, left, total = max(0, first - number), left - len(page), total + number
            resources += page
        return SearchPage(total=total, resources=resources)

    def create(self, resource_type: Any, resource: Any) -> Any:
        return self._writing(resource_type).create(resource)

    def update(self, resource_type: Any, resource: Any, *, expected_version: str | None = None) -> Any:
        return self._writing(resource_type).update(resource, expected_version)

    def delete(self, resource_type: Any, resource_id: str, *, expected_version: str | None = None) -> None:
        self._writing(resource_type).delete(resource_id, expected_version)

    def _writing(self, resource_type: Any) -> Any:
        self._has_written = True
        return self._kind(resource_type)

    @contextmanager
    def operation(self) -> Iterator[None]:
        """All or nothing, and nothing if the client has lost its right by the end. Raises SCIM's exceptions for those
        of the domain. Deferred constraints are checked before, so that the client's row is locked only briefly.
        """
        try:
            with transaction.atomic():
                self._has_written = False
                yield
                if self._has_written:
                    connection.check_constraints()
                    self._client.confirm_provisioning()
        except tuple(_TRANSLATIONS) as problem:
            answer = next(answer for kind, answer in _TRANSLATIONS.items() if isinstance(problem, kind))(problem)
            if isinstance(answer, ForbiddenException):
                client_id = self._client.client_id
                reason = answer.detail
                audit.warning("Provisioning Refused", tag="provisioning_refused", client_id=client_id, reason=reason)
            raise answer from problem

    def _kind(self, resource_type: Any) -> Any:
        return self._kinds[resource_type.id]


def _found(kind: Any, search_request: SearchRequest[Any]) -> Any:
    rows = kind.rows()
    if search_request.filter:
        rows = rows.filter(kind.filters.condition_of(search_request.filter))
    if not search_request.sort_by:
        return rows
    rows = rows.order_by(*_order(kind, str(search_request.sort_by)))
    return rows.reverse() if search_request.sort_order == SearchRequest.SortOrder.descending else rows


def _order(kind: Any, sort_by: str) -> list[Any]:
    """Columns to sort by. Raises InvalidPathException for an attribute without an index."""
    name = sort_by.lower().removeprefix(f"{kind.filters.core}:")
    if name not in kind.orders:
        raise InvalidPathException(detail=f"sortBy can be one of: {', '.join(kind.orders)}.")
    return kind.orders[name]


def _of_integrity(problem: Any) -> Exception:
    if not isinstance(problem.__cause__, UniqueViolation):
        return problem
    return UniquenessException(detail="Another one with this name was created in the same moment.")


def _messages(problem: ValidationError) -> Iterator[str]:
    """Each with the name of its field, if it has one."""
    if not hasattr(problem, "error_dict"):
        yield from problem.messages
        return
    for name, messages in problem.message_dict.items():
        for message in messages:
            yield message if name == "__all__" else f"{_ATTRIBUTES.get(name, name)}: {message}"


#: Field → attribute.
_ATTRIBUTES = {
    "first_name": "name.givenName",
    "last_name": "name.familyName",
    "email": "emails or userName",
    "user_name": "userName",
    "external_id": "externalId",
}
#: Exception → the one of SCIM, the first kind that fits.
_TRANSLATIONS: dict[type[Exception], Callable[[Any], Exception]] = {
    ForbiddenException: lambda problem: problem,
    ClientChangedError: lambda problem: UnauthorizedException(detail="This client may no longer do this."),
    LastAdministratorError: lambda problem: ForbiddenException(detail=problem.messages[0]),
    ValidationError: lambda problem: InvalidValueException(detail=" ".join(_messages(problem))),
    RuleError: lambda problem: InvalidValueException(detail=str(problem)),
    IntegrityError: _of_integrity,
}
