"""`agola login` checks a token before it remembers it."""

import asyncio
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from agola.cli import credentials, exits
from agola.cli.main import main
from agola.rpc.auth import InternalToken
from agola.rpc.server import Mount, serving
from generated.agola.gateway.v1 import auth_service_pb2 as pb
from generated.agola.gateway.v1 import user_pb2
from generated.agola.gateway.v1.auth_service_pb2_grpc import (
    AuthServiceServicer,
    add_AuthServiceServicer_to_server,
)
from tests.unit.cli.conftest import GitServer

TOKEN = "a-token-that-is-right"
Context = grpc.aio.ServicerContext[Any, Any]


class Ada(AuthServiceServicer):
    """Takes everybody whose token is right for Ada."""

    async def GetCurrentUser(
        self, request: pb.GetCurrentUserRequest, context: Context
    ) -> pb.GetCurrentUserResponse:
        return pb.GetCurrentUserResponse(user=user_pb2.User(id="1", name="ada"))

    async def GetServerInfo(
        self, request: pb.GetServerInfoRequest, context: Context
    ) -> pb.GetServerInfoResponse:
        return pb.GetServerInfoResponse(version="9.8.7")


@contextmanager
def gateway() -> Iterator[str]:
    """Serve in a thread, since commands run loops of their own."""
    loop, stop, ready = asyncio.new_event_loop(), asyncio.Event(), threading.Event()
    addresses: list[str] = []

    async def serve() -> None:
        mount = Mount(
            "agola.gateway.v1.AuthService",
            lambda server: add_AuthServiceServicer_to_server(Ada(), server),
        )
        async with serving(
            [mount], address="127.0.0.1:0", authenticate=InternalToken(TOKEN), drain=0
        ) as address:
            addresses.append(address)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait()
    try:
        yield f"http://{addresses[0]}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def test_a_right_token_from_the_standard_input_is_remembered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with gateway() as url:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{TOKEN}\n"))
        assert main(["login", "--gateway-url", f"{url}/", "--token-stdin"]) == exits.OK
        assert capsys.readouterr().out == f"logged in at {url} as ada\n"
        assert credentials.load().tokens == {url: TOKEN}
        assert main(["version", "-o", "json"]) == exits.OK
        assert json.loads(capsys.readouterr().out)["server"] == "9.8.7"


def test_a_wrong_token_is_not_remembered(capsys: pytest.CaptureFixture[str]) -> None:
    with gateway() as url:
        assert main(["login", "--gateway-url", url, "--token", "wrong"]) == exits.REFUSED
    out, err = capsys.readouterr()
    assert not out
    assert "TOKEN_INVALID" in err
    assert not credentials.path().exists()


def test_a_server_of_another_kind_is_said_to_be_no_gateway(
    git_server: GitServer, capsys: pytest.CaptureFixture[str]
) -> None:
    url = git_server.url.removesuffix("/served.git")
    assert main(["login", "--gateway-url", url, "--token", "t"]) == exits.UNAVAILABLE
    assert capsys.readouterr().err == (
        f"agola: cannot reach the gateway at {url}: what answers there is something else; "
        "git, for one, is served at another port (UNREACHABLE)\n"
    )


def test_no_token_at_all_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["login"]) == exits.USAGE
    assert "no token was given" in capsys.readouterr().err


def test_a_version_does_not_need_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version", "--gateway-url", "http://127.0.0.1:1", "--token", "t"]) == exits.OK
    assert "server unknown: cannot reach the gateway" in capsys.readouterr().out
