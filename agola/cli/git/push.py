"""Sending a snapshot to where direct runs are fetched from."""

import base64
import os
from dataclasses import dataclass

from agola.cli.git.snapshot import Snapshot
from agola.core.errors import ForbiddenError, PreconditionError, UnavailableError


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a snapshot is pushed to, and as whom."""

    url: str
    ref: str
    username: str


async def push(snapshot: Snapshot, destination: Destination, *, token: str, show: bool) -> None:
    """Make the ref at the destination the snapshot, whatever it was before.

    The token is in no argument and in no file, but in the environment of git, as a header for this
    URL only.  No hook, helper or prompt of the user's own git takes part.  ForbiddenError:
    PUSH_REFUSED.  UnavailableError: PUSH_UNREACHABLE.  PreconditionError: GIT_FAILED.
    """
    url = destination.url
    git = snapshot.git.with_environment(_settings(destination, token))
    arguments = (
        *("push", "--force", "--no-verify", "--no-follow-tags", "--no-signed"),
        *("--recurse-submodules=no", "--progress" if show else "--quiet"),
        *(url, f"{snapshot.commit}:{destination.ref}"),
    )
    try:
        await git.shown(*arguments, show=show)
    except PreconditionError as error:
        said = error.metadata["output"]
        if any(sign in said for sign in ("could not read", "Authentication failed", "error: 403")):
            message = f"{url} refuses the token"
            raise ForbiddenError(message, reason="PUSH_REFUSED", url=url) from error
        if any(sign in said for sign in ("Failed to connect", "Could not resolve", "error: 5")):
            message = f"cannot push to {url}: {said}"
            raise UnavailableError(
                message, reason="PUSH_UNREACHABLE", url=url, output=said
            ) from error
        raise


def _settings(destination: Destination, token: str) -> dict[str, str]:
    credentials = base64.b64encode(f"{destination.username}:{token}".encode()).decode()
    settings = {
        f"http.{destination.url}.extraHeader": f"Authorization: Basic {credentials}",
        "http.followRedirects": "false",  # nor do we carry the token anywhere else
        "credential.helper": "",
        "push.pushOption": "",
    }
    given = int(os.environ.get("GIT_CONFIG_COUNT") or 0)  # those of the user stay
    environment = {
        "GIT_CONFIG_COUNT": str(given + len(settings)),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
    }
    for index, (key, value) in enumerate(settings.items(), given):
        environment[f"GIT_CONFIG_KEY_{index}"] = key
        environment[f"GIT_CONFIG_VALUE_{index}"] = value
    return environment
