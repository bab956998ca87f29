"""What an installation can be told.  Every key has a default: no file at all is a whole system."""

import math
from pathlib import Path
from typing import Literal, TypeAlias

from msgspec import Struct, field

from agola.core.keyring import KEY_ID

DEFAULT_LISTEN = "127.0.0.1:8000"


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the file.  A key that it does not know is an error."""


class EmbeddedKeyValue(Section, frozen=True, tag_field="driver", tag="embedded"):
    """Live state in a file of this machine, for one process."""


class EtcdKeyValue(Section, frozen=True, tag_field="driver", tag="etcd"):
    """Live state in an etcd cluster."""

    endpoints: tuple[str, ...] = ("127.0.0.1:2379",)
    """`host:port` each."""
    prefix: str = "agola/"
    """What all keys start with."""
    ca_file: Path | None = None
    """Certificates to trust, in PEM.  Setting it turns TLS on."""
    cert_file: Path | None = None
    key_file: Path | None = None
    username: str = ""
    password: str = ""


class PosixObjects(Section, frozen=True, tag_field="driver", tag="posix"):
    """Objects as files."""

    path: Path | None = None
    """Where.  Unset: below the data directory."""


class PosixFlatObjects(Section, frozen=True, tag_field="driver", tag="posixflat"):
    """Objects as files with escaped names: no path is in the way of another, as in S3."""

    path: Path | None = None
    """Where.  Unset: below the data directory."""


class S3Objects(Section, frozen=True, tag_field="driver", tag="s3"):
    """Objects in Amazon S3, or in a server that speaks as it does."""

    endpoint: str
    """`host:port`, or `host` at the usual port."""
    bucket: str = "agola"
    """Made if it is missing."""
    prefix: str = ""
    """What all paths start with."""
    region: str = ""
    """Empty: the one that the server says the bucket is in."""
    access_key: str = ""
    """AGOLA_S3_ACCESS_KEY of the environment comes before."""
    secret_key: str = ""
    """AGOLA_S3_SECRET_KEY of the environment comes before."""
    secure: bool = True
    """Whether to use TLS."""
    ca_file: Path | None = None
    """Certificates to trust, in PEM.  Unset: those that browsers trust."""
    virtual_style: bool | None = None
    """Whether the bucket is a part of the host's name.  Unset: at Amazon it is, elsewhere not."""
    patience_seconds: float = 3.0
    """How long it may be silent, and how long a request that fails is tried again.  Three times as
    much has to be less than what callers wait for a service, 10 seconds."""


class SqliteDatabase(Section, frozen=True, tag_field="driver", tag="sqlite"):
    """Queries from a file of this machine."""


class PostgresDatabase(Section, frozen=True, tag_field="driver", tag="postgres"):
    """Queries from PostgreSQL: one schema per service."""

    dsn: str
    """How to connect, in libpq's words."""
    pool_size: int = 8


KeyValueDriver: TypeAlias = EmbeddedKeyValue | EtcdKeyValue
ObjectsDriver: TypeAlias = PosixObjects | PosixFlatObjects | S3Objects
DatabaseDriver: TypeAlias = SqliteDatabase | PostgresDatabase


class Internal(Section, frozen=True):
    """A component that others of the installation call."""

    listen: str = ""
    """The address that it binds: `host:port`, or `unix:` and a path.  Empty: its own socket."""
    target: str = ""
    """Where others reach it.  Empty: where it listens."""


class Gateway(Section, frozen=True):
    """The public API."""

    listen: str = DEFAULT_LISTEN
    """The address that it binds: `host:port`."""


class Gitserver(Internal, frozen=True):
    """The repositories of direct runs."""

    http_listen: str = ""
    """Where git reaches it.  Empty: the port after the gateway's, at the same host."""
    http_url: str = ""
    """How users and executors spell that address.  Empty: `http://` and where it listens."""
    max_push_bytes: int = 2 * 1024**3
    """The largest push that is taken."""


class Executor(Internal, frozen=True):
    """What carries out tasks."""

    name: str = ""
    """For people.  Empty: the host's name."""
    slots: int = 4
    """How many tasks run at once."""
    labels: dict[str, str] = field(default_factory=dict)
    """What run definitions can ask for."""
    stop_grace_seconds: float = 10.0
    """How long a stopped task may tidy up before it is killed."""

    def __post_init__(self) -> None:
        if self.slots < 1:
            raise ValueError(f"slots is {self.slots}: an executor needs room for a task, 1 or more")
        if not 0 <= self.stop_grace_seconds < math.inf:
            raise ValueError(f"stop_grace_seconds is {self.stop_grace_seconds}: it is 0 or more")


class EncryptionKey(Section, frozen=True):
    """A key for what is encrypted at rest: 32 bytes in base64 or in hexadecimal.

    `openssl rand -base64 32` makes one.
    """

    id: str
    """What it is called in the data, for ever."""
    file: Path | None = None
    """The file that it is in."""
    env: str = ""
    """The environment variable that it is in, where there is no file."""

    def __post_init__(self) -> None:
        if not KEY_ID.fullmatch(self.id):
            raise ValueError("an id has up to 64 letters, digits, dots, dashes and underscores")
        if (self.file is None) == (not self.env):
            raise ValueError("say either the file or the env that the key is in")


class Encryption(Section, frozen=True):
    """How secrets are encrypted at rest."""

    keys: tuple[EncryptionKey, ...] = ()
    """The keys.  Without any, they are made and kept in the data directory, below `keys`; processes
    on different machines need to be given them here."""
    current: str = ""
    """The id of the key to encrypt with; the others only open.  Empty: the first."""
    lost: tuple[str, ...] = ()
    """Ids of keys that are lost for good.  Without this, nothing starts while data needs them; what
    they encrypted cannot be read again."""

    def __post_init__(self) -> None:
        ids = [key.id for key in self.keys]
        if len(set(ids)) < len(ids):
            raise ValueError("two keys have the same id")
        if self.current and self.current not in ids:
            raise ValueError(f"the current key {self.current!r} is none of the keys")


class Log(Section, frozen=True):
    """What the server says of itself."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "text", "json"] = "auto"
    """`auto` is text on a terminal and JSON elsewhere."""


class Config(Section, frozen=True):
    """The configuration of one `agola serve`."""

    data_dir: Path = Path()
    """Where everything is kept that has to stay.  Always set after loading."""
    runtime_dir: Path = Path()
    """Where sockets are while it runs.  Always set after loading."""
    internal_token: str = ""
    """What the components of an installation know each other by.  Always set after loading: made at
    the first start and kept in the data directory, unless it is given."""
    admin_token: str = ""
    """The token of the first user.  Empty: one is made at the first start and printed once."""
    key_value: KeyValueDriver = EmbeddedKeyValue()
    objects: ObjectsDriver = PosixObjects()
    database: DatabaseDriver = SqliteDatabase()
    gateway: Gateway = Gateway()
    configstore: Internal = Internal()
    runservice: Internal = Internal()
    scheduler: Internal = Internal()
    gitserver: Gitserver = Gitserver()
    executor: Executor = Executor()
    encryption: Encryption = Encryption()
    log: Log = Log()
