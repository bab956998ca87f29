"""What a transaction of either driver remembers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agola.core.errors import AgolaError, InternalError


class Statements:
    """Keeps the promise that nothing follows a statement that failed, and nothing the end."""

    def __init__(self, translate: Callable[[Exception], AgolaError]) -> None:
        self._translate = translate
        self._failure: AgolaError | None = None

    @contextmanager
    def one(self) -> Iterator[None]:
        """Run a statement in this block, or raise why that is not possible any more."""
        self.check()
        try:
            yield
        except Exception as error:
            self._failure = self._translate(error)
            raise self._failure from error

    def check(self) -> None:
        """Raise what failed before, if anything did."""
        if self._failure:
            raise self._failure

    def end(self) -> None:
        """Say that the transaction is over."""
        self._failure = InternalError("the transaction is over", reason="SQL_FAILED")
