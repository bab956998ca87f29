"""A snapshot has the work tree as it is, and leaves the repository as it was."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from agola.cli.directrun import say_left_out
from agola.cli.git.push import Destination, push
from agola.cli.git.snapshot import Untracked, snapshot, untracked
from agola.cli.git.worktree import Worktree
from agola.core.errors import (
    BadRequestError,
    ExhaustedError,
    ForbiddenError,
    PreconditionError,
    UnavailableError,
)
from agola.core.ids import RandomIds
from tests.unit.cli.conftest import GitServer, git


async def files(directory: Path, *, ignored: bool = False, only_tracked: bool = False) -> set[str]:
    """Give the paths in a snapshot of the work tree around a directory."""
    worktree = await Worktree.around(directory)
    extra = Untracked() if only_tracked else await untracked(worktree, ignored=ignored)
    async with snapshot(worktree, extra=extra, message="m") as made:
        listed = await made.git.output("ls-tree", "-r", "-z", "--name-only", made.commit)
        return {os.fsdecode(path) for path in listed.split(b"\0") if path}


async def content(directory: Path, path: str) -> str:
    worktree = await Worktree.around(directory)
    async with snapshot(worktree, extra=await untracked(worktree), message="m") as made:
        return await made.git.line("show", f"{made.commit}:{path}")


def everything(directory: Path) -> dict[str, bytes]:
    """Read every file of a repository, those of git as well."""
    paths = (path for path in directory.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


async def test_a_snapshot_has_changed_removed_staged_and_untracked_files(repository: Path) -> None:
    (repository / "changed.txt").write_text("after\n")
    (repository / "removed.txt").unlink()
    (repository / "staged.txt").write_text("staged\n")
    git(repository, "add", "staged.txt")
    (repository / "new").mkdir()
    (repository / "new" / "untracked.txt").write_text("untracked\n")
    (repository / "some.ignored").write_text("ignored\n")
    expected = {".gitignore", "kept.txt", "changed.txt", "staged.txt", "new/untracked.txt"}
    assert await files(repository) == expected
    assert await content(repository, "changed.txt") == "after"
    assert await files(repository, ignored=True) == expected | {"some.ignored"}
    assert await files(repository, only_tracked=True) == expected - {"new/untracked.txt"}


async def test_a_snapshot_leaves_index_refs_objects_and_files_as_they_are(repository: Path) -> None:
    (repository / "changed.txt").write_text("after\n")
    (repository / "untracked.txt").write_text("untracked\n")
    before = everything(repository)
    await files(repository)
    assert everything(repository) == before


async def test_a_snapshot_starts_from_a_subdirectory_too(repository: Path) -> None:
    below = repository / "below"
    below.mkdir()
    (repository / "above.txt").write_text("above\n")
    assert "above.txt" in await files(below)


async def test_a_repository_without_commits_can_be_snapshot(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "trunk")
    assert await files(tmp_path) == set()
    (tmp_path / "first.txt").write_text("first\n")
    assert await files(tmp_path) == {"first.txt"}
    worktree = await Worktree.around(tmp_path)
    assert await worktree.subject() == "direct run"
    assert await worktree.full_ref(branch=None, tag=None, ref=None) == "refs/heads/trunk"


async def test_a_detached_head_is_on_the_default_branch(repository: Path) -> None:
    git(repository, "checkout", "-q", "--detach")
    worktree = await Worktree.around(repository)
    assert await worktree.full_ref(branch=None, tag=None, ref=None) == "refs/heads/master"
    assert await worktree.subject() == "Say hello"
    assert "kept.txt" in await files(repository)


async def test_a_missing_index_is_read_from_head(repository: Path) -> None:
    (repository / ".git" / "index").unlink()
    assert "kept.txt" in await files(repository, only_tracked=True)


async def test_odd_names_links_and_modes_are_kept(repository: Path) -> None:
    odd = ["ü ñ.txt", "line\nbreak", "-rf", ":(glob)*", 'tab\tquote"', os.fsdecode(b"\xff\xfe")]
    for name in odd:
        (repository / name).write_text("odd\n")
    (repository / "link").symlink_to("kept.txt")
    (repository / "dangling").symlink_to("nowhere")
    script = repository / "run.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    assert {*odd, "link", "dangling", "run.sh"} <= await files(repository)
    worktree = await Worktree.around(repository)
    async with snapshot(worktree, extra=await untracked(worktree), message="m") as made:
        listed = await made.git.line("ls-tree", made.commit, "link", "run.sh")
    assert [line.split()[0] for line in listed.splitlines()] == ["120000", "100755"]


@pytest.fixture
def submodule(repository: Path, tmp_path: Path) -> Path:
    inner = tmp_path / "inner"
    inner.mkdir()
    git(inner, "init", "-q", "-b", "main")
    (inner / "file").write_text("one\n")
    git(inner, "add", ".")
    git(inner, "commit", "-q", "-m", "one")
    allowed = ("-c", "protocol.file.allow=always")
    git(repository, *allowed, "submodule", "--quiet", "add", str(inner), "sub")
    return repository / "sub"


async def test_a_submodule_is_kept_as_the_commit_it_is_at(
    repository: Path, submodule: Path
) -> None:
    git(submodule, "commit", "-q", "--allow-empty", "-m", "two")
    worktree = await Worktree.around(repository)
    async with snapshot(worktree, extra=Untracked(), message="m") as made:
        listed = await made.git.line("ls-tree", made.commit, "sub")
        assert made.left_out == ()
    assert listed.split()[:3] == ["160000", "commit", git(submodule, "rev-parse", "HEAD")]


@pytest.mark.parametrize("name", ["file", "new"])
async def test_changes_that_a_submodule_has_not_committed_are_told(
    repository: Path, submodule: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (submodule / name).write_text("two\n")
    git(repository, "config", "submodule.sub.ignore", "all")  # git's silence is not ours
    worktree = await Worktree.around(repository)
    async with snapshot(worktree, extra=await untracked(worktree), message="m") as made:
        assert made.left_out == ("sub",)
        say_left_out(made)
    told = "agola: submodule sub has changes that are not committed in it: the runs do not see them"
    assert capsys.readouterr().err == f"{told}\n"


async def test_a_repository_inside_that_nobody_knows_is_left_out(repository: Path) -> None:
    inner = repository / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "file").write_text("x")
    assert not any(path.startswith("inner") for path in await files(repository))


async def test_a_linked_work_tree_and_its_own_index_are_used(
    repository: Path, tmp_path: Path
) -> None:
    linked = tmp_path / "linked"
    git(repository, "worktree", "add", "-q", "-b", "side", str(linked))
    (linked / "here.txt").write_text("here\n")
    assert "here.txt" in await files(linked)
    assert "here.txt" not in await files(repository)


async def test_a_conflict_is_taken_as_the_files_are(repository: Path) -> None:
    git(repository, "checkout", "-q", "-b", "side")
    (repository / "changed.txt").write_text("side\n")
    git(repository, "commit", "-q", "-am", "side")
    git(repository, "checkout", "-q", "main")
    (repository / "changed.txt").write_text("main\n")
    git(repository, "commit", "-q", "-am", "main")
    with pytest.raises(subprocess.CalledProcessError):
        git(repository, "merge", "side")
    assert "<<<<<<<" in await content(repository, "changed.txt")


async def test_the_message_is_kept_and_so_is_the_author(repository: Path) -> None:
    git(repository, "config", "user.name", "Grace")
    worktree = await Worktree.around(repository)
    async with snapshot(worktree, extra=Untracked(), message="Grüße\n") as made:
        shown = await made.git.line("log", "-1", "--format=%s|%an|%ae|%P", made.commit)
    assert shown == "Grüße|Grace|directrun@agola.invalid|"


async def test_too_many_bytes_of_untracked_files_are_refused(repository: Path) -> None:
    (repository / "big").write_bytes(b"x" * 2_000_000)
    worktree = await Worktree.around(repository)
    extra = await untracked(worktree)
    assert extra.size == 2_000_000
    made = snapshot(worktree, extra=extra, message="m", max_untracked_bytes=1_000_000)
    with pytest.raises(ExhaustedError, match="2 MB, more than 1 MB"):
        await made.__aenter__()


async def test_a_directory_outside_of_any_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PreconditionError) as raised:
        await Worktree.around(tmp_path)
    assert raised.value.reason == "NOT_A_GIT_REPOSITORY"


async def test_a_bare_repository_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare")
    with pytest.raises(PreconditionError) as raised:
        await Worktree.around(tmp_path)
    assert raised.value.reason == "NO_WORK_TREE"


async def test_the_repository_keeps_its_id(repository: Path) -> None:
    worktree = await Worktree.around(repository)
    first = await worktree.uuid(RandomIds())
    assert await worktree.uuid(RandomIds()) == first
    assert git(repository, "config", "agola.repouuid") == first


async def test_an_id_that_is_none_is_refused(repository: Path) -> None:
    git(repository, "config", "agola.repouuid", "nonsense")
    with pytest.raises(PreconditionError, match="no UUID"):
        await (await Worktree.around(repository)).uuid(RandomIds())


@pytest.mark.parametrize(
    ("asked", "full"),
    [
        ({"branch": "a/b"}, "refs/heads/a/b"),
        ({"tag": "v1"}, "refs/tags/v1"),
        ({"ref": "refs/pull/1/head"}, "refs/pull/1/head"),
    ],
)
async def test_a_ref_gets_its_full_name(repository: Path, asked: dict[str, str], full: str) -> None:
    wish = {"branch": None, "tag": None, "ref": None, **asked}
    assert await (await Worktree.around(repository)).full_ref(**wish) == full


@pytest.mark.parametrize("name", ["", "a..b", "a b", "a^", "x.lock"])
async def test_a_name_that_git_refuses_is_no_ref(repository: Path, name: str) -> None:
    with pytest.raises(BadRequestError) as raised:
        await (await Worktree.around(repository)).full_ref(branch=name, tag=None, ref=None)
    assert raised.value.reason == "GIT_REF_INVALID"


async def test_a_push_replaces_the_ref_and_shows_the_token_to_nobody(
    repository: Path,
    git_server: GitServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    argv = tmp_path / "argv"
    wrapper = tmp_path / "bin" / "git"
    wrapper.parent.mkdir()
    real = shutil.which("git")
    wrapper.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {argv}\nexec {real} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    hook = repository / ".git" / "hooks" / "pre-push"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    worktree = await Worktree.around(repository)
    destination = Destination(git_server.url, "refs/heads/topic", "ada")
    for number in range(2):
        (repository / "changed.txt").write_text(f"{number}\n" * 500_000)
        async with snapshot(worktree, extra=Untracked(), message="m") as made:
            await push(made, destination, token="secret-token", show=False)
            assert git(git_server.directory, "rev-parse", "refs/heads/topic") == made.commit
    assert "topic" in argv.read_text()
    assert "secret-token" not in argv.read_text()
    assert git_server.authorizations
    assert not any(b"secret-token" in held for held in everything(repository).values()), (
        "the token is in no file"
    )


async def test_a_wrong_token_is_refused_without_a_question(
    repository: Path, git_server: GitServer
) -> None:
    worktree = await Worktree.around(repository)
    destination = Destination(git_server.url, "refs/heads/topic", "ada")
    async with snapshot(worktree, extra=Untracked(), message="m") as made:
        with pytest.raises(ForbiddenError) as raised:
            await push(made, destination, token="wrong", show=False)
    assert raised.value.reason == "PUSH_REFUSED"


async def test_a_server_that_is_not_there_is_said_to_be_so(repository: Path) -> None:
    worktree = await Worktree.around(repository)
    destination = Destination("http://127.0.0.1:1/x.git", "refs/heads/topic", "ada")
    async with snapshot(worktree, extra=Untracked(), message="m") as made:
        with pytest.raises(UnavailableError) as raised:
            await push(made, destination, token="t", show=False)
    assert raised.value.reason == "PUSH_UNREACHABLE"
