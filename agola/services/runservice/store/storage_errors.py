"""What a reader is told when object storage fails."""

from collections.abc import Generator
from contextlib import contextmanager

from agola.core.errors import AgolaError, InternalError, NotExistError, OutOfRangeError


@contextmanager
def storage_errors() -> Generator[None, None, None]:
    """Raise InternalError (`OBJECT_STORAGE_FAILED`) for whatever is not the reader's own doing."""
    try:
        yield
    except (NotExistError, OutOfRangeError):
        raise
    except AgolaError as error:
        message = f"object storage failed: {error.message}"
        raise InternalError(message, reason="OBJECT_STORAGE_FAILED", cause=error.message) from error
