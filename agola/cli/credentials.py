"""Which gateway, and which token: from flags, the environment, or what `agola login` saved."""

import argparse
import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from msgspec import Struct

from agola.core.errors import BadRequestError, PreconditionError, UnauthorizedError

DEFAULT_URL = "http://127.0.0.1:8000"
URL_VARIABLE = "AGOLA_GATEWAY_URL"
TOKEN_VARIABLE = "AGOLA_TOKEN"  # noqa: S105 (the name of the variable)

_ADDRESS = re.compile(r"(?:http://|grpc://)?([^/\s:]+|\[[0-9a-fA-F:.]+\]):([0-9]{1,5})/?")


class Saved(Struct, kw_only=True):
    """What is remembered: a token for each gateway, and the gateway of the last login."""

    gateway_url: str = ""
    tokens: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Access:
    """A gateway and a token for it."""

    url: str
    token: str = field(default="", repr=False)

    @property
    def target(self) -> str:
        """The gateway as gRPC names it.  BadRequestError: GATEWAY_URL_INVALID."""
        if self.url.startswith("unix:"):
            return self.url
        if found := _ADDRESS.fullmatch(self.url):
            return f"{found[1]}:{found[2]}"
        if self.url.startswith(("https://", "grpcs://")):
            message = f'"{self.url}" asks for TLS, which is not supported: use http:// instead'
        else:
            message = f'"{self.url}" is no address of a gateway; write it like {DEFAULT_URL}'
        raise BadRequestError(message, reason="GATEWAY_URL_INVALID", url=self.url)

    @property
    def known_token(self) -> str:
        """The token.  UnauthorizedError: TOKEN_REQUIRED."""
        if self.token:
            return self.token
        message = f"no token for {self.url}: run `agola login`, or set {TOKEN_VARIABLE}"
        raise UnauthorizedError(message, reason="TOKEN_REQUIRED")


def access(args: argparse.Namespace) -> Access:
    """Find out whom to talk to.  A saved token goes only to the gateway that it was saved for."""
    saved = load()
    given = args.gateway_url or os.environ.get(URL_VARIABLE) or saved.gateway_url
    url = (given or DEFAULT_URL).rstrip("/")
    token = args.token or os.environ.get(TOKEN_VARIABLE) or saved.tokens.get(url, "")
    return Access(url, token.strip())


def path() -> Path:
    """Say where credentials are saved."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "agola" / "credentials.json"


def load() -> Saved:
    """Read what was saved.  PreconditionError: CREDENTIALS_UNREADABLE."""
    try:
        return msgspec.json.decode(path().read_bytes(), type=Saved)
    except FileNotFoundError:
        return Saved()
    except msgspec.MsgspecError as error:
        message = f"{path()} is damaged: remove it, then run `agola login`"
        raise PreconditionError(message, reason="CREDENTIALS_UNREADABLE") from error


def save(login: Access) -> None:
    """Remember a gateway and its token, readable by the user alone."""
    saved = load()
    saved.gateway_url = login.url
    saved.tokens[login.url] = login.token
    directory = path().parent
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp makes files that nobody else can read, and the rename is all or nothing.
    handle, name = tempfile.mkstemp(dir=directory)
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(saved)) + b"\n")
    Path(name).replace(path())
