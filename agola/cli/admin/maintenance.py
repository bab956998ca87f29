"""`agola admin maintenance`: setting services aside for work on their data."""

import argparse
import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from agola.cli import exits
from agola.cli.connection import Gateway, connected
from agola.cli.output import print_json, print_table
from agola.core.errors import UnauthorizedError, UnavailableError
from agola.model.maintenance import MaintainedService, MaintenanceStatus

T = TypeVar("T")

FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS = 0.1, 1.0

OTHER_TOKENS = (
    "the configstore serves again; your token is none of those that were imported: log in with one"
)

CONFIGSTORE, RUNSERVICE = MaintainedService.CONFIGSTORE, MaintainedService.RUNSERVICE


def enable(args: argparse.Namespace) -> int:
    """Set services aside, the configstore last: as long as it serves, everybody gets an answer."""
    return asyncio.run(_switch(args, chosen(args.service, (RUNSERVICE, CONFIGSTORE)), on=True))


def disable(args: argparse.Namespace) -> int:
    """Let services serve again, the configstore last: after an import it may have other tokens."""
    return asyncio.run(_switch(args, chosen(args.service, (RUNSERVICE, CONFIGSTORE)), on=False))


def status(args: argparse.Namespace) -> int:
    """Show every instance with the mode that is asked for and the mode that it is in."""

    async def shown() -> dict[MaintainedService, MaintenanceStatus]:
        async with connected(args) as gateway:
            services = chosen(args.service, (CONFIGSTORE, RUNSERVICE))
            return {service: await gateway.maintenance.status(service) for service in services}

    _print(asyncio.run(shown()), args.output)
    return exits.OK


def chosen(name: str, order: Sequence[MaintainedService]) -> Sequence[MaintainedService]:
    """Give the services that *name* means, which may be `all`, in this order."""
    return order if name == "all" else (MaintainedService(name),)


async def _switch(
    args: argparse.Namespace, services: Sequence[MaintainedService], *, on: bool
) -> int:
    """Change the mode of services, one after the other."""
    reached: dict[MaintainedService, MaintenanceStatus] = {}
    async with connected(args) as gateway:
        ask = gateway.maintenance.enable if on else gateway.maintenance.disable
        for service in services:
            async with _in_time(service, args.timeout):
                if reached:  # another service is changing: whoever needs it has to wait
                    asked = await patiently(partial(ask, service))
                else:
                    asked = await ask(service)
                reached[service] = asked
                if args.wait:
                    reached[service] = await _followed(gateway, service, on) or asked
    _print(reached, args.output)
    return exits.OK


async def _followed(
    gateway: Gateway,
    service: MaintainedService,
    on: bool,  # noqa: FBT001 (which mode)
) -> MaintenanceStatus | None:
    """Wait until every instance of a service is in this mode.

    None: the configstore serves again, and does not know who asks any more.
    """

    def good(known: MaintenanceStatus) -> bool:
        return known.requested is on and known.settled

    try:
        return await patiently(lambda: gateway.maintenance.status(service), good)
    except UnauthorizedError:
        if on or service is not CONFIGSTORE:
            raise
        print(OTHER_TOKENS, file=sys.stderr)
        return None


@asynccontextmanager
async def _in_time(service: MaintainedService, seconds: int) -> AsyncGenerator[None, None]:
    """UnavailableError: MAINTENANCE_PENDING."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        message = (
            f"not every instance of the {service.value} has followed within {seconds} seconds;"
            " see `agola admin maintenance status`"
        )
        raise UnavailableError(
            message, reason="MAINTENANCE_PENDING", service=service.value, seconds=str(seconds)
        ) from error


async def patiently(
    ask: Callable[[], Awaitable[T]], good: Callable[[T], bool] = lambda _: True
) -> T:
    """Ask until the answer is good, through moments in which nobody answers.

    A service that changes its mode is away for a moment, and the calls that it had with it: so no
    stream and no call that waits could tell that it is done.  UnavailableError: MAINTENANCE, by one
    that is in it, and does not know the caller.
    """
    delay = FIRST_DELAY_SECONDS
    while True:
        try:
            answer = await ask()
            if good(answer):
                return answer
        except UnavailableError as error:
            if error.reason == "MAINTENANCE":
                raise
        await asyncio.sleep(delay)
        delay = min(delay * 2, MAX_DELAY_SECONDS)


def _print(known: dict[MaintainedService, MaintenanceStatus], output: str) -> None:
    if output == "json":
        print_json({service.value: status for service, status in known.items()})
        return
    rows = [
        (service.value, instance.id, _mode(status.requested), _mode(instance.maintenance), since)
        for service, status in known.items()
        for instance in status.instances
        for since in (f"{instance.change_time.astimezone():%Y-%m-%d %H:%M:%S}",)
    ]
    print_table(("SERVICE", "INSTANCE", "REQUESTED", "MODE", "SINCE"), rows)


def _mode(maintenance: bool) -> str:  # noqa: FBT001 (what it is, not how)
    return "maintenance" if maintenance else "serving"
