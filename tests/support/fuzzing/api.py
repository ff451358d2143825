"""Schemathesis against our own OpenAPI document: each operation as each kind of caller, with every check it has.

`fuzz` sends generated requests as one caller and returns the findings. `tests/api/documentation/test_schemathesis.py`
runs it in process, `tests/endurance/fuzz.py` for longer and over HTTP.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import schemathesis
from jsonschema import Draft202012Validator
from schemathesis.checks import CheckContext
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.transport import Response
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

from assignments.access.evaluation import MISSING
from assignments.views import BEFORE_THE_HISTORY, IN_THE_FUTURE, NOT_WITH_AS_OF
from config.api.filters import SORTED_TWICE
from tests.support.api.client import FORM
from tests.support.api.openapi import strict
from users.oauth.errors import BAD_CLIENT, BAD_CREDENTIALS, BAD_REFRESH_TOKEN, MALFORMED

QUERY = ParameterLocation.QUERY
#: What a valid request may be refused for with 400, by operation. A document cannot say what is there, nor that of
#: three parameters only one may be sent: these refusals are the contract's, told by their code or else their words.
_PAGES = (
    "This cursor does not belong to this list and its order.",  # contract 0.2: a bad value of `page`
    "Use only one of `page[after]`, `page[before]` and `page[offset]`.",
)
REFUSALS: Mapping[str, Collection[str]] = {
    "listAssignments": (*_PAGES, SORTED_TWICE, IN_THE_FUTURE, NOT_WITH_AS_OF, BEFORE_THE_HISTORY % "…"),
    "listUsers": _PAGES,
    "listWarehouses": _PAGES,
    "createAssignment": ("5202", "5203", "5206", "5207", "5208"),  # nobody, nowhere, already, not now, no period
    "changeAssignment": ("5202", "5207", "5208", "This cannot be changed.", "Must be the id in the path."),
    "authorize": (BAD_CLIENT, BAD_CREDENTIALS),
    "createToken": (BAD_CLIENT, BAD_CREDENTIALS, BAD_REFRESH_TOKEN),
    "revokeToken": (BAD_CLIENT,),
    "evaluateMany": MISSING,  # of a body without questions, which is one
}


@dataclass(frozen=True)
class Caller:
    """A kind of caller: its name, and how it says who it is."""

    name: str
    authorization: str | None = None

    @classmethod
    def with_token(cls, name: str, token: str) -> Caller:
        return cls(name, f"Bearer {token}")

    @classmethod
    def with_secret(cls, name: str, client_id: str, client_secret: str) -> Caller:
        return cls(name, f"Basic {b64encode(f'{client_id}:{client_secret}'.encode()).decode()}")


@dataclass(frozen=True)
class Known:
    """The uuids of what is there. Half or more of the generated ids are of these, else every request would miss."""

    assignments: list[str]
    people: list[str]
    warehouses: list[str]
    #: Those people, and others who have no warehouse yet.
    assignable: list[str]


@dataclass
class Tally:
    """How often each operation was called, the statuses of its answers as they came, and every check that failed."""

    cases: Counter[str] = field(default_factory=Counter)
    answers: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    problems: list[str] = field(default_factory=list)

    @property
    def statuses(self) -> Counter[int]:
        return Counter(chain.from_iterable(self.answers.values()))

    def __iadd__(self, other: Tally) -> Tally:
        self.cases += other.cases
        for operation, statuses in other.answers.items():
            self.answers[operation] += statuses
        self.problems += other.problems
        return self


# --- What must be answered --------------------------------------------------------------------------------------
#: What each caller must be answered, to the end: else an operation was not really tried, or a sign-in has ended early.
#: Nobody guesses what `POST /token` and `POST /authorize` ask for. A star: at any time, as free pairs are rare.
MUST_BE_ANSWERED = """
    operation                                 office  worker  bearer  client  nobody
    GET /.well-known/jwks.json                200     200     200     200     200
    GET /.well-known/oauth-authorization-server 200   200     200     200     200
    GET /.well-known/authzen-configuration    200     200     200     200     200
    GET /health/live                          200     200     200     200     200
    GET /health/ready                         200     200     200     200     200
    GET /users                                200     200     403     401     401
    GET /users/{uuid}                         200     200     403     401     401
    GET /warehouses                           200     200     403     401     401
    GET /warehouses/{uuid}                    200     200     403     401     401
    GET /warehouse-user-assignments           200     200     403     401     401
    GET /warehouse-user-assignments/{uuid}    200     200     403     401     401
    POST /warehouse-user-assignments          201*    403     403     401     401
    PATCH /warehouse-user-assignments/{uuid}  200     200     403     401     401
    DELETE /warehouse-user-assignments/{uuid} 204     403     403     401     401
    POST /warehouse-tokens                    403     201     403     401     401
    POST /introspect                          401     401     401     200     401
    POST /access/v1/evaluation                401     401     401     200     401
    POST /access/v1/evaluations               401     401     401     200     401
    POST /revoke                              200     200     200     200     200
