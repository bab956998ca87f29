"""Which components `agola serve` starts."""

import pytest

from agola.cli.serve import COMPONENTS, chosen
from agola.core.errors import BadRequestError


def test_without_a_list_all_components_are_started() -> None:
    assert chosen(None) == COMPONENTS


@pytest.mark.parametrize(
    "names", ["gateway,configstore", " configstore , gateway", "gateway,configstore,"]
)
def test_the_components_of_a_list_are_started_in_the_order_that_they_need(names: str) -> None:
    assert chosen(names) == ("configstore", "gateway")


@pytest.mark.parametrize("names", ["", " ", ",", " , "])
def test_a_list_that_names_none_is_refused(names: str) -> None:
    with pytest.raises(BadRequestError, match="names none; there are configstore, ") as caught:
        chosen(names)
    assert caught.value.reason == "COMPONENT_REQUIRED"


def test_a_component_that_does_not_exist_is_refused() -> None:
    with pytest.raises(BadRequestError, match="no such component: web") as caught:
        chosen("gateway,web")
    assert caught.value.reason == "COMPONENT_UNKNOWN"
