"""What a run is made from: tasks, their surroundings, their steps.  Never changes once written."""

from datetime import timedelta
from enum import Enum
from typing import NewType, TypeAlias

from msgspec import Struct, field

RunID = NewType("RunID", str)
TaskID = NewType("TaskID", str)

DEFAULT_SHELL = "/bin/sh -e"
DEFAULT_WORKING_DIR = "~/project"
MAX_RETRY_ATTEMPTS = 10
MAX_EXIT_CODE = 255
MAX_CONCURRENT_RUNS = 1000


class Condition(Enum):
    """How a parent must have ended for a task that depends on it to run."""

    ON_SUCCESS = "on_success"
    ON_FAILURE = "on_failure"
    ON_SKIPPED = "on_skipped"
    NEVER = "never"
    """However it ends.  Old definitions may ask for what does not exist, which is never met."""


class Arch(Enum):
    """Processor architectures, by the names that Go and Docker use."""

    I386 = "386"
    AMD64 = "amd64"
    ARM = "arm"
    ARM64 = "arm64"


class Depend(Struct, frozen=True, kw_only=True):
    """An edge of the graph.  Any one of `conditions` is enough."""

    task_id: TaskID
    conditions: tuple[Condition, ...] = (Condition.ON_SUCCESS,)


class Tmpfs(Struct, frozen=True, kw_only=True):
    """A file system in memory."""

    path: str
    size: int = 0
    """Bytes; 0 leaves the limit to the driver."""


class HealthCheck(Struct, frozen=True, kw_only=True):
    """How to tell that a service is ready: a command that succeeds, or a port that takes calls."""

    command: str = ""
    tcp_port: int = 0
    interval: timedelta = timedelta(seconds=1)
    timeout: timedelta = timedelta(seconds=5)
    """How long one attempt may take."""
    retries: int = 60
    """After how many failed attempts the task fails."""


class Resources(Struct, frozen=True, kw_only=True):
    """How much of its host a container may use; 0 is no limit."""

    cpu_millis: int = 0
    """Thousandths of a processor."""
    memory: int = 0
    """Bytes."""


class Container(Struct, frozen=True, kw_only=True):
    """One container of a task.  Drivers without images ignore `image`, and say so in the log."""

    image: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    user: str = ""
    privileged: bool = False
    entrypoint: str = ""
    volumes: tuple[Tmpfs, ...] = ()
    health_check: HealthCheck | None = None
    """The task's steps wait until it is ready.  None: they do not."""
    resources: Resources = Resources()


class Runtime(Struct, frozen=True, kw_only=True):
    """What a task runs in.  The first container runs the steps, the others are services."""

    arch: Arch | None = None
    containers: tuple[Container, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    """Labels that the executor must have."""


class RegistryAuth(Struct, frozen=True, kw_only=True):
    """How to log in to a container registry: name and password, or both encoded as Docker does."""

    username: str = ""
    password: str = ""
    auth: str = ""


class ArchiveContents(Struct, frozen=True, kw_only=True):
    """Files to put into an archive: those below `source_dir` that match one of `paths`."""

    source_dir: str = "."
    dest_dir: str = "."
    paths: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class RunStep(Struct, frozen=True, kw_only=True, tag="run"):
    """Run a command in the task's shell, or in its own."""

    name: str
    command: str
    environment: dict[str, str] = field(default_factory=dict)
    working_dir: str = ""
    """Empty: the task's."""
    shell: str = ""
    """Empty: the task's."""
    tty: bool = True


class CloneStep(Struct, frozen=True, kw_only=True, tag="clone"):
    """Fetch the commit that the run is about into the working directory."""

    name: str = "clone"
    depth: int = 0
    """How many commits; 0 is all of them."""
    recurse_submodules: bool = False


class SaveToWorkspaceStep(Struct, frozen=True, kw_only=True, tag="save_to_workspace"):
    """Hand files to the tasks that depend on this one."""

    name: str = "save to workspace"
    contents: tuple[ArchiveContents, ...] = ()


class RestoreWorkspaceStep(Struct, frozen=True, kw_only=True, tag="restore_workspace"):
    """Take the files that the tasks before this one saved."""

    name: str = "restore workspace"
    dest_dir: str = "."


class SaveCacheStep(Struct, frozen=True, kw_only=True, tag="save_cache"):
    """Keep files for later runs, under a key that is written once."""

    name: str = "save cache"
    key: str = ""
    contents: tuple[ArchiveContents, ...] = ()


class RestoreCacheStep(Struct, frozen=True, kw_only=True, tag="restore_cache"):
    """Take files that an earlier run kept: the first of `keys` that is a prefix of a known key."""

    name: str = "restore cache"
    keys: tuple[str, ...] = ()
    dest_dir: str = "."


Step: TypeAlias = (
    RunStep
    | CloneStep
    | SaveToWorkspaceStep
    | RestoreWorkspaceStep
    | SaveCacheStep
    | RestoreCacheStep
)


class FailureCause(Enum):
    """Why a task failed, as far as it matters for trying again."""

    ANY = "any"
    EXECUTOR_LOST = "executor_lost"
    """Nobody knows how it ended."""
    TIMEOUT = "timeout"


class Retry(Struct, frozen=True, kw_only=True):
    """Whether a task that failed is tried again: after one of the causes, or of the exit codes."""

    attempts: int = 1
    """How often it is tried at most, the first time included."""
    causes: tuple[FailureCause, ...] = ()
    exit_codes: tuple[int, ...] = ()


class TaskConfig(Struct, frozen=True, kw_only=True):
    """A task as the run definition says it."""

    id: TaskID
    name: str
    level: int = 0
    """The longest way from a task without parents: 0 for those."""
    depends: tuple[Depend, ...] = ()
    runtime: Runtime = Runtime()
    environment: dict[str, str] = field(default_factory=dict)
    working_dir: str = DEFAULT_WORKING_DIR
    shell: str = DEFAULT_SHELL
    user: str = ""
    steps: tuple[Step, ...] = ()
    ignore_failure: bool = False
    needs_approval: bool = False
    skip: bool = False
    """Its `when` did not match: it is there, and will not run."""
    timeout: timedelta | None = None
    registries: dict[str, RegistryAuth] = field(default_factory=dict)
    retry: Retry = Retry()


class GitSource(Struct, frozen=True, kw_only=True):
    """What the clone step fetches, and the credentials that only this step may see."""

    url: str
    ref: str
    commit: str
    username: str = ""
    password: str = ""


class Concurrency(Struct, frozen=True, kw_only=True):
    """How many runs may run at the same time."""

    group: str = ""
    """A name that all runs of the project share.  Empty: those of the same run group."""
    limit: int = 1
    cancel_superseded: bool = False
    """Whether this run ends those of the group that are older."""


class RunConfig(Struct, frozen=True, kw_only=True):
    """Everything that a run needs to be carried out, and carried out again."""

    id: RunID
    name: str
    group: str
    annotations: dict[str, str] = field(default_factory=dict)
    setup_errors: tuple[str, ...] = ()
    tasks: dict[TaskID, TaskConfig] = field(default_factory=dict)
    static_environment: dict[str, str] = field(default_factory=dict)
    """The same for every restart.  Wins over a task's own environment."""
    environment: dict[str, str] = field(default_factory=dict)
    """For this run only.  Wins over everything but a step's own environment."""
    cache_group: str = ""
    source: GitSource | None = None
    concurrency: Concurrency | None = None
    """None: one run of the run group at a time."""
    format: int = 1
    """The version of this record's layout."""
