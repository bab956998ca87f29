"""agola.services.gitserver.service: the parts together, as `agola serve` runs them."""

from pathlib import Path

from agola.clients.gitserver import RepositoryClient
from agola.config.load import load
from agola.config.model import Config
from agola.rpc.auth import InternalToken
from agola.rpc.channel import dial
from agola.rpc.server import serving as serving_rpc
from agola.services.gitserver.service import serving
from tests.fakes.user_tokens import FakeUserTokens
from tests.unit.services.gitserver.conftest import PATH, TOKENS, GitClient


def configured(folder: Path) -> Config:
    return load(path=None, data_dir=folder / "data", listen="127.0.0.1:0", environment={})


async def test_a_user_pushes_and_a_clone_step_fetches(tmp_path: Path, work_tree: GitClient) -> None:
    config = configured(tmp_path)
    token = config.internal_token
    async with (
        serving(config),  # before the configstore: it must not need it to start
        serving_rpc(
            [FakeUserTokens(TOKENS).mount()],
            address=config.configstore.listen,
            authenticate=InternalToken(token),
            drain=0,
        ),
        dial(config.gitserver.target, token=token) as channel,
    ):
        client = RepositoryClient(channel)
        repository = await client.get_repository(PATH)
        as_user = repository.push_url.replace("://", "://x:alices-token@")
        await work_tree.ok("push", as_user, "HEAD:refs/heads/main")
        commit = await client.get_commit(PATH, ref="refs/heads/main")
        login = f"{repository.clone_username}:{repository.clone_password}"
        as_step = repository.clone_url.replace("://", f"://{login}@")
        await work_tree.ok("clone", "--quiet", as_step, tmp_path / "clone")
        assert await GitClient(tmp_path / "clone").ok("rev-parse", "HEAD") == commit.sha
        wrong = repository.push_url.replace("://", "://x:wrong@")
        assert "Authentication failed" in (await work_tree("ls-remote", wrong)).errors


async def test_pushes_survive_a_restart(tmp_path: Path, work_tree: GitClient) -> None:
    config = configured(tmp_path)
    token = config.internal_token
    async with serving_rpc(
        [FakeUserTokens(TOKENS).mount()],
        address=config.configstore.listen,
        authenticate=InternalToken(token),
        drain=0,
    ):
        for refs in (["refs/heads/first"], ["refs/heads/first", "refs/heads/second"]):
            async with serving(config), dial(config.gitserver.target, token=token) as channel:
                repository = await RepositoryClient(channel).get_repository(PATH)
                url = repository.push_url.replace("://", "://x:alices-token@")
                await work_tree.ok("push", url, f"HEAD:{refs[-1]}")
                listed = await work_tree.ok("ls-remote", "--heads", url)
            assert [line.split("\t")[1] for line in listed.splitlines()] == refs
