"""agola.storage.objects.s3.failures: what an answer of S3 means."""

import io

import pytest
from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3 import HTTPResponse

from agola.core.errors import (
    AgolaError,
    BadRequestError,
    InternalError,
    NotExistError,
    UnavailableError,
)
from agola.storage.objects.s3.failures import translated


def answer(status: int, code: str) -> S3Error:
    body = f"<Error><Code>{code}</Code><Message>It is so.</Message></Error>".encode()
    response = HTTPResponse(io.BytesIO(body), status=status, preload_content=True)
    return S3Error.fromxml(response)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (answer(404, "NoSuchKey"), NotExistError, "object a doesn't exist"),
        (answer(400, "KeyTooLongError"), BadRequestError, "cannot be the path"),
        (answer(503, "SlowDown"), UnavailableError, "S3 says SlowDown: It is so"),
        (answer(500, "InternalError"), UnavailableError, "InternalError"),
        (answer(400, "RequestTimeout"), UnavailableError, "RequestTimeout"),
        (answer(429, "Whatever"), UnavailableError, "Whatever"),
        (answer(404, "NoSuchUpload"), UnavailableError, "NoSuchUpload"),
        (answer(404, "NoSuchBucket"), InternalError, "NoSuchBucket"),
        (answer(403, "AccessDenied"), InternalError, "S3 says AccessDenied: It is so"),
        (answer(501, "NotImplemented"), InternalError, "NotImplemented"),
        (InvalidResponseError(502, "text/html", "<html>"), UnavailableError, "HTTP status 502"),
        (InvalidResponseError(400, "text/html", "<html>"), InternalError, "HTTP status 400"),
        (ServerError("oops", 503), UnavailableError, "HTTP status 503"),
    ],
    ids=repr,
)
def test_an_error_of_s3_has_a_meaning(error: Exception, kind: type[AgolaError], words: str) -> None:
    found = translated(error, "a")
    assert type(found) is kind
    assert words in found.message
