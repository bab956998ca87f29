"""A real file system that is soon full: `pytest_plugins = ["tests.testbed.small_disk"]`."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB, or of the size that the test gives as its parameter."""
    disk = tmp_path / "disk"
    disk.mkdir()
    size = f"size={getattr(request, 'param', '256k')}"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "agola-test", str(disk)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("mounting a tmpfs needs CAP_SYS_ADMIN")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)
