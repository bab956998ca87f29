"""agola.services.gitserver.store.commit."""

from datetime import UTC, datetime

import pytest

from agola.model.repository import Signature
from agola.services.gitserver.store.commit import commit_from_object

SHA = "0" * 40


def test_other_headers_are_passed_over() -> None:
    data = (
        b"tree 1\nparent 2\nparent 3\nauthor A U Thor <a@b> 0 +0000\n"
        b"committer C <> 1767323045 -0500\ngpgsig -----BEGIN\n author no\n parent no\n -----END\n\n"
        b"subject\n\nbody\n\nmore\n"
    )
    commit = commit_from_object(SHA, data)
    assert commit.parents == ("2", "3")
    assert commit.author == Signature(
        name="A U Thor", email="a@b", time=datetime(1970, 1, 1, tzinfo=UTC)
    )
    assert commit.committer.name == "C"
    assert commit.committer.time == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert commit.message == "subject\n\nbody\n\nmore\n"


@pytest.mark.parametrize("encoding", [b"ISO-8859-1", b"latin1"])
def test_the_encoding_that_is_said_is_used(encoding: bytes) -> None:
    data = b"author \xc4 <a@b> 0 +0000\nencoding " + encoding + b"\n\n\xe4\n"
    commit = commit_from_object(SHA, data)
    assert (commit.author.name, commit.message) == ("Ä", "ä\n")


def test_nonsense_does_not_stop_it() -> None:
    data = b"author nobody\ncommitter x <y> 99999999999999999999 +0000\nencoding klingon\n\n\xff"
    commit = commit_from_object(SHA, data)
    assert commit.author == Signature(name="nobody", email="")
    assert commit.committer == Signature(name="x", email="y")
    assert commit.message == "\ufffd"


def test_a_commit_may_have_no_message() -> None:
    assert commit_from_object(SHA, b"tree 1\n").message == ""
