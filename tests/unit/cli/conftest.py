"""Real git repositories, and a real git server over HTTP, for the command line's tests."""

import base64
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own: no settings of whoever runs the tests, neither git's nor ours."""
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.startswith(("GIT_", "AGOLA_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return home


def git(directory: Path, *args: str) -> str:
    """Run git as a user would."""
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    done = subprocess.run(["git", *identity, *args], cwd=directory, check=True, capture_output=True)
    return os.fsdecode(done.stdout).strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit on `main`."""
    directory = tmp_path / "work"
    directory.mkdir()
    git(directory, "init", "-q", "-b", "main")
    (directory / "kept.txt").write_text("kept\n")
    (directory / "changed.txt").write_text("before\n")
    (directory / "removed.txt").write_text("removed\n")
    (directory / ".gitignore").write_text("*.ignored\n")
    git(directory, "add", ".")
    git(directory, "commit", "-q", "-m", "Say hello\n\nAt length.")
    return directory


@dataclass
class GitServer:
    """A bare repository behind HTTP with basic auth, and the requests that came."""

    url: str
    directory: Path
    authorizations: list[str] = field(default_factory=list)


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[GitServer]:
    """Serve an empty repository for the user `ada` with the token `secret-token`."""
    bare = tmp_path / "served.git"
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True)
    git(bare, "config", "http.receivepack", "true")
    with ThreadingHTTPServer(("127.0.0.1", 0), GitHandler) as server:
        served = GitServer(f"http://127.0.0.1:{server.server_port}/served.git", bare)
        GitHandler.served = served
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        server.shutdown()
        thread.join()


class GitHandler(BaseHTTPRequestHandler):
    """Lets `git http-backend` answer whoever has the token."""

    protocol_version = "HTTP/1.1"
    served: ClassVar[GitServer]
    expected = "Basic " + base64.b64encode(b"ada:secret-token").decode()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        given = self.headers.get("Authorization", "")
        self.served.authorizations.append(given)
        body = self._body()
        if given == self.expected:
            self._answer(200, *self._backend(body))
        else:
            self._answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")

    do_POST = do_GET  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _backend(self, body: bytes) -> tuple[dict[str, str], bytes]:
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.served.directory.parent),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_USER": "ada",
        }
        command = ["git", "http-backend"]
        done = subprocess.run(command, input=body, env=environment, check=True, capture_output=True)
        head, _, rest = done.stdout.partition(b"\r\n\r\n")
        lines = (line.split(": ", 1) for line in head.decode().splitlines())
        return {key: value for key, value in lines if key != "Status"}, rest

    def _answer(self, code: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(code)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
