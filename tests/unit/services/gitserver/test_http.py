"""agola.services.gitserver.http, as git clients see it."""

import asyncio
import gzip
import logging
import os
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from agola.core.errors import UnavailableError
from agola.model.repository import RepositoryPath
from agola.services.gitserver.http import serving_http
from tests.unit.services.gitserver.conftest import (
    ALICE,
    BOB,
    CLONE_CREDENTIAL,
    MAX_PUSH_BYTES,
    PATH,
    GitClient,
    Served,
    serving_gitserver,
)

OTHER = RepositoryPath(ALICE, "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb")
AS_ALICE = {"Authorization": aiohttp.encode_basic_auth("x", "alices-token")}
BOBS = RepositoryPath(BOB, PATH.uuid)


def files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


async def test_what_was_pushed_can_be_cloned(
    served: Served, work_tree: GitClient, tmp_path: Path
) -> None:
    sha = await work_tree.commit("a/b")
    await work_tree.ok("push", served.url("alices-token"), "HEAD:refs/heads/main")
    await work_tree.ok("clone", served.url("alices-token"), tmp_path / "clone")
    assert await GitClient(tmp_path / "clone").ok("rev-parse", "HEAD") == sha


HTTP_2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"


@pytest.mark.parametrize(
    ("sent", "lines"),
    [
        (HTTP_2, 1),  # what a client of the gateway sends that was given the wrong port
        (b"GET / HTTP/1.1\r\nno header\r\n\r\n", 1),
        (b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\n\r\n", 1),
        (b"\x16\x03\x01 TLS\r\n\r\n", 0),  # which the library passes over as common
    ],
)
async def test_what_is_no_http_is_turned_away_in_a_line_of_the_log(
    served: Served, sent: bytes, lines: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    host, _, port = served.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)
    assert b" 400 Bad Request" in await reader.read()
    writer.close()
    await writer.wait_closed()
    told = [record for record in caplog.records if record.name != "asyncio"]
    assert len(told) == lines
    for record in told:
        told_of = "127.0.0.1 does not speak HTTP as git does, and was turned away: "
        assert record.getMessage().removeprefix(told_of) in {"BadHttpMessage", "LineTooLong"}
        assert (record.levelname, record.exc_info) == ("INFO", None)


@pytest.mark.parametrize("version", ["0", "1", "2"])
async def test_every_protocol_version_is_spoken(
    served: Served, work_tree: GitClient, version: str
) -> None:
    protocol = ("-c", f"protocol.version={version}")
    sha = await work_tree.ok("rev-parse", "HEAD")
    await work_tree.ok(*protocol, "push", served.url("alices-token"), "HEAD:refs/heads/main")
    listed = await work_tree.ok(*protocol, "ls-remote", served.url("alices-token"))
    assert listed == f"{sha}\tHEAD\n{sha}\trefs/heads/main"
    await work_tree.ok(*protocol, "fetch", served.url("alices-token"), "main")


async def test_a_branch_can_be_forced_and_deleted(served: Served, work_tree: GitClient) -> None:
    url = served.url("alices-token")
    await work_tree.ok("push", url, "HEAD:refs/heads/main")
    await work_tree.ok("commit", "--amend", "--quiet", "--message", "Another beginning")
    await work_tree.ok("push", url, "+HEAD:refs/heads/main", "HEAD:refs/tags/v1")
    await work_tree.ok("push", url, ":refs/heads/main")
    assert (await work_tree.ok("ls-remote", url)).endswith("\trefs/tags/v1")


async def test_a_commit_can_be_fetched_by_its_id(served: Served, work_tree: GitClient) -> None:
    url = served.url("alices-token")
    first = await work_tree.ok("rev-parse", "HEAD")
    await work_tree.ok("push", url, "HEAD:refs/heads/main")
    await work_tree.ok("commit", "--amend", "--quiet", "--message", "Another beginning")
    await work_tree.ok("push", url, "+HEAD:refs/heads/main")
    for version in ("0", "2"):
        await work_tree.ok("-c", f"protocol.version={version}", "fetch", "--depth=1", url, first)


async def test_many_refs_are_sent_compressed(served: Served, work_tree: GitClient) -> None:
    url = served.url("alices-token")
    for number in range(60):
        await work_tree.ok("tag", f"v{number}")
        await work_tree.ok("commit", "--quiet", "--allow-empty", "--message", str(number))
    await work_tree.ok("push", "--tags", url)
    await work_tree.ok("fetch", url, "refs/tags/*:refs/tags/copy/*")


async def test_a_gzipped_request_is_understood(served: Served, work_tree: GitClient) -> None:
    await work_tree.ok("push", served.url("alices-token"), "HEAD:refs/heads/main")
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"http://{served.address}/{PATH}.git/git-upload-pack",
            data=gzip.compress(b"0014command=ls-refs\n0000"),
            headers={
                "Content-Type": "application/x-git-upload-pack-request",
                "Content-Encoding": "gzip",
                "Git-Protocol": "version=2",
                **AS_ALICE,
            },
        ) as response,
    ):
        assert response.status == 200
        assert b"refs/heads/main" in await response.read()


