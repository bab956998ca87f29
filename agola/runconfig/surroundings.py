"""The environment that every step can rely on, whatever the definition says."""

import re

from agola.runconfig.cursor import Cursor

INPUT_PREFIX = "AGOLA_INPUT_"

ENVIRONMENT = {
    "AGOLA_REPOSITORY_URL": "The address that the clone step fetches from.",
    "AGOLA_GIT_HOST": "The host in that address.",
    "AGOLA_GIT_PORT": "The port in that address.",
    "AGOLA_GIT_REF_TYPE": "What the run is for: `branch`, `tag` or `pull_request`.",
    "AGOLA_GIT_REF": "The full name of the ref, such as `refs/heads/main`.",
    "AGOLA_GIT_BRANCH": "The branch; empty if the run is for none.",
    "AGOLA_GIT_TAG": "The tag; empty if the run is for none.",
    "AGOLA_PULL_REQUEST_ID": "The number of the pull request; empty if the run is for none.",
    "AGOLA_GIT_COMMITSHA": "The full id of the commit.",
    "AGOLA_RUN_COUNTER": "The number of the run.",
    "AGOLA_TASK_ID": "The id of the task.",
    "AGOLA_EXECUTOR_ID": "The id of the executor that runs it.",
}
"""Names that start with `AGOLA_`, and what they say.  `CI` is always `true`, besides."""

_ASSIGNMENT = re.compile(r"(AGOLA_[A-Za-z0-9_]+)=")
_MENTION = re.compile(r"\$\{?(AGOLA_[A-Za-z0-9_]+)")


def warn_of_unknown_names(cursor: Cursor, command: str, own: frozenset[str]) -> None:
    """Note the names in *command* that start with `AGOLA_` and that nobody sets.

    *own* are those that the task itself sets; the command may do so, too.
    """
    if "AGOLA_" not in command:
        return
    known = {*ENVIRONMENT, *own, *_ASSIGNMENT.findall(command)}
    for name in dict.fromkeys(_MENTION.findall(command)):
        if name not in known:
            cursor.warning(f"nobody sets ${name[:100]}", cursor.guess(name, ENVIRONMENT))
