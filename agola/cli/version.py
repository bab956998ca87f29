"""`agola version`: this program's and the server's."""

import argparse
import asyncio

from agola import __version__
from agola.cli import exits
from agola.cli.connection import to
from agola.cli.credentials import access
from agola.cli.output import print_json
from agola.core.errors import AgolaError


def run(args: argparse.Namespace) -> int:
    """Print both versions.  A server that does not answer is no reason to fail."""
    server, problem = asyncio.run(_server(args))
    if args.output == "json":
        print_json({"client": __version__, "server": server, "problem": problem})
    else:
        print(f"client {__version__}")
        print(f"server {server or 'unknown: ' + str(problem)}")
    return exits.OK


async def _server(args: argparse.Namespace) -> tuple[str | None, str | None]:
    """Give the server's version, or why it is not known."""
    try:
        async with to(access(args)) as gateway:
            return await gateway.auth.get_server_version(), None
    except AgolaError as error:
        return None, error.message
