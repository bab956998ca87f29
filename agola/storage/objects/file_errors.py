"""From errno to the errors that the port promises."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from agola.core.errors import AgolaError, InternalError, UnavailableError
from agola.storage.objects.path import invalid, not_exist

_AWAY = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE, errno.EMFILE}


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Raise what an OSError in the block means for who reads or describes the object at *path*."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise not_exist(path) from error
    except OSError as error:
        raise _translate(error, path) from error


@contextmanager
def changing(path: str) -> Iterator[None]:
    """Raise what an OSError in the block means for who writes or deletes the object at *path*."""
    try:
        yield
    except OSError as error:
        raise _translate(error, path) from error


def _translate(error: OSError, path: str) -> AgolaError:
    if error.errno == errno.ENAMETOOLONG:
        return invalid(path)
    cause = error.strerror or str(error)
    if error.errno in _AWAY:
        message = f"object storage is unavailable: {cause}"
        return UnavailableError(message, reason="OBJECT_STORAGE_UNAVAILABLE", cause=cause)
    message = f"object storage failed: {cause}"
    return InternalError(message, reason="OBJECT_STORAGE_FAILED", cause=cause)
