"""Every key of a run definition, said once: the readers, the reference and the schema use this.

The tree starts at `DEFINITION`.  Keys are written in lower case; readers take them in any case.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from agola.model.run_config import (
    DEFAULT_SHELL,
    DEFAULT_WORKING_DIR,
    MAX_CONCURRENT_RUNS,
    MAX_EXIT_CODE,
    MAX_RETRY_ATTEMPTS,
    Arch,
    Condition,
    FailureCause,
)

MAX_NAME_BYTES = 100
MAX_MATRIX_TASKS = 256


class Kind(Enum):
    """What the value of a key looks like, with all the short forms that are understood."""

    TEXT = "text"
    FLAG = "true or false"
    INTEGER = "number"
    SCALAR = "text, number, true or false"
    DURATION = "duration such as `1h30m`, or nanoseconds"
    SIZE = "size such as `512Mi`"
    CPU = "number of processors such as `2`, `0.5` or `500m`"
    VALUE = "text, number, true or false, or `{from_variable: NAME}`"
    TEXTS = "text, or list of texts"
    INTEGERS = "number, or list of numbers"
    MAPPING = "mapping"
    """With the keys of `shape`."""
    LIST = "list"
    """Of mappings with the keys of `shape`."""
    NAMED = "mapping by name"
    """From names of the user's choice to mappings with the keys of `shape`."""
    VALUES = "mapping from names to values"
    """From names of the user's choice to what VALUE is."""
    LABELS = "mapping from names to texts, or list of `name=text`"
    AXES = "mapping from names to lists"
    """Each list one or more of what SCALAR is."""
    COMBINATIONS = "list of mappings from axes to values"
    PATTERNS = "pattern, list of patterns, or mapping"
    """A mapping has the keys of `shape`."""
    TEXT_OR_MAPPING = "text, or mapping"
    """A mapping has the keys of `shape`; a text is the key named by `Key.short`."""
    INTEGER_OR_MAPPING = "number, or mapping"
    """A mapping has the keys of `shape`; a number is the key named by `Key.short`."""
    DEPENDS = "list of names, `{NAME: [CONDITION]}` or mappings"
    """A mapping that has the key `task` has the keys of `shape`."""
    STEPS = "list of steps"
    """`{TYPE: BODY}`, or a mapping with the key `type`, for each of `STEP_SHAPES`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a mapping."""

    name: str
    kind: Kind
    doc: str
    required: bool = False
    default: object = None
    """What counts where the key is not written; None is nothing at all, or as `doc` says."""
    example: str = ""
    """A value, as YAML in flow style."""
    choices: tuple[str, ...] = ()
    """The only texts that mean something."""
    extension: bool = False
    """Whether the original Agola does not know the key, or does nothing with it."""
    shape: "Shape | None" = None
    short: str = ""
    """The key of `shape` that a plain text or number is the value of."""
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True)
class Shape:
    """The keys that a mapping may have."""

    name: str
    doc: str
    keys: tuple[Key, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(key.name for key in self.keys)

    @cached_property
    def by_name(self) -> dict[str, Key]:
        return {key.name: key for key in self.keys}

    def owner_of(self, name: str) -> str:
        """Say in which of the mappings below this one a key belongs; "" for none."""
        below = (key.shape for key in self.keys if key.shape)
        return next((shape.name for shape in below if name in shape.by_name), "")


def _extension(shape: Shape | None = None, **said: object) -> Key:
    return Key(extension=True, shape=shape, **said)  # type: ignore[arg-type]


VALUE = Shape(
    "value",
    "A value that is kept outside of the definition.",
    (
        Key(
            name="from_variable",
            kind=Kind.TEXT,
            required=True,
            doc="The variable that has the value.  One that is not set is an empty text.",
            example="api-token",
        ),
    ),
)

REGISTRY = Shape(
    "registry",
    "How to log in to a container registry.",
    (
        Key(
            name="type",
            kind=Kind.TEXT,
            default="basic",
            choices=("basic", "encodedauth"),
            doc="Whether name and password are given one by one, or encoded together.",
        ),
        Key(name="username", kind=Kind.VALUE, default="", doc="The name, for `basic`."),
        Key(
            name="password",
            kind=Kind.VALUE,
            default="",
            doc="The password, for `basic`.",
            example="{from_variable: registry-password}",
        ),
        Key(
            name="auth",
            kind=Kind.VALUE,
            default="",
            doc="`NAME:PASSWORD` in base64, as in Docker's own configuration, for `encodedauth`.",
        ),
    ),
)

_REGISTRIES = Key(
    name="docker_registries_auth",
    kind=Kind.NAMED,
    shape=REGISTRY,
    default={},
    doc=(
        "How to log in to container registries, by host.  For each registry what is written at the "
        "task counts before the run, and that before the file."
    ),
    example="{registry.example.com: {username: bot, password: {from_variable: registry-password}}}",
)

_TIMEOUT = Key(
    name="task_timeout_interval",
    kind=Kind.DURATION,
    doc=(
        "How long a task may take, all its steps together; then it has failed.  What is written "
        "at the task counts before the run, and that before the file.  0 is no limit."
    ),
    example="15m",
)

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

_WHEN = Key(
    name="when",
    kind=Kind.MAPPING,
    shape=WHEN,
    doc="For which refs it is meant.  Not written, it is for all.",
    example="{branch: main}",
)

TMPFS = Shape(
    "tmpfs",
    "A file system in memory.",
    (
        Key(
            name="size",
            kind=Kind.SIZE,
            default=0,
            doc="Its size in bytes, as Kubernetes writes it.  0 leaves the limit to the driver.",
            example="512Mi",
        ),
    ),
)

VOLUME = Shape(
    "volume",
    "A file system of a container.",
    (
        Key(name="path", kind=Kind.TEXT, doc="Where it is.", example="/scratch"),
        Key(
            name="tmpfs",
            kind=Kind.MAPPING,
            shape=TMPFS,
            required=True,
            doc="It is in memory.",
            example="{size: 512Mi}",
        ),
    ),
)

HEALTH_CHECK = Shape(
    "health check",
    "How to tell that a service is ready; the task's steps wait for that.  Either `command` or "
    "`tcp_port` must be written.",
    (
        _extension(
            name="command",
            kind=Kind.TEXT,
            doc="A command in the container that succeeds when it is ready.",
            example="pg_isready -U postgres",
        ),
        _extension(
            name="tcp_port",
            kind=Kind.INTEGER,
            minimum=1,
            maximum=65535,
            doc="A port that takes connections when the service is ready.",
            example="5432",
        ),
        _extension(
            name="interval",
            kind=Kind.DURATION,
            default="1s",
            doc="How long to wait between two attempts.",
        ),
        _extension(
            name="timeout", kind=Kind.DURATION, default="5s", doc="How long one attempt may take."
        ),
        _extension(
            name="retries",
            kind=Kind.INTEGER,
            default=60,
            minimum=1,
            maximum=10_000,
            doc="After how many failed attempts the task fails.",
        ),
    ),
)

RESOURCES = Shape(
    "resources",
    "How much of its host a container may use.",
    (
        _extension(
            name="cpu",
            kind=Kind.CPU,
            doc="How many processors.  Not written: no limit.",
            example="500m",
        ),
        _extension(
            name="memory",
            kind=Kind.SIZE,
            doc="How much memory.  Not written: no limit.",
            example="2Gi",
        ),
    ),
)

CONTAINER = Shape(
    "container",
    "A container.  The first of a task runs the steps, the others are services on its localhost.",
    (
        Key(name="image", kind=Kind.TEXT, default="", doc="The image.", example="python:3.12"),
        Key(
            name="environment",
            kind=Kind.VALUES,
            default={},
            doc="Its environment.",
            example="{POSTGRES_PASSWORD: secret}",
        ),
        Key(name="user", kind=Kind.TEXT, default="", doc="The user.  Empty: the image's."),
        Key(
            name="privileged",
            kind=Kind.FLAG,
            default=False,
            doc="Whether it may do everything on its host.  The executor must allow that.",
        ),
        Key(
            name="entrypoint",
            kind=Kind.TEXT,
            default="",
            doc="The command it starts with, split at spaces.  Empty: the image's.",
        ),
        Key(
            name="volumes",
            kind=Kind.LIST,
            shape=VOLUME,
            default=[],
            doc="Its file systems.",
            example="[{path: /scratch, tmpfs: {size: 512Mi}}]",
        ),
        _extension(
            HEALTH_CHECK,
            name="health_check",
            kind=Kind.MAPPING,
            doc="How to tell that it is ready.",
            example="{tcp_port: 5432}",
        ),
        _extension(
            RESOURCES,
            name="resources",
            kind=Kind.MAPPING,
            doc="How much it may use.",
            example="{cpu: 500m, memory: 2Gi}",
        ),
    ),
)

RUNTIME = Shape(
    "runtime",
    "What a task runs in.",
    (
        Key(
            name="type",
            kind=Kind.TEXT,
            default="pod",
            choices=("pod",),
            doc="The only type: containers that share one network.",
        ),
        Key(
            name="arch",
            kind=Kind.TEXT,
            choices=tuple(arch.value for arch in Arch),
            doc="The processor architecture.  Not written: any.",
        ),
        Key(
            name="containers",
            kind=Kind.LIST,
            shape=CONTAINER,
            default=[],
            doc="The containers.  Without any, the task runs in what the executor itself has.",
            example="[{image: 'python:3.12'}, {image: 'postgres:16'}]",
        ),
        _extension(
            name="labels",
            kind=Kind.LABELS,
            default={},
            doc="The labels that an executor must have.",
            example="{disk: fast}",
        ),
    ),
)

DEPEND = Shape(
    "dependency",
    "A task to wait for.",
    (
        Key(
            name="task",
            kind=Kind.TEXT,
            required=True,
            doc="Its name.  That of a task with a matrix means all the tasks it makes.",
        ),
        Key(
            name="conditions",
            kind=Kind.TEXTS,
            default=[Condition.ON_SUCCESS.value],
            choices=tuple(one.value for one in Condition if one is not Condition.NEVER),
            doc="How it must have ended: any one of these.",
        ),
    ),
)

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
        _extension(
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

MATRIX = Shape(
    "matrix",
    "Make a task for every combination of values.  Everywhere in the task but its name, "
    "`${{ matrix.AXIS }}` stands for the value.  The tasks are called `NAME (VALUE, VALUE)`, where "
    "a value that does not start with a letter, or is true or false, has its axis before it.",
    (
        _extension(
            name="axes",
            kind=Kind.AXES,
            default={},
            doc="The values by axis: every combination is made.",
            example="{python: ['3.11', '3.12'], database: [sqlite, postgres]}",
        ),
        _extension(
            name="include",
            kind=Kind.COMBINATIONS,
            default=[],
            doc="Further combinations, each with a value for every axis.",
            example="[{python: '3.13', database: sqlite}]",
        ),
        _extension(
            name="exclude",
            kind=Kind.COMBINATIONS,
            default=[],
            doc="Combinations not to make: those that have all of the values written.",
            example="[{python: '3.11', database: postgres}]",
        ),
    ),
)

FAILURES = tuple(cause.value for cause in FailureCause)

RETRY = Shape(
    "retry",
    "Whether a task that failed is tried again.",
    (
        _extension(
            name="attempts",
            kind=Kind.INTEGER,
            required=True,
            minimum=1,
            maximum=MAX_RETRY_ATTEMPTS,
            doc="How often it is tried at most, the first time included.",
            example="3",
        ),
        _extension(
            name="failures",
            kind=Kind.TEXTS,
            choices=FAILURES,
            doc="After which failures: `any`, `executor_lost` (nobody knows how it ended), "
            "`timeout`.  The default is `any`, or none if `exit_codes` are written.",
            example="[executor_lost, timeout]",
        ),
        _extension(
            name="exit_codes",
            kind=Kind.INTEGERS,
            default=[],
            minimum=1,
            maximum=MAX_EXIT_CODE,
            doc="After which exit codes of the step that failed.",
            example="[75]",
        ),
    ),
)

TASK = Shape(
    "task",
    "A task: steps, one after the other, in containers of its own.",
    (
        Key(
            name="name",
            kind=Kind.TEXT,
            required=True,
            doc=f"Its name, unique in the run.  At most {MAX_NAME_BYTES} bytes.",
        ),
        Key(
            name="runtime",
            kind=Kind.MAPPING,
            shape=RUNTIME,
            doc="What it runs in.",
            example="{containers: [{image: 'python:3.12'}]}",
        ),
        Key(
            name="environment",
            kind=Kind.VALUES,
            default={},
            doc="Environment of all its steps.",
            example="{LEVEL: 2, TOKEN: {from_variable: api-token}}",
        ),
        Key(
            name="working_dir",
            kind=Kind.TEXT,
            default=DEFAULT_WORKING_DIR,
            doc="The directory that steps run in.  `~` is the home of the user.",
        ),
        Key(
            name="shell",
            kind=Kind.TEXT,
            default=DEFAULT_SHELL,
            doc="The command that runs a step's command file.",
        ),
        Key(
            name="user",
            kind=Kind.TEXT,
            default="",
            doc="The user that steps run as.  Empty: the image's.",
        ),
        Key(
            name="steps",
            kind=Kind.STEPS,
            default=[],
            doc="The steps, in order.",
            example="[{clone: {}}, {run: make test}]",
        ),
        Key(
            name="depends",
            kind=Kind.DEPENDS,
            shape=DEPEND,
            short="task",
            default=[],
            doc="The tasks to wait for.",
            example="[build, {lint: [on_success, on_failure]}]",
        ),
        Key(
            name="ignore_failure",
            kind=Kind.FLAG,
            default=False,
            doc="Whether the run may succeed although the task failed.",
        ),
        Key(
            name="approval",
            kind=Kind.FLAG,
            default=False,
            doc="Whether the task waits for an approval before it starts.",
        ),
        _WHEN,
        _REGISTRIES,
        _TIMEOUT,
        _extension(
            MATRIX,
            name="matrix",
            kind=Kind.MAPPING,
            doc=f"Makes many tasks of one, at most {MAX_MATRIX_TASKS}.",
            example="{axes: {python: ['3.11', '3.12']}}",
        ),
        _extension(
            RETRY,
            name="retry",
            kind=Kind.INTEGER_OR_MAPPING,
            short="attempts",
            doc="Whether it is tried again after a failure.",
            example="{attempts: 3, failures: [executor_lost, timeout]}",
        ),
    ),
)

CONCURRENCY = Shape(
    "concurrency",
    "How many runs of a group may run at the same time.",
    (
        _extension(
            name="group",
            kind=Kind.TEXT,
            doc="The group, by a name that all runs of the project share.  Not written: those of "
            "the same branch, tag or pull request.",
            example="deploy",
        ),
        _extension(
            name="limit",
            kind=Kind.INTEGER,
            default=1,
            minimum=1,
            maximum=MAX_CONCURRENT_RUNS,
            doc="How many runs of the group run at the same time; others wait.",
        ),
        _extension(
            name="cancel_superseded",
            kind=Kind.FLAG,
            default=False,
            doc="Whether a new run of the group ends those that are older.",
        ),
    ),
)

INPUT_TYPES = ("string", "boolean", "number", "choice")

INPUT = Shape(
    "input",
    "What a person may say who starts the run by hand.  Tasks see it as `AGOLA_INPUT_<NAME>`, in "
    "capitals and with `_` for `-`; runs that nobody starts by hand see the default.",
    (
        _extension(
            name="name",
            kind=Kind.TEXT,
            required=True,
            doc="Its name: letters, digits, `-` and `_`, a letter first.",
            example="target",
        ),
        _extension(
            name="type",
            kind=Kind.TEXT,
            default="string",
            choices=INPUT_TYPES,
            doc="What may be said.",
        ),
        _extension(
            name="default",
            kind=Kind.SCALAR,
            doc="What counts if nothing is said.  Not written: an empty text, `false`, `0`, or the "
            "first choice.",
            example="staging",
        ),
        _extension(
            name="required", kind=Kind.FLAG, default=False, doc="Whether something must be said."
        ),
        _extension(
            name="choices",
            kind=Kind.TEXTS,
            default=[],
            doc="What may be chosen, for `choice`.",
            example="[staging, production]",
        ),
        _extension(
            name="description", kind=Kind.TEXT, default="", doc="What people read beside it."
        ),
    ),
)

RUN = Shape(
    "run",
    "A run: tasks that depend on each other.",
    (
        Key(
            name="name",
            kind=Kind.TEXT,
            required=True,
            doc=f"Its name, unique in the file.  At most {MAX_NAME_BYTES} bytes.",
        ),
        Key(name="tasks", kind=Kind.LIST, shape=TASK, default=[], doc="Its tasks."),
        _WHEN,
        _REGISTRIES,
        _TIMEOUT,
        _extension(
            CONCURRENCY,
            name="concurrency",
            kind=Kind.TEXT_OR_MAPPING,
            short="group",
            doc="How many runs may run at the same time.",
            example="{group: deploy, cancel_superseded: true}",
        ),
        _extension(
            INPUT,
            name="inputs",
            kind=Kind.LIST,
            default=[],
            doc="What a person may say who starts the run by hand.",
            example="[{name: target, type: choice, choices: [staging, production]}]",
        ),
    ),
)

DEFINITION = Shape(
    "definition",
    "A file `.agola/config.*`.",
    (
        Key(name="runs", kind=Kind.LIST, shape=RUN, required=True, doc="The runs, one at least."),
        _REGISTRIES,
        _TIMEOUT,
        Key(name="version", kind=Kind.TEXT, doc="Says nothing.  Older documents ask for `v0`."),
    ),
)


def shapes() -> Iterator[Shape]:
    """Walk over all shapes, each once, outer ones first."""
    seen: set[str] = set()
    queue = [DEFINITION]
    for shape in queue:
        if shape.name in seen:
            continue
        seen.add(shape.name)
        yield shape
        for key in shape.keys:
            if key.kind is Kind.STEPS:
                queue += STEP_SHAPES.values()
            if key.kind in {Kind.VALUE, Kind.VALUES}:
                queue.append(VALUE)
            if key.shape:
                queue.append(key.shape)
