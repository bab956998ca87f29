"""A part of a list."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list, in its order, and the token that asks for the next ones."""

    items: tuple[T, ...]
    next_token: str = ""
    """Empty: there are no more."""
