"""Reading what an export of the runservice becomes."""

from collections.abc import Callable

import msgspec
import pytest

from agola.core.errors import BadRequestError
from agola.datamanager.port import StoredObject
from agola.model.run import ArchivedRun
from agola.model.run_config import (
    RunConfig,
    Step,
    TaskConfig,
    TaskID,
)
from tests.unit.maintenance.legacy.original import (
    TASKS,
    Document,
    conversion,
    export,
    run_config,
    run_id,
    task_config,
)

A, B = TASKS

ID = run_id(1)

Entries = tuple[str, Document]


async def converted(
    *entries: Entries, counters: bytes = b""
) -> tuple[dict[str, ArchivedRun], dict[str, RunConfig], dict[str, int], dict[str, int]]:
    """Give runs, run configs, numbers, and what was skipped."""
    objects, skipped = await conversion("runservice", export(entries) + counters)
    decode = msgspec.json.decode
    return (
        {one.id: decode(one.data, type=ArchivedRun) for one in of(objects, "run")},
        {one.id: decode(one.data, type=RunConfig) for one in of(objects, "runconfig")},
        {one.id: int(one.data) for one in of(objects, "runcounter")},
        skipped,
    )


def of(objects: list[StoredObject], data_type: str) -> list[StoredObject]:
    return [stored for stored in objects if stored.data_type == data_type]


async def the_run(*entries: Entries) -> ArchivedRun:
    runs, *_ = await converted(*entries)
    return runs[ID]


async def the_task(config: Document, **fields: object) -> TaskConfig:
    _, configs, *_ = await converted(run_config(ID, config, **fields))
    return configs[ID].tasks[TaskID(config["id"])]


async def the_step(step: Document, **fields: object) -> Step:
    return (await the_task(task_config(A, "build", step), **fields)).steps[0]


async def refusal(*entries: Entries, counters: bytes = b"") -> BadRequestError:
    with pytest.raises(BadRequestError) as refused:
        await converted(*entries, counters=counters)
    assert refused.value.reason == "EXPORT_INVALID"
    return refused.value


Change = Callable[[Document], object]


def with_(**fields: object) -> Change:
    return lambda document: document.update(fields)


def without(field: str) -> Change:
    return lambda document: document.pop(field)
