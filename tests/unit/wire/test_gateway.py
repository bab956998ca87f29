"""agola.wire.gateway: whatever the model says survives the wire."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agola.core.errors import BadRequestError, InternalError
from agola.model import assignment, direct_run, executor, run, run_config, run_event, run_ref, user
from agola.wire.gateway import direct_run as direct_run_wire
from agola.wire.gateway import executor as executor_wire
from agola.wire.gateway import run as run_wire
from agola.wire.gateway import run_progress as progress_wire
from agola.wire.gateway import run_ref as run_ref_wire
from agola.wire.gateway import user as user_wire
from generated.agola.gateway.v1 import run_pb2, run_service_pb2, user_pb2, user_service_pb2

Case = tuple[st.SearchStrategy[Any], Callable[[Any], Any], Callable[[Any], Any]]

moments = st.integers(0, 4 * 10**15).map(
    lambda microseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)
numbers = st.integers(0, 2**31 - 1)
texts = st.text(max_size=5)
names = st.text(min_size=1, max_size=5)
maps = st.dictionaries(texts, texts, max_size=2)


def small(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=2).map(tuple)


states = st.builds(
    run.StepState,
    name=texts,
    kind=texts,
    phase=st.sampled_from(run.StepPhase),
    start_time=st.none() | moments,
    end_time=st.none() | moments,
    exit_code=st.none() | numbers,
    signal=texts,
    log_size=st.none() | numbers,
)
runs = st.builds(
    run.Run,
    id=texts,
    name=texts,
    group=texts,
    counter=numbers,
    create_time=moments,
    annotations=maps,
    phase=st.sampled_from(run.Phase),
    result=st.sampled_from(run.Result),
    stop=st.booleans(),
    setup_errors=small(texts),
    start_time=st.none() | moments,
    end_time=st.none() | moments,
)
tasks = st.builds(
    run.Task,
    id=texts,
    name=texts,
    level=numbers,
    parents=small(texts),
    status=st.sampled_from(run.TaskStatus),
    waiting_approval=st.booleans(),
    approved=st.booleans(),
    setup=states,
    steps=small(states),
    start_time=st.none() | moments,
    end_time=st.none() | moments,
    failure=texts,
    timed_out=st.booleans(),
    executor_id=texts,
)
run_states = st.builds(run_event.RunState, runs, small(tasks))
progress = st.one_of(
    st.none(),
    run_states,
    st.builds(run_event.RunDifference, st.none() | runs, small(tasks)),
    st.just(run_event.RunEnded()),
)
scopes = st.builds(run_ref.UserRuns, texts) | st.builds(run_ref.ProjectRuns, texts)
run_refs = names.map(run_config.RunID) | st.builds(
    run_ref.NumberedRun, st.integers(1, 2**31), scopes
)
task_refs = st.builds(run_ref.TaskRef, id=names) | st.builds(run_ref.TaskRef, name=names)
selections = st.builds(
    run_ref.RunSelection,
    scope=scopes,
    phases=small(st.sampled_from(run.Phase)),
    results=small(st.sampled_from(run.Result)),
    subgroup=texts,
)
wishes = st.builds(
    direct_run.DirectRun,
    repository_uuid=texts,
    ref=texts,
    commit_sha=texts,
    message=texts,
    variables=maps,
    inputs=maps,
    pull_request_refs=small(texts),
    request_id=texts,
)
created = st.builds(
    direct_run.CreatedRuns,
    small(runs),
    small(st.builds(direct_run.SkippedRun, texts, st.sampled_from(direct_run.SkipReason))),
)
users = st.builds(
    user.User,
    id=texts,
    name=texts,
    admin=st.booleans(),
    create_time=st.none() | moments,
    update_time=st.none() | moments,
    etag=texts,
)
user_tokens = st.builds(
    user.UserToken,
    id=texts,
    user_id=texts,
    name=texts,
    scopes=small(texts),
    create_time=st.none() | moments,
    expire_time=st.none() | moments,
    last_use_time=st.none() | moments,
)
issued = st.builds(user.IssuedToken, user_tokens, texts)
loads = st.builds(
    assignment.ExecutorLoad,
    st.builds(
        executor.Executor,
        id=texts,
        name=texts,
        address=st.just(""),
        archs=small(st.sampled_from(run_config.Arch)),
        labels=maps,
        slots=numbers,
        privileged=st.booleans(),
        driver=texts,
        version=texts,
        draining=st.booleans(),
        register_time=st.none() | moments,
    ),
    numbers,
)

CASES: dict[str, Case] = {
    "run": (runs, run_wire.run_to_pb, run_wire.run_from_pb),
    "task": (tasks, run_wire.task_to_pb, run_wire.task_from_pb),
    "run state": (run_states, progress_wire.run_state_to_pb, progress_wire.run_state_from_pb),
    "progress": (progress, progress_wire.run_progress_to_pb, progress_wire.run_progress_from_pb),
    "run ref": (run_refs, run_ref_wire.run_ref_to_pb, run_ref_wire.run_ref_from_pb),
    "task ref": (task_refs, run_ref_wire.task_ref_to_pb, run_ref_wire.task_ref_from_pb),
    "selection": (selections, run_ref_wire.selection_to_pb, run_ref_wire.selection_from_pb),
    "wish": (wishes, direct_run_wire.direct_run_to_pb, direct_run_wire.direct_run_from_pb),
    "created runs": (
        created,
        direct_run_wire.created_runs_to_pb,
        direct_run_wire.created_runs_from_pb,
    ),
    "user": (users, user_wire.user_to_pb, user_wire.user_from_pb),
    "user token": (user_tokens, user_wire.user_token_to_pb, user_wire.user_token_from_pb),
    "issued token": (issued, user_wire.issued_token_to_pb, user_wire.issued_token_from_pb),
    "executor": (loads, executor_wire.executor_load_to_pb, executor_wire.executor_load_from_pb),
}


@pytest.mark.parametrize("name", CASES)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_what_the_model_says_survives_the_wire(name: str, data: st.DataObject) -> None:
    values, to_pb, from_pb = CASES[name]
    value = data.draw(values)
    sent = to_pb(value)
    received = type(sent).FromString(sent.SerializeToString())
    assert from_pb(received) == value


@pytest.mark.parametrize(
    "change",
    [user.UserChange(name="x"), user.UserChange(admin=False), user.UserChange("y", admin=True)],
)
def test_a_change_says_which_fields_it_is_about(change: user.UserChange) -> None:
    assert user_wire.user_change_from_pb(user_wire.user_change_to_pb("u", change)) == change


def test_a_change_without_a_mask_is_about_what_is_set() -> None:
    request = user_service_pb2.UpdateUserRequest(user=user_pb2.User(name="x"))
    assert user_wire.user_change_from_pb(request) == user.UserChange(name="x")
    request.update_mask.paths.append("*")
    assert user_wire.user_change_from_pb(request) == user.UserChange("x", admin=False)


@pytest.mark.parametrize(
    ("read", "message", "reason"),
    [
        (run_wire.run_from_pb, run_pb2.Run(), "RUN_PHASE_INVALID"),
        (run_wire.task_from_pb, run_pb2.Task(), "TASK_STATUS_INVALID"),
        (run_ref_wire.run_ref_from_pb, run_pb2.RunRef(), "RUN_REF_REQUIRED"),
        (run_ref_wire.task_ref_from_pb, run_pb2.TaskRef(name=""), "TASK_REF_REQUIRED"),
        (
            run_ref_wire.selection_from_pb,
            run_service_pb2.ListRunsRequest(
                filter=run_service_pb2.ListRunsRequest.RunFilter(
                    results=[run_pb2.Run.RESULT_UNSPECIFIED]
                )
            ),
            "RUN_RESULT_INVALID",
        ),
    ],
)
def test_what_names_nothing_is_refused(
    read: Callable[[Any], Any], message: object, reason: str
) -> None:
    with pytest.raises(BadRequestError) as caught:
        read(message)
    assert caught.value.reason == reason


def test_a_reason_of_a_newer_server_is_said_to_be_unknown() -> None:
    with pytest.raises(InternalError) as caught:
        direct_run_wire.skipped_run_from_pb(run_pb2.SkippedRun(name="build"))
    assert caught.value.metadata == {"name": "build"}
