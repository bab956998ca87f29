"""Lists of runs: the live ones and the archived ones, as one."""

from collections.abc import Callable, Sequence
from heapq import merge

from agola.model.group import check_group, within
from agola.model.run import Run
from agola.model.run_query import RunFilter
from agola.services.runservice.ports.archive import RunArchive
from agola.services.runservice.ports.live import LiveState


class RunListing:
    """Finds runs by phase, result and group."""

    def __init__(self, live: LiveState, archive: RunArchive) -> None:
        self._live = live
        self._archive = archive

    async def find(
        self, filter_: RunFilter, *, after: str, limit: int, ascending: bool
    ) -> Sequence[Run]:
        """Give at most *limit* runs behind the id *after*, by id.

        A run that is being archived is in both places: the archive is asked last, so that it has
        what the live state no longer had, and what it has is told.

        BadRequestError: `RUN_GROUP_INVALID`.
        """
        if filter_.group:
            check_group(filter_.group)
        live = self._live_runs(filter_, after, ascending=ascending)
        archived = await self._archive.list(
            phases=filter_.phases,
            results=filter_.results,
            group=filter_.group,
            after=after,
            limit=limit,
            ascending=ascending,
        )
        by_id: Callable[[Run], str] = lambda run: run.id  # noqa: E731
        found: dict[str, Run] = {}
        for run in merge(archived, live, key=by_id, reverse=not ascending):
            found.setdefault(run.id, run)
            if len(found) == limit:
                break
        return list(found.values())

    def _live_runs(self, filter_: RunFilter, after: str, *, ascending: bool) -> list[Run]:
        runs = [
            run
            for run in self._live.runs()
            if (not after or (run.id > after if ascending else run.id < after))
            and _matches(run, filter_)
        ]
        return runs if ascending else runs[::-1]


def _matches(run: Run, filter_: RunFilter) -> bool:
    return (
        (not filter_.phases or run.phase in filter_.phases)
        and (not filter_.results or run.result in filter_.results)
        and (not filter_.group or within(run.group, filter_.group))
    )
