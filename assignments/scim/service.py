"""SCIM's protocol by scim2-server, and the places where directories expect something else than it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError as PydanticError
from scim2_models import (
    Context,
    ListResponse,
    PreconditionFailedException,
    SCIMException,
    SearchRequest,
)
from scim2_server.handler import ScimHandler
from scim2_server.responses import ScimResponse
from scim2_server.service import ScimService, scim_exception_of
from scim2_server.storage import SearchPage

from assignments.scim import attributes


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


class Handler(ScimHandler):
    """Tries a write again, alone or in a bulk request, that did not ask for a version and met another one."""

    #: How often.
    ATTEMPTS = 3

    def replace_resource(self, resource_type: Any, current: Any, replacement: Any, conditions: Any) -> Any:
        def write() -> Any:
            copy = replacement.model_copy(deep=True)
            now = seen.pop() if seen else self.storage.get(resource_type, current.id)
            return ScimHandler.replace_resource(self, resource_type, now, copy, conditions)

        seen = [current]
        return self._tried(write, conditions)

    def patch_resource(self, resource_type: Any, resource_id: str, patch_op: Any, conditions: Any) -> Any:
        def write() -> Any:
            copy = patch_op.model_copy(deep=True)
            return ScimHandler.patch_resource(self, resource_type, resource_id, copy, conditions)

        return self._tried(write, conditions)

    def delete_resource(self, resource_type: Any, resource_id: str, conditions: Any) -> None:
        self._tried(lambda: ScimHandler.delete_resource(self, resource_type, resource_id, conditions), conditions)

    def _tried(self, write: Callable[[], Any], conditions: Any) -> Any:
        for _attempt in range(1, self.ATTEMPTS):
            try:
                return write()
            except PreconditionFailedException:
                if conditions.if_match:
                    raise
        return write()


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


SERVICE = Service(attributes.PROVIDER)