async def test_a_larger_pack_passes_in_both_directions(
    tmp_path: Path, served: Served, work_tree: GitClient
) -> None:
    for number in range(3):
        await work_tree.commit(f"large-{number}", os.urandom(300_000))
    await work_tree.ok("push", served.url("alices-token"), "HEAD:refs/heads/main")
    await work_tree.ok("clone", "--quiet", served.url("alices-token"), tmp_path / "clone")
    assert await GitClient(tmp_path / "clone").ok("fsck") == ""


@pytest.mark.parametrize("password", ["", "wrong", "the-internal-token"])
async def test_a_wrong_password_is_refused(
    served: Served, work_tree: GitClient, password: str
) -> None:
    result = await work_tree("push", served.url(password), "HEAD:refs/heads/main")
    assert result.code != 0
    assert "Authentication failed" in result.errors or "could not read" in result.errors
    assert files(served.root) == []


@pytest.mark.parametrize("header", ["", "Basic", "Basic !", "Basic bm9jb2xvbg==", "Bearer x"])
async def test_who_does_not_log_in_is_asked_to(served: Served, header: str) -> None:
    url = f"http://{served.address}/{PATH}.git/info/refs?service=git-upload-pack"
    headers = {"Authorization": header} if header else {}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Basic ")


async def test_the_repositories_of_others_do_not_exist(
    served: Served, work_tree: GitClient
) -> None:
    await work_tree.ok("push", served.url("alices-token"), "HEAD:refs/heads/main")
    for command, *refs in (["ls-remote"], ["push", "HEAD:refs/heads/main"]):
        result = await work_tree(command, served.url("bobs-token"), *refs)
        assert "not found" in result.errors
    pushed = await work_tree("push", served.url("alices-token", BOBS), "HEAD:refs/heads/main")
    assert "not found" in pushed.errors
    assert not await served.repositories.exists(BOBS)


async def test_a_fetch_creates_nothing(served: Served, work_tree: GitClient) -> None:
    result = await work_tree("ls-remote", served.url("alices-token"))
    assert "not found" in result.errors
    assert files(served.root) == []


async def test_a_clone_credential_reads_its_repository_only(
    served: Served, work_tree: GitClient
) -> None:
    for path in (PATH, OTHER):
        await work_tree.ok("push", served.url("alices-token", path), "HEAD:refs/heads/main")
    password = CLONE_CREDENTIAL.password(PATH)
    await work_tree.ok("ls-remote", served.url(password, user="clone"))
    pushed = await work_tree("push", served.url(password, user="clone"), "HEAD:refs/heads/other")
    assert "403" in pushed.errors
    for refused in (served.url(password, OTHER, user="clone"), served.url(password, user="x")):
        assert "Authentication failed" in (await work_tree("ls-remote", refused)).errors


@pytest.mark.parametrize(
    "path",
    [
        "/",
        f"/{PATH}/info/refs?service=git-upload-pack",
        f"/../{PATH}.git/info/refs?service=git-upload-pack",
        f"/{ALICE}/..%2f..%2fetc.git/info/refs?service=git-upload-pack",
        f"/{ALICE}/{PATH.uuid.upper()}.git/info/refs?service=git-upload-pack",
        f"/{PATH}.git/HEAD",
        f"/{PATH}.git/objects/info/packs",
    ],
)
async def test_nothing_else_is_there(served: Served, path: str) -> None:
    reader, writer = await asyncio.open_connection(*served.address.split(":"))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 404 ")


async def test_other_services_and_content_are_refused(served: Served) -> None:
    url = f"http://{served.address}/{PATH}.git"
    async with aiohttp.ClientSession(headers=AS_ALICE) as session:
        for query in ("", "?service=git-upload-archive", "?service=--help"):
            async with session.get(f"{url}/info/refs{query}") as response:
                assert response.status == 403
        async with session.post(f"{url}/git-receive-pack", data=b"0000") as response:
            assert response.status == 415
    assert files(served.root) == []


async def test_concurrent_first_pushes_all_arrive(served: Served, work_tree: GitClient) -> None:
    url = served.url("alices-token")
    pushes = [work_tree("push", url, f"HEAD:refs/heads/{number}") for number in range(6)]
    results = await asyncio.gather(*pushes)
    assert [result.code for result in results] == [0] * 6, results
    assert len((await work_tree.ok("ls-remote", "--heads", url)).splitlines()) == 6
    assert os.listdir(served.root / "tmp") == []  # noqa: PTH208


async def test_a_push_that_is_too_large_says_so(served: Served, work_tree: GitClient) -> None:
    await work_tree.commit("large", os.urandom(MAX_PUSH_BYTES + 1))
    pushed = await work_tree("push", served.url("alices-token"), "HEAD:refs/heads/main")
    assert pushed.code != 0
    assert "pack exceeds maximum allowed size" in pushed.errors
    assert await work_tree.ok("ls-remote", served.url("alices-token")) == ""


