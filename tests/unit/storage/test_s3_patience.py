"""agola.storage.objects.s3.patience."""

from datetime import UTC, datetime

import pytest

from agola.storage.objects.s3.patience import Patience


class HandClock:
    """Time passes when the test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def patience(clock: HandClock) -> Patience:
    return Patience(4, clock)


def test_a_server_is_asked_again_for_a_while(clock: HandClock, patience: Patience) -> None:
    answers = []
    for _ in range(4):
        answers.append(patience.failed())
        clock.seconds += 2
    assert answers == [True, True, False, False]


def test_an_answer_makes_patient_again(clock: HandClock, patience: Patience) -> None:
    assert patience.failed()
    clock.seconds += 10
    assert not patience.failed()
    patience.answered()
    assert patience.failed()


def test_an_outage_of_long_ago_is_forgotten(clock: HandClock, patience: Patience) -> None:
    assert patience.failed()
    clock.seconds += 3600
    assert patience.failed()
