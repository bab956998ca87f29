"""A service that is started on what an export of the original became."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from agola import datamanager
from agola.clients.configstore import UserClient
from agola.clients.runservice import RunClient
from agola.config.model import Config, Internal
from agola.datamanager.port import Action, StoredObject
from agola.model.run_config import RunConfig, RunID
from agola.model.run_query import RunFilter, RunNumber
from agola.rpc.channel import dial
from agola.services.configstore import service as configstore
from agola.services.runservice import service as runservice
from agola.storage import kv, objects
from tests.unit.maintenance.legacy.original import (
    PROJECT,
    TASKS,
    USER,
    conversion,
    entry,
    export,
    group,
    run,
    run_config,
    run_id,
    run_step,
    step_state,
    task_config,
    task_state,
    user,
)

TOKEN = "the-token-of-these-tests"
ROOT = "f0000000-0000-4000-8000-000000000000"
GROUP = f"/project/{PROJECT}"


async def keep(config: Config, component: str, base: str, stored: Sequence[StoredObject]) -> None:
    async with (
        kv.opening(config, component) as keys,
        objects.opening(config, component) as files,
        datamanager.opening(keys, files, base) as data,
    ):
        await data.commit([Action(one.data_type, one.id, one.data) for one in stored])


async def test_runs_can_be_read_and_their_ids_and_numbers_go_on(tmp_path: Path) -> None:
    a, _ = TASKS
    ids = [run_id(number) for number in (1, 2, 31, 32, 33)]
    entries = [run(one, task_state(a, "success", step_state())) for one in ids]
    for number, (_, document) in enumerate(entries, 1):
        document["counter"] = number
    configs = [run_config(one, task_config(a, "build", run_step("s", "true"))) for one in ids]
    stream = export([*entries, *configs]) + entry("runcounter", PROJECT, 5)
    stored, _ = await conversion("runservice", stream)

    with TemporaryDirectory(prefix="agola") as runtime:
        address = Internal(listen=f"unix:{runtime}/s", target=f"unix:{runtime}/s")
        config = Config(data_dir=tmp_path, internal_token=TOKEN, runservice=address)
        await keep(config, "runservice", "rundata", stored)
        async with runservice.serving(config), dial(address.target, token=TOKEN) as channel:
            runs = RunClient(channel)
            numbered = await runs.get_run(RunNumber(root_group=GROUP, counter=3))
            assert numbered.run.id == ids[2]
            assert [task.name for task in numbered.tasks] == ["build"]
            fresh = await runs.create_run(RunConfig(id=RunID(""), name="new", group=GROUP))
            assert fresh.run.counter == 6
            page = await runs.list_runs(RunFilter(group=GROUP), page_size=10)
            assert [one.id for one in page.runs] == [fresh.run.id, *reversed(ids)]


async def test_users_can_log_in_with_the_tokens_that_they_had(tmp_path: Path) -> None:
    stream = export([user(USER, "alice", tokens={"ci": "0123abc"}), group(ROOT, ("user", USER))])
    stored, _ = await conversion("configstore", stream)

    with TemporaryDirectory(prefix="agola") as runtime:
        address = Internal(listen=f"unix:{runtime}/s", target=f"unix:{runtime}/s")
        config = Config(data_dir=tmp_path, internal_token=TOKEN, configstore=address)
        await keep(config, "configstore", "configdata", stored)
        announced: list[str] = []
        async with (
            configstore.serving(config, announce=announced.append),
            dial(address.target, token=TOKEN) as channel,
        ):
            identity = await UserClient(channel).authenticate_token("0123abc")
            assert (identity.user.id, identity.token.name) == (USER, "ci")
