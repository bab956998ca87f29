"""`agola config`: run definitions, without a server."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from msgspec import structs

from agola.cli import exits
from agola.cli.definition import Read, read
from agola.cli.diagnostics import diagnostics
from agola.cli.output import clean, print_json
from agola.core.errors import AgolaError, BadRequestError
from agola.runconfig import Context, Parsed, Problem, RefType, context_of, is_ref_name
from agola.runconfig.plan import Plan, PlannedRun, PlannedTask, plan_runs
from agola.runconfig.schema import schema as make_schema

PUSH = Context(ref_type=RefType.BRANCH, ref="refs/heads/main", branch="main")
"""What programs are evaluated for when they are only checked."""


def check(args: argparse.Namespace) -> int:
    """Check files; of a directory, its definition."""
    checked = [_readable(Path(path)) for path in args.paths]
    reports = [_report(one, strict=args.strict) for one in checked]
    if args.output == "json":
        print_json(reports)
    else:
        for one in checked:
            _show_check(one)
    return exits.OK if all(report["valid"] for report in reports) else exits.FAILED


def _readable(path: Path) -> Read:
    """Read a definition; one that cannot even be read is wrong like any other."""
    try:
        return read(path, PUSH)
    except (AgolaError, OSError) as error:
        said = error.message if isinstance(error, AgolaError) else error.strerror or str(error)
        problem = Problem(line=1, column=1, path="", message=said)
        return Read(path=path, parsed=Parsed(name=str(path), errors=(problem,)), text="")


def _report(one: Read, *, strict: bool) -> dict[str, object]:
    parsed = one.parsed
    return {
        "path": str(one.path),
        "valid": not parsed.errors and not (strict and parsed.warnings),
        "errors": parsed.errors,
        "warnings": parsed.warnings,
    }


def _show_check(one: Read) -> None:
    if not one.parsed.errors and not one.parsed.warnings:
        print(f"{clean(str(one.path))}: ok")
    for line in diagnostics(one, source=sys.stdout.isatty()):
        print(line)


def plan(args: argparse.Namespace) -> int:
    """Say which runs, tasks and steps there are for a ref, and why."""
    context = _context(args)
    one = read(Path(args.path), context)
    if one.parsed.definition is None:
        for line in diagnostics(one, source=sys.stderr.isatty()):
            print(line, file=sys.stderr)
        return exits.FAILED
    planned = plan_runs(one.parsed.definition, context, message=args.message)
    if args.output == "json":
        print_json(planned)
    else:
        for line in _drawn(planned):
            print(clean(line))
    return exits.OK


def _context(args: argparse.Namespace) -> Context:
    ref: str = args.ref or (f"refs/tags/{args.tag}" if args.tag else f"refs/heads/{args.branch}")
    context = context_of(ref, commit_sha=args.commit)
    if context is None:
        what = "a full name of a branch, a tag or a pull request's ref"
        message = f'"{ref}" is not {what}' if is_ref_name(ref) else f'git allows no ref "{ref}"'
        raise BadRequestError(message, reason="GIT_REF_INVALID", ref=ref)
    changed = None if args.changed_files is None else tuple(args.changed_files)
    return structs.replace(context, changed_files=changed)


def _drawn(planned: Plan) -> Iterator[str]:
    """Draw every run: its tasks by level, with what they wait for and what they leave out."""
    for run in planned.runs:
        made = "made" if run.selected else "not made"
        yield f"run {run.name}: {made}: {run.why}"
        if run.selected:
            yield from _tasks(run)


def _tasks(run: PlannedRun) -> Iterator[str]:
    width = max((len(task.name) for task in run.tasks), default=0)
    level = -1
    for task in run.tasks:
        number = "" if task.level == level else str(task.level)
        level = task.level
        yield f"  {number:>2}  {task.name:<{width}}  {'; '.join(_said(task))}".rstrip()
        for step in task.steps_left_out:
            yield f'  {"":>2}  {"":<{width}}  without step {step.index} "{step.name}": {step.why}'


def _said(task: PlannedTask) -> Iterator[str]:
    if task.skipped:
        yield f"skipped: {task.why}"
    if task.blocked_by:
        yield f"skipped with {', '.join(task.blocked_by)}"
    if task.depends:
        yield f"after {', '.join(_awaited(task))}"
    if task.approval:
        yield "needs an approval"


def _awaited(task: PlannedTask) -> Iterator[str]:
    for name in task.depends:
        conditions = [condition.value for condition in task.conditions[name]]
        yield name if conditions == ["on_success"] else f"{name} ({' or '.join(conditions)})"


def schema(_args: argparse.Namespace) -> int:
    """Print the JSON Schema of definitions, for editors."""
    print_json(make_schema())
    return exits.OK
