"""Keys of `when`."""

from agola.runconfig.keys.shape import Key, Kind, Shape

CONDITIONS = Shape(
    "when conditions",
    "What is meant, and what of that is not meant after all.",
    (
        Key(
            name="include",
            kind=Kind.TEXTS,
            default=[],
            doc="What is meant.  Without it nothing is.",
            example="[main, '#^release/#']",
        ),
        Key(
            name="exclude",
            kind=Kind.TEXTS,
            default=[],
            doc="What is not meant, although it is included.",
            example="/-draft$/",
        ),
    ),
)

PATHS = Shape(
    "when paths",
    "Which changed files count.",
    (
        Key(
            name="include",
            kind=Kind.TEXTS,
            default=["**"],
            doc="The files that count.",
            example="['src/**', '*.toml']",
            extension=True,
        ),
        Key(
            name="exclude",
            kind=Kind.TEXTS,
            default=[],
            doc="Files that do not count, although they are included.",
            example="'**/*.md'",
            extension=True,
        ),
    ),
)

_PATTERN = (
    "A pattern is a text that must be equal, or a regular expression (RE2) between `/` or `#` that "
    "must match somewhere."
)

WHEN = Shape(
    "when",
    "For which refs something is meant.  By default it is for none; then `branch`, `tag` and `ref` "
    "are asked in this order, and the last that includes or excludes decides.  Where `paths` is "
    "written, a changed file must count as well; alone, it decides alone.",
    (
        Key(
            name="branch",
            kind=Kind.PATTERNS,
            shape=CONDITIONS,
            short="include",
            doc=f"The branch, if the run is for one (not for a pull request).  {_PATTERN}",
            example="[main, '#^release/#']",
        ),
        Key(
            name="tag",
            kind=Kind.PATTERNS,
            shape=CONDITIONS,
            short="include",
            doc="The tag, if the run is for one.",
            example="/^v/",
        ),
        Key(
            name="ref",
            kind=Kind.PATTERNS,
            shape=CONDITIONS,
            short="include",
            doc="The full name of the ref, of whatever kind: the only way to ask for pull requests",
            example=r"'#^refs/pull/\d+/head$#'",
        ),
        Key(
            name="paths",
            kind=Kind.PATTERNS,
            shape=PATHS,
            short="include",
            extension=True,
            doc=(
                "Changed files: one at least must count.  `*` and `?` stand for what has no slash, "
                "`**` for anything, `[a-z]` for one of these.  Where it is not known which files "
                "have changed, all count."
            ),
            example="['src/**', '*.toml']",
        ),
    ),
)

WHEN_KEY = Key(
    name="when",
    kind=Kind.MAPPING,
    shape=WHEN,
    doc="For which refs it is meant.  Not written, it is for all.",
    example="{branch: main}",
)
