"""`agola user`: users and their tokens."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from agola.cli import exits
from agola.cli.connection import Gateway, connected
from agola.cli.output import print_json, print_table
from agola.cli.pages import collect
from agola.core.ids import RandomIds
from agola.model.page import Page
from agola.model.user import IssuedToken, User, UserToken

T = TypeVar("T")


def create(args: argparse.Namespace) -> int:
    async def created(gateway: Gateway) -> User:
        request_id = RandomIds().uuid()
        return await gateway.users.create_user(args.name, admin=args.admin, request_id=request_id)

    user = _with_gateway(args, created)
    if args.output == "json":
        print_json(user)
    else:
        print(f"created user {user.name}" + (", an administrator" if user.admin else ""))
    return exits.OK


def list_(args: argparse.Namespace) -> int:
    async def listed(gateway: Gateway) -> list[User]:
        return await collect(gateway.users.list_users, args.limit)

    users = _with_gateway(args, listed)
    if args.output == "json":
        print_json({"users": users})
    else:
        rows = [(user.name, "yes" if user.admin else "", user.id) for user in users]
        print_table(("NAME", "ADMIN", "ID"), rows)
    return exits.OK


def create_token(args: argparse.Namespace) -> int:
    """Print the value alone, so that a script can take it."""

    async def created(gateway: Gateway) -> IssuedToken:
        return await gateway.users.create_user_token(
            args.name, user_ref=args.user, request_id=RandomIds().uuid()
        )

    issued = _with_gateway(args, created)
    if args.output == "json":
        print_json({"user_token": issued.token, "token": issued.value})
    else:
        print(issued.value)
    return exits.OK


def list_tokens(args: argparse.Namespace) -> int:
    async def listed(gateway: Gateway) -> list[UserToken]:
        async def page(*, page_size: int, page_token: str) -> Page[UserToken]:
            return await gateway.users.list_user_tokens(
                user_ref=args.user, page_size=page_size, page_token=page_token
            )

        return await collect(page, args.limit)

    tokens = _with_gateway(args, listed)
    if args.output == "json":
        print_json({"user_tokens": tokens})
    else:
        rows = [(token.name, " ".join(token.scopes) or "everything", token.id) for token in tokens]
        print_table(("NAME", "SCOPES", "ID"), rows)
    return exits.OK


def delete_token(args: argparse.Namespace) -> int:
    async def deleted(gateway: Gateway) -> None:
        await gateway.users.delete_user_token(args.name, user_ref=args.user)

    _with_gateway(args, deleted)
    if args.output == "json":
        print_json({})
    else:
        print(f"revoked token {args.name}")
    return exits.OK


def _with_gateway(args: argparse.Namespace, use: Callable[[Gateway], Awaitable[T]]) -> T:
    async def used() -> T:
        async with connected(args) as gateway:
            return await use(gateway)

    return asyncio.run(used())
