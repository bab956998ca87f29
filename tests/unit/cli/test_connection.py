"""agola.cli.connection: a gateway that cannot be reached, in words for people."""

import grpc
import pytest

from agola.cli.connection import to
from agola.cli.credentials import Access
from agola.core.errors import AgolaError
from agola.rpc.status import from_rpc_error


@pytest.mark.parametrize(
    ("code", "said", "words"),
    [
        (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", "it does not answer in time"),
        (
            grpc.StatusCode.UNAVAILABLE,
            "on_write_finished (Pending writes failed (recvmsg:Connection reset by peer))",
            "the connection was broken off",
        ),
        (
            grpc.StatusCode.UNAVAILABLE,
            "failed to connect to all addresses; last error: UNKNOWN: Connection refused",
            "Connection refused",
        ),
    ],
)
async def test_what_grpc_says_is_told_in_words(
    code: grpc.StatusCode, said: str, words: str
) -> None:
    nothing = grpc.aio.Metadata()
    with pytest.raises(AgolaError) as caught:
        async with to(Access("http://127.0.0.1:8000", token="t")):
            raise from_rpc_error(grpc.aio.AioRpcError(code, nothing, nothing, details=said))
    assert caught.value.message == f"cannot reach the gateway at http://127.0.0.1:8000: {words}"
