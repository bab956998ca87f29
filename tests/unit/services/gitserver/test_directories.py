"""What is read of a commit as a whole: a directory with all its files, and what it has changed."""

from collections.abc import AsyncGenerator

import pytest

from agola.clients.gitserver import RepositoryClient
from agola.core.errors import BadRequestError, NotExistError
from agola.services.gitserver.actions.repository import MAX_FILE_BYTES, ROOM, RepositoryActions
from agola.services.gitserver.servicer import RepositoryServicer
from agola.services.gitserver.store.git import Git
from agola.services.gitserver.store.reader import GitReader
from tests.conftest import Serve
from tests.unit.services.gitserver.conftest import (
    CLONE_CREDENTIAL,
    MAX_PUSH_BYTES,
    PATH,
    GitClient,
    Served,
)
from tests.unit.services.gitserver.test_servicer import NOBODY, pushed


@pytest.fixture
async def client(served: Served, serve: Serve) -> AsyncGenerator[RepositoryClient, None]:
    actions = RepositoryActions(
        served.repositories,
        GitReader(Git(max_push_bytes=MAX_PUSH_BYTES), served.repositories),
        url=f"http://{served.address}/",
        clone_credential=CLONE_CREDENTIAL,
    )
    async with serve(RepositoryServicer(actions).mount()) as channel:
        yield RepositoryClient(channel)


async def commit(work_tree: GitClient, files: dict[str, bytes]) -> str:
    for name, content in files.items():
        path = work_tree.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    await work_tree.ok("add", "--all")
    await work_tree.ok("commit", "--quiet", "--message", "Change")
    return await work_tree.ok("rev-parse", "HEAD")


async def test_a_directory_is_read_with_everything_below_it(
    served: Served, client: RepositoryClient, work_tree: GitClient
) -> None:
    files = {"d/a/z/1": b"1", "d/z ü.txt": b"\0\xff\n", "d/a/2": b"", "d.txt": b"outside"}
    sha = await commit(work_tree, files)
    await pushed(served, work_tree)
    read = await client.read_directory(PATH, commit_sha=sha, directory="d")
    assert list(read.items()) == [("d/z ü.txt", b"\0\xff\n"), ("d/a/2", b""), ("d/a/z/1", b"1")]
    assert await client.read_directory(PATH, commit_sha=sha, directory="d/a/z") == {"d/a/z/1": b"1"}


async def test_links_are_followed_inside_the_repository_only(
    served: Served, client: RepositoryClient, work_tree: GitClient
) -> None:
    links = {
        "0-host": "/etc/passwd",
        "1-above": "../../x",
        "2-loop": "2-loop",
        "3-nothing": "nothing",
        "4-below-a-file": "../README/x",
        "5-folder": "../elsewhere",
        "6-itself": ".",
        "7-inside": "../README",
    }
    (work_tree.folder / "d").mkdir()
    for name, target in links.items():
        (work_tree.folder / "d" / name).symlink_to(target)
    (work_tree.folder / "link").symlink_to("d")
    sha = await commit(work_tree, {"elsewhere/file": b"", "d/8": b"8"})
    await pushed(served, work_tree)
    read = await client.read_directory(PATH, commit_sha=sha, directory="d")
    assert read == {"d/7-inside": b"content\n", "d/8": b"8"}
    read = await client.read_directory(PATH, commit_sha=sha, directory="link")
    assert read == {"link/7-inside": b"content\n", "link/8": b"8"}


async def test_a_link_astray_does_not_hide_the_file_after_it(
    served: Served, client: RepositoryClient, work_tree: GitClient
) -> None:
    (work_tree.folder / "a").symlink_to("/etc/passwd")
    (work_tree.folder / "b").symlink_to("nothing")
    sha = await commit(work_tree, {"c": b"c", "d": b"d"})
    await pushed(served, work_tree)
    file = await client.read_file(PATH, commit_sha=sha, files=["a", "b", "c", "d"])
    assert (file.path, file.data) == ("c", b"c")


async def test_what_there_is_no_room_for_is_left_out(
    served: Served, client: RepositoryClient, work_tree: GitClient
) -> None:
    many = {f"many/{number:03}": b"%d" % number for number in range(ROOM.files + 2)}
    large = {
        "large/0": bytes(MAX_FILE_BYTES + 1),
        **{f"large/{number}": bytes(MAX_FILE_BYTES - 1) for number in range(1, 5)},
        "large/5": b"123",
        "large/6": b"4",
    }
    odd = {"many/new\nline": b"", "many/deep/" + "d/" * 200 + "file": b""}
    sha = await commit(work_tree, many | large | odd)
    await pushed(served, work_tree)
    read = await client.read_directory(PATH, commit_sha=sha, directory="many")
    assert list(read) == list(many)[: ROOM.files]
    read = await client.read_directory(PATH, commit_sha=sha, directory="large")
    assert list(read) == ["large/1", "large/2", "large/3", "large/5"]


async def test_what_is_no_directory_does_not_exist(
    served: Served, client: RepositoryClient, work_tree: GitClient
) -> None:
    sha = await pushed(served, work_tree)
    for directory in ("README", "nothing", "README/x"):
        with pytest.raises(NotExistError) as caught:
            await client.read_directory(PATH, commit_sha=sha, directory=directory)
        assert caught.value.reason == "DIRECTORY_DOES_NOT_EXIST"
    with pytest.raises(NotExistError) as caught:
        await client.read_directory(PATH, commit_sha=NOBODY, directory="d")
    assert caught.value.reason == "COMMIT_DOES_NOT_EXIST"
    for directory in ("", "/", "..", "a//b", "a\nb"):
        with pytest.raises(BadRequestError) as refused:
            await client.read_directory(PATH, commit_sha=sha, directory=directory)
        assert refused.value.reason == "FILE_PATH_INVALID"


async def test_what_a_commit_has_changed_is_known_if_it_has_a_parent(
    served: Served, client: RepositoryClient, work_tree: GitClient
) -> None:
    first = await work_tree.ok("rev-parse", "HEAD")
    await commit(work_tree, {"a/ü 1": b"1", "b": b"2"})
    await work_tree.ok("mv", "b", "c")
    second = await commit(work_tree, {"README": b"new\n"})
    await pushed(served, work_tree)
    assert await client.list_changed_files(PATH, commit_sha=second) == ("README", "b", "c")
    third = await work_tree.ok("rev-parse", "HEAD^")
    assert await client.list_changed_files(PATH, commit_sha=third) == ("a/ü 1", "b")
    assert await client.list_changed_files(PATH, commit_sha=first) is None
    with pytest.raises(NotExistError) as caught:
        await client.list_changed_files(PATH, commit_sha=NOBODY)
    assert caught.value.reason == "COMMIT_DOES_NOT_EXIST"
