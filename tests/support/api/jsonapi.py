"""What a JSON:API document may look like: the rules of JSON:API 1.0 and 1.1 as a JSON Schema, written once.

The one deviation allowed is `message` in an error object, which the reference's clients read (contract 0.1).
"""

from typing import Any

from jsonschema import Draft202012Validator

_LINK = {"type": ["string", "null"], "format": "uri"}
_LINKS = {"type": "object", "additionalProperties": _LINK}
_IDENTIFIER = {
    "type": "object",
    "required": ["type", "id"],
    "properties": {"type": {"type": "string", "minLength": 1}, "id": {"type": "string", "minLength": 1}},
    "additionalProperties": False,
}
_RELATIONSHIP = {
    "type": "object",
    "minProperties": 1,
    "properties": {
        "data": {
            "anyOf": [{"type": "null"}, _IDENTIFIER, {"type": "array", "items": _IDENTIFIER, "uniqueItems": True}]
        },
        "links": _LINKS,
        "meta": {"type": "object"},
    },
    "additionalProperties": False,
}
_MEMBER_NAME = "^[a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?$"
_RESOURCE = {
    "type": "object",
    "required": ["type", "id"],
    "properties": {
        **_IDENTIFIER["properties"],  # type: ignore[dict-item]
        "attributes": {
            "type": "object",
            "propertyNames": {"pattern": _MEMBER_NAME, "not": {"enum": ["id", "type", "relationships", "links"]}},
        },
        "relationships": {
            "type": "object",
            "propertyNames": {"pattern": _MEMBER_NAME},
            "additionalProperties": _RELATIONSHIP,
        },
        "links": _LINKS,
        "meta": {"type": "object"},
    },
    "additionalProperties": False,
}
_ERROR = {
    "type": "object",
    "required": ["status", "title", "detail", "message"],
    "properties": {
        "status": {"type": "string", "pattern": "^[45][0-9][0-9]$"},
        "code": {"type": "string"},
        "title": {"type": "string"},
        "detail": {"type": "string"},
        "message": {"type": "string"},
        "source": {
            "type": "object",
            "properties": {
                "pointer": {"type": "string", "pattern": "^(/.*)?$"},
                "parameter": {"type": "string"},
            },
            "minProperties": 1,
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}
_DOCUMENT = {
    "oneOf": [
        {
            "type": "object",
            "required": ["data"],
            "properties": {
                "data": {
                    "anyOf": [{"type": "null"}, _RESOURCE, {"type": "array", "items": _RESOURCE, "uniqueItems": True}]
                },
                "included": {"type": "array", "items": _RESOURCE, "uniqueItems": True},
                "links": _LINKS,
                "meta": {"type": "object"},
            },
            "additionalProperties": False,
        },
        {
            "type": "object",
            "required": ["errors"],
            "properties": {"errors": {"type": "array", "items": _ERROR, "minItems": 1}},
            "additionalProperties": False,
        },
    ]
}
_VALIDATOR = Draft202012Validator(_DOCUMENT)


def check_document(document: Any) -> None:
    """Raises an AssertionError that names the place at fault."""
    problems = [f"{problem.json_path}: {problem.message}" for problem in _VALIDATOR.iter_errors(document)]
    assert not problems, problems
    if "data" in document:
        _check_linkage(document)


def _check_linkage(document: dict[str, Any]) -> None:
    """Full linkage: every included resource is pointed at, and no resource is repeated."""
    primary = document["data"] if isinstance(document["data"], list) else [document["data"]]
    included = [(resource["type"], resource["id"]) for resource in document.get("included", [])]
    pointed_at = {
        (identifier["type"], identifier["id"])
        for resource in primary
        for relationship in resource.get("relationships", {}).values()
        for identifier in relationship["data"]
    }
    assert len(included) == len(set(included)), "a resource is included twice"
    assert set(included) == pointed_at, "included resources and relationships do not match"
