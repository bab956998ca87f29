"""agola.common.v1.MaintenanceStatus to the model, and back: the same on every hop."""

from datetime import UTC, datetime

from agola.model.maintenance import MaintenanceInstance, MaintenanceStatus
from agola.wire.timestamp import timestamp_from_pb, timestamp_to_pb
from generated.agola.common.v1 import maintenance_pb2 as pb

UNKNOWN = datetime.fromtimestamp(0, UTC)


def status_to_pb(status: MaintenanceStatus) -> pb.MaintenanceStatus:
    return pb.MaintenanceStatus(
        requested=status.requested,
        instances=[
            pb.MaintenanceInstance(
                id=instance.id,
                maintenance=instance.maintenance,
                change_time=timestamp_to_pb(instance.change_time),
            )
            for instance in status.instances
        ],
    )


def status_from_pb(message: pb.MaintenanceStatus) -> MaintenanceStatus:
    """Read a status; an instance that does not say since when is as old as time."""
    return MaintenanceStatus(
        requested=message.requested,
        instances=tuple(
            MaintenanceInstance(
                id=instance.id,
                maintenance=instance.maintenance,
                change_time=timestamp_from_pb(instance, "change_time") or UNKNOWN,
            )
            for instance in message.instances
        ),
    )
