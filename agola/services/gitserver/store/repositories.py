"""Bare repositories as directories: `repositories/<user id>/<uuid>.git`."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from agola.model.repository import RepositoryPath
from agola.services.gitserver.store.git import Git
from agola.storage.objects.file_folder import make_folder, sync_folder

PRIVATE = 0o700


class DiskRepositories:
    """`Repositories` below one directory, which is nobody else's business."""

    def __init__(self, root: Path, git: Git) -> None:
        self._root = root
        self._repositories = root / "repositories"
        self._temporary = root / "tmp"
        self._git = git

    async def prepare(self) -> None:
        """Make the directories, and remove what a crash left half made.  Once, at the start."""
        await asyncio.to_thread(self._prepare)

    def folder(self, path: RepositoryPath) -> Path:
        """Say where the repository is, or would be."""
        return self._repositories / path.user_id / f"{path.uuid}.git"

    async def exists(self, path: RepositoryPath) -> bool:
        return self.folder(path).is_dir()  # a lookup of microseconds: not worth a thread

    async def create(self, path: RepositoryPath) -> None:
        if await self.exists(path):
            return
        with tempfile.TemporaryDirectory(dir=self._temporary) as name:
            made = Path(name) / "made.git"
            await self._git.output(
                "init", "--quiet", "--bare", "--template=", "--initial-branch=main", made
            )
            await asyncio.to_thread(_move, made, self.folder(path))

    def _prepare(self) -> None:
        shutil.rmtree(self._temporary, ignore_errors=True)
        for folder in (self._root, self._repositories, self._temporary):
            _make_private(folder)


def _make_private(folder: Path) -> None:
    """Make a folder; one that is there already, from before, is closed to others as well."""
    make_folder(folder)
    folder.chmod(PRIVATE)


def _move(made: Path, folder: Path) -> None:
    """Put the repository in its place, unless another push was faster."""
    _make_private(folder.parent)
    made.chmod(PRIVATE)
    try:
        made.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
    sync_folder(folder.parent)
