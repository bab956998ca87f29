"""The scheduler, put together."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from agola.clients.runservice import RunClient, RunEventClient
from agola.config.model import Config
from agola.core.background import background
from agola.rpc import server
from agola.rpc.auth import InternalToken
from agola.rpc.channel import dial
from agola.services.scheduler.actions import SchedulingActions
from agola.services.scheduler.loops import SchedulingLoops


@asynccontextmanager
async def serving(config: Config) -> AsyncGenerator[None, None]:
    """Start runs when it is their turn, while the block runs; say that it is well, if it may."""
    token = config.internal_token
    async with AsyncExitStack() as stack:
        runservice = await stack.enter_async_context(dial(config.runservice.target, token=token))
        actions = SchedulingActions(RunClient(runservice))
        loops = SchedulingLoops(RunEventClient(runservice), actions)
        await stack.enter_async_context(background(loops.follow, loops.start))
        if config.scheduler.listen:
            health = server.serving(
                [], address=config.scheduler.listen, authenticate=InternalToken(token)
            )
            await stack.enter_async_context(health)
        yield
