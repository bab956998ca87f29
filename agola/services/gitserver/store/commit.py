"""From git's commit objects to ours.  The format: gitformat-commit, `git cat-file commit`."""

import re
from datetime import UTC, datetime

from agola.model.repository import Commit, Signature

_SIGNATURE = re.compile(r"(.*?) ?<(.*?)> (\d+) [+-]\d{4}")


def commit_from_object(sha: str, data: bytes) -> Commit:
    """Read a commit object.  Undecodable bytes and dates beyond reason do not stop it."""
    head, _, message = data.partition(b"\n\n")
    encoding = "utf-8"
    headers: list[tuple[str, bytes]] = []
    for line in head.split(b"\n"):
        name, _, value = line.partition(b" ")
        if name == b"encoding":
            encoding = value.decode("ascii", errors="replace")
        headers.append((name.decode("ascii", errors="replace"), value))
    return Commit(
        sha=sha,
        message=_decode(message, encoding),
        author=_signature(headers, "author", encoding),
        committer=_signature(headers, "committer", encoding),
        parents=tuple(value.decode() for name, value in headers if name == "parent"),
    )


def _signature(headers: list[tuple[str, bytes]], name: str, encoding: str) -> Signature:
    text = next((_decode(value, encoding) for found, value in headers if found == name), "")
    match = _SIGNATURE.fullmatch(text)
    if match is None:
        return Signature(name=text, email="")
    return Signature(name=match[1], email=match[2], time=_moment(int(match[3])))


def _moment(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding, errors="replace")
    except LookupError:  # an encoding that nobody has heard of
        return data.decode(errors="replace")
