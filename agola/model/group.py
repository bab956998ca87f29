"""Run groups: absolute paths of type and name pairs, such as `/project/<id>/branch/main`."""

from agola.core.errors import BadRequestError

MAX_GROUP_BYTES = 1024


def check_group(group: str) -> str:
    """Give the group back.  BadRequestError: `RUN_GROUP_INVALID`."""
    names = group.split("/")
    pairs = len(names) >= 3 and len(names) % 2 == 1  # noqa: PLR2004 (the root and one pair)
    if not pairs or names[0] or not all(names[1:]) or len(group.encode()) > MAX_GROUP_BYTES:
        message = f"run group {group!r} is not an absolute path of type and name pairs"
        raise BadRequestError(message, reason="RUN_GROUP_INVALID", group=group)
    return group


def root_group(group: str) -> str:
    """Give the pair that a group starts with: whose runs are numbered together."""
    return "/".join(group.split("/")[:3])


def root_name(group: str) -> str:
    """Give the name in the first pair: the id of a project or of a user."""
    return group.split("/")[2]


def within(group: str, outer: str) -> bool:
    """Say whether *group* is *outer* or lies below it.  Names are compared whole and exactly."""
    return group == outer or group.startswith(outer + "/")


def enclosing(group: str) -> tuple[str, ...]:
    """Name every group that *group* lies within: itself first, its root last."""
    names = group.split("/")
    return tuple("/".join(names[:length]) for length in range(len(names), 2, -2))
