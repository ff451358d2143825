"""What drf-spectacular is told: the document's title and order, and Swagger UI."""

from typing import Any

#: The OpenAPI document at /schema, and Swagger UI at /docs with files of this site only.
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Warehouse user management",
    "DESCRIPTION": (
        "Who works in which warehouse, and proof of it for other programs.\n\n"
        "Sign in with `POST /token`, then send `Authorization: Bearer <access_token>`. People, warehouses and "
        "assignments are JSON:API resources; every path is served with and without a slash at its end."
    ),
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.1",
    "TAGS": [
        {"name": "Sign in", "description": "*Authorize* does it here: fill in name and password only."},
        {"name": "Assignments", "description": "Who works where. At most one assignment of a person is active."},
        {"name": "Warehouse tokens", "description": "Proof, for other programs, of where a person works now."},
        {"name": "Decisions", "description": "For gates that have no token: may this person work here now?"},
        {"name": "Users", "description": "People, to find out whom to assign. Read-only."},
        {"name": "Warehouses", "description": "Warehouses, to find out what to assign. Read-only."},
        {"name": "Tokens", "description": "For programs: codes, keys, verifying and withdrawing tokens."},
        {"name": "Health", "description": "For load balancers: is the process alive, and can it serve?"},
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_PATCH": False,
    "SERVE_AUTHENTICATION": [],
    "PREPROCESSING_HOOKS": ["config.api.schema.components.plain_paths"],
    "POSTPROCESSING_HOOKS": [
        "config.api.schema.components.require_bodies",
        "config.api.schema.components.describe_common_errors",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # JavaScript: the plugin is defined in config/static/config/docs.js.
    "SWAGGER_UI_SETTINGS": (
        '{"deepLinking": true, "defaultModelsExpandDepth": 0, "displayRequestDuration": true, "validatorUrl": null, '
        '"plugins": [SignInPlugin]}'
    ),
}
