"""Reading lists that come in pages."""

from typing import Protocol, TypeVar

from agola.model.page import Page

MAX_PAGE = 1000

T = TypeVar("T")


class List(Protocol[T]):
    """Asks for one page of a list."""

    async def __call__(self, *, page_size: int, page_token: str) -> Page[T]: ...


async def collect(pages: List[T], limit: int) -> list[T]:
    """Give the first *limit* items of a list."""
    items: list[T] = []
    token = ""
    while len(items) < limit:
        size = min(limit - len(items), MAX_PAGE)
        page = await pages(page_size=size, page_token=token)
        items.extend(page.items)
        token = page.next_token
        if not token:
            break
    return items[:limit]
