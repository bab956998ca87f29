"""Running git."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agola.core.errors import InternalError, PreconditionError

_QUIET = (
    *("-c", "core.fsmonitor=false"),  # would start a daemon
    *("-c", "advice.addEmbeddedRepo=false"),
    *("-c", "core.safecrlf=false"),
    *("-c", "core.looseCompression=0"),  # these objects live for seconds
    *("-c", "pack.compression=1"),
)
_TAIL_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Git:
    """git in one directory and environment."""

    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def with_environment(self, environment: Mapping[str, str]) -> "Git":
        return Git(self.directory, {**self.environment, **environment})

    async def output(self, *args: str, stdin: bytes = b"") -> bytes:
        """Give the output of a command.  PreconditionError: GIT_FAILED."""
        code, out, err = await self.tried(*args, stdin=stdin)
        if code:
            raise failure(args, err)
        return out

    async def line(self, *args: str, stdin: bytes = b"") -> str:
        """Give the output of a command as a text without its last line break."""
        out = await self.output(*args, stdin=stdin)
        return os.fsdecode(out).removesuffix("\n")

    async def tried(self, *args: str, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
        """Give exit code, output and errors of a command that may fail."""
        process = await self._started(args)
        try:
            out, err = await process.communicate(stdin)
        finally:
            await _ended(process)
        return process.returncode or 0, out, err

    async def shown(self, *args: str, show: bool) -> None:
        """Run a command, its progress shown on the standard error if *show* says so."""
        process = await self._started(args)
        if process.stdin is None or process.stderr is None:
            raise InternalError("git has no pipes", reason="GIT_FAILED")
        process.stdin.close()
        tail = b""
        try:
            while chunk := await process.stderr.read(4096):
                tail = (tail + chunk)[-_TAIL_BYTES:]
                if show:
                    os.write(2, chunk)
            code = await process.wait()
        finally:
            await _ended(process)
        if code:
            raise failure(args, tail)

    async def _started(self, args: Sequence[str]) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                "git",
                *_QUIET,
                *args,
                cwd=self.directory,
                env={**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", **self.environment},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except FileNotFoundError as error:
            missing = "git is not installed" if self.directory.is_dir() else "no such directory"
            raise PreconditionError(missing, reason="GIT_NOT_FOUND") from error


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Leave no process behind, whatever happened."""
    if process.returncode is None:
        process.kill()
        await process.wait()


def failure(args: Sequence[str], err: bytes) -> PreconditionError:
    """Make an error of what git says: the line that tells most."""
    lines = [line.strip() for line in os.fsdecode(err).replace("\r", "\n").splitlines()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "! ", "remote:"))]
    said = (telling or [line for line in lines if line] or ["no reason given"])[0]
    command = next((arg for arg in args if not arg.startswith("-") and "=" not in arg), "")
    return PreconditionError(
        f"git {command} failed: {said}", reason="GIT_FAILED", command=command, output=said
    )
