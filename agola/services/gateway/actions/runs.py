"""Runs as their owners see and steer them."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from agola.core.errors import NotExistError
from agola.model.page import Page
from agola.model.run import Run
from agola.model.run_config import RunID
from agola.model.run_event import RunProgress, RunState
from agola.model.run_query import RunFilter, RunNumber
from agola.model.run_ref import NumberedRun, ProjectRuns, RunRef, RunScope, RunSelection
from agola.rpc.context import Principal
from agola.services.gateway.actions.authorization import (
    READ,
    WRITE,
    require_scope,
    require_visible,
    user_group,
)
from agola.services.gateway.actions.users import owner
from agola.services.gateway.ports.run import Runs
from agola.services.gateway.ports.user import UserNames


class RunActions:
    """Shows runs to those who may see them.  NotExistError: RUN_DOES_NOT_EXIST, also if hidden."""

    def __init__(self, runs: Runs, users: UserNames) -> None:
        self._runs = runs
        self._users = users

    async def get(self, principal: Principal, ref: RunRef) -> RunState:
        """Give a run with its tasks: also the way to find out whether the caller may see it."""
        require_scope(principal, "run", READ)
        name = await self._name(principal, ref)
        try:
            state = await self._runs.get_run(name)
        except NotExistError as error:
            if isinstance(ref, NumberedRun):  # people know numbers, not groups
                message = f"run {ref} doesn't exist"
                raise NotExistError(message, reason=error.reason, run=str(ref)) from error
            raise
        require_visible(principal, state.run)
        return state

    async def list(
        self,
        principal: Principal,
        selection: RunSelection,
        *,
        page_size: int,
        page_token: str,
        ascending: bool,
    ) -> Page[Run]:
        """Give a page of runs.  ForbiddenError: ADMIN_REQUIRED for those of somebody else."""
        require_scope(principal, "run", READ)
        root = await self._root(principal, selection.scope)
        page = await self._runs.list_runs(
            RunFilter(
                phases=selection.phases,
                results=selection.results,
                group=f"{root}/{selection.subgroup}" if selection.subgroup else root,
            ),
            page_size=page_size,
            page_token=page_token,
            ascending=ascending,
        )
        return Page(page.runs, page.next_page_token)

    async def watch(
        self, principal: Principal, ref: RunRef
    ) -> AsyncGenerator[RunProgress | None, None]:
        """Yield the run as it is, then what changes, then `RunEnded`; None is a heartbeat."""
        state = await self.get(principal, ref)
        async with aclosing(self._runs.watch_run(state.run.id)) as progress:
            async for news in progress:
                yield news

    async def stop(self, principal: Principal, ref: RunRef) -> Run:
        """Ask a running run to stop.  PreconditionError: RUN_NOT_RUNNING."""
        require_scope(principal, "run", WRITE)
        return await self._runs.stop_run((await self.get(principal, ref)).run.id)

    async def cancel(self, principal: Principal, ref: RunRef) -> Run:
        """Give up a queued run.  PreconditionError: RUN_NOT_QUEUED."""
        require_scope(principal, "run", WRITE)
        return await self._runs.cancel_run((await self.get(principal, ref)).run.id)

    async def _name(self, principal: Principal, ref: RunRef) -> RunID | RunNumber:
        if not isinstance(ref, NumberedRun):
            return ref
        root = await self._root(principal, ref.scope)
        return RunNumber(root_group=root, counter=ref.number)

    async def _root(self, principal: Principal, scope: RunScope) -> str:
        """Name the group that all runs of a scope are in, if the caller may see them."""
        if isinstance(scope, ProjectRuns):  # no project was ever created
            message = f"project {scope.project_ref!r} does not exist"
            raise NotExistError(message, reason="PROJECT_DOES_NOT_EXIST", ref=scope.project_ref)
        return user_group(await owner(principal, scope.user_ref, self._users))
