"""Executors as administrators see them: without the address, which is for services only."""

from agola.model.assignment import ExecutorLoad
from agola.model.executor import Executor, ExecutorID
from agola.wire.runservice.runtime import arch_from_pb
from agola.wire.timestamp import timestamp_from_pb, timestamp_to_pb
from generated.agola.gateway.v1 import executor_pb2 as pb


def executor_load_to_pb(load: ExecutorLoad) -> pb.Executor:
    executor = load.executor
    return pb.Executor(
        id=executor.id,
        name=executor.name,
        archs=[arch.value for arch in executor.archs],
        labels=executor.labels,
        slots=executor.slots,
        privileged=executor.privileged,
        driver=executor.driver,
        version=executor.version,
        draining=executor.draining,
        active_tasks=load.active_tasks,
        register_time=timestamp_to_pb(executor.register_time),
    )


def executor_load_from_pb(message: pb.Executor) -> ExecutorLoad:
    """Read an executor and how many tasks it has.  BadRequestError: ARCH_INVALID."""
    executor = Executor(
        id=ExecutorID(message.id),
        name=message.name,
        address="",
        archs=tuple(arch_from_pb(arch) for arch in message.archs),
        labels=dict(message.labels),
        slots=message.slots,
        privileged=message.privileged,
        driver=message.driver,
        version=message.version,
        draining=message.draining,
        register_time=timestamp_from_pb(message, "register_time"),
    )
    return ExecutorLoad(executor, message.active_tasks)
