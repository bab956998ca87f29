"""`when`: for which refs a run or a task is meant.

A pattern is a text that must be equal, or `/…/` or `#…#` around a regular expression in RE2 syntax,
which need only match somewhere.  RE2 takes linear time whatever the pattern and the text.
"""

from functools import lru_cache
from typing import Any

import re2
from msgspec import Struct

from agola.runconfig.context import Context, RefType
from agola.runconfig.cursor import Cursor
from agola.runconfig.tree import Mapping

MAX_EXPRESSIONS = 500
"""How many regular expressions a file may have: to compile one may take milliseconds."""

_DELIMITERS = "/#"
_MAX_EXPRESSION = 1000
_MAX_PROGRAM_BYTES = 512 << 10


class Conditions(Struct, frozen=True, kw_only=True):
    """Patterns of what is meant, and of what is not meant after all."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def verdict(self, text: str) -> bool | None:
        """Say whether *text* is meant; None if no pattern speaks of it."""
        if any(pattern_matches(pattern, text) for pattern in self.exclude):
            return False
        if any(pattern_matches(pattern, text) for pattern in self.include):
            return True
        return None


class When(Struct, frozen=True, kw_only=True):
    """Conditions by what they look at.  None is not written."""

    branch: Conditions | None = None
    tag: Conditions | None = None
    ref: Conditions | None = None

    def matches(self, context: Context) -> bool:
        """Say whether the ref is meant: by default no; then branch, tag and ref, the last wins."""
        subjects = (
            (self.branch, context.branch if context.ref_type is RefType.BRANCH else ""),
            (self.tag, context.tag if context.ref_type is RefType.TAG else ""),
            (self.ref, context.ref),
        )
        meant = False
        for conditions, text in subjects:
            if conditions and text:
                verdict = conditions.verdict(text)
                meant = meant if verdict is None else verdict
        return meant


def matches(when: When | None, context: Context) -> bool:
    """Say whether a run or task with this `when` is meant for the ref; one without always is."""
    return when is None or when.matches(context)


def pattern_matches(pattern: str, text: str) -> bool:
    """Match one valid pattern."""
    expression = _expression(pattern)
    if expression is None:
        return pattern == text
    return _compiled(expression).search(text) is not None


def read_when(cursor: Cursor) -> When | None:
    """Read a `when`; a null is none at all."""
    if cursor.is_null:
        return None
    fields = cursor.fields("branch", "tag", "ref")
    if isinstance(cursor.node, Mapping) and not fields.found:
        cursor.warning("an empty `when` never matches", "leave it out to match always")
    return When(
        branch=_conditions(fields["branch"]) if "branch" in fields else None,
        tag=_conditions(fields["tag"]) if "tag" in fields else None,
        ref=_conditions(fields["ref"]) if "ref" in fields else None,
    )


def _conditions(cursor: Cursor) -> Conditions | None:
    if cursor.is_null:
        return None
    if not isinstance(cursor.node, Mapping):
        return Conditions(include=_patterns(cursor))
    fields = cursor.fields("include", "exclude")
    conditions = Conditions(
        include=_patterns(fields["include"]), exclude=_patterns(fields["exclude"])
    )
    if conditions.exclude and not conditions.include:
        cursor.warning("this excludes, and includes nothing", "include: '/.*/' includes everything")
    return conditions


def _patterns(cursor: Cursor) -> tuple[str, ...]:
    patterns = cursor.texts()
    for pattern in patterns:
        expression = _expression(pattern)
        if expression is None:
            continue
        if cursor.problems.count("expressions") > MAX_EXPRESSIONS:
            cursor.error(f"the file has more than {MAX_EXPRESSIONS} regular expressions")
        elif reason := _fault(expression):
            cursor.error(
                f"{pattern[:100]} is no regular expression: {reason}",
                "the syntax is RE2, without lookaround and back-references",
            )
    return patterns


def _expression(pattern: str) -> str | None:
    """Give what is between the delimiters; None for a plain text."""
    delimited = len(pattern) > 2 and pattern[0] == pattern[-1] and pattern[0] in _DELIMITERS  # noqa: PLR2004
    return pattern[1:-1] if delimited else None


def _fault(expression: str) -> str:
    if len(expression) > _MAX_EXPRESSION:
        return f"longer than {_MAX_EXPRESSION} characters"
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
