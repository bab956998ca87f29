"""Project groups: the tree that projects live in."""

from datetime import datetime
from enum import Enum
from typing import NewType

from msgspec import Struct

ProjectGroupID = NewType("ProjectGroupID", str)


class Visibility(Enum):
    """Who may see something without having a role in it."""

    PUBLIC = "public"
    PRIVATE = "private"


class OwnerKind(Enum):
    """Whom a tree of project groups may belong to."""

    USER = "user"
    ORGANIZATION = "org"


class Owner(Struct, frozen=True, kw_only=True):
    """Whom a tree of project groups belongs to."""

    kind: OwnerKind
    id: str


class ProjectGroup(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Holds projects and further groups, and what they inherit.

    The root of an owner's tree has no name and no parent.
    """

    id: ProjectGroupID
    owner: Owner
    name: str = ""
    parent_id: ProjectGroupID | None = None
    visibility: Visibility = Visibility.PUBLIC
    create_time: datetime | None = None
    update_time: datetime | None = None
    etag: str = ""
    format: int = 1
