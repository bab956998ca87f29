"""Keys of what tasks run in."""

from agola.model.run_config import Arch
from agola.runconfig.keys.shape import Key, Kind, Shape, extension

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
        extension(
            name="command",
            kind=Kind.TEXT,
            doc="A command in the container that succeeds when it is ready.",
            example="pg_isready -U postgres",
        ),
        extension(
            name="tcp_port",
            kind=Kind.INTEGER,
            minimum=1,
            maximum=65535,
            doc="A port that takes connections when the service is ready.",
            example="5432",
        ),
        extension(
            name="interval",
            kind=Kind.DURATION,
            default="1s",
            doc="How long to wait between two attempts.",
        ),
        extension(
            name="timeout", kind=Kind.DURATION, default="5s", doc="How long one attempt may take."
        ),
        extension(
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
        extension(
            name="cpu",
            kind=Kind.CPU,
            doc="How many processors.  Not written: no limit.",
            example="500m",
        ),
        extension(
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
        extension(
            HEALTH_CHECK,
            name="health_check",
            kind=Kind.MAPPING,
            doc="How to tell that it is ready.",
            example="{tcp_port: 5432}",
        ),
        extension(
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
        extension(
            name="labels",
            kind=Kind.LABELS,
            default={},
            doc="The labels that an executor must have.",
            example="{disk: fast}",
        ),
    ),
)
