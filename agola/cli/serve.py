"""`agola serve`: the processes of an installation, or all of them in this one."""

import argparse
import asyncio
import contextlib
import faulthandler
import fcntl
import gc
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TypeAlias

from agola import __version__
from agola.config.load import load
from agola.config.model import Config
from agola.core.errors import BadRequestError, PreconditionError
from agola.core.log import configure

logger = logging.getLogger(__name__)

Serving: TypeAlias = Callable[[Config], AbstractAsyncContextManager[None]]

COMPONENTS = ("configstore", "runservice", "gitserver", "gateway", "scheduler", "executor")
"""In the order in which they start; they stop in the reverse."""

PATIENCE_SECONDS = 20
"""How long a shutdown may take before every stack is printed."""


def run(args: argparse.Namespace) -> int:
    """Serve until somebody ends it.  Gives the exit code."""
    components = chosen(args.components)
    config = load(path=_path(args.config), data_dir=_path(args.data_dir), listen=args.listen)
    configure(config.log.level, config.log.format)
    _allow_many_files()
    _wait_for_children_in_the_loop()
    with _claimed(config.data_dir, components):
        asyncio.run(_serve(config, components))
    return 0


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def chosen(names: str | None) -> tuple[str, ...]:
    """Read a list of components; None is all of them.

    BadRequestError: COMPONENT_REQUIRED, COMPONENT_UNKNOWN.
    """
    listed = COMPONENTS if names is None else names.split(",")
    asked = {name.strip() for name in listed} - {""}
    if not asked:
        message = f"--components names none; there are {', '.join(COMPONENTS)}"
        raise BadRequestError(message, reason="COMPONENT_REQUIRED")
    if unknown := sorted(asked - set(COMPONENTS)):
        message = f"no such component: {', '.join(unknown)}; there are {', '.join(COMPONENTS)}"
        raise BadRequestError(message, reason="COMPONENT_UNKNOWN", components=",".join(unknown))
    return tuple(name for name in COMPONENTS if name in asked)


async def _serve(config: Config, components: tuple[str, ...]) -> None:
    stop = asyncio.Event()
    _stop_on_signals(stop)
    async with AsyncExitStack() as stack:
        stack.callback(faulthandler.cancel_dump_traceback_later)
        for name in components:
            await stack.enter_async_context(_service(name)(config))
        gc.freeze()  # what is here by now stays: no collection has to look at it
        _say_ready(config, components)
        await stop.wait()
        faulthandler.dump_traceback_later(PATIENCE_SECONDS)
        logger.info("shutting down")


def _service(name: str) -> Serving:
    """Import only what is to run: each component has libraries of its own."""
    match name:
        case "configstore":
            from agola.services.configstore import service as configstore

            return partial(configstore.serving, announce=_say_token)
        case "runservice":
            from agola.services.runservice import service as runservice

            return runservice.serving
        case "gitserver":
            from agola.services.gitserver import service as gitserver

            return gitserver.serving
        case "gateway":
            from agola.services.gateway import service as gateway

            return gateway.serving
        case "scheduler":
            from agola.services.scheduler import service as scheduler

            return scheduler.serving
        case _:
            from agola.services.executor import service as executor

            return executor.serving


def _say_token(token: str) -> None:
    """Show the first user's token.  Only its digest is kept: nobody can show it again."""
    print(f"The token of the user admin, shown only this once: {token}", flush=True)


def _stop_on_signals(stop: asyncio.Event) -> None:
    """End gently at the first signal, at once at the second."""

    def handle() -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, handle)


def _say_ready(config: Config, components: tuple[str, ...]) -> None:
    where = f" at {config.gateway.listen}" if "gateway" in components else ""
    print(f"agola {__version__} is ready{where}, data in {config.data_dir}", flush=True)


@contextlib.contextmanager
def _claimed(data_dir: Path, components: tuple[str, ...]) -> Iterator[None]:
    """Make sure that no other process serves these components from this data.

    PreconditionError: DATA_DIR_IN_USE.
    """
    with contextlib.ExitStack() as stack:
        for name in components:
            lock = stack.enter_context((data_dir / f"{name}.lock").open("a"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                message = f"another agola serves the {name} from {data_dir}"
                raise PreconditionError(
                    message, reason="DATA_DIR_IN_USE", component=name, dataDir=str(data_dir)
                ) from error
        yield


def _allow_many_files() -> None:
    """Every follower of a log is a socket, every task a few pipes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _wait_for_children_in_the_loop() -> None:
    """Do without the thread that asyncio starts for each child; newer Pythons do so anyway."""
    if sys.version_info < (3, 12):
        asyncio.get_event_loop_policy().set_child_watcher(asyncio.PidfdChildWatcher())
