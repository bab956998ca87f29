"""Runs, run configs and numbers of the original are put together."""

from collections.abc import Callable

import msgspec
import pytest

from agola.core.errors import BadRequestError
from agola.maintenance.legacy import runservice
from tests.unit.maintenance.legacy.original import (
    PROJECT,
    USER,
    conversion,
    entry,
    export,
    run,
    run_config,
    run_id,
    task_config,
)
from tests.unit.maintenance.legacy.reading import ID, A, Entries, converted, of, refusal


async def test_runs_are_joined_with_their_configs_in_the_order_of_ids() -> None:
    ids = [run_id(number) for number in range(1, 50)]
    entries = [run(id_, counter=number) for number, id_ in enumerate(ids, 1)]
    entries += [run_config(id_) for id_ in ids]
    objects, skipped = await conversion("runservice", export(entries))
    for data_type in ("run", "runconfig"):
        assert [stored.id for stored in of(objects, data_type)] == ids
    assert skipped == {}


async def test_runs_that_wait_may_be_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runservice, "SPOOLED_BYTES", 100)  # the others wait in a file
    await test_runs_are_joined_with_their_configs_in_the_order_of_ids()


async def test_the_config_of_a_run_that_had_not_ended_is_kept() -> None:
    runs, configs, numbers, skipped = await converted(run_config(ID, task_config(A, "a")))
    assert (list(runs), list(configs)) == ([], [ID])
    assert numbers == {f"project-{PROJECT}": 0}
    assert skipped == {}


async def test_runs_without_a_config_are_counted() -> None:
    entries = [run(run_id(number)) for number in (1, 2, 3, 4)]
    runs, _, _, skipped = await converted(*entries, run_config(run_id(3)))
    assert list(runs) == [run_id(3)]
    assert skipped == {"run": 3}


def _counter(id_: str, number: object) -> bytes:
    return entry("runcounter", id_, number)


async def test_numbers_go_on_where_they_were() -> None:
    mine = f"/user/{USER}/branch/main"
    _, _, numbers, skipped = await converted(
        run(ID, counter=3),
        run(run_id(2), counter=1, group=mine),
        run_config(ID),
        run_config(run_id(2), group=mine),
        counters=_counter(USER, 9) + _counter(PROJECT, 4),
    )
    assert numbers == {f"project-{PROJECT}": 4, f"user-{USER}": 9}
    assert skipped == {}


async def test_no_number_is_given_twice_if_the_counter_is_lost_or_behind() -> None:
    pair = [run(ID, counter=7), run_config(ID)]
    _, _, numbers, _ = await converted(*pair)
    assert numbers == {f"project-{PROJECT}": 7}
    _, _, numbers, _ = await converted(*pair, counters=_counter(PROJECT, 6))
    assert numbers == {f"project-{PROJECT}": 7}


async def test_a_counter_of_no_run_is_counted() -> None:
    _, _, numbers, skipped = await converted(run_config(ID), counters=_counter(USER, 1))
    assert numbers == {f"project-{PROJECT}": 0}
    assert skipped == {"runcounter": 1}


@pytest.mark.parametrize("make", [run, run_config])
@pytest.mark.parametrize(
    "id_",
    [
        "1",
        "01kb0000000000000000000000",
        ID.replace("1", "V"),
        ID.replace("1", "w"),
        ID.replace("-", "_"),
        ID + "0",
        run_id(1, epoch=32**7),
    ],
)
async def test_only_ids_as_the_original_makes_them_are_taken(
    make: Callable[[str], Entries], id_: str
) -> None:
    assert "not that of a run" in (await refusal(make(id_))).message


async def test_a_run_under_the_id_of_another_is_refused() -> None:
    for data_type, document in (run(ID), run_config(ID)):
        with pytest.raises(BadRequestError, match="says that its id is"):
            await conversion("runservice", entry(data_type, run_id(2), document))


@pytest.mark.parametrize("number", [-1, 2**63, "7", None, {}, 1.5])
async def test_a_counter_that_is_no_number_is_refused(number: object) -> None:
    error = await refusal(run_config(ID), counters=_counter(PROJECT, number))
    assert error.metadata == {"entry": "2", "type": "runcounter", "id": PROJECT}


async def test_runs_behind_their_configs_are_refused() -> None:
    stream = export([run_config(ID), run(ID)])
    with pytest.raises(BadRequestError, match="behind the run configs"):
        await conversion("runservice", stream)


async def test_what_is_of_another_service_is_refused() -> None:
    error = await refusal(("user", {"id": USER, "name": "alice"}))
    assert "not of a runservice" in error.message


@pytest.mark.parametrize("document", [b"[]", b"{", b"\xff", b'{"name":"\xff"}', b"[" * 100_000])
async def test_a_document_that_is_none_is_refused(document: bytes) -> None:
    stream = entry("run", ID, 1).replace(b"MQ==", _base64(document))
    with pytest.raises(BadRequestError, match="entry 1"):
        await conversion("runservice", stream)


def _base64(data: bytes) -> bytes:
    return msgspec.json.encode(data).strip(b'"')
