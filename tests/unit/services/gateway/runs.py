"""Runs in memory."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime

from msgspec import structs

from agola.core.errors import NotExistError
from agola.model.group import root_group, within
from agola.model.run import Phase, Run, Task, initial_tasks
from agola.model.run_config import RunConfig, RunID
from agola.model.run_event import RunDifference, RunEnded, RunProgress, RunState
from agola.model.run_query import RunFilter, RunNumber, RunPage

NOW = datetime(2026, 11, 24, tzinfo=UTC)


class MemoryRuns:
    """`Runs` and `NewRuns`, and the configs that they were made of."""

    def __init__(self) -> None:
        self.states: dict[RunID, RunState] = {}
        self.configs: dict[RunID, RunConfig] = {}
        self.requests: dict[str, RunID] = {}

    def add(self, group: str, *, tasks: tuple[Task, ...] = ()) -> Run:
        number = 1 + sum(
            root_group(state.run.group) == root_group(group) for state in self.states.values()
        )
        run = Run(
            id=RunID(f"r{len(self.states)}"),
            name="build",
            group=group,
            counter=number,
            create_time=NOW,
        )
        self.states[run.id] = RunState(run, tasks)
        return run

    async def create_run(self, config: RunConfig, *, request_id: str = "") -> RunState:
        if request_id in self.requests:
            return self.states[self.requests[request_id]]
        run = self.add(config.group, tasks=tuple(initial_tasks(config).values()))
        phase = Phase.SETUP_ERROR if config.setup_errors else Phase.QUEUED
        run = structs.replace(run, name=config.name, phase=phase, setup_errors=config.setup_errors)
        self.states[run.id] = RunState(run, self.states[run.id].tasks)
        self.configs[run.id] = config
        self.requests[request_id] = run.id
        return self.states[run.id]

    async def get_run(self, by: RunID | RunNumber) -> RunState:
        for state in self.states.values():
            run = state.run
            if by in (run.id, RunNumber(root_group=root_group(run.group), counter=run.counter)):
                return state
        name = by if isinstance(by, str) else str(by.counter)
        raise NotExistError(f"run {name!r} doesn't exist", reason="RUN_DOES_NOT_EXIST", runId=name)

    async def list_runs(
        self,
        filter_: RunFilter,
        *,
        page_size: int = 0,
        page_token: str = "",
        ascending: bool = False,
    ) -> RunPage:
        found = [
            state.run
            for state in self.states.values()
            if within(state.run.group, filter_.group)
            and (not filter_.phases or state.run.phase in filter_.phases)
        ]
        return RunPage(
            runs=tuple(found if ascending else found[::-1])[: page_size or 50],
            next_page_token="more" if page_size else "",
        )

    async def watch_run(self, run_id: RunID) -> AsyncGenerator[RunProgress | None, None]:
        state = self.states[run_id]
        yield state
        yield None
        yield RunDifference(structs.replace(state.run, phase=Phase.FINISHED), ())
        yield RunEnded()

    async def stop_run(self, run_id: RunID) -> Run:
        return self._change(structs.replace(self.states[run_id].run, stop=True))

    async def cancel_run(self, run_id: RunID) -> Run:
        return self._change(structs.replace(self.states[run_id].run, phase=Phase.CANCELLED))

    def _change(self, run: Run) -> Run:
        self.states[run.id] = RunState(run, self.states[run.id].tasks)
        return run
