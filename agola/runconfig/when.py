"""`when`: for which refs a run, a task or a step is meant, and what decides that."""

from collections.abc import Callable, Iterable

from msgspec import Struct

from agola.runconfig.context import Context, RefType
from agola.runconfig.cursor import Cursor, Fields
from agola.runconfig.keys import CONDITIONS, PATHS, WHEN
from agola.runconfig.pattern import (
    expression_of,
    fault,
    glob_expression,
    glob_matches,
    pattern_matches,
)
from agola.runconfig.tree import Mapping

MAX_EXPRESSIONS = 500
"""How many regular expressions a file may have: to compile one may take milliseconds."""

_LONGEST_SHOWN = 100


class Decision(Struct, frozen=True):
    """Whether something is meant for a ref, and what decided that, for people to read."""

    matched: bool
    why: str


class Conditions(Struct, frozen=True, kw_only=True):
    """Patterns of what is meant, and of what is not meant after all."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def decide(
        self, what: str, text: str, *, matches: Callable[[str, str], bool] = pattern_matches
    ) -> Decision | None:
        """Say whether *text*, which is a *what*, is meant; None if no pattern speaks of it."""
        for kind, patterns in (("exclude", self.exclude), ("include", self.include)):
            for pattern in patterns:
                if matches(pattern, text):
                    return Decision(kind == "include", f'{what} {kind} "{_short(pattern)}"')
        return None


class When(Struct, frozen=True, kw_only=True):
    """Conditions by what they look at.  None is not written."""

    branch: Conditions | None = None
    tag: Conditions | None = None
    ref: Conditions | None = None
    paths: Conditions | None = None

    def decide(self, context: Context) -> Decision:
        """Say whether the ref, and what has changed, is meant.

        By default no; then branch, tag and ref are asked, and the last that speaks of it decides.
        Paths must agree; if nothing but paths is written, they decide alone.
        """
        if self.paths is None:
            return self._decide_ref(context)
        by_paths = _decide_paths(self.paths, context.changed_files)
        if self.branch is self.tag is self.ref is None:
            return by_paths
        by_ref = self._decide_ref(context)
        if not (by_ref.matched and by_paths.matched):
            return by_paths if by_ref.matched else by_ref
        return Decision(matched=True, why=f"{by_ref.why}, {by_paths.why}")

    def _decide_ref(self, context: Context) -> Decision:
        subjects = (
            ("branch", self.branch, context.branch if context.ref_type is RefType.BRANCH else ""),
            ("tag", self.tag, context.tag if context.ref_type is RefType.TAG else ""),
            ("ref", self.ref, context.ref),
        )
        decision = Decision(matched=False, why=f"nothing includes {context.ref}")
        if self.branch is self.tag is self.ref is None:
            decision = Decision(matched=False, why="an empty `when` never matches")
        for what, conditions, text in subjects:
            if conditions and text:
                decision = conditions.decide(what, text) or decision
        return decision


def decide(when: When | None, context: Context) -> Decision:
    """Say whether something with this `when` is meant; without one it always is."""
    return Decision(matched=True, why="no `when`") if when is None else when.decide(context)


def matches(when: When | None, context: Context) -> bool:
    """Say whether something with this `when` is meant; without one it always is."""
    return when is None or when.decide(context).matched


def _decide_paths(paths: Conditions, files: Iterable[str] | None) -> Decision:
    """Look for a changed file that counts.  If nobody knows what has changed, everything may."""
    if files is None:
        return Decision(matched=True, why="the changed files are not known")
    excluded: Decision | None = None
    for file in files:
        found = paths.decide("paths", file, matches=glob_matches)
        if found is not None:
            said = Decision(found.matched, f"{found.why} ({_short(file)})")
            if found.matched:
                return said
            excluded = excluded or said
    return excluded or Decision(matched=False, why="no changed file is in the paths")


def read_when(cursor: Cursor) -> When | None:
    """Read a `when`; a null is none at all."""
    if cursor.is_null:
        return None
    fields = cursor.fields(WHEN)
    if isinstance(cursor.node, Mapping) and not fields.found:
        cursor.warning("an empty `when` never matches", "leave it out to match always")
    when = When(
        branch=_conditions(fields["branch"]),
        tag=_conditions(fields["tag"]),
        ref=_conditions(fields["ref"]),
        paths=_paths(fields["paths"]),
    )
    _warn_of_vain_excludes(fields, when)
    return when


def _warn_of_vain_excludes(fields: Fields, when: When) -> None:
    """Note what excludes where nothing was included before: that never matches."""
    included = False
    for name, conditions in (("branch", when.branch), ("tag", when.tag), ("ref", when.ref)):
        if conditions is None:
            continue
        before = included if name == "ref" else False
        if conditions.exclude and not conditions.include and not before:
            hint = "include: '/.*/' includes everything"
            fields[name].warning("this excludes, and includes nothing", hint)
        included = included or bool(conditions.include)


def _conditions(cursor: Cursor) -> Conditions | None:
    if cursor.is_null:
        return None
    if not isinstance(cursor.node, Mapping):
        return Conditions(include=_patterns(cursor))
    fields = cursor.fields(CONDITIONS)
    return Conditions(include=_listed(fields["include"]), exclude=_listed(fields["exclude"]))


def _listed(cursor: Cursor) -> tuple[str, ...]:
    """Read patterns where a mapping has always been accepted, and been none."""
    if not isinstance(cursor.node, Mapping):
        return _patterns(cursor)
    cursor.warning("this is no pattern, and says nothing", "write a text or a list of texts")
    return ()


def _paths(cursor: Cursor) -> Conditions | None:
    """Read path filters.  Where none is included all are."""
    if cursor.is_null:
        return None
    if not isinstance(cursor.node, Mapping):
        return Conditions(include=_patterns(cursor, glob=True) or ("**",))
    fields = cursor.fields(PATHS)
    return Conditions(
        include=_patterns(fields["include"], glob=True) or ("**",),
        exclude=_patterns(fields["exclude"], glob=True),
    )


def _patterns(cursor: Cursor, *, glob: bool = False) -> tuple[str, ...]:
    patterns = cursor.texts()
    for pattern in patterns:
        expression = glob_expression(pattern) if glob else expression_of(pattern)
        if expression is None:
            continue
        if cursor.problems.distinct("expressions", expression) > MAX_EXPRESSIONS:
            what = "patterns" if glob else "regular expressions"
            cursor.error(f"the file has more than {MAX_EXPRESSIONS} {what}")
            return ()
        if reason := fault(expression):
            what = "pattern for files" if glob else "regular expression"
            hint = "" if glob else "the syntax is RE2, without lookaround and back-references"
            cursor.error(f"{_short(pattern)} is no {what}: {reason}", hint)
    return patterns


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
