"""From a definition and the event that asks for runs to the runs to make.  Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from agola.core.ids import Ids
from agola.model.direct_run import SkippedRun, SkipReason
from agola.model.run_config import RunConfig, RunID
from agola.runconfig import Parsed, RunDefinition, asks_to_skip, compile_run, matches
from agola.services.gateway.actions.events import DirectEvent
from agola.services.gateway.actions.inputs import check_inputs

SETUP_ERROR_NAME = "Setup Error"

MAX_SETUP_ERRORS = 50
"""How many errors of a definition its run shows: they travel with every glance at the run."""

UNASSIGNED = RunID("")
"""The runservice gives a run its id."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The runs to make, in the order of their definition, and those not to make."""

    configs: tuple[RunConfig, ...]
    skipped: tuple[SkippedRun, ...] = ()


def plan(
    parsed: Parsed,
    event: DirectEvent,
    *,
    variables: Mapping[str, str],
    inputs: Mapping[str, str],
    ids: Ids,
) -> Plan:
    """Say which runs to make.

    A definition with errors makes one run that shows them.  Otherwise the commit's message may ask
    for no run at all, and each run's `when` decides about it.

    BadRequestError: INPUT_UNKNOWN, INPUT_INVALID.
    """
    if parsed.definition is None:
        return Plan((_setup_error(parsed, event),))
    reasons = {run.name: _reason(run, event) for run in parsed.definition.runs}
    skipped = tuple(SkippedRun(name, reason) for name, reason in reasons.items() if reason)
    made = [run for run in parsed.definition.runs if reasons[run.name] is None]
    check_inputs(made, inputs)
    configs = tuple(_config(run, event, variables, inputs, ids) for run in made)
    return Plan(configs, skipped)


def _reason(run: RunDefinition, event: DirectEvent) -> SkipReason | None:
    """Say why a run is not to be made; None if it is."""
    if asks_to_skip(event.message):
        return SkipReason.COMMIT_MESSAGE
    if not matches(run.when, event.context):
        return SkipReason.WHEN
    return None


def _config(
    run: RunDefinition,
    event: DirectEvent,
    variables: Mapping[str, str],
    inputs: Mapping[str, str],
    ids: Ids,
) -> RunConfig:
    return RunConfig(
        id=UNASSIGNED,
        name=run.name,
        group=event.group,
        annotations=event.annotations,
        tasks=compile_run(run, ids=ids, variables=variables, context=event.context, inputs=inputs),
        static_environment=event.environment,
        cache_group=event.cache_group,
        source=event.source,
        concurrency=run.concurrency,
    )


def _setup_error(parsed: Parsed, event: DirectEvent) -> RunConfig:
    shown = [f"{parsed.name}:{problem}" for problem in parsed.errors[:MAX_SETUP_ERRORS]]
    if more := len(parsed.errors) - len(shown):
        shown.append(f"{parsed.name}: and {more} more errors")
    return RunConfig(
        id=UNASSIGNED,
        name=SETUP_ERROR_NAME,
        group=event.group,
        annotations=event.annotations,
        setup_errors=tuple(shown),
        cache_group=event.cache_group,
    )
