"""Carrying out one task, from its setup to its last step."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

from agola.core.clock import Clock
from agola.core.errors import AgolaError, InternalError
from agola.model.executor import ExecutorTask, ExecutorTaskPhase, ExecutorTaskSpecData
from agola.model.log import SETUP_LOG, LogPart
from agola.services.executor.actions.progress import Progress, Tell, initial
from agola.services.executor.ports.driver import Driver, Exit, Pod, PodSpec
from agola.services.executor.ports.runservice import WorkspaceArchives
from agola.services.executor.ports.store import Archives, Log, Logs
from agola.services.executor.steps import StepContext, carry_out

logger = logging.getLogger(__name__)

SHUT_DOWN = "the executor was shut down while the task was running"
BROKEN = "the executor failed: its own log says how"


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """What tasks are carried out with."""

    driver: Driver
    logs: Logs
    archives: Archives
    workspace: WorkspaceArchives
    clock: Clock


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a task ended."""

    phase: ExecutorTaskPhase
    failure: str = ""
    timed_out: bool = False


class Execution:
    """One task on its way.  Runs once."""

    def __init__(
        self, task: ExecutorTask, spec: ExecutorTaskSpecData, *, equipment: Equipment, tell: Tell
    ) -> None:
        self._task = task
        self._spec = spec
        self._with = equipment
        status = initial(task, spec)
        self._progress = Progress(status, clock=equipment.clock, tell=tell)
        self._pod: Pod | None = None
        self._logs: list[Log] = []
        self._stopping = False
        self._running: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """Have the task stopped.  May be repeated."""
        if not self._stopping:
            self._stopping = True
            if self._running is not None:
                self._running.cancel()

    async def run(self) -> None:
        """Carry the task out.

        However it ends, its processes are gone and its logs durable before its end is told.
        """
        self._running = asyncio.current_task()
        outcome = await self._outcome()
        self._running = None  # from now on, nothing is left to stop
        try:
            if self._pod is not None:
                await self._pod.kill()
            outcome = await self._with_logs_kept(outcome)
            await self._progress.end(
                outcome.phase, failure=outcome.failure, timed_out=outcome.timed_out
            )
        finally:
            if self._pod is not None:
                await self._pod.remove()

    async def _outcome(self) -> Outcome:
        limit = self._spec.timeout
        scope = asyncio.timeout(limit.total_seconds() if limit else None)
        if self._stopping:
            return Outcome(ExecutorTaskPhase.CANCELLED)
        try:
            async with scope:
                return Outcome(await self._carry_out())
        except asyncio.CancelledError:
            return self._cancelled()
        except AgolaError as error:
            return Outcome(ExecutorTaskPhase.FAILED, error.message)
        except Exception as error:
            if isinstance(error, TimeoutError) and scope.expired():
                failure = f"the task took longer than {limit}"
                return Outcome(ExecutorTaskPhase.FAILED, failure, timed_out=True)
            logger.exception("task %s failed by our own fault", self._task.task_id)
            return Outcome(ExecutorTaskPhase.FAILED, f"{BROKEN}: {type(error).__name__}")

    def _cancelled(self) -> Outcome:
        """Tell a stop, which is over with this, from the end of the executor, which goes on."""
        if not self._stopping or self._running is None:
            return Outcome(ExecutorTaskPhase.FAILED, SHUT_DOWN)
        self._running.uncancel()
        return Outcome(ExecutorTaskPhase.STOPPED)

    async def _carry_out(self) -> ExecutorTaskPhase:
        """Do the setup, then the steps up to the first that fails."""
        await self._progress.begin()
        async with self._log(SETUP_LOG) as log:
            pod = await self._set_up(log)
        self._progress.end_part(SETUP_LOG)
        for part in map(LogPart, range(len(self._spec.steps))):
            await self._progress.begin_step(part)
            async with self._log(part) as log:
                exited = await self._step(part, pod, log)
            self._progress.end_part(part, exited)
            if exited is not None and not exited.success:
                return ExecutorTaskPhase.FAILED
        return ExecutorTaskPhase.SUCCESS

    async def _set_up(self, log: Log) -> Pod:
        containers = self._spec.runtime.containers
        user = self._spec.user or (containers[0].user if containers else "")
        spec = PodSpec(task_id=self._task.task_id, containers=containers, user=user)
        pod = self._pod = await self._with.driver.create(spec)
        directory = pod.resolve(self._spec.working_dir)
        await pod.make_directory(directory)
        for sentence in (*pod.description, f"working directory {directory}"):
            log.write(f"{sentence}\n".encode())
        return pod

    async def _step(self, part: LogPart, pod: Pod, log: Log) -> Exit | None:
        index = part.step or 0
        context = StepContext(
            task=self._task,
            spec=self._spec,
            index=index,
            pod=pod,
            log=log,
            archives=self._with.archives,
            workspace=self._with.workspace,
        )
        return await carry_out(self._spec.steps[index], context)

    @asynccontextmanager
    async def _log(self, part: LogPart) -> AsyncGenerator[Log, None]:
        """Begin a log, which is complete after the block.  It says what goes wrong, too."""
        log = self._with.logs.create(self._task.task_id, part)
        self._logs.append(log)
        try:
            with _disk_errors():
                yield log
        except AgolaError as error:
            with suppress(AgolaError):  # the log itself may be what failed
                log.write(f"error: {error.message}\n".encode(errors="surrogateescape"))
            raise
        finally:
            log.close()

    async def _with_logs_kept(self, outcome: Outcome) -> Outcome:
        """Wait until all logs are durable.  A task whose logs cannot be kept has failed."""
        try:
            for log in self._logs:
                await log.kept()
        except AgolaError as error:
            if not outcome.failure and outcome.phase is not ExecutorTaskPhase.STOPPED:
                return Outcome(ExecutorTaskPhase.FAILED, error.message)
        return outcome


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Say in a sentence what the disk refused.  InternalError: `FILE_FAILED`."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        message = f"the executor's disk: {error.strerror or error}{where}"
        raise InternalError(message, reason="FILE_FAILED") from error
