"""The datamanager against a dict, whatever happens to it and to its storage in between."""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine, Iterable
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from agola.config.model import Config, EtcdKeyValue
from agola.core.errors import ConcurrencyError, NotExistError, OutOfRangeError
from agola.datamanager import opening, replacing
from agola.datamanager.errors import StateLostError
from agola.datamanager.layout import sequence_in
from agola.datamanager.limits import Limits
from agola.datamanager.port import Action, DataManager, StoredObject, View, WalSequence
from agola.datamanager.store import StoredDataManager
from agola.storage import kv
from agola.storage.kv import embedded
from agola.storage.kv.port import Delete, KeyValue, Put
from agola.storage.objects.port import ObjectStorage
from agola.storage.objects.posix import opening_posix
from tests.testbed.etcd_process import EtcdServer
from tests.testbed.held import Held

pytest_plugins = ["tests.testbed.etcd"]

T = TypeVar("T")
Model = dict[tuple[str, str], bytes]

BASE = "base"
TYPES = ("project", "user")
SMALL = Limits(checkpoint_wals=7, keep_wals=3, keep_snapshots=1, max_file_bytes=500)
MEMORY = Path("/dev/shm")

ids = st.sampled_from([f"{letter}{n}" for letter in "abc" for n in range(4)])
actions = st.builds(Action, st.sampled_from(TYPES), ids, st.none() | st.binary(max_size=300))
batches = st.lists(actions, min_size=1, max_size=4)
names = st.lists(st.sampled_from("gh"), unique=True)
which = st.integers(0, 1)


