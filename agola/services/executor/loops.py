"""Being in touch with the runservice, through every outage."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import assert_never

from agola.core.errors import AgolaError
from agola.core.trouble import Trouble
from agola.model.assignment import (
    AssignedTask,
    AssignedTasks,
    Assignment,
    Registration,
    ReleasedTask,
)
from agola.model.executor import Executor, SessionID
from agola.services.executor.actions import Outbox, TaskActions
from agola.services.executor.ports.runservice import Assignments
from agola.services.executor.ports.store import TaskRecord

logger = logging.getLogger(__name__)

DELAYS_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
SILENCE_SECONDS = 45.0
"""Three heartbeats missed: whoever sends is gone, whatever the connection says."""

SESSION_STALE = "EXECUTOR_SESSION_STALE"
POINTLESS = frozenset(
    {
        "EXECUTOR_TASK_DOES_NOT_EXIST",
        "EXECUTOR_TASK_NOT_YOURS",
        "EXECUTOR_TASK_FINISHED",
        "EXECUTOR_TASK_STATUS_INVALID",
    }
)
"""Why a report is refused for good."""


class StaleSessionError(Exception):
    """Somebody registered anew, or the runservice forgot us."""


class Patience:
    """Longer and longer waits, until something succeeds, or a hint cuts one short."""

    def __init__(self, hint: asyncio.Event) -> None:
        self._hint = hint
        self._failures = 0

    def succeed(self) -> None:
        self._failures = 0

    async def wait(self) -> None:
        delay = DELAYS_SECONDS[min(self._failures, len(DELAYS_SECONDS) - 1)]
        self._failures += 1
        self._hint.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(delay * random.uniform(0.5, 1)):  # noqa: S311 (jitter)
                await self._hint.wait()


class RunserviceLoop:
    """Registers, keeps the session, takes tasks and reports what becomes of them."""

    def __init__(
        self, executor: Executor, assignments: Assignments, actions: TaskActions, outbox: Outbox
    ) -> None:
        self._executor = executor
        self._assignments = assignments
        self._actions = actions
        self._outbox = outbox
        self._hint = asyncio.Event()
        self._reached = asyncio.Event()
        self._trouble = Trouble(logger, over="the runservice takes what it is told again")

    def look(self) -> None:
        """Look for tasks at once, should the connection be just waiting to be made again."""
        self._hint.set()

    async def run(self) -> None:
        """Never returns."""
        while True:
            registration = await self._register()
            logger.info("registered as executor %s", self._executor.id)
            try:
                await self._session(registration)
            except* StaleSessionError:
                logger.warning("the session is stale: registering again")

    async def _register(self) -> Registration:
        patience = Patience(self._hint)
        while True:
            try:
                return await self._assignments.register_executor(self._executor)
            except AgolaError as error:
                self._trouble.say(f"cannot register yet: {error}")
            await patience.wait()

    async def _session(self, registration: Registration) -> None:
        """Be in touch until the session is stale, which is a group of StaleSessionError."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_alive(registration.session, registration.keep_alive))
            group.create_task(self._watch(registration.session))
            group.create_task(self._report(registration.session))

    async def _keep_alive(self, session: SessionID, every: timedelta) -> None:
        while True:
            await asyncio.sleep(every.total_seconds())
            await self._attempt(
                lambda: self._assignments.keep_executor_alive(self._executor.id, session)
            )

    async def _watch(self, session: SessionID) -> None:
        patience = Patience(self._hint)
        while True:
            await self._attempt(lambda: self._follow(session, patience))
            await patience.wait()

    async def _follow(self, session: SessionID, patience: Patience) -> None:
        """Take what comes until the stream ends.  It is silent for good only if it is broken."""
        stream = self._assignments.watch_executor_tasks(self._executor.id, session)
        async with aclosing(stream) as events:
            with suppress(StopAsyncIteration, TimeoutError):
                while True:
                    async with asyncio.timeout(SILENCE_SECONDS):
                        event = await anext(events)
                    patience.succeed()
                    self._reached.set()  # reports that wait for better times need not
                    if event is not None:
                        await self._apply(event)

    async def _apply(self, event: Assignment) -> None:
        match event:
            case AssignedTasks(task_ids):
                await self._actions.keep_only(task_ids)
            case AssignedTask(task, spec):
                await self._actions.assign(task, spec)
            case ReleasedTask(task_id):
                await self._actions.release(task_id)
            case _:
                assert_never(event)

    async def _report(self, session: SessionID) -> None:
        patience = Patience(self._reached)
        while True:
            records = await self._outbox.take()
            try:
                sent = await asyncio.gather(*(self._send(session, record) for record in records))
            except BaseException:
                for record in records:
                    self._outbox.put(record)  # the next session sends it again: that does no harm
                raise
            if all(sent):
                patience.succeed()
                continue
            for record, done in zip(records, sent, strict=True):
                if not done:
                    self._outbox.put(record)
            await patience.wait()

    async def _send(self, session: SessionID, record: TaskRecord) -> bool:
        """Report a task.  Says whether that is settled: accepted, or refused for good."""
        refusal = await self._attempt(
            lambda: self._assignments.update_executor_task_status(
                self._executor.id, session, record.run_id, record.task_id, status=record.status
            )
        )
        settled = refusal is None or refusal.reason in POINTLESS
        if settled:
            self._outbox.answer(record.task_id, refusal)
        return settled

    async def _attempt(self, call: Callable[[], Awaitable[None]]) -> AgolaError | None:
        """Make a call, and give what it was refused for.  Raises StaleSessionError."""
        try:
            await call()
        except AgolaError as error:
            if error.reason == SESSION_STALE:
                raise StaleSessionError from error
            self._trouble.say(f"the runservice did not take it: {error} ({error.reason})")
            return error
        self._trouble.end()
        return None
