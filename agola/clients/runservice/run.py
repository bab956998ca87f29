"""Runs, and what happens to them."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import grpc

from agola.model.run import Run
from agola.model.run_config import RunConfig, RunID
from agola.model.run_event import RunEvent, RunProgress, RunState
from agola.model.run_query import RunFilter, RunNumber, RunPage
from agola.rpc import calls
from agola.wire.runservice.run import run_from_pb, task_from_pb
from agola.wire.runservice.run_config import run_config_to_pb
from agola.wire.runservice.run_event import run_event_from_pb, run_progress_from_pb
from agola.wire.runservice.run_query import run_filter_to_pb, run_number_to_pb, run_page_from_pb
from generated.agola.runservice.v1 import run_event_service_pb2 as event_pb
from generated.agola.runservice.v1 import run_service_pb2 as pb
from generated.agola.runservice.v1.run_event_service_pb2_grpc import RunEventServiceStub
from generated.agola.runservice.v1.run_service_pb2_grpc import RunServiceStub

ALL_RUNS = RunFilter()


class RunClient:
    """Creates, reads and steers runs.  Errors: those that RunService lists."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = RunServiceStub(channel)

    async def create_run(self, config: RunConfig, *, request_id: str = "") -> RunState:
        """Queue a run.  The config's `id` is ignored: the runservice assigns one."""
        request = pb.CreateRunRequest(config=run_config_to_pb(config), request_id=request_id)
        return _state(await calls.unary(self._stub.CreateRun(request)))

    async def get_run(self, by: RunID | RunNumber) -> RunState:
        """Read a run by id or by number."""
        if isinstance(by, RunNumber):
            request = pb.GetRunRequest(number=run_number_to_pb(by))
        else:
            request = pb.GetRunRequest(run_id=by)
        return _state(await calls.unary(self._stub.GetRun(request)))

    async def list_runs(
        self,
        filter_: RunFilter = ALL_RUNS,
        *,
        page_size: int = 0,
        page_token: str = "",
        ascending: bool = False,
    ) -> RunPage:
        """Read a page of runs."""
        request = pb.ListRunsRequest(
            filter=run_filter_to_pb(filter_),
            page_size=page_size,
            page_token=page_token,
            ascending=ascending,
        )
        return run_page_from_pb(await calls.unary(self._stub.ListRuns(request)))

    async def watch_run(self, run_id: RunID) -> AsyncGenerator[RunProgress | None, None]:
        """Yield the run as it is, then what changes, then `RunEnded`; None is a heartbeat.

        A stream that closes without `RunEnded` was cut: call again.
        """
        call = self._stub.WatchRun(pb.WatchRunRequest(run_id=run_id))
        async with aclosing(calls.stream(call)) as messages:
            async for message in messages:
                yield run_progress_from_pb(message)

    async def start_run(self, run_id: RunID) -> Run:
        answer = await calls.unary(self._stub.StartRun(pb.StartRunRequest(run_id=run_id)))
        return run_from_pb(answer.run)

    async def stop_run(self, run_id: RunID) -> Run:
        answer = await calls.unary(self._stub.StopRun(pb.StopRunRequest(run_id=run_id)))
        return run_from_pb(answer.run)

    async def cancel_run(self, run_id: RunID) -> Run:
        answer = await calls.unary(self._stub.CancelRun(pb.CancelRunRequest(run_id=run_id)))
        return run_from_pb(answer.run)


class RunEventClient:
    """Follows all runs.  Errors: those that RunEventService lists."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = RunEventServiceStub(channel)

    async def watch_run_events(self, *, after_revision: int = 0) -> AsyncGenerator[RunEvent, None]:
        """Yield what happens after a revision; with 0, a snapshot first."""
        request = event_pb.WatchRunEventsRequest(after_revision=after_revision)
        async with aclosing(calls.stream(self._stub.WatchRunEvents(request))) as messages:
            async for message in messages:
                yield run_event_from_pb(message)


def _state(message: pb.CreateRunResponse | pb.GetRunResponse) -> RunState:
    tasks = tuple(task_from_pb(task) for task in message.tasks)
    return RunState(run_from_pb(message.run), tasks)
