"""Every configuration in examples/server loads."""

from pathlib import Path

import pytest

from agola.config.load import parse, with_addresses
from agola.config.model import EtcdKeyValue, S3Objects

SERVER = Path(__file__).parent.parent.parent / "examples" / "server"


@pytest.mark.parametrize("path", sorted(SERVER.glob("*.yml")), ids=lambda path: path.name)
def test_an_example_loads(path: Path) -> None:
    with_addresses(parse(path.read_text(), source=path.name))


def test_the_services_find_each_other() -> None:
    services = parse((SERVER / "services.yml").read_text(), source="services.yml")
    executor = parse((SERVER / "executor.yml").read_text(), source="executor.yml")
    assert services.runservice.target == executor.runservice.target
    assert isinstance(services.key_value, EtcdKeyValue)
    assert isinstance(services.objects, S3Objects)
