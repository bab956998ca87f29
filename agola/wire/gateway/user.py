"""Users and their tokens."""

from agola.core.errors import BadRequestError
from agola.model.user import IssuedToken, User, UserChange, UserID, UserToken, UserTokenID
from agola.wire.timestamp import timestamp_from_pb, timestamp_to_pb
from generated.agola.gateway.v1 import user_pb2, user_service_pb2, user_token_pb2

USER_FIELDS = frozenset({"name", "admin"})
"""The fields of a user that an update may change."""


def user_to_pb(user: User) -> user_pb2.User:
    return user_pb2.User(
        id=user.id,
        name=user.name,
        admin=user.admin,
        create_time=timestamp_to_pb(user.create_time),
        update_time=timestamp_to_pb(user.update_time),
        etag=user.etag,
    )


def user_from_pb(message: user_pb2.User) -> User:
    return User(
        id=UserID(message.id),
        name=message.name,
        admin=message.admin,
        create_time=timestamp_from_pb(message, "create_time"),
        update_time=timestamp_from_pb(message, "update_time"),
        etag=message.etag,
    )


def user_token_to_pb(token: UserToken) -> user_token_pb2.UserToken:
    """Say a token without its digest, which is nobody's business."""
    return user_token_pb2.UserToken(
        id=token.id,
        user_id=token.user_id,
        name=token.name,
        scopes=token.scopes,
        create_time=timestamp_to_pb(token.create_time),
        expire_time=timestamp_to_pb(token.expire_time),
        last_use_time=timestamp_to_pb(token.last_use_time),
    )


def user_token_from_pb(message: user_token_pb2.UserToken) -> UserToken:
    return UserToken(
        id=UserTokenID(message.id),
        user_id=UserID(message.user_id),
        name=message.name,
        scopes=tuple(message.scopes),
        create_time=timestamp_from_pb(message, "create_time"),
        expire_time=timestamp_from_pb(message, "expire_time"),
        last_use_time=timestamp_from_pb(message, "last_use_time"),
    )


def issued_token_to_pb(issued: IssuedToken) -> user_service_pb2.CreateUserTokenResponse:
    return user_service_pb2.CreateUserTokenResponse(
        user_token=user_token_to_pb(issued.token), token=issued.value
    )


def issued_token_from_pb(message: user_service_pb2.CreateUserTokenResponse) -> IssuedToken:
    return IssuedToken(user_token_from_pb(message.user_token), message.token)


def user_change_to_pb(
    user_ref: str, change: UserChange, *, etag: str = ""
) -> user_service_pb2.UpdateUserRequest:
    request = user_service_pb2.UpdateUserRequest(
        user_ref=user_ref,
        user=user_pb2.User(name=change.name or "", admin=bool(change.admin), etag=etag),
    )
    paths = {"name": change.name, "admin": change.admin}
    request.update_mask.paths.extend(path for path, value in paths.items() if value is not None)
    return request


def user_change_from_pb(request: user_service_pb2.UpdateUserRequest) -> UserChange:
    """Read which fields to change.  BadRequestError: `UPDATE_MASK_INVALID`."""
    paths = set(request.update_mask.paths)
    if unknown := paths - USER_FIELDS - {"*"}:
        path = min(unknown)
        message = f"a user has no field {path!r} that could be updated"
        raise BadRequestError(message, reason="UPDATE_MASK_INVALID", path=path)
    if "*" in paths:
        paths = set(USER_FIELDS)
    elif not paths:
        paths = {field.name for field, _ in request.user.ListFields()}
    return UserChange(
        name=request.user.name if "name" in paths else None,
        admin=request.user.admin if "admin" in paths else None,
    )
