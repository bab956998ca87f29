"""agola.core.log."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from agola.core.log import configure


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the root logger as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_program_gets_one_json_object_a_line() -> None:
    stream = io.StringIO()
    configure("info", "auto", stream=stream)
    logging.getLogger("agola.test").info("run %s is queued", "r1")
    logging.getLogger("agola.test").debug("not this")
    logging.getLogger("agola.test").error("failed", exc_info=LookupError("lost"))
    first, second = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (first["event"], first["level"]) == ("run r1 is queued", "info")
    assert "LookupError: lost" in second["exception"]


def test_a_person_gets_text() -> None:
    stream = io.StringIO()
    configure("debug", "text", stream=stream)
    logging.getLogger("agola.test").debug("hello")
    assert "hello" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_a_client_that_has_gone_is_no_failure_of_grpc() -> None:
    stream = io.StringIO()
    configure("debug", "text", stream=stream)
    logger = logging.getLogger("grpc._cython.cygrpc")
    logger.error("ExecuteBatchError raised in core by servicer method [%s]", "/x/Export")
    assert not stream.getvalue()
    logger.error("something else")
    assert "something else" in stream.getvalue()