class DataManagerAgainstDict(RuleBasedStateMachine):
    """One or two processes on one storage."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.runner = asyncio.Runner()
        self.model: Model = {}
        self.copy: Model = {}
        self.copied: WalSequence | None = None
        self.backup: WalSequence | None = None
        self.exported: list[StoredObject] = []
        self.view: tuple[Held[View], View, Model] | None = None
        self.stores: list[tuple[Held[StoredDataManager], StoredDataManager]] = []

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def store(self, number: int) -> StoredDataManager:
        """Say the process to use, which has seen what the other one did."""
        store = self.stores[number % len(self.stores)][1]
        self.run(store.groups(()))
        return store

    # the key-value store

    def keys(self) -> AbstractAsyncContextManager[KeyValue]:
        return embedded.opening(self.root / "kv.db")

    def lose_keys(self) -> None:
        for file in self.root.glob("kv.db*"):
            file.unlink()

    def back_keys_up(self) -> None:
        shutil.rmtree(self.root / "backup", ignore_errors=True)
        (self.root / "backup").mkdir()
        for file in self.root.glob("kv.db*"):
            shutil.copy(file, self.root / "backup")

    def restore_keys(self) -> None:
        self.lose_keys()
        for file in (self.root / "backup").iterdir():
            shutil.copy(file, self.root)

    # what happens to processes

    @initialize()
    def open(self) -> None:
        self.held_keys = Held(self.keys())
        self.held_files = Held(opening_posix(self.root / "objects"))
        self.live: KeyValue = self.run(self.held_keys.enter())
        self.files: ObjectStorage = self.run(self.held_files.enter())
        self.open_store()

    def open_store(self) -> None:
        held = Held(opening(self.live, self.files, BASE, limits=SMALL))
        self.stores.append((held, self.run(held.enter())))

    @precondition(lambda self: len(self.stores) == 1)
    @rule()
    def a_second_process_starts(self) -> None:
        self.open_store()

    @precondition(lambda self: len(self.stores) == 2)
    @rule(number=which, crash=st.booleans())
    def one_of_two_processes_ends(self, number: int, *, crash: bool) -> None:
        self.close_view()
        held, _ = self.stores.pop(number)
        self.run(held.crash() if crash else held.leave())

    @rule(crash=st.booleans())
    def restart(self, *, crash: bool) -> None:
        self.close(crash=crash)
        self.open()

    def close_stores(self, *, crash: bool) -> None:
        self.close_view()
        for held, _ in self.stores:
            self.run(held.crash() if crash else held.leave())
        self.stores = []

    def close(self, *, crash: bool) -> None:
        self.close_stores(crash=crash)
        self.run(self.held_files.leave())
        self.run(self.held_keys.leave())

    # what processes do

    @rule(number=which, batch=batches)
    def commit(self, number: int, batch: list[Action]) -> None:
        self.run(self.store(number).commit(batch))
        self.apply(batch)

    @rule(number=which, together=st.lists(batches, min_size=2, max_size=5))
    def commit_together(self, number: int, together: list[list[Action]]) -> None:
        store = self.store(number)

        async def commit() -> None:
            await asyncio.gather(*map(store.commit, together))

        self.run(commit())
        for batch in together:  # they take effect in the order in which they came
            self.apply(batch)

    @rule(number=which, mine=names, yours=names, batch=batches, rival=batches)
    def commit_with_groups(
        self,
        number: int,
        mine: list[str],
        yours: list[str],
        batch: list[Action],
        rival: list[Action],
    ) -> None:
        one, other = self.store(number), self.store(number + 1)
        groups = self.run(one.groups(mine))
        self.run(other.commit(rival, groups=self.run(other.groups(yours))))
        self.apply(rival)
        try:
            self.run(one.commit(batch, groups=groups))
        except ConcurrencyError:
            assert set(mine) & set(yours)
        else:
            assert not set(mine) & set(yours)
            self.apply(batch)

    @rule(number=which)
    def checkpoint_and_clean(self, number: int) -> None:
        self.run(self.store(number).checkpoint())

    def apply(self, batch: Iterable[Action], model: Model | None = None) -> None:
        model = self.model if model is None else model
        for action in batch:
            if action.data is None:
                model.pop((action.data_type, action.id), None)
            else:
                model[action.data_type, action.id] = action.data

    # what happens to the key-value store

    @rule(crash=st.booleans())
    def the_key_value_store_is_lost(self, *, crash: bool) -> None:
        self.close(crash=crash)
        self.lose_keys()
        self.open()

    @rule()
    def the_key_value_store_is_lost_while_it_is_used(self) -> None:
        self.close_view()
        self.run(self._delete_all_keys())
        for held, _ in self.stores:
            assert isinstance(self.run(held.ended()), StateLostError)
        self.stores = []
        self.open_store()

    async def _delete_all_keys(self) -> None:
        keys = [entry.key for entry in (await self.live.range("")).entries]
        await self.live.txn([], [Delete(key) for key in keys])

    @rule()
    def the_key_value_store_is_backed_up(self) -> None:
        self.backup = self.run(self.store(0).position())
        self.close(crash=False)
        self.back_keys_up()
        self.open()

    @precondition(lambda self: self.backup is not None)
    @rule(crash=st.booleans())
    def the_key_value_store_is_restored(self, *, crash: bool) -> None:
        """A crash is no help to those who would know: only with markers is there evidence."""
        markers = sorted(self.root.glob(f"objects/data/{BASE}/wals/status/*"))
        evident = bool(markers) and sequence_in(markers[-1].name) > (self.backup or "")
        self.close(crash=crash and evident)
        self.restore_keys()
        self.open()

    # export and import

    @rule(number=which)
    def export(self, number: int) -> None:
        async def export() -> list[StoredObject]:
            async with self.stores[number % len(self.stores)][1].view() as view:
                return [each for data_type in view.types() for each in await _all(view, data_type)]

        self.exported = self.run(export())
        assert _as_model(self.exported) == self.model

    @rule(commit=st.booleans())
    def import_(self, *, commit: bool) -> None:
        async def replace() -> None:
            async with replacing(self.live, self.files, BASE, limits=SMALL) as replacement:
                for each in self.exported:
                    await replacement.put(each)
                if commit:
                    await replacement.commit()

        self.close_stores(crash=False)
        self.run(replace())
        if commit:
            self.model = _as_model(self.exported)
        self.open_store()

    # what is seen

    @precondition(lambda self: self.view is None)
    @rule(number=which)
    def open_view(self, number: int) -> None:
        held = Held(self.stores[number % len(self.stores)][1].view())
        self.view = held, self.run(held.enter()), dict(self.model)

    @precondition(lambda self: self.view is not None)
    @rule()
    def look_at_view(self) -> None:
        assert self.view is not None
        _, view, then = self.view
        found = [each for data_type in view.types() for each in self.run(_all(view, data_type))]
        assert _as_model(found) == then
        self.close_view()

    @precondition(lambda self: self.view is None)
    @rule(number=which, meanwhile=st.lists(batches, min_size=1, max_size=3))
    def look_at_view_late(self, number: int, meanwhile: list[list[Action]]) -> None:
        self.open_view(number)
        for each, batch in enumerate(meanwhile):
            self.commit(each, batch)
            self.checkpoint_and_clean(each)
        self.look_at_view()

    def close_view(self) -> None:
        if self.view is not None:
            self.run(self.view[0].leave())
            self.view = None

    @rule(number=which, data_type=st.sampled_from(TYPES), object_id=ids)
    def read(self, number: int, data_type: str, object_id: str) -> None:
        try:
            found: bytes | None = self.run(self.store(number).read(data_type, object_id))
        except NotExistError:
            found = None
        assert found == self.model.get((data_type, object_id))

    @rule(number=which)
    def follow(self, number: int) -> None:
        """Keep a copy of everything, as a read database does."""
        store = self.store(number)
        try:
            self.run(self._follow(store))
        except OutOfRangeError:
            self.copied = self.run(store.position())
            found = [each for data_type in TYPES for each in self.run(_all(store, data_type))]
            self.copy = _as_model(found)
        assert self.copy == self.model

    async def _follow(self, store: DataManager) -> None:
        last = await store.position()
        async with aclosing(store.follow(self.copied or WalSequence(""))) as told:
            while self.copied != last:
                batch = await anext(told)
                self.apply(batch.actions, self.copy)
                self.copied = batch.sequence

    @invariant()
    def all_of_it_is_there(self) -> None:
        for number in range(len(self.stores)):
            store = self.store(number)
            for data_type in TYPES:
                found = self.run(_all(store, data_type))
                assert [each.id for each in found] == sorted(each.id for each in found)
                expected = {key[1]: data for key, data in self.model.items() if key[0] == data_type}
                assert {each.id: each.data for each in found} == expected

    def teardown(self) -> None:
        if self.stores:
            self.close(crash=False)
        self.runner.close()
        shutil.rmtree(self.root)


async def _all(source: DataManager | View, data_type: str) -> list[StoredObject]:
    async with aclosing(source.scan(data_type)) as objects:
        return [each async for each in objects]


def _as_model(found: Iterable[StoredObject]) -> Model:
    return {(each.data_type, each.id): each.data for each in found}


def _settings(max_examples: int) -> settings:
    return settings(
        max_examples=max_examples,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


TestDataManagerAgainstDict = DataManagerAgainstDict.TestCase
TestDataManagerAgainstDict.settings = _settings(max_examples=100)


class OverEtcd(DataManagerAgainstDict):
    """The same, with a real etcd, whose losses and backups are those of all its keys."""

    server: EtcdServer

    def __init__(self) -> None:
        super().__init__()
        self.prefix = f"{uuid4()}/"
        self.dump: list[tuple[str, bytes]] = []

    def keys(self) -> AbstractAsyncContextManager[KeyValue]:
        config = EtcdKeyValue(endpoints=(self.server.endpoint,), prefix=self.prefix)
        return kv.opening(Config(data_dir=self.root, key_value=config), "tests")

    def lose_keys(self) -> None:
        self.prefix = f"{uuid4()}/"

    def back_keys_up(self) -> None:
        async def back_up() -> list[tuple[str, bytes]]:
            async with self.keys() as store:
                page = await store.range("datamanager/")
                return [(entry.key, entry.value) for entry in page.entries]

        self.dump = self.run(back_up())

    def restore_keys(self) -> None:
        async def restore() -> None:
            async with self.keys() as store:
                await store.txn([], [Put(key, value) for key, value in self.dump])

        self.lose_keys()
        self.run(restore())


def test_the_datamanager_equals_a_dict_over_etcd_too(etcd_server: EtcdServer) -> None:
    OverEtcd.server = etcd_server
    run_state_machine_as_test(OverEtcd, settings=_settings(max_examples=15))
