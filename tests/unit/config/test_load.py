"""agola.config.load."""

from pathlib import Path

import pytest

from agola.config.load import load, next_port, parse, runtime_dir_of
from agola.config.model import (
    Config,
    EtcdKeyValue,
    PosixFlatObjects,
    PostgresDatabase,
    S3Objects,
)
from agola.core.errors import BadRequestError


def loaded(tmp_path: Path, **environment: str) -> Config:
    return load(
        path=None,
        data_dir=tmp_path / "data",
        listen=None,
        environment=environment,
    )


def test_an_empty_file_is_the_default_configuration() -> None:
    assert parse("", source="config.yml") == Config()


def test_drivers_are_chosen_by_name() -> None:
    text = """
key_value: {driver: etcd, endpoints: ["a:2379", "b:2379"]}
database: {driver: postgres, dsn: "host=db"}
"""
    config = parse(text, source="config.yml")
    assert config.key_value == EtcdKeyValue(endpoints=("a:2379", "b:2379"))
    assert config.database == PostgresDatabase(dsn="host=db")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("gatway: {}", "`gatway` - at `$`"),
        ("- gateway", "- at `$`"),
        ("gateway: {listne: x}", "$.gateway"),
        ("executor: {slots: many}", "$.executor.slots"),
        ("key_value: {driver: zookeeper}", "$.key_value"),
        ("gateway: [", "config.yml"),
        ("data_dir: [1]", "path"),
    ],
)
def test_what_is_wrong_is_said_with_its_path(text: str, place: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse(text, source="config.yml")
    assert caught.value.reason == "CONFIG_INVALID"
    assert place in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("slots: 0", "slots is 0: an executor needs room for a task, 1 or more"),
        ("slots: -1", "slots is -1: an executor needs room for a task, 1 or more"),
        ("stop_grace_seconds: -1", "stop_grace_seconds is -1.0: it is 0 or more"),
        ("stop_grace_seconds: .inf", "stop_grace_seconds is inf: it is 0 or more"),
        ("stop_grace_seconds: .nan", "stop_grace_seconds is nan: it is 0 or more"),
    ],
)
def test_an_executor_that_could_not_work_is_refused(setting: str, told: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse(f"executor: {{{setting}}}", source="config.yml")
    assert caught.value.message == f"config.yml: {told} - at `$.executor`"


def test_the_internal_token_is_made_once_and_is_private(tmp_path: Path) -> None:
    first = loaded(tmp_path).internal_token
    assert len(first) >= 43
    assert loaded(tmp_path).internal_token == first
    file = tmp_path / "data" / "internal-token"
    assert file.stat().st_mode & 0o077 == 0
    assert {p.name for p in (tmp_path / "data").iterdir()} <= {"internal-token", "run"}


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    config = loaded(tmp_path, AGOLA_INTERNAL_TOKEN="given", AGOLA_ADMIN_TOKEN="first")
    assert (config.internal_token, config.admin_token) == ("given", "first")


def test_the_keys_of_s3_are_taken_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text("objects: {driver: s3, endpoint: 's3:9000', secure: false, secret_key: old}")
    keys = {"AGOLA_S3_ACCESS_KEY": "id", "AGOLA_S3_SECRET_KEY": "secret"}
    config = load(path=file, data_dir=tmp_path / "data", listen=None, environment=keys)
    assert config.objects == S3Objects(
        endpoint="s3:9000", secure=False, access_key="id", secret_key="secret"
    )


def test_objects_can_be_flat_files() -> None:
    config = parse("objects: {driver: posixflat, path: /srv/agola}", source="config.yml")
    assert config.objects == PosixFlatObjects(path=Path("/srv/agola"))


def test_components_meet_on_sockets_and_git_listens_next_to_the_gateway(tmp_path: Path) -> None:
    config = loaded(tmp_path)
    assert config.runservice.target == f"unix:{config.runtime_dir}/runservice.sock"
    assert config.gitserver.http_url == "http://127.0.0.1:8001"


def test_a_socket_fits_its_path_however_deep_the_data_is(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 40)
    runtime = runtime_dir_of(deep)
    assert len(str(runtime / "configstore.sock")) < 104
    assert runtime_dir_of(deep) == runtime != runtime_dir_of(tmp_path / ("deer" * 40))


def test_a_directory_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(BadRequestError) as caught:
        loaded(tmp_path)
    assert caught.value.reason == "DATA_DIR_UNUSABLE"


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1:999999", "127.0.0.1:65535"])
def test_an_address_without_a_port_that_there_is_is_refused(address: str) -> None:
    with pytest.raises(BadRequestError):
        next_port(address)
