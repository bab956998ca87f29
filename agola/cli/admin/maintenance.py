"""`agola admin maintenance`: setting services aside for work on their data."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from agola.cli import exits
from agola.cli.connection import Gateway, connected
from agola.cli.output import print_json, print_table
from agola.core.errors import UnavailableError
from agola.model.maintenance import MaintainedService, MaintenanceStatus

T = TypeVar("T")

PATIENCE_SECONDS = 120.0
"""How long services may take to follow: calls that are under way get their time to end."""
FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS = 0.1, 1.0

CONFIGSTORE, RUNSERVICE = MaintainedService.CONFIGSTORE, MaintainedService.RUNSERVICE


def enable(args: argparse.Namespace) -> int:
    """Set services aside, the configstore last: as long as it serves, everybody gets an answer."""
    return asyncio.run(_switch(args, chosen(args.service, (RUNSERVICE, CONFIGSTORE)), on=True))


def disable(args: argparse.Namespace) -> int:
    """Let services serve again, the configstore first, for the same reason."""
    return asyncio.run(_switch(args, chosen(args.service, (CONFIGSTORE, RUNSERVICE)), on=False))


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
        for service in services:
            reached[service] = await _switched(gateway, service, on=on, wait=args.wait)
    _print(reached, args.output)
    return exits.OK


async def _switched(
    gateway: Gateway, service: MaintainedService, *, on: bool, wait: bool
) -> MaintenanceStatus:
    """Change the mode of a service.  UnavailableError: MAINTENANCE_PENDING."""
    ask = gateway.maintenance.enable if on else gateway.maintenance.disable
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            known = await patiently(lambda: ask(service), lambda _: True)
            if wait:
                known = await patiently(lambda: gateway.maintenance.status(service), _is(on))
            return known
    except TimeoutError as error:
        seconds = f"{PATIENCE_SECONDS:g}"
        message = (
            f"not every instance of the {service.value} has followed within {seconds} seconds;"
            " see `agola admin maintenance status`"
        )
        raise UnavailableError(
            message, reason="MAINTENANCE_PENDING", service=service.value, seconds=seconds
        ) from error


def _is(on: bool) -> Callable[[MaintenanceStatus], bool]:  # noqa: FBT001 (what it is, not how)
    return lambda known: known.requested is on and known.settled


async def patiently(ask: Callable[[], Awaitable[T]], good: Callable[[T], bool]) -> T:
    """Ask until the answer is good, through moments in which nobody answers.

    A service that changes its mode is away for a moment, and the calls that it had with it; so no
    stream and no call that waits could tell that it is done.
    """
    delay = FIRST_DELAY_SECONDS
    while True:
        try:
            answer = await ask()
        except UnavailableError:
            pass
        else:
            if good(answer):
                return answer
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
