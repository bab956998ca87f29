"""Watching runs to their end: states and logs to a view, the results to an exit code."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import aclosing
from functools import partial

from agola.cli import exits
from agola.cli.connection import Gateway
from agola.cli.following import Lines, LogFollower
from agola.cli.views.jsonlines import JsonView
from agola.cli.views.plain import PlainView
from agola.cli.views.port import View
from agola.cli.watching import states
from agola.model.run import Result, TaskStatus
from agola.model.run_event import RunState
from agola.model.run_ref import RunRef


def view(output: str, *, scroll: bool) -> View:
    """Choose how to show: drawn only on a terminal.  With *scroll*, all lines of logs stay."""
    if output == "json":
        return JsonView()
    if not sys.stdout.isatty():
        return PlainView()
    from rich.console import Console

    from agola.cli.views.live import LiveView

    return LiveView(Console(highlight=False), scroll=scroll)


async def watch(gateway: Gateway, refs: Sequence[RunRef], view: View, *, logs: bool) -> int:
    """Show runs until all have ended.  Gives the exit code: OK if all of them succeeded."""
    with view:
        async with asyncio.TaskGroup() as group:
            watched = [group.create_task(_watch(gateway, ref, view, logs=logs)) for ref in refs]
    succeeded = all(task.result().run.result is Result.SUCCESS for task in watched)
    return exits.OK if succeeded else exits.FAILED


async def _watch(gateway: Gateway, ref: RunRef, view: View, *, logs: bool) -> RunState:
    state = await gateway.runs.get_run(ref)
    async with asyncio.TaskGroup() as group:
        sink = Lines(partial(view.log, state.run))
        follower = LogFollower(gateway.logs, group, sink=sink)
        async with aclosing(states(partial(gateway.runs.watch_run, state.run.id))) as progress:
            async for state in progress:
                if not state.run.phase.ended:
                    view.state(state)
                if logs or view.tails:
                    follower.update(state if logs else _running(state))
        if logs:
            await follower.finish()
        else:
            follower.stop()
    view.state(state)  # how it ended, after all that led there
    return state


def _running(state: RunState) -> RunState:
    tasks = (task for task in state.tasks if task.status is TaskStatus.RUNNING)
    return RunState(state.run, tuple(tasks))
