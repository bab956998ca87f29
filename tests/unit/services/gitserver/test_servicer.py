"""agola.services.gitserver.servicer, through a socket and its client."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import pytest

from agola.clients.gitserver import RepositoryClient
from agola.core.errors import (
    AgolaError,
    BadRequestError,
    ExhaustedError,
    InternalError,
    NotExistError,
    PreconditionError,
)
from agola.model.repository import RepositoryPath
from agola.services.gitserver.actions.repository import MAX_FILE_BYTES, RepositoryActions
from agola.services.gitserver.servicer import RepositoryServicer
from agola.services.gitserver.store.git import Git
from agola.services.gitserver.store.reader import GitReader
from tests.conftest import Serve
from tests.unit.services.gitserver.conftest import (
    ALICE,
    CLONE_CREDENTIAL,
    MAX_PUSH_BYTES,
    PATH,
    GitClient,
    Served,
)

NOBODY = "0" * 40


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


async def pushed(served: Served, work_tree: GitClient, ref: str = "refs/heads/main") -> str:
    await work_tree.ok("push", "--quiet", served.url("alices-token"), f"HEAD:{ref}")
    return await work_tree.ok("rev-parse", "HEAD")


async def test_it_says_where_to_push_and_how_to_clone(
    served: Served, client: RepositoryClient, work_tree: GitClient
) -> None:
    repository = await client.get_repository(PATH)
    url = f"http://{served.address}/{PATH}.git"
    assert (repository.path, repository.push_url, repository.clone_url) == (PATH, url, url)
    await pushed(served, work_tree)
    login = f"{repository.clone_username}:{repository.clone_password}@"
    await work_tree.ok("ls-remote", url.replace("http://", f"http://{login}"))


async def test_a_commit_is_found_by_ref_and_by_id(
    served: Served, client: RepositoryClient, work_tree: GitClient
) -> None:
    parent = await work_tree.ok("rev-parse", "HEAD")
    date = "2026-01-02T03:04:05+02:00"
    message = "Änder es\n\nDeswegen.\n"
    await work_tree.ok("commit", "--allow-empty", "--quiet", f"--date={date}", "-m", message)
    sha = await pushed(served, work_tree)
    commit = await client.get_commit(PATH, ref="refs/heads/main")
    assert commit == await client.get_commit(PATH, sha=sha)
    assert (commit.sha, commit.parents, commit.message) == (sha, (parent,), message)
    assert commit.subject == "Änder es"
    assert (commit.author.name, commit.author.email) == ("Älice", "alice@example.org")
    assert commit.author.time == datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)


async def test_a_tag_is_peeled(
    served: Served, client: RepositoryClient, work_tree: GitClient
) -> None:
    await work_tree.ok("tag", "--annotate", "--message", "Version 1", "v1")
    tag = await work_tree.ok("rev-parse", "v1")
    await work_tree.ok("push", served.url("alices-token"), "v1")
    commit = await client.get_commit(PATH, ref="refs/tags/v1")
    assert commit.sha == await work_tree.ok("rev-parse", "HEAD")
    with pytest.raises(NotExistError) as caught:
        await client.get_commit(PATH, sha=tag)
    assert caught.value.reason == "COMMIT_DOES_NOT_EXIST"


async def test_a_file_is_read_as_it_is_in_the_commit(
    served: Served, client: RepositoryClient, work_tree: GitClient
) -> None:
    sha = await work_tree.commit(".agola/config with space.yml", b"runs: \0\xff\r\n")
    await pushed(served, work_tree)
    await work_tree.commit(".agola/config with space.yml", b"changed")
    await pushed(served, work_tree)
    file = await client.read_file(PATH, commit_sha=sha, files=[".agola/config with space.yml"])
    assert file.data == b"runs: \0\xff\r\n"
    assert file.commit == await client.get_commit(PATH, sha=sha)


async def test_the_first_file_that_there_is_counts(
    served: Served, client: RepositoryClient, work_tree: GitClient
) -> None:
    await work_tree.commit("folder/file")
    await work_tree.commit("second", b"2")
    sha = await work_tree.commit("third", b"3")
    await pushed(served, work_tree)
    names = ["first", "folder", "second", "third"]
    file = await client.read_file(PATH, commit_sha=sha, files=names)
    assert (file.path, file.data) == ("second", b"2")


async def test_links_are_followed_inside_the_repository(
    served: Served, client: RepositoryClient, work_tree: GitClient
) -> None:
    links = {"inside": "README", "outside": "/etc/passwd", "above": "../x", "loop": "loop"}
    for name, target in links.items():
        (work_tree.folder / name).symlink_to(target)
    sha = await work_tree.commit("other")
    await pushed(served, work_tree)
    inside = await client.read_file(PATH, commit_sha=sha, files=["inside"])
    assert inside.data == b"content\n"
    for name in ("outside", "above", "loop"):
        with pytest.raises(NotExistError) as caught:
            await client.read_file(PATH, commit_sha=sha, files=[name])
        assert caught.value.reason == "FILE_DOES_NOT_EXIST"


async def test_only_regular_files_of_a_mebibyte_are_read(
    served: Served, client: RepositoryClient, work_tree: GitClient
) -> None:
    await work_tree.ok("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},submodule")
    await work_tree.ok("commit", "--quiet", "--message", "Add a submodule")
    submodule = await pushed(served, work_tree)
    await work_tree.commit("folder/file")
    await work_tree.commit("just-fits", bytes(MAX_FILE_BYTES))
    sha = await work_tree.commit("too-large", bytes(MAX_FILE_BYTES + 1))
    await pushed(served, work_tree)
    for commit, file in ((submodule, "submodule"), (sha, "folder")):
        with pytest.raises(PreconditionError) as caught:
            await client.read_file(PATH, commit_sha=commit, files=[file])
        assert caught.value.reason == "FILE_IS_NOT_REGULAR"
    with pytest.raises(ExhaustedError) as exhausted:
        await client.read_file(PATH, commit_sha=sha, files=["too-large"])
    assert exhausted.value.reason == "FILE_TOO_LARGE"
    fits = await client.read_file(PATH, commit_sha=sha, files=["just-fits"])
    assert len(fits.data) == MAX_FILE_BYTES


async def test_what_is_absent_does_not_exist(
    served: Served, client: RepositoryClient, work_tree: GitClient
) -> None:
    sha = await pushed(served, work_tree)
    blob = await work_tree.ok("rev-parse", "HEAD:README")
    elsewhere = RepositoryPath(ALICE, ALICE)
    questions = [
        (client.get_commit(elsewhere, ref="refs/heads/main"), "REPOSITORY_DOES_NOT_EXIST"),
        (client.get_commit(elsewhere, sha=sha), "REPOSITORY_DOES_NOT_EXIST"),
        (client.read_file(elsewhere, commit_sha=sha, files=["a"]), "REPOSITORY_DOES_NOT_EXIST"),
        (client.get_commit(PATH, ref="refs/heads/other"), "REF_DOES_NOT_EXIST"),
        (client.get_commit(PATH, sha=NOBODY), "COMMIT_DOES_NOT_EXIST"),
        (client.get_commit(PATH, sha=blob), "COMMIT_DOES_NOT_EXIST"),
        (client.read_file(PATH, commit_sha=NOBODY, files=["README"]), "COMMIT_DOES_NOT_EXIST"),
        (client.read_file(PATH, commit_sha=sha, files=["readme"]), "FILE_DOES_NOT_EXIST"),
        (client.read_file(PATH, commit_sha=sha, files=["README/x"]), "FILE_DOES_NOT_EXIST"),
        (client.read_file(PATH, commit_sha=sha, files=[":(glob)*"]), "FILE_DOES_NOT_EXIST"),
    ]
    for question, reason in questions:
        with pytest.raises(NotExistError) as caught:
            await question
        assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("user", "uuid", "reason"),
    [
        ("", PATH.uuid, "USER_ID_INVALID"),
        ("alice", PATH.uuid, "USER_ID_INVALID"),
        ("..", PATH.uuid, "USER_ID_INVALID"),
        (ALICE, "", "REPOSITORY_UUID_INVALID"),
        (ALICE, f"../{PATH.uuid}", "REPOSITORY_UUID_INVALID"),
        (ALICE, PATH.uuid.upper(), "REPOSITORY_UUID_INVALID"),
    ],
)
async def test_bad_names_of_repositories_are_refused(
    client: RepositoryClient, user: str, uuid: str, reason: str
) -> None:
    path = RepositoryPath(user, uuid)
    for question in (
        client.get_repository(path),
        client.get_commit(path, ref="refs/heads/main"),
        client.get_commit(path, sha=NOBODY),
        client.read_file(path, commit_sha=NOBODY, files=["a"]),
    ):
        with pytest.raises(BadRequestError) as caught:
            await question
        assert caught.value.reason == reason


@pytest.mark.parametrize(
    "ref",
    [
        *(
            "main",
            "HEAD",
            "refs/",
            "refs/heads/",
            "refs/heads/a b",
            "refs/heads/main^",
            "refs/a..b",
        ),
        *("refs/heads/a\nb", "refs/heads/@{1}", "refs//a", "refs/a/.b", "refs/a.lock", "--all"),
    ],
)
async def test_bad_refs_are_refused(client: RepositoryClient, ref: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        await client.get_commit(PATH, ref=ref)
    assert caught.value.reason == "REVISION_INVALID"


async def test_bad_commits_and_files_are_refused(client: RepositoryClient) -> None:
    async def reason_of(sha: str, file: str | None = None) -> str:
        question = (
            client.get_commit(PATH, sha=sha)
            if file is None
            else client.read_file(PATH, commit_sha=sha, files=[file])
        )
        with pytest.raises(AgolaError) as caught:
            await question
        return caught.value.reason

    assert await reason_of("") == "REVISION_REQUIRED"
    for sha in ("HEAD", "0" * 39, "0" * 41, "G" * 40, f"{NOBODY}\n"):
        assert await reason_of(sha) == "REVISION_INVALID"
        assert await reason_of(sha, "README") == "COMMIT_SHA_INVALID"
    for file in ("", "/", "/etc/passwd", "../x", "a/../b", "a//b", "a/", ".", "a\nb", "a\0b"):
        assert await reason_of(NOBODY, file) == "FILE_PATH_INVALID"
    for files, reason in ([], "FILE_PATH_REQUIRED"), (["a"] * 21, "TOO_MANY_FILE_PATHS"):
        with pytest.raises(BadRequestError) as caught:
            await client.read_file(PATH, commit_sha=NOBODY, files=files)
        assert caught.value.reason == reason


async def test_a_damaged_repository_is_a_failure_and_not_an_absence(
    served: Served, client: RepositoryClient, work_tree: GitClient
) -> None:
    sha = await pushed(served, work_tree)
    (served.repositories.folder(PATH) / "HEAD").unlink()
    for question in (
        client.get_commit(PATH, sha=sha),
        client.read_file(PATH, commit_sha=sha, files=["README"]),
    ):
        with pytest.raises(InternalError, match="git failed") as caught:
            await question
        assert caught.value.reason == "GIT_FAILED"
