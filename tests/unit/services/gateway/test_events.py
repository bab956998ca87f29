"""What a pushed ref and commit mean for a run."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agola.core.errors import BadRequestError
from agola.model.repository import Repository, RepositoryPath
from agola.runconfig import RefType
from agola.services.gateway.actions.events import (
    MAX_MESSAGE_CHARACTERS,
    DirectEvent,
    escape,
    read_ref,
)

SHA = 40 * "a"
PATH = RepositoryPath("alice-id", "tree-id")


def event(ref: str = "refs/heads/main", *, message: str = "Do it", url: str = "") -> DirectEvent:
    repository = Repository(
        path=PATH,
        push_url="http://push/",
        clone_url=url or "http://clone:8001/r.git",
        clone_username="clone",
        clone_password="secret",
    )
    return DirectEvent(
        repository=repository, context=read_ref(ref, commit_sha=SHA), message=message
    )


@pytest.mark.parametrize(
    ("ref", "end"),
    [
        ("refs/heads/main", "branch/main"),
        ("refs/heads/feature/a-b", "branch/feature%2Fa-b"),
        ("refs/heads/v1.0-x_$&+=@", "branch/v1.0-x_$&+=@"),
        ("refs/heads/été;,%#", "branch/%C3%A9t%C3%A9%3B%2C%25%23"),
        ("refs/tags/v1", "tag/v1"),
        ("refs/pull/7/head", "pr/7"),
        ("refs/merge-requests/8/head", "pr/8"),
    ],
)
def test_the_group_is_the_users_work_tree_and_the_ref(ref: str, end: str) -> None:
    assert event(ref).group == f"/user/alice-id/repository/tree-id/{end}"


def test_a_name_is_escaped_as_go_does_it() -> None:
    assert escape("a b~c:d?") == "a%20b~c:d%3F"


@pytest.mark.parametrize("ref", ["refs/heads/a b", "refs/tags/a..b", "refs/x/7?"])
@pytest.mark.parametrize("patterns", [(), ("refs/(.*)",)])
def test_a_ref_that_git_would_not_take_is_refused(ref: str, patterns: tuple[str, ...]) -> None:
    with pytest.raises(BadRequestError) as caught:
        read_ref(ref, commit_sha=SHA, pull_request_refs=patterns)
    assert caught.value.reason == "GIT_REF_INVALID"


@given(st.text())
def test_an_escaped_name_is_one_segment_and_can_be_read_back(name: str) -> None:
    escaped = escape(name)
    assert "/" not in escaped
    assert unquote(escaped) == name


def test_caches_belong_to_the_work_tree() -> None:
    assert event().cache_group == "alice-id-tree-id"


def test_the_source_has_the_read_only_login() -> None:
    source = event().source
    assert (source.url, source.ref, source.commit) == (
        "http://clone:8001/r.git",
        "refs/heads/main",
        SHA,
    )
    assert (source.username, source.password) == ("clone", "secret")


def test_annotations_say_what_applies() -> None:
    assert event("refs/tags/v1").annotations == {
        "run_type": "user",
        "run_creation_trigger": "manual",
        "userid": "alice-id",
        "repository_uuid": "tree-id",
        "ref_type": "tag",
        "ref": "refs/tags/v1",
        "tag": "v1",
        "commit_sha": SHA,
        "message": "Do it",
    }


def test_a_very_long_message_is_cut() -> None:
    message = event(message="x" * 10_000).annotations["message"]
    assert len(message) == MAX_MESSAGE_CHARACTERS
    assert message.endswith("…")


def test_the_environment_has_every_name_and_no_key() -> None:
    assert event("refs/pull/7/head").environment == {
        "CI": "true",
        "AGOLA_REPOSITORY_URL": "http://clone:8001/r.git",
        "AGOLA_GIT_HOST": "clone",
        "AGOLA_GIT_PORT": "8001",
        "AGOLA_GIT_REF_TYPE": "pull_request",
        "AGOLA_GIT_REF": "refs/pull/7/head",
        "AGOLA_GIT_BRANCH": "",
        "AGOLA_GIT_TAG": "",
        "AGOLA_PULL_REQUEST_ID": "7",
        "AGOLA_GIT_COMMITSHA": SHA,
    }


@pytest.mark.parametrize(
    ("url", "port"), [("http://h/r", "80"), ("https://h/r", "443"), ("ssh://git@h:2222/r", "2222")]
)
def test_the_port_of_git_is_the_one_of_the_url(url: str, port: str) -> None:
    assert event(url=url).environment["AGOLA_GIT_PORT"] == port


def test_refs_of_pull_requests_look_as_the_caller_says() -> None:
    context = read_ref(
        "refs/changes/12", commit_sha=SHA, pull_request_refs=(r"refs/changes/(\d+)",)
    )
    assert (context.ref_type, context.pull_request_id) == (RefType.PULL_REQUEST, "12")


@pytest.mark.parametrize(
    ("ref", "patterns", "reason"),
    [
        ("", (), "GIT_REF_REQUIRED"),
        ("main", (), "GIT_REF_INVALID"),
        ("refs/heads/", (), "GIT_REF_INVALID"),
        ("refs/pull/7/head", (r"refs/changes/(\d+)",), "GIT_REF_INVALID"),
        ("refs/pull/7/head", ("(",), "PULL_REQUEST_REF_REGEX_INVALID"),
        ("refs/pull/7/head", ("refs/.*",), "PULL_REQUEST_REF_REGEX_INVALID"),
        ("refs/pull/7/head", (r"(a)\1",), "PULL_REQUEST_REF_REGEX_INVALID"),
        ("refs/pull/7/head", ("(x)" * 200,), "PULL_REQUEST_REF_REGEX_INVALID"),
        ("refs/pull/7/head", ("(x)",) * 11, "PULL_REQUEST_REF_REGEX_INVALID"),
    ],
)
def test_a_ref_that_is_of_no_kind_is_refused(
    ref: str, patterns: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(BadRequestError) as caught:
        read_ref(ref, commit_sha=SHA, pull_request_refs=patterns)
    assert caught.value.reason == reason


def test_a_hostile_pattern_takes_no_time() -> None:
    ref = "refs/" + "a" * 10_000
    with pytest.raises(BadRequestError) as caught:
        read_ref(ref, commit_sha=SHA, pull_request_refs=(r"refs/((a+)+)b",))
    assert caught.value.reason == "GIT_REF_INVALID"
