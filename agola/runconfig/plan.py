"""What a definition makes for a ref, and why: which runs, tasks and steps.  Pure.

It tells what `compile_run` does, for people who wonder.  Nothing here needs a server or variables.
"""

from collections.abc import Iterator, Mapping

from msgspec import Struct, structs

from agola.model.run_config import Condition
from agola.runconfig.context import Context, asks_to_skip
from agola.runconfig.definition import Definition, RunDefinition, TaskDefinition
from agola.runconfig.graph import levels
from agola.runconfig.when import decide


class StepLeftOut(Struct, frozen=True, kw_only=True):
    """A step that is not carried out for this ref."""

    index: int
    """Its place in the definition; the first is 0."""
    name: str
    why: str


class PlannedTask(Struct, frozen=True, kw_only=True):
    """A task as it is when its run starts."""

    name: str
    level: int
    """The longest way from a task without parents: 0 for those."""
    skipped: bool
    """Its `when` is not meant for the ref."""
    why: str
    depends: tuple[str, ...] = ()
    """The tasks that it waits for."""
    conditions: dict[str, tuple[Condition, ...]] = {}
    """How each of them must have ended."""
    blocked_by: tuple[str, ...] = ()
    """Those that cannot end as it waits for, since they are skipped: so it will be skipped, too."""
    approval: bool = False
    steps_left_out: tuple[StepLeftOut, ...] = ()


class PlannedRun(Struct, frozen=True, kw_only=True):
    """A run, and whether it is made.  Its tasks are told even if it is not."""

    name: str
    selected: bool
    why: str
    tasks: tuple[PlannedTask, ...] = ()
    """By level, then as in the file."""


class Plan(Struct, frozen=True, kw_only=True):
    """Every run of a definition, in the order of the file."""

    runs: tuple[PlannedRun, ...] = ()


def plan_runs(definition: Definition, context: Context, *, message: str = "") -> Plan:
    """Plan the runs of a sound definition for a ref and the message of its commit."""
    return Plan(runs=tuple(_run(run, context, message) for run in definition.runs))


def _run(run: RunDefinition, context: Context, message: str) -> PlannedRun:
    decision = decide(run.when, context)
    selected, why = decision.matched, decision.why
    if asks_to_skip(message):
        selected, why = False, "the message of the commit asks for no runs"
    tasks = _with_blocked(list(_tasks(run, context)))
    return PlannedRun(name=run.name, selected=selected, why=why, tasks=tasks)


def _tasks(run: RunDefinition, context: Context) -> Iterator[PlannedTask]:
    """Plan tasks, parents before children."""
    level = levels(run.tasks)
    for task in sorted(run.tasks, key=lambda task: level[task.name]):
        decision = decide(task.when, context)
        yield PlannedTask(
            name=task.name,
            level=level[task.name],
            skipped=not decision.matched,
            why=decision.why,
            depends=tuple(depend.task for depend in task.depends),
            conditions={depend.task: depend.conditions for depend in task.depends},
            approval=task.approval,
            steps_left_out=tuple(_left_out(task, context)),
        )


def _left_out(task: TaskDefinition, context: Context) -> Iterator[StepLeftOut]:
    for index, step in enumerate(task.steps):
        decision = decide(step.when, context)
        if not decision.matched:
            yield StepLeftOut(index=index, name=step.step.name, why=decision.why)


def _with_blocked(tasks: list[PlannedTask]) -> tuple[PlannedTask, ...]:
    """Say of each task which skipped ones keep it from running."""
    known: dict[str, PlannedTask] = {}
    for task in tasks:
        blocked_by = tuple(_blocking(task, known)) if not task.skipped else ()
        known[task.name] = structs.replace(task, blocked_by=blocked_by)
    return tuple(known.values())


def _blocking(task: PlannedTask, known: Mapping[str, PlannedTask]) -> Iterator[str]:
    for name, conditions in task.conditions.items():
        parent = known[name]
        skipped = parent.skipped or parent.blocked_by
        if conditions == (Condition.NEVER,) or (skipped and Condition.ON_SKIPPED not in conditions):
            yield name
