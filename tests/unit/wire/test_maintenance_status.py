"""agola.wire.maintenance_status: whatever the model says survives the wire."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agola.core.errors import BadRequestError
from agola.model.maintenance import MaintainedService, MaintenanceInstance, MaintenanceStatus
from agola.wire.gateway.maintenance import service_from_pb, service_to_pb
from agola.wire.maintenance_status import status_from_pb, status_to_pb
from generated.agola.common.v1 import maintenance_pb2

instances = st.builds(
    MaintenanceInstance,
    id=st.text(max_size=5),
    maintenance=st.booleans(),
    change_time=st.datetimes(timezones=st.just(UTC)),
    format=st.just(1),
)
statuses = st.builds(
    MaintenanceStatus,
    requested=st.booleans(),
    instances=st.lists(instances, max_size=3).map(tuple),
)


@given(statuses)
def test_a_status(status: MaintenanceStatus) -> None:
    assert status_from_pb(status_to_pb(status)) == status


def test_an_instance_that_says_little() -> None:
    message = maintenance_pb2.MaintenanceStatus(instances=[maintenance_pb2.MaintenanceInstance()])
    (instance,) = status_from_pb(message).instances
    assert instance.change_time == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("service", MaintainedService)
def test_a_service(service: MaintainedService) -> None:
    assert service_from_pb(service_to_pb(service)) is service


@pytest.mark.parametrize("value", [0, 3, 99])
def test_what_is_no_service(value: int) -> None:
    with pytest.raises(BadRequestError) as caught:
        service_from_pb(value)  # type: ignore[arg-type]
    assert caught.value.reason == "SERVICE_REQUIRED"
