"""Reading an object: one request, or more of them if the first one breaks off."""

from http import HTTPStatus

from minio.error import S3Error
from urllib3.response import BaseHTTPResponse

from agola.storage.objects.path import past_end
from agola.storage.objects.s3.client import Bucket
from agola.storage.objects.s3.failures import IncompleteError, code_of, replaced

PIECE_BYTES = 1 << 20

_ANOTHER_VERSION = {"PreconditionFailed", "NoSuchKey", "InvalidRange"}
_UNKNOWN = "unknown"


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
        self._version = ""
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
        if self._left != 0:
            self._response.close()
        self._response.release_conn()
        self._response = None

    def _piece(self) -> bytes:
        if not self._version or (self._left and self._response is None):
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
        condition = {"If-Match": f'"{self._version}"'} if self._version else {}
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
            if self._version and code in _ANOTHER_VERSION:
                raise replaced(self._path) from error
            if code != "InvalidRange":
                raise
            return self._check_offset()
        self._response = response
        return self._note(response, is_part=bool(self._position or self._left))

    def _note(self, response: BaseHTTPResponse, *, is_part: bool) -> None:
        """Learn which version this is, and how much of it will come."""
        if is_part and response.status != HTTPStatus.PARTIAL_CONTENT:
            raise IncompleteError("S3 does not give the part that it was asked for")
        try:
            self._left = int(response.headers["Content-Length"])
            self._version = response.headers["ETag"].strip('"')
        except KeyError as error:
            raise IncompleteError(f"S3 does not say the {error.args[0]} of an object") from error

    def _check_offset(self) -> None:
        """Find out why there is nothing to read: the object ends at the offset, or before it."""
        found = self._bucket.minio.stat_object(self._bucket.name, self._bucket.key(self._path))
        size = found.size or 0
        if self._position > size:
            raise past_end(self._path, offset=self._position, size=size)
        self._left = 0
        self._version = found.etag or _UNKNOWN
