"""The decision that other objects take the place of all that is there.

It is a key that only the holder of the lock can write: whoever lost the lock without noticing, even
in the middle of everything, decides nothing any more.  Before it nothing counts; after it whoever
comes next carries it out, should the one who decided have died.
"""

from collections.abc import Sequence

from agola.core.errors import NotExistError
from agola.datamanager import status as statuses
from agola.datamanager.epochs import Epochs
from agola.datamanager.layout import DECIDED, SURVIVING, DataStatus, Paths
from agola.datamanager.port import WalSequence
from agola.datamanager.wal import read_whole
from agola.storage.kv.port import KeyValue, Lock, Put
from agola.storage.objects.port import ObjectStorage


class Decision:
    """Makes the decision, and carries it out."""

    def __init__(self, kv: KeyValue, objects: ObjectStorage, paths: Paths, epochs: Epochs) -> None:
        self._kv = kv
        self._objects = objects
        self._paths = paths
        self._epochs = epochs

    async def propose(self, status: DataStatus) -> None:
        """Write a snapshot's status where nobody takes it for one."""
        path = self._paths.proposal(status.data_sequence)
        await self._objects.write(path, statuses.encode(status))

    async def decide(self, number: WalSequence, lock: Lock) -> bool:
        """Decide that the proposed snapshot counts.  False: the lock was lost, it does not."""
        return (await self._kv.txn([lock.held], [Put(DECIDED, number.encode())])).succeeded

    async def is_pending(self) -> bool:
        """Say whether something was decided and not carried out."""
        return await self._kv.get(DECIDED) is not None

    async def carry_out(self, lock: Lock, *, keep: Sequence[str] = SURVIVING) -> None:
        """Begin the epoch that was decided, if any was; may be done twice, and by several."""
        entry = await self._kv.get(DECIDED)
        if entry is not None:
            number = WalSequence(entry.value.decode())
            await self._publish(number)
            await self._epochs.begin(number, lock, keep=keep)

    async def _publish(self, number: WalSequence) -> None:
        proposal = self._paths.proposal(number)
        try:
            raw = await read_whole(self._objects, proposal)
        except NotExistError:  # it is published
            return
        await self._objects.write(self._paths.status(number), raw)
        await self._objects.delete(proposal)
