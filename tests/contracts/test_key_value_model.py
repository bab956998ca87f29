"""Every key-value driver against the simplest store that keeps its promises: many dicts."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agola.config.model import Config, EtcdKeyValue
from agola.storage.kv import opening
from agola.storage.kv.port import (
    Change,
    Changes,
    Compare,
    Delete,
    Entry,
    KeyValue,
    Operation,
    Page,
    Put,
    Revision,
)
from tests.testbed.etcd_process import EtcdServer

pytest_plugins = ["tests.testbed.etcd"]

NAMES = ["a", "a/", "a/b", "a/c", "b", "ß/", "ß/\U0001f600"]
State = dict[str, Entry]


@dataclass(frozen=True)
class Step:
    """A transaction to try: its compares hold now, or held so many steps ago."""

    compared: Sequence[str]
    staleness: int
    success: Sequence[Operation]
    failure: Sequence[Operation]


@dataclass(frozen=True)
class View:
    """What to look at afterwards; *back* is how many revisions ago."""

    prefix: str
    after: str
    limit: int
    back: int


@dataclass
class Model:
    """All states that the store had, by revision."""

    first: Revision
    states: dict[Revision, State] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.states[self.first] = {}

    @property
    def newest(self) -> Revision:
        return max(self.states)

    def compares(self, step: Step) -> list[Compare]:
        past = max(self.first, self.newest - step.staleness)
        state = self.states[Revision(past)]
        return [
            Compare(key, state[key].mod_revision if key in state else Revision(0))
            for key in step.compared
        ]

    def txn(self, compares: Sequence[Compare], step: Step) -> bool:
        state = self.states[self.newest]
        holds = all(
            (state[c.key].mod_revision if c.key in state else 0) == c.mod_revision for c in compares
        )
        after = self._apply(step.success if holds else step.failure, state)
        if after is not None:
            self.states[Revision(self.newest + 1)] = after
        return holds

    def _apply(self, operations: Sequence[Operation], before: State) -> State | None:
        state, revision, wrote = dict(before), Revision(self.newest + 1), False
        for operation in operations:
            if isinstance(operation, Put):
                fresh = Entry(
                    key=operation.key,
                    value=b"",
                    create_revision=revision,
                    mod_revision=revision,
                    version=0,
                )
                old = state.get(operation.key, fresh)
                state[operation.key] = replace(
                    old, value=operation.value, mod_revision=revision, version=old.version + 1
                )
                wrote = True
                continue
            for key in list(state):
                if key == operation.key or (operation.prefix and key.startswith(operation.key)):
                    del state[key]
                    wrote = True
        return state if wrote else None

    def page(self, prefix: str, after: str, limit: int, revision: Revision) -> Page:
        found = [
            entry
            for key, entry in sorted(self.states[revision].items())
            if key.startswith(prefix) and key > after
        ]
        return Page(tuple(found[:limit] if limit else found), revision, 0 < limit < len(found))

    def told(self, prefix: str, after: Revision) -> list[Changes]:
        everything = []
        for revision in range(after + 1, self.newest + 1):
            old, new = self.states[Revision(revision - 1)], self.states[Revision(revision)]
            changes = tuple(
                Change(key, new.get(key), old.get(key))
                for key in sorted(old.keys() | new.keys())
                if key.startswith(prefix) and old.get(key) != new.get(key)
            )
            if changes:
                everything.append(Changes(Revision(revision), changes))
        return everything


def without_overlap(chosen: Sequence[Operation]) -> list[Operation]:
    kept: list[Operation] = []
    for operation in chosen:
        if not any(overlap(operation, other) or overlap(other, operation) for other in kept):
            kept.append(operation)
    return kept


def overlap(one: Operation, other: Operation) -> bool:
    if isinstance(one, Delete) and one.prefix:
        return other.key.startswith(one.key)
    return one.key == other.key


operations = st.lists(
    st.builds(Put, st.sampled_from(NAMES), st.binary(max_size=3))
    | st.builds(Delete, st.sampled_from(NAMES), st.booleans()),
    max_size=4,
).map(without_overlap)
steps = st.builds(
    Step,
    st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
    st.integers(0, 3),
    operations,
    operations,
)
prefixes = st.sampled_from(["", *NAMES])
views = st.builds(View, prefixes, prefixes, st.integers(0, 3), st.integers(0, 8))


@pytest.fixture(params=["embedded", "etcd"])
async def stores(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncGenerator[AsyncGenerator[KeyValue, None], None]:
    """Stores that hold nothing, one after the other."""

    async def fresh() -> AsyncGenerator[KeyValue, None]:
        for number in count():
            config = Config(data_dir=tmp_path)
            if request.param == "etcd":
                server: EtcdServer = request.getfixturevalue("etcd_server")
                driver = EtcdKeyValue(endpoints=(server.endpoint,), prefix=f"{uuid4()}/")
                config = Config(key_value=driver)
            async with opening(config, f"example-{number}") as store:
                yield store

    async with aclosing(fresh()) as generator:
        yield generator


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(tried=st.lists(steps, max_size=8), view=views)
async def test_a_driver_agrees_with_a_dict(
    stores: AsyncGenerator[KeyValue, None], tried: list[Step], view: View
) -> None:
    prefix, after, limit = view.prefix, view.after, view.limit
    store = await anext(stores)
    model = Model((await store.range("")).revision)
    async with aclosing(store.watch(prefix, after=model.first, previous=True)) as live:
        for step in tried:
            compares = model.compares(step)
            outcome = await store.txn(compares, step.success, step.failure)
            assert outcome.succeeded == model.txn(compares, step)
            assert outcome.revision == model.newest
        past = Revision(max(model.first, model.newest - view.back))
        assert await store.range(prefix, after=after, limit=limit) == model.page(
            prefix, after, limit, model.newest
        )
        assert await store.range(prefix, after=after, limit=limit, revision=past) == model.page(
            prefix, after, limit, past
        )
        for name in NAMES:
            assert await store.get(name) == model.states[model.newest].get(name)
        assert await first_told(live, model.told(prefix, model.first)) == []
    async with aclosing(store.watch(prefix, after=past, previous=True)) as resumed:
        assert await first_told(resumed, model.told(prefix, past)) == []


async def first_told(
    stream: AsyncGenerator[Changes, None], expected: list[Changes]
) -> list[Changes]:
    """Read as much as is expected; give what differs."""
    differences = []
    async with asyncio.timeout(10):
        for wanted in expected:
            async for told in stream:
                if told.changes:
                    break
            by_key = tuple(sorted(told.changes, key=lambda change: change.key))
            if Changes(told.revision, by_key) != wanted:
                differences.append(told)
    return differences
