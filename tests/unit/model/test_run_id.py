"""Ids of runs sort by creation, whatever there was before."""

from datetime import UTC, datetime, timedelta

import pytest

from agola.model.run_id import LENGTH, RunIds


class Clock:
    def __init__(self, now: datetime) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return 0.0


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_each_id_is_larger_than_those_before_also_when_the_clock_goes_back() -> None:
    clock = Clock(NOON)
    ids = RunIds(clock)
    made = [ids.next()]
    clock.time -= timedelta(days=1)
    made += [ids.next(), ids.next()]
    clock.time += timedelta(days=2)
    made.append(ids.next())
    assert made == sorted(set(made))
    assert {len(one) for one in made} == {LENGTH}


def test_ids_go_on_behind_the_largest_of_an_earlier_life() -> None:
    before = RunIds(Clock(NOON)).next()
    assert RunIds(Clock(NOON - timedelta(days=1)), after=before).next() > before


@pytest.mark.parametrize(
    "imported",
    [
        "0000001gt5s00-0000000000001",
        "0000001gt5s00-vvvvvvvvvvvvv",
        "000000vvvvvvv-vvvvvvvvvvvvv",
    ],
)
def test_ids_sort_behind_those_that_came_with_an_import(imported: str) -> None:
    early = datetime(1970, 1, 1, 0, 20, tzinfo=UTC)  # a clock that was never set
    for now in (early, NOON):
        assert RunIds(Clock(now), after=imported).next() > imported
