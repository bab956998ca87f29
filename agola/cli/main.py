"""The entry point: finds the command, imports only what it needs, and says errors in a sentence."""

import importlib
import os
import sys
from collections.abc import Callable, Sequence

from agola.cli import exits
from agola.cli.failures import typed
from agola.cli.parser import parser
from agola.core.errors import leaves


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command.  Gives the exit code; see `agola.cli.exits`."""
    args = parser().parse_args(argv)
    try:
        code = _command(args.command)(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except Exception as error:
        failed = _failed(error)
        if failed is None:
            raise
        return failed
    return code


def _command(name: str) -> Callable[..., int]:
    module, _, function = name.partition(":")
    command: Callable[..., int] = getattr(importlib.import_module(module), function)
    return command


def _failed(error: Exception) -> int | None:
    """Say what happened, and give the exit code; None for what is our own fault."""
    if known := typed(error):
        print(exits.sentence(known), file=sys.stderr)
        return exits.exit_code(known)
    cause = next(leaves(error))
    if isinstance(cause, BrokenPipeError):
        # Whoever read the output has left.  Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.PIPE_CLOSED
    if isinstance(cause, OSError):
        what = f"{cause.filename}: " if cause.filename else ""
        print(f"agola: {what}{cause.strerror or cause}", file=sys.stderr)
        return exits.FAILED
    return None


if __name__ == "__main__":
    sys.exit(main())
