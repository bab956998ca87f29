"""Object storages that fail and recover when somebody says so."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from agola.config.model import ObjectsDriver, PosixObjects, S3Objects
from tests.testbed.faulty_s3 import Fault, FaultyS3


class Outage(Protocol):
    """An object storage for which somebody else decides when it works."""

    objects: ObjectsDriver

    async def begin(self) -> None: ...

    async def end(self) -> None: ...


class FullDisk:
    """Files on a disk without room."""

    def __init__(self, disk: Path) -> None:
        self._ballast = disk / "ballast"
        self.objects: ObjectsDriver = PosixObjects(path=disk)

    async def begin(self) -> None:
        with suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            while True:
                os.write(file.fileno(), bytes(4096))

    async def end(self) -> None:
        self._ballast.unlink()


class Refused:
    """An S3 that is not there."""

    def __init__(self, proxy: FaultyS3, server: S3Objects) -> None:
        self._proxy = proxy
        self.objects: ObjectsDriver = proxy.objects(server)

    async def begin(self) -> None:
        await self._proxy.refuse()

    async def end(self) -> None:
        await self._proxy.accept()


class Faulty:
    """An S3 whose every request fails in one way."""

    def __init__(self, proxy: FaultyS3, server: S3Objects, fault: Fault) -> None:
        self._proxy = proxy
        self._fault = fault
        self.objects: ObjectsDriver = proxy.objects(server)

    async def begin(self) -> None:
        self._proxy.fault = self._fault

    async def end(self) -> None:
        self._proxy.fault = None
