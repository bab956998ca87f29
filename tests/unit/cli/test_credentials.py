"""Whom the command line talks to, and as whom."""

import argparse
import stat
from pathlib import Path

import pytest

from agola.cli import credentials
from agola.cli.credentials import Access
from agola.core.errors import BadRequestError, PreconditionError, UnauthorizedError


def given(url: str | None = None, token: str | None = None) -> Access:
    return credentials.access(argparse.Namespace(gateway_url=url, token=token))


def test_without_anything_it_is_the_gateway_of_this_machine() -> None:
    assert given().url == "http://127.0.0.1:8000"
    with pytest.raises(UnauthorizedError, match="agola login"):
        given().known_token  # noqa: B018


def test_flags_win_over_the_environment_and_that_over_what_was_saved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    credentials.save(Access("http://saved:1", "saved"))
    assert (given().url, given().token) == ("http://saved:1", "saved")
    monkeypatch.setenv("AGOLA_GATEWAY_URL", "http://environment:1/")
    monkeypatch.setenv("AGOLA_TOKEN", "environment")
    assert (given().url, given().token) == ("http://environment:1", "environment")
    flags = given("http://flag:1", "flag")
    assert (flags.url, flags.token) == ("http://flag:1", "flag")


def test_a_saved_token_goes_to_no_other_gateway() -> None:
    credentials.save(Access("http://one:1", "first"))
    credentials.save(Access("http://two:1", "second"))
    assert given("http://elsewhere:1").token == ""
    assert given("http://one:1").token == "first"
    assert given().token == "second"


def test_nobody_else_can_read_what_was_saved(home: Path) -> None:
    credentials.save(Access("http://one:1", "secret"))
    assert credentials.path() == home / "config" / "agola" / "credentials.json"
    assert stat.S_IMODE(credentials.path().stat().st_mode) == 0o600
    assert [file.name for file in credentials.path().parent.iterdir()] == ["credentials.json"]


def test_what_was_saved_and_is_damaged_is_said_to_be_so() -> None:
    credentials.save(Access("http://one:1", "secret"))
    credentials.path().write_text("{")
    with pytest.raises(PreconditionError, match="is damaged"):
        given()


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
        ("grpc://host.example:1/", "host.example:1"),
        ("localhost:8000", "localhost:8000"),
        ("http://[::1]:8000", "[::1]:8000"),
        ("unix:/run/agola.sock", "unix:/run/agola.sock"),
    ],
)
def test_a_gateway_is_an_address(url: str, target: str) -> None:
    assert Access(url).target == target


@pytest.mark.parametrize("url", ["", "host", "http://host", "http://host:1/path", "https://host:1"])
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(BadRequestError):
        Access(url).target  # noqa: B018


@pytest.mark.parametrize("scheme", ["https", "grpcs"])
def test_a_gateway_behind_tls_is_refused_for_what_it_is(scheme: str) -> None:
    with pytest.raises(BadRequestError, match="asks for TLS, which is not supported") as caught:
        Access(f"{scheme}://host:1").target  # noqa: B018
    assert caught.value.reason == "GATEWAY_URL_INVALID"


def test_a_token_does_not_show_when_it_is_printed() -> None:
    assert "secret" not in repr(Access("http://one:1", "secret"))
