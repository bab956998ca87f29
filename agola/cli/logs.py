"""`agola run logs`: logs as the bytes that they are."""

import argparse
import asyncio
import sys
from contextlib import aclosing
from functools import partial

from agola.cli import exits
from agola.cli.connection import Gateway, connected
from agola.cli.following import Lines, LogFollower, Sink, read, started
from agola.cli.output import clean
from agola.cli.runref import run_ref
from agola.cli.views.words import step_of
from agola.cli.watching import states
from agola.core.errors import BadRequestError, NotExistError
from agola.model.log import LogPart
from agola.model.run import Task
from agola.model.run_config import TaskID
from agola.model.run_event import RunState
from agola.model.run_ref import TaskRef


def run(args: argparse.Namespace) -> int:
    """Print one log, those of one task, or all of a run."""
    part = LogPart() if args.setup else None if args.step is None else LogPart(args.step)
    if part and not args.task:
        message = "--step and --setup need a --task"
        raise BadRequestError(message, reason="TASK_REF_REQUIRED")
    asyncio.run(_print(args, part))
    return exits.OK


async def _print(args: argparse.Namespace, part: LogPart | None) -> None:
    async with connected(args) as gateway:
        state = await gateway.runs.get_run(run_ref(args))
        tasks = [_task(args.task, state)] if args.task else list(state.tasks)
        if part:
            await read(
                gateway.logs,
                state.run.id,
                tasks[0],
                part,
                sink=_write,
                follow=args.follow,
                must_exist=True,
            )
        elif args.follow:
            await _follow(gateway, state, tasks)
        else:
            for task in tasks:
                for each in started(task):
                    _announce(task, each)
                    await read(gateway.logs, state.run.id, task, each, sink=_write, follow=False)


async def _follow(gateway: Gateway, state: RunState, tasks: list[Task]) -> None:
    """Print the logs of tasks as they grow; of several at once, lines behind their names."""
    ref = state.run.id
    sink: Sink = _write if len(tasks) == 1 else Lines(_write_line)
    only = {task.id for task in tasks}
    async with asyncio.TaskGroup() as group:
        follower = LogFollower(gateway.logs, group, sink=sink, only=only)
        async with aclosing(states(partial(gateway.runs.watch_run, ref))) as progress:
            async for now in progress:
                follower.update(now)
                if all(task.status.ended for task in now.tasks if task.id in only):
                    break
        await follower.finish()


def _task(text: str, state: RunState) -> Task:
    """Find a task by its name, or else by its id.  NotExistError: TASK_DOES_NOT_EXIST."""
    try:
        return TaskRef(name=text).find(state.tasks)
    except NotExistError:
        return TaskRef(id=TaskID(text)).find(state.tasks)


def _announce(task: Task, part: LogPart) -> None:
    """Say on a terminal whose log begins; into a file only the logs' own bytes go."""
    if sys.stdout.isatty():
        print(f"==> {clean(task.name)}: {clean(step_of(task, part).name)}", file=sys.stderr)


def _write(_task: Task, _part: LogPart, data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _write_line(task: Task, part: LogPart, line: bytes) -> None:
    _write(task, part, clean(task.name).encode() + b" | " + line + b"\n")
