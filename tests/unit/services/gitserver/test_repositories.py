"""Where repositories are on the disk, and who may look."""

import os
from pathlib import Path

from agola.services.gitserver.store.git import Git
from agola.services.gitserver.store.repositories import DiskRepositories
from tests.unit.services.gitserver.conftest import ALICE, MAX_PUSH_BYTES, PATH


def others(folder: Path) -> int:
    """Say what anybody but the owner may do."""
    return folder.stat().st_mode & 0o077


async def test_nobody_else_may_look_into_the_folders_of_repositories(tmp_path: Path) -> None:
    root = tmp_path / "gitserver"
    before = os.umask(0o022)
    try:
        for folder in (root, root / "repositories", root / "repositories" / ALICE):
            folder.mkdir()  # as earlier versions made them
        repositories = DiskRepositories(root, Git(max_push_bytes=MAX_PUSH_BYTES))
        await repositories.prepare()
        await repositories.create(PATH)
    finally:
        os.umask(before)
    made = repositories.folder(PATH)
    assert made.is_relative_to(root / "repositories" / ALICE)
    for folder in (root, root / "tmp", root / "repositories", made.parent, made):
        assert others(folder) == 0, folder
