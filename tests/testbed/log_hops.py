"""The way of a log, over real sockets: executor, runservice, gateway, reader.

Only the executor and the store of runs are stand-ins; what carries and stores bytes is the product.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from agola.clients.gateway.log import LogClient as GatewayLogClient
from agola.clients.runservice.log import ArchiveClient, LogClient
from agola.core.background import background
from agola.core.errors import NotExistError
from agola.model.executor import ExecutorID
from agola.model.run import Run, StepPhase, StepState, Task, TaskStatus
from agola.model.run_config import RunID, TaskID
from agola.model.run_event import RunState
from agola.model.run_query import RunNumber
from agola.rpc.auth import InternalToken
from agola.rpc.channel import dial
from agola.rpc.context import Principal, PrincipalKind
from agola.rpc.fanout import fanning_out
from agola.rpc.server import Mount, serving
from agola.services.gateway.actions.logs import LogActions as GatewayLogActions
from agola.services.gateway.actions.runs import RunActions
from agola.services.gateway.ports.run import Runs
from agola.services.gateway.ports.user import UserNames
from agola.services.gateway.servicer.log import LogServicer as GatewayLogServicer
from agola.services.gateway.store.logs import SharedLogs
from agola.services.runservice.actions.archives import ArchiveActions
from agola.services.runservice.actions.fetch import FetchActions
from agola.services.runservice.actions.logs import LogActions
from agola.services.runservice.loops.fetch import FetchLoop
from agola.services.runservice.ports.logs import TaskPlace
from agola.services.runservice.servicer.log import ArchiveServicer, LogServicer
from agola.services.runservice.store.executor_copies import executor_copies
from agola.services.runservice.store.stored_archives import ObjectArchives
from agola.services.runservice.store.stored_logs import ObjectLogs
from agola.storage.objects.port import ObjectStorage
from agola.storage.objects.posix import opening_posix
from generated.agola.gateway.v1 import log_service_pb2_grpc as gateway_grpc
from generated.agola.runservice.v1 import archive_service_pb2_grpc, log_service_pb2_grpc
from tests.fakes.log_executor import LogExecutor
from tests.fakes.task_places import FakeTaskPlaces

TOKEN = "the-token-of-the-installation"
OWNER, STRANGER = "token-of-the-owner", "token-of-a-stranger"
LOOPBACK = "127.0.0.1:0"

RUN = RunID("run-1")
TASK = TaskID("task-1")
EXECUTOR = ExecutorID("executor-1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hops:
    """Everything on the way; a log is read at the runservice or at the gateway."""

    executor: LogExecutor
    executor_address: str
    places: FakeTaskPlaces
    objects: ObjectStorage
    runservice: LogClient
    archives: ArchiveClient
    gateway: GatewayLogClient
    stranger: GatewayLogClient
    """The gateway, as somebody else sees it."""

    async def put(
        self,
        status: TaskStatus = TaskStatus.RUNNING,
        *steps: StepState,
        task_id: TaskID = TASK,
        executor_id: ExecutorID | None = EXECUTOR,
        address: str = "",
    ) -> None:
        """Say where a task of the run is from now on; by default it has one running step."""
        states = steps or (StepState(name="build", kind="run", phase=StepPhase.RUNNING),)
        setup = StepState(phase=StepPhase.SUCCESS, kind="setup")
        task = Task(id=task_id, name="build", status=status, setup=setup, steps=states)
        place = TaskPlace(
            run_id=RUN,
            task=task,
            executor_id=executor_id,
            executor_address=address or self.executor_address,
        )
        await self.places.put(place)


@asynccontextmanager
async def log_hops(
    directory: Path, *, objects: ObjectStorage | None = None
) -> AsyncGenerator[Hops, None]:
    """Serve all hops, with object storage below *directory* unless *objects* is given."""
    executor, places = LogExecutor(), FakeTaskPlaces()
    async with (
        opening_posix(directory) as posix,
        executor.serving(TOKEN) as executor_address,
        _runservice(places, objects or posix) as runservice_address,
        dial(runservice_address, token=TOKEN) as runservice,
        _gateway(places, LogClient(runservice)) as gateway_address,
        dial(gateway_address, token=OWNER) as owner,
        dial(gateway_address, token=STRANGER) as stranger,
    ):
        yield Hops(
            executor=executor,
            executor_address=executor_address,
            places=places,
            objects=objects or posix,
            runservice=LogClient(runservice),
            archives=ArchiveClient(runservice),
            gateway=GatewayLogClient(owner),
            stranger=GatewayLogClient(stranger),
        )


@asynccontextmanager
async def _runservice(places: FakeTaskPlaces, objects: ObjectStorage) -> AsyncGenerator[str, None]:
    logs, archives = ObjectLogs(objects), ObjectArchives(objects)
    async with executor_copies(places, token=TOKEN) as copies:
        reads = LogServicer(LogActions(places, logs, copies))
        gives = ArchiveServicer(ArchiveActions(places, archives))
        fetch = FetchLoop(places, FetchActions(places, copies, logs, archives))
        mounts = [
            Mount(
                "agola.runservice.v1.LogService",
                lambda server: log_service_pb2_grpc.add_LogServiceServicer_to_server(reads, server),
            ),
            Mount(
                "agola.runservice.v1.ArchiveService",
                lambda server: archive_service_pb2_grpc.add_ArchiveServiceServicer_to_server(
                    gives, server
                ),
            ),
        ]
        token = InternalToken(TOKEN)
        async with (
            background(fetch.run),
            serving(mounts, address=LOOPBACK, authenticate=token, drain=0) as address,
        ):
            yield address


@asynccontextmanager
async def _gateway(places: FakeTaskPlaces, source: LogClient) -> AsyncGenerator[str, None]:
    async with fanning_out() as fanout:
        # of runs and users, logs need but the one question that the stand-in answers
        runs = RunActions(cast("Runs", _OneRun(places)), cast("UserNames", None))
        logs = GatewayLogServicer(GatewayLogActions(runs, SharedLogs(source, fanout)))
        mount = Mount(
            "agola.gateway.v1.LogService",
            lambda server: gateway_grpc.add_LogServiceServicer_to_server(logs, server),
        )
        async with serving([mount], address=LOOPBACK, authenticate=_user, drain=0) as address:
            yield address


async def _user(token: str) -> Principal:
    return Principal(kind=PrincipalKind.USER, user_id="owner" if token == OWNER else "stranger")


class _OneRun:
    """A run of the owner, with the tasks that have places."""

    def __init__(self, places: FakeTaskPlaces) -> None:
        self._places = places

    async def get_run(self, by: RunID | RunNumber) -> RunState:
        if by != RUN:
            raise NotExistError("no such run", reason="RUN_DOES_NOT_EXIST", runId=str(by))
        run = Run(id=RUN, name="run", group="/user/owner", counter=1, create_time=datetime.now(UTC))
        return RunState(run, tuple(place.task for place in self._places.places.values()))
