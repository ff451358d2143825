"""What the kinds of resources have in common, with their versions for `ETag` and `If-Match` (RFC 7644 section 3.14)."""

from __future__ import annotations

from typing import Any, ClassVar

from scim2_models import NotFoundException, PreconditionFailedException

from config.digests import digest
from users.models import Client


class ResourceKind:
    """The resources of one kind that a client sees."""

    #: One of them, in refusals.
    noun: ClassVar[str]

    def __init__(self, client: Client) -> None:
        self.client = client

    def resources(self, rows: Any, *, only: Any = None) -> list[Any]:
        """The resources of these rows, for an answer with the attributes of `only`."""
        raise NotImplementedError

    def one(self, rows: Any, only: Any = None) -> Any:
        """Raises NotFoundException if there is no row."""
        for resource in self.resources(rows, only=only):
            return resource
        raise self.missing

    @property
    def missing(self) -> NotFoundException:
        return NotFoundException(detail=f"There is no such {self.noun}.")

    def unchanged(self, rows: Any, version: str | None) -> Any:
        """The same. Raises PreconditionFailedException if it has another version than this one, if one is given."""
        stored = self.one(rows)
        if version not in (None, stored.meta.version):
            raise PreconditionFailedException(detail=f"The {self.noun} has changed in the meantime.")
        return stored


def version_of(facts: Any) -> str:
    """A weak entity-tag that differs where these facts differ."""
    return f'W/"{digest(repr(facts))[:32]}"'
