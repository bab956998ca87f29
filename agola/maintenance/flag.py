"""The keys that ask a service for maintenance mode, and that say how far its instances are.

They are in the service's own part of the key-value store, so that all instances share them.
"""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from agola.core.clock import Clock
from agola.model.maintenance import MaintenanceInstance, MaintenanceRequest, MaintenanceStatus
from agola.model.user import Identity
from agola.storage.kv.port import Compare, Delete, Entry, KeyValue, Operation, Put, Revision

Decide: TypeAlias = Callable[[MaintenanceRequest | None], Operation | None]
"""Says what to do about the present wish, if anything."""

PREFIX = "maintenance/"
"""All keys of this room: they stay when everything else is replaced by an import."""

REQUESTED = PREFIX + "requested"
INSTANCES = PREFIX + "instances/"
"""A key per instance, which goes when the instance does."""


class MaintenanceFlag:
    """Asks for maintenance mode and for its end.  Asking twice is no error."""

    def __init__(self, kv: KeyValue, clock: Clock) -> None:
        self._kv = kv
        self._clock = clock

    async def status(self) -> MaintenanceStatus:
        """Say what is asked for, and which mode each instance that is alive is in, by id."""
        entries = (await self._kv.range(PREFIX)).entries
        return MaintenanceStatus(
            requested=any(entry.key == REQUESTED for entry in entries),
            instances=tuple(
                msgspec.json.decode(entry.value, type=MaintenanceInstance)
                for entry in entries
                if entry.key.startswith(INSTANCES)
            ),
        )

    async def request(self) -> MaintenanceRequest | None:
        """Give the wish for maintenance mode, if there is one."""
        return decode_request(await self._kv.get(REQUESTED))

    async def enable(self, keeper: Identity | None = None) -> None:
        """Ask for maintenance mode.  The token of *keeper*, and of those before, works in it."""

        def enabled(known: MaintenanceRequest | None) -> Operation | None:
            wish = known or MaintenanceRequest(since=self._clock.now())
            if keeper is not None:
                wish = wish.kept_by(keeper)
            return None if wish == known else Put(REQUESTED, msgspec.json.encode(wish))

        await self._change(enabled)

    async def disable(self) -> None:
        """Ask all instances to serve again, and forget the keepers."""
        await self._change(lambda known: Delete(REQUESTED) if known else None)

    async def _change(
        self, decide: Callable[[MaintenanceRequest | None], Operation | None]
    ) -> None:
        while True:
            entry = await self._kv.get(REQUESTED)
            operation = decide(decode_request(entry))
            if operation is None:
                return
            seen = Compare(REQUESTED, entry.mod_revision if entry else Revision(0))
            if (await self._kv.txn([seen], [operation])).succeeded:
                return


def decode_request(entry: Entry | None) -> MaintenanceRequest | None:
    """Read the value of the key `REQUESTED`."""
    return msgspec.json.decode(entry.value, type=MaintenanceRequest) if entry else None
