"""Structured logs on standard output: one JSON object (or one readable line) an event, without personal data.

Log counts, states and opaque identifiers; never bodies, names, addresses or numbers of customers. What
slips through under a telling key is redacted here as the last line of defence.
"""

import logging
import re
import sys
from typing import Any, Literal

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from shared.telemetry.flood import FloodFilter
from shared.telemetry.trace import current_trace

REDACTED = "[redacted]"
_SENSITIVE_KEY = re.compile(
    r"token|passw|secret|authori[sz]ation|cookie|credential|api_?key|private_key|e_?mail|phone|msisdn|dsn"
    r"|database_url|first_?name|last_?name|full_?name|\botp\b|^body$",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[^\s@<>\"']{1,64}@[^\s@<>\"']{1,255}\.[A-Za-z]{2,24}")
# PostgreSQL quotes the values of the row there, in the tracebacks of what it refused.
_ROW_VALUES = re.compile(r"\nDETAIL:.*?(?=\nHINT:|\n\nThe above exception was|\n\nDuring handling of|\Z)", re.DOTALL)
# So do the driver with what it cannot encode, and pydantic with what does not fit a model.
_GIVEN_VALUES = re.compile(r"(?<=input_value=).*(?=, input_type=)|(?P<argument>query argument \$\d+: ).*(?= \()")
_URL_PASSWORD = re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]*(?=@)")


def configure_logging(service: str, *, level: str = "info", log_format: Literal["json", "text"] = "json") -> None:
    """Send this process's logs, those of libraries included, to standard output. Call it once, at start."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _ServiceName(service),
        add_trace,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redact,
            _renderer(log_format),
        ],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    handler.addFilter(FloodFilter())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _renderer(log_format: Literal["json", "text"]) -> Processor:
    if log_format == "json":
        return structlog.processors.JSONRenderer(serializer=_dump)
    return structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger; call it as `log.info("batch applied", events=12)`: a constant text, variables as fields."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def add_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Name the span the line belongs to."""
    trace = current_trace.get()
    if trace is not None:
        event.setdefault("trace_id", trace.trace_id)
        event.setdefault("span_id", trace.span_id)
    return event


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace values under telling keys, e-mail addresses and quoted values in any text, and passwords in URLs."""
    return {key: _redacted(key, value) for key, value in event.items()}


def _redacted(key: str, value: Any) -> Any:
    if _SENSITIVE_KEY.search(key):
        return REDACTED
    if isinstance(value, str):
        without_values = _GIVEN_VALUES.sub(_keep_argument, _ROW_VALUES.sub(f"\nDETAIL: {REDACTED}", value))
        return _URL_PASSWORD.sub(REDACTED, _EMAIL.sub(REDACTED, without_values))
    if isinstance(value, dict):
        return {str(name): _redacted(str(name), item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted("", item) for item in value]
    return value


def _keep_argument(found: re.Match[str]) -> str:
    return f"{found['argument'] or ''}{REDACTED}"


class _ServiceName:
    """Adds which service wrote the line."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"] = self._service
        return event


def _dump(event: EventDict, **_options: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
