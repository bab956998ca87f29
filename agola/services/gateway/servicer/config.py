"""ConfigService."""

import asyncio

from agola.rpc.context import principal
from agola.rpc.handlers import Context
from agola.services.gateway.actions.configs import ConfigActions
from agola.wire.gateway.config import checked_to_pb, plan_to_pb, trial_from_pb
from generated.agola.gateway.v1 import config_service_pb2 as pb
from generated.agola.gateway.v1.config_service_pb2_grpc import ConfigServiceServicer


class ConfigServicer(ConfigServiceServicer):
    """Definitions that are tried."""

    def __init__(self, configs: ConfigActions) -> None:
        self._configs = configs

    async def CheckConfig(
        self, request: pb.CheckConfigRequest, context: Context
    ) -> pb.CheckConfigResponse:
        trial = trial_from_pb(request.files, request.event)
        return checked_to_pb(await self._configs.check(principal(), trial))

    async def PlanRuns(self, request: pb.PlanRunsRequest, context: Context) -> pb.PlanRunsResponse:
        trial = trial_from_pb(request.files, request.event)
        plan = await self._configs.plan(principal(), trial)
        return await asyncio.to_thread(plan_to_pb, plan)  # a large one takes its time
