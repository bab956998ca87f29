"""A real PostgreSQL: Debian's, in a folder of its own, on a socket in there."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import IO, NoReturn

import pytest

INITDB_OPTIONS = (
    *("--username=agola", "--auth=trust", "--encoding=UTF8", "--no-sync"),
    *("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en"),
)
OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "50",
    "shared_buffers": "32MB",
    "log_min_messages": "warning",
}


@contextmanager
def serving_postgres() -> Iterator["PostgresServer"]:
    """Run a server on new data in a folder of its own."""
    binaries = _binaries()
    with tempfile.TemporaryDirectory(prefix="agola-pg-") as name:
        folder = Path(name)
        if _user():
            shutil.chown(folder, _user())
        _run([binaries / "initdb", "-D", folder / "data", *INITDB_OPTIONS])
        server = PostgresServer(binaries / "postgres", folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()


class PostgresServer:
    """A server, its data and its socket in a folder."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.dsn = f"host={folder} user=agola dbname=postgres"
        self._command: list[str | Path] = [program, "-D", folder / "data"]
        for name, value in (OPTIONS | {"unix_socket_directories": str(folder)}).items():
            self._command += ["-c", f"{name}={value}"]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(
            _as_user(self._command), stderr=subprocess.PIPE, text=True, cwd="/"
        )
        assert self._process.stderr
        _wait_until_ready(self._process.stderr)

    def stop(self) -> None:
        """Break all connections off and stop it, if it runs."""
        if self._process:
            self._process.send_signal(signal.SIGINT)
            self._process.communicate(timeout=30)
            self._process = None


def _binaries() -> Path:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name)
    on_path = shutil.which("initdb")
    candidates = [*reversed(debian), *([Path(on_path).parent] if on_path else [])]
    found = next((path for path in candidates if (path / "postgres").exists()), None)
    return found or _missing()


def _missing() -> NoReturn:
    reason = "needs the Debian package postgresql"
    if os.environ.get("CI") or os.environ.get("AGOLA_REQUIRE_SERVICES"):
        pytest.fail(reason)
    pytest.skip(reason)


def _user() -> str:
    """Say as whom the server runs: it refuses to be root.  Empty: as ourselves."""
    return "postgres" if os.geteuid() == 0 else ""


def _as_user(command: list[str | Path]) -> list[str]:
    """Prefix *command*, so that it runs as another user if need be, and dies when we do."""
    prefix = ["setpriv", "--pdeathsig", "INT"]
    if user := _user():
        group = str(pwd.getpwnam(user).pw_gid)
        prefix += ["--reuid", user, "--regid", group, "--clear-groups"]
    return [*prefix, *map(str, command)]


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(_as_user(command), check=False, capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stderr


def _wait_until_ready(log: IO[str]) -> None:
    lines = []
    for line in log:
        lines.append(line)
        if "ready to accept connections" in line:
            Thread(target=log.read, daemon=True).start()  # the rest must not fill the pipe
            return
    pytest.fail("PostgreSQL does not start:\n" + "".join(lines))
