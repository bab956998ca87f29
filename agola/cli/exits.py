"""How a command ends: what the numbers mean, and which error gives which."""

from agola.core.errors import AgolaError, Kind

OK = 0
FAILED = 1
USAGE = 2
REFUSED = 3
NOT_FOUND = 4
UNAVAILABLE = 5
INTERRUPTED = 130
PIPE_CLOSED = 141

MEANINGS = {
    OK: "done; of a run that was watched: it succeeded",
    FAILED: "not done; of a run that was watched: it did not succeed",
    USAGE: "the command line is wrong, or the server refuses a value as such",
    REFUSED: "no token, a wrong one, or one that may not do this",
    NOT_FOUND: "there is no such thing",
    UNAVAILABLE: "the server cannot be reached, or cannot answer now",
    INTERRUPTED: "interrupted",
}

_OF_KIND = {
    Kind.BAD_REQUEST: USAGE,
    Kind.UNAUTHORIZED: REFUSED,
    Kind.FORBIDDEN: REFUSED,
    Kind.NOT_EXIST: NOT_FOUND,
    Kind.UNAVAILABLE: UNAVAILABLE,
}


def exit_code(error: AgolaError) -> int:
    """Give the exit code of a command that ends with *error*."""
    return _OF_KIND.get(error.kind, FAILED)


def sentence(error: AgolaError) -> str:
    """Say what happened in one line, with the reason for those who look it up."""
    message = " ".join(error.message.split()).rstrip(".")
    return f"agola: {message} ({error.reason})"