async def test_a_broken_object_is_refused(served: Served, work_tree: GitClient) -> None:
    tree = await work_tree.ok("rev-parse", "HEAD^{tree}")
    (work_tree.folder / "broken").write_text(f"tree {tree}\nauthor nobody\ncommitter nobody\n\n")
    sha = await work_tree.ok("hash-object", "-t", "commit", "-w", "--literally", "broken")
    pushed = await work_tree("push", served.url("alices-token"), f"{sha}:refs/heads/main")
    assert "fsck error" in pushed.errors


async def test_hooks_do_not_run(served: Served, work_tree: GitClient, tmp_path: Path) -> None:
    await served.repositories.create(PATH)
    hook = served.repositories.folder(PATH) / "hooks" / "pre-receive"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
    hook.chmod(0o755)
    await work_tree.ok("push", served.url("alices-token"), "HEAD:refs/heads/main")
    assert not os.path.exists(tmp_path / "ran")  # noqa: ASYNC240, PTH110


async def test_a_push_that_is_killed_leaves_no_half_repository(
    served: Served, work_tree: GitClient
) -> None:
    await served.repositories.create(PATH)
    before = files(served.root)
    sha = await work_tree.commit("large", os.urandom(500_000))
    pack = await work_tree.packed(sha)
    command = f"{'0' * 40} {sha} refs/heads/main\0 report-status"
    body = f"{len(command) + 4:04x}{command}0000".encode() + pack
    writer = await post(served, "git-receive-pack", body[: len(body) // 2], size=len(body))
    await served.transport.fed.wait()
    writer.close()
    await served.transport.ended.wait()
    assert files(served.root) == before
    assert list(served.repositories.folder(PATH).glob("objects/*incoming*")) == []
    await work_tree.ok("push", served.url("alices-token"), "HEAD:refs/heads/main")


async def test_git_ends_with_its_client(served: Served, work_tree: GitClient) -> None:
    sha = await work_tree.commit("large", os.urandom(900_000))
    await work_tree.ok("push", served.url("alices-token"), "HEAD:refs/heads/main")
    served.transport.fed.clear()
    served.transport.ended.clear()
    writer = await post(served, "git-upload-pack", f"0032want {sha}\n".encode(), size=1000)
    await served.transport.fed.wait()
    writer.close()
    await served.transport.ended.wait()
    folder = str(served.repositories.folder(PATH))
    assert [command for command in commands() if folder in command] == []


async def post(served: Served, service: str, body: bytes, *, size: int) -> asyncio.StreamWriter:
    """Begin a request of Alice, of which more is announced than comes."""
    _, writer = await asyncio.open_connection(*served.address.split(":"))
    head = (
        f"POST /{PATH}.git/{service} HTTP/1.1",
        f"Host: {served.address}",
        f"Authorization: {AS_ALICE['Authorization']}",
        f"Content-Type: application/x-{service}-request",
        f"Content-Length: {size}",
    )
    writer.write("\r\n".join([*head, "", ""]).encode() + body)
    await writer.drain()
    return writer


def commands() -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(file.read_text(errors="replace"))
    return found


async def test_a_crash_while_a_repository_is_made_is_cleaned_up(served: Served) -> None:
    half = served.root / "tmp" / "half" / "made.git"
    half.mkdir(parents=True)
    await served.repositories.prepare()
    assert os.listdir(served.root / "tmp") == []  # noqa: PTH208


async def test_a_configstore_that_is_away_is_not_a_wrong_password(
    tmp_path: Path, work_tree: GitClient, caplog: pytest.LogCaptureFixture
) -> None:
    async def nobody(token: str) -> str:
        raise UnavailableError(f"nobody knows {token}", reason="UNREACHABLE")

    async with serving_gitserver(tmp_path / "gitserver", nobody) as served:
        assert "503" in (await work_tree("ls-remote", served.url("alices-token"))).errors
    assert "cannot be served: nobody knows" in caplog.text
    assert "Traceback" not in caplog.text


async def test_a_damaged_repository_is_a_failure_that_says_why(
    served: Served, work_tree: GitClient
) -> None:
    await work_tree.ok("push", served.url("alices-token"), "HEAD:refs/heads/main")
    (served.repositories.folder(PATH) / "HEAD").unlink()
    assert "500" in (await work_tree("ls-remote", served.url("alices-token"))).errors
    url = f"http://{served.address}/{PATH}.git/info/refs?service=git-upload-pack"
    async with aiohttp.ClientSession(headers=AS_ALICE) as session, session.get(url) as response:
        assert "git failed" in await response.text()


async def test_an_address_in_use_is_said(served: Served) -> None:
    with pytest.raises(UnavailableError) as caught:
        async with serving_http(served.actions, served.address):
            pass
    assert caught.value.reason == "ADDRESS_IN_USE"
