"""What a handler may know of the call that it answers, besides the request."""

import time
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum

from agola.core.errors import InternalError


class PrincipalKind(Enum):
    """Who can call."""

    SERVICE = "service"
    """Another component of the installation."""
    USER = "user"
    """Somebody with a token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who calls."""

    kind: PrincipalKind
    user_id: str = ""
    user_name: str = ""
    admin: bool = False
    scopes: tuple[str, ...] = ()
    token_id: str = ""

    def __str__(self) -> str:
        return self.user_name or self.kind.value


SERVICE = Principal(kind=PrincipalKind.SERVICE)

_principal: ContextVar[Principal | None] = ContextVar("principal", default=None)
_trace_id: ContextVar[str] = ContextVar("trace_id", default="")
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def principal() -> Principal:
    """Say who calls.  Only inside an RPC that was authenticated."""
    who = _principal.get()
    if who is None:
        raise InternalError("nobody is calling", reason="NO_PRINCIPAL")
    return who


def known_principal() -> Principal | None:
    """Say who calls, or None where nobody was authenticated: for logs."""
    return _principal.get()


def set_principal(who: Principal) -> None:
    _principal.set(who)


def trace_id() -> str:
    """Name the call that all this work is for, across services; empty outside of one."""
    return _trace_id.get()


def set_trace_id(value: str) -> None:
    _trace_id.set(value)


def time_left() -> float | None:
    """Say how many seconds the caller will still wait; None: as long as it takes."""
    deadline = _deadline.get()
    return None if deadline is None else deadline - time.monotonic()


def set_time_left(seconds: float | None) -> None:
    _deadline.set(None if seconds is None else time.monotonic() + seconds)
