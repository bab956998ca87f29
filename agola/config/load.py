"""From a file, the environment and the command line to one `Config`."""

import hashlib
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec
import yaml
from msgspec import structs

from agola.config.model import (
    DEFAULT_LISTEN,
    Config,
    Gateway,
    Gitserver,
    Internal,
    ObjectsDriver,
    S3Objects,
)
from agola.core.errors import BadRequestError

MAX_RUNTIME_DIR_CHARS = 80
"""A socket's path may have 107 bytes on Linux, 103 elsewhere."""

MAX_PORT = 65_535

INTERNAL_TOKEN_FILE = "internal-token"  # noqa: S105 (a file's name)


def parse(text: str, *, source: str) -> Config:
    """Read a configuration file.

    BadRequestError: CONFIG_INVALID, with the path of the key that is wrong.
    """
    try:
        content = yaml.safe_load(text)
        return msgspec.convert({} if content is None else content, Config, dec_hook=_converted)
    except (yaml.YAMLError, msgspec.ValidationError, TypeError) as error:
        detail = " ".join(str(error).split())
        if isinstance(error, msgspec.ValidationError) and " - at `" not in detail:
            detail += " - at `$`"  # the top has a path like any other place
        message = f"{source}: {detail}"
        raise BadRequestError(
            message, reason="CONFIG_INVALID", source=source, detail=detail
        ) from error


def _converted(kind: type, value: object) -> object:
    """Read what YAML has no type for."""
    if kind is Path and isinstance(value, str):
        return Path(value)
    message = f"expected {kind.__name__.lower()}, got {type(value).__name__}"
    raise TypeError(message)


def default_data_dir(environment: Mapping[str, str]) -> Path:
    """Say where an installation lives that was not told: the XDG data directory of the user."""
    if given := environment.get("AGOLA_DATA_DIR"):
        return Path(given)
    data_home = environment.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data_home) / "agola"


def load(
    *,
    path: Path | None,
    data_dir: Path | None,
    listen: str | None,
    environment: Mapping[str, str] = os.environ,
) -> Config:
    """Make the configuration of a process: what is said last wins; what nobody said is filled in.

    Creates the data directory, and at the first start the internal token.  BadRequestError:
    CONFIG_INVALID, CONFIG_UNREADABLE, DATA_DIR_UNUSABLE.
    """
    config = parse(_text_of(path), source=str(path)) if path else Config()
    chosen = data_dir or _unless_unset(config.data_dir) or default_data_dir(environment)
    directory = chosen.expanduser().absolute()
    _make_private(directory)
    runtime = _unless_unset(config.runtime_dir) or runtime_dir_of(directory)
    _make_private(runtime)
    token = environment.get("AGOLA_INTERNAL_TOKEN") or config.internal_token
    filled = structs.replace(
        config,
        data_dir=directory,
        runtime_dir=runtime,
        internal_token=token or _kept_token(directory / INTERNAL_TOKEN_FILE),
        admin_token=environment.get("AGOLA_ADMIN_TOKEN") or config.admin_token,
        objects=_with_keys(config.objects, environment),
        gateway=structs.replace(config.gateway, listen=listen or config.gateway.listen),
    )
    return with_addresses(filled)


def _with_keys(objects: ObjectsDriver, environment: Mapping[str, str]) -> ObjectsDriver:
    """Take the keys of S3 from the environment, where they can be secret."""
    if not isinstance(objects, S3Objects):
        return objects
    return structs.replace(
        objects,
        access_key=environment.get("AGOLA_S3_ACCESS_KEY") or objects.access_key,
        secret_key=environment.get("AGOLA_S3_SECRET_KEY") or objects.secret_key,
    )


def runtime_dir_of(data_dir: Path) -> Path:
    """Say where the sockets of an installation are: the same for every process on its data.

    In the data directory, or where that makes a path too long for a socket, in a private directory
    among the temporary ones.
    """
    beside = data_dir / "run"
    if len(str(beside)) <= MAX_RUNTIME_DIR_CHARS:
        return beside
    digest = hashlib.sha256(str(data_dir).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"agola-{os.getuid()}-{digest}"


def with_addresses(config: Config) -> Config:
    """Fill in where each component listens and where others reach it."""
    sockets = {
        name: _addressed(getattr(config, name), config.runtime_dir / f"{name}.sock")
        for name in ("configstore", "runservice", "scheduler", "gitserver", "executor")
    }
    filled = structs.replace(config, **sockets)
    return structs.replace(filled, gitserver=_git_addressed(filled.gitserver, filled.gateway))


def _addressed(section: Internal, socket: Path) -> Internal:
    listen = section.listen or f"unix:{socket}"
    return structs.replace(section, listen=listen, target=section.target or listen)


def _git_addressed(gitserver: Gitserver, gateway: Gateway) -> Gitserver:
    listen = gitserver.http_listen or next_port(gateway.listen)
    return structs.replace(
        gitserver, http_listen=listen, http_url=gitserver.http_url or f"http://{listen}"
    )


def next_port(address: str) -> str:
    """Give the address whose port is one higher; 0, any port, stays."""
    host, _, port = (address or DEFAULT_LISTEN).rpartition(":")
    if not port.isdecimal() or int(port) >= MAX_PORT:  # its neighbour has to be one, too
        message = f"{address!r} is no address: host:port is expected"
        raise BadRequestError(message, reason="CONFIG_INVALID", address=address)
    return f"{host}:{int(port) + 1 if int(port) else 0}"


def _unless_unset(path: Path) -> Path | None:
    return path if path != Path() else None


def _text_of(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot read the configuration {path}: {error}"
        raise BadRequestError(message, reason="CONFIG_UNREADABLE", path=str(path)) from error


def _make_private(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if directory.stat().st_uid != os.getuid():
            raise PermissionError(None, "it belongs to somebody else")
        if not os.access(directory, os.W_OK | os.X_OK):
            raise PermissionError(None, "it is not writable")
    except OSError as error:
        message = f"cannot use {directory} as data directory: {error.strerror}"
        raise BadRequestError(
            message, reason="DATA_DIR_UNUSABLE", directory=str(directory)
        ) from error


def _kept_token(path: Path) -> str:
    """Read the token, or make it: whole or not at all, whoever else starts at the same time."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(32))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return path.read_text()
