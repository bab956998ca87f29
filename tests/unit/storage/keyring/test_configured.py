"""agola.storage.keyring.configured, and what the configuration may say."""

import base64
from pathlib import Path

import pytest

from agola.config.load import parse
from agola.config.model import Config, Encryption, EncryptionKey
from agola.core.errors import BadRequestError, InternalError, PreconditionError
from agola.core.keyring import Place
from agola.storage import keyring
from agola.storage.keyring.configured import ConfiguredKeys
from agola.storage.keyring.directory import KeyDirectory

HERE = Place("secret", "id", "value")
MATERIAL = bytes(range(200, 232))
BASE64 = base64.b64encode(MATERIAL).decode()


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.touch(mode)
    path.chmod(mode)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        BASE64,
        f"{BASE64}\n",
        BASE64.rstrip("="),
        base64.urlsafe_b64encode(MATERIAL).decode(),
        MATERIAL.hex(),
        f" {MATERIAL.hex().upper()}\n",
    ],
)
def test_a_key_may_be_base64_or_hexadecimal_in_a_file_or_a_variable(
    tmp_path: Path, text: str
) -> None:
    in_file = EncryptionKey(id="k", file=written(tmp_path / "key", text))
    in_variable = EncryptionKey(id="k", env="KEY")
    one = ConfiguredKeys(Encryption(keys=(in_file,)))
    other = ConfiguredKeys(Encryption(keys=(in_variable,)), {"KEY": text})
    assert other.current().open(one.current().seal("text", HERE), HERE) == "text"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (base64.b64encode(bytes(31)).decode(), "31 bytes"),
        (base64.b64encode(bytes(64)).decode(), "64 bytes"),
        ("", "0 bytes"),
        ("no key at all!", "base64"),
        ("z" * 64, "base64"),
        ("\udcff", "base64"),
    ],
)
def test_what_is_no_key_is_refused_and_not_repeated(text: str, why: str) -> None:
    settings = Encryption(keys=(EncryptionKey(id="k", env="KEY"),))
    with pytest.raises(InternalError) as caught:
        ConfiguredKeys(settings, {"KEY": text or " "})
    assert caught.value.reason == "ENCRYPTION_KEY_UNREADABLE"
    assert why in caught.value.message
    assert "KEY" in caught.value.message
    assert not text or text not in caught.value.message


def test_a_key_that_is_not_there_is_said(tmp_path: Path) -> None:
    for settings in (
        EncryptionKey(id="k", file=tmp_path / "missing"),
        EncryptionKey(id="k", env="MISSING"),
    ):
        with pytest.raises(InternalError) as caught:
            ConfiguredKeys(Encryption(keys=(settings,)), {})
        assert caught.value.reason == "ENCRYPTION_KEY_UNREADABLE"
        assert "issing" in caught.value.message.lower()


def test_a_file_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path / "key", BASE64, 0o644)
    with pytest.raises(InternalError, match="chmod 600") as caught:
        ConfiguredKeys(Encryption(keys=(EncryptionKey(id="k", file=file),)))
    assert BASE64 not in caught.value.message


async def test_the_first_is_current_unless_another_one_is_named() -> None:
    both = (EncryptionKey(id="a", env="A"), EncryptionKey(id="b", env="B"))
    environment = {"A": BASE64, "B": bytes(32).hex()}
    assert ConfiguredKeys(Encryption(keys=both), environment).current().id == "a"
    keys = ConfiguredKeys(Encryption(keys=both, current="b"), environment)
    assert (keys.current().id, keys.managed) == ("b", False)
    assert (await keys.make(instead_of="a")).id == "b"
    with pytest.raises(PreconditionError) as caught:
        await keys.make(instead_of="b")
    assert caught.value.reason == "ENCRYPTION_KEYS_CONFIGURED"
    await keys.remove("a")
    assert keys.find("a") is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{keys: [{id: a, file: /x}, {id: a, env: X}]}", "same id"),
        ("{keys: [{id: a, file: /x}], current: b}", "'b'"),
        ("{keys: [{id: a}]}", "file or the env"),
        ("{keys: [{id: a, file: /x, env: X}]}", "file or the env"),
        ("{keys: [{id: 'a b', file: /x}]}", "letters"),
        ("{current: a}", "'a'"),
        ("{key: []}", "key"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(text: str, said: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse(f"encryption: {text}", source="config.yml")
    assert caught.value.reason == "CONFIG_INVALID"
    assert said in caught.value.message


def test_without_keys_in_the_configuration_there_is_a_directory(tmp_path: Path) -> None:
    assert isinstance(keyring.opening(Config(data_dir=tmp_path)), KeyDirectory)
    file = written(tmp_path / "key", BASE64)
    config = parse(f"encryption: {{keys: [{{id: k, file: {file}}}]}}", source="config.yml")
    assert isinstance(keyring.opening(config), ConfiguredKeys)
