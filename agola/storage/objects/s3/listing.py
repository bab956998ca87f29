"""Listing what starts with a prefix, a page at a time."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from minio.datatypes import Object

from agola.storage.objects.port import ObjectInfo
from agola.storage.objects.s3.client import Bucket

PAGE = 1000
"""As many as S3 gives at once."""


class Listing:
    """Pages of a listing.  All of it blocks.

    `page` may be asked again after it failed: it goes on behind the last page that it gave.
    """

    def __init__(self, bucket: Bucket, prefix: str, *, after: str, recursive: bool) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._after = after
        self._recursive = recursive
        self._found: Iterator[Object] | None = None

    def page(self) -> list[ObjectInfo]:
        """Give some more objects; none at the end."""
        found, self._found = self._found or self._begin(), None
        page = [_info(each, self._bucket) for each in islice(found, PAGE)]
        self._found = found
        if page:
            self._after = page[-1].path
        return page

    def _begin(self) -> Iterator[Object]:
        after = self._bucket.key(self._after) if self._after else None
        objects: Iterator[Object] = self._bucket.minio.list_objects(
            self._bucket.name,
            prefix=self._bucket.key(self._prefix),
            recursive=self._recursive,
            start_after=after,
        )
        return (each for each in objects if not each.is_dir)


def _info(found: Object, bucket: Bucket) -> ObjectInfo:
    return ObjectInfo(
        path=str(found.object_name).removeprefix(bucket.prefix),
        size=found.size or 0,
        modify_time=found.last_modified or datetime.now(UTC),
    )
