"""`agola admin keys`: the keys that secrets are encrypted with."""

import argparse
import asyncio
import sys
from collections.abc import Iterator, Mapping
from contextlib import aclosing

from agola.cli import exits
from agola.cli.connection import connected
from agola.cli.output import print_json, print_table
from agola.core.errors import AgolaError, UnavailableError
from agola.model.encryption_key import EncryptionKey, Keyring, ServiceRotation
from agola.model.maintenance import MaintainedService

UNENCRYPTED = "(none)"

WARNING = (
    "agola: what was exported or backed up while {key} was in use cannot be restored without it; "
    "say --yes to remove it for good"
)

REMOVED = (
    "removed the encryption key {key}, which nothing needs any more; "
    "where it is configured, take it out of every configuration"
)
INTERRUPTED = "to go on with this rotation: agola admin keys rotate --resume"


def list_(args: argparse.Namespace) -> int:
    """Show the keys of each service, and how many records each of them encrypts."""

    async def listed() -> dict[MaintainedService, Keyring]:
        async with connected(args) as gateway:
            services = list(MaintainedService)
            return {each: await gateway.encryption_keys.keyring(each) for each in services}

    known = asyncio.run(listed())
    if args.output == "json":
        print_json({service.value: keyring for service, keyring in known.items()})
    else:
        print_table(("SERVICE", "KEY", "STATE", "RECORDS"), _rows(known))
    return exits.OK


def _rows(known: Mapping[MaintainedService, Keyring]) -> Iterator[tuple[str, ...]]:
    for service, keyring in known.items():
        for key in keyring.keys:
            yield service.value, key.id, _state(key), str(key.records)
        if keyring.clear_records:
            yield service.value, UNENCRYPTED, "not encrypted", str(keyring.clear_records)


def _state(key: EncryptionKey) -> str:
    if key.missing:
        return "missing"
    return "current" if key.current else "only decrypts"


def rotate(args: argparse.Namespace) -> int:
    """Encrypt everything with a new key, and show how far it is."""
    done = asyncio.run(_rotated(args))
    if args.output == "json":
        print_json({step.service.value: _plain(step) for step in done})
    else:
        for step in done:
            progress = step.progress
            print(
                f"{step.service.value}: {progress.encrypted} of {progress.records} records "
                f"encrypted anew, all with {step.key_id}"
            )
    return exits.OK


async def _rotated(args: argparse.Namespace) -> list[ServiceRotation]:
    """Follow a rotation to its end.  UnavailableError: ENCRYPTION_ROTATION_INTERRUPTED."""
    last: dict[MaintainedService, ServiceRotation] = {}
    async with connected(args) as gateway:
        rotation = gateway.encryption_keys.rotate(resume=args.resume)
        async with aclosing(rotation) as steps:
            try:
                async for step in steps:
                    last[step.service] = step
                    _draw(step)
            except AgolaError:
                if last:  # there is a new key already
                    print(INTERRUPTED, file=sys.stderr)
                raise
    complete = {service for service, step in last.items() if step.progress.complete}
    if complete != set(MaintainedService):
        message = "the rotation was broken off: go on with `agola admin keys rotate --resume`"
        raise UnavailableError(message, reason="ENCRYPTION_ROTATION_INTERRUPTED")
    return list(last.values())


def _draw(step: ServiceRotation) -> None:
    """Show people how far it is, on a line that the next one overwrites."""
    if sys.stderr.isatty():
        end = "\r\x1b[K" if step.progress.complete else ""
        text = f"\r{step.service.value}: {step.progress.records} records\x1b[K{end}"
        print(text, end="", file=sys.stderr, flush=True)


def _plain(step: ServiceRotation) -> dict[str, object]:
    progress = step.progress
    return {"key": step.key_id, "records": progress.records, "encrypted": progress.encrypted}


def remove(args: argparse.Namespace) -> int:
    """Forget a key that encrypts nothing any more."""
    if not args.yes:
        print(WARNING.format(key=args.key), file=sys.stderr)
        return exits.FAILED

    async def removed() -> None:
        async with connected(args) as gateway:
            await gateway.encryption_keys.delete(args.key)

    asyncio.run(removed())
    if args.output == "json":
        print_json({})
    else:
        print(REMOVED.format(key=args.key))
    return exits.OK