"""
#: Of so many answers none is early or late.
FEW = 20
_COLUMNS = ("Back Office user", "warehouse user", "warehouse token", "confidential client", "nobody")


def unanswered(caller: str, tally: Tally) -> Iterator[str]:
    """Where a caller was not answered as it must be, in the last quarter of an operation's answers, or the last FEW."""
    for line in MUST_BE_ANSWERED.strip().splitlines()[1:]:
        method, path, *statuses = line.split()
        wanted = statuses[_COLUMNS.index(caller)]
        answers = tally.answers[f"{method} {path}"]
        last = answers if wanted.endswith("*") else answers[-max(FEW, len(answers) // 4) :]
        if int(wanted.rstrip("*")) not in last:
            yield f"{method} {path}: no {wanted} in the last {len(last)} of {len(answers)} answers: {Counter(last)}"


# --- What is sent -----------------------------------------------------------------------------------------------
@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """A form has no null: Schemathesis would send the word."""
    if case.media_type == FORM and isinstance(case.body, dict):
        case.body = {name: value for name, value in case.body.items() if value is not None}


@schemathesis.hook
def filter_failure(context: Any, failure: Failure, case: schemathesis.Case, response: Response) -> bool:
    """Drops the complaint that invalid data was accepted where it has become valid on the way.

    A list of two empty names is sent as a comma, in which there is no name; an object is sent as some text.
    """
    return not (
        isinstance(failure, AcceptedNegativeData)
        and case.meta is not None
        and {place for place, part in case.meta.components.items() if part.mode.is_negative} == {QUERY}
        and _is_valid(str(response.request.url), case.operation.definition.raw["parameters"])
    )


def _is_valid(url: str, parameters: list[dict[str, Any]]) -> bool:
    """Whether the query, as it was sent, is what the document describes."""
    schemas = {parameter["name"]: parameter["schema"] for parameter in parameters}
    sent = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    return all(
        name in schemas and Draft202012Validator(schemas[name]).is_valid(_read(text, schemas[name]["type"]))
        for name, text in sent
    )


def _read(text: str, kind: str) -> Any:
    match kind:
        case "array":
            return [part for part in text.split(",") if part]
        case "integer":
            return int(text) if text.isascii() and text.isdigit() else text
        case "boolean":
            return {"true": True, "false": False}.get(text, text)
    return text


# --- Checks of our own ------------------------------------------------------------------------------------------
@schemathesis.check
def only_options_is_not_implemented(ctx: CheckContext, response: Response, case: schemathesis.Case) -> None:
    """Contract 0.1: `OPTIONS` that is no preflight is 501; nothing else is."""
    if response.status_code == 501:
        assert case.method == "OPTIONS", "501 for a method that is not OPTIONS"


@schemathesis.check
def valid_data_is_refused_for_what_it_names(ctx: CheckContext, response: Response, case: schemathesis.Case) -> None:
    """What the document allows is refused with 400 only where what it names is not there: see REFUSALS."""
    if response.status_code != 400 or case.meta is None or case.meta.generation.mode.is_negative:
        return
    refused_for = set(_reasons(json.loads(response.content)))
    assert refused_for <= _allowed(case), f"valid data was refused: {refused_for}"


def _allowed(case: schemathesis.Case) -> set[str]:
    """A bad code is answered with the words for whatever cannot be read, as the reference does."""
    redeems_a_code = isinstance(case.body, dict) and case.body.get("grant_type") == "authorization_code"
    refusals = REFUSALS.get(case.operation.definition.raw["operationId"], ())
    return {*refusals, MALFORMED} if redeems_a_code else {*refusals}


def _reasons(document: Any) -> Iterator[str]:
    if "error" in document:
        yield document["error_description"] or document["error"]
    else:
        for error in document["errors"]:
            yield error.get("code") or re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "…", error["detail"])


# --- Running ----------------------------------------------------------------------------------------------------
def fuzz(
    document: dict[str, Any],
    caller: Caller,
    known: Known,
    *,
    cases: int,
    seed: int,
    application: Any = None,
    base_url: str = "",
    everything: bool = True,
) -> Tally:
    """At most so many generated cases for each operation, besides those that the document's examples and bounds make.

    Without `everything`, nothing is made of the bounds.
    Over HTTP, or in process if there is an application: then the seed alone decides what is sent.
    """
    configuration = _configuration(caller, known, cases, seed, base_url)
    config = schemathesis.Config.from_dict(configuration | {"phases": {"coverage": {"enabled": everything}}})
    schema = schemathesis.openapi.from_dict(_with_strict_answers(document), config=config)
    schema.app = application
    tally = Tally()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _count(tally, event.recorder)
        elif isinstance(event, events.NonFatalError):
            tally.problems.append(f"{event.label}: {event.value!r}")
        elif isinstance(event, events.FatalError):
            raise event.exception
    return tally


#: Of a period that is now. Hardly two generated moments make one.
_MOMENTS = {"beginnings": ["2026-01-01T00:00:00Z"], "ends": ["2999-01-01T00:00:00Z"]}


def _configuration(caller: Caller, known: Known, cases: int, seed: int, base_url: str) -> dict[str, Any]:
    """Everything is on that is not said to be off here."""
    at_times, mostly = {"probability": 0.5}, {"probability": 0.8}
    return {
        "seed": seed,
        "continue-on-failure": True,
        "warnings": False,
        "suppress-health-check": ["too_slow"],  # which a busy machine is
        "dictionaries": {name: {"values": values} for name, values in (vars(known) | _MOMENTS).items()},
        "parameters": {
            "body.data.attributes.userUuid": {"dictionary": "assignable"} | mostly,
            "body.data.attributes.warehouse.uuid": {"dictionary": "warehouses"} | mostly,
            "body.subject.id": {"dictionary": "people"} | mostly,
            "body.resource.id": {"dictionary": "warehouses"} | mostly,
            "body.data.attributes.startsAt": {"dictionary": "beginnings"} | mostly,
            "body.data.attributes.endsAt": {"dictionary": "ends"} | mostly,
        },
        "operations": [
            {"include-path": f"/{path}/{{uuid}}", "parameters": {"path.uuid": {"dictionary": name} | at_times}}
            for path, name in (
                ("warehouse-user-assignments", "assignments"),
                ("users", "people"),
                ("warehouses", "warehouses"),
            )
        ],
        # In process it would send words of our own code, also as secrets: `tests.support.leaks` finds those everywhere.
        "analysis": {"constants": {"enabled": False}},
        "generation": {"max-examples": cases, "no-shrink": True, "database": "none", "deterministic": not base_url},
        "checks": {
            # 501: see `only_options_is_not_implemented`.
            "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "501"]},
            # 400: see `valid_data_is_refused_for_what_it_names`.
            "positive_data_acceptance": {"expected-statuses": ["2xx", "400", "401", "403", "404", "409", "429", "501"]},
        },
        **({"headers": {"Authorization": caller.authorization}} if caller.authorization else {}),
        **({"base-url": base_url} if base_url else {}),
    }


def _with_strict_answers(document: dict[str, Any]) -> dict[str, Any]:
    """The document, with answers that may have no member which it does not name. Requests may have more."""
    schemas = document["components"]["schemas"]
    answers = {name: schema for name, schema in schemas.items() if name not in _names_of_bodies(document)}
    return document | {"components": document["components"] | {"schemas": schemas | strict(answers)}}


def _names_of_bodies(document: dict[str, Any]) -> set[str]:
    return {
        content["schema"]["$ref"].rpartition("/")[2]
        for operations in document["paths"].values()
        for operation in operations.values()
        for content in operation.get("requestBody", {}).get("content", {}).values()
    }


def _count(tally: Tally, recorder: ScenarioRecorder) -> None:
    for case_id, node in recorder.cases.items():
        operation = node.value.operation.label
        tally.cases[operation] += 1
        interaction = recorder.interactions.get(case_id)
        if interaction and interaction.response:
            tally.answers[operation].append(interaction.response.status_code)
        for check in recorder.checks.get(case_id, []):
            if check.status == Status.FAILURE:
                tally.problems.append(_told(operation, interaction, check))


def _told(operation: str, interaction: Any, check: Any) -> str:
    failure = check.failure_info.failure
    sent, got = interaction.request, interaction.response
    return (
        f"{operation}: {check.name}: {failure.title}: {failure.message}\n"
        f"  {sent.method} {sent.uri}\n  {(sent.body or b'')[:2000]!r}\n  {got.status_code} {got.content[:1000]!r}"
    )
