"""The driver port: where tasks run."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol, TypeAlias

from agola.model.run_config import Arch, Container, TaskID

Output: TypeAlias = Callable[[bytes], None]
"""Takes what a command writes, as it comes: standard output and error in one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSpec:
    """What a task runs in."""

    task_id: TaskID
    containers: tuple[Container, ...] = ()
    user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program to run in a pod."""

    argv: tuple[str, ...]
    script: str | None = None
    """Text for a file that only the pod's user can read.  Its path becomes the last argument."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Wins over what the driver sets by itself: PATH, HOME, USER, LANG, TERM and TMPDIR."""
    directory: str = "~"
    tty: bool = False
    """Output goes to a terminal of 80 columns and 24 lines, byte for byte."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a command ended: with a code, or by a signal such as `SIGKILL`."""

    code: int | None = None
    signal: str = ""

    @property
    def success(self) -> bool:
        return self.code == 0


class FileKind(Enum):
    """The kinds of files that archives hold."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of a pod, by its path below the directory that was searched."""

    path: str
    kind: FileKind


@dataclass(frozen=True, slots=True)
class Member:
    """A file to pack: its absolute path in the pod, and its name in the archive."""

    source: str
    name: str


class Pod(Protocol):
    """A place for one task: its processes and its files.

    Paths are absolute, or begin with `~`, the home directory of the pod's user.
    """

    @property
    def description(self) -> tuple[str, ...]:
        """What was prepared and what the spec asked for in vain, in sentences for people."""

    def resolve(self, path: str, *, base: str = "~") -> str:
        """Give the absolute path: `~` expanded, relative ones below *base*."""

    async def make_directory(self, path: str) -> None:
        """Make a directory and those above it.  One that is there already is fine."""

    async def execute(self, command: Command, output: Output) -> Exit:
        """Run a command to its end, standard input empty, nothing inherited from the executor.

        All that the command itself wrote has gone to *output* when it returns.  Processes that it
        leaves behind run on, and what they write later goes nowhere.  What *output* raises ends
        the command and is raised.  When cancelled, the whole pod is stopped: see `stop`.
        PreconditionError: `COMMAND_CANNOT_START`.  InternalError: `POD_LOST`.
        """

    async def find(self, directory: str) -> Sequence[FileEntry]:
        """List everything below a directory, sorted by path; links are not followed.

        Other kinds of files are left out.  PreconditionError: `DIRECTORY_DOES_NOT_EXIST`.
        """

    async def pack(self, members: Sequence[Member], archive: Path) -> None:
        """Write a tar file on the executor: contents, modes, times and links; directories empty.

        PreconditionError: `FILE_UNREADABLE`.
        """

    async def unpack(self, archive: Path, directory: str) -> None:
        """Put the members of a tar file below a directory, which is made if it is not there.

        Directories merge with those that are there.  Nothing is overwritten, and no link is
        followed.  PreconditionError: `FILE_EXISTS`, `ARCHIVE_REFUSED` (a name leads outside).
        """

    def directory(self, path: str) -> AbstractAsyncContextManager[Path]:
        """Give a directory of the executor's whose content is at *path* when the block ends."""

    async def stop(self) -> None:
        """End every process of the pod: politely, then, after a grace time, by force.

        No process is left when it returns, whatever it did to get away.
        """

    async def kill(self) -> None:
        """End every process of the pod by force.  None is left when it returns."""

    async def remove(self) -> None:
        """End every process of the pod by force and delete its files.  May be repeated."""


class Driver(Protocol):
    """Makes pods."""

    @property
    def name(self) -> str:
        """The word for it in an executor's registration."""

    @property
    def archs(self) -> tuple[Arch, ...]:
        """The architectures that it can run."""

    async def create(self, spec: PodSpec) -> Pod:
        """Make a pod.  PreconditionError: `POD_REFUSED`.  InternalError: `POD_FAILED`."""

    async def remove_leftovers(self) -> Sequence[TaskID]:
        """Remove every pod that this executor made in an earlier life.

        To be called before the first is made.  Gives the tasks that they belonged to.
        """
