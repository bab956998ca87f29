"""The object storage port over a bucket."""

import io
import logging
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial

from agola.core.errors import AgolaError, NotExistError
from agola.storage.objects.path import checked, checked_prefix
from agola.storage.objects.pieces import batched
from agola.storage.objects.port import ObjectInfo
from agola.storage.objects.s3.client import Bucket
from agola.storage.objects.s3.download import Download
from agola.storage.objects.s3.listing import Listing
from agola.storage.objects.s3.upload import PART_BYTES, Upload

logger = logging.getLogger(__name__)


class S3ObjectStorage:
    """`ObjectStorage` in a bucket.

    A read that breaks off goes on in the version that it began with, or raises UnavailableError.
    Objects are listed in the order of the server: that of whole paths, as S3's own is, or folder
    by folder.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def stat(self, path: str) -> ObjectInfo:
        key = self._bucket.key(checked(path))
        ask = partial(self._bucket.minio.stat_object, self._bucket.name, key)
        found = await self._bucket.call(ask, path)
        return ObjectInfo(
            path=path,
            size=found.size or 0,
            modify_time=found.last_modified or datetime.now(UTC),
        )

    async def read(
        self, path: str, *, offset: int = 0, size: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        download = Download(self._bucket, checked(path), offset=offset, size=size)
        try:
            while piece := await self._bucket.call(download.piece, path):
                yield piece
        finally:
            download.close()

    async def write(self, path: str, data: bytes | AsyncIterable[bytes]) -> int:
        checked(path)
        if isinstance(data, bytes):
            return await self._put(path, data)
        async with aclosing(batched(data, PART_BYTES)) as parts:
            first = bytes(await anext(parts, b""))
            if len(first) < PART_BYTES:
                return await self._put(path, first)
            return await self._upload(path, first, parts)

    async def delete(self, path: str) -> None:
        key = self._bucket.key(checked(path))
        remove = partial(self._bucket.minio.remove_object, self._bucket.name, key)
        try:
            await self._bucket.call(remove, path)
        except NotExistError:  # some servers say so
            return

    async def list(
        self, prefix: str = "", *, after: str = "", recursive: bool = True
    ) -> AsyncGenerator[ObjectInfo, None]:
        within = checked_prefix(prefix)
        listing = Listing(self._bucket, within, after=after, recursive=recursive)
        while page := await self._bucket.call(listing.page, prefix):
            for info in page:
                yield info

    async def _put(self, path: str, data: bytes) -> int:
        key = self._bucket.key(path)

        def put() -> None:
            self._bucket.minio.put_object(
                self._bucket.name, key, io.BytesIO(data), len(data), num_parallel_uploads=1
            )

        await self._bucket.call(put, path)
        return len(data)

    async def _upload(self, path: str, first: bytes, parts: AsyncGenerator[bytearray, None]) -> int:
        upload = Upload(self._bucket, path)
        size = len(first)
        try:
            await self._bucket.call(upload.begin, path)
            await self._bucket.call(partial(upload.add, first), path)
            async for part in parts:
                await self._bucket.call(partial(upload.add, bytes(part)), path)
                size += len(part)
            await self._bucket.call(upload.complete, path)
        except BaseException:
            await self._abort(upload, path)
            raise
        return size

    async def _abort(self, upload: Upload, path: str) -> None:
        try:
            await self._bucket.call(upload.abort, path)
        except AgolaError:
            logger.warning("an upload of %s is left unfinished; a later start aborts it", path)
