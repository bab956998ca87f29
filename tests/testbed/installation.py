"""An installation of our own: `agola serve` as a process, and its command line."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import pytest

AGOLA = str(Path(sys.executable).parent / "agola")
READY = " is ready"
ONCE = "shown only this once: "
EMPTY: Mapping[str, str] = MappingProxyType({})


@dataclass
class Installation:
    """One `agola serve`, that can be killed and started again with its data."""

    directory: Path
    listen: str
    arguments: tuple[str, ...] = ()
    token: str = ""
    process: subprocess.Popen[str] | None = field(default=None, init=False)

    @property
    def data_dir(self) -> Path:
        return self.directory / "data"

    @property
    def environment(self) -> dict[str, str]:
        """What a user of this installation has in his environment, and nothing else."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory / "home"),
            "AGOLA_GATEWAY_URL": self.listen,
            "AGOLA_TOKEN": self.token,
            "GIT_CONFIG_NOSYSTEM": "1",
        }

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    def start(self) -> None:
        """Start it, and wait until it says that it is ready."""
        (self.directory / "home").mkdir(exist_ok=True)
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [
                    AGOLA,
                    "serve",
                    "--data-dir",
                    str(self.data_dir),
                    "--listen",
                    self.listen,
                    *self.arguments,
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self.environment,
            )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if ONCE in line:
                self.token = line.rpartition(ONCE)[2].strip()
            if READY in line:
                return
        pytest.fail(f"agola serve did not start:\n{self.log.read_text()[-4000:]}")

    def kill(self) -> None:
        """End it without a warning, as a power cut does."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end, and give its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(number)
        code = self.process.wait(timeout=60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None
        return code

    def agola(
        self, *arguments: str, cwd: Path | None = None, env: Mapping[str, str] = EMPTY
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as a user would, to its end."""
        return subprocess.run(
            [AGOLA, *arguments],
            cwd=cwd or self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
            env=self.environment | dict(env),
        )

    def start_agola(self, *arguments: str, cwd: Path) -> subprocess.Popen[bytes]:
        """Start a command that goes on while the test does."""
        return subprocess.Popen(
            [AGOLA, *arguments],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
        )


@contextmanager
def installation(directory: Path, *arguments: str) -> Generator[Installation, None, None]:
    """Run an installation for as long as the block runs."""
    one = Installation(directory, f"127.0.0.1:{free_port_pair()}", arguments)
    one.start()
    try:
        yield one
    finally:
        one.stop()


def free_port_pair() -> int:
    """Find a port that nobody listens on, whose neighbour is free too: git's is the next one."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


def git(*arguments: str, cwd: Path) -> str:
    """Run git without anybody's configuration."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(cwd),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@example.com",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.com",
    }
    done = subprocess.run(
        ["git", *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def repository(directory: Path, definition: str, **files: str) -> Path:
    """Make a git repository with one commit: a run definition and perhaps other files."""
    (directory / ".agola").mkdir(parents=True)
    (directory / ".agola" / "config.yml").write_text(definition)
    for name, text in files.items():
        (directory / name).write_text(text)
    git("init", "--quiet", "--initial-branch", "main", cwd=directory)
    git("add", "--all", cwd=directory)
    git("commit", "--quiet", "--message", "First", cwd=directory)
    return directory
