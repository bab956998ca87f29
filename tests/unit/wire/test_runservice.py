"""agola.wire.runservice: whatever the model says survives the wire."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agola.core.errors import BadRequestError
from agola.model import assignment, executor, run, run_config, run_event, run_query
from agola.wire.runservice import assignment as assignment_wire
from agola.wire.runservice import executor as executor_wire
from agola.wire.runservice import executor_task as executor_task_wire
from agola.wire.runservice import run as run_wire
from agola.wire.runservice import run_config as run_config_wire
from agola.wire.runservice import run_event as run_event_wire
from agola.wire.runservice import run_query as run_query_wire
from agola.wire.runservice import runtime as runtime_wire
from agola.wire.runservice import step as step_wire
from generated.agola.runservice.v1 import run_config_pb2, run_pb2

moments = st.integers(0, 4 * 10**15).map(
    lambda microseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)
spans = st.timedeltas(min_value=timedelta(milliseconds=1), max_value=timedelta(days=30)).map(
    lambda span: timedelta(milliseconds=span // timedelta(milliseconds=1))
)
numbers = st.integers(0, 2**31 - 1)
texts = st.text(max_size=5)


def small(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=2).map(tuple)


maps = st.dictionaries(texts, texts, max_size=2)
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
contents = st.builds(
    run_config.ArchiveContents,
    source_dir=texts,
    dest_dir=texts,
    paths=small(texts),
    exclude=small(texts),
)
steps = st.one_of(
    st.builds(
        run_config.RunStep,
        name=texts,
        command=texts,
        environment=maps,
        working_dir=texts,
        shell=texts,
        tty=st.booleans(),
    ),
    st.builds(run_config.CloneStep, name=texts, depth=numbers, recurse_submodules=st.booleans()),
    st.builds(run_config.SaveToWorkspaceStep, name=texts, contents=small(contents)),
    st.builds(run_config.RestoreWorkspaceStep, name=texts, dest_dir=texts),
    st.builds(run_config.SaveCacheStep, name=texts, key=texts, contents=small(contents)),
    st.builds(run_config.RestoreCacheStep, name=texts, keys=small(texts), dest_dir=texts),
)
containers = st.builds(
    run_config.Container,
    image=texts,
    environment=maps,
    user=texts,
    privileged=st.booleans(),
    entrypoint=texts,
    volumes=small(st.builds(run_config.Tmpfs, path=texts, size=numbers)),
    health_check=st.none()
    | st.builds(run_config.HealthCheck, command=texts, interval=spans, timeout=spans)
    | st.builds(run_config.HealthCheck, tcp_port=st.integers(1, 65535), retries=numbers),
    resources=st.builds(run_config.Resources, cpu_millis=numbers, memory=numbers),
)
runtimes = st.builds(
    run_config.Runtime,
    arch=st.none() | st.sampled_from(run_config.Arch),
    containers=small(containers),
    labels=maps,
)
registries = st.dictionaries(
    texts,
    st.builds(run_config.RegistryAuth, username=texts, password=texts, auth=texts),
    max_size=1,
)
sources = st.builds(
    run_config.GitSource, url=texts, ref=texts, commit=texts, username=texts, password=texts
)
conditions = st.lists(st.sampled_from(run_config.Condition), min_size=1, max_size=3).map(tuple)
task_configs = st.builds(
    run_config.TaskConfig,
    id=texts,
    name=texts,
    level=numbers,
    depends=small(st.builds(run_config.Depend, task_id=texts, conditions=conditions)),
    runtime=runtimes,
    environment=maps,
    working_dir=texts,
    shell=texts,
    user=texts,
    steps=small(steps),
    ignore_failure=st.booleans(),
    needs_approval=st.booleans(),
    skip=st.booleans(),
    timeout=st.none() | spans,
    registries=registries,
    retry=st.builds(
        run_config.Retry,
        attempts=st.integers(1, run_config.MAX_RETRY_ATTEMPTS),
        causes=small(st.sampled_from(run_config.FailureCause)),
        exit_codes=small(st.integers(1, run_config.MAX_EXIT_CODE)),
    ),
)
configs = st.builds(
    run_config.RunConfig,
    id=st.just(run_config.RunID("")),
    name=texts,
    group=texts,
    annotations=maps,
    setup_errors=small(texts),
    tasks=small(task_configs).map(lambda some: {task.id: task for task in some}),
    static_environment=maps,
    environment=maps,
    cache_group=texts,
    source=st.none() | sources,
    concurrency=st.none()
    | st.builds(
        run_config.Concurrency,
        group=texts,
        limit=st.integers(1, run_config.MAX_CONCURRENT_RUNS),
        cancel_superseded=st.booleans(),
    ),
    format=st.just(1),
)
executors = st.builds(
    executor.Executor,
    id=texts,
    name=texts,
    address=texts,
    archs=small(st.sampled_from(run_config.Arch)),
    labels=maps,
    slots=numbers,
    privileged=st.booleans(),
    driver=texts,
    version=texts,
    draining=st.booleans(),
    register_time=st.none() | moments,
)
statuses = st.builds(
    executor.ExecutorTaskStatus,
    sequence=numbers,
    phase=st.sampled_from(executor.ExecutorTaskPhase),
    setup=states,
    steps=small(states),
    start_time=st.none() | moments,
    end_time=st.none() | moments,
    failure=texts,
    timed_out=st.booleans(),
)
executor_tasks = st.builds(
    executor.ExecutorTask,
    task_id=texts,
    run_id=texts,
    executor_id=texts,
    stop=st.booleans(),
    status=statuses,
    stored=st.booleans(),
)
specs = st.builds(
    executor.ExecutorTaskSpecData,
    task_name=texts,
    run_name=texts,
    runtime=runtimes,
    environment=maps,
    working_dir=texts,
    shell=texts,
    user=texts,
    steps=small(steps),
    source=st.none() | sources,
    workspace=small(
        st.builds(executor.WorkspaceArchive, task_id=texts, step=numbers, task_name=texts)
    ),
    cache_prefix=texts,
    registries=registries,
    timeout=st.none() | spans,
)
filters = st.builds(
    run_query.RunFilter,
    phases=small(st.sampled_from(run.Phase)),
    results=small(st.sampled_from(run.Result)),
    group=texts,
)
pages = st.builds(run_query.RunPage, runs=small(runs), next_page_token=texts)
run_events = st.one_of(
    st.builds(run_event.RunsSnapshot, small(runs), numbers),
    st.builds(run_event.RunChanged, runs, numbers),
    st.builds(run_event.NothingChanged, numbers),
)
progress = st.one_of(
    st.none(),
    st.builds(run_event.RunState, runs, small(tasks)),
    st.builds(run_event.RunDifference, st.none() | runs, small(tasks)),
    st.just(run_event.RunEnded()),
)
assignments = st.one_of(
    st.none(),
    st.builds(assignment.AssignedTasks, small(texts)),
    st.builds(assignment.AssignedTask, executor_tasks, st.none() | specs),
    st.builds(assignment.ReleasedTask, texts),
)
registrations = st.builds(assignment.Registration, texts, spans, spans)
run_numbers = st.builds(run_query.RunNumber, root_group=texts, counter=numbers)

CASES: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], Any], Callable[[Any], Any]]] = {
    "run": (runs, run_wire.run_to_pb, run_wire.run_from_pb),
    "task": (tasks, run_wire.task_to_pb, run_wire.task_from_pb),
    "step": (steps, step_wire.step_to_pb, step_wire.step_from_pb),
    "run config": (
        configs,
        run_config_wire.run_config_to_pb,
        run_config_wire.run_config_from_pb,
    ),
    "executor": (executors, executor_wire.executor_to_pb, executor_wire.executor_from_pb),
    "registration": (
        registrations,
        executor_wire.registration_to_pb,
        executor_wire.registration_from_pb,
    ),
    "executor task": (
        executor_tasks,
        executor_task_wire.executor_task_to_pb,
        executor_task_wire.executor_task_from_pb,
    ),
    "spec data": (
        specs,
        executor_task_wire.spec_data_to_pb,
        executor_task_wire.spec_data_from_pb,
    ),
    "filter": (filters, run_query_wire.run_filter_to_pb, run_query_wire.run_filter_from_pb),
    "number": (run_numbers, run_query_wire.run_number_to_pb, run_query_wire.run_number_from_pb),
    "page": (pages, run_query_wire.run_page_to_pb, run_query_wire.run_page_from_pb),
    "run event": (
        run_events,
        run_event_wire.run_event_to_pb,
        run_event_wire.run_event_from_pb,
    ),
    "progress": (
        progress,
        run_event_wire.run_progress_to_pb,
        run_event_wire.run_progress_from_pb,
    ),
    "assignment": (
        assignments,
        assignment_wire.assignment_to_pb,
        assignment_wire.assignment_from_pb,
    ),
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


def test_an_edge_without_conditions_waits_for_success() -> None:
    depend = run_config_wire.depend_from_pb(run_config_pb2.Depend(task_id="a"))
    assert depend.conditions == (run_config.Condition.ON_SUCCESS,)


def test_a_step_of_no_kind_is_refused() -> None:
    with pytest.raises(BadRequestError) as caught:
        step_wire.step_from_pb(run_config_pb2.Step())
    assert caught.value.reason == "RUN_CONFIG_INVALID"


def test_a_run_without_a_phase_is_refused() -> None:
    with pytest.raises(BadRequestError) as caught:
        run_wire.run_from_pb(run_pb2.Run())
    assert caught.value.reason == "RUN_PHASE_INVALID"


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(BadRequestError) as caught:
        runtime_wire.arch_from_pb("z80")
    assert caught.value.metadata == {"arch": "z80"}


def test_the_session_of_an_executor_is_told_to_nobody() -> None:
    known = executor.Executor(
        id=executor.ExecutorID("e"),
        name="e",
        address="unix:e",
        session=executor.SessionID("secret"),
    )
    assert b"secret" not in executor_wire.executor_to_pb(known).SerializeToString()
