"""`agola run`: look at runs, and stop them."""

import argparse
import asyncio
from datetime import UTC, datetime
from functools import partial

from agola.cli import exits
from agola.cli.connection import connected
from agola.cli.output import clean, duration, print_json, print_table, span
from agola.cli.pages import collect
from agola.cli.runref import run_ref, scope
from agola.cli.views.words import detail, outcome, status, taken, title
from agola.cli.watch import view
from agola.cli.watch import watch as watch_runs
from agola.core.errors import PreconditionError
from agola.model.run import Phase, Run
from agola.model.run_event import RunState
from agola.model.run_ref import RunSelection


def list_(args: argparse.Namespace) -> int:
    selection = RunSelection(scope=scope(args), phases=tuple(map(Phase, args.phase)))

    async def listed() -> list[Run]:
        async with connected(args) as gateway:
            return await collect(partial(gateway.runs.list_runs, selection), args.limit)

    runs = asyncio.run(listed())
    if args.output == "json":
        print_json({"runs": runs})
    else:
        now = datetime.now(UTC)
        titles = ("RUN", "NAME", "STATE", "REF", "AGE", "TIME", "MESSAGE")
        print_table(titles, (_row(run, now) for run in runs))
    return exits.OK


def get(args: argparse.Namespace) -> int:
    async def got() -> RunState:
        async with connected(args) as gateway:
            return await gateway.runs.get_run(run_ref(args))

    state = asyncio.run(got())
    if args.output == "json":
        print_json(state)
    else:
        _print_state(state, datetime.now(UTC))
    return exits.OK


def watch(args: argparse.Namespace) -> int:
    shown = view(args.output, scroll=False)

    async def watched() -> int:
        async with connected(args) as gateway:
            return await watch_runs(gateway, [run_ref(args)], shown, logs=False)

    return asyncio.run(watched())


def stop(args: argparse.Namespace) -> int:
    """Stop a running run; give up a queued one."""
    run = asyncio.run(_stopped(args))
    if args.output == "json":
        print_json(run)
    else:
        print(f"{title(run)}: {outcome(run)}")
    return exits.OK


async def _stopped(args: argparse.Namespace) -> Run:
    ref = run_ref(args)
    async with connected(args) as gateway:
        try:
            return await gateway.runs.stop_run(ref)
        except PreconditionError as error:
            if error.reason != "RUN_NOT_RUNNING":
                raise
        state = await gateway.runs.get_run(ref)
        if state.run.phase is Phase.QUEUED:
            return await gateway.runs.cancel_run(ref)
        if state.run.phase.ended:
            message = f"{title(state.run)} has ended already: {outcome(state.run)}"
            raise PreconditionError(message, reason="RUN_NOT_RUNNING")
        return await gateway.runs.stop_run(ref)  # it started in between


def _row(run: Run, now: datetime) -> tuple[str, ...]:
    annotations = run.annotations
    ref = annotations.get("branch") or annotations.get("tag") or annotations.get("ref", "")
    message = annotations.get("message", "").partition("\n")[0]
    age = span((now - run.create_time).total_seconds())
    spent = duration(run.start_time, run.end_time, now=now)
    return (str(run.counter), run.name, outcome(run), ref, age, spent, message)


def _print_state(state: RunState, now: datetime) -> None:
    run = state.run
    spent = duration(run.start_time, run.end_time, now=now)
    print(f"{title(run)}: {outcome(run)} {spent}".rstrip())
    print(f"id     {run.id}")
    for key, value in sorted(run.annotations.items()):
        print(f"{clean(key)}: {clean(value.partition(chr(10))[0])}")
    for problem in run.setup_errors:
        print(f"error  {clean(problem)}")
    if state.tasks:
        print()
        rows = (
            ("  " * task.level + task.name, status(task), taken(task, now=now), detail(task))
            for task in state.tasks
        )
        print_table(("TASK", "STATE", "TIME", "DETAIL"), rows)
