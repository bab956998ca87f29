"""Real etcd processes: Debian's etcd-server, on loopback ports that were free."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest

START_SECONDS = 30

DIES_WITH_ITS_PARENT = ("setpriv", "--pdeathsig", "KILL")
"""What runs a command so that not even a killed test run leaves it behind."""

_RANGE_OF_X = b"\x0a\x01x"  # RangeRequest(key=b"x"): linearizable, so answered only with a leader


def etcd_binary() -> str:
    """Find etcd; skip where it is missing, fail where it has to be there."""
    binary = shutil.which("etcd", path=f"{os.environ.get('PATH', '')}:/usr/bin")
    if binary is not None:
        return binary
    missing = "etcd is missing: install the package etcd-server"
    if os.environ.get("CI") or os.environ.get("AGOLA_REQUIRE_SERVICES"):
        pytest.fail(missing)
    pytest.skip(missing)


@dataclass
class EtcdServer:
    """One etcd process, that can be hurt in every way and started again with its data."""

    data_dir: Path
    client_port: int
    peer_port: int
    arguments: Sequence[str] = ()
    credentials: grpc.ChannelCredentials | None = None
    """What its clients need for TLS, which `arguments` configures."""
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.client_port}"

    @property
    def member(self) -> str:
        """Its part of `--initial-cluster`."""
        return f"{self.data_dir.name}=http://127.0.0.1:{self.peer_port}"

    def start(self) -> None:
        client = f"{'https' if self.credentials else 'http'}://{self.endpoint}"
        peer = f"http://127.0.0.1:{self.peer_port}"
        with self.data_dir.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *DIES_WITH_ITS_PARENT,
                    etcd_binary(),
                    *("--name", self.data_dir.name, "--data-dir", str(self.data_dir)),
                    *("--listen-client-urls", client, "--advertise-client-urls", client),
                    *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
                    *("--heartbeat-interval", "50", "--election-timeout", "500"),
                    *self.arguments,
                ],
                stdout=log,
                stderr=log,
            )

    def wait_until_ready(self) -> None:
        """Wait until it answers clients, which it does once its cluster has a leader."""
        with self._channel() as channel:
            ask: Any = channel.unary_unary("/etcdserverpb.KV/Range")
            end = time.monotonic() + START_SECONDS
            while True:
                left = end - time.monotonic()
                try:
                    ask(_RANGE_OF_X, timeout=left, wait_for_ready=True)
                except grpc.RpcError as error:  # an election: it says so at once
                    if left <= 0 or error.code() is not grpc.StatusCode.UNAVAILABLE:
                        raise
                else:
                    return

    def _channel(self) -> grpc.Channel:
        options = [
            ("grpc.initial_reconnect_backoff_ms", 50),
            ("grpc.max_reconnect_backoff_ms", 100),
        ]
        if self.credentials is None:
            return grpc.insecure_channel(self.endpoint, options)
        return grpc.secure_channel(self.endpoint, self.credentials, options)

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it without a warning; harmless when it has ended."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def etcd_cluster(
    directory: Path,
    size: int,
    arguments: Sequence[str] = (),
    credentials: grpc.ChannelCredentials | None = None,
) -> Generator[list[EtcdServer], None, None]:
    """Run a cluster of its own, ready to be used, for as long as the block runs."""
    ports = iter(_free_ports(2 * size))
    servers = [EtcdServer(directory / f"etcd{i}", next(ports), next(ports)) for i in range(size)]
    members = ",".join(server.member for server in servers)
    with ExitStack() as stack:
        for server in servers:
            server.arguments = ("--initial-cluster", members, *arguments)
            server.credentials = credentials
            stack.callback(server.kill)
            server.start()
        for server in servers:
            server.wait_until_ready()
        yield servers


def _free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
