"""Who may do what.  Every action asks here first, and nowhere else."""

from agola.core.errors import ForbiddenError, NotExistError
from agola.model.group import within
from agola.model.run import Run
from agola.model.user import UserID
from agola.rpc.context import Principal

READ, WRITE = "read", "write"


def require_scope(principal: Principal, noun: str, verb: str) -> None:
    """Let a token through that may *verb* a *noun*.  ForbiddenError: TOKEN_SCOPE_MISSING.

    A token without scopes may do all that its user may; who may write may read.
    """
    wanted = f"{noun}:{verb}"
    if not covers(principal.scopes, wanted):
        message = f"the token has no scope {wanted}"
        raise ForbiddenError(message, reason="TOKEN_SCOPE_MISSING", scope=wanted)


def covers(scopes: tuple[str, ...], wanted: str) -> bool:
    """Say whether a token with these scopes may do what *wanted* names."""
    noun = wanted.partition(":")[0]
    return not scopes or wanted in scopes or f"{noun}:{WRITE}" in scopes


def require_no_more(principal: Principal, scopes: tuple[str, ...]) -> None:
    """Let a token with scopes make only tokens that may do no more than itself.

    ForbiddenError: TOKEN_SCOPE_MISSING.
    """
    if principal.scopes and not scopes:
        message = "a token with scopes cannot make one without"
        raise ForbiddenError(message, reason="TOKEN_SCOPE_MISSING", scope="")
    for scope in scopes:
        if not covers(principal.scopes, scope):
            message = f"a token without the scope {scope} cannot make one with it"
            raise ForbiddenError(message, reason="TOKEN_SCOPE_MISSING", scope=scope)


def require_admin(principal: Principal) -> None:
    """ForbiddenError: ADMIN_REQUIRED."""
    if not principal.admin:
        message = "only an administrator may do this"
        raise ForbiddenError(message, reason="ADMIN_REQUIRED")


def require_self_or_admin(principal: Principal, user_id: UserID) -> None:
    """ForbiddenError: ADMIN_REQUIRED."""
    if user_id != principal.user_id:
        require_admin(principal)


def require_visible(principal: Principal, run: Run) -> None:
    """Show a run to its user and to administrators; to others it does not exist.

    NotExistError: RUN_DOES_NOT_EXIST, in the words of the runservice, so that nothing tells a
    hidden run from none.
    """
    if not principal.admin and not within(run.group, user_group(principal.user_id)):
        message = f"run {run.id!r} doesn't exist"
        raise NotExistError(message, reason="RUN_DOES_NOT_EXIST", runId=run.id)


def user_group(user_id: str) -> str:
    """Name the group that all direct runs of a user are in."""
    return f"/user/{user_id}"
