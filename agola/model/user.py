"""Users, and the tokens that let programs act for them."""

import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import NewType

from msgspec import Struct

UserID = NewType("UserID", str)
UserTokenID = NewType("UserTokenID", str)

MAX_NAME_CHARACTERS = 40
NAME_RULE = "1 to 40 ASCII letters and digits, a letter first, single hyphens within, and no UUID"
MAX_SCOPES = 32
TOKEN_PREFIX = "agola_"  # noqa: S105 (what all tokens start with, so that scanners find leaked ones)

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9]*(-[a-zA-Z0-9]+)*", re.ASCII)
_SCOPE = re.compile(r"[a-z]+(-[a-z]+)*:[a-z]+(-[a-z]+)*", re.ASCII)


class User(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody who may log in."""

    id: UserID
    name: str
    admin: bool = False
    """May do everything, everywhere."""
    create_time: datetime | None = None
    update_time: datetime | None = None
    etag: str = ""
    """Changes whenever the user does."""
    request_id: str = ""
    """The call that created it: repeated, it gives this user again."""
    format: int = 1


class UserToken(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Lets a program act for a user.  The value itself is nowhere: only its digest is kept."""

    id: UserTokenID
    user_id: UserID
    name: str
    scopes: tuple[str, ...] = ()
    """What it may be used for, each `<noun>:<verb>`.  None: everything that its user may do."""
    create_time: datetime | None = None
    expire_time: datetime | None = None
    last_use_time: datetime | None = None
    """About when, to the hour."""
    digest: str = ""
    request_id: str = ""
    format: int = 1


@dataclass(frozen=True, slots=True)
class UserChange:
    """The fields of a user to change, and to what.  None: not this one."""

    name: str | None = None
    admin: bool | None = None


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token together with its value, which is shown once."""

    token: UserToken
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a token stands for, and the token, for its scopes."""

    user: User
    token: UserToken


def is_name(text: str) -> bool:
    """Say whether *text* may name a user, a token, a project, or anything else that has a name.

    1 to 40 characters: an ASCII letter, then ASCII letters and digits with single hyphens between
    them.  Nothing that reads as a UUID: see `is_id`.
    """
    return len(text) <= MAX_NAME_CHARACTERS and bool(_NAME.fullmatch(text)) and not is_id(text)


def shortened(text: str) -> str:
    """Give what was meant as a name, for a message: not more of it than a name can have."""
    return text if len(text) <= MAX_NAME_CHARACTERS else text[:MAX_NAME_CHARACTERS] + "…"


def is_id(text: str) -> bool:
    """Say whether a reference is an id; else it is a name.  No text is both."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def is_scope(text: str) -> bool:
    """Say whether *text* has the form of a scope, such as `run:read`."""
    return bool(_SCOPE.fullmatch(text))


def token_digest(value: str) -> str:
    """Say under which digest the value of a token is known: SHA-256, in hexadecimal.

    Values have 256 random bits, so that neither salt nor stretching would add anything.
    """
    return sha256(value.encode()).hexdigest()
