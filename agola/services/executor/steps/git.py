"""Running git for a clone: on the executor, as itself, with nobody's configuration."""

import asyncio
import base64
import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from agola.core.errors import PreconditionError
from agola.model.run_config import GitSource

READ_BYTES = 65536
INHERITED = ("PATH", "http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY")
"""What git takes from the executor: where programs are, and how to get out."""

ALONE = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
    "GIT_ADVICE": "0",
    "HOME": "/nonexistent",
    "LANG": "C.UTF-8",
}


class Git:
    """Runs git in one directory."""

    def __init__(self, directory: Path, *, output: Callable[[bytes], None], mark: str) -> None:
        self._directory = directory
        self._output = output
        self._mark = mark

    async def __call__(self, *arguments: str, credential: Mapping[str, str] | None = None) -> None:
        """Run a git command to its end.  PreconditionError: `GIT_FAILED`."""
        code = await self._run(arguments, credential or {})
        if code != 0:
            message = f"git {arguments[0]} failed with code {code}"
            raise PreconditionError(message, reason="GIT_FAILED", command=arguments[0])

    async def succeeds(self, *arguments: str) -> bool:
        """Say whether a git command succeeds."""
        return await self._run(arguments, {}, quiet=True) == 0

    async def _run(
        self, arguments: tuple[str, ...], credential: Mapping[str, str], *, quiet: bool = False
    ) -> int:
        process = await self._start(arguments, credential)
        try:
            await self._copy(process, quiet=quiet)
            return await process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def _start(
        self, arguments: tuple[str, ...], credential: Mapping[str, str]
    ) -> asyncio.subprocess.Process:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        if (program := shutil.which("git")) is None:
            message = "git is not installed on the executor"
            raise PreconditionError(message, reason="GIT_MISSING")
        return await asyncio.create_subprocess_exec(
            *(program, *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self._directory,
            env={**inherited, **ALONE, **credential, "AGOLA_EXECUTOR_ID": self._mark},
            start_new_session=True,
        )

    async def _copy(self, process: asyncio.subprocess.Process, *, quiet: bool) -> None:
        if process.stdout is not None:
            while data := await process.stdout.read(READ_BYTES):
                if not quiet:
                    self._output(data)


def without_credential(url: str) -> str:
    """Take the user and the password out of a URL."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def credential_of(source: GitSource) -> dict[str, str]:
    """Make the environment that lets git in: for this URL only, and never on a command line."""
    if not source.password:
        return {}
    pair = base64.b64encode(f"{source.username}:{source.password}".encode()).decode()
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{without_credential(source.url)}.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {pair}",
    }
