"""`agola admin import`: a file instead of everything that services keep."""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import IO

from agola.cli import exits
from agola.cli.admin.export import counted
from agola.cli.admin.exportfile import (
    events,
    is_legacy,
    legacy_pieces,
    reading,
    sections,
    verify,
)
from agola.cli.admin.maintenance import chosen
from agola.cli.admin.progress import Passed, progress
from agola.cli.connection import Gateway, connected
from agola.cli.output import print_json
from agola.core.errors import BadRequestError, PreconditionError
from agola.maintenance.codec import export_invalid
from agola.model.export import ExportEvent, Imported
from agola.model.maintenance import MaintainedService

ALL = "all"

UNFINISHED = "the {service} is as it was: mend what is said below, and import it again"


def run(args: argparse.Namespace) -> int:
    """Import nothing unless all of the file is as it must be."""
    with reading(args.file) as file:
        asyncio.run(_import_legacy(args, file) if is_legacy(file) else _import(args, file))
    if args.output != "json":
        print("next: agola admin maintenance disable", file=sys.stderr)
    return exits.OK


async def _import(args: argparse.Namespace, file: IO[bytes]) -> None:
    with _progress(args, file, "verifying") as passed:
        there = [_service(header.service) for header in verify(file, passed)]
    services = _wanted(args.service, there)
    async with connected(args) as gateway:
        await _require_maintenance(gateway, services)
        done: dict[MaintainedService, Imported] = {}
        try:
            with _progress(args, file, "importing") as passed:
                for header, section in sections(events(file, passed)):
                    service = _service(header.service)
                    if service in services:
                        done[service] = await _sent(gateway, service, section)
                    else:
                        _pass_over(section)
        finally:  # whatever became of the others, these are imported
            for service, imported in done.items():
                _print(args, service, imported)
            for service in services:
                if done and service not in done:
                    print(UNFINISHED.format(service=service.value), file=sys.stderr)


async def _import_legacy(args: argparse.Namespace, file: IO[bytes]) -> None:
    """Import what Agola 0.7 wrote: it does not say which service it is of."""
    if args.service == ALL:
        message = "this was written by Agola 0.7: say with --service which service it is of"
        raise BadRequestError(message, reason="SERVICE_REQUIRED")
    service = MaintainedService(args.service)
    async with connected(args) as gateway:
        await _require_maintenance(gateway, [service])
        with _progress(args, file, "importing") as passed:
            imported = await _sent(gateway, service, legacy_pieces(file, passed))
    _print(args, service, imported)


def _wanted(name: str, there: Sequence[MaintainedService]) -> Sequence[MaintainedService]:
    """Say which services to import.  BadRequestError: EXPORT_INVALID if they are not there."""
    services = there if name == ALL else chosen(name, ())
    if not services or not set(services) <= set(there):
        held = " and ".join(service.value for service in there) or "nothing"
        raise export_invalid(f"the file holds {held}")
    return services


def _service(name: str) -> MaintainedService:
    try:
        return MaintainedService(name)
    except ValueError as error:
        message = f"the file holds an export of {name!r}, which is none of our services"
        raise export_invalid(message, service=name) from error


async def _require_maintenance(gateway: Gateway, services: Sequence[MaintainedService]) -> None:
    """Make sure of it before the first of them is imported."""
    for service in services:
        status = await gateway.maintenance.status(service)
        if not (status.requested and status.settled):
            only = f" --service {service.value}" if len(services) == 1 else ""
            message = (
                f"the {service.value} is not in maintenance mode; first:"
                f" agola admin maintenance enable{only}"
            )
            raise PreconditionError(message, reason="MAINTENANCE_REQUIRED", service=service.value)


async def _sent(
    gateway: Gateway, service: MaintainedService, section: Iterator[ExportEvent]
) -> Imported:
    async def sent() -> AsyncGenerator[ExportEvent, None]:
        for event in section:
            yield event

    return await gateway.maintenance.import_(service, sent())


def _pass_over(section: Iterator[ExportEvent]) -> None:
    for _ in section:
        pass


def _progress(
    args: argparse.Namespace, file: IO[bytes], what: str
) -> AbstractContextManager[Passed]:
    return progress(what, total=os.fstat(file.fileno()).st_size, quiet=args.quiet)


def _print(args: argparse.Namespace, service: MaintainedService, imported: Imported) -> None:
    if args.output == "json":
        print_json({service.value: imported}, indent=None)
        return
    print(f"{service.value}: {counted(imported.counts)}")
    if any(imported.skipped.values()):
        print(f"{service.value}: nothing to take from {counted(imported.skipped)}")
