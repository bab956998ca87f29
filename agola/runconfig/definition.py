"""The nouns of a run definition: what a file says, checked, and not yet bound to a commit."""

from datetime import timedelta
from enum import Enum

from msgspec import Struct, field

from agola.model.run_config import (
    DEFAULT_SHELL,
    DEFAULT_WORKING_DIR,
    Arch,
    Concurrency,
    Condition,
    HealthCheck,
    Resources,
    Retry,
    Step,
    Tmpfs,
)
from agola.runconfig.when import When


class Value(Struct, frozen=True, kw_only=True):
    """A text, or the name of the variable that has it.  A variable that nobody set is empty."""

    text: str = ""
    variable: str | None = None


class Registry(Struct, frozen=True, kw_only=True):
    """How to log in to a container registry."""

    username: Value = Value()
    password: Value = Value()
    auth: Value = Value()


class ContainerDefinition(Struct, frozen=True, kw_only=True):
    """A container of a task."""

    image: str = ""
    environment: dict[str, Value] = field(default_factory=dict)
    user: str = ""
    privileged: bool = False
    entrypoint: str = ""
    volumes: tuple[Tmpfs, ...] = ()
    health_check: HealthCheck | None = None
    resources: Resources = Resources()


class RuntimeDefinition(Struct, frozen=True, kw_only=True):
    """What a task runs in.  Without containers it runs in what the executor itself has."""

    arch: Arch | None = None
    containers: tuple[ContainerDefinition, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)


class StepDefinition(Struct, frozen=True, kw_only=True):
    """A step, and what of it is known only when the run is made."""

    step: Step
    when: When | None = None
    environment: dict[str, Value] = field(default_factory=dict)


class Dependency(Struct, frozen=True, kw_only=True):
    """The task to wait for, by name, and how it may have ended: any one of these."""

    task: str
    conditions: tuple[Condition, ...] = (Condition.ON_SUCCESS,)


class TaskDefinition(Struct, frozen=True, kw_only=True):
    """A task."""

    name: str
    runtime: RuntimeDefinition = RuntimeDefinition()
    environment: dict[str, Value] = field(default_factory=dict)
    working_dir: str = DEFAULT_WORKING_DIR
    shell: str = DEFAULT_SHELL
    user: str = ""
    steps: tuple[StepDefinition, ...] = ()
    depends: tuple[Dependency, ...] = ()
    ignore_failure: bool = False
    approval: bool = False
    when: When | None = None
    registries: dict[str, Registry] = field(default_factory=dict)
    timeout: timedelta | None = None
    """None is not written, 0 is no limit."""
    retry: Retry = Retry()
    matrix: dict[str, str] = field(default_factory=dict)
    """The values by axis that tell this task from the others of its matrix."""


class InputType(Enum):
    """What may be said for an input."""

    STRING = "string"
    BOOLEAN = "boolean"
    NUMBER = "number"
    CHOICE = "choice"


class Input(Struct, frozen=True, kw_only=True):
    """What a person may say who starts the run by hand."""

    name: str
    type: InputType = InputType.STRING
    default: str = ""
    """As tasks see it: booleans are `true` or `false`."""
    required: bool = False
    choices: tuple[str, ...] = ()
    description: str = ""


class RunDefinition(Struct, frozen=True, kw_only=True):
    """A run: its tasks, by their unique names, in the order of the file."""

    name: str
    tasks: tuple[TaskDefinition, ...] = ()
    when: When | None = None
    registries: dict[str, Registry] = field(default_factory=dict)
    timeout: timedelta | None = None
    concurrency: Concurrency | None = None
    inputs: tuple[Input, ...] = ()


class Definition(Struct, frozen=True, kw_only=True):
    """Everything that a file defines."""

    runs: tuple[RunDefinition, ...] = ()
    registries: dict[str, Registry] = field(default_factory=dict)
    timeout: timedelta | None = None
