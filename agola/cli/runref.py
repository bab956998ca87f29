"""Which run is meant on the command line."""

import argparse

from agola.model.run_config import RunID
from agola.model.run_ref import NumberedRun, ProjectRuns, RunRef, RunScope, UserRuns

_MAX_DIGITS = 18


def run_ref(args: argparse.Namespace) -> RunRef:
    """Read a run: a number, in the scope that the arguments name, or an id."""
    text: str = args.run.removeprefix("#")
    if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS:
        return NumberedRun(int(text), scope(args))
    return RunID(text)


def scope(args: argparse.Namespace) -> RunScope:
    """Read whose runs are meant: by default the caller's own."""
    return ProjectRuns(args.project) if args.project else UserRuns(args.user or "")
