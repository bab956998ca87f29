"""Whether a run can be made of a run config."""

from collections import Counter

from msgspec import structs

from agola.core.errors import BadRequestError
from agola.model.graph import levels
from agola.model.group import check_group
from agola.model.run_config import RunConfig, TaskConfig, TaskID

MAX_NAME_BYTES = 100
MAX_REQUEST_ID_LENGTH = 36


def check_request_id(request_id: str) -> None:
    """BadRequestError: `REQUEST_ID_INVALID`."""
    plain = request_id.isascii() and "/" not in request_id and request_id.isprintable()
    if len(request_id) > MAX_REQUEST_ID_LENGTH or not plain:
        raise BadRequestError(
            f"a request id has at most {MAX_REQUEST_ID_LENGTH} ASCII characters and no slash",
            reason="REQUEST_ID_INVALID",
            limit=str(MAX_REQUEST_ID_LENGTH),
        )


def checked_config(config: RunConfig) -> RunConfig:
    """Give a run config back with the levels that its tasks have.

    BadRequestError: `RUN_GROUP_INVALID`, `RUN_NAME_REQUIRED`, `RUN_CONFIG_INVALID`.
    """
    check_group(config.group)
    if not config.name:
        raise BadRequestError("a run needs a name", reason="RUN_NAME_REQUIRED")
    _check_name(config.name)
    if config.setup_errors and config.tasks:
        raise _invalid("a run with setup errors has no tasks")
    for id_, task in config.tasks.items():
        _check_task(id_, task, config)
    counts = Counter(task.name for task in config.tasks.values())
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise _invalid(f"two tasks are named {twice[0]!r}", task=twice[0])
    found = levels(config.tasks)
    if found is None:
        raise _invalid("the tasks depend on each other in a circle")
    tasks = {id_: structs.replace(task, level=found[id_]) for id_, task in config.tasks.items()}
    return structs.replace(config, tasks=tasks)


def _check_task(id_: TaskID, task: TaskConfig, config: RunConfig) -> None:
    if task.id != id_ or not id_ or "/" in id_ or len(id_) > MAX_NAME_BYTES:
        raise _invalid(f"task {task.name!r} has the id {task.id!r}", task=task.name, id=task.id)
    if not task.name:
        raise _invalid(f"task {id_!r} has no name", id=id_)
    _check_name(task.name)
    for depend in task.depends:
        if depend.task_id not in config.tasks:
            message = f"task {task.name!r} depends on {depend.task_id!r}, which is no task"
            raise _invalid(message, task=task.name, parent=depend.task_id)


def _check_name(name: str) -> None:
    if len(name.encode()) > MAX_NAME_BYTES:
        message = f"name {name!r} has more than {MAX_NAME_BYTES} bytes"
        raise _invalid(message, name=name, limit=str(MAX_NAME_BYTES))


def _invalid(message: str, **metadata: str) -> BadRequestError:
    return BadRequestError(message, reason="RUN_CONFIG_INVALID", **metadata)
