"""Writing an object of unknown size in parts: it appears when the last one is there."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from minio import Minio
from minio.datatypes import Part
from minio.error import S3Error

from agola.storage.objects.s3.client import Bucket
from agola.storage.objects.s3.failures import IncompleteError, code_of

PART_BYTES = 8 * 1024 * 1024
"""S3 takes no smaller parts than 5 MiB, and 10,000 of them: 78 GiB at most."""

ABANDONED_AFTER = timedelta(days=1)

logger = logging.getLogger(__name__)


class Upload:
    """One upload of parts.  All of it blocks.

    `minio` has a method for a whole upload, but that reads the data itself, so a thread would wait
    for whoever produces them.
    """

    def __init__(self, bucket: Bucket, path: str) -> None:
        self._minio = bucket.minio
        self._place = (bucket.name, bucket.key(path))
        self._id = ""
        self._parts: list[Part] = []

    def begin(self) -> None:
        self._id = self._minio._create_multipart_upload(*self._place, {})  # noqa: SLF001

    def add(self, data: bytes) -> None:
        number = len(self._parts) + 1
        etag = self._minio._upload_part(*self._place, data, None, self._id, number)  # noqa: SLF001
        self._parts.append(Part(number, etag))

    def complete(self) -> None:
        result = self._minio._complete_multipart_upload(  # noqa: SLF001
            *self._place, self._id, self._parts
        )
        if not result.etag:  # S3 may begin to say that all is well, and then find out
            raise IncompleteError("S3 does not say that the upload is complete")

    def abort(self) -> None:
        """Let S3 forget the parts.  Harmless if nothing was begun."""
        if self._id:
            _abort(self._minio, *self._place, self._id)


def sweep(bucket: Bucket) -> None:
    """Abort the uploads that crashed processes left.  Younger ones may be somebody's."""
    bound = datetime.now(UTC) - ABANDONED_AFTER
    for key, upload_id in list(_begun_before(bucket, bound)):
        logger.info("aborting an upload of %s that was left unfinished", key)
        _abort(bucket.minio, bucket.name, key, upload_id)


def _begun_before(bucket: Bucket, bound: datetime) -> Iterator[tuple[str, str]]:
    key_marker = id_marker = None
    while True:
        page = bucket.minio._list_multipart_uploads(  # noqa: SLF001
            bucket.name,
            prefix=bucket.prefix,
            key_marker=key_marker,
            upload_id_marker=id_marker,
        )
        for each in page.uploads:
            if each.upload_id and each.initiated_time and each.initiated_time < bound:
                yield each.object_name, each.upload_id
        if not page.is_truncated:
            return
        key_marker, id_marker = page.next_key_marker, page.next_upload_id_marker


def _abort(minio: Minio, bucket_name: str, key: str, upload_id: str) -> None:
    try:
        minio._abort_multipart_upload(bucket_name, key, upload_id)  # noqa: SLF001
    except S3Error as error:  # finished after all, or aborted by somebody else
        if code_of(error) != "NoSuchUpload":
            raise
