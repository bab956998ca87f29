"""Executors, for administrators."""

from agola.model.assignment import ExecutorLoad
from agola.model.page import Page
from agola.rpc.context import Principal
from agola.services.gateway.actions.authorization import READ, require_admin, require_scope
from agola.services.gateway.ports.executor import Executors


class ExecutorActions:
    """Shows executors."""

    def __init__(self, executors: Executors) -> None:
        self._executors = executors

    async def list(
        self, principal: Principal, *, page_size: int, page_token: str
    ) -> Page[ExecutorLoad]:
        """Give a page of the executors that are alive.  ForbiddenError: ADMIN_REQUIRED."""
        require_scope(principal, "admin", READ)
        require_admin(principal)
        loads, next_token = await self._executors.list_executors(
            page_size=page_size, page_token=page_token
        )
        return Page(loads, next_token)
