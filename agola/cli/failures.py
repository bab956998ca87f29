"""What it was that a command failed with, under groups and context."""

from collections.abc import Iterator

from agola.core.errors import AgolaError, underlying


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Give the errors that tasks side by side ended with, or the only one."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from leaves(part)
    else:
        yield error


def typed(error: BaseException) -> AgolaError | None:
    """Give the first error that was raised on purpose."""
    return next(filter(None, map(underlying, leaves(error))), None)
