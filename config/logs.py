"""Log lines: one JSON object each, on standard error. `audit` is the channel `security` of contract section 4.5."""

import structlog

_FROM_ANYWHERE = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]

structlog.configure(
    processors=[*_FROM_ANYWHERE, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],  # type: ignore[list-item]
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)

#: Who signed in, who was refused, what was withdrawn. Never a password, token, code or key.
audit = structlog.stdlib.get_logger("security")


def json_formatter() -> structlog.stdlib.ProcessorFormatter:
    """The formatter that turns both structlog's and the standard library's records into JSON."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_FROM_ANYWHERE,  # type: ignore[arg-type]
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
    )
