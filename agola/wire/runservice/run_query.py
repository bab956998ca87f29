"""Questions for runs."""

from agola.model.run_query import RunFilter, RunNumber, RunPage
from agola.wire.runservice.run import (
    PHASE_TO_PB,
    RESULT_TO_PB,
    phase_from_pb,
    result_from_pb,
    run_from_pb,
    run_to_pb,
)
from generated.agola.runservice.v1 import run_service_pb2 as pb


def run_number_to_pb(number: RunNumber) -> pb.RunNumber:
    return pb.RunNumber(root_group=number.root_group, counter=number.counter)


def run_number_from_pb(message: pb.RunNumber) -> RunNumber:
    return RunNumber(root_group=message.root_group, counter=message.counter)


def run_filter_to_pb(filter_: RunFilter) -> pb.ListRunsRequest.RunFilter:
    return pb.ListRunsRequest.RunFilter(
        phases=[PHASE_TO_PB[phase] for phase in filter_.phases],
        results=[RESULT_TO_PB[result] for result in filter_.results],
        group=filter_.group,
    )


def run_filter_from_pb(message: pb.ListRunsRequest.RunFilter) -> RunFilter:
    """Read a filter.  BadRequestError: `RUN_PHASE_INVALID`, `RUN_RESULT_INVALID`."""
    return RunFilter(
        phases=tuple(phase_from_pb(number) for number in message.phases),
        results=tuple(result_from_pb(number) for number in message.results),
        group=message.group,
    )


def run_page_to_pb(page: RunPage) -> pb.ListRunsResponse:
    return pb.ListRunsResponse(
        runs=[run_to_pb(run) for run in page.runs], next_page_token=page.next_page_token
    )


def run_page_from_pb(message: pb.ListRunsResponse) -> RunPage:
    return RunPage(
        runs=tuple(run_from_pb(run) for run in message.runs),
        next_page_token=message.next_page_token,
    )
