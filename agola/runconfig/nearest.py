"""Guessing which name was meant."""

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 40
"""How much of a text is looked at: what is longer is no mere slip."""


def nearest(text: str, known: Iterable[str]) -> str:
    """Find what of *known* looks most like *text* or begins like it, in any case; "" if none."""
    wanted, spelled = text[:_LONGEST].lower(), {one.lower(): one for one in known}
    alike = get_close_matches(wanted, spelled, 1) or [
        one for one in spelled if wanted and (wanted.startswith(one) or one.startswith(wanted))
    ]
    return spelled[alike[0]] if alike else ""
