"""What the runservice keeps in the datamanager, as imports check it."""

from operator import attrgetter

from agola.datamanager.port import StoredObject
from agola.maintenance.codec import PlainCodec, noun_check
from agola.maintenance.key_register import ENCRYPTION_KEY, RegisteredKey
from agola.model.run import ArchivedRun
from agola.model.run_config import RunConfig
from agola.services.runservice.store.run_config_record import RUN_CONFIG
from agola.services.runservice.store.run_configs import RUN_COUNTER
from agola.services.runservice.store.run_table import RUN


def runservice_codec() -> PlainCodec:
    """Give the codec of the runservice's records."""
    return PlainCodec(
        {
            RUN: noun_check(ArchivedRun, id_of=attrgetter("run.id")),
            RUN_CONFIG: noun_check(RunConfig),
            RUN_COUNTER: _check_counter,
            ENCRYPTION_KEY: noun_check(RegisteredKey),
        }
    )


def _check_counter(stored: StoredObject) -> None:
    if not stored.data.isdigit():
        raise ValueError("it is no number")
