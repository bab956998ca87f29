"""Executors, and their registration."""

from agola.model.assignment import ExecutorLoad, Registration
from agola.model.executor import Executor, ExecutorID, SessionID
from agola.wire.runservice.runtime import arch_from_pb
from agola.wire.timestamp import timestamp_from_pb, timestamp_to_pb
from generated.agola.runservice.v1 import executor_task_pb2 as pb
from generated.agola.runservice.v1.executor_task_service_pb2 import RegisterExecutorResponse


def executor_to_pb(executor: Executor, *, active_tasks: int = 0) -> pb.Executor:
    """Say an executor.  Its session is a secret between it and the runservice: it is left out."""
    return pb.Executor(
        id=executor.id,
        name=executor.name,
        address=executor.address,
        archs=[arch.value for arch in executor.archs],
        labels=executor.labels,
        slots=executor.slots,
        privileged=executor.privileged,
        driver=executor.driver,
        version=executor.version,
        draining=executor.draining,
        active_tasks=active_tasks,
        register_time=timestamp_to_pb(executor.register_time),
    )


def executor_from_pb(message: pb.Executor) -> Executor:
    """Read an executor.  BadRequestError: `ARCH_INVALID`."""
    return Executor(
        id=ExecutorID(message.id),
        name=message.name,
        address=message.address,
        archs=tuple(arch_from_pb(arch) for arch in message.archs),
        labels=dict(message.labels),
        slots=message.slots,
        privileged=message.privileged,
        driver=message.driver,
        version=message.version,
        draining=message.draining,
        register_time=timestamp_from_pb(message, "register_time"),
    )


def executor_load_from_pb(message: pb.Executor) -> ExecutorLoad:
    return ExecutorLoad(executor_from_pb(message), message.active_tasks)


def registration_to_pb(registration: Registration) -> RegisterExecutorResponse:
    message = RegisterExecutorResponse(session_id=registration.session)
    message.keep_alive_interval.FromTimedelta(registration.keep_alive)
    message.lease_duration.FromTimedelta(registration.lease)
    return message


def registration_from_pb(message: RegisterExecutorResponse) -> Registration:
    return Registration(
        session=SessionID(message.session_id),
        keep_alive=message.keep_alive_interval.ToTimedelta(),
        lease=message.lease_duration.ToTimedelta(),
    )
