"""Executors, as the runservice knows them."""

from typing import Protocol

from agola.model.assignment import ExecutorLoad


class Executors(Protocol):
    """Knows the executors that are alive."""

    async def list_executors(
        self, *, page_size: int = 0, page_token: str = ""
    ) -> tuple[tuple[ExecutorLoad, ...], str]:
        """Give a page of them, and the token of the next one."""
