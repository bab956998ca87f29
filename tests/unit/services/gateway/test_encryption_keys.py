"""EncryptionKeyService of the gateway."""

import pytest

from agola.core.errors import ForbiddenError, NotExistError, PreconditionError
from agola.model.encryption_key import EncryptionKey, Keyring, ServiceRotation
from agola.model.maintenance import MaintainedService
from tests.unit.services.gateway.caller import Caller, Calls
from tests.unit.services.gateway.encryption_keys import KeyFolder
from tests.unit.services.gateway.house import House

CONFIGSTORE, RUNSERVICE = MaintainedService.CONFIGSTORE, MaintainedService.RUNSERVICE


async def rotated(calls: Calls, *, resume: bool = False) -> list[ServiceRotation]:
    return [step async for step in calls.encryption_keys.rotate(resume=resume)]


async def test_an_administrator_sees_the_keys_of_a_service(house: House, calling: Caller) -> None:
    house.runservice_keys.records[:] = ["k1", "k1", ""]
    admin = await calling("admin")
    assert await admin.encryption_keys.keyring(RUNSERVICE) == Keyring(
        keys=(EncryptionKey(id="k1", current=True, records=2),), managed=True, clear_records=1
    )


async def test_a_rotation_makes_one_key_for_services_that_share_them(
    house: House, calling: Caller
) -> None:
    house.runservice_keys.records[:] = ["k1", "", "k1"]
    steps = await rotated(await calling("admin"))
    assert house.runservice_keys.folder.ids == ["k1", "k2"]
    assert house.runservice_keys.records == ["k2"] * 3
    assert {(step.service, step.key_id) for step in steps if step.progress.complete} == {
        (CONFIGSTORE, "k2"),
        (RUNSERVICE, "k2"),
    }
    assert steps[-1].progress.encrypted == 3


async def test_a_rotation_makes_a_key_for_each_of_those_that_do_not(
    house: House, calling: Caller
) -> None:
    house.configstore_keys.folder = KeyFolder("own")
    await rotated(await calling("admin"))
    assert house.configstore_keys.folder.ids == ["own", "k2"]
    assert house.runservice_keys.folder.ids == ["k1", "k2"]


async def test_a_rotation_that_is_resumed_makes_no_key(house: House, calling: Caller) -> None:
    house.runservice_keys.folder.ids.append("k2")
    house.runservice_keys.records[:] = ["k1", "k2"]
    await rotated(await calling("admin"), resume=True)
    assert house.runservice_keys.folder.ids == ["k1", "k2"]
    assert house.runservice_keys.records == ["k2", "k2"]


async def test_keys_that_are_configured_are_taken_as_they_are(
    house: House, calling: Caller
) -> None:
    house.runservice_keys.folder.managed = False
    house.runservice_keys.folder.ids.append("mine")
    house.runservice_keys.records[:] = ["k1"]
    await rotated(await calling("admin"))
    assert house.runservice_keys.folder.ids == ["k1", "mine"]
    assert house.runservice_keys.records == ["mine"]


async def test_a_key_goes_only_when_no_service_uses_it(house: House, calling: Caller) -> None:
    admin = await calling("admin")
    house.runservice_keys.folder.ids.append("k2")
    house.runservice_keys.records[:] = ["k1"]
    with pytest.raises(PreconditionError) as caught:
        await admin.encryption_keys.delete("k1")
    assert caught.value.reason == "ENCRYPTION_KEY_IN_USE"
    assert house.configstore_keys.folder.ids == ["k1", "k2"]
    house.runservice_keys.records[:] = ["k2"]
    await admin.encryption_keys.delete("k1")
    assert house.configstore_keys.folder.ids == ["k2"]
    with pytest.raises(NotExistError) as missing:
        await admin.encryption_keys.delete("k1")
    assert missing.value.reason == "ENCRYPTION_KEY_DOES_NOT_EXIST"


async def test_nobody_else_may_do_any_of_it(calling: Caller) -> None:
    alice = await calling("alice")
    for call in (
        alice.encryption_keys.keyring(RUNSERVICE),
        alice.encryption_keys.delete("k1"),
        rotated(alice),
    ):
        with pytest.raises(ForbiddenError) as caught:
            await call
        assert caught.value.reason == "ADMIN_REQUIRED"
