"""A datamanager on the real embedded key-value store and real files."""

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agola.datamanager.limits import Limits
from agola.datamanager.store import StoredDataManager, opening
from agola.storage.kv import embedded
from agola.storage.kv.port import KeyValue
from agola.storage.objects.port import ObjectStorage
from agola.storage.objects.posix import opening_posix

NEVER = Limits(checkpoint_wals=1_000_000)
"""Checkpoints only when asked for."""


class House:
    """One installation's storage in a directory, which one process at a time may open."""

    def __init__(self, root: Path, base: str = "base/path") -> None:
        self.root = root
        self.base = base
        self.objects_root = root / "objects"

    @asynccontextmanager
    async def storage(self) -> AsyncGenerator[tuple[KeyValue, ObjectStorage], None]:
        async with (
            embedded.opening(self.root / "kv.db") as kv,
            opening_posix(self.objects_root) as objects,
        ):
            yield kv, objects

    @asynccontextmanager
    async def opening(self, limits: Limits = NEVER) -> AsyncGenerator[StoredDataManager, None]:
        async with (
            self.storage() as (kv, objects),
            opening(kv, objects, self.base, limits=limits) as store,
        ):
            yield store

    def lose_key_value(self) -> None:
        """Lose the key-value store wholly."""
        for file in self.root.glob("kv.db*"):
            file.unlink()

    def copy_key_value(self) -> Path:
        """Back the key-value store up, which nobody may have open."""
        backup = self.root / "backup"
        shutil.rmtree(backup, ignore_errors=True)
        backup.mkdir()
        for file in self.root.glob("kv.db*"):
            shutil.copy(file, backup)
        return backup

    def restore_key_value(self, backup: Path) -> None:
        """Put the key-value store back to what it was then."""
        self.lose_key_value()
        for file in backup.iterdir():
            shutil.copy(file, self.root)

    def files(self, folder: str) -> list[Path]:
        """List the object files below a folder of the base."""
        root = self.objects_root / "data" / self.base / folder
        return sorted(path for path in root.rglob("*") if path.is_file())


@pytest.fixture(params=["", "base/path"])
def house(tmp_path: Path, request: pytest.FixtureRequest) -> House:
    return House(tmp_path, request.param)
