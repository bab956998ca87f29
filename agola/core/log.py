"""What a process says of itself: one line an event, for people or for programs."""

import logging
import sys
from typing import Literal, TextIO

import structlog

Format = Literal["auto", "text", "json"]

QUIET = ("grpc", "asyncio", "aiohttp.access", "urllib3")
"""Loggers of libraries whose chatter nobody asked for."""


def configure(level: str, form: Format, *, stream: TextIO = sys.stderr) -> None:
    """Send every logger of the process to *stream*, from *level* on (`debug`, `info`, …).

    `auto` is text on a terminal and JSON elsewhere.
    """
    as_text = form == "text" or (form == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendering(as_text=as_text, colors=stream.isatty()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("grpc._cython.cygrpc").addFilter(_matters)


def _matters(record: logging.LogRecord) -> bool:
    """Drop the stack that gRPC logs when a client has gone in the middle of a stream."""
    return not record.getMessage().startswith("ExecuteBatchError raised in core")


_SHARED: list[structlog.typing.Processor] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def _rendering(*, as_text: bool, colors: bool) -> list[structlog.typing.Processor]:
    if as_text:
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
