"""Keys of tasks."""

from agola.model.run_config import (
    DEFAULT_SHELL,
    DEFAULT_WORKING_DIR,
    MAX_EXIT_CODE,
    MAX_RETRY_ATTEMPTS,
    Condition,
    FailureCause,
)
from agola.runconfig.keys.runtime import RUNTIME
from agola.runconfig.keys.shape import MAX_NAME_BYTES, Key, Kind, Shape, extension
from agola.runconfig.keys.value import REGISTRIES_KEY, TIMEOUT_KEY
from agola.runconfig.keys.when import WHEN_KEY

MAX_MATRIX_TASKS = 256


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

MATRIX = Shape(
    "matrix",
    "Make a task for every combination of values.  Everywhere in the task but its name, "
    "`${{ matrix.AXIS }}` stands for the value.  The tasks are called `NAME (VALUE, VALUE)`, where "
    "a value that does not start with a letter, or is true or false, has its axis before it.",
    (
        extension(
            name="axes",
            kind=Kind.AXES,
            default={},
            doc="The values by axis: every combination is made.",
            example="{python: ['3.11', '3.12'], database: [sqlite, postgres]}",
        ),
        extension(
            name="include",
            kind=Kind.COMBINATIONS,
            default=[],
            doc="Further combinations, each with a value for every axis.",
            example="[{python: '3.13', database: sqlite}]",
        ),
        extension(
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
        extension(
            name="attempts",
            kind=Kind.INTEGER,
            required=True,
            minimum=1,
            maximum=MAX_RETRY_ATTEMPTS,
            doc="How often it is tried at most, the first time included.",
            example="3",
        ),
        extension(
            name="failures",
            kind=Kind.TEXTS,
            choices=FAILURES,
            doc="After which failures: `any`, `executor_lost` (nobody knows how it ended), "
            "`timeout`.  The default is `any`, or none if `exit_codes` are written.",
            example="[executor_lost, timeout]",
        ),
        extension(
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
        WHEN_KEY,
        REGISTRIES_KEY,
        TIMEOUT_KEY,
        extension(
            MATRIX,
            name="matrix",
            kind=Kind.MAPPING,
            doc=f"Makes many tasks of one, at most {MAX_MATRIX_TASKS}.",
            example="{axes: {python: ['3.11', '3.12']}}",
        ),
        extension(
            RETRY,
            name="retry",
            kind=Kind.INTEGER_OR_MAPPING,
            short="attempts",
            doc="Whether it is tried again after a failure.",
            example="{attempts: 3, failures: [executor_lost, timeout]}",
        ),
    ),
)
