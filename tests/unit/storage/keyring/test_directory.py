"""agola.storage.keyring.directory."""

import asyncio
import multiprocessing
from pathlib import Path

import pytest

from agola.core.errors import InternalError
from agola.core.keyring import Place
from agola.storage.keyring.directory import KeyDirectory

HERE = Place("secret", "id", "value")


async def test_looking_makes_nothing(tmp_path: Path) -> None:
    keys = KeyDirectory(tmp_path / "keys")
    assert not keys.ids()
    assert keys.find("k1") is None
    with pytest.raises(InternalError) as caught:
        keys.current()
    assert caught.value.reason == "ENCRYPTION_KEY_MISSING"
    assert not (tmp_path / "keys").exists()


async def test_a_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    keys = KeyDirectory(tmp_path / "keys")
    key = await keys.make(instead_of="")
    assert (await keys.make(instead_of="")) is key
    assert keys.current() is key
    assert [path.name for path in (tmp_path / "keys").iterdir()] == [f"{key.id}.key"]
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "keys" / f"{key.id}.key").stat().st_mode & 0o777 == 0o600


async def test_a_new_key_takes_the_place_of_the_one_that_is_named(tmp_path: Path) -> None:
    keys = KeyDirectory(tmp_path)
    first = await keys.make(instead_of="")
    second = await keys.make(instead_of=first.id)
    assert (await keys.make(instead_of=first.id)) is second
    assert keys.current() is second
    assert keys.find(first.id) is first


async def test_the_tenth_key_is_newer_than_the_ninth(tmp_path: Path) -> None:
    keys = KeyDirectory(tmp_path)
    key = await keys.make(instead_of="")
    for _ in range(10):
        key = await keys.make(instead_of=key.id)
    assert key.id.startswith("k11-")
    assert KeyDirectory(tmp_path).current().id == key.id


async def test_every_process_follows_at_once(tmp_path: Path) -> None:
    one, other = KeyDirectory(tmp_path), KeyDirectory(tmp_path)
    first = await one.make(instead_of="")
    assert other.current().id == first.id
    second = await one.make(instead_of=first.id)
    assert other.current().id == second.id
    assert other.current().open(second.seal("text", HERE), HERE) == "text"
    await one.remove(first.id)
    assert other.find(first.id) is None
    assert list(other.ids()) == [second.id]


def _first(path: Path, barrier: "multiprocessing.synchronize.Barrier") -> str:
    barrier.wait()
    return asyncio.run(KeyDirectory(path).make(instead_of="")).id


def _report(
    path: Path,
    barrier: "multiprocessing.synchronize.Barrier",
    answers: "multiprocessing.Queue[str]",
) -> None:
    answers.put(_first(path, barrier))


def test_of_processes_that_start_at_the_same_time_one_makes_the_key(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    barrier, answers = spawn.Barrier(4), spawn.Queue()
    processes = [
        spawn.Process(target=_report, args=(tmp_path / "keys", barrier, answers)) for _ in range(4)
    ]
    for process in processes:
        process.start()
    assert len({answers.get(timeout=60) for _ in processes}) == 1
    for process in processes:
        process.join(60)
    assert len(list((tmp_path / "keys").iterdir())) == 1


async def test_a_crash_while_a_key_is_made_leaves_no_key(tmp_path: Path) -> None:
    left = tmp_path / "k1-00000000.new"
    left.write_text("half")
    keys = KeyDirectory(tmp_path)
    assert not keys.ids()
    await keys.make(instead_of="")
    assert not left.exists()


async def test_a_key_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    key = await KeyDirectory(tmp_path).make(instead_of="")
    (tmp_path / f"{key.id}.key").chmod(0o604)
    with pytest.raises(InternalError) as caught:
        KeyDirectory(tmp_path)
    assert caught.value.reason == "ENCRYPTION_KEY_UNREADABLE"
    assert "chmod 600" in caught.value.message


async def test_a_key_that_the_group_can_read_is_taken_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = await KeyDirectory(tmp_path).make(instead_of="")
    (tmp_path / f"{key.id}.key").chmod(0o640)
    assert KeyDirectory(tmp_path).current().id == key.id
    assert "group" in caplog.text
