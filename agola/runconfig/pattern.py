"""Patterns for names, and for files.

A pattern for a name is a text that must be equal, or `/…/` or `#…#` around a regular expression in
RE2 syntax, which need only match somewhere.  A pattern for a file must match its whole path: `*`
and `?` stand for what has no slash, `**` for anything, `[a-z]` for one character, and a slash at
the end for all that is in the directory.  RE2 takes linear time whatever the pattern and the text.
"""

import re
from functools import lru_cache
from typing import Any

import re2

MAX_EXPRESSION = 1000

_DELIMITERS = "/#"
_MAX_PROGRAM_BYTES = 512 << 10
_GLOB_PART = re.compile(r"\*\*/|\*\*|\*|\?|\[!?[^\]/]+\]|[^*?\[]+|\[", re.DOTALL)
_GLOB_EXPRESSIONS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def pattern_matches(pattern: str, text: str) -> bool:
    """Match one valid pattern for names."""
    expression = expression_of(pattern)
    if expression is None:
        return pattern == text
    return _compiled(expression).search(text) is not None


def glob_matches(pattern: str, path: str) -> bool:
    """Match one valid pattern for files."""
    return _compiled(glob_expression(pattern)).fullmatch(path) is not None


def expression_of(pattern: str) -> str | None:
    """Give what is between the delimiters; None for a plain text."""
    delimited = len(pattern) > 2 and pattern[0] == pattern[-1] and pattern[0] in _DELIMITERS  # noqa: PLR2004
    return pattern[1:-1] if delimited else None


@lru_cache(maxsize=1024)
def glob_expression(pattern: str) -> str:
    """Write a pattern for files as a regular expression."""
    whole = pattern.removeprefix("./").removeprefix("/")
    if whole.endswith("/"):
        whole += "**"
    return "(?s)" + "".join(_glob_part(part) for part in _GLOB_PART.findall(whole))


def _glob_part(part: str) -> str:
    if part in _GLOB_EXPRESSIONS:
        return _GLOB_EXPRESSIONS[part]
    if len(part) > 1 and part[0] == "[":
        inverse, characters = part[1] == "!", part[1:-1].removeprefix("!")
        inside = re.sub(r"([\\\]\[^&~|])", r"\\\1", characters)
        return f"[{'^/' if inverse else ''}{inside}]"
    return re.escape(part)


def fault(expression: str) -> str:
    """Say what is wrong with a regular expression; nothing if it is sound."""
    if len(expression) > MAX_EXPRESSION:
        return f"longer than {MAX_EXPRESSION} characters"
    try:
        _compiled(expression)
    except re2.error as error:
        reason = error.args[0]
        return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
    return ""


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_PROGRAM_BYTES
    return re2.compile(expression, options)
