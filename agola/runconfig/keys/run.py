"""Keys of runs and of the whole file."""

from collections.abc import Iterator

from agola.model.run_config import MAX_CONCURRENT_RUNS
from agola.runconfig.keys.shape import MAX_NAME_BYTES, Key, Kind, Shape, extension
from agola.runconfig.keys.step import STEP_SHAPES
from agola.runconfig.keys.task import TASK
from agola.runconfig.keys.value import REGISTRIES_KEY, TIMEOUT_KEY, VALUE
from agola.runconfig.keys.when import WHEN_KEY

CONCURRENCY = Shape(
    "concurrency",
    "How many runs of a group may run at the same time.",
    (
        extension(
            name="group",
            kind=Kind.TEXT,
            doc="The group, by a name that all runs of the project share.  Not written: those of "
            "the same branch, tag or pull request.",
            example="deploy",
        ),
        extension(
            name="limit",
            kind=Kind.INTEGER,
            default=1,
            minimum=1,
            maximum=MAX_CONCURRENT_RUNS,
            doc="How many runs of the group run at the same time; others wait.",
        ),
        extension(
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
        extension(
            name="name",
            kind=Kind.TEXT,
            required=True,
            doc="Its name: letters, digits, `-` and `_`, a letter first.",
            example="target",
        ),
        extension(
            name="type",
            kind=Kind.TEXT,
            default="string",
            choices=INPUT_TYPES,
            doc="What may be said.",
        ),
        extension(
            name="default",
            kind=Kind.SCALAR,
            doc="What counts if nothing is said.  Not written: an empty text, `false`, `0`, or the "
            "first choice.",
            example="staging",
        ),
        extension(
            name="required", kind=Kind.FLAG, default=False, doc="Whether something must be said."
        ),
        extension(
            name="choices",
            kind=Kind.TEXTS,
            default=[],
            doc="What may be chosen, for `choice`.",
            example="[staging, production]",
        ),
        extension(
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
        WHEN_KEY,
        REGISTRIES_KEY,
        TIMEOUT_KEY,
        extension(
            CONCURRENCY,
            name="concurrency",
            kind=Kind.TEXT_OR_MAPPING,
            short="group",
            doc="How many runs may run at the same time.",
            example="{group: deploy, cancel_superseded: true}",
        ),
        extension(
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
        REGISTRIES_KEY,
        TIMEOUT_KEY,
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
