"""The configstore's records: users with all that is theirs, and project groups."""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from enum import Enum
from typing import Any
from uuid import UUID, uuid5

import msgspec
from msgspec import Struct

from agola.datamanager.port import StoredObject
from agola.maintenance.legacy.document import read
from agola.maintenance.legacy.entries import Entry, Place, invalid
from agola.model.project_group import Owner, OwnerKind, ProjectGroup, ProjectGroupID, Visibility
from agola.model.user import User, UserID, UserToken, UserTokenID, is_id, token_digest

HOMELESS = frozenset(
    {"orgmember", "project", "remotesource", "secret", "variable", "orginvitation"}
)
"""What the original keeps and we do not, or not yet."""

_NAMESPACE = UUID("0f5e1a4e-6f0c-5d0b-9a55-2b6c1b7f7a07")
"""Makes ids and etags that are the same whenever the same export is read."""


class _User(Struct, frozen=True):
    id: str
    name: str
    admin: bool = False
    password: str = ""
    tokens: dict[str, str] = {}
    linked_accounts: dict[str, Any] = {}


class _ParentKind(Enum):
    USER = "user"
    ORGANIZATION = "org"
    PROJECT_GROUP = "projectgroup"


class _Parent(Struct, frozen=True):
    type: _ParentKind
    id: str


class _ProjectGroup(Struct, frozen=True):
    id: str
    parent: _Parent
    visibility: Visibility
    name: str = ""


async def configstore_objects(
    found: AsyncIterable[Entry], skipped: Counter[str]
) -> AsyncGenerator[StoredObject, None]:
    """Give users, each followed by their tokens, then the project groups that hang together.

    The groups are held back until all are known: their owner is that of their root.  Those whose
    owner, or whose parent, was deleted are counted with what was skipped: nobody could reach them
    in the original either.
    """
    users, groups = _Users(skipped), _Groups()
    async for entry in found:
        match entry.place.data_type:
            case "user":
                for stored in users.take(entry):
                    yield stored
            case "projectgroup":
                groups.take(entry)
            case "org":
                groups.owners.add((_ParentKind.ORGANIZATION, entry.place.id))
                skipped["org"] += 1
            case homeless if homeless in HOMELESS:
                skipped[homeless] += 1
            case _:
                raise invalid(entry.place, "is not of a configstore")
    groups.owners |= {(_ParentKind.USER, user_id) for user_id in users.ids.values()}
    for group in groups.finished(skipped):
        yield StoredObject("projectgroup", group.id, msgspec.json.encode(group))


class _Users:
    def __init__(self, skipped: Counter[str]) -> None:
        self.ids: dict[str, str] = {}
        """By name."""
        self._skipped = skipped

    def take(self, entry: Entry) -> Iterator[StoredObject]:
        source = read(entry, _User)
        _check_id(entry.place, source.id)
        if not source.name or is_id(source.name):
            raise invalid(entry.place, f"has the name {source.name!r}")
        if source.name in self.ids:
            raise invalid(entry.place, f"has the name {source.name!r}, like another one")
        self.ids[source.name] = source.id
        user = User(
            id=UserID(source.id), name=source.name, admin=source.admin, etag=_made_id(source.id)
        )
        yield StoredObject("user", user.id, msgspec.json.encode(user))
        for token in self._tokens(source):
            yield StoredObject("usertoken", token.id, msgspec.json.encode(token))
        self._count("user.linked_accounts", len(source.linked_accounts))
        self._count("user.password", 1 if source.password else 0)

    def _tokens(self, source: _User) -> Iterator[UserToken]:
        for name, value in source.tokens.items():
            if value:
                yield UserToken(
                    id=UserTokenID(_made_id(f"{source.id}/{name}")),
                    user_id=UserID(source.id),
                    name=name,
                    digest=token_digest(value),
                )
            else:  # nobody shall log in with nothing
                self._count("user.tokens", 1)

    def _count(self, part: str, number: int) -> None:
        if number:
            self._skipped[part] += number


class _Groups:
    def __init__(self) -> None:
        self.owners: set[tuple[_ParentKind, str]] = set()
        self._groups: dict[str, _ProjectGroup] = {}

    def take(self, entry: Entry) -> None:
        group = read(entry, _ProjectGroup)
        _check_id(entry.place, group.id)
        is_root = group.parent.type is not _ParentKind.PROJECT_GROUP
        if is_root == bool(group.name):
            raise invalid(entry.place, "has a name and no group above it, or neither")
        self._groups[group.id] = group

    def finished(self, skipped: Counter[str]) -> Iterator[ProjectGroup]:
        for group in self._groups.values():
            owner = self._owner(group)
            if owner is None:
                skipped["projectgroup"] += 1
                continue
            yield ProjectGroup(
                id=ProjectGroupID(group.id),
                owner=owner,
                name=group.name,
                parent_id=ProjectGroupID(group.parent.id) if group.name else None,
                visibility=group.visibility,
                etag=_made_id(group.id),
            )

    def _owner(self, group: _ProjectGroup) -> Owner | None:
        """Go up to the root; None when there is no way, or it leads to nobody."""
        seen: set[str] = set()
        above: _ProjectGroup | None = group
        while above and above.parent.type is _ParentKind.PROJECT_GROUP and above.id not in seen:
            seen.add(above.id)
            above = self._groups.get(above.parent.id)
        if above is None or (above.parent.type, above.parent.id) not in self.owners:
            return None
        return Owner(kind=OwnerKind(above.parent.type.value), id=above.parent.id)


def _check_id(place: Place, id_: str) -> None:
    if id_ != place.id:
        raise invalid(place, f"says that its id is {id_!r}")
    if not is_id(id_):
        raise invalid(place, "has an id that is no UUID")


def _made_id(text: str) -> str:
    return str(uuid5(_NAMESPACE, text))
