"""agola.runservice.v1.RunEventService over gRPC."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from agola.model.run_event import NothingChanged
from agola.rpc.handlers import Context
from agola.rpc.server import Mount
from agola.rpc.streams import with_heartbeats
from agola.services.runservice.ports.events import RunEvents
from agola.wire.runservice.run_event import run_event_to_pb
from generated.agola.runservice.v1 import run_event_service_pb2 as pb
from generated.agola.runservice.v1.run_event_service_pb2_grpc import (
    RunEventServiceServicer,
    add_RunEventServiceServicer_to_server,
)

HEARTBEAT_SECONDS = 15.0


class RunEventServicer(RunEventServiceServicer):
    """Serves what happens to runs."""

    def __init__(self, events: RunEvents, *, heartbeat: float = HEARTBEAT_SECONDS) -> None:
        self._events = events
        self._heartbeat = heartbeat

    def mount(self) -> Mount:
        name = pb.DESCRIPTOR.services_by_name["RunEventService"].full_name
        return Mount(name, lambda server: add_RunEventServiceServicer_to_server(self, server))

    async def WatchRunEvents(
        self, request: pb.WatchRunEventsRequest, context: Context
    ) -> AsyncGenerator[pb.WatchRunEventsResponse, None]:
        told = request.after_revision
        watch = self._events.watch(after=told)
        async with aclosing(with_heartbeats(watch, every=self._heartbeat)) as events:
            async for event in events:
                event = event or NothingChanged(told)  # noqa: PLW2901 (silence has a name here)
                told = event.revision
                yield run_event_to_pb(event)
