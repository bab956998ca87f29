"""Which batches were committed, as far as object storage alone can say."""

from agola.datamanager import sequence
from agola.datamanager.errors import WalAmbiguousError, WalGapError
from agola.datamanager.layout import WalHeader
from agola.datamanager.port import WalSequence
from agola.datamanager.wal import WalObjects


async def committed(wals: WalObjects, after: WalSequence) -> list[WalHeader]:
    """Find the batches behind *after*, each following the one before.

    Those that are marked come first, then data that nobody has marked yet.  WalGapError,
    WalAmbiguousError.
    """
    chain: list[WalHeader] = []
    last = after
    async for header in wals.marked(after):
        if header.previous != last:
            previous = header.previous or "nothing"
            raise WalGapError(header.sequence, previous=previous, expected=last)
        chain.append(header)
        last = header.sequence
    unmarked = await wals.unmarked(last)
    while found := _following(unmarked, last, chain[-1] if chain else None):
        chain.append(found)
        last = found.sequence
    return chain


def _following(
    unmarked: dict[WalSequence, list[WalHeader]], last: WalSequence, before: WalHeader | None
) -> WalHeader | None:
    """Say which batch followed *last*.

    Of several, only one may have been committed.  The others lost a race against it, and their
    writers died before they could delete them.  That one is the one that others built upon.
    """
    number = sequence.following(last)
    found = [
        each
        for each in unmarked.get(number, ())
        if each.previous == last
        and (before is None or each.previous_data_id in {None, before.data_id})
    ]
    if len(found) > 1:
        named = {each.previous_data_id for each in unmarked.get(sequence.following(number), ())}
        built_upon = [each for each in found if each.data_id in named]
        if len(built_upon) != 1:
            raise WalAmbiguousError(number, [each.data_id for each in found])
        return built_upon[0]
    return found[0] if found else None
