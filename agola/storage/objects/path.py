"""What a path of an object may look like, the same for every driver."""

from agola.core.errors import BadRequestError, NotExistError, OutOfRangeError

MAX_PATH_BYTES = 1024
"""The longest path that may be.  Names on a plain file system also limit a segment, to 255 bytes,
and S3 counts the prefix and the component as well."""


def checked(path: str) -> str:
    """Return *path* if it may name an object.  BadRequestError (`OBJECT_PATH_INVALID`)."""
    if not path or not _valid(path):
        raise invalid(path)
    return path


def checked_prefix(prefix: str) -> str:
    """Return *prefix* if a path may start with it: the last segment may be partial, or empty."""
    folder, _, _ = prefix.rpartition("/")
    if not _encodable(prefix) or prefix.startswith("/") or (folder and not _valid(folder)):
        raise invalid(prefix)
    return prefix


def invalid(path: str) -> BadRequestError:
    shown = ascii(path[:MAX_PATH_BYTES])
    return BadRequestError(
        f"{shown} cannot be the path of an object", reason="OBJECT_PATH_INVALID", path=shown
    )


def not_exist(path: str) -> NotExistError:
    return NotExistError(f"object {path} doesn't exist", reason="OBJECT_DOES_NOT_EXIST", path=path)


def past_end(path: str, *, offset: int, size: int) -> OutOfRangeError:
    return OutOfRangeError(
        f"offset {offset} is past the end of {path}, {size} bytes",
        reason="OFFSET_PAST_END",
        path=path,
        offset=str(offset),
        size=str(size),
    )


def _valid(path: str) -> bool:
    return _encodable(path) and all(part not in {"", ".", ".."} for part in path.split("/"))


def _encodable(path: str) -> bool:
    try:
        return "\0" not in path and len(path.encode()) <= MAX_PATH_BYTES
    except UnicodeEncodeError:  # a lone surrogate
        return False
