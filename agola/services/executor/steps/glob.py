"""Patterns for paths, as in doublestar: what a run definition names files with.

`*` and `?` stay inside a name, `**` as a whole name stands for any number of names, `[a-z]` and
`[!a-z]` are classes, `{a,b}` are alternatives, and a backslash takes the next character as it is.
"""

import re
from collections.abc import Callable

import re2

from agola.core.errors import PreconditionError


def matcher(pattern: str) -> Callable[[str], bool]:
    """Give a test of whole paths.  It takes linear time.  PreconditionError: `PATTERN_INVALID`."""
    try:
        compiled = re2.compile(_translate(pattern.removeprefix("./")))
    except (ValueError, re2.error) as error:
        message = f"{pattern!r} is no pattern: {error}"
        raise PreconditionError(message, reason="PATTERN_INVALID", pattern=pattern) from error
    return lambda path: compiled.fullmatch(_readable(path)) is not None


def _readable(path: str) -> str:
    """Give the path with a question mark for every byte that is no text."""
    return path.encode(errors="replace").decode()


TOKEN = re.compile(
    r"(?P<deep>(?:(?<=/)|(?<=\A))\*\*(?:/|\Z))"
    r"|(?P<stars>\*+)"
    r"|(?P<one>\?)"
    r"|\[(?P<not>[!^]?)(?P<set>\]?[^\]/]*)\]"
    r"|\\(?P<escaped>.)"
    r"|(?P<open>\{)|(?P<comma>,)|(?P<close>\})"
    r"|(?P<plain>.)",
    re.DOTALL,
)


def _translate(pattern: str) -> str:
    pieces: list[str] = []
    depth = 0
    for token in TOKEN.finditer(pattern):
        kind = token.lastgroup
        if kind == "open":
            depth += 1
        elif kind == "close":
            if not depth:
                raise ValueError("a } without a {")
            depth -= 1
        pieces.append(_piece(token, inside=depth > 0))
    if depth:
        raise ValueError("a { without a }")
    return "(?s)" + "".join(pieces)


FIXED = {"stars": "[^/]*", "one": "[^/]", "open": "(?:", "close": ")"}


def _piece(token: re.Match[str], *, inside: bool) -> str:
    kind = token.lastgroup or "plain"
    if kind == "deep":
        return "(?:[^/]+/)*" if token["deep"].endswith("/") else "(?:[^/]+(?:/[^/]+)*)"
    if kind == "set":
        members = re.escape(token["set"]).replace(r"\-", "-")
        return f"[^/{members}]" if token["not"] else f"[{members}]"
    if kind == "comma" and inside:
        return "|"
    return FIXED.get(kind) or re.escape(token["escaped"] or token[0])
