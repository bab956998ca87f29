"""Pages of lists: how large, and where the next one starts."""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence

from agola.core.errors import BadRequestError

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000


def page_size(asked: int) -> int:
    """Say how many items a page has.  BadRequestError: PAGE_SIZE_INVALID."""
    if asked < 0:
        message = f"a page cannot have {asked} items"
        raise BadRequestError(message, reason="PAGE_SIZE_INVALID", pageSize=str(asked))
    return min(asked or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)


def encode_token(last: str, *, query: Sequence[str] = ()) -> str:
    """Name the place behind the item with sort key *last*, in the list that *query* asks for."""
    return base64.urlsafe_b64encode(json.dumps([last, _digest(query)]).encode()).decode()


def decode_token(token: str, *, query: Sequence[str] = ()) -> str:
    """Give the sort key of the last item of the page before, or "" for the first page.

    BadRequestError: PAGE_TOKEN_INVALID, also when the token belongs to another query.
    """
    if not token:
        return ""
    try:
        last, digest = json.loads(base64.b64decode(token, altchars=b"-_", validate=True))
        if isinstance(last, str) and hmac.compare_digest(str(digest), _digest(query)):
            return last
    except (ValueError, TypeError):
        pass
    raise BadRequestError(
        "the page token is not one of this list: start again without one",
        reason="PAGE_TOKEN_INVALID",
    )


def _digest(query: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(query)).encode()).hexdigest()[:16]
