"""Deciding again when somebody else decided about the same thing first."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from agola.core.errors import BadRequestError, ConcurrencyError
from agola.model.user import is_id

TRIES = 10
MAX_REQUEST_ID_CHARACTERS = 36

T = TypeVar("T")


async def decide(attempt: Callable[[], Awaitable[T]]) -> T:
    """Make a decision, anew each time that somebody else was faster.

    ConcurrencyError (`CHANGE_GROUP_CHANGED`) when others keep being faster.
    """
    for _ in range(TRIES - 1):
        try:
            return await attempt()
        except ConcurrencyError as error:
            if error.reason != "CHANGE_GROUP_CHANGED":
                raise
    return await attempt()


def check_request_id(request_id: str) -> None:
    """BadRequestError: `REQUEST_ID_INVALID` unless it is empty or a UUID."""
    if request_id and not (len(request_id) <= MAX_REQUEST_ID_CHARACTERS and is_id(request_id)):
        message = f"the request id {request_id!r} is not a UUID"
        raise BadRequestError(message, reason="REQUEST_ID_INVALID", requestId=request_id)


def check_etag(given: str, present: str) -> None:
    """ConcurrencyError: `ETAG_MISMATCH` unless none is given or it is the present one."""
    if given and given != present:
        message = f"it was changed: its etag is {present!r}, not {given!r}"
        raise ConcurrencyError(message, reason="ETAG_MISMATCH", given=given, present=present)
