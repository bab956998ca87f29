"""Direct runs: the wish, and what became of it."""

from agola.core.errors import InternalError
from agola.model.direct_run import CreatedRuns, DirectRun, SkippedRun, SkipReason
from agola.wire.gateway.run import run_from_pb, run_to_pb
from generated.agola.gateway.v1 import direct_run_service_pb2 as pb
from generated.agola.gateway.v1 import run_pb2

REASON_TO_PB = {r: run_pb2.SkippedRun.Reason.Value(f"REASON_{r.name}") for r in SkipReason}
REASON_FROM_PB = {number: reason for reason, number in REASON_TO_PB.items()}


def direct_run_to_pb(wish: DirectRun) -> pb.CreateDirectRunRequest:
    return pb.CreateDirectRunRequest(
        repository_uuid=wish.repository_uuid,
        ref=wish.ref,
        commit_sha=wish.commit_sha,
        message=wish.message,
        variables=wish.variables,
        inputs=wish.inputs,
        pull_request_ref_regexes=wish.pull_request_refs,
        request_id=wish.request_id,
    )


def direct_run_from_pb(message: pb.CreateDirectRunRequest) -> DirectRun:
    return DirectRun(
        repository_uuid=message.repository_uuid,
        ref=message.ref,
        commit_sha=message.commit_sha,
        message=message.message,
        variables=dict(message.variables),
        inputs=dict(message.inputs),
        pull_request_refs=tuple(message.pull_request_ref_regexes),
        request_id=message.request_id,
    )


def created_runs_to_pb(created: CreatedRuns) -> pb.CreateDirectRunResponse:
    return pb.CreateDirectRunResponse(
        runs=[run_to_pb(run) for run in created.runs],
        skipped=[skipped_run_to_pb(skipped) for skipped in created.skipped],
    )


def created_runs_from_pb(message: pb.CreateDirectRunResponse) -> CreatedRuns:
    return CreatedRuns(
        tuple(run_from_pb(run) for run in message.runs),
        tuple(skipped_run_from_pb(skipped) for skipped in message.skipped),
    )


def skipped_run_to_pb(skipped: SkippedRun) -> run_pb2.SkippedRun:
    return run_pb2.SkippedRun(name=skipped.name, reason=REASON_TO_PB[skipped.reason])


def skipped_run_from_pb(message: run_pb2.SkippedRun) -> SkippedRun:
    """Read a run that was not made.  InternalError: SKIP_REASON_UNKNOWN, from a newer server."""
    reason = REASON_FROM_PB.get(message.reason)
    if reason is None:
        text = f"run {message.name!r} was not made for a reason that this program is too old for"
        raise InternalError(text, reason="SKIP_REASON_UNKNOWN", name=message.name)
    return SkippedRun(message.name, reason)
