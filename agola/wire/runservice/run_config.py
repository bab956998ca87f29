"""Run configs: what a run is made from."""

from agola.core.errors import BadRequestError
from agola.model.run_config import (
    MAX_CONCURRENT_RUNS,
    MAX_EXIT_CODE,
    MAX_RETRY_ATTEMPTS,
    Concurrency,
    Condition,
    Depend,
    FailureCause,
    GitSource,
    Retry,
    RunConfig,
    RunID,
    TaskConfig,
    TaskID,
)
from agola.wire.runservice.runtime import (
    registries_from_pb,
    registries_to_pb,
    runtime_from_pb,
    runtime_to_pb,
)
from agola.wire.runservice.step import step_from_pb, step_to_pb
from generated.agola.runservice.v1 import run_config_pb2 as pb

CONDITION_TO_PB = {c: pb.Condition.Value(f"CONDITION_{c.name}") for c in Condition}
CONDITION_FROM_PB = {number: condition for condition, number in CONDITION_TO_PB.items()}

CAUSE_TO_PB = {c: pb.FailureCause.Value(f"FAILURE_CAUSE_{c.name}") for c in FailureCause}
CAUSE_FROM_PB = {number: cause for cause, number in CAUSE_TO_PB.items()}


def run_config_to_pb(config: RunConfig) -> pb.RunConfig:
    return pb.RunConfig(
        name=config.name,
        group=config.group,
        annotations=config.annotations,
        setup_errors=config.setup_errors,
        tasks={task.id: task_config_to_pb(task) for task in config.tasks.values()},
        static_environment=config.static_environment,
        environment=config.environment,
        cache_group=config.cache_group,
        source=git_source_to_pb(config.source) if config.source else None,
        concurrency=_concurrency_to_pb(config.concurrency) if config.concurrency else None,
    )


def run_config_from_pb(message: pb.RunConfig) -> RunConfig:
    """Read a run config, of no run yet: its `id` is empty.

    BadRequestError: `RUN_CONFIG_INVALID`, `ARCH_INVALID`.
    """
    return RunConfig(
        id=RunID(""),
        name=message.name,
        group=message.group,
        annotations=dict(message.annotations),
        setup_errors=tuple(message.setup_errors),
        tasks={TaskID(id_): task_config_from_pb(task) for id_, task in message.tasks.items()},
        static_environment=dict(message.static_environment),
        environment=dict(message.environment),
        cache_group=message.cache_group,
        source=git_source_from_pb(message.source) if message.HasField("source") else None,
        concurrency=(
            _concurrency_from_pb(message.concurrency) if message.HasField("concurrency") else None
        ),
    )


def task_config_to_pb(task: TaskConfig) -> pb.TaskConfig:
    message = pb.TaskConfig(
        id=task.id,
        name=task.name,
        level=task.level,
        depends=[depend_to_pb(depend) for depend in task.depends],
        runtime=runtime_to_pb(task.runtime),
        environment=task.environment,
        working_dir=task.working_dir,
        shell=task.shell,
        user=task.user,
        steps=[step_to_pb(step) for step in task.steps],
        ignore_failure=task.ignore_failure,
        needs_approval=task.needs_approval,
        skip=task.skip,
        registries=registries_to_pb(task.registries),
        retry=_retry_to_pb(task.retry) if task.retry != Retry() else None,
    )
    if task.timeout is not None:
        message.timeout.FromTimedelta(task.timeout)
    return message


def task_config_from_pb(message: pb.TaskConfig) -> TaskConfig:
    return TaskConfig(
        id=TaskID(message.id),
        name=message.name,
        level=message.level,
        depends=tuple(depend_from_pb(depend) for depend in message.depends),
        runtime=runtime_from_pb(message.runtime),
        environment=dict(message.environment),
        working_dir=message.working_dir,
        shell=message.shell,
        user=message.user,
        steps=tuple(step_from_pb(step) for step in message.steps),
        ignore_failure=message.ignore_failure,
        needs_approval=message.needs_approval,
        skip=message.skip,
        timeout=message.timeout.ToTimedelta() if message.HasField("timeout") else None,
        registries=registries_from_pb(message.registries),
        retry=_retry_from_pb(message.retry),
    )


def depend_to_pb(depend: Depend) -> pb.Depend:
    conditions = [CONDITION_TO_PB[condition] for condition in depend.conditions]
    return pb.Depend(task_id=depend.task_id, conditions=conditions)


def depend_from_pb(message: pb.Depend) -> Depend:
    """Read an edge.  No conditions are the same as "on success"."""
    unknown = [str(number) for number in message.conditions if number not in CONDITION_FROM_PB]
    if unknown:
        text = f"condition {unknown[0]} is unknown"
        raise BadRequestError(text, reason="RUN_CONFIG_INVALID", condition=unknown[0])
    conditions = tuple(CONDITION_FROM_PB[number] for number in message.conditions)
    return Depend(task_id=TaskID(message.task_id), conditions=conditions or (Condition.ON_SUCCESS,))


def git_source_to_pb(source: GitSource) -> pb.GitSource:
    return pb.GitSource(
        url=source.url,
        ref=source.ref,
        commit=source.commit,
        username=source.username,
        password=source.password,
    )


def git_source_from_pb(message: pb.GitSource) -> GitSource:
    return GitSource(
        url=message.url,
        ref=message.ref,
        commit=message.commit,
        username=message.username,
        password=message.password,
    )


def _concurrency_to_pb(concurrency: Concurrency) -> pb.Concurrency:
    return pb.Concurrency(
        group=concurrency.group,
        limit=concurrency.limit,
        cancel_superseded=concurrency.cancel_superseded,
    )


def _concurrency_from_pb(message: pb.Concurrency) -> Concurrency:
    return Concurrency(
        group=message.group,
        limit=_in_range("limit", message.limit or 1, 1, MAX_CONCURRENT_RUNS),
        cancel_superseded=message.cancel_superseded,
    )


def _retry_to_pb(retry: Retry) -> pb.Retry:
    causes = [CAUSE_TO_PB[cause] for cause in retry.causes]
    return pb.Retry(attempts=retry.attempts, causes=causes, exit_codes=retry.exit_codes)


def _retry_from_pb(message: pb.Retry) -> Retry:
    for number in message.causes:
        if number not in CAUSE_FROM_PB:
            text = f"failure cause {number} is unknown"
            raise BadRequestError(text, reason="RUN_CONFIG_INVALID", cause=str(number))
    return Retry(
        attempts=_in_range("attempts", message.attempts or 1, 1, MAX_RETRY_ATTEMPTS),
        causes=tuple(CAUSE_FROM_PB[number] for number in message.causes),
        exit_codes=tuple(
            _in_range("exit code", code, 1, MAX_EXIT_CODE) for code in message.exit_codes
        ),
    )


def _in_range(what: str, number: int, minimum: int, maximum: int) -> int:
    if minimum <= number <= maximum:
        return number
    text = f"{what} {number} is not between {minimum} and {maximum}"
    raise BadRequestError(text, reason="RUN_CONFIG_INVALID", what=what, number=str(number))
