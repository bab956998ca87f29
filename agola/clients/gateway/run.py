"""Runs as people see and steer them."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import grpc

from agola.model.page import Page
from agola.model.run import Run
from agola.model.run_event import RunProgress, RunState
from agola.model.run_ref import RunRef, RunSelection
from agola.rpc import calls
from agola.wire.gateway.run import run_from_pb
from agola.wire.gateway.run_progress import run_progress_from_pb, run_state_from_pb
from agola.wire.gateway.run_ref import run_ref_to_pb, selection_to_pb
from generated.agola.gateway.v1 import run_service_pb2 as pb
from generated.agola.gateway.v1.run_service_pb2_grpc import RunServiceStub

MY_RUNS = RunSelection()


class RunClient:
    """Shows runs, and acts on them.  Errors: those that RunService lists."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = RunServiceStub(channel)

    async def list_runs(
        self,
        selection: RunSelection = MY_RUNS,
        *,
        page_size: int = 0,
        page_token: str = "",
        ascending: bool = False,
    ) -> Page[Run]:
        """Read a page of runs, newest first unless *ascending*."""
        request = selection_to_pb(selection)
        request.page_size = page_size
        request.page_token = page_token
        request.ascending = ascending
        answer = await calls.unary(self._stub.ListRuns(request))
        return Page(tuple(run_from_pb(run) for run in answer.runs), answer.next_page_token)

    async def get_run(self, ref: RunRef) -> RunState:
        request = pb.GetRunRequest(run=run_ref_to_pb(ref))
        return run_state_from_pb(await calls.unary(self._stub.GetRun(request)))

    async def watch_run(self, ref: RunRef) -> AsyncGenerator[RunProgress | None, None]:
        """Yield the run as it is, then what changes, then `RunEnded`; None is a heartbeat.

        A stream that closes without `RunEnded`, or with UnavailableError, was cut: call again.
        """
        call = self._stub.WatchRun(pb.WatchRunRequest(run=run_ref_to_pb(ref)))
        async with aclosing(calls.stream(call)) as messages:
            async for message in messages:
                yield run_progress_from_pb(message)

    async def stop_run(self, ref: RunRef) -> Run:
        """Ask a running run to stop, and give it as it is now."""
        request = pb.StopRunRequest(run=run_ref_to_pb(ref))
        return run_from_pb((await calls.unary(self._stub.StopRun(request))).run)

    async def cancel_run(self, ref: RunRef) -> Run:
        """Give up a queued run."""
        request = pb.CancelRunRequest(run=run_ref_to_pb(ref))
        return run_from_pb((await calls.unary(self._stub.CancelRun(request))).run)
