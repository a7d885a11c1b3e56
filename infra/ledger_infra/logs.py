"""Log lines: readable in a terminal, one JSON object a line otherwise. Ids and positions, never payloads."""

from __future__ import annotations

import logging
import sys
import time
from typing import Final, Literal

import structlog

LogFormat = Literal["auto", "console", "json"]

REPEAT_SECONDS: Final = 30.0
"""A library says the same thing at most this often: an outage is one fact, not ten lines a second."""

_LIBRARIES_AT_WARNING: Final = ("aiokafka", "uvicorn", "asyncio", "kafka", "jgo", "urllib3", "httpx2")


def configure_logs(log_format: LogFormat, level: str) -> None:
    """Send structlog's and the standard library's lines to standard error, in one form."""
    readable = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        stamp,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    last: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
        if readable
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    handler.addFilter(OncePerWhile(REPEAT_SECONDS))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _LIBRARIES_AT_WARNING:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


class OncePerWhile(logging.Filter):
    """Lets a line of a library through once per `seconds`, told by its logger and template; ours all pass."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._last: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether the line passes."""
        if not record.name.startswith(_LIBRARIES_AT_WARNING):
            return True
        said, now = (record.name, str(record.msg)), time.monotonic()
        if now - self._last.get(said, -self._seconds) < self._seconds:
            return False
        self._last[said] = now
        return True
