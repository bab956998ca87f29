"""The gateway, put together."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from agola.clients.configstore import EncryptionKeyClient as ConfigstoreKeys
from agola.clients.configstore import MaintenanceClient as ConfigstoreMaintenance
from agola.clients.configstore import UserClient
from agola.clients.gitserver import RepositoryClient
from agola.clients.runservice import EncryptionKeyClient as RunserviceKeys
from agola.clients.runservice import ExecutorRegistryClient, LogClient, RunClient
from agola.clients.runservice import MaintenanceClient as RunserviceMaintenance
from agola.config.model import Config
from agola.core.clock import SystemClock
from agola.core.ids import RandomIds
from agola.model.maintenance import MaintainedService
from agola.rpc import server
from agola.rpc.channel import dial
from agola.rpc.fanout import fanning_out
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
from agola.services.gateway.store.logs import SharedLogs


@asynccontextmanager
async def serving(config: Config) -> AsyncGenerator[None, None]:
    """Serve the public API while the block runs.

    The services behind it need not be up yet: calls that need them are UNAVAILABLE until then.
    """
    token = config.internal_token
    async with AsyncExitStack() as stack:
        configstore = await stack.enter_async_context(dial(config.configstore.target, token=token))
        runservice = await stack.enter_async_context(dial(config.runservice.target, token=token))
        gitserver = await stack.enter_async_context(dial(config.gitserver.target, token=token))
        fanout = await stack.enter_async_context(fanning_out())

        users, runs = UserClient(configstore), RunClient(runservice)
        user_actions = UserActions(users)
        run_actions = RunActions(runs, users)
        repositories = RepositoryClient(gitserver)
        evaluator = Evaluator()  # one, so that few programs run at a time, whoever asks
        definitions = Definitions(repositories, evaluator)
        direct_runs = DirectRunActions(repositories, definitions, runs, RandomIds())
        logs = LogActions(run_actions, SharedLogs(LogClient(runservice), fanout))
        executors = ExecutorActions(ExecutorRegistryClient(runservice))
        configs = ConfigActions(evaluator)
        maintenance = MaintenanceActions(
            ConfigstoreMaintenance(configstore), RunserviceMaintenance(runservice)
        )
        encryption_keys = EncryptionKeyActions(
            {
                MaintainedService.CONFIGSTORE: ConfigstoreKeys(configstore),
                MaintainedService.RUNSERVICE: RunserviceKeys(runservice),
            }
        )

        services = mounts(
            auth=AuthServicer(user_actions),
            users=UserServicer(user_actions, UserTokenActions(users, users)),
            runs=RunServicer(run_actions),
            direct_runs=DirectRunServicer(direct_runs),
            logs=LogServicer(logs),
            executors=ExecutorRegistryServicer(executors),
            configs=ConfigServicer(configs),
            encryption_keys=EncryptionKeyServicer(encryption_keys),
            maintenance=MaintenanceServicer(maintenance),
        )
        authenticate = Authentication(users, SystemClock())
        await stack.enter_async_context(
            server.serving(services, address=config.gateway.listen, authenticate=authenticate)
        )
        yield
