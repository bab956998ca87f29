"""The object storage port: what every driver of the truth at rest promises."""

from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """What is known of an object without reading it."""

    path: str
    size: int
    modify_time: datetime


class ObjectStorage(Protocol):
    """Whole objects under paths like `logs/<task>/setup.log`.

    Paths are relative, `/`-separated, without empty, `.` or `..` segments: BadRequestError
    (`OBJECT_PATH_INVALID`).  Never write both `a` and `a/b`: a driver that keeps a hierarchy raises
    PreconditionError (`OBJECT_PATH_CONFLICT`) at the second.  NotExistError is always
    `OBJECT_DOES_NOT_EXIST`, whatever the driver; a store that is full, away or failing raises
    UnavailableError (`OBJECT_STORAGE_UNAVAILABLE`) or InternalError (`OBJECT_STORAGE_FAILED`).
    """

    async def stat(self, path: str) -> ObjectInfo:
        """Describe an object.  NotExistError."""

    def read(
        self, path: str, *, offset: int = 0, size: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Stream an object's bytes from *offset*, at most *size*, in pieces of up to 1 MiB.

        All are of one version: when the object is replaced or deleted meanwhile, what remains of
        it is read, or UnavailableError raised.  NotExistError at the first piece.  OutOfRangeError
        (`OFFSET_PAST_END`) when *offset* is larger than the object.
        """

    async def write(self, path: str, data: bytes | AsyncIterable[bytes]) -> int:
        """Put an object there, or replace it: wholly or not at all, durable on return.

        Gives its size.  Streams in bounded memory; if *data* raises, nothing is left behind.
        """

    async def delete(self, path: str) -> None:
        """Remove an object.  Absent ones are no error: the goal is reached."""

    def list(
        self, prefix: str = "", *, after: str = "", recursive: bool = True
    ) -> AsyncGenerator[ObjectInfo, None]:
        """List the objects whose path starts with *prefix* and sorts behind *after*, by path.

        Not *recursive*: only those without a further `/` behind the prefix.  Rely on the order
        within one folder only: some servers that speak S3 go folder by folder.
        """
