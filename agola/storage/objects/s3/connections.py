"""HTTP connections whose time-outs mean that nothing moves, not that a body is large."""

from pathlib import Path
from typing import Any

import certifi
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import BaseHTTPResponse

SEND_BYTES = 1 << 16
COMPLETION_FACTOR = 5


class _Patient(HTTPConnection):
    """Sends in pieces: a socket's time-out is for all that it is given at once."""

    def send(self, data: Any) -> None:
        if not isinstance(data, bytes | bytearray):
            return super().send(data)
        view = memoryview(data)
        for start in range(0, len(view), SEND_BYTES):
            super().send(view[start : start + SEND_BYTES])
        return None


class _PatientTls(_Patient, HTTPSConnection):
    """The same, over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Patient


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _PatientTls


class _Connections(PoolManager):
    """Gives S3 more time to put many parts together, the one thing that it posts an id for."""

    def urlopen(self, method: str, url: str, *args: Any, **options: Any) -> BaseHTTPResponse:
        if method == "POST" and "uploadId=" in url:
            own: Timeout = self.connection_pool_kw["timeout"]
            read = (own.read_timeout or 0) * COMPLETION_FACTOR
            options["timeout"] = Timeout(connect=own.connect_timeout, read=read)
        return super().urlopen(method, url, *args, **options)


def connections(count: int, *, stall_seconds: float, ca_file: Path | None) -> PoolManager:
    """Keep up to *count* connections to a host.  Nothing is tried again here.

    For *stall_seconds* a connection may take to be made, and nothing may move on it.
    """
    manager = _Connections(
        maxsize=count,
        timeout=Timeout(connect=stall_seconds, read=stall_seconds),
        retries=False,
        cert_reqs="CERT_REQUIRED",
        ca_certs=str(ca_file or certifi.where()),
    )
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager
