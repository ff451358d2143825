"""SCIM's protocol by scim2-server, and the places where directories expect something else than it does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from psycopg.errors import UniqueViolation
from pydantic import ValidationError as PydanticError
from scim2_models import (
    Context,
    ForbiddenException,
    InvalidPathException,
    InvalidValueException,
    ListResponse,
    NotImplementedException,
    SCIMException,
    SearchRequest,
    UniquenessException,
)
from scim2_server.responses import ScimResponse
from scim2_server.service import ScimService, scim_exception_of
from scim2_server.storage import ScimStorage, SearchPage

from assignments.scim import attributes
from assignments.scim.people import People
from assignments.scim.roles import Roles
from config.audit_log import audit
from config.rule_errors import RuleError
from users.account_actions import LastAdministratorError
from users.models import Client


class Service(ScimService):
    """Reads requests and builds answers."""

    def apply_replacement(self, current: Any, replacement: Any, conditions: Any) -> Any:
        """A PUT leaves what it does not name of our extension, as if it did not assert it (RFC 7644 section 3.5.1): a
        directory that does not know it must not take everybody's warehouses."""
        if isinstance(replacement, attributes.Person) and (kept := current[attributes.WarehouseUser]):
            sent = replacement[attributes.WarehouseUser]
            named = {name: getattr(sent, name) for name in sent.model_fields_set} if sent else {}
            replacement[attributes.WarehouseUser] = kept.model_copy(update=named)
        return super().apply_replacement(current, replacement, conditions)

    def apply_patch(self, current: Any, patch_op: Any, conditions: Any) -> Any:
        patch_op.operations = [meant for sent in patch_op.operations for meant in _as_meant(sent)]
        try:
            return super().apply_patch(current, patch_op, conditions)
        except SCIMException as problem:
            if isinstance(problem.__cause__, PydanticError):  # in the words of the other requests
                raise scim_exception_of(problem.__cause__) from problem
            raise

    def patch_response(self, base_url: str, resource: Any, response_parameters: Any) -> ScimResponse:
        """With the whole user, for which Entra and Okta look; of a group, whose members may be many, with nothing."""
        if isinstance(resource, attributes.Person):
            published = self.publish(base_url, resource)
            return self.resource_response(published, Context.RESOURCE_REPLACEMENT_RESPONSE, response_parameters)
        return super().patch_response(base_url, resource, response_parameters)

    def bulk_failure(self, outcome: dict[str, Any], exception: Exception) -> dict[str, Any]:
        """Raises what nobody expected, which is logged and answered as everywhere; what was done before stays done."""
        if not isinstance(exception, SCIMException):
            raise exception
        return super().bulk_failure(outcome, exception)

    def search_response(
        self, base_url: str, resource_types: list[Any], page: SearchPage, search_request: SearchRequest[Any]
    ) -> ScimResponse:
        """As the library's, which validates and writes each resource twice: half the time of a page of a hundred."""
        found = [
            self.publish(base_url, resource).model_dump(
                scim_ctx=Context.RESOURCE_QUERY_RESPONSE, response_parameters=search_request
            )
            for resource in page.resources
        ]
        body = {
            "schemas": [str(ListResponse.__schema__)],
            "totalResults": page.total,
            "startIndex": search_request.start_index,
            "itemsPerPage": len(found),
            "Resources": found,
        }
        return ScimResponse(HTTPStatus.OK, body)


def _as_meant(sent: Any) -> Iterator[Any]:
    """What Entra means by an operation: entries to remove are named by `value` alone, also beside `"$ref": null`; and
    without a path, a name such as `emails[type eq "work"].value` is one."""
    if sent.op == "remove" and isinstance(sent.value, list):
        names = [isinstance(one, dict) and one.get("value") for one in sent.value]
        sent.value = [{"value": name} if name else one for name, one in zip(names, sent.value, strict=True)]
    named = {name for name in sent.value if "[" in name} if sent.path is None and isinstance(sent.value, dict) else ()
    if not named:
        yield sent
        return
    if rest := {name: value for name, value in sent.value.items() if name not in named}:
        yield sent.model_copy(update={"value": rest})
    for name in sorted(named):
        try:
            yield type(sent)(op=sent.op, path=name, value=sent.value[name])
        except PydanticError as problem:
            raise scim_exception_of(problem) from problem


class Storage(ScimStorage):
    """The rows of one client, in one transaction for each operation."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._kinds: dict[str, Any] = {"User": People(client), "Group": Roles(client)}

    def get(self, resource_type: Any, resource_id: str, *, response_parameters: Any = None) -> Any:
        return self._kind(resource_type).get(resource_id, only=response_parameters)

    def search(
        self, resource_types: list[Any], search_request: SearchRequest[Any], *, position: Any = None
    ) -> SearchPage:
        if len(resource_types) > 1 and (search_request.filter or search_request.sort_by):
            raise NotImplementedException(detail="Filter and sort one kind of resource: /Users or /Groups.")
        first, left = (search_request.start_index or 1) - 1, search_request.count or 0
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
        return self._kind(resource_type).create(resource)

    def update(self, resource_type: Any, resource: Any, *, expected_version: str | None = None) -> Any:
        return self._kind(resource_type).update(resource, expected_version)

    def delete(self, resource_type: Any, resource_id: str, *, expected_version: str | None = None) -> None:
        self._kind(resource_type).delete(resource_id, expected_version)

    @contextmanager
    def operation(self) -> Iterator[None]:
        """All or nothing. Raises SCIM's exceptions for those of the domain."""
        try:
            with transaction.atomic():
                yield
        except (ForbiddenException, LastAdministratorError) as problem:
            reason = problem.detail if isinstance(problem, ForbiddenException) else problem.messages[0]
            client_id = self._client.client_id
            audit.warning("Provisioning Refused", tag="provisioning_refused", client_id=client_id, reason=reason)
            raise ForbiddenException(detail=reason) from problem
        except ValidationError as problem:
            raise InvalidValueException(detail=" ".join(_messages(problem))) from problem
        except RuleError as problem:
            raise InvalidValueException(detail=str(problem)) from problem
        except IntegrityError as problem:
            if not isinstance(problem.__cause__, UniqueViolation):
                raise
            raise UniquenessException(detail="Another one with this name was created in the same moment.") from problem

    def _kind(self, resource_type: Any) -> Any:
        return self._kinds[resource_type.id]


def _found(kind: Any, search_request: SearchRequest[Any]) -> Any:
    rows = kind.rows()
    if search_request.filter:
        rows = rows.filter(kind.filters.condition_of(search_request.filter))
    return rows.order_by(*_order(kind, search_request)) if search_request.sort_by else rows


def _order(kind: Any, search_request: SearchRequest[Any]) -> list[Any]:
    """Columns to sort by. Raises InvalidPathException for an attribute without an index."""
    name = str(search_request.sort_by).lower().removeprefix(f"{kind.filters.core}:")
    if name not in kind.orders:
        raise InvalidPathException(detail=f"sortBy can be one of: {', '.join(kind.orders)}.")
    columns = kind.orders[name]
    is_descending = search_request.sort_order == SearchRequest.SortOrder.descending
    return [_descending(column) for column in columns] if is_descending else columns


def _descending(column: Any) -> Any:
    return f"-{column}" if isinstance(column, str) else column.desc()


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

SERVICE = Service(attributes.PROVIDER)
