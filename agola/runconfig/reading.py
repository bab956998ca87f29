"""Readers of the whole definition, and of its runs."""

from msgspec import structs

from agola.model.run_config import MAX_CONCURRENT_RUNS, Concurrency
from agola.runconfig.cursor import Cursor
from agola.runconfig.definition import Definition, RunDefinition
from agola.runconfig.inputs import read_inputs, variable_of
from agola.runconfig.keys import CONCURRENCY, DEFINITION, RUN
from agola.runconfig.quantity import read_duration
from agola.runconfig.tasks import check_names, read_name, read_tasks
from agola.runconfig.tree import Scalar, Sequence
from agola.runconfig.values import read_registries
from agola.runconfig.when import read_when

MAX_GROUP_CHARACTERS = 200


def read_definition(cursor: Cursor) -> Definition:
    """Read a file.  Only if no error was noted is the answer fit to make runs of."""
    fields = cursor.fields(DEFINITION)
    items = list(fields["runs"].items())
    if not items and (fields["runs"].is_null or isinstance(fields["runs"].node, Sequence)):
        fields["runs"].error("no runs are defined", '"runs" is a list of runs, each with tasks')
    runs = [(item, run) for item in items if (run := _run(item))]
    check_names("run", [(item, run.name) for item, run in runs])
    return Definition(
        runs=tuple(run for _, run in runs),
        registries=read_registries(fields["docker_registries_auth"]),
        timeout=read_duration(fields["task_timeout_interval"]),
    )


def _run(cursor: Cursor) -> RunDefinition | None:
    if cursor.is_null:
        cursor.error("the run is empty", "write its name and its tasks")
        return None
    fields = cursor.fields(RUN)
    inputs = read_inputs(fields["inputs"])
    return RunDefinition(
        name=read_name(fields),
        tasks=read_tasks(fields["tasks"], frozenset(variable_of(one.name) for one in inputs)),
        when=read_when(fields["when"]),
        registries=read_registries(fields["docker_registries_auth"]),
        timeout=read_duration(fields["task_timeout_interval"]),
        concurrency=_concurrency(fields["concurrency"]),
        inputs=inputs,
    )


def _concurrency(cursor: Cursor) -> Concurrency | None:
    """Read how many runs may run at the same time: the name of a group, or a mapping."""
    if cursor.is_null:
        return None
    if isinstance(cursor.node, Scalar):
        return Concurrency(group=_group(cursor))
    fields = cursor.fields(CONCURRENCY)
    limit = fields["limit"].number(1, MAX_CONCURRENT_RUNS, "a number of runs")
    concurrency = Concurrency(
        group=_group(fields["group"]), cancel_superseded=fields.flag("cancel_superseded")
    )
    return structs.replace(concurrency, limit=limit) if limit else concurrency


def _group(cursor: Cursor) -> str:
    group = cursor.text()
    if len(group) > MAX_GROUP_CHARACTERS:
        cursor.error(f"the name of the group is longer than {MAX_GROUP_CHARACTERS} characters")
    return group
