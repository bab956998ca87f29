"""`agola login`: remember a gateway and a token."""

import argparse
import asyncio
import getpass
import os
import sys

from agola.cli import credentials, exits
from agola.cli.connection import to
from agola.cli.credentials import Access
from agola.cli.output import print_json
from agola.core.errors import BadRequestError
from agola.model.user import User


def run(args: argparse.Namespace) -> int:
    """Check the token, then save it."""
    url = credentials.access(args).url
    login = Access(url, _token(args).strip())
    if not login.token:
        raise BadRequestError("no token was given", reason="TOKEN_REQUIRED")
    user = asyncio.run(_user(login))
    credentials.save(login)
    if args.output == "json":
        print_json({"gateway_url": url, "user": user})
    else:
        print(f"logged in at {url} as {user.name}")
    return exits.OK


async def _user(login: Access) -> User:
    async with to(login) as gateway:
        return await gateway.auth.get_current_user()


def _token(args: argparse.Namespace) -> str:
    """Take the token from where it is given, else ask for it without showing it."""
    if args.token_stdin and args.token:
        message = "--token and --token-stdin exclude each other"
        raise BadRequestError(message, reason="TOKEN_GIVEN_TWICE")
    given: str = args.token or ("" if args.token_stdin else os.environ.get("AGOLA_TOKEN", ""))
    if given:
        return given
    if args.token_stdin or not sys.stdin.isatty():
        return sys.stdin.readline()
    return getpass.getpass("Token: ")
