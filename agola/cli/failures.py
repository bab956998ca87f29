"""What it was that a command failed with, under groups and context."""

from agola.core.errors import AgolaError, leaves, underlying


def typed(error: BaseException) -> AgolaError | None:
    """Give the first error that was raised on purpose."""
    return next(filter(None, map(underlying, leaves(error))), None)
