"""Reading an object: one request, or more of them if the first one breaks off."""

from typing import TYPE_CHECKING

from minio.error import S3Error

from agola.storage.objects.path import past_end
from agola.storage.objects.s3.client import Bucket
from agola.storage.objects.s3.failures import IncompleteError, code_of, replaced

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

PIECE_BYTES = 1 << 20


class Download:
    """The bytes of one version of an object, from an offset on.  All of it blocks.

    Each failure closes the connection.  `piece` may be asked again after it: it goes on where it
    was, and only in the same version.
    """

    def __init__(self, bucket: Bucket, path: str, *, offset: int, size: int | None) -> None:
        self._bucket = bucket
        self._path = path
        self._position = offset
        self._left = size
        self._etag = ""
        self._response: BaseHTTPResponse | None = None

    def piece(self) -> bytes:
        """Read the next piece; empty at the end."""
        try:
            return self._piece()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the connection back, or drop it if there is more to come on it."""
        if self._response is None:
            return
        if self._left:
            self._response.close()
        self._response.release_conn()
        self._response = None

    def _piece(self) -> bytes:
        if not self._etag or (self._left and self._response is None):
            self._open()
        if not self._left or self._response is None:
            return b""
        piece = self._response.read(min(self._left, PIECE_BYTES))
        if not piece:
            raise IncompleteError("the body is shorter than its Content-Length")
        self._position += len(piece)
        self._left -= len(piece)
        if not self._left:
            self.close()
        return piece

    def _open(self) -> None:
        """Ask for what is left: all of the rest if nobody said how much."""
        if self._left == 0:
            return self._check_offset()
        condition = {"If-Match": f'"{self._etag}"'} if self._etag else {}
        try:
            response = self._bucket.minio.get_object(
                self._bucket.name,
                self._bucket.key(self._path),
                offset=self._position,
                length=self._left or 0,
                request_headers=dict(condition),
            )
        except S3Error as error:
            code = code_of(error)
            if self._etag and code in {"PreconditionFailed", "NoSuchKey", "InvalidRange"}:
                raise replaced(self._path) from error
            if code != "InvalidRange":
                raise
            return self._check_offset()
        self._response = response
        self._left = int(response.headers["Content-Length"])
        self._etag = response.headers.get("ETag", "").strip('"')
        return None

    def _check_offset(self) -> None:
        """Find out why there is nothing to read: the object ends at the offset, or before it."""
        found = self._bucket.minio.stat_object(self._bucket.name, self._bucket.key(self._path))
        size = found.size or 0
        if self._position > size:
            raise past_end(self._path, offset=self._position, size=size)
        self._left = 0
        self._etag = found.etag or ""
