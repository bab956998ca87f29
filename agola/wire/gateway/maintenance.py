"""agola.gateway.v1.MaintainedService to the model, and back."""

from agola.core.errors import BadRequestError
from agola.model.maintenance import MaintainedService
from generated.agola.gateway.v1 import maintenance_service_pb2 as pb

_SERVICES = {
    MaintainedService.CONFIGSTORE: pb.MAINTAINED_SERVICE_CONFIGSTORE,
    MaintainedService.RUNSERVICE: pb.MAINTAINED_SERVICE_RUNSERVICE,
}
_OF_PB = {value: service for service, value in _SERVICES.items()}


def service_to_pb(service: MaintainedService) -> pb.MaintainedService.ValueType:
    return _SERVICES[service]


def service_from_pb(value: pb.MaintainedService.ValueType) -> MaintainedService:
    """Say which service is meant.  BadRequestError: SERVICE_REQUIRED."""
    service = _OF_PB.get(value)
    if service is None:
        message = "say which service: the configstore or the runservice"
        raise BadRequestError(message, reason="SERVICE_REQUIRED")
    return service
