"""What can be done with runs."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

from msgspec import structs

from agola.core.clock import Clock
from agola.core.errors import BadRequestError, NotExistError, PreconditionError
from agola.model.run import Phase, Run, Task, initial_tasks, ordered
from agola.model.run_config import RunConfig, RunID
from agola.model.run_event import RunDifference, RunEnded, RunProgress, RunState
from agola.model.run_id import RunIds
from agola.model.run_query import RunNumber
from agola.services.runservice.actions.advancing import AdvanceActions
from agola.services.runservice.actions.check import check_request_id, checked_config
from agola.services.runservice.ports.archive import RunArchive, RunConfigs
from agola.services.runservice.ports.live import (
    NO_CHANGE,
    Change,
    LiveState,
    Puts,
    group_key,
    no_run,
    request_key,
    run_key,
    task_key,
)


class RunActions:
    """Creates, reads and steers runs."""

    def __init__(
        self,
        live: LiveState,
        configs: RunConfigs,
        archive: RunArchive,
        advance: AdvanceActions,
        *,
        ids: RunIds,
        clock: Clock,
    ) -> None:
        self._live = live
        self._configs = configs
        self._archive = archive
        self._advance = advance
        self._ids = ids
        self._clock = clock

    async def create(self, config: RunConfig, *, request_id: str = "") -> RunState:
        """Accept a run, durably; give the one that the same request made before.

        BadRequestError: `RUN_GROUP_INVALID`, `RUN_NAME_REQUIRED`, `RUN_CONFIG_INVALID`,
        `REQUEST_ID_INVALID`.
        """
        check_request_id(request_id)
        config = checked_config(config)
        if known := await self._requested(request_id):
            return await self.get(known)
        config = structs.replace(config, id=self._ids.next())
        counter = await self._configs.create(config)
        if known := await self._requested(request_id):  # the same request was faster
            return await self.get(known)
        run = self._new_run(config, counter, request_id)
        await self._live.change(lambda: self._creation(run, config))
        return await self.get(self._live_requested(request_id) or run.id)

    async def get(self, by: RunID | RunNumber) -> RunState:
        """Read a run.  NotExistError: `RUN_DOES_NOT_EXIST`."""
        run_id = await self._numbered(by) if isinstance(by, RunNumber) else by
        if not run_id:
            raise BadRequestError("say which run", reason="RUN_ID_REQUIRED")
        if state := self._state(run_id):
            return state
        try:
            return await self._archived(run_id)
        except NotExistError:
            await self._live.seen(run_key(run_id))
        return self._state(run_id) or await self._archived(run_id)

    async def watch(self, run_id: RunID) -> AsyncGenerator[RunProgress, None]:
        """Tell a run as it is, then what changes, until it has ended.  Errors: those of `get`."""
        with self._live.watching_run(run_id) as wake:
            told = await self.get(run_id)
            yield told
            while not told.run.phase.ended:
                await wake.wait()
                now = await self.get(run_id)
                if difference := _difference(told, now):
                    yield difference
                told = now
        yield RunEnded()

    async def start(self, run_id: RunID) -> Run:
        """Let a queued run leave the queue.

        NotExistError: `RUN_DOES_NOT_EXIST`.  PreconditionError: `RUN_NOT_QUEUED`, `RUN_GROUP_BUSY`.

        Its first tasks are given out in the same transaction.
        """
        config = await self._configs.read(run_id)

        def decide(run: Run) -> Change:
            _check_phase(run, Phase.QUEUED)
            holder = self._live.holder(run.group)
            if holder not in {None, run.id}:
                raise _busy(run, holder)
            started = structs.replace(run, phase=Phase.RUNNING, start_time=self._clock.now())
            change, _ = self._advance.next_of(started, config)
            now = change.put[run_key(run.id)]
            if isinstance(now, Run) and now.phase.ended:  # there was nothing to do
                return change
            return replace(change, put={group_key(run.group): run.id, **change.put})

        return await self._steer(run_id, decide)

    async def stop(self, run_id: RunID) -> Run:
        """Wish that a running run stops.

        NotExistError: `RUN_DOES_NOT_EXIST`.  PreconditionError: `RUN_NOT_RUNNING`.
        """

        def decide(run: Run) -> Change:
            _check_phase(run, Phase.RUNNING)
            if run.stop:
                return NO_CHANGE
            return Change(put={run_key(run.id): structs.replace(run, stop=True)})

        return await self._steer(run_id, decide)

    async def cancel(self, run_id: RunID) -> Run:
        """Give up a queued run.

        NotExistError: `RUN_DOES_NOT_EXIST`.  PreconditionError: `RUN_NOT_QUEUED`.
        """

        def decide(run: Run) -> Change:
            _check_phase(run, Phase.QUEUED)
            cancelled = structs.replace(run, phase=Phase.CANCELLED, end_time=self._clock.now())
            return Change(put={run_key(run.id): cancelled})

        return await self._steer(run_id, decide)

    async def _steer(self, run_id: RunID, decide: Callable[[Run], Change]) -> Run:
        if self._live.run(run_id) is None:  # it may have ended: then only its phase is wrong
            decide((await self.get(run_id)).run)
        await self._live.change(lambda: decide(self._live_run(run_id)))
        return (await self.get(run_id)).run

    def _live_run(self, run_id: RunID) -> Run:
        run = self._live.run(run_id)
        if run is None:
            raise no_run(run_id)
        return run

    def _state(self, run_id: RunID) -> RunState | None:
        run = self._live.run(run_id)
        return RunState(run, ordered(self._live.tasks(run_id))) if run else None

    async def _archived(self, run_id: RunID) -> RunState:
        archived = await self._archive.read(run_id)
        return RunState(archived.run, archived.tasks)

    async def _numbered(self, number: RunNumber) -> RunID:
        run = self._live.numbered(number.root_group, number.counter)
        run_id = run.id if run else await self._archive.numbered(number.root_group, number.counter)
        if run_id is None:
            message = f"{number.root_group} has no run {number.counter}"
            raise NotExistError(
                message,
                reason="RUN_DOES_NOT_EXIST",
                rootGroup=number.root_group,
                counter=str(number.counter),
            )
        return run_id

    async def _requested(self, request_id: str) -> RunID | None:
        if not request_id:
            return None
        live = self._live_requested(request_id)
        return live or await self._archive.requested(request_id)

    def _live_requested(self, request_id: str) -> RunID | None:
        """Say which run a request made.  A creation that a crash cut short made none."""
        run_id = self._live.requested(request_id)
        return run_id if run_id and self._live.run(run_id) else None

    def _new_run(self, config: RunConfig, counter: int, request_id: str) -> Run:
        now = self._clock.now()
        broken = bool(config.setup_errors)
        return Run(
            id=config.id,
            name=config.name,
            group=config.group,
            counter=counter,
            create_time=now,
            end_time=now if broken else None,
            annotations=config.annotations,
            phase=Phase.SETUP_ERROR if broken else Phase.QUEUED,
            setup_errors=config.setup_errors,
            request_id=request_id,
            task_count=len(config.tasks),
        )

    def _creation(self, run: Run, config: RunConfig) -> Change:
        if self._live_requested(run.request_id):
            return NO_CHANGE  # the same request was faster
        put: Puts = {task_key(run.id, id_): task for id_, task in initial_tasks(config).items()}
        if run.request_id:
            put[request_key(run.request_id)] = run.id
        put[run_key(run.id)] = run
        return Change(put=put)


def _check_phase(run: Run, phase: Phase) -> None:
    if run.phase is not phase:
        message = f"run {run.id!r} is not {phase.value} but {run.phase.value}"
        reason = f"RUN_NOT_{phase.name}"
        raise PreconditionError(message, reason=reason, runId=run.id, phase=run.phase.value)


def _busy(run: Run, holder: RunID) -> PreconditionError:
    message = f"run {holder!r} of group {run.group!r} is running"
    return PreconditionError(message, reason="RUN_GROUP_BUSY", runId=holder, group=run.group)


def _difference(before: RunState, now: RunState) -> RunDifference | None:
    known = {task.id: task for task in before.tasks}
    tasks = tuple(task for task in now.tasks if _differs(task, known.get(task.id)))
    run = now.run if now.run != before.run else None
    return RunDifference(run, tasks) if run or tasks else None


def _differs(task: Task, known: Task | None) -> bool:
    return task is not known and task != known
