"""`agola directrun start`: run a work tree as it is."""

import argparse
import asyncio
import sys
from pathlib import Path

from agola.cli import exits
from agola.cli.connection import Gateway, connected
from agola.cli.git.push import Destination, push
from agola.cli.git.snapshot import Snapshot, Untracked, snapshot, untracked
from agola.cli.git.worktree import Worktree
from agola.cli.output import clean, print_json
from agola.cli.variables import variables
from agola.cli.views.words import outcome, title
from agola.cli.watch import view, watch
from agola.core.ids import RandomIds
from agola.model.direct_run import CreatedRuns, DirectRun, SkipReason

_SKIPPED = {
    SkipReason.COMMIT_MESSAGE: "the message of the commit asks for it",
    SkipReason.WHEN: "its `when` does not match the ref",
}
_BIG = 10_000_000
"""From how many bytes of untracked files on to say that there are so many."""


def start(args: argparse.Namespace) -> int:
    """Push the work tree, make its runs, and watch them if asked to."""
    try:
        return asyncio.run(_start(args))
    except KeyboardInterrupt:
        if args.watch:
            print("agola: the runs go on without this command", file=sys.stderr)
        raise


async def _start(args: argparse.Namespace) -> int:
    values = variables(args.variables, args.var_file)
    worktree = await Worktree.around(Path.cwd())
    async with connected(args) as gateway:
        created = await _create(args, gateway, worktree, values)
        _show(args, created)
        if not args.watch or not created.runs:
            return exits.OK
        refs = [run.id for run in created.runs]
        return await watch(gateway, refs, view(args.output, scroll=True), logs=True)


async def _create(
    args: argparse.Namespace, gateway: Gateway, worktree: Worktree, values: dict[str, str]
) -> CreatedRuns:
    ref = await worktree.full_ref(branch=args.branch, tag=args.tag, ref=args.ref)
    repository = await worktree.uuid(RandomIds())
    target = await gateway.direct_runs.prepare_direct_run(repository)
    pushed = await _push(args, worktree, Destination(target.url, ref, target.username), gateway)
    return await gateway.direct_runs.create_direct_run(
        DirectRun(
            repository_uuid=repository,
            ref=ref,
            commit_sha=pushed.commit,
            message=pushed.message,
            variables=values,
            inputs=dict(args.inputs),
            pull_request_refs=tuple(args.pull_request_ref_regexes),
            request_id=RandomIds().uuid(),
        )
    )


async def _push(
    args: argparse.Namespace, worktree: Worktree, destination: Destination, gateway: Gateway
) -> Snapshot:
    extra = Untracked()
    if args.untracked or args.ignored:
        extra = await untracked(worktree, ignored=args.ignored)
    if extra.size >= _BIG:
        size = f"{extra.size / 1e6:,.0f} MB"
        print(f"agola: taking {len(extra.paths):,} untracked files, {size}", file=sys.stderr)
    message = args.message or await worktree.subject()
    async with snapshot(worktree, extra=extra, message=message) as made:
        say_left_out(made)
        token = gateway.access.known_token
        await push(made, destination, token=token, show=sys.stderr.isatty())
        return made


def say_left_out(made: Snapshot) -> None:
    """Say what is in the work tree, cannot be pushed, and might be missed."""
    for path in made.left_out:
        what = f"submodule {clean(path)} has changes that are not committed in it"
        print(f"agola: {what}: the runs do not see them", file=sys.stderr)


def _show(args: argparse.Namespace, created: CreatedRuns) -> None:
    if args.output == "json":
        print_json(created, indent=None if args.watch else 2)
        return
    for run in () if args.watch else created.runs:  # a view says the same, and more
        print(f"{title(run)}: {outcome(run)}", flush=True)
        for problem in run.setup_errors:
            print(f"  {clean(problem)}", flush=True)
    for skipped in created.skipped:
        print(f"run {clean(skipped.name)}: not made, {_SKIPPED[skipped.reason]}", flush=True)
