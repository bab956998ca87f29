"""A gateway over a real socket, whose other services are in memory."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import grpc

from agola.core.errors import NotExistError
from agola.core.ids import RandomIds
from agola.model.assignment import ExecutorLoad
from agola.model.executor import Executor, ExecutorID
from agola.model.log import LogEnd, LogEvent, LogPart
from agola.model.maintenance import MaintainedService
from agola.model.run_config import RunID, TaskID
from agola.rpc.channel import dial
from agola.rpc.server import Mount, serving
from agola.runconfig.evaluation import Evaluator
from agola.services.gateway.actions.authentication import Authentication
from agola.services.gateway.actions.configs import ConfigActions
from agola.services.gateway.actions.definitions import Definitions
from agola.services.gateway.actions.direct_runs import DirectRunActions
from agola.services.gateway.actions.encryption_keys import EncryptionKeyActions
from agola.services.gateway.actions.executors import ExecutorActions
from agola.services.gateway.actions.logs import LogActions
from agola.services.gateway.actions.maintenance import MaintenanceActions
from agola.services.gateway.actions.runs import RunActions
from agola.services.gateway.actions.users import UserActions, UserTokenActions
from agola.services.gateway.servicer.auth import AuthServicer
from agola.services.gateway.servicer.config import ConfigServicer
from agola.services.gateway.servicer.direct_run import DirectRunServicer
from agola.services.gateway.servicer.encryption_key import EncryptionKeyServicer
from agola.services.gateway.servicer.executor_registry import ExecutorRegistryServicer
from agola.services.gateway.servicer.log import LogServicer
from agola.services.gateway.servicer.maintenance import MaintenanceServicer
from agola.services.gateway.servicer.mounts import mounts
from agola.services.gateway.servicer.run import RunServicer
from agola.services.gateway.servicer.user import UserServicer
from tests.unit.services.gateway.encryption_keys import KeyFolder, MemoryEncryption
from tests.unit.services.gateway.maintenance import MemoryMaintenance
from tests.unit.services.gateway.repositories import MemoryRepositories
from tests.unit.services.gateway.runs import MemoryRuns
from tests.unit.services.gateway.users import MemoryUsers

EXECUTOR = Executor(id=ExecutorID("e1"), name="one", address="unix:/one.sock")


class HandClock:
    """Goes on when somebody says so."""

    def __init__(self) -> None:
        self.passed = timedelta()

    def now(self) -> datetime:
        return datetime(2026, 11, 24, tzinfo=UTC) + self.passed

    def monotonic(self) -> float:
        return self.passed.total_seconds()


class NoLogs:
    """`Logs` without any, but for the setup's, which are empty."""

    async def stream_task_log(
        self, run_id: RunID, task_id: TaskID, part: LogPart, *, offset: int, follow: bool
    ) -> AsyncGenerator[LogEvent | None, None]:
        if part.step is not None:
            raise NotExistError("log doesn't exist", reason="LOG_DOES_NOT_EXIST")
        yield LogEnd(0)


class OneExecutor:
    """`Executors` with one of them."""

    async def list_executors(
        self, *, page_size: int = 0, page_token: str = ""
    ) -> tuple[tuple[ExecutorLoad, ...], str]:
        return (ExecutorLoad(EXECUTOR, 3),), ""


@dataclass
class House:
    """What is behind the gateway, and where it listens."""

    users: MemoryUsers = field(default_factory=MemoryUsers)
    runs: MemoryRuns = field(default_factory=MemoryRuns)
    repositories: MemoryRepositories = field(default_factory=MemoryRepositories)
    configstore: MemoryMaintenance = field(
        default_factory=lambda: MemoryMaintenance("one-configstore")
    )
    runservice: MemoryMaintenance = field(
        default_factory=lambda: MemoryMaintenance("one-runservice")
    )
    configstore_keys: MemoryEncryption = field(init=False)
    runservice_keys: MemoryEncryption = field(init=False)
    clock: HandClock = field(default_factory=HandClock)
    address: str = ""

    def __post_init__(self) -> None:
        folder = KeyFolder("k1")
        self.configstore_keys = MemoryEncryption(folder)
        self.runservice_keys = MemoryEncryption(folder)

    def dial(self, token: str) -> AbstractAsyncContextManager[grpc.aio.Channel]:
        """Call as the user whose token is called so."""
        return dial(self.address, token=token)

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[None, None]:
        """Be at home while the block runs."""
        authenticate = Authentication(self.users, self.clock)
        async with serving(
            self.mounts(), address="127.0.0.1:0", authenticate=authenticate, drain=0
        ) as self.address:
            yield

    def mounts(self) -> list[Mount]:
        users = UserActions(self.users)
        runs = RunActions(self.runs, self.users)
        evaluator = Evaluator()
        definitions = Definitions(self.repositories, evaluator)
        direct_runs = DirectRunActions(self.repositories, definitions, self.runs, RandomIds())
        return mounts(
            auth=AuthServicer(users),
            users=UserServicer(users, UserTokenActions(self.users, self.users)),
            runs=RunServicer(runs),
            direct_runs=DirectRunServicer(direct_runs),
            logs=LogServicer(LogActions(runs, NoLogs())),
            executors=ExecutorRegistryServicer(ExecutorActions(OneExecutor())),
            configs=ConfigServicer(ConfigActions(evaluator)),
            encryption_keys=EncryptionKeyServicer(
                EncryptionKeyActions(
                    {
                        MaintainedService.CONFIGSTORE: self.configstore_keys,
                        MaintainedService.RUNSERVICE: self.runservice_keys,
                    }
                )
            ),
            maintenance=MaintenanceServicer(MaintenanceActions(self.configstore, self.runservice)),
        )
