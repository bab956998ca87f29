"""The errors of the domain.  Nothing here knows about gRPC."""

from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from typing import ClassVar


class Kind(Enum):
    """What went wrong, as far as a caller can act on it."""

    BAD_REQUEST = "bad_request"
    NOT_EXIST = "not_exist"
    ALREADY_EXISTS = "already_exists"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    PRECONDITION = "precondition"
    CONCURRENCY = "concurrency"
    OUT_OF_RANGE = "out_of_range"
    EXHAUSTED = "exhausted"
    UNAVAILABLE = "unavailable"
    UNIMPLEMENTED = "unimplemented"
    INTERNAL = "internal"


class AgolaError(Exception):
    """Base of every error that we raise on purpose.

    `reason` is for programs: UPPER_SNAKE_CASE, one cause each, never renamed.
    `metadata` holds every variable that `message` mentions, under lowerCamel names.
    """

    kind: ClassVar[Kind] = Kind.INTERNAL

    def __init__(self, message: str, *, reason: str, **metadata: str) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.metadata = metadata


class BadRequestError(AgolaError):
    """The request is wrong whatever the state of the system is."""

    kind = Kind.BAD_REQUEST


class NotExistError(AgolaError):
    """The request names something that does not exist."""

    kind = Kind.NOT_EXIST


class AlreadyExistsError(AgolaError):
    """The request creates something under a name that is taken."""

    kind = Kind.ALREADY_EXISTS


class UnauthorizedError(AgolaError):
    """The caller did not say who they are, or nobody believes them."""

    kind = Kind.UNAUTHORIZED


class ForbiddenError(AgolaError):
    """The caller is known and may not do this."""

    kind = Kind.FORBIDDEN


class PreconditionError(AgolaError):
    """The request is fine, but not in the present state of what it names."""

    kind = Kind.PRECONDITION


class ConcurrencyError(AgolaError):
    """Somebody else changed the same thing first.  Read again, then retry."""

    kind = Kind.CONCURRENCY


class OutOfRangeError(AgolaError):
    """The request reads past an end that may move."""

    kind = Kind.OUT_OF_RANGE


class ExhaustedError(AgolaError):
    """A limit was reached: a size, a rate, a quota, the disk.  Try again after `retry_after`."""

    kind = Kind.EXHAUSTED
    retry_after: timedelta = timedelta(seconds=1)


class UnavailableError(AgolaError):
    """Not now.  The same request may succeed after `retry_after`."""

    kind = Kind.UNAVAILABLE
    retry_after: timedelta = timedelta(seconds=1)


class UnimplementedError(AgolaError):
    """The contract has this call, this server does not answer it yet."""

    kind = Kind.UNIMPLEMENTED


class InternalError(AgolaError):
    """Nothing that the caller did, yet the caller should read why: another service failed, say.

    Only an exception that is no AgolaError at all stays private.
    """


def underlying(error: BaseException) -> AgolaError | None:
    """Find the typed error under the context that was put around it, or None.

    The outermost one decides.  Context for the log is `add_note`, or `raise ... from error`.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, AgolaError):
        cause = cause.__cause__
    return cause


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Give the errors that tasks side by side ended with, or the only one."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from leaves(part)
    else:
        yield error


def of_kind(kind: Kind, message: str, *, reason: str, **metadata: str) -> AgolaError:
    """Make the error class that stands for *kind*."""
    classes = {cls.kind: cls for cls in AgolaError.__subclasses__()}
    return classes.get(kind, InternalError)(message, reason=reason, **metadata)
