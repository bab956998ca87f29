"""The way in: an export of the original, as records of ours."""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping
from contextlib import aclosing

from agola.datamanager.port import StoredObject
from agola.maintenance.legacy.configstore import configstore_objects
from agola.maintenance.legacy.entries import MAX_ENTRY_BYTES, Entry, entries
from agola.maintenance.legacy.runservice import runservice_objects

Converter = Callable[[AsyncIterable[Entry], Counter[str]], AsyncGenerator[StoredObject, None]]

_CONVERTERS: Mapping[str, Converter] = {
    "configstore": configstore_objects,
    "runservice": runservice_objects,
}


class Conversion:
    """Records of ours, one by one as an export comes in; to be gone through once.

    They are *not* in the order that the datamanager wants: of the configstore, each user is
    followed by their tokens, and the project groups come last; of the runservice, each run config
    is followed by its run, and the counters come last.  The configs, the runs, the users and the
    groups are each in the order of their ids; tokens and counters are in no order.

    BadRequestError (`EXPORT_INVALID`) says which entry cannot be taken over, and why.
    """

    def __init__(
        self, convert: Converter, pieces: AsyncIterable[bytes], *, max_entry_bytes: int
    ) -> None:
        self._convert = convert
        self._pieces = pieces
        self._max_entry_bytes = max_entry_bytes
        self._skipped: Counter[str] = Counter()

    @property
    def skipped(self) -> dict[str, int]:
        """What has no place here, by type, and how often: complete once all records were given.

        A part of a record that has no place is counted too, such as `user.password`.
        """
        return dict(self._skipped)

    async def __aiter__(self) -> AsyncGenerator[StoredObject, None]:
        async with (
            aclosing(entries(self._pieces, max_bytes=self._max_entry_bytes)) as found,
            aclosing(self._convert(found, self._skipped)) as objects,
        ):
            async for stored in objects:
                yield stored


def converted(
    service: str, pieces: AsyncIterable[bytes], *, max_entry_bytes: int = MAX_ENTRY_BYTES
) -> Conversion:
    """Turn what Agola 0.7 exports of *service* (`configstore` or `runservice`) into our records."""
    return Conversion(_CONVERTERS[service], pieces, max_entry_bytes=max_entry_bytes)
