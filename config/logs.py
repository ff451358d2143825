"""Log lines: one JSON object each, on standard error. `audit` is the channel `security` of contract section 4.5."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import structlog
from django.apps import apps

from config import origin
from config.paths import without_secret


def _name_request(logger: Any, method: str, line: dict[str, Any]) -> dict[str, Any]:
    """Which request a line belongs to, if to any. What the line says of it already stays."""
    request = origin.request_at_work()
    if request is None:
        return line
    return {
        "request_id": origin.id_of(request),
        "address": origin.address_of(request),
        "path": origin.path_of(request),
    } | line


#: What PostgreSQL says of a row that it refused: all that stands in it.
_REFUSED_ROW = re.compile(r"^DETAIL:  Failing row contains \(.*?\)\.$", re.MULTILINE | re.DOTALL)


def _hide_secrets(logger: Any, method: str, line: dict[str, Any]) -> dict[str, Any]:
    """What Django and PostgreSQL write into their own words: links to a new password, and the hashes in a row."""
    hidden = {name: without_secret(line[name]) for name in ("event", "exception") if isinstance(line.get(name), str)}
    if "exception" in hidden:
        hidden["exception"] = _REFUSED_ROW.sub("DETAIL:  Failing row contains (…).", hidden["exception"])
    return line | hidden


# --- How long a line may be -------------------------------------------------------------------------------------
#: Most characters of one value of a line. Paths, hosts, names and whatever else callers send stand in some of them.
MAX_CHARACTERS = 255
#: Most characters of a stack trace: its beginning and its end.
MAX_TRACE_CHARACTERS = 16_000
_TRACES = {"exception", "stack"}
_ALWAYS_SHORT = (bool, int, float, type(None))


def _cut(logger: Any, method: str, line: dict[str, Any]) -> dict[str, Any]:
    """Bounds every value, whoever wrote the line: nobody fills the disk by what they send."""
    return {name: value if name.startswith("_") else _bounded(name, value) for name, value in line.items()}


def _bounded(name: str, value: Any) -> Any:
    return _shortened_trace(value) if name in _TRACES and isinstance(value, str) else _shortened(value)


def _shortened(value: Any) -> Any:
    if isinstance(value, _ALWAYS_SHORT):
        return value
    text = value if isinstance(value, str) else json.dumps(value, default=repr)
    if len(text) <= MAX_CHARACTERS:
        return value
    return f"{text[:MAX_CHARACTERS]}… ({len(text)} characters)"


def _shortened_trace(trace: str) -> str:
    """Each of its lines may name what somebody sent."""
    text = "\n".join(_shortened(one) for one in trace.splitlines())
    if len(text) <= MAX_TRACE_CHARACTERS:
        return text
    half = MAX_TRACE_CHARACTERS // 2
    return f"{text[:half]}\n…\n{text[-half:]}"


def _is_refusal(record: logging.LogRecord) -> bool:
    """Whether Django tells of a request that was answered with 4xx."""
    return 400 <= getattr(record, "status_code", 0) < 500


def _leave_out_traces_of_refusals(logger: Any, method: str, line: dict[str, Any]) -> dict[str, Any]:
    """A request that cannot be right, such as for a host that is not ours, is no defect to be found."""
    record = line.get("_record")
    if record is not None and _is_refusal(record):
        line.pop("exc_info", None)
    return line


class OneLineARefusal(logging.Filter):
    """Passes over Django's line about a refused request of which another line has told already."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = origin.request_at_work()
        if request is None or record.levelno < logging.WARNING:
            return True
        has_line, request.META["warehouse.has_line"] = request.META.get("warehouse.has_line", False), True
        return not (has_line and _is_refusal(record))


_FROM_ANYWHERE = [
    _leave_out_traces_of_refusals,
    _name_request,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    _hide_secrets,
    _cut,
]

structlog.configure(
    processors=[*_FROM_ANYWHERE, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],  # type: ignore[list-item]
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)

#: Who signed in, who was refused, what was withdrawn. Never a password, token, code or key. Each event is a line and
#: a row that the Back Office lists. A refusal is told after its transaction, which would take the row back; what has
#: been done is told inside, so that what is taken back has no row.
audit = structlog.stdlib.get_logger("security")


class RowHandler(logging.Handler):
    """Keeps each line of a channel as a row of `model`, whose manager has `keep(record)`."""

    def __init__(self, model: str) -> None:
        super().__init__()
        self.model = model

    def emit(self, record: logging.LogRecord) -> None:
        """Whatever goes wrong here, the line is written and the caller has its answer."""
        try:
            apps.get_model(self.model)._default_manager.keep(record)
        except Exception:
            logging.getLogger(__name__).exception("An audit event could not be kept as a row")


def json_formatter() -> structlog.stdlib.ProcessorFormatter:
    """The formatter that turns both structlog's and the standard library's records into JSON."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_FROM_ANYWHERE,  # type: ignore[arg-type]
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
    )
