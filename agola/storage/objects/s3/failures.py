"""S3's errors in our words."""

import ssl
from xml.etree.ElementTree import ParseError

from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError, ProtocolError, SSLError

from agola.core.errors import AgolaError, InternalError, UnavailableError
from agola.storage.objects.path import invalid, not_exist

FAILURES = (MinioException, HTTPError, OSError, ParseError)
"""What `minio` raises when a request fails."""

_NOT_NOW = {
    "InternalError",
    "NoSuchUpload",  # finished by a try that nobody heard of, or aborted by a sweep
    "OperationAborted",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "TooManyRequests",
}
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500
_NOT_IMPLEMENTED = 501


class IncompleteError(ProtocolError):
    """An answer ended before its end, or says less than it has to."""


def code_of(error: BaseException) -> str:
    """Say S3's word for an error; empty if it has none."""
    return (error.code or "") if isinstance(error, S3Error) else ""


def translated(error: Exception, path: str) -> AgolaError:
    """Make the error that the port promises for *error*."""
    if isinstance(error, AgolaError):
        return error
    code = code_of(error)
    if code == "NoSuchKey":
        return not_exist(path)
    if code == "KeyTooLongError":
        return invalid(path)
    cause = _cause(error)
    if _is_outage(error):
        message = f"object storage is unavailable: {cause}"
        return UnavailableError(message, reason="OBJECT_STORAGE_UNAVAILABLE", cause=cause)
    message = f"object storage failed: {cause}"
    return InternalError(message, reason="OBJECT_STORAGE_FAILED", cause=cause)


def replaced(path: str) -> UnavailableError:
    """Make the error for who reads on in an object that is not the same any more."""
    cause = f"{path} was replaced or deleted while it was read"
    message = f"object storage is unavailable: {cause}"
    return UnavailableError(message, reason="OBJECT_STORAGE_UNAVAILABLE", cause=cause)


def _is_outage(error: Exception) -> bool:
    """Say whether the same request may succeed later."""
    if isinstance(error, SSLError):
        inner = error.args[0] if error.args else None
        return isinstance(inner, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    if isinstance(error, HTTPError | OSError | ParseError) or code_of(error) in _NOT_NOW:
        return True
    status = _status(error)
    return status == _TOO_MANY_REQUESTS or (status >= _SERVER_ERROR and status != _NOT_IMPLEMENTED)


def _status(error: Exception) -> int:
    if isinstance(error, S3Error):
        return error.response.status
    if isinstance(error, InvalidResponseError):
        return int(error.args[0].partition("Response code: ")[2].partition(",")[0])
    return error.status_code if isinstance(error, ServerError) else 0


def _cause(error: Exception) -> str:
    if isinstance(error, S3Error):
        return f"S3 says {error.code}: {(error.message or 'no more').rstrip('.')}"
    if isinstance(error, MinioException):
        return f"S3 answers with HTTP status {_status(error)}"
    if isinstance(error, ParseError):
        return "S3 answers with what is no XML"
    return _words(error) or type(error).__name__


def _words(error: Exception) -> str:
    """Say what happened, without the names of classes that `urllib3` puts around it."""
    inner = error.args[-1] if error.args else None
    text = str(inner if isinstance(inner, Exception) else error)
    return text.partition("): ")[2] or text
