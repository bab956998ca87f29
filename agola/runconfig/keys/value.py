"""Keys of values and of credentials, and what is said at several levels."""

from agola.runconfig.keys.shape import Key, Kind, Shape

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

REGISTRIES_KEY = Key(
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

TIMEOUT_KEY = Key(
    name="task_timeout_interval",
    kind=Kind.DURATION,
    doc=(
        "How long a task may take, all its steps together; then it has failed.  What is written "
        "at the task counts before the run, and that before the file.  0 is no limit."
    ),
    example="15m",
)
