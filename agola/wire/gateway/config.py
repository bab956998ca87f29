"""Definitions that are tried: the files and the event, what is wrong, and the plan."""

from agola.model.run_config import Condition
from agola.runconfig.errors import Problem
from agola.runconfig.plan import Plan, PlannedRun, PlannedTask, StepLeftOut
from agola.runconfig.trial import Checked, Trial
from generated.agola.gateway.v1 import config_service_pb2 as pb

Diagnostic = pb.CheckConfigResponse.Diagnostic
Dependency = pb.PlannedTask.Dependency

CONDITION_TO_PB = {c: Dependency.Condition.Value(f"CONDITION_{c.name}") for c in Condition}
CONDITION_FROM_PB = {number: condition for condition, number in CONDITION_TO_PB.items()}


def files_to_pb(trial: Trial) -> pb.ConfigFiles:
    return pb.ConfigFiles(contents=trial.files, path=trial.path)


def event_to_pb(trial: Trial) -> pb.EventContext:
    changed = trial.changed_files
    return pb.EventContext(
        ref=trial.ref,
        commit_sha=trial.commit_sha,
        message=trial.message,
        changed_files=None if changed is None else pb.EventContext.ChangedFiles(paths=changed),
    )


def trial_from_pb(files: pb.ConfigFiles, event: pb.EventContext) -> Trial:
    known = event.HasField("changed_files")
    return Trial(
        files=dict(files.contents),
        path=files.path,
        ref=event.ref,
        commit_sha=event.commit_sha,
        message=event.message,
        changed_files=tuple(event.changed_files.paths) if known else None,
    )


def checked_to_pb(checked: Checked) -> pb.CheckConfigResponse:
    errors = [_diagnostic(problem, Diagnostic.SEVERITY_ERROR) for problem in checked.errors]
    warnings = [_diagnostic(problem, Diagnostic.SEVERITY_WARNING) for problem in checked.warnings]
    return pb.CheckConfigResponse(file=checked.file, diagnostics=errors + warnings)


def checked_from_pb(message: pb.CheckConfigResponse) -> Checked:
    """Read what is wrong.  What a newer server calls neither error nor warning is a warning."""
    errors: list[Problem] = []
    warnings: list[Problem] = []
    for diagnostic in message.diagnostics:
        is_error = diagnostic.severity == Diagnostic.SEVERITY_ERROR
        (errors if is_error else warnings).append(_problem(diagnostic))
    return Checked(file=message.file, errors=tuple(errors), warnings=tuple(warnings))


def _diagnostic(problem: Problem, severity: Diagnostic.Severity.ValueType) -> Diagnostic:
    return Diagnostic(
        severity=severity,
        path=problem.path,
        line=problem.line,
        column=problem.column,
        message=problem.message,
        hint=problem.hint,
    )


def _problem(message: Diagnostic) -> Problem:
    return Problem(
        line=message.line,
        column=message.column,
        path=message.path,
        message=message.message,
        hint=message.hint,
    )


def plan_to_pb(plan: Plan) -> pb.PlanRunsResponse:
    return pb.PlanRunsResponse(runs=[_run_to_pb(run) for run in plan.runs])


def plan_from_pb(message: pb.PlanRunsResponse) -> Plan:
    return Plan(runs=tuple(_run_from_pb(run) for run in message.runs))


def _run_to_pb(run: PlannedRun) -> pb.PlannedRun:
    tasks = [_task_to_pb(task) for task in run.tasks]
    return pb.PlannedRun(name=run.name, selected=run.selected, why=run.why, tasks=tasks)


def _run_from_pb(message: pb.PlannedRun) -> PlannedRun:
    tasks = tuple(_task_from_pb(task) for task in message.tasks)
    return PlannedRun(name=message.name, selected=message.selected, why=message.why, tasks=tasks)


def _task_to_pb(task: PlannedTask) -> pb.PlannedTask:
    return pb.PlannedTask(
        name=task.name,
        level=task.level,
        skipped=task.skipped,
        why=task.why,
        depends=[_dependency(task, name) for name in task.depends],
        blocked_by=task.blocked_by,
        approval=task.approval,
        steps_left_out=[
            pb.PlannedTask.StepLeftOut(index=step.index, name=step.name, why=step.why)
            for step in task.steps_left_out
        ],
    )


def _dependency(task: PlannedTask, name: str) -> Dependency:
    conditions = [CONDITION_TO_PB[condition] for condition in task.conditions[name]]
    return Dependency(task=name, conditions=conditions)


def _task_from_pb(message: pb.PlannedTask) -> PlannedTask:
    return PlannedTask(
        name=message.name,
        level=message.level,
        skipped=message.skipped,
        why=message.why,
        depends=tuple(depend.task for depend in message.depends),
        conditions={
            depend.task: tuple(CONDITION_FROM_PB[c] for c in depend.conditions)
            for depend in message.depends
        },
        blocked_by=tuple(message.blocked_by),
        approval=message.approval,
        steps_left_out=tuple(
            StepLeftOut(index=step.index, name=step.name, why=step.why)
            for step in message.steps_left_out
        ),
    )
