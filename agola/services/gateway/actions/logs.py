"""Logs, for those who may see their run."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from agola.model.log import LogEvent, LogPart
from agola.model.run_ref import RunRef, TaskRef
from agola.rpc.context import Principal
from agola.services.gateway.actions.runs import RunActions
from agola.services.gateway.ports.log import Logs


class LogActions:
    """Shows the logs of tasks."""

    def __init__(self, runs: RunActions, logs: Logs) -> None:
        self._runs = runs
        self._logs = logs

    async def stream_task_log(
        self,
        principal: Principal,
        run: RunRef,
        task: TaskRef,
        part: LogPart,
        *,
        offset: int,
        follow: bool,
    ) -> AsyncGenerator[LogEvent | None, None]:
        """Yield the log from *offset* on, then its end; None is a heartbeat.

        NotExistError: RUN_DOES_NOT_EXIST (also if hidden), TASK_DOES_NOT_EXIST,
        STEP_DOES_NOT_EXIST, LOG_DOES_NOT_EXIST.  OutOfRangeError: OFFSET_PAST_END.
        """
        state = await self._runs.get(principal, run)
        found = task.find(state.tasks)
        log = self._logs.stream_task_log(state.run.id, found.id, part, offset=offset, follow=follow)
        async with aclosing(log) as events:
            async for event in events:
                yield event
