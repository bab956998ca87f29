"""Keys of steps."""

from agola.runconfig.keys.shape import MAX_NAME_BYTES, Key, Kind, Shape, extension
from agola.runconfig.keys.when import WHEN

CONTENTS = Shape(
    "contents",
    "Which files go into an archive, and where.",
    (
        Key(
            name="source_dir",
            kind=Kind.TEXT,
            default=".",
            doc="The directory to take files from, relative to the working directory.",
        ),
        Key(
            name="dest_dir",
            kind=Kind.TEXT,
            default=".",
            doc="The directory in the archive that they go to.",
        ),
        Key(
            name="paths",
            kind=Kind.TEXTS,
            default=[],
            doc="Which files, relative to `source_dir`.  In `save_cache` the default is `**`: all.",
            example="['**']",
        ),
        extension(
            name="exclude",
            kind=Kind.TEXTS,
            default=[],
            doc="Which of these not.",
            example="['**/*.tmp']",
        ),
    ),
)

_CONTENTS = Key(
    name="contents",
    kind=Kind.LIST,
    shape=CONTENTS,
    default=[],
    doc="The files.",
    example="[{source_dir: dist, dest_dir: ., paths: ['**']}]",
)
_DEST_DIR = Key(
    name="dest_dir",
    kind=Kind.TEXT,
    default=".",
    doc="The directory to put the files in, relative to the working directory.",
)


def _step(kind: str, doc: str, *keys: Key, name: object) -> Shape:
    """Give the shape of a step: its own keys, and those that all steps have."""
    shared = (
        Key(name="type", kind=Kind.TEXT, choices=(kind,), doc="The type, in the long spelling."),
        Key(name="name", kind=Kind.TEXT, default=name, doc="What the step is called."),
        Key(
            name="when",
            kind=Kind.MAPPING,
            shape=WHEN,
            extension=True,
            doc="For which refs the step is meant.  For others the task is made without it.",
            example="{branch: main}",
        ),
    )
    return Shape(f"{kind} step", doc, (*shared, *keys))


STEP_SHAPES: dict[str, Shape] = {
    "clone": _step(
        "clone",
        "Fetch the commit that the run is about into the working directory.",
        Key(
            name="depth",
            kind=Kind.INTEGER,
            minimum=1,
            maximum=2**31 - 1,
            doc="How many commits.  Not written: all.",
        ),
        Key(
            name="recurse_submodules",
            kind=Kind.FLAG,
            default=False,
            doc="Whether to fetch submodules too.",
        ),
        name="clone",
    ),
    "run": _step(
        "run",
        "Run a command.  `run: COMMAND` is short for `run: {command: COMMAND}`.",
        Key(
            name="command",
            kind=Kind.TEXT,
            required=True,
            doc="The command.  If it has several lines, the step needs a name; else it is named "
            f"after the first {MAX_NAME_BYTES} bytes.",
            example="make test",
        ),
        Key(
            name="environment",
            kind=Kind.VALUES,
            default={},
            doc="Environment of this step.  Wins over everything else.",
        ),
        Key(name="working_dir", kind=Kind.TEXT, doc="The directory to run in: else the task's."),
        Key(name="shell", kind=Kind.TEXT, doc="The shell: else the task's."),
        Key(
            name="tty",
            kind=Kind.FLAG,
            default=True,
            doc="Whether the command gets a terminal.  Without one the log is exactly its output.",
        ),
        name=None,
    ),
    "save_to_workspace": _step(
        "save_to_workspace",
        "Hand files to the tasks that depend on this one.",
        _CONTENTS,
        name="save to workspace",
    ),
    "restore_workspace": _step(
        "restore_workspace",
        "Take the files that the tasks before this one saved.",
        _DEST_DIR,
        name="restore workspace",
    ),
    "save_cache": _step(
        "save_cache",
        "Keep files for later runs, under a key that is written once.",
        Key(
            name="key",
            kind=Kind.TEXT,
            required=True,
            doc="The key, a template.",
            example="""'deps-{{ md5sum "poetry.lock" }}'""",
        ),
        _CONTENTS,
        name="save cache",
    ),
    "restore_cache": _step(
        "restore_cache",
        "Take files that an earlier run kept.",
        Key(
            name="keys",
            kind=Kind.TEXTS,
            required=True,
            doc="Templates, tried in this order; each means every key that starts with it, the "
            "newest first.",
            example="""['deps-{{ md5sum "poetry.lock" }}', deps-]""",
        ),
        _DEST_DIR,
        name="restore cache",
    ),
}
