"""Logs as they travel: bytes with their place, and an explicit end."""

from dataclasses import dataclass
from typing import TypeAlias

MAX_CHUNK_BYTES = 256 * 1024
"""The most bytes that one message carries."""


@dataclass(frozen=True, slots=True, order=True)
class LogPart:
    """One log of a task: the setup's (None), or that of a step by its index."""

    step: int | None = None

    def __str__(self) -> str:
        return "setup" if self.step is None else f"step {self.step}"


SETUP_LOG = LogPart()


@dataclass(frozen=True, slots=True)
class LogChunk:
    """Bytes of a log, and where they start."""

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class LogEnd:
    """The log is complete and this long."""

    size: int


LogEvent: TypeAlias = LogChunk | LogEnd
"""What a reader is told; None in a stream of these is a heartbeat."""
