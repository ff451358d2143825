"""Questions and answers of the OpenID AuthZEN Authorization API 1.0: may this person work in this warehouse?"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from assignments.access.decision import UNSUPPORTED, Decision, decide_all
from config.api import strict_json
from config.identifiers import parse_uuid
from users.oauth.errors import UnreadableBodyError

#: What can be asked: types and name of the entities.
PERSON, WORK, WAREHOUSE = "person", "work", "warehouse"
#: Most evaluations in one request.
MAX_EVALUATIONS = 1_000
#: Value of `options.evaluations_semantic` → the decision that ends the list of answers.
SEMANTICS = {"execute_all": None, "deny_on_first_deny": False, "permit_on_first_permit": True}

#: Entity of a question → its required members, all texts.
_ENTITIES = {"subject": ("type", "id"), "action": ("name",), "resource": ("type", "id")}
_MISSING = "`%s` is missing."
#: Every word about what is missing.
MISSING = [
    _MISSING % place
    for entity, members in _ENTITIES.items()
    for place in (entity, *(f"{entity}.{name}" for name in members))
]


#: A person and a warehouse; None for a question about something else; or in words what the question lacks.
_Question = tuple[UUID, UUID] | None | str


def evaluate(body: bytes, *, with_reasons: bool) -> dict[str, Any]:
    """The answer to `POST /access/v1/evaluation` (section 6).

    Raises UnreadableBodyError, which says why, for a body that is not a question. Unknown members are ignored.
    """
    document = _read(body)
    _check(document)
    return _single(document, with_reasons=with_reasons)


def evaluate_all(body: bytes, *, with_reasons: bool) -> dict[str, Any]:
    """The answer to `POST /access/v1/evaluations` (section 7), from one query. Raises as `evaluate` does.

    Of what a question lacks, the document's own members are the default. A question that lacks something all the same
    is denied, and the others are answered. Without questions, the document itself is one.
    """
    document = _read(body)
    _check(document)
    options = _typed(document, "options", dict, "an object", {})
    semantic = options.get("evaluations_semantic", "execute_all")
    if not isinstance(semantic, str) or semantic not in SEMANTICS:
        raise UnreadableBodyError(f"`options.evaluations_semantic` must be one of: {', '.join(SEMANTICS)}.")
    items = _typed(document, "evaluations", list, "an array", [])
    if len(items) > MAX_EVALUATIONS:
        raise UnreadableBodyError(f"`evaluations` must have at most {MAX_EVALUATIONS} items.")
    for item in items:
        _check(item)
    if not items:
        return _single(document, with_reasons=with_reasons)
    answers = _answers([_question(document | item) for item in items], with_reasons=with_reasons)
    return {"evaluations": _until(SEMANTICS[semantic], answers)}


def _single(document: dict[str, Any], *, with_reasons: bool) -> dict[str, Any]:
    question = _question(document)
    if isinstance(question, str):
        raise UnreadableBodyError(question)
    return _answers([question], with_reasons=with_reasons)[0]


# --- Reading ----------------------------------------------------------------------------------------------------
def _read(body: bytes) -> dict[str, Any]:
    try:
        document = strict_json.loads(body)
    except ValueError:
        raise UnreadableBodyError("The body must be JSON, without repeated members.") from None
    return _object(document, "The body")


def _check(document: Any) -> None:
    """Raises UnreadableBodyError if something in a question is of the wrong type; what is missing may be a default."""
    document = _object(document, "An item of `evaluations`")
    _typed(document, "context", dict, "an object")
    for entity, members in _ENTITIES.items():
        found = _typed(document, entity, dict, "an object", {})
        _typed(found, "properties", dict, "an object")
        for member in members:
            _typed(found, member, str, "a text", place=f"{entity}.{member}")


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UnreadableBodyError(f"{what} must be an object.")
    return value


def _typed(document: dict[str, Any], name: str, kind: type, words: str, default: Any = None, place: str = "") -> Any:
    """The member, or the default if there is none."""
    if name in document and not isinstance(document[name], kind):
        raise UnreadableBodyError(f"`{place or name}` must be {words}.")
    return document.get(name, default)


def _question(document: dict[str, Any]) -> _Question:
    for entity, members in _ENTITIES.items():
        if entity not in document:
            return _MISSING % entity
        for member in members:
            if member not in document[entity]:
                return _MISSING % f"{entity}.{member}"
    subject, action, resource = (document[entity] for entity in _ENTITIES)
    if (subject["type"], action["name"], resource["type"]) != (PERSON, WORK, WAREHOUSE):
        return None
    return parse_uuid(subject["id"]), parse_uuid(resource["id"])


# --- Answering --------------------------------------------------------------------------------------------------
def _answers(questions: list[_Question], *, with_reasons: bool) -> list[dict[str, Any]]:
    decisions = iter(decide_all([question for question in questions if isinstance(question, tuple)]))
    return [_answer(question, decisions, with_reasons) for question in questions]


def _answer(question: _Question, decisions: Any, with_reasons: bool) -> dict[str, Any]:
    if isinstance(question, str):
        return {"decision": False, "context": {"error": {"status": 400, "message": question}}}
    decision: Decision = next(decisions) if question else UNSUPPORTED
    if decision.is_permitted or not with_reasons:
        return {"decision": decision.is_permitted}
    return {"decision": False, "context": {"reason": decision.reason}}


def _until(last: bool | None, answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers up to and including the first with this decision."""
    ends = (place for place, answer in enumerate(answers, 1) if answer["decision"] is last)
    return answers[: next(ends, len(answers))]
