"""agola.rpc.window."""

from hypothesis import given
from hypothesis import strategies as st

from agola.rpc.window import LogWindow


@given(
    start=st.integers(0, 1000),
    limit=st.integers(1, 200),
    pieces=st.lists(st.binary(min_size=1, max_size=60), max_size=60),
)
def test_every_place_in_the_window_has_its_bytes(
    start: int, limit: int, pieces: list[bytes]
) -> None:
    window = LogWindow(start, limit)
    whole = b""
    for piece in pieces:
        window.append(piece)
        whole += piece
        assert window.high == start + len(whole)
        assert window.high - window.low <= max(limit, len(piece))
        for position in range(window.low, window.high):
            chunk = window.take(position)
            assert chunk.offset == position
            assert chunk.data
            assert whole[position - start :].startswith(chunk.data)


def test_a_late_reader_gets_many_small_chunks_as_one() -> None:
    window = LogWindow(0, 8000)
    for _ in range(10):
        window.append(b"line\n")
    assert window.take(0).data == b"line\n" * 10


def test_a_large_chunk_is_passed_on_without_a_copy() -> None:
    window = LogWindow(0, 8000)
    data = b"x" * 1000
    window.append(data)
    assert window.take(0).data is data


def test_bytes_stay_until_the_window_is_full() -> None:
    window = LogWindow(0, 800)
    for _ in range(8):
        window.append(bytes(100))
    assert (window.low, window.full) == (0, False)
    window.append(bytes(100))
    assert (window.low, window.full) == (100, True)
