"""The datamanager against a dict, whatever happens to its storage in between."""

import asyncio
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agola.core.errors import NotExistError
from agola.datamanager.limits import Limits
from agola.datamanager.port import Action
from agola.datamanager.store import StoredDataManager
from tests.unit.datamanager.conftest import House
from tests.unit.datamanager.test_store import scanned

T = TypeVar("T")

TYPES = ("project", "user")
ids = st.sampled_from([f"{letter}{n}" for letter in "abc" for n in range(4)])
actions = st.builds(Action, st.sampled_from(TYPES), ids, st.none() | st.binary(max_size=300))
SMALL = Limits(checkpoint_wals=7, keep_wals=3, keep_snapshots=2, max_file_bytes=500)


class DataManagerAgainstDict(RuleBasedStateMachine):
    """Batches, checkpoints, restarts, and the loss of the key-value store in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.house = House(Path(self.folder.name))
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.store: StoredDataManager
        self.model: dict[tuple[str, str], bytes] = {}

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize()
    def open(self) -> None:
        self.store = self.run(self.stack.enter_async_context(self.house.opening(SMALL)))

    @rule(batches=st.lists(st.lists(actions, min_size=1, max_size=4), min_size=1, max_size=4))
    def commit(self, batches: list[list[Action]]) -> None:
        for batch in batches:
            self.run(self.store.commit(batch))
            self._apply(batch)

    @rule(batches=st.lists(st.lists(actions, min_size=1, max_size=3), min_size=2, max_size=5))
    def commit_together(self, batches: list[list[Action]]) -> None:
        async def together() -> None:
            await asyncio.gather(*map(self.store.commit, batches))

        self.run(together())
        for batch in batches:  # they take effect in the order in which they came
            self._apply(batch)

    def _apply(self, batch: list[Action]) -> None:
        for action in batch:
            if action.data is None:
                self.model.pop((action.data_type, action.id), None)
            else:
                self.model[action.data_type, action.id] = action.data

    @rule()
    def checkpoint(self) -> None:
        self.run(self.store.checkpoint())

    @rule()
    def restart(self) -> None:
        self.run(self.stack.aclose())
        self.open()

    @rule(unmarked=st.integers(0, 2))
    def lose_the_key_value_store(self, unmarked: int) -> None:
        self.run(self.stack.aclose())
        markers = self.house.files("wals/status")
        for marker in markers[len(markers) - unmarked :]:
            marker.unlink()
        self.house.lose_key_value()
        self.open()

    @rule(data_type=st.sampled_from(TYPES), object_id=ids)
    def read(self, data_type: str, object_id: str) -> None:
        try:
            found: bytes | None = self.run(self.store.read(data_type, object_id))
        except NotExistError:
            found = None
        assert found == self.model.get((data_type, object_id))

    @invariant()
    def all_of_it_is_there(self) -> None:
        for data_type in TYPES:
            expected = {key[1]: data for key, data in self.model.items() if key[0] == data_type}
            found = self.run(scanned(self.store, data_type))
            assert list(found.items()) == sorted(expected.items())

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.runner.close()
        self.folder.cleanup()


TestDataManagerAgainstDict = DataManagerAgainstDict.TestCase
TestDataManagerAgainstDict.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
