"""Definitions, tried without making runs."""

import grpc

from agola.rpc import calls
from agola.runconfig.plan import Plan
from agola.runconfig.trial import Checked, Trial
from agola.wire.gateway.config import checked_from_pb, event_to_pb, files_to_pb, plan_from_pb
from generated.agola.gateway.v1 import config_service_pb2 as pb
from generated.agola.gateway.v1.config_service_pb2_grpc import ConfigServiceStub


class ConfigClient:
    """Errors: those that ConfigService lists."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = ConfigServiceStub(channel)

    async def check_config(self, trial: Trial) -> Checked:
        """Say what is wrong with a definition.  Without a ref it is tried for `refs/heads/main`."""
        request = pb.CheckConfigRequest(files=files_to_pb(trial), event=event_to_pb(trial))
        return checked_from_pb(await calls.unary(self._stub.CheckConfig(request)))

    async def plan_runs(self, trial: Trial) -> Plan:
        """Say which runs and tasks a definition makes, and why."""
        request = pb.PlanRunsRequest(files=files_to_pb(trial), event=event_to_pb(trial))
        return plan_from_pb(await calls.unary(self._stub.PlanRuns(request)))
