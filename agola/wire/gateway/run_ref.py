"""How people name runs and tasks."""

from typing import assert_never

from agola.core.errors import BadRequestError
from agola.model.run_config import RunID, TaskID
from agola.model.run_ref import (
    MINE,
    NumberedRun,
    ProjectRuns,
    RunRef,
    RunScope,
    RunSelection,
    TaskRef,
    UserRuns,
)
from agola.wire.gateway.run import PHASE_TO_PB, RESULT_TO_PB, phase_from_pb, result_from_pb
from generated.agola.gateway.v1 import run_pb2 as pb
from generated.agola.gateway.v1 import run_service_pb2

Scoped = pb.RunNumber | run_service_pb2.ListRunsRequest


def run_ref_to_pb(ref: RunRef) -> pb.RunRef:
    if not isinstance(ref, NumberedRun):
        return pb.RunRef(run_id=ref)
    number = pb.RunNumber(number=ref.number)
    _put_scope(number, ref.scope)
    return pb.RunRef(number=number)


def run_ref_from_pb(message: pb.RunRef) -> RunRef:
    """Say which run is meant.  BadRequestError: RUN_REF_REQUIRED, RUN_NUMBER_INVALID."""
    if message.WhichOneof("by") == "number":
        number = message.number.number
        if number <= 0:
            text = f"there is no run number {number}: the first is 1"
            raise BadRequestError(text, reason="RUN_NUMBER_INVALID", number=str(number))
        return NumberedRun(number, _scope(message.number))
    if message.run_id:
        return RunID(message.run_id)
    raise BadRequestError("say which run: by id or by number", reason="RUN_REF_REQUIRED")


def task_ref_to_pb(ref: TaskRef) -> pb.TaskRef:
    return pb.TaskRef(task_id=ref.id) if ref.id else pb.TaskRef(name=ref.name)


def task_ref_from_pb(message: pb.TaskRef) -> TaskRef:
    """Say which task is meant.  BadRequestError: TASK_REF_REQUIRED."""
    if message.task_id:
        return TaskRef(id=TaskID(message.task_id))
    if message.name:
        return TaskRef(name=message.name)
    raise BadRequestError("say which task: by id or by name", reason="TASK_REF_REQUIRED")


def selection_to_pb(selection: RunSelection) -> run_service_pb2.ListRunsRequest:
    """Say which runs to list, in a request that asks for the first page."""
    request = run_service_pb2.ListRunsRequest(
        filter=run_service_pb2.ListRunsRequest.RunFilter(
            phases=[PHASE_TO_PB[phase] for phase in selection.phases],
            results=[RESULT_TO_PB[result] for result in selection.results],
            subgroup=selection.subgroup,
        )
    )
    _put_scope(request, selection.scope)
    return request


def selection_from_pb(request: run_service_pb2.ListRunsRequest) -> RunSelection:
    """Say which runs to list.  BadRequestError: RUN_PHASE_INVALID, RUN_RESULT_INVALID."""
    return RunSelection(
        scope=_scope(request),
        phases=tuple(phase_from_pb(number) for number in request.filter.phases),
        results=tuple(result_from_pb(number) for number in request.filter.results),
        subgroup=request.filter.subgroup,
    )


def _put_scope(message: Scoped, scope: RunScope) -> None:
    match scope:
        case UserRuns(""):
            pass
        case UserRuns(ref):
            message.user_ref = ref
        case ProjectRuns(ref):
            message.project_ref = ref
        case _:
            assert_never(scope)


def _scope(message: Scoped) -> RunScope:
    match message.WhichOneof("scope"):
        case "user_ref":
            return UserRuns(message.user_ref)
        case "project_ref":
            return ProjectRuns(message.project_ref)
        case _:
            return MINE
