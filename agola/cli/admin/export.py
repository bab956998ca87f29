"""`agola admin export`: everything that services keep, in a file."""

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing

from agola.cli import exits
from agola.cli.admin.exportfile import STANDARD, ExportWriter, writing
from agola.cli.admin.maintenance import CONFIGSTORE, RUNSERVICE, chosen
from agola.cli.admin.progress import Passed, progress
from agola.cli.connection import Gateway, connected
from agola.cli.output import print_json
from agola.core.errors import UnavailableError
from agola.maintenance.verification import Verification
from agola.model.export import ExportChoice, ExportHeader
from agola.model.maintenance import MaintainedService

Counts = dict[str, dict[str, int]]


def run(args: argparse.Namespace) -> int:
    """Write the file, or nothing."""
    with writing(args.file) as writer:
        counts = asyncio.run(_export(args, writer))
    if args.file == STANDARD:
        return exits.OK
    if args.output == "json":
        print_json(counts)
    else:
        for service, of_types in counts.items():
            print(f"{service}: {counted(of_types)}")
    return exits.OK


def counted(counts: Mapping[str, int]) -> str:
    """Say in a line how many records of which type there are."""
    said = ", ".join(f"{number} {name}" for name, number in sorted(counts.items()) if number)
    return said or "nothing"


async def _export(args: argparse.Namespace, writer: ExportWriter) -> Counts:
    choice = ExportChoice(
        with_logs=args.with_logs, with_archives=args.with_archives, decrypted=args.decrypted
    )
    # in the order of imports: the one that needs keys fails before anything is replaced
    services = chosen(args.service, (RUNSERVICE, CONFIGSTORE))
    with progress("exporting", total=None, quiet=args.quiet) as passed:
        async with connected(args) as gateway:
            return await _write(gateway, services, choice, writer=writer, passed=passed)


async def _write(
    gateway: Gateway,
    services: Sequence[MaintainedService],
    choice: ExportChoice,
    *,
    writer: ExportWriter,
    passed: Passed,
) -> Counts:
    """Write what comes, and make sure that it is all of it."""
    verifications: list[Verification] = []
    async with aclosing(gateway.maintenance.export(services, choice)) as events:
        async for event in events:
            if isinstance(event, ExportHeader):
                for before in verifications[-1:]:
                    before.end()
                verifications.append(Verification())
            elif not verifications:
                raise _cut()
            verifications[-1].take(event)
            size = writer.size
            writer.write(event)
            passed(writer.size - size)
    for last in verifications[-1:]:
        last.end()
    counts = {one.header.service: dict(one.counts) for one in verifications if one.header}
    if set(counts) != {service.value for service in services}:
        raise _cut()
    return counts


def _cut() -> UnavailableError:
    return UnavailableError("the server sent less than it was asked for", reason="EXPORT_CUT")
